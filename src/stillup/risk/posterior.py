"""Hours a year of one alternating process: what was believed before, and what a record adds. Pure, seeded.

Incidents begin at a steady rate while it is up (gamma prior), and their lengths are log-normal (normal-inverse-gamma
prior; Gelman et al., Bayesian Data Analysis, 3rd ed., 3.3), no longer than ``LONGEST_H``. A length that is known only
as "at least" is filled in by the distribution itself, draw by draw (data augmentation: Tanner and Wong, 1987).
Hours a year are ``8766 r m / (1 + r m)`` with the rate ``r`` and the mean length ``m`` in years.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from random import Random
from statistics import NormalDist, fmean
from typing import NamedTuple

from msgspec import Struct

from stillup.risk.stretches import Seen
from stillup.risk.values import HOURS_A_YEAR, Hours

LONGEST_H = 14 * 24.0
"""No outage of the record took longer; a heavy tail without an end would have no mean to speak of."""
DRAWS = 1_000
_SOME = 50
_OPEN = 100
"""Of more outages whose end was not seen, the longest so many are filled in, the others taken as they are."""
_NORMAL = NormalDist()
_TINY = 1e-12


class Prior(Struct, frozen=True, kw_only=True):
    """What is believed of a subject: it weighs as ``shape`` incidents in ``years``, with ``lengths`` of them timed.

    ``log_hours`` is the mean of ln(length in hours), ``spread2`` its variance, which is known as from ``freedom``
    incidents.
    """

    shape: float
    years: float
    log_hours: float
    lengths: float
    spread2: float
    freedom: float

    def no_surer_than(self, shape: float, lengths: float, freedom: float) -> Prior:
        """The same figures, weighing no more than so many incidents."""
        times = min(1.0, shape / self.shape)
        return Prior(
            shape=self.shape * times,
            years=self.years * times,
            log_hours=self.log_hours,
            lengths=min(self.lengths, lengths),
            spread2=self.spread2,
            freedom=min(self.freedom, freedom),
        )


class Draw(Struct, frozen=True):
    """One of many possible truths: incidents a year of up time, and their mean hours."""

    rate: float
    mean_h: float

    @property
    def share(self) -> float:
        """The share of the time in which it is down."""
        years = self.rate * self.mean_h / HOURS_A_YEAR
        return years / (1 + years)


class _Sums(NamedTuple):
    """Of log lengths: how many, their sum and that of their squares."""

    number: int
    total: float
    squares: float

    @classmethod
    def of(cls, logs: Sequence[float]) -> _Sums:
        return cls(len(logs), sum(logs), sum(x * x for x in logs))

    def and_(self, more: Sequence[float]) -> _Sums:
        return _Sums(self.number + len(more), self.total + sum(more), self.squares + sum(x * x for x in more))


def after(prior: Prior, record: Seen) -> Prior:
    """The belief after a record, where every incident's end was seen (those that are open are left out of lengths)."""
    return _with_lengths(
        Prior(
            shape=prior.shape + record.begun,
            years=prior.years + record.up_years,
            log_hours=prior.log_hours,
            lengths=prior.lengths,
            spread2=prior.spread2,
            freedom=prior.freedom,
        ),
        _Sums.of([log(h) for h in record.ended]),
    )


def draws(prior: Prior, record: Seen, random: Random, count: int = DRAWS) -> list[Draw]:
    """Possible truths after the record, each as likely as the next."""
    rates = Prior(
        shape=prior.shape + record.begun,
        years=prior.years + record.up_years,
        log_hours=0.0,
        lengths=1.0,
        spread2=1.0,
        freedom=1.0,
    )
    still = sorted(record.open)
    told = _Sums.of([log(h) for h in (*record.ended, *still[:-_OPEN])])
    least = [log(h) for h in still[-_OPEN:]]
    belief = _with_lengths(prior, told)
    filled = [x + 0.5 for x in least]
    out = []
    for _ in range(count):
        if least:
            belief = _with_lengths(prior, told.and_(filled))
        spread2 = belief.freedom * belief.spread2 / (2 * random.gammavariate(belief.freedom / 2, 1.0))
        mean = random.gauss(belief.log_hours, sqrt(spread2 / belief.lengths))
        filled = [_beyond(x, mean, sqrt(spread2), random) for x in least]
        rate = random.gammavariate(rates.shape, 1 / rates.years)
        out.append(Draw(rate, mean_length(mean, spread2)))
    return out


def mean_length(log_hours: float, spread2: float) -> float:
    """The mean of a log-normal length that ends at ``LONGEST_H``: its limited expected value."""
    spread, most = sqrt(spread2), log(LONGEST_H)
    within = _NORMAL.cdf((most - log_hours - spread2) / spread)
    beyond = 1 - _NORMAL.cdf((most - log_hours) / spread)
    return min(LONGEST_H, exp(min(log_hours + spread2 / 2, 50.0)) * within + LONGEST_H * beyond)


def together_lengths(alone: Sequence[Sequence[Draw]], together: Seen, random: Random) -> list[float]:
    """Possible mean hours of being down together, from what was seen and, before that, from the shortest of each."""
    shortest = fmean(log(min(d.mean_h for d in each)) for each in list(zip(*alone, strict=True))[:_SOME])
    prior = Prior(shape=1.0, years=1.0, log_hours=shortest - 1.0, lengths=1.0, spread2=1.4, freedom=5.0)
    return [d.mean_h for d in draws(prior, together, random, len(alone[0]))]


def hours_of(shares: Sequence[float], level: float = 0.9) -> Hours:
    """Median and interval of hours a year, from shares of the time that are possible truths."""
    found = sorted(shares)
    low, mid, high = (found[int(q * len(found))] * HOURS_A_YEAR for q in ((1 - level) / 2, 0.5, (1 + level) / 2))
    return Hours(mid, low, high, level)


def _with_lengths(prior: Prior, told: _Sums) -> Prior:
    if not told.number:
        return prior
    count, mean = told.number, told.total / told.number
    lengths, freedom = prior.lengths + count, prior.freedom + count
    within = max(told.squares - count * mean**2, 0.0)
    between = prior.lengths * count / lengths * (mean - prior.log_hours) ** 2
    return Prior(
        shape=prior.shape,
        years=prior.years,
        log_hours=(prior.lengths * prior.log_hours + count * mean) / lengths,
        lengths=lengths,
        spread2=(prior.freedom * prior.spread2 + within + between) / freedom,
        freedom=freedom,
    )


def _beyond(least: float, mean: float, spread: float, random: Random) -> float:
    """A normal draw that is no less than ``least`` (by the inverse of its distribution)."""
    left = 1 - _NORMAL.cdf((least - mean) / spread)
    tail = max(left * random.random(), _TINY)
    return max(least, mean - spread * _NORMAL.inv_cdf(tail)) if tail < 1 else least
