"""Where the excess lies: which values of component, region, problem, client and model stand out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from stillup.verdict.baseline import surprise

_STANDS_OUT_NATS = 3.0
"""Twenty to one that this value alone has more than usual."""

_SHARE = 0.05
"""Less than a twentieth of the excess is noise around it."""

_LAG_S = 45 * 60


class Leaf(NamedTuple):
    """The attributes of a count; None where the source does not say."""

    component: str | None
    region: str | None
    problem: str | None
    client: str | None
    model: str | None


class Localised(Struct, frozen=True):
    """The values that carry the excess, each sorted."""

    components: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class LeafRates:
    """How often each leaf is seen in calm times: counts and the seconds they took."""

    def __init__(self) -> None:
        self._counts: Counter[Leaf] = Counter()
        self._seconds = 0.0
        self._pending: deque[tuple[float, Counter[Leaf], float]] = deque()

    def observe(self, at_s: float, counted: Counter[Leaf], exposure_s: float) -> None:
        """Queue a calm window; it is learned when it is old enough not to be the start of a fault."""
        self._pending.append((at_s, counted, exposure_s))
        while self._pending and self._pending[0][0] <= at_s - _LAG_S:
            _, old, seconds = self._pending.popleft()
            self._counts.update(old)
            self._seconds += seconds

    def forget_since(self, onset_s: float) -> None:
        """Drop queued windows that belong to a fault."""
        while self._pending and self._pending[-1][0] > onset_s:
            self._pending.pop()

    def expected(self, total: float) -> dict[Leaf, float]:
        """Usual counts by leaf, scaled to the expected ``total``."""
        counts = self._counts.copy()
        for _, queued, _ in self._pending:
            counts.update(queued)
        whole = counts.total()
        return {leaf: total * n / whole for leaf, n in counts.items()} if whole else {}


def localise(observed: Mapping[Leaf, int], expected: Mapping[Leaf, float], known: Localised) -> Localised:
    """The values of each attribute that stand out, besides those ``known`` already; regions rolled up.

    A value stands out when its count is at least two, surprises by three nats, and carries a twentieth of the excess.
    """
    excess = max(1.0, sum(observed.values()) - sum(expected.values()))

    def standing_out(attribute: int) -> tuple[set[str], set[str]]:
        seen, usual = _margin(observed, attribute), _margin(expected, attribute)
        out = {
            value
            for value, n in seen.items()
            if n >= 2
            and surprise(n, max(usual.get(value, 0.0), 1e-3)) >= _STANDS_OUT_NATS
            and n - usual.get(value, 0.0) >= _SHARE * excess
        }
        return out, set(seen) | set(usual)

    regions, active = standing_out(1)
    return Localised(
        components=tuple(sorted(standing_out(0)[0].union(known.components))),
        regions=roll_up(regions.union(known.regions), active),
        problems=tuple(sorted(standing_out(2)[0].union(known.problems))),
        models=tuple(sorted(standing_out(4)[0].union(known.models))),
    )


def roll_up(regions: set[str], active: set[str]) -> tuple[str, ...]:
    """Regions at the finest level that explains the excess; a country stands for its parts if all active are in."""
    out = set(regions)
    for country in {r.split("-")[0] for r in regions if "-" in r}:
        parts = {r for r in active if r.startswith(country + "-")}
        if country in regions:
            # Reports that name only the country are spread over it; its parts say where, unless all of them do.
            out -= {country} if not parts <= regions else parts
        elif len(parts) > 1 and parts <= regions:
            out = (out - parts) | {country}
    return tuple(sorted(out))


def _margin(table: Mapping[Leaf, float], attribute: int) -> dict[str, float]:
    margin: dict[str, float] = {}
    for leaf, n in table.items():
        value = leaf[attribute]
        if value is not None:
            margin[value] = margin.get(value, 0.0) + n
    return margin
