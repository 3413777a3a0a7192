"""JSON as clients read it: what the quick decoder refuses is looked at once more before it is called broken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec
from msgspec import Raw

T = TypeVar("T", bound=msgspec.Struct)

NULL = Raw(b"null")
"""What stands for a part that is absent: msgspec has no optional raw values."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises at bytes it does not like."""
as_object = msgspec.json.Decoder(dict[str, Raw]).decode
as_list = msgspec.json.Decoder(list[Raw]).decode
as_string = msgspec.json.Decoder(str).decode
"""Values of one kind, what is in them as it is written. They raise what is unreadable."""
_MOST_BRACKETS = 200_000
"""A million tokens of code have half of that; to build a value for each takes a second or two."""


_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class NoJson(ValueError):
    """The bytes are no JSON, or nested deeper than anyone writes by hand."""


def is_crowded(data: bytes) -> bool:
    """Whether there may be more lists and objects in it than any model is asked with: nobody waits for such a body.

    Those in texts count too, as nothing is decoded for it.
    """
    return data.count(b"{") + data.count(b"[") > _MOST_BRACKETS


def plain(data: bytes) -> object:
    """The value as dicts and lists. Raises NoJson.

    msgspec refuses half a surrogate pair in an escape, which JavaScript writes for text cut inside an emoji and
    which every other reader takes.
    """
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        pass
    try:
        return json.loads(data.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as refused:
        msg = "no JSON"
        raise NoJson(msg) from refused


def read(decode: Callable[[bytes], T], data: bytes, shape: type[T]) -> T:
    """``decode(data)``, or what ``shaped`` makes of it."""
    try:
        return decode(data)
    except UNREADABLE:
        return shaped(data, shape)


def shaped(data: bytes, shape: type[T]) -> T:
    """The value in ``shape``; an empty one when it is JSON of another shape. Raises NoJson."""
    # Which half of a pair is missing does not matter here: nobody sees what is read.
    whole = _SURROGATE.sub(rb"\\ufffd", data)
    try:
        data.decode()
        try:
            return msgspec.json.decode(whole, type=shape, strict=False)
        except msgspec.ValidationError:
            msgspec.json.decode(whole)
            return shape()
    except UNREADABLE as refused:
        msg = "no JSON"
        raise NoJson(msg) from refused


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
