"""Changes at the top level of a JSON body that leave every other byte as it was, where that can be done safely."""

from __future__ import annotations

import json
import re

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.dialects.lenient import NULL, UNREADABLE, plain

_MODEL = re.compile(rb'(?<!\\)"model"[ \t\r\n]*:[ \t\r\n]*')


class _Model(Struct, gc=False):
    model: Raw = NULL


_model = msgspec.json.Decoder(_Model).decode
_members = msgspec.json.Decoder(dict[str, Raw]).decode


def members(body: bytes) -> dict[str, Raw]:
    """The members of the object ``body``, their values as they are written. Raises NoJson."""
    try:
        return _members(body)
    except UNREADABLE:
        value = plain(body)
    return (
        {str(key): Raw(json.dumps(inner).encode()) for key, inner in value.items()} if isinstance(value, dict) else {}
    )


def with_model(body: bytes, model: str) -> bytes:
    """``body`` asking for ``model``; no other byte changes.

    The value is replaced where it stands when ``"model"`` with just this value is found once; a nested member or a
    text that looks the same makes it twice, and then the top level is written anew from its raw values.
    """
    value = msgspec.json.encode(model)
    try:
        old = bytes(_model(body).model)
    except UNREADABLE:
        old = b""
    if old == b"null" and b'"model"' not in body:
        return _inserted(body, value)
    if old:
        ends = [found.end() for found in _MODEL.finditer(body) if body.startswith(old, found.end())]
        if len(ends) == 1:
            return b"".join((body[: ends[0]], value, body[ends[0] + len(old) :]))
    return msgspec.json.encode({**members(body), "model": Raw(value)})


def _inserted(body: bytes, value: bytes) -> bytes:
    brace = body.index(b"{") + 1
    rest = body[brace:].lstrip()
    comma = b"" if rest.startswith(b"}") else b","
    return b"".join((body[:brace], b'"model":', value, comma, rest))
