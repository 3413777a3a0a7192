"""How many may look at once whether an upstream is well again."""

from __future__ import annotations

WINS = 3
"""Good answers in a row after which an upstream is believed, and so the most that may be out looking."""
_FORGOTTEN_S = 120.0
"""A trickle nobody has heard of for so long gives its slot back: a lost one must not keep an upstream shut."""


class Slots:
    """One trickle waits for its first content at a time; three are out in all.

    Waiting is what costs a client time, so only one does. Whether the answers *end* well takes as long as they are, and
    with one at a time an upstream of minute-long streams would take minutes to be back.
    """

    __slots__ = ("last", "out", "waiting")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """All are free again."""
        self.out = 0
        self.waiting = False
        self.last = 0.0

    def free(self, now: float) -> bool:
        """True when one more may go."""
        if self.out and now - self.last > _FORGOTTEN_S:
            self.clear()
        return not self.waiting and self.out < WINS

    def take(self, now: float) -> None:
        """One goes."""
        self.out += 1
        self.waiting = True
        self.last = now

    def content(self) -> None:
        """The one that waits has its first content."""
        self.waiting = False

    def release(self, *, waited: bool) -> None:
        """One is back; ``waited``: without having had content."""
        self.out = max(0, self.out - 1)
        if waited:
            self.waiting = False
