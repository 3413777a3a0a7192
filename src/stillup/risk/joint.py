"""How long all of a chain are down at once: independent failures, and causes that several share. Pure, seeded.

The model (common shocks, in the manner of Marshall and Olkin, 1967). A subject is down a share ``p`` of the time. Of
the rarer one's downtime, a share ``b`` of two has one cause and takes both; so both are down ``p q + b min(p, q)`` of
the time. Of more than two, every group of the chain may be down for one cause while the others are down on their own:
``sum over groups B of c(B) * product of p outside B``, with ``c`` of nobody 1, of two ``b min(p, q)``, and of more the
least of its pairs times ``w`` for each service beyond two and ``v`` for each further part of a service: the chances
that a cause that two share takes one more. No chain is down for longer than the best of it, or any two of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import exp, log, prod
from random import Random
from statistics import fmean
from typing import NamedTuple

from stillup.risk.posterior import Draw, Prior, draws
from stillup.risk.stretches import Seen

MOST = 6
"""A chain longer than this counts as its best so many: who is down with these is down."""
_STEPS = 60
_TRIES = 40


class Group(NamedTuple):
    """Some of a chain: its pairs, who else is in the chain, and how many beyond two are parts or services."""

    pairs: tuple[tuple[int, int], ...]
    rest: tuple[int, ...]
    near: int
    third: int


Grid = tuple[Sequence[float], Sequence[float]]


def groups_of(services: Sequence[str]) -> list[Group]:
    """Every group of a chain that one cause may take, the chain given by its services' names."""
    everybody = range(len(services))
    out = []
    for size in range(2, len(services) + 1):
        for group in combinations(everybody, size):
            apart = max(len({services[i] for i in group}), 2)
            rest = tuple(i for i in everybody if i not in group)
            out.append(Group(tuple(combinations(group, 2)), rest, size - apart, apart - 2))
    return out


def all_down_share(
    alone: Sequence[float], shared: Mapping[tuple[int, int], float], groups: Sequence[Group], near: float, third: float
) -> float:
    """The share of the time in which all are down, by the formula of this module."""
    common = {pair: b * min(alone[pair[0]], alone[pair[1]]) for pair, b in shared.items()}
    total = prod(alone)
    for group in groups:
        cause = min(common[pair] for pair in group.pairs) * near**group.near * third**group.third
        total += cause * prod(alone[i] for i in group.rest)
    return min(total, *alone, *(alone[i] * alone[j] + c for (i, j), c in common.items()))


def shared_after(
    belief: tuple[float, float], together: Seen, alone: tuple[Sequence[Draw], Sequence[Draw]], lengths: Sequence[float]
) -> Grid:
    """The share of a common cause after what was seen of both at once: values and their weights.

    ``lengths`` are possible mean hours of being down together. The number of times both went down is taken as Poisson.
    """
    values = [(i + 0.5) / _STEPS for i in range(_STEPS)]
    values = [v * v for v in values]  # closer together where it matters
    tries = [
        (a.share, b.share, 8_766.0 / h * together.up_years)
        for a, b, h in zip(alone[0][:_TRIES], alone[1][:_TRIES], lengths[:_TRIES], strict=True)
    ]
    weights = []
    for value in values:
        seen = fmean(_poisson(together.begun, (p * q + value * min(p, q)) * times) for p, q, times in tries)
        weights.append(_beta(belief, value) * value**0.5 * seen)
    if not sum(weights):
        return values, [_beta(belief, v) * v**0.5 for v in values]
    return values, weights


def together_lengths(alone: Sequence[Sequence[Draw]], together: Seen, random: Random, count: int) -> list[float]:
    """Possible mean hours of being down together, from what was seen and, before that, from the shorter of each."""
    before = fmean(log(min(each)) for each in zip(*([d.mean_h for d in one[:50]] for one in alone), strict=True))
    prior = Prior(shape=1.0, years=1.0, log_hours=before - 1.0, lengths=1.0, spread2=1.4, freedom=5.0)
    return [d.mean_h for d in draws(prior, together, random, count)]


def chain_weights(shares: Sequence[float], together: Seen, lengths: Sequence[float]) -> list[float]:
    """How likely each possible truth is after what was seen of all at once."""
    return [
        _poisson(together.begun, share * 8_766.0 / hours * together.up_years)
        for share, hours in zip(shares, lengths, strict=True)
    ]


def _poisson(count: int, expected: float) -> float:
    """Up to a factor that is the same for all."""
    expected = max(expected, 1e-12)
    return exp(count * log(expected / max(count, 1)) - expected + count)


def _beta(belief: tuple[float, float], value: float) -> float:
    return float(value ** (belief[0] - 1) * (1 - value) ** (belief[1] - 1))
