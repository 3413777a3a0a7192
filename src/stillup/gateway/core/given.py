"""What the client was given of a streamed answer, kept as it went out until somebody needs to know what it says."""

from __future__ import annotations

from collections.abc import Callable

from stillup.gateway.dialects.dialect import Writer

_FOLD_BYTES = 64 * 1024
"""So much is kept as bytes; then it is read, and what it says is kept instead, which is a thirtieth of it."""
_MOST_BYTES = 64 * 1024 * 1024
"""Nobody is told so long a story to go on with; what never ends must not fill the memory."""


class Given:
    """Bytes of the client's own dialect. In health this is one list that grows; nothing is read."""

    __slots__ = ("_folded", "_kept", "_make", "_size", "_writer", "is_lost")

    def __init__(self, make: Callable[[], Writer]) -> None:
        self._make = make
        self._writer: Writer | None = None
        self._kept: list[bytes] = []
        self._size = self._folded = 0
        self.is_lost = False
        """It was too long to be kept: nobody can go on with it."""

    def passed(self, data: bytes) -> None:
        """These whole events went to the client as they came from an upstream."""
        if self.is_lost:
            return
        self._kept.append(data)
        self._size += len(data)
        if self._size > _FOLD_BYTES:
            self._folded += self._size
            self._fold()
            if self._folded > _MOST_BYTES:
                self.is_lost, self._writer = True, None

    def written_by(self, writer: Writer) -> None:
        """All that goes to the client is written, from here on, and this is what writes it."""
        self._writer = writer

    def writer(self) -> Writer:
        """What knows all that the client has, and can go on from there."""
        return self._fold()

    def _fold(self) -> Writer:
        writer = self._writer
        if writer is None:
            writer = self._writer = self._make()
        if self._kept:
            writer.absorb(b"".join(self._kept))
            self._kept, self._size = [], 0
        return writer
