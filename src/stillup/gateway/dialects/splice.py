"""Changes at the top level of a JSON body that leave every other byte as it was, where that can be done safely."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.dialects.lenient import UNREADABLE, as_object, plain, read

_KEY = b'"model"'
_WINDOW = 64 * 1024
_MAX_TRIES = 4
_SPACE = b" \t\r\n"


class _Model(Struct, gc=False):
    model: str = ""


_model = msgspec.json.Decoder(_Model).decode


def members(body: bytes) -> dict[str, Raw]:
    """The members of the object ``body``, their values as they are written. Raises NoJson."""
    try:
        return as_object(body)
    except UNREADABLE:
        value = plain(body)
    items = value.items() if isinstance(value, dict) else ()
    return {str(key): Raw(json.dumps(inner).encode()) for key, inner in items}


def with_model(body: bytes, model: str) -> bytes:
    """``body`` asking for ``model``; no other byte changes. Raises NoJson.

    The value is replaced where it stands, and the result is read again to see that it was the right place. Where none
    of a few places is right, the top level is written anew from its raw values. Cost: two passes over the body.
    """
    value = msgspec.json.encode(model)
    old = read(_model, body, _Model).model
    if old == model:
        return body
    if not old and _KEY not in body:
        return _inserted(body, value)
    old_value = msgspec.json.encode(old)
    view = memoryview(body)  # a slice of bytes would copy a large body once more
    for at in islice(_spots(body, old_value), _MAX_TRIES):
        spliced = b"".join((view[:at], value, view[at + len(old_value) :]))
        if read(_model, spliced, _Model).model == model:
            return spliced
    return msgspec.json.encode({**members(body), "model": Raw(value)})


def _spots(body: bytes, value: bytes) -> Iterator[int]:
    """Where ``value`` stands behind a key ``"model"``, at any depth; the likely ends of a large body first."""
    size = len(body)
    tail = max(size - _WINDOW, _WINDOW)
    for begin, end in ((0, _WINDOW), (tail, size), (_WINDOW, tail)):
        at = body.find(_KEY, begin, end)
        while at >= 0:
            spot = _skip(body, at + len(_KEY))
            if body[spot : spot + 1] == b":":
                spot = _skip(body, spot + 1)
                if body.startswith(value, spot):
                    yield spot
            at = body.find(_KEY, at + len(_KEY), end)


def _skip(body: bytes, at: int) -> int:
    while at < len(body) and body[at] in _SPACE:
        at += 1
    return at


def _inserted(body: bytes, value: bytes) -> bytes:
    brace = body.index(b"{") + 1
    rest = body[brace:].lstrip()
    comma = b"" if rest.startswith(b"}") else b","
    return b"".join((body[:brace], b'"model":', value, comma, rest))
