"""Who may report, and how often: rates of a sender and of the networks around it, and what was said a moment ago.

Everything is kept in tables of fixed size under hashes of a day's key (:mod:`stillup.hub.keyed`): some seven megabytes,
however many come. What a million distinct senders in half an hour cost is in :mod:`stillup.hub.debts`: a sender who is
pushed out may report anew. What that may add to the evidence is :mod:`stillup.hub.weight`'s, and bounded by networks.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from stillup.hub.address import Origin
from stillup.hub.debts import Debts, after
from stillup.hub.keyed import DailyKey
from stillup.hub.values import CrowdReport, Reason

FOLDED_S = 1_800.0
"""The same from the same sender within half an hour is the same report."""

_FOLDS = 1 << 18
API_COST = 3.0
"""A report without a form weighs so much on every rate: nobody had to open a page for it."""


class Rate(Struct, frozen=True):
    """``burst`` reports at once, then one every ``each_s``."""

    burst: float
    each_s: float


SENDER, NEAR, WIDE = Rate(6, 30.0), Rate(120, 0.5), Rate(1_200, 0.05)
"""A household; an office or the phones behind one address of a carrier; a carrier."""


class Admitted(Struct, frozen=True):
    """What becomes of a report, and under which numbers its sender and networks stand for today."""

    reason: Reason
    sender: int = 0
    near: int = 0
    wide: int = 0
    said: int = 0
    """What was said by whom, as a number."""
    wait_s: float = 0.0

    def __repr__(self) -> str:
        return f"Admitted({self.reason})"


class Gate:
    """Decides whether a report is taken. Not for several threads at once."""

    def __init__(self, key: DailyKey, *, entries: int = 1 << 17) -> None:
        self._key = key
        self._age = key.age
        self._folds = Debts(max(_FOLDS, entries))
        self._rates = ((SENDER, Debts(entries)), (NEAR, Debts(entries // 2)), (WIDE, Debts(entries // 4)))
        self._salts: dict[tuple[str, str | None, str], int] = {}

    def admit(self, report: CrowdReport, origin: Origin, now_s: float, *, cost: float = 1.0) -> Admitted:
        """Take a report or refuse it; one that is refused costs its sender nothing."""
        self._key.turn(now_s)
        if self._age != self._key.age:
            self.forget()
        sender, near, wide = map(self._key.number, origin)
        owed, wait_s = self._owed((sender, near, wide), now_s, cost)
        if wait_s > 0.0:
            return Admitted(Reason.TOO_MANY, wait_s=wait_s)
        for (_, debts), number, until_s in zip(self._rates, (sender, near, wide), owed, strict=True):
            debts.note(number, until_s)
        said = sender ^ self._salt(report) or 1
        if self._folds.until(said) > now_s:
            return Admitted(Reason.FOLDED, sender, near, wide, said)
        self._folds.note(said, now_s + FOLDED_S)
        return Admitted(Reason.ADMITTED, sender, near, wide, said)

    def heard(self, found: Admitted, now_s: float, cost: float) -> None:
        """Another replica, under the same key, has taken a report."""
        self._key.turn(now_s)
        if self._age != self._key.age:
            self.forget()
        numbers = found.sender, found.near, found.wide
        owed, _ = self._owed(numbers, now_s, cost)
        for (_, debts), number, until_s in zip(self._rates, numbers, owed, strict=True):
            debts.note(number, until_s)
        self._folds.note(found.said, now_s + FOLDED_S)

    def forget(self) -> None:
        """The key has gone, and the numbers say nothing any more."""
        self._age = self._key.age
        self._folds.clear()
        self._salts.clear()
        for _, debts in self._rates:
            debts.clear()

    @property
    def size_bytes(self) -> int:
        """What the tables take."""
        return self._folds.size_bytes + sum(debts.size_bytes for _, debts in self._rates)

    def _owed(self, numbers: Sequence[int], now_s: float, cost: float) -> tuple[list[float], float]:
        """Until when each would owe after this report, and how long to wait until the fullest allows it."""
        owed, wait_s = [], 0.0
        for (rate, debts), number in zip(self._rates, numbers, strict=True):
            until_s = after(debts.until(number), now_s, cost * rate.each_s)
            owed.append(until_s)
            wait_s = max(wait_s, until_s - now_s - rate.burst * rate.each_s)
        return owed, wait_s

    def _salt(self, report: CrowdReport) -> int:
        """What tells reports of one sender apart. The sender's number is a secret, so this need not be one."""
        said = (report.service, report.component, report.problem.value)
        salt = self._salts.get(said)
        if salt is None:
            if len(self._salts) >= _MOST_SAID:
                self._salts.clear()
            salt = self._salts[said] = self._key.number("\0".join(map(str, said)).encode())
        return salt


_MOST_SAID = 10_000
