"""Where the excess of counted reports lies: the faults it is made of, and the values each of them is seen in."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from math import log
from typing import NamedTuple

from msgspec import Struct

from stillup.verdict.locate.regions import grown, roll_up

_STANDS_OUT_NATS = 3.0
"""Twenty to one that this value alone has more than usual."""

_SHARE = 0.05
"""Less than a twentieth of a fault's excess is noise around it."""

_LEAST_REPORTS = 2
_UNSEEN = 0.01  # of a fault's reports is the most that a value never seen before can have had as usual
_MOST_FAULTS = 3
_LAG_S = 45 * 60
_LEAN = 30.0  # reports' worth of belief that a part of the day is like the whole of it
_MOST_LEAVES = 20_000


class Leaf(NamedTuple):
    """The attributes of a count; None where the source does not say."""

    component: str | None
    region: str | None
    problem: str | None
    client: str | None
    model: str | None


class Localised(Struct, frozen=True):
    """The values that carry the excess, each sorted; ``faults`` has the same of each fault when there are several."""

    components: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    faults: tuple[Localised, ...] = ()


def part_of_day(at_s: float) -> int:
    """Which two hours of the day (UTC) a window ending at ``at_s`` lies in."""
    return int((at_s - 1.0) // 7200) % 12


class LeafRates:
    """How often each leaf is seen in calm times, by the time of day: places and parts wake at different hours."""

    def __init__(self) -> None:
        self._all: Counter[Leaf] = Counter()
        self._parts: dict[int, Counter[Leaf]] = {}
        self._pending: deque[tuple[float, Counter[Leaf]]] = deque()

    def observe(self, at_s: float, counted: Counter[Leaf]) -> None:
        """Queue a calm window; it is learned when it is old enough not to be the start of a fault."""
        self._pending.append((at_s, counted))
        while self._pending and self._pending[0][0] <= at_s - _LAG_S:
            then_s, old = self._pending.popleft()
            self._learn(part_of_day(then_s), old)

    def _learn(self, part: int, counted: Counter[Leaf]) -> None:
        of_part = self._parts.setdefault(part, Counter())
        for leaf, n in counted.items():
            if leaf in self._all or len(self._all) < _MOST_LEAVES:
                self._all[leaf] += n
                of_part[leaf] += n

    def forget_since(self, onset_s: float) -> None:
        """Drop queued windows that belong to a fault."""
        while self._pending and self._pending[-1][0] > onset_s:
            self._pending.pop()

    def expected(self, usual: Mapping[int, float]) -> dict[Leaf, float]:
        """Usual counts by leaf, where ``usual`` is the whole's in each part of the day that is asked about."""
        counts = self._all.copy()
        for _, queued in self._pending:
            counts.update(queued)
        whole = counts.total()
        told: dict[Leaf, float] = {}
        for part, mean in usual.items():
            here = self._parts.get(part, Counter())
            scale = mean / (here.total() + _LEAN)
            for leaf, n in counts.items():
                told[leaf] = told.get(leaf, 0.0) + scale * (here[leaf] + _LEAN * n / whole)
        return told


def localise(observed: Mapping[Leaf, int], expected: Mapping[Leaf, float], known: Localised) -> Localised:
    """The faults in the counts, besides what is ``known`` already: that only grows as one alarm goes on.

    A subset scan finds the sets of leaves that rose together. Each is then told in full: of an attribute it is bound
    to, the values it is bound to; of any other, the values that stand out among its leaves. So a fault that shows as
    sign-in trouble alone is told as that, though naming its component would have explained as much.
    """
    seen = {leaf: float(n) for leaf, n in observed.items() if n > 0}
    active = {leaf.region for leaf in (*seen, *expected) if leaf.region is not None}
    faults = [_told(where, seen, expected, active) for where in _sets(seen, expected)]
    told = [known, *faults]
    now = roll_up(_union("regions", told) - {r for r in known.regions if "-" not in r}, active)
    return Localised(
        components=tuple(sorted(_union("components", told))),
        regions=grown(known.regions, now),
        problems=tuple(sorted(_union("problems", told))),
        models=tuple(sorted(_union("models", told))),
        faults=tuple(faults) if len(faults) > 1 else (),
    )


def _sets(observed: Mapping[Leaf, float], expected: Mapping[Leaf, float]) -> list[dict[str, tuple[str, ...]]]:
    from stillup.verdict.locate.scan import (
        scan,  # numpy: a tenth of a second that a first answer in calm need not wait for
    )
    from stillup.verdict.locate.table import Table

    leaves = list({**expected, **observed})
    table = Table.of(
        Leaf._fields,
        list(zip(*leaves, strict=True)) if leaves else [()] * len(Leaf._fields),
        [expected.get(leaf, 0.0) for leaf in leaves],
        [observed.get(leaf, 0.0) for leaf in leaves],
    )
    found = [f for f in scan(table, several=True) if f.observed > f.expected]
    excess = sum(f.observed - f.expected for f in found[:1])
    return [f.where for f in found[:_MOST_FAULTS] if f.observed - f.expected >= _SHARE * excess]


def _told(
    where: Mapping[str, tuple[str, ...]],
    observed: Mapping[Leaf, float],
    expected: Mapping[Leaf, float],
    active: set[str],
) -> Localised:
    """One fault in full: the values of each attribute that stand out in it."""

    def inside(leaf: Leaf) -> bool:
        return all(getattr(leaf, name) in (*values, None) for name, values in where.items())

    seen = {leaf: n for leaf, n in observed.items() if inside(leaf)}
    usual = {leaf: n for leaf, n in expected.items() if inside(leaf)}
    named = {
        name: {v for v in where[name] if any(leaf[a] == v for leaf in seen)}
        if where.get(name)
        else _standing_out(seen, usual, a)
        for a, name in enumerate(Leaf._fields)
    }
    return Localised(
        components=tuple(sorted(named["component"])),
        regions=roll_up(named["region"], active),
        problems=tuple(sorted(named["problem"])),
        models=tuple(sorted(named["model"])),
    )


def _standing_out(observed: Mapping[Leaf, float], expected: Mapping[Leaf, float], attribute: int) -> set[str]:
    """The values that have more than usual: at least two, three nats' worth, and a twentieth of the excess."""
    excess = sum(observed.values()) - sum(expected.values())
    seen, usual = _margin(observed, attribute), _margin(expected, attribute)
    # A value never seen in calm times may have been half a report short of it; where hardly any calm report is known
    # that says nothing, and what people name now must do.
    floor = min(0.5 * min((n for n in expected.values() if n > 0), default=1e-3), _UNSEEN * sum(observed.values()))
    return {
        value
        for value, n in seen.items()
        if n >= _LEAST_REPORTS
        and n - usual.get(value, 0.0) >= _SHARE * excess
        and surprise(n, max(usual.get(value, 0.0), floor)) >= _STANDS_OUT_NATS
    }


def _margin(table: Mapping[Leaf, float], attribute: int) -> dict[str, float]:
    margin: dict[str, float] = {}
    for leaf, n in table.items():
        value = leaf[attribute]
        if value is not None:
            margin[value] = margin.get(value, 0.0) + n
    return margin


def _union(name: str, told: Sequence[Localised]) -> set[str]:
    return {value for fault in told for value in getattr(fault, name)}


def surprise(x: float, mean: float) -> float:
    """Log-likelihood gain of a Poisson count's own rate over ``mean``, in nats; 0 up to the mean."""
    return 0.0 if x <= mean else x * log(x / mean) - (x - mean)
