"""Who may again, and when: leaky buckets of ever so many in a table of fixed size.

A bucket is one number, the moment when it will be empty again (the *generic cell rate algorithm*, ITU-T I.371): one
that is empty says nothing and need not be kept. The table is set-associative: a hash has eight places and no others.
When they are taken, the one that will be empty soonest makes room.

The error is on one side. Whoever is forgotten begins with an empty bucket, so somebody may do more than they might,
never less: nobody is turned away for what another one did, but for two hashes of 64 bits that are equal. And it is
fair: only eight others of the same place that owe as much or more push one out, so a flood of strangers who come once
does not wash out those who came too often.
"""

from __future__ import annotations

from array import array
from typing import NoReturn

WAYS = 8


class Debts:
    """Until when each of some hashes (64 bits, not 0) owes; sixteen bytes each, none before the first is noted."""

    __slots__ = ("_keys", "_mask", "_until")

    def __init__(self, entries: int) -> None:
        sets = max(1, entries // WAYS)
        if sets & (sets - 1):
            msg = f"{entries} is not a power of two"
            raise ValueError(msg)
        self._mask = sets - 1
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._keys = array("Q")
        self._until = array("d")

    def until(self, key: int) -> float:
        """When this one's bucket is empty; 0 where nothing is known."""
        if not self._keys:
            return 0.0
        first = (key & self._mask) * WAYS
        row = self._keys[first : first + WAYS]
        return self._until[first + row.index(key)] if key in row else 0.0

    def note(self, key: int, until_s: float) -> None:
        """Keep when this one's bucket will be empty."""
        if not self._keys:
            size = (self._mask + 1) * WAYS
            self._keys, self._until = array("Q", bytes(8 * size)), array("d", bytes(8 * size))
        first = (key & self._mask) * WAYS
        row = self._keys[first : first + WAYS]
        if key in row:
            place = first + row.index(key)
        else:
            owed = self._until[first : first + WAYS]
            place = first + owed.index(min(owed))
        self._keys[place] = key
        self._until[place] = until_s

    @property
    def size_bytes(self) -> int:
        """What it takes now."""
        return self._keys.itemsize * len(self._keys) + self._until.itemsize * len(self._until)

    def __repr__(self) -> str:
        return f"Debts({(self._mask + 1) * WAYS})"

    def __reduce__(self) -> NoReturn:
        msg = "who owes what is never pickled"
        raise TypeError(msg)


def after(until_s: float, now_s: float, cost_s: float) -> float:
    """When a bucket is empty after one drop more, each of which takes ``cost_s`` to run out."""
    return max(until_s, now_s) + cost_s
