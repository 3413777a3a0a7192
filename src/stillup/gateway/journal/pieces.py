"""Where a request's body can be cut so that what an agent sends again with every turn is stored once.

The cut never decides what is read back: whatever the spans are, literals and blobs put together are the body, byte for
byte. It only decides how much is stored twice.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw, Struct

SMALLEST = 64
"""Shorter pieces stay where they are: a reference costs as much."""
_LARGE = 1_048_576
_MOST_COMMAS = 1_000_000
"""A large body of more is a list of numbers or made to hurt: it is one piece."""
_MOST_PLACES = 64
"""How many times a key's name may occur before its value is looked for no further."""

_LISTS = ("messages", "input", "contents")
_WHOLE = ("system", "instructions", "systemInstruction", "system_instruction", "tools")
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_BETWEEN = re.compile(rb"[ \t\r\n,]*")
_BRACKET, _COMMA, _SPACE = b"["[0], b","[0], b" "[0]
_items = msgspec.json.Decoder(list[Raw]).decode

Span = tuple[int, int]


class _Shape(Struct):
    messages: Raw = Raw()
    input: Raw = Raw()
    contents: Raw = Raw()
    system: Raw = Raw()
    instructions: Raw = Raw()
    systemInstruction: Raw = Raw()  # noqa: N815 - the wire's names
    system_instruction: Raw = Raw()
    tools: Raw = Raw()


_shape = msgspec.json.Decoder(_Shape).decode


def cut(body: bytes) -> list[Span]:
    """The pieces worth a name of their own, in order and apart; the whole body where its shape is not known."""
    if len(body) < SMALLEST:
        return []
    whole = [(0, len(body))]
    if len(body) > _LARGE and body.count(b",") > _MOST_COMMAS:
        return whole
    try:
        spans = _spans(body, _shape(body))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, IndexError):  # the last: a place was a wrong one
        return whole
    return _apart(spans) or whole


def _spans(body: bytes, shape: _Shape) -> list[Span]:
    found: list[Span] = []
    for name in _LISTS:
        value = memoryview(getattr(shape, name))
        if len(value) >= SMALLEST:
            at = _place(body, name, value)
            if at is not None:
                found += _each(body, at, value) if value[0] == _BRACKET else [(at, at + len(value))]
    for name in _WHOLE:
        value = memoryview(getattr(shape, name))
        if len(value) >= SMALLEST:
            at = _place(body, name, value)
            if at is not None:
                found.append((at, at + len(value)))
    return found


def _place(body: bytes, name: str, value: memoryview) -> int | None:
    """Where the value of a top-level key begins: the first place that looks like it."""
    key, head = b'"%b"' % name.encode(), bytes(value[:SMALLEST])
    at = body.find(key)
    for _ in range(_MOST_PLACES):
        if at < 0:
            return None
        colon = _COLON.match(body, at + len(key))
        if colon and body.startswith(head, colon.end()):
            return colon.end()
        at = body.find(key, at + 1)
    return None


def _each(body: bytes, at: int, value: memoryview) -> list[Span]:
    """The items of the list that begins at ``at``."""
    spans = []
    at += 1
    for item in _items(value):
        if body[at] == _COMMA:
            at += 1
        if body[at] <= _SPACE:
            at = _BETWEEN.match(body, at).end()  # type: ignore[union-attr]  # it matches nothing too
        size = len(memoryview(item))
        if size >= SMALLEST:
            spans.append((at, at + size))
        at += size
    return spans


def _apart(spans: list[Span]) -> list[Span]:
    spans.sort()
    kept: list[Span] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            kept.append((start, stop))
            end = stop
    return kept
