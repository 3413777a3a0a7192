"""What counted, minute by minute: for the judgement here once, and for other hubs a quarter of an hour long."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from stillup.hub.weight import Held, Weights, parts_of
from stillup.model.service import Problem

WINDOW_S = 60
KEPT = 15
"""Minutes that are given out."""

K = 5
"""A region is named to others only where so many reports of a quarter of an hour bear it; else its country, or none."""

_MOST_LEAVES = 2_000
_MOST_WAITING = 120
_SET_BACK_S = 3_600


class Leaf(NamedTuple):
    """What a report speaks of."""

    component: str | None
    region: str | None
    problem: Problem | None


class Window(NamedTuple):
    """One minute that is over, by its end since the epoch; by service what counted, as it came and as it is given."""

    end_s: int
    counted: dict[str, Counter[Leaf]]
    given: dict[str, Counter[Leaf]]


_Gathered = dict[str, Counter[tuple[Leaf, Held]]]
"""By service, what a minute that still gathers has so far, with what of it is held."""


class Windows:
    """Minutes that gather, and those that are over. A minute does not change once it is over."""

    def __init__(self) -> None:
        self._open: dict[int, _Gathered] = {}
        self._over: deque[Window] = deque(maxlen=_MOST_WAITING)
        self._over_s = 0
        self._told_s = 0

    def add(self, service: str, leaf: Leaf, held: Held, now_s: float) -> None:
        """One report that counts, as far as it is not held until its minute is over."""
        self._heed(now_s)
        end_s = max(ceil(now_s / WINDOW_S) * WINDOW_S, self._over_s + WINDOW_S)
        counts = self._open.setdefault(end_s, {}).setdefault(service, Counter())
        if len(counts) >= _MOST_LEAVES and (leaf, held) not in counts:
            leaf, held = Leaf(None, None, None), held & Held.ALL
        counts[leaf, held] += 1

    def roll(self, now_s: float, weights: Weights) -> None:
        """Close the minutes that are over by now: what was held counts where a crowd bears it out by then."""
        self._heed(now_s)
        for end_s in sorted(end for end in self._open if end <= now_s):
            settled = {
                s: _settled(s, gathered, weights, end_s) for s, gathered in sorted(self._open.pop(end_s).items())
            }
            counted = {service: counts for service, counts in settled.items() if counts}
            given = {service: self._coarse(service, counts, end_s) for service, counts in counted.items()}
            self._over.append(Window(end_s, counted, given))
        # Minutes without any report are over too.
        self._over_s = max(self._over_s, int(now_s // WINDOW_S) * WINDOW_S)

    def untold(self) -> list[Window]:
        """The minutes that were not told here yet."""
        new = [window for window in self._over if window.end_s > self._told_s]
        self._told_s = max(self._told_s, self._over_s)
        return new

    def last(self, service: str) -> list[tuple[int, Counter[Leaf]]]:
        """The last minutes of a service that had any report, as they are given out, oldest first."""
        from_s = self._over_s - KEPT * WINDOW_S
        return [(w.end_s, w.given[service]) for w in self._over if w.end_s > from_s and service in w.given]

    @property
    def over_s(self) -> int:
        """The end of the newest minute that is over."""
        return self._over_s

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


def _settled(service: str, gathered: Counter[tuple[Leaf, Held]], weights: Weights, end_s: int) -> Counter[Leaf]:
    """What of a minute counts in the end; what is usual is learned from all of it."""
    of_value: Counter[tuple[Held, str]] = Counter()
    for (leaf, _), n in gathered.items():
        for key in _parts(leaf):
            of_value[key] += n
    for (part, value), n in of_value.items():
        weights.learn(service, part, value, n, end_s)
    broad = {key for key in of_value if weights.is_broad(service, *key, end_s)}
    counted: Counter[Leaf] = Counter()
    for (leaf, held), n in gathered.items():
        lost = {part for part, value in _parts(leaf) if part & held and (part, value) not in broad}
        if Held.ALL not in lost:
            counted[_without(leaf, lost)] += n
    return counted


def _parts(leaf: Leaf) -> Iterator[tuple[Held, str]]:
    return (key for key in parts_of(leaf.component, leaf.region, leaf.problem or "") if key != (Held.PROBLEM, ""))


def _without(leaf: Leaf, lost: set[Held]) -> Leaf:
    return Leaf(
        None if Held.COMPONENT in lost else leaf.component,
        None if Held.REGION in lost else leaf.region,
        None if Held.PROBLEM in lost else leaf.problem,
    )


def _shown(region: str | None, seen: Counter[str]) -> str | None:
    if region is None or seen[region] >= K:
        return region
    whole = region.partition("-")[0]
    return whole if seen[whole] >= K else None
