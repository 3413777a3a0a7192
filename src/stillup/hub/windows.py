"""What counted, minute by minute: for the judgement here once, and for other hubs a quarter of an hour long."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import NamedTuple

from stillup.hub.crowd import Crowds, Leaf, Pile
from stillup.hub.values import Counted, Minute
from stillup.model.signal import Alive, Signal
from stillup.model.signal import Counted as CountedSignal

SOURCE = "hub"
WINDOW_S = 60
KEPT = 15
"""Minutes that are given out."""

K = 5
"""A region is named to others only where so many reports of a quarter of an hour bear it; else its country, or none."""

MOST_LEAVES = 2_000
"""Of a service in a minute; what comes beyond counts for the service alone."""
_MOST_WAITING = 120
_SET_BACK_S = 3_600


class Window(NamedTuple):
    """One minute that is over, by its end since the epoch; by service what counted, as it came and as it is given."""

    end_s: int
    counted: dict[str, Counter[Leaf]]
    given: dict[str, Counter[Leaf]]


Gathered = dict[str, dict[Leaf, Pile]]
"""By service, what a minute that still gathers has so far."""


def pile_of(gathered: Gathered, service: str, leaf: Leaf) -> Pile:
    """Where the reports of a leaf are put; those of too many leaves are the service's alone."""
    piles = gathered.setdefault(service, {})
    pile = piles.get(leaf)
    if pile is None:
        if len(piles) >= MOST_LEAVES:
            leaf = Leaf(None, None, None)
        pile = piles.setdefault(leaf, Pile())
    return pile


class Windows:
    """Minutes that gather, and those that are over. A minute does not change once it is over.

    ``services`` are those it tells of: whoever judges hears of each that it is alive. ``began_s`` is since when it was
    listened.
    """

    def __init__(self, services: Iterable[str], began_s: float) -> None:
        self.crowds = Crowds(began_s)
        self._services = dict.fromkeys(services, False)
        """Whether the judgement has heard of the source."""
        self._open: dict[int, Gathered] = {}
        self._over: deque[Window] = deque(maxlen=_MOST_WAITING)
        self._over_s = 0
        self._told_s = 0

    def add(self, service: str, leaf: Leaf, wide: int, now_s: float) -> None:
        """One report, which counts as far as its minute bears it out."""
        self._heed(now_s)
        end_s = max(ceil(now_s / WINDOW_S) * WINDOW_S, self._over_s + WINDOW_S)
        pile_of(self._open.setdefault(end_s, {}), service, leaf).add(wide)
        self._services.setdefault(service, False)

    def put(self, end_s: int, gathered: Mapping[str, Mapping[Leaf, Pile]]) -> None:
        """What gathered elsewhere in a minute that is not over yet."""
        for service, piles in gathered.items():
            for leaf, pile in piles.items():
                pile_of(self._open.setdefault(end_s, {}), service, leaf).join(pile)

    def leave(self) -> None:
        """The numbers of networks are of another key from now on."""
        self.crowds.leave()
        for gathered in self._open.values():
            for piles in gathered.values():
                for pile in piles.values():
                    pile.wides.clear()

    def roll(self, now_s: float) -> None:
        """Close the minutes that are over by now: what is more than usual counts where a crowd bears it out by then."""
        self._heed(now_s)
        for end_s in sorted(end for end in self._open if end <= now_s):
            gathered = self._open.pop(end_s)
            settled = {service: self.crowds.settle(service, gathered[service], end_s) for service in sorted(gathered)}
            counted = {service: counts for service, counts in settled.items() if counts}
            given = {service: self._coarse(service, counts, end_s) for service, counts in counted.items()}
            self._over.append(Window(end_s, counted, given))
        # Minutes without any report are over too.
        self._over_s = max(self._over_s, int(now_s // WINDOW_S) * WINDOW_S)

    def due(self, now_s: float, *, is_alive: bool = True) -> list[Signal]:
        """What has gathered since the last call, as signals of the source ``hub``; each minute is told once."""
        self.roll(now_s)
        told: list[Signal] = []
        for window in self._over:
            if window.end_s > self._told_s:
                for service, counts in window.counted.items():
                    told += [_signal(service, leaf, n, window.end_s) for leaf, n in counts.items()]
        if self._over_s > self._told_s and is_alive:
            told += self._alive()
        self._told_s = max(self._told_s, self._over_s)
        return told

    def _alive(self) -> list[Signal]:
        at = datetime.fromtimestamp(self._over_s, UTC)
        told: list[Signal] = []
        for service, is_known in self._services.items():
            if not is_known:
                # Without a first count nobody would learn that none is usual, until the first one comes.
                told.append(CountedSignal(at=at, service=service, source=SOURCE, window_s=WINDOW_S, count=0))
                self._services[service] = True
            told.append(Alive(at=at, service=service, source=SOURCE))
        return told

    def minutes(self, service: str, now_s: float) -> tuple[datetime, tuple[Minute, ...]]:
        """What other hubs are told: the end of the newest minute that is over, and those of the last quarter hour."""
        self.roll(now_s)
        from_s = self._over_s - KEPT * WINDOW_S
        told = tuple(
            Minute(end=datetime.fromtimestamp(w.end_s, UTC), counts=tuple(_given(w.given[service])))
            for w in self._over
            if w.end_s > from_s and service in w.given
        )
        return datetime.fromtimestamp(self._over_s, UTC), told

    @property
    def over_s(self) -> int:
        """The end of the newest minute that is over."""
        return self._over_s

    @property
    def known(self) -> Sequence[str]:
        """The services of which the judgement has heard."""
        return [service for service, is_known in self._services.items() if is_known]

    def go_on(self, over_s: int, known: Iterable[str]) -> None:
        """Where another one stopped: every minute up to ``over_s`` was told."""
        self._over_s = self._told_s = over_s
        self._services |= dict.fromkeys(known, True)

    def _heed(self, now_s: float) -> None:
        """A clock that was set back by more than an hour is believed: what it said before was the mistake."""
        if now_s < self._over_s - _SET_BACK_S:
            self._open.clear()
            self._over.clear()
            self._over_s = self._told_s = int(now_s // WINDOW_S) * WINDOW_S

    def _coarse(self, service: str, counts: Counter[Leaf], end_s: int) -> Counter[Leaf]:
        """The same with regions that too few speak of made countries, or nothing."""
        seen: Counter[str] = Counter()
        recent = [w.counted[service] for w in self._over if w.end_s > end_s - KEPT * WINDOW_S and service in w.counted]
        for leaf, n in (item for part in (*recent, counts) for item in part.items()):
            if leaf.region is not None:
                seen[leaf.region] += n
                if "-" in leaf.region:
                    seen[leaf.region.partition("-")[0]] += n
        given: Counter[Leaf] = Counter()
        for leaf, n in counts.items():
            given[leaf._replace(region=_shown(leaf.region, seen))] += n
        return given


def _shown(region: str | None, seen: Counter[str]) -> str | None:
    if region is None or seen[region] >= K:
        return region
    whole = region.partition("-")[0]
    return whole if seen[whole] >= K else None


def _signal(service: str, leaf: Leaf, n: int, end_s: int) -> CountedSignal:
    return CountedSignal(
        at=datetime.fromtimestamp(end_s, UTC),
        service=service,
        source=SOURCE,
        window_s=WINDOW_S,
        count=n,
        component=leaf.component,
        region=leaf.region,
        problem=leaf.problem,
    )


def _given(counts: Counter[Leaf]) -> Iterable[Counted]:
    for leaf, n in sorted(counts.items(), key=lambda item: tuple(map(str, item[0]))):
        yield Counted(count=n, component=leaf.component, region=leaf.region, problem=leaf.problem)
