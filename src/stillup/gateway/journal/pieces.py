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
_MOST_PIECES = 10_000
"""So is one of more: each has a name to be made and remembered, on the way of all other requests."""
_MOST_PLACES = 64
"""How many times a key's name may occur before its value is looked for no further."""

_LISTS = ("messages", "contents")
_WHOLE = ("input", "system", "instructions", "systemInstruction", "system_instruction", "tools")
_VALUE = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_ITEMS = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*")
_BETWEEN = re.compile(rb"[ \t\r\n,]*")
_BRACKET, _COMMA, _SPACE = b"["[0], b","[0], b" "[0]
_items = msgspec.json.Decoder(list[Raw]).decode

Span = tuple[int, int]


class _Shape(Struct):
    messages: list[Raw] = []
    contents: list[Raw] = []
    input: Raw = Raw()
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
    return (_apart(spans) or whole) if len(spans) <= _MOST_PIECES else whole


def _spans(body: bytes, shape: _Shape) -> list[Span]:
    found: list[Span] = []
    for name in _LISTS:
        found += _each(body, name, getattr(shape, name))
    for name in _WHOLE:
        value = memoryview(getattr(shape, name))
        if len(value) < SMALLEST:
            continue
        if name == "input" and value[0] == _BRACKET:
            found += _each(body, name, _items(value))
        else:
            at = _place(body, name, _VALUE, value)
            if at is not None:
                found.append((at, at + len(value)))
    return found


def _place(body: bytes, name: str, opening: re.Pattern[bytes], value: Raw | memoryview) -> int | None:
    """Where the value of a top-level key, or its first item, begins: the first place that looks like it."""
    key, head = b'"%b"' % name.encode(), bytes(memoryview(value)[:SMALLEST])
    at = body.find(key)
    for _ in range(_MOST_PLACES):
        if at < 0:
            return None
        opened = opening.match(body, at + len(key))
        if opened and body.startswith(head, opened.end()):
            return opened.end()
        at = body.find(key, at + 1)
    return None


def _each(body: bytes, name: str, items: list[Raw]) -> list[Span]:
    """The items of a list, found by their lengths."""
    at = _place(body, name, _ITEMS, items[0]) if items else None
    if at is None:
        return []
    spans = []
    for item in items:
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
