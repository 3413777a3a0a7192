"""Judged stretches of one stream of counts: their sum, where a rise began, and the band in which calm ones lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log, log1p, sqrt

import numpy as np
from msgspec import Struct

from stillup.verdict.counts.change import count_llr

_COUNTED_OUT = 4_000
"""Up to this mean quantiles are summed up; beyond it the distribution is smooth enough for a formula."""
_Z95 = 1.96


class Seen(Struct, frozen=True):
    """One judged stretch of time: what was counted until ``at_s``, and what was usual."""

    at_s: float
    exposure_s: float
    x: float
    mean: float


def onset(history: Sequence[Seen]) -> float:
    """The start of the stretch up to now that speaks loudest for a raised rate: the maximum-likelihood onset."""
    last = history[-1]
    best, start_s, x, mean = 0.0, last.at_s - last.exposure_s, 0.0, 0.0
    for seen in reversed(history):
        x += seen.x
        mean += seen.mean
        if x <= mean:
            continue
        gain = float(count_llr(x, mean, 1e9, min(1e4, max(1.5, x / mean))))
        if gain >= best:
            best, start_s = gain, seen.at_s - seen.exposure_s
    return start_s


def total(history: Iterable[Seen]) -> Seen:
    """One stretch made of many."""
    at_s = exposure_s = x = mean = 0.0
    for seen in history:
        at_s, exposure_s, x, mean = seen.at_s, exposure_s + seen.exposure_s, x + seen.x, mean + seen.mean
    return Seen(at_s, exposure_s, x, mean)


class UsualCount(Struct, frozen=True):
    """What is usual for a stretch: the mean of a negative binomial with variance ``mean + mean² / size``."""

    mean: float
    size: float

    def band(self) -> tuple[float, float]:
        """Between which counts 95 of 100 calm stretches lie."""
        return _band(round(self.mean, 3), round(self.size, 2))


def added(parts: Iterable[UsualCount]) -> UsualCount | None:
    """The usual of several streams together, as if none knew of the others; None of none."""
    known = tuple(parts)
    mean = sum(u.mean for u in known)
    excess = sum(u.mean * u.mean / u.size for u in known)
    return UsualCount(mean, mean * mean / max(excess, 1e-12)) if known else None


@lru_cache(maxsize=4_096)
def _band(mean: float, size: float) -> tuple[float, float]:
    if mean <= 0.0:
        return 0.0, 0.0
    size = max(size, 0.01)
    spread = sqrt(mean + mean * mean / size)
    if mean > _COUNTED_OUT:
        return _by_formula(mean, spread)
    most = int(mean + 12.0 * spread) + 20
    k = np.arange(1, most)
    # P(k) / P(k - 1) of a negative binomial; its start is size · ln(size / (size + mean)).
    steps = np.log((k - 1 + size) / k) + log(mean / (size + mean))
    below = np.exp(np.concatenate([[0.0], np.cumsum(steps)]) - size * log1p(mean / size)).cumsum()
    low, high = np.searchsorted(below, [0.025, 0.975])
    return float(low), float(high)


def _by_formula(mean: float, spread: float) -> tuple[float, float]:
    """Quantiles of the gamma distribution with that mean and spread, by Wilson and Hilferty (1931)."""
    ninth = (spread / mean) ** 2 / 9.0
    low, high = (mean * max(0.0, 1.0 - ninth + z * sqrt(ninth)) ** 3 for z in (-_Z95, _Z95))
    return round(low), round(high)
