"""Crowd reports that several replicas have counted, added up into what one would have counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta

from stillup.daemon.cluster.records import Part, Partial
from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted, Signal

SOURCE = "hub"
WINDOW_S = 60
KEPT = timedelta(minutes=5)
"""So long after its end a replica may still say more of a minute."""
AHEAD = timedelta(minutes=2)
MOST_REPLICAS = 64

Leaf = tuple[str, str | None, str | None, Problem | None]
"""Service, component, region, problem."""

Total = Callable[[Sequence[Part]], int]
"""How many reports the parts of one leaf are, each of another replica."""


def counts(parts: Sequence[Part]) -> int:
    """As many as all of them say."""
    return sum(p.count for p in parts)


class Pooled:
    """The minutes that replicas speak of. The newest word of a replica on a minute replaces all it said before.

    A minute is told with the first tick at or behind its end; what comes later is told with the tick after it, as the
    whole count of its window, which replaces the first.
    """

    def __init__(self, services: Collection[str], total: Total = counts) -> None:
        self._services = frozenset(services)
        self._total = total
        self._minutes: dict[datetime, dict[str, tuple[Part, ...]]] = {}
        self._told: dict[datetime, dict[Leaf, int]] = {}
        self._greeted: set[str] = set()
        self.refused = 0
        """Words on a minute that is long over or has not come, or of one replica too many."""

    def hear(self, said: Partial, judged: datetime | None, at: datetime) -> None:
        """Take a replica's word; ``at`` is when the bus took it, ``judged`` the newest tick."""
        end = said.end
        is_old = judged is not None and end <= judged - KEPT
        if end.timestamp() % WINDOW_S or is_old or end > at + AHEAD:
            self.refused += 1
            return
        replicas = self._minutes.setdefault(end, {})
        if said.replica not in replicas and len(replicas) >= MOST_REPLICAS:
            self.refused += 1
            return
        replicas[said.replica] = tuple(p for p in said.parts if p.service in self._services)

    def due(self, tick: datetime) -> list[Signal]:
        """What is new of the minutes up to ``tick``."""
        out: list[Signal] = []
        for end in sorted(e for e in self._minutes if e <= tick):
            out += self._of(end)
        for end in [e for e in self._minutes if e <= tick - KEPT]:
            del self._minutes[end]
            self._told.pop(end, None)
        return out

    def _of(self, end: datetime) -> Iterator[Signal]:
        is_new = end not in self._told
        told = self._told.setdefault(end, {})
        by_leaf: dict[Leaf, list[Part]] = {}
        for replica in sorted(self._minutes[end]):
            for part in self._minutes[end][replica]:
                by_leaf.setdefault((part.service, part.component, part.region, part.problem), []).append(part)
        for leaf in sorted(by_leaf, key=str):
            n = self._total(by_leaf[leaf])
            if told.get(leaf) != n:
                told[leaf] = n
                yield _signal(leaf, n, end)
        if is_new:
            yield from self._alive(end)

    def _alive(self, end: datetime) -> Iterator[Signal]:
        for service in sorted(self._services):
            if service not in self._greeted:
                # Without a first count nobody would learn that none is usual, until the first one comes.
                self._greeted.add(service)
                yield Counted(at=end, service=service, source=SOURCE, window_s=WINDOW_S, count=0)
            yield Alive(at=end, service=service, source=SOURCE)

    # -- what a checkpoint keeps --------------------------------------------------------------------------------------

    def state(self) -> PooledState:
        """All of it."""
        minutes = [(end, sorted(replicas.items())) for end, replicas in sorted(self._minutes.items())]
        told = [(end, sorted(leaves.items(), key=str)) for end, leaves in sorted(self._told.items())]
        return minutes, told, sorted(self._greeted)

    def go_on(self, state: PooledState) -> None:
        """Take over what was kept."""
        minutes, told, greeted = state
        self._minutes = {end: dict(replicas) for end, replicas in minutes}
        self._told = {end: dict(leaves) for end, leaves in told}
        self._greeted = set(greeted)


PooledState = tuple[
    list[tuple[datetime, list[tuple[str, tuple[Part, ...]]]]],
    list[tuple[datetime, list[tuple[Leaf, int]]]],
    list[str],
]


def _signal(leaf: Leaf, n: int, end: datetime) -> Counted:
    service, component, region, problem = leaf
    return Counted(
        at=end,
        service=service,
        source=SOURCE,
        window_s=WINDOW_S,
        count=n,
        component=component,
        region=region,
        problem=problem,
    )
