"""How much a report may add to the evidence: the part that a liar with many addresses cannot get round.

A report that is taken need not count. Four bounds, each of one service:

- **A network alone says little**: one report of a /24 (/48) and two of a /16 (/32) in six hours count whatever happens.
- **In a crowd it says its share**: beyond that a /24 counts up to a twentieth, and a /16 up to a tenth, of all that
  counted in the last half hour. So no nine networks can keep a crowd going among themselves.
- **More than usual takes ten networks**: until ten wide networks (/16, /32) have been heard within half an hour, no
  more counts than is usual of this service, and two on top. The whole minute in which the tenth is heard counts.
- **So does a part**: a component, a region or a problem of which nobody spoke before would be news at three reports.
  A value that no ten networks name is dropped where it is more than usual of that value; the report counts without it.
- **A region says sixty a minute**: it is the sender's own choice and proves nothing.

So what moves a verdict is a number of wide networks, and not a number of reports or addresses: at a silent hub ten.
Whoever has ten such networks (a botnet, a handful of clouds) can raise a suspicion; it stays one, since the crowd is
one family, and it steers nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from enum import IntFlag, StrEnum
from math import exp

from stillup.hub.debts import Debts, after
from stillup.hub.keyed import DailyKey
from stillup.hub.values import CrowdReport

CROWD_S = 1_800.0
QUORUM = 10
"""Wide networks without which a crowd is none."""

_ALONE_S = 6 * 3_600.0
_NEAR_ALONE, _WIDE_ALONE = 1, 2
_NEAR_SHARE, _WIDE_SHARE = 0.05, 0.10
_REGION_BURST, _REGION_EACH_S = 60.0, 1.0
_MOST_REGIONS = 4_096
_MOST_CROWDS = 16_384
_MEMORY_MIN, _PRIOR_MIN = 2_880.0, 10.0
_LEAST_A_MIN = 1.0 / 720.0
_USUAL_SLACK, _ON_TOP = 1.5, 2.0
_BURST_MIN = 10.0
_MOST_TEACHES, _TEACHES_AT_LEAST = 4.0, 2.0


class Counts(StrEnum):
    """What a report adds."""

    COUNTED = "counted"
    NETWORK = "network"
    REGION = "region"


class Held(IntFlag):
    """What of a report waits for the end of its minute: it counts if a crowd bears it out by then."""

    NOTHING = 0
    ALL = 1
    COMPONENT = 2
    REGION = 4
    PROBLEM = 8


class _Usual:
    """How many reports a minute are usual: a mean over two days, in which no minute teaches much more than it was."""

    __slots__ = ("_minutes", "_seen_s", "_x")

    def __init__(self, began_s: float) -> None:
        self._x = self._minutes = 0.0
        self._seen_s = began_s

    @property
    def a_minute(self) -> float:
        return self._x / (self._minutes + _PRIOR_MIN)

    def learn(self, x: int, end_s: float) -> None:
        """A minute with ``x`` reports has ended, and all since the last one that was told had none."""
        minutes = max(0.0, (end_s - self._seen_s) / 60.0)
        fade = exp(-minutes / _MEMORY_MIN)
        most = _MOST_TEACHES * self.a_minute + _TEACHES_AT_LEAST
        self._x = self._x * fade + min(x, most)
        self._minutes = self._minutes * fade + minutes
        self._seen_s = end_s


class _Crowd:
    """What is known of those who report one service."""

    __slots__ = ("_heard", "_owed", "_owed_s", "_recent", "_recent_s", "usual")

    def __init__(self, began_s: float) -> None:
        self.usual = _Usual(began_s)
        self._heard: OrderedDict[int, float] = OrderedDict()
        self._recent = self._recent_s = 0.0
        self._owed = self._owed_s = 0.0

    def recent(self, now_s: float) -> float:
        """How much counted in the last half hour, the older the less."""
        return self._recent * exp(-max(0.0, now_s - self._recent_s) / CROWD_S)

    def count(self, now_s: float) -> None:
        self._recent, self._recent_s = self.recent(now_s) + 1.0, max(now_s, self._recent_s)

    def hear(self, wide: int, now_s: float) -> None:
        self._heard[wide] = now_s
        self._heard.move_to_end(wide)
        if len(self._heard) > QUORUM:
            self._heard.popitem(last=False)

    def is_broad(self, now_s: float) -> bool:
        """Whether ten wide networks were heard in the last half hour."""
        return len(self._heard) == QUORUM and now_s - next(iter(self._heard.values())) <= CROWD_S

    def learn(self, x: int, end_s: float) -> None:
        """A minute has ended. Fewer than ten wide networks in a day do not make usual what they say."""
        self.usual.learn(x if len(self._heard) == QUORUM else 0, end_s)

    def leave(self) -> None:
        """The day's numbers are gone."""
        self._heard.clear()

    def is_usual(self, now_s: float) -> bool:
        """Take one more report that no crowd bears out, if that is no more than usual."""
        usual = self.usual.a_minute
        a_second = max(_USUAL_SLACK * usual, _LEAST_A_MIN) / 60.0
        # In reports, not in seconds: what was owed before anything was known must not outlast the learning.
        owed = max(0.0, self._owed - max(0.0, now_s - self._owed_s) * a_second) + 1.0
        if owed > _ON_TOP + _BURST_MIN * usual:
            return False
        self._owed, self._owed_s = owed, max(now_s, self._owed_s)
        return True


class Weights:
    """Decides what counts. Not for several threads at once; services are those of the catalogue, so they are few.

    Until a value is first named nothing of it is usual: from ``began_s`` on, when this process began.
    """

    def __init__(self, key: DailyKey, began_s: float, *, entries: int = 1 << 16) -> None:
        self._key = key
        self._age = key.age
        self._began_s = began_s
        self._near = Debts(entries), Debts(entries)
        self._wide = Debts(entries // 2), Debts(entries // 2)
        self._regions: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._crowds: dict[tuple[str, Held, str], _Crowd] = {}
        self._salts: dict[str, int] = {}

    def weigh(self, report: CrowdReport, near: int, wide: int, now_s: float) -> tuple[Counts, Held]:
        """What one report adds to the evidence about a service, and what of it is held; it is noted as said."""
        if self._age != self._key.age:
            self._forget()
        service, region = report.service, report.region
        crowd = self._crowd(service)
        salt = self._salt(service)
        recent = crowd.recent(now_s) + 1.0
        near_note = _room(self._near, near ^ salt or 1, now_s, _NEAR_ALONE, _NEAR_SHARE * recent)
        wide_note = _room(self._wide, wide ^ salt or 1, now_s, _WIDE_ALONE, _WIDE_SHARE * recent)
        if near_note is None or wide_note is None:
            return Counts.NETWORK, Held.NOTHING
        if region is not None and not self._region_has_room(service, region, now_s):
            return Counts.REGION, Held.NOTHING
        for debts, key, until_s in (near_note, wide_note):
            debts.note(key, until_s)
        crowd.count(now_s)
        held = Held.NOTHING
        for part, value in parts_of(report.component, region, report.problem):
            crowd = self._crowd(service, part, value)
            crowd.hear(wide, now_s)
            if not (crowd.is_broad(now_s) or crowd.is_usual(now_s)):
                held |= part
        return Counts.COUNTED, held

    def is_broad(self, service: str, part: Held, value: str, now_s: float) -> bool:
        """Whether what was held counts after all."""
        return self._crowd(service, part, value).is_broad(now_s)

    def learn(self, service: str, part: Held, value: str, x: int, end_s: float) -> None:
        """A minute has ended in which so many reports counted, or were held, that are of a value."""
        self._crowd(service, part, value).learn(x, end_s)

    @property
    def size_bytes(self) -> int:
        """What the tables take."""
        return sum(debts.size_bytes for debts in (*self._near, *self._wide))

    def _crowd(self, service: str, part: Held = Held.ALL, value: str = "") -> _Crowd:
        key = service, part, value
        crowd = self._crowds.get(key)
        if crowd is None:
            crowd = self._crowds[key] = _Crowd(self._began_s)
            if len(self._crowds) > _MOST_CROWDS:
                del self._crowds[next(k for k in self._crowds if k[1] is not Held.ALL)]
        return crowd

    def _salt(self, service: str) -> int:
        """Keeps a network's reports of one service from those of another; need be no secret."""
        salt = self._salts.get(service)
        if salt is None:
            salt = self._salts[service] = self._key.number(service.encode())
        return salt

    def _forget(self) -> None:
        self._age = self._key.age
        for debts in (*self._near, *self._wide):
            debts.clear()
        for crowd in self._crowds.values():
            crowd.leave()

    def _region_has_room(self, service: str, region: str, now_s: float) -> bool:
        until_s = after(self._regions.get((service, region), 0.0), now_s, _REGION_EACH_S)
        if until_s - now_s > _REGION_BURST * _REGION_EACH_S:
            return False
        self._regions[service, region] = until_s
        self._regions.move_to_end((service, region))
        if len(self._regions) > _MOST_REGIONS:
            self._regions.popitem(last=False)
        return True

    def __repr__(self) -> str:
        return "Weights(****)"


def parts_of(component: str | None, region: str | None, problem: str) -> Iterator[tuple[Held, str]]:
    """The whole, and every value that a report names."""
    yield Held.ALL, ""
    if component is not None:
        yield Held.COMPONENT, component
    if region is not None:
        yield Held.REGION, region
    yield Held.PROBLEM, problem


def _room(
    tables: tuple[Debts, Debts], key: int, now_s: float, alone: int, share: float
) -> tuple[Debts, int, float] | None:
    """Where a network's report is to be noted, and until when it owes then; None where it has no room left."""
    rare, often = tables
    until_s = after(rare.until(key), now_s, _ALONE_S / alone)
    if until_s - now_s <= _ALONE_S:
        return rare, key, until_s
    if share < 1.0:
        return None
    until_s = after(often.until(key), now_s, CROWD_S / share)
    return (often, key, until_s) if until_s - now_s <= CROWD_S else None
