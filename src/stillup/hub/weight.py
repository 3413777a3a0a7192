"""How much a network may add to the evidence: the part that a liar with many addresses cannot get round.

A report that is taken need not count. Three bounds, each of one service:

- **A network alone says little**: one report of a /24 (/48) and two of a /16 (/32) in six hours count whatever happens.
- **In a crowd it says its share**: beyond that a /24 counts up to a twentieth, and a /16 up to a tenth, of all that
  counted in the last half hour. So no nine networks can keep a crowd going among themselves.
- **A region says sixty a minute**: it is the sender's own choice and proves nothing.

What a minute adds up to has two more (:mod:`stillup.hub.crowd`). So what moves a verdict is a number of wide networks,
and not a number of reports or addresses: at a silent hub ten. Whoever has ten such networks (a botnet, a handful of
clouds) can raise a suspicion; it stays one, since the crowd is one family, and it steers nothing.

Replicas tell each other what counted (:mod:`stillup.hub.notes`), so a network has one room at all of them together.
Where more comes than they tell, shares add up: a twentieth of what each knows of is a twentieth of it all.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from math import exp
from typing import NamedTuple

from stillup.hub.crowd import CROWD_S
from stillup.hub.debts import Debts, after
from stillup.hub.keyed import DailyKey
from stillup.hub.values import CrowdReport

_ALONE_S = 6 * 3_600.0
_NEAR_ALONE, _WIDE_ALONE = 1, 2
_NEAR_SHARE, _WIDE_SHARE = 0.05, 0.10
_REGION_BURST, _REGION_EACH_S = 60.0, 1.0
_MOST_REGIONS, _MOST_SERVICES = 4_096, 4_096


class Counts(StrEnum):
    """What a report adds."""

    COUNTED = "counted"
    NETWORK = "network"
    REGION = "region"


class Spent(NamedTuple):
    """What a report that counts took of its networks' room: numbers of the service (0: nothing counted) and of them.

    ``near_alone``, ``wide_alone``: of what they may say alone, else of their share of a crowd.
    """

    service: int = 0
    near: int = 0
    wide: int = 0
    near_alone: bool = False
    wide_alone: bool = False

    def __repr__(self) -> str:
        return "Spent(****)"


class Weights:
    """Decides what counts. Not for several threads at once; services are those of the catalogue, so they are few."""

    def __init__(self, key: DailyKey, *, entries: int = 1 << 16) -> None:
        self._key = key
        self._age = key.age
        self._near = Debts(entries), Debts(entries)
        self._wide = Debts(entries // 2), Debts(entries // 2)
        self._regions: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._recent: dict[int, tuple[float, float]] = {}
        self._salts: dict[str, int] = {}

    def weigh(self, report: CrowdReport, near: int, wide: int, now_s: float) -> tuple[Counts, Spent]:
        """What one report adds to the evidence about a service; it is noted as said."""
        self._turn()
        service, region = report.service, report.region
        salt = self._salt(service)
        recent = self._counted_recently(salt, now_s) + 1.0
        near_note = _room(self._near, near ^ salt or 1, now_s, _NEAR_ALONE, _NEAR_SHARE * recent)
        wide_note = _room(self._wide, wide ^ salt or 1, now_s, _WIDE_ALONE, _WIDE_SHARE * recent)
        if near_note is None or wide_note is None:
            return Counts.NETWORK, Spent()
        if region is not None and not self._region_has_room(service, region, now_s):
            return Counts.REGION, Spent()
        for debts, key, until_s in (near_note, wide_note):
            debts.note(key, until_s)
        self._recent[salt] = recent, now_s
        near_alone, wide_alone = near_note[0] is self._near[0], wide_note[0] is self._wide[0]
        return Counts.COUNTED, Spent(salt, near_note[1], wide_note[1], near_alone, wide_alone)

    def heard(self, spent: Spent, now_s: float) -> None:
        """A report has counted elsewhere."""
        self._turn()
        if not spent.service or (spent.service not in self._recent and len(self._recent) >= _MOST_SERVICES):
            return
        recent = self._counted_recently(spent.service, now_s) + 1.0
        near_s = _ALONE_S / _NEAR_ALONE if spent.near_alone else CROWD_S / (_NEAR_SHARE * recent)
        wide_s = _ALONE_S / _WIDE_ALONE if spent.wide_alone else CROWD_S / (_WIDE_SHARE * recent)
        near, wide = self._near[not spent.near_alone], self._wide[not spent.wide_alone]
        near.note(spent.near, after(near.until(spent.near), now_s, near_s))
        wide.note(spent.wide, after(wide.until(spent.wide), now_s, wide_s))
        self._recent[spent.service] = recent, now_s

    @property
    def size_bytes(self) -> int:
        """What the tables take."""
        return sum(debts.size_bytes for debts in (*self._near, *self._wide))

    def _counted_recently(self, service: int, now_s: float) -> float:
        """How much counted in the last half hour, the older the less."""
        n, then_s = self._recent.get(service, (0.0, now_s))
        return n * exp(-max(0.0, now_s - then_s) / CROWD_S)

    def _salt(self, service: str) -> int:
        """Keeps a network's reports of one service from those of another; need be no secret."""
        salt = self._salts.get(service)
        if salt is None:
            salt = self._salts[service] = self._key.number(service.encode())
        return salt

    def _turn(self) -> None:
        """Forget what was kept under a key that has gone."""
        if self._age != self._key.age:
            self._age = self._key.age
            self._recent = {
                self._key.number(service.encode()): self._recent[salt]
                for service, salt in self._salts.items()
                if salt in self._recent
            }
            self._salts.clear()
            for debts in (*self._near, *self._wide):
                debts.clear()

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
