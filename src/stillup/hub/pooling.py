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
from stillup.hub.values import Admission, Batch, PoolWindow, Reason, Sum, Tally

WINDOW_S = 300
K = 10
"""Installations without which no sum is given out."""

GRACE_S = 180
"""So long after its end a window is still open: installations send at a random time within two minutes."""

_NEAR_NAMES, _WIDE_NAMES = 1, 2
_MOST_EACH = 200
"""Requests with which one installation counts at most in a sum; of more the share of failures stays."""
KEPT = 6
"""Windows of which sums are given out: half an hour."""
_MOST_NAMES = 100_000
_MOST_KINDS = 16_384
"""More than all pairs of a service and a public model: else a few liars who come first fill it with others."""


class Numbers(NamedTuple):
    """Whose counts they are, of which window: numbers under the day's key."""

    end_s: int
    name: int
    near: int
    wide: int

    def __repr__(self) -> str:
        return "Numbers(****)"


class Door:
    """Who may share, and what numbers they get: the same for one process and for each of several.

    ``key`` is the day's; a desk that has it from others tells apart whom they tell apart.
    """

    def __init__(self, key: DailyKey, own: Iterable[str]) -> None:
        self._key, self._own = key, Own(own)
        self._age = key.age
        self._rates = Debts(1 << 14)

    def turn(self, now_s: float) -> bool:
        """See to the day's key; whether it is another than before, and numbers of before say nothing any more."""
        self._key.turn(now_s)
        if self._age == self._key.age:
            return False
        self._age = self._key.age
        self._rates.clear()
        return True

    def enter(self, batch: Batch, sender: str, now_s: float, over_s: int) -> Numbers | Admission:
        """The numbers, or why it is not taken; ``over_s`` is the end of the newest window that is closed."""
        end_s = int(batch.end.timestamp())
        origin = origin_of(sender, self._own or None)
        wait_s = self._wait_s(self._key.number(origin.sender), now_s)
        if wait_s > 0.0:
            return refused(Reason.TOO_MANY, wait_s)
        if end_s % WINDOW_S or not over_s < end_s <= now_s + 60:
            return refused(Reason.STALE)
        number = self._key.number
        name = number(b"name" + batch.installation.encode())
        return Numbers(end_s, name, number(b"near" + origin.near), number(b"wide" + origin.wide))

    def _wait_s(self, sender: int, now_s: float) -> float:
        until_s = after(self._rates.until(sender), now_s, SENDER.each_s)
        wait_s = until_s - now_s - SENDER.burst * SENDER.each_s
        if wait_s <= 0.0:
            self._rates.note(sender, until_s)
        return wait_s


class Guests:
    """Who has shared counts of one window."""

    def __init__(self) -> None:
        self._names: set[int] = set()
        self._networks: Counter[int] = Counter()

    def is_known(self, name: int) -> bool:
        """That one has shared them already, or nobody has room any more."""
        return name in self._names or len(self._names) >= _MOST_NAMES

    def has_room(self, whose: Numbers) -> bool:
        """Whether its networks have said no more than they may."""
        return self._networks[whose.near] < _NEAR_NAMES and self._networks[whose.wide] < _WIDE_NAMES

    def add(self, whose: Numbers) -> None:
        """It counts."""
        self._names.add(whose.name)
        self._networks.update((whose.near, whose.wide))


class _Kind(NamedTuple):
    service: str
    model: str | None


class _Total:
    __slots__ = ("failed", "names", "ok")

    def __init__(self) -> None:
        self.ok = self.failed = self.names = 0


Sums = dict[str, tuple[Sum, ...]]
"""By service: what enough installations counted together."""


class Window:
    """What came about one stretch of five minutes."""

    def __init__(self) -> None:
        self.guests = Guests()
        self._totals: dict[_Kind, _Total] = {}

    def take(self, whose: Numbers, tallies: Iterable[Tally]) -> bool:
        """Take in one installation's counts; whether it had not shared them yet."""
        if self.guests.is_known(whose.name):
            return False
        if self.guests.has_room(whose):
            self.guests.add(whose)
            self._add(tallies)
        return True

    def _add(self, tallies: Iterable[Tally]) -> None:
        """What one says twice of one kind is still the word of one."""
        said: dict[_Kind, tuple[int, int]] = {}
        for tally in tallies:
            kind = _Kind(tally.service, tally.model)
            ok, failed = said.get(kind, (0, 0))
            said[kind] = (ok + tally.ok, failed + tally.failed)
        for kind, tries in said.items():
            total = self._totals.get(kind)
            if total is None:
                if len(self._totals) >= _MOST_KINDS:
                    continue
                total = self._totals[kind] = _Total()
            ok, failed = _bounded(*tries)
            total.ok, total.failed, total.names = total.ok + ok, total.failed + failed, total.names + 1

    def sums(self) -> Sums:
        """Those of enough installations."""
        found: dict[str, list[Sum]] = {}
        for kind, total in sorted(self._totals.items(), key=lambda item: (item[0].service, item[0].model or "")):
            if total.names >= K:
                found.setdefault(kind.service, []).append(Sum(model=kind.model, ok=total.ok, failed=total.failed))
        return {service: tuple(sums) for service, sums in found.items()}


def over_by(now_s: float) -> int:
    """The end of the newest window that nobody can share counts of any more."""
    return int((now_s - GRACE_S) // WINDOW_S) * WINDOW_S


def given_out(over: Iterable[tuple[int, Sums]], service: str, over_s: int) -> tuple[PoolWindow, ...]:
    """What is said of a service: the windows of the last half hour in which enough said anything."""
    return tuple(
        PoolWindow(end=datetime.fromtimestamp(end_s, UTC), sums=sums[service])
        for end_s, sums in over
        if over_s - KEPT * WINDOW_S < end_s <= over_s and service in sums
    )


class PooledCounts:
    """A :class:`~stillup.hub.values.PoolDesk` of one process."""

    def __init__(self, entropy: Entropy, *, own: Iterable[str] = ()) -> None:
        self._lock = Lock()
        self._door = Door(DailyKey(entropy), own)
        self._open: dict[int, Window] = {}
        self._over: deque[tuple[int, Sums]] = deque(maxlen=KEPT)
        self._over_s = 0

    async def take(self, batch: Batch, sender: str, now: datetime) -> Admission:
        """As :meth:`note`: nothing need be waited for."""
        return self.note(batch, sender, now)

    def note(self, batch: Batch, sender: str, now: datetime) -> Admission:
        """Take one installation's counts of one window; a name that came already is taken and counts once."""
        with self._lock:
            self._turn(now.timestamp())
            self._close(now.timestamp())
            whose = self._door.enter(batch, sender, now.timestamp(), self._over_s)
            if isinstance(whose, Admission):
                return whose
            is_new = self._open.setdefault(whose.end_s, Window()).take(whose, batch.tallies)
        return refused(Reason.ADMITTED if is_new else Reason.FOLDED)

    def sums(self, service: str, now: datetime) -> tuple[PoolWindow, ...]:
        """What enough installations shared about a service in the last half hour, oldest first; it does not change."""
        with self._lock:
            self._turn(now.timestamp())
            self._close(now.timestamp())
            return given_out(self._over, service, self._over_s)

    def _turn(self, now_s: float) -> None:
        if self._door.turn(now_s):
            # A name that was hashed by the old key would count twice in a window that is open still.
            self._open.clear()

    def _close(self, now_s: float) -> None:
        over_s = over_by(now_s)
        if over_s < self._over_s - KEPT * WINDOW_S:  # the clock was set back
            self._open.clear()
            self._over.clear()
            self._over_s = over_s
        for end_s in sorted(end for end in self._open if end <= over_s):
            self._over.append((end_s, self._open.pop(end_s).sums()))
        self._over_s = max(self._over_s, over_s)

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
