"""The number of a message: its time first, so that "newest first" is the order in which the index is read backwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_ROOM_BITS = 6
_MOST_KNOWN = 1_000
_MOST_S = 1 << 40
"""Some 34,000 years: whatever a file says, the number stays one."""


def base_of(at_s: float) -> int:
    """The least number of a message of that second."""
    second = int(at_s) if 0 <= at_s < _MOST_S else 0
    return second << _ROOM_BITS


class Ordinals:
    """Gives out numbers that are free. A second has room for 64; more than those reach into the seconds behind it."""

    def __init__(self, db: Any) -> None:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
        self._db = db
        self._next: dict[int, int] = {}
        self._known = range(0)
        self._taken: set[int] = set()

    def look(self, times_s: Sequence[float]) -> None:
        """Look up at once what is taken between these times, for messages of them that come next."""
        if not times_s:
            return
        low, high = base_of(min(times_s)), base_of(max(times_s)) + (1 << _ROOM_BITS)
        wanted = "SELECT n FROM message WHERE n >= ? AND n < ? LIMIT ?"
        self._taken = {n for (n,) in self._db.execute(wanted, (low, high, _MOST_KNOWN))}
        self._known = range(low, high) if len(self._taken) < _MOST_KNOWN else range(0)

    def take(self, at_s: float) -> int:
        """A number that no message has."""
        base = base_of(at_s)
        number = self._next.get(base, base)
        step = 1
        while self._is_taken(number):  # in doubling steps: a million without a time were all imported in one second
            number += step
            step *= 2
        self._next[base] = number + 1
        self._taken.add(number)
        return number

    def _is_taken(self, number: int) -> bool:
        if number in self._taken:
            return True
        return (
            number not in self._known
            and self._db.execute("SELECT 1 FROM message WHERE n = ?", (number,)).fetchone() is not None
        )
