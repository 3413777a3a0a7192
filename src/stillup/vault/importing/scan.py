"""Objects in a JSON file of any size, one by one: those of an array, of several, or of one after the other.

Only where objects begin and end is looked at, which is several times as quick as to parse; what is in between is for
a real decoder. It also tells where most objects end, by what it says of the comma behind them; brackets are counted
here where it cannot: in what is no JSON, and in what is large. Memory is bounded, whatever the file holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Raw, Struct

from stillup.vault.importing.bounds import CHUNK_BYTES, ITEM_BYTES, ITEM_WEIGHT_BYTES, STRING_BYTES, said

CUT = "\0stillup: too long\0"
"""Stands in an item in the place of a string that was too long."""
CUT_JSON = b"\\u0000stillup: too long\\u0000"

_HEAD_BYTES = 4096
_PLAIN = rb'[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_INNER = rb"[{\[](?:" + _PLAIN + rb")*+[}\]]"
_TO_BRACKET = re.compile(rb"(?:" + _PLAIN + rb"|[{\[](?:" + _PLAIN + rb"|" + _INNER + rb")*+[}\]])*+", re.DOTALL)
"""Over everything that is whole (strings, and what is nested up to twice), up to a bracket or a string that is not.

What it passes over the regular expression engine does; each bracket it stops at costs a turn of a Python loop.
"""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_BETWEEN = re.compile(rb"[\s,\[\]]*+")
_OPENS, _CLOSES, _QUOTE, _BACKSLASH = b"{[", b"}]", ord('"'), b"\\"
_WHOLE_BYTES = 4 * CHUNK_BYTES
"""Of a longer object the brackets are counted: it would be walked again with each chunk that comes."""
_walk = msgspec.json.Decoder(Raw).decode
_BEHIND = re.compile(r"trailing characters \(byte (\d+)\)")
_PART_BYTES = 80
"""What Python takes for a value, besides its text; an object or array counts three times."""
_LIGHT_BYTES = ITEM_WEIGHT_BYTES // _PART_BYTES // 2
"""What is shorter cannot have too many."""


class Item(Struct, frozen=True, kw_only=True):
    """One object: ``raw``, or why there is none. ``start`` and ``end`` are its bytes; ``head`` begins a lost one."""

    start: int
    end: int
    raw: bytes = b""
    why: str = ""
    head: bytes = b""


def items(read: Callable[[int], bytes], start: int = 0) -> Iterator[Item]:
    """All objects, in order; ``read`` goes on from byte ``start`` of the file, which is not within one."""
    scan = _Scan(start)
    while chunk := read(CHUNK_BYTES):
        yield from scan.feed(chunk)
    yield from scan.finish()


class _Scan:
    """Where the scan stands: between objects (depth 0), in one, or in a string of one."""

    __slots__ = (
        "_at",
        "_depth",
        "_head",
        "_is_last",
        "_is_lost",
        "_junk",
        "_kept",
        "_parts",
        "_rest",
        "_start",
        "_string",
        "_string_bytes",
    )

    def __init__(self, start: int) -> None:
        self._at = start  # of the first byte that has not been looked at
        self._rest = b""
        self._depth = self._kept = self._string_bytes = self._start = 0
        self._parts: list[bytes] = []
        self._string: list[bytes] | None = None
        self._head = b""
        self._is_lost = self._is_last = False
        self._junk = -1

    def feed(self, chunk: bytes) -> Iterator[Item]:
        data, self._rest = self._rest + chunk, b""
        at, base = 0, self._at
        while at < len(data):
            if self._string is not None:
                at = self._on_in_string(data, at)
            elif self._depth == 0:
                at = self._to_object(data, at, base)
                if self._depth and self._junk >= 0:
                    yield Item(start=self._junk, end=self._start, why="This is no JSON.")
                    self._junk = -1
                if self._depth and (end := self._whole(data, at - 1)):
                    at = end
                    yield self._done(base + at)
            else:
                at = self._on(data, at)
                if self._depth == 0:
                    yield self._done(base + at)
            if self._rest:
                break
        self._at = base + len(data) - len(self._rest)

    def finish(self) -> Iterator[Item]:
        self._is_last = True
        if self._rest and not self._depth:
            yield from self.feed(b"")
        if self._depth:
            why = "The file ends in the middle of it: it was cut off."
            yield Item(start=self._start, end=self._at, why=why, head=self._head or b"".join(self._parts)[:_HEAD_BYTES])
        elif self._junk >= 0:
            yield Item(start=self._junk, end=self._at, why="This is no JSON.")

    def _to_object(self, data: bytes, at: int, base: int) -> int:
        found = data.find(b"{", at)
        end = found if found >= 0 else len(data)
        between = _BETWEEN.match(data, at, end)
        if between is not None and between.end() < end and self._junk < 0:
            self._junk = base + between.end()
        if found >= 0:
            self._start, self._depth = base + found, 1
            self._is_lost, self._kept, self._head = False, 1, b""
            self._parts = [b"{"]
            return found + 1
        return end

    def _whole(self, data: bytes, start: int) -> int:
        """Where the object ends that begins there; 0 where that is not seen yet, or its brackets are to be counted."""
        end = _end_of(data, start)
        if end > 0:
            self._depth, self._parts = 0, [data[start:end]]
        elif end == 0 and not self._is_last and len(data) - start < _WHOLE_BYTES:
            self._depth, self._parts, self._rest = 0, [], data[start:]
        return max(end, 0)

    def _on(self, data: bytes, at: int) -> int:
        """On to the object's end, or as far as there is data."""
        begin, find = at, _TO_BRACKET.match
        depth = self._depth
        while True:
            matched = find(data, at)
            at = matched.end() if matched else at
            if at >= len(data):
                break
            byte = data[at]
            at += 1
            if byte in _OPENS:
                depth += 1
            elif byte == _QUOTE:
                self._string, self._string_bytes = [], 0
                break
            else:
                depth -= 1
                if depth == 0:
                    break
        self._depth = depth
        self._keep(data[begin:at])
        return at

    def _on_in_string(self, data: bytes, at: int) -> int:
        matched = _IN_STRING.match(data, at)
        end = matched.end() if matched else at
        strings = self._string if self._string is not None else []
        if end > at:
            self._string_bytes += end - at
            if self._string_bytes <= STRING_BYTES:
                strings.append(data[at:end])
            else:
                strings.clear()
        if end >= len(data):
            return end
        if data[end : end + 1] == _BACKSLASH:  # what it escapes comes with the next chunk
            self._rest = data[end:]
            return end
        self._string = None
        is_long = self._string_bytes > STRING_BYTES
        self._keep(CUT_JSON + b'"' if is_long else b"".join(strings) + b'"')
        return end + 1

    def _keep(self, data: bytes) -> None:
        self._kept += len(data)
        if self._is_lost:
            return
        self._parts.append(data)
        if self._kept > ITEM_BYTES:
            self._head = b"".join(self._parts)[:_HEAD_BYTES]
            self._is_lost = True
            self._parts = []

    def _done(self, end: int) -> Item:
        start, parts = self._start, self._parts
        self._parts = []
        if self._is_lost:
            why = f"It is {said(end - start)} long; at most {said(ITEM_BYTES)} are read at once."
            return Item(start=start, end=end, why=why, head=self._head)
        raw = b"".join(parts)
        if len(raw) > _LIGHT_BYTES and (parts_here := _parts_in(raw)) * _PART_BYTES > ITEM_WEIGHT_BYTES:
            why = f"It is made of more than {parts_here:,} parts, which no conversation is."
            return Item(start=start, end=end, why=why, head=raw[:_HEAD_BYTES])
        return Item(start=start, end=end, raw=raw)


def _end_of(data: bytes, start: int) -> int:
    """Where the JSON object ends that begins there; 0 where the data ends before it, -1 where it is none."""
    try:
        _walk(memoryview(data)[start:])
    except msgspec.DecodeError as says:
        if behind := _BEHIND.search(str(says)):
            return data.rindex(b"}", start, start + int(behind[1]) - 1) + 1
        return 0 if "truncated" in str(says) else -1
    except RecursionError:
        return -1
    return data.rindex(b"}", start) + 1


def _parts_in(raw: bytes) -> int:
    """How many values there are in it, about; brackets and commas within strings are left out where it matters."""
    count = _marks(raw, 0, len(raw))
    if count * _PART_BYTES <= ITEM_WEIGHT_BYTES:
        return count
    count = at = 0
    for string in _STRING.finditer(raw):
        count += _marks(raw, at, string.start())
        at = string.end()
        if count * _PART_BYTES > ITEM_WEIGHT_BYTES:
            return count
    return count + _marks(raw, at, len(raw))


def _marks(raw: bytes, start: int, end: int) -> int:
    brackets = raw.count(b"{", start, end) + raw.count(b"[", start, end)
    return 3 * brackets + raw.count(b",", start, end) + raw.count(b":", start, end)
