"""What pieces are called, without working it out again for those that came a moment ago."""

from __future__ import annotations

from stillup.gateway.journal.records import digest

_MOST_BYTES = 8 * 1024 * 1024
_EACH_BYTES = 200
"""What the table itself takes for a piece, about."""


class Names:
    """Remembers the last pieces, 8 MB at most: looking one up takes a quarter of the time of hashing it safely.

    An agent sends its whole history again with every turn, so that nearly all pieces are known ones. Full, it begins
    anew: forgetting costs one turn a little more time.
    """

    __slots__ = ("_bytes", "_known")

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self._bytes = 0

    def name(self, piece: bytes) -> bytes:
        """The piece's name, always that of :func:`~stillup.gateway.journal.records.digest`."""
        name = self._known.get(piece)
        if name is not None:
            return name
        name = digest(piece)
        size = len(piece) + _EACH_BYTES
        if size <= _MOST_BYTES:
            if self._bytes + size > _MOST_BYTES:
                self._known.clear()
                self._bytes = 0
            self._known[piece] = name
            self._bytes += size
        return name
