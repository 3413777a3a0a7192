"""Simulated providers whose downtime, alone and together, is known exactly, and what one sees who watches them.

Each has its own outages, an alternating renewal process, and there are common shocks: a Poisson process that hits each
with a chance of its own, all for the same time. With ``q`` the share of a provider's own downtime and ``m`` the shocks
a year times their mean years, none of a group B is down ``product(1 - q) exp(-m (1 - product(1 - hit)))`` of the time
(a shot-noise process is void as often as a Poisson number is 0); all of a chain by inclusion and exclusion.
"""

from __future__ import annotations

from itertools import combinations
from math import exp, log, prod
from random import Random
from typing import NamedTuple

from stillup.risk.stretches import meet, tidy
from stillup.risk.values import HOURS_A_YEAR, Watched

HOUR_S, DAY_S = 3600.0, 86_400.0
TAILS = ("log-normal", "pareto", "weibull")


class Lengths(NamedTuple):
    """Hours that an outage takes: the mean, and the tail's kind and spread."""

    mean: float
    tail: str
    spread: float

    def draw(self, random: Random) -> float:
        if self.tail == "log-normal":
            return random.lognormvariate(log(self.mean) - self.spread**2 / 2, self.spread)
        if self.tail == "pareto":  # Lomax: index 1.6 to 2.6, so that its variance may have no end
            return self.mean * (self.power - 1) * (random.paretovariate(self.power) - 1)
        return random.weibullvariate(self.mean / 2.0, 0.5)  # a stretched exponential: gamma(3) = 2

    @property
    def power(self) -> float:
        return 3.4 - self.spread


class Provider(NamedTuple):
    """``a_year`` outages of its own a year of up time, whose gaps are gamma with this shape: 0.5 comes in bursts."""

    a_year: float
    lengths: Lengths
    hit: float
    shape: float

    @property
    def own(self) -> float:
        years = self.a_year * self.lengths.mean / HOURS_A_YEAR
        return years / (1 + years)


class World(NamedTuple):
    """Some providers and their common shocks."""

    providers: tuple[Provider, ...]
    shocks_a_year: float
    shock: Lengths

    def hours(self, *which: int) -> float:
        """Hours a year for which all of these are down: exactly."""
        total = 0.0
        for size in range(len(which) + 1):
            for group in combinations(which, size):
                total += (-1) ** size * self._none(group)
        return max(total, 0.0) * HOURS_A_YEAR

    def _none(self, group: tuple[int, ...]) -> float:
        missed = 1 - prod(1 - self.providers[i].hit for i in group)
        return prod(1 - self.providers[i].own for i in group) * exp(
            -self.shocks_a_year * self.shock.mean / HOURS_A_YEAR * missed
        )

    def play(self, days: float, random: Random) -> list[list[tuple[float, float]]]:
        """When each is down in so many days, in seconds; it has been going on before."""
        first, last = -60 * DAY_S, days * DAY_S
        downs: list[list[tuple[float, float]]] = [[] for _ in self.providers]
        for provider, down in zip(self.providers, downs, strict=True):
            at = first
            while at < last:
                gap = random.gammavariate(provider.shape, 1 / provider.shape) / provider.a_year * HOURS_A_YEAR
                at += gap * HOUR_S
                until = at + provider.lengths.draw(random) * HOUR_S
                down.append((at, until))
                at = until
        at = first
        while self.shocks_a_year:
            at += random.expovariate(self.shocks_a_year) * HOURS_A_YEAR * HOUR_S
            if at >= last:
                break
            until = at + self.shock.draw(random) * HOUR_S
            for provider, down in zip(self.providers, downs, strict=True):
                if random.random() < provider.hit:
                    down.append((at, until))
        return [meet([(0.0, last)], tidy(down)) for down in downs]

    def watch(self, days: float, random: Random, hours: str = "always") -> list[Watched]:
        """What is seen of each: always, in office hours, or by a machine that sleeps now and then."""
        watched = _watching(days, random, hours)
        return [Watched(watched=tuple(watched), down=tuple(meet(watched, d))) for d in self.play(days, random)]


def world(random: Random, tail: str, shared: float, count: int = 3) -> World:
    """A world of so many providers, of whose rarer one's downtime a share comes from common shocks.

    Rates from 2 to 60 a year, mean lengths from a quarter of an hour to six; not the shipped spread of peers.
    """
    spread = random.uniform(0.8, 1.6)
    rates = [exp(random.uniform(log(2), log(60))) for _ in range(count)]
    means = [exp(random.uniform(log(0.25), log(6))) for _ in range(count)]
    rarest = min(r * m for r, m in zip(rates, means, strict=True))
    hit = max(0.7, shared)
    each = rarest * shared / hit  # hours a year of shocks for each provider: hit by both is the wanted share
    shock = Lengths(min(means), tail, spread)
    providers = tuple(
        Provider(max(r - each / m, 1e-3), Lengths(m, tail, spread), hit, random.choice((0.5, 1.0, 1.0, 2.0)))
        for r, m in zip(rates, means, strict=True)
    )
    return World(providers, each / hit / shock.mean, shock)


def _watching(days: float, random: Random, hours: str) -> list[tuple[float, float]]:
    if hours == "always":
        return [(0.0, days * DAY_S)]
    if hours == "office":
        return [(d * DAY_S + 9 * HOUR_S, d * DAY_S + 18 * HOUR_S) for d in range(int(days)) if d % 7 < 5]
    out, at = [], 0.0
    while at < days * DAY_S:
        until = at + random.expovariate(1 / 30) * HOUR_S
        out.append((at, min(until, days * DAY_S)))
        at = until + random.expovariate(1 / 12) * HOUR_S
    return out
