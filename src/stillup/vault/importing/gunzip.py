"""A gzip file as if it was not packed: read from any place, at the cost of a few megabytes unpacked once more."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, BinaryIO

from msgspec import Struct

from stillup.vault.importing.bounds import MIB, UNPACKED_FLOOR_BYTES, UNPACKED_RATIO, said
from stillup.vault.importing.bundle import Unreadable

MAGIC = b"\x1f\x8b"
DAMAGED = "The archive is damaged here."
_STEP_BYTES = 65_536
_GZIP = 16 + zlib.MAX_WBITS
_PLACES = 64
"""So many places are remembered to go on from; each takes some 50 kB."""


class Place(Struct, frozen=True, gc=False):
    """Unpacked up to ``at``; ``file_at`` is where the file goes on."""

    at: int
    file_at: int
    inflate: Any
    rest: bytes


class Gunzip:
    """Raises Unreadable for a bomb, and where the file is damaged; where it is cut off, it ends."""

    def __init__(self, file: BinaryIO, places: Sequence[Place] = ()) -> None:
        self._file = file
        self._every = 4 * MIB
        self._places = list(places) or [Place(0, 0, zlib.decompressobj(_GZIP), b"")]
        self._go(self._places[0])

    @property
    def places(self) -> tuple[Place, ...]:
        """Where another reader of the same file may go on from."""
        return tuple(self._places)

    def _go(self, place: Place) -> None:
        self._at, self._file_at, self._rest = place.at, place.file_at, place.rest
        self._inflate = place.inflate.copy()
        self._since = (self._at, self.packed_at)

    @property
    def packed_at(self) -> int:
        """How much of the file was needed for what was read."""
        return self._file_at - len(self._rest)

    def seek(self, at: int) -> None:
        """Go to a byte of what is unpacked, or to its end."""
        near = self._places[bisect_right(self._places, at, key=lambda place: place.at) - 1]
        if at < self._at or near.at > self._at:
            self._go(near)
        while self._at < at and self.read(min(at - self._at, _STEP_BYTES)):
            pass

    def read(self, most: int) -> bytes:
        """Some bytes, none at the end."""
        try:
            data = self._next(min(most, _STEP_BYTES))
        except zlib.error as failed:
            raise Unreadable(DAMAGED) from failed
        self._at += len(data)
        self._refuse_bomb()
        if data and self._at >= self._places[-1].at + self._every:
            self._remember()
        return data

    def _next(self, most: int) -> bytes:
        while True:
            packed = self._rest
            if not packed:
                self._file.seek(self._file_at)
                packed = self._file.read(_STEP_BYTES)
                self._file_at += len(packed)
            if not packed or (self._inflate.eof and not packed.startswith(MAGIC)):  # what is behind it is padding
                self._rest = packed
                return b""
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP)
            self._rest = b""
            data: bytes = self._inflate.decompress(packed, most)
            self._rest = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if data:
                return data

    def _remember(self) -> None:
        self._places.append(Place(self._at, self._file_at, self._inflate.copy(), self._rest))
        if len(self._places) > _PLACES:
            del self._places[1::2]
            self._every *= 2

    def _refuse_bomb(self) -> None:
        """However much of what is real stands before it."""
        at, packed_at = self._since
        if self._at - at <= UNPACKED_FLOOR_BYTES:
            return
        if self._at - at > (self.packed_at - packed_at) * UNPACKED_RATIO:
            unpacked, packed = said(self._at - at), said(self.packed_at - packed_at)
            msg = f"It would unpack from {packed} to {unpacked} and more: that is a bomb."
            raise Unreadable(msg)
        self._since = (self._at, self.packed_at)
