"""What a dialect's reader of requests shares with the others: typed JSON with the place of what does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import UNREADABLE, NoJson, has_many_halves, plain

T = TypeVar("T")

_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_MAX_SAID = 200


def typed(decode: Callable[[bytes], T], data: bytes, where: str = "") -> T:
    """``data`` in the shape that ``decode`` wants. Raises NoJson, or Untranslatable with the place that does not fit.

    ``where`` is where ``data`` stands in the body; nowhere: it is all of it, and must be UTF-8 also in the parts that
    are kept as they are, into which ``decode`` does not look. Half a surrogate pair, which JavaScript writes for text
    cut inside an emoji, becomes U+FFFD.
    """
    if not where and not _is_text(bytes(data)):
        msg = "no JSON"
        raise NoJson(msg)
    try:
        return decode(data)
    except msgspec.ValidationError as refused:
        raise _misfit(refused, where) from refused
    except UNREADABLE:
        pass
    try:
        return decode(mended(data))
    except msgspec.ValidationError as refused:
        raise _misfit(refused, where) from refused
    except UNREADABLE as refused:
        msg = "no JSON"
        raise NoJson(msg) from refused


def _is_text(data: bytes) -> bool:
    try:
        return data.isascii() or bool(data.decode())
    except UnicodeDecodeError:
        return False


def mended(data: bytes) -> bytes:
    """The same JSON such that msgspec reads it: half a surrogate pair is U+FFFD. Raises NoJson."""
    if has_many_halves(data):
        msg = "no JSON: too many halves of surrogate pairs"
        raise NoJson(msg)
    try:
        text = json.dumps(plain(bytes(data)), ensure_ascii=False, allow_nan=False)  # 1e400 is read as infinity
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    except (ValueError, RecursionError) as refused:
        msg = "no JSON"
        raise NoJson(msg) from refused


def _misfit(refused: msgspec.ValidationError, where: str) -> Untranslatable:
    """The library names types and places, and of the body nothing but a member's name."""
    text = str(refused)
    at = _AT.search(text)
    said = text[: at.start()] if at else text
    inner = at[1] if at else ""
    place = f"{where}.{inner}" if where and inner and not inner.startswith("[") else where + inner
    return Untranslatable(f"{place or 'the body'}: {said[:1].lower()}{said[1:]}"[:_MAX_SAID])
