"""A JSON array that comes in parts: where its elements end, found without reading what is in them."""

from __future__ import annotations

import re

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


class BadArray(ValueError):
    """The bytes are no array."""


class Elements:
    """Cuts an array behind each element. ``held`` is what is not yet whole; ``closed``: the array has ended."""

    __slots__ = ("_at", "_depth", "_in_text", "closed", "held")

    def __init__(self) -> None:
        self.held = bytearray()
        self.closed = False
        self._at = 0
        self._depth = 0
        self._in_text = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The parts that are whole now: each an element with the bracket or comma before it, or the last bracket.

        Put together they are what came. Raises BadArray.
        """
        self.held += chunk
        if self.closed:
            return []
        if self._depth == 0 and bytes(self.held[:64]).lstrip()[:1] not in {b"[", b""}:
            msg = "the stream is no JSON array"
            raise BadArray(msg)
        ends = self._scan(bytes(self.held[self._at :]), self._at)
        pieces = []
        begin = 0
        for end in ends:
            pieces.append(bytes(self.held[begin:end]))
            begin = end
        del self.held[:begin]
        self._at -= begin
        return pieces

    def _scan(self, new: bytes, offset: int) -> list[int]:
        """Walk over what was not looked at yet; the offsets in ``held`` where a part ends."""
        ends = []
        at = 0
        while at < len(new):
            found = (_INSIDE if self._in_text else _OUTSIDE).search(new, at)
            if found is None:
                at = len(new)
                break
            sign = found[0]
            at = found.end()
            if sign == b"\\":
                if at == len(new):
                    at -= 1  # what it escapes has not come yet
                    break
                at += 1
            elif sign == b'"':
                self._in_text = not self._in_text
            elif sign in b"{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 1 and sign == b"}":
                    ends.append(offset + at)
                elif self._depth <= 0:
                    self.closed = True
                    ends.append(offset + at)
                    break
        self._at = offset + at
        return ends
