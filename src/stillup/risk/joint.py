"""How long all of a chain are down at once: independent failures, and causes that several share. Pure, seeded.

The model (common shocks, in the manner of Marshall and Olkin, 1967). A subject is down a share ``p`` of the time. Of
the rarest one's downtime in a group, a share ``b`` has one cause and takes them all. Every group of the chain may be
down for one cause while the others are down on their own, so all are down for

    product of all p  +  sum over groups B of two or more of b(B) min(p in B) product(p outside B)

of the time, and never for longer than the best of them. For more than two, ``b`` is believed to be that of the pair
that shares least, times ``w`` for each service beyond two and ``v`` for each further part of a service: the chances
that a cause that two share takes one more. How often a group was seen to go down together, as a Poisson number, is then
weighed in for that group alone. A time when three were down is thus counted for each pair of them as well: where most
of the downtime is shared, the sum is somewhat too high, which is the safe side.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate, combinations, pairwise
from math import exp, log, prod, sqrt
from random import Random
from statistics import NormalDist, fmean
from typing import NamedTuple

from stillup.risk.shipped import Shared

MOST = 6
"""A chain longer than this counts as its best so many: who is down with these is down."""
ODD = 0.03
"""How likely two are to share as much as you like, all the same: two names may lead to one machine. Assumed."""
STEPS = 60
ALIKE = 0.8
"""How much what one group shares goes with what others share (a normal copula). Assumed."""
_TRIES = 40
_COARSE = 12
_TINY = 1e-12
_NORMAL = NormalDist()

Grid = tuple[Sequence[float], Sequence[float]]
"""Values and their weights."""
Group = tuple[int, ...]


class Met(NamedTuple):
    """What was seen of some at once: how often they went down together, and in how many chances.

    ``chances`` are the hours watched by a possible mean length of being down together, one for each draw.
    """

    times: int
    chances: Sequence[float]


def groups_of(count: int) -> list[Group]:
    """All groups of two or more of so many, the smaller ones first."""
    return [group for size in range(2, count + 1) for group in combinations(range(count), size)]


def all_down_share(alone: Sequence[float], shared: Mapping[Group, float]) -> float:
    """The share of the time in which all are down, by the formula of this module."""
    total = prod(alone)
    for group, b in shared.items():
        if b:
            rest = prod([p for i, p in enumerate(alone) if i not in group])
            total += b * min([alone[i] for i in group]) * rest
    return min(total, *alone)


def possible_shared(belief: Shared) -> tuple[list[float], list[float]]:
    """The shares of a common cause that are believed in, and their weights."""
    alpha, beta = belief.share
    ends = [(i / STEPS) ** 2 for i in range(STEPS + 1)]  # closer together where it matters
    cells = [((low + high) / 2, high - low) for low, high in pairwise(ends)]
    slab = [v ** (alpha - 1) * (1 - v) ** (beta - 1) * width for v, width in cells]
    some, whole = 1 - belief.none, sum(slab)
    weights = [some * ((1 - ODD) * w / whole + ODD * width) for w, (_, width) in zip(slab, cells, strict=True)]
    return [0.0, *(v for v, _ in cells)], [belief.none, *weights]


def mean_shared(belief: Shared) -> float:
    """The mean of what is believed."""
    return (1 - belief.none) * ((1 - ODD) * belief.share[0] / sum(belief.share) + ODD / 2)


def taking_more(pair: Grid, chances: Sequence[tuple[float, float]]) -> Grid:
    """What a larger group shares: that of a pair, times chances that are beta distributions."""
    values, weights = pair
    for chance in chances:
        grid = possible_shared(Shared(none=0.0, share=chance))
        some, levels = quantiles(grid, _COARSE), quantiles((values, weights), 2 * _COARSE)
        values = sorted(v * w for v in levels for w in some)
        weights = [1.0] * len(values)
    return values, weights


def after_meeting(before: Grid, met: Met, base: Sequence[float], rarest: Sequence[float]) -> Grid:
    """The same after what was seen at once.

    ``base`` and ``rarest`` are, for each draw, the share of the time in which all are down with no cause of their own,
    and the least share of any.
    """
    values, weights = before
    tries = list(zip(base, rarest, met.chances, strict=True))[:_TRIES]
    seen = [fmean([_poisson(met.times, (b + value * p) * chances) for b, p, chances in tries]) for value in values]
    after = [weight * fits for weight, fits in zip(weights, seen, strict=True)]
    return values, after if sum(after) else weights


def drawn(grid: Grid, common: Sequence[float], random: Random) -> list[float]:
    """A value for each draw: the more one group shares, the more do others. Values in order, ``common`` normal."""
    ends = list(accumulate(grid[1]))
    own = sqrt(1 - ALIKE)
    places = (_NORMAL.cdf(sqrt(ALIKE) * z + own * random.gauss()) * ends[-1] for z in common)
    return [grid[0][min(bisect_left(ends, place), len(ends) - 1)] for place in places]


def quantiles(grid: Grid, count: int) -> list[float]:
    """So many values of a distribution, each standing for as much of it; the values must be in order."""
    ends = list(accumulate(grid[1]))
    return [grid[0][min(bisect_left(ends, (i + 0.5) / count * ends[-1]), len(ends) - 1)] for i in range(count)]


def _poisson(times: int, expected: float) -> float:
    """Up to a factor that is the same for all."""
    expected = max(expected, _TINY)
    return exp(times * log(expected / max(times, 1)) - expected + times)
