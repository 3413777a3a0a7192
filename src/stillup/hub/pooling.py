"""Counts of worked and failed requests that installations share: taken without knowing whose, given as sums of many.

An installation is told apart by a random name that it makes up anew each day, and by the network it comes from. A name
counts once in a window; of one /24 (/48) one name does, of one /16 (/32) two. So a sum of ten is one of at least five
wide networks and ten near ones, and whoever wants to see one victim's counts through it must have nine names in as
many places; a liar with one network adds to no sum at all but that of others.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple, NoReturn

from stillup.hub.address import Own, origin_of
from stillup.hub.admission import SENDER
from stillup.hub.debts import Debts, after
from stillup.hub.desk import refused
from stillup.hub.keyed import DailyKey, Entropy
from stillup.hub.values import Admission, Batch, PoolWindow, Reason, Sum

WINDOW_S = 300
K = 10
"""Installations without which no sum is given out."""

GRACE_S = 180
"""So long after its end a window is still open: installations send at a random time within two minutes."""

_NEAR_NAMES, _WIDE_NAMES = 1, 2
_MOST_EACH = 200
"""Requests with which one installation counts at most in a sum; of more the share of failures stays."""
_KEPT = 6
_MOST_NAMES = 100_000
_MOST_KINDS = 16_384
"""More than all pairs of a service and a public model: else a few liars who come first fill it with others."""


class _Kind(NamedTuple):
    service: str
    model: str | None


class _Total:
    __slots__ = ("failed", "names", "ok")

    def __init__(self) -> None:
        self.ok = self.failed = self.names = 0


class _Window:
    """What came about one stretch of five minutes."""

    def __init__(self) -> None:
        self.names: set[int] = set()
        self.networks: Counter[int] = Counter()
        self.totals: dict[_Kind, _Total] = {}

    def add(self, batch: Batch) -> None:
        """Take in one installation's counts; what it says twice of one kind is still the word of one."""
        said: dict[_Kind, tuple[int, int]] = {}
        for tally in batch.tallies:
            kind = _Kind(tally.service, tally.model)
            ok, failed = said.get(kind, (0, 0))
            said[kind] = (ok + tally.ok, failed + tally.failed)
        for kind, tries in said.items():
            total = self.totals.get(kind)
            if total is None:
                if len(self.totals) >= _MOST_KINDS:
                    continue
                total = self.totals[kind] = _Total()
            ok, failed = _bounded(*tries)
            total.ok, total.failed, total.names = total.ok + ok, total.failed + failed, total.names + 1

    def sums(self) -> dict[_Kind, _Total]:
        """Those of enough installations."""
        return {kind: total for kind, total in self.totals.items() if total.names >= K}


class PooledCounts:
    """A :class:`~stillup.hub.values.PoolDesk`. Its calls are quick and may come from any thread."""

    def __init__(self, entropy: Entropy, *, own: Iterable[str] = ()) -> None:
        self._lock = Lock()
        self._own = Own(own)
        self._key = DailyKey(entropy)
        self._age = 0
        self._rates = Debts(1 << 14)
        self._open: dict[int, _Window] = {}
        self._over: deque[tuple[int, dict[_Kind, _Total]]] = deque(maxlen=_KEPT)
        self._over_s = 0

    def take(self, batch: Batch, sender: str, now: datetime) -> Admission:
        """Take one installation's counts of one window; a name that came already is taken and counts once."""
        now_s, end_s = now.timestamp(), int(batch.end.timestamp())
        with self._lock:
            self._turn(now_s)
            self._close(now_s)
            origin = origin_of(sender, self._own or None)
            wait_s = self._wait_s(self._key.number(origin.sender), now_s)
            if wait_s > 0.0:
                return refused(Reason.TOO_MANY, wait_s)
            if end_s % WINDOW_S or not self._over_s < end_s <= now_s + 60:
                return refused(Reason.STALE)
            window = self._open.setdefault(end_s, _Window())
            name = self._key.number(b"name" + batch.installation.encode())
            if name in window.names or len(window.names) >= _MOST_NAMES:
                return refused(Reason.FOLDED)
            near, wide = self._key.number(b"near" + origin.near), self._key.number(b"wide" + origin.wide)
            if window.networks[near] < _NEAR_NAMES and window.networks[wide] < _WIDE_NAMES:
                window.networks.update((near, wide))
                window.names.add(name)
                window.add(batch)
        return refused(Reason.ADMITTED)

    def sums(self, service: str, now: datetime) -> tuple[PoolWindow, ...]:
        """What enough installations shared about a service in the last half hour, oldest first; it does not change."""
        with self._lock:
            self._turn(now.timestamp())
            self._close(now.timestamp())
            return tuple(
                PoolWindow(end=datetime.fromtimestamp(end_s, UTC), sums=told)
                for end_s, totals in self._over
                if end_s > self._over_s - _KEPT * WINDOW_S and (told := tuple(_told(totals, service)))
            )

    def _turn(self, now_s: float) -> None:
        self._key.turn(now_s)
        if self._age != self._key.age:
            # A name that was hashed by the old key would count twice in a window that is open still.
            self._age = self._key.age
            self._rates.clear()
            self._open.clear()

    def _close(self, now_s: float) -> None:
        over_s = int((now_s - GRACE_S) // WINDOW_S) * WINDOW_S
        if over_s < self._over_s - _KEPT * WINDOW_S:  # the clock was set back
            self._open.clear()
            self._over.clear()
            self._over_s = over_s
        for end_s in sorted(end for end in self._open if end <= over_s):
            self._over.append((end_s, self._open.pop(end_s).sums()))
        self._over_s = max(self._over_s, over_s)

    def _wait_s(self, sender: int, now_s: float) -> float:
        until_s = after(self._rates.until(sender), now_s, SENDER.each_s)
        wait_s = until_s - now_s - SENDER.burst * SENDER.each_s
        if wait_s <= 0.0:
            self._rates.note(sender, until_s)
        return wait_s

    def __repr__(self) -> str:
        return f"PooledCounts({len(self._over)} windows)"

    def __reduce__(self) -> NoReturn:
        msg = "shared counts are never pickled"
        raise TypeError(msg)


def _bounded(ok: int, failed: int) -> tuple[int, int]:
    tries = ok + failed
    if tries <= _MOST_EACH:
        return ok, failed
    bounded = round(failed * _MOST_EACH / tries)
    return _MOST_EACH - bounded, bounded


def _told(totals: dict[_Kind, _Total], service: str) -> Iterable[Sum]:
    for kind, total in sorted(totals.items(), key=lambda item: (item[0].service, item[0].model or "")):
        if kind.service == service:
            yield Sum(model=kind.model, ok=total.ok, failed=total.failed)
