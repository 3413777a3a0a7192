"""Sets with several values an attribute: fast subset scan, one attribute at a time, by description length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from stillup.verdict.locate import regions
from stillup.verdict.locate.table import Codes, Floats, Mask, Table, sums

Values = tuple[Mask | None, ...]
"""Which values of each attribute are in; None for all."""

_MOST_VALUES = 300
"""An attribute of more values keeps the one a climb begins with, or all: subsets of it would cost their square."""

_ROUNDS = 6
_LEADING = 3
ATTRIBUTE_NATS = 1.0
"""What it costs a description to speak of one more attribute, besides saying which values of it."""

_VALUE_NATS = 0.7
"""What each further value costs besides: sets of few values are likelier than sets of many."""


class Choice(Struct, frozen=True):
    """A product of subsets of values, the likelihood it gains and what its description costs, in nats."""

    values: Values
    gain: float
    cost: float

    @property
    def net(self) -> float:
        """What is gained beyond the cost."""
        return self.gain - self.cost

    @property
    def is_everything(self) -> bool:
        """Whether it is bound to nothing."""
        return all(v is None for v in self.values)

    @property
    def key(self) -> tuple[bytes | None, ...]:
        """What makes it the same set as another."""
        return tuple(None if v is None else v.tobytes() for v in self.values)

    def inside(self, codes: Codes) -> Mask:
        """Which leaves are in the set."""
        inside = np.ones(len(codes), dtype=bool)
        for a, chosen in enumerate(self.values):
            if chosen is not None:
                inside &= chosen[codes[:, a]]
        return inside


def gain(observed: Floats | np.float64, expected: Floats | np.float64) -> Floats:
    """Log-likelihood ratio of Poisson counts at their own rate to their expected one: ``o·ln(o/e) - (o - e)``, nats.

    The expectation-based scan statistic of Neill (2009).
    """
    usual = np.maximum(expected, 1e-9)
    seen = np.maximum(observed, 0.0)
    llr: Floats = seen * np.log(np.maximum(seen, 1e-300) / usual) - (seen - usual)
    return llr


class Dimension:
    """One attribute: its values, the groups a hierarchy puts them in, and what naming some of them costs."""

    def __init__(self, name: str, labels: Sequence[str | None]) -> None:
        self.size = len(labels)
        self.is_searched = 1 < self.size <= _MOST_VALUES
        told = regions.groups(labels) if name == "region" and self.is_searched else []
        members = np.array([[label in group for label in labels] for group in told], dtype=bool)
        self._alone: Mask = np.eye(self.size if self.is_searched else 0, dtype=bool)
        self._groups: Mask = members.reshape(len(told), self.size)
        shared = self._groups.astype(int) @ self._groups.T.astype(int)
        held = (shared == self._groups.sum(axis=1)[:, None]) & (self._groups.sum(axis=1)[:, None] < np.diag(shared))
        self._held_by: Mask = held  # [g, h]: group g lies wholly in the larger group h
        self._price = _prices(self.size + len(told))

    def cost(self, subsets: Mask) -> Floats:
        """What each of these subsets (rows) costs to name, whole groups counting as one; all values cost nothing."""
        chosen = subsets.sum(axis=1)
        named = chosen
        if len(self._groups):
            whole = (subsets.astype(int) @ self._groups.T.astype(int)) == self._groups.sum(axis=1)
            outermost = whole & ~(whole.astype(int) @ self._held_by.T.astype(int) > 0)
            covered = outermost.astype(int) @ self._groups.astype(int) > 0
            named = outermost.sum(axis=1) + (subsets & ~covered).sum(axis=1)
        price: Floats = np.where(chosen == self.size, 0.0, self._price[named])
        return price

    def best(self, seen: Floats, usual: Floats, *, more: bool) -> tuple[float, float, Mask | None]:
        """The subset of values with the most gain less cost: that gain, its cost, and the subset."""
        whole = float(gain(seen.sum(), usual.sum()))
        subsets = np.concatenate([_prefixes(units, seen, usual, more=more) for units in self._units(seen + usual > 0)])
        if not len(subsets):
            return whole, 0.0, None
        price = self.cost(subsets)
        gains = gain(subsets @ seen, subsets @ usual)
        top = int(np.argmax(gains - price))
        if gains[top] - price[top] <= whole or price[top] == 0.0:
            return whole, 0.0, None
        return float(gains[top]), float(price[top]), subsets[top]

    def _units(self, active: Mask) -> list[Mask]:
        """Ways to cut the active values up: each alone; by country; by continent."""
        alone = self._alone[active]
        if not len(self._groups):
            return [alone]
        inner = self._held_by.any(axis=1)
        levels = [self._groups[inner], self._groups[~inner]]
        return [alone, *(np.concatenate([g, self._alone[active & ~np.logical_or.reduce(g)]]) for g in levels if len(g))]


def _prices(most: int) -> Floats:
    """By how many are named: the attribute, which of the binomial many, and a little for each further value."""
    named = np.arange(1, most + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(named))])
    which = factorials[most] - factorials[named] - factorials[most - named]
    return np.concatenate([[0.0], ATTRIBUTE_NATS + which + _VALUE_NATS * (named - 1)])


def _prefixes(units: Mask, seen: Floats, usual: Floats, *, more: bool) -> Mask:
    """The unions of the units with the highest ratios (lowest for a shortfall): one of them is the best of all unions.

    That is the linear-time subset scanning property of Neill (2012), exact before description costs.
    """
    o, e = units @ seen, np.maximum(units @ usual, 1e-9)
    order = np.argsort(-o / e if more else o / e, kind="stable")
    taken = order[: int(((o > e) if more else (o < e)).sum())]
    unions: Mask = np.logical_or.accumulate(units[taken], axis=0)
    return unions


class Climb:
    """Improves a set one attribute at a time until nothing helps."""

    def __init__(self, table: Table) -> None:
        self._codes = table.codes
        self._dimensions = [Dimension(n, labels) for n, labels in zip(table.attributes, table.labels, strict=True)]

    def best(self, observed: Floats, expected: Floats, starts: Sequence[Values]) -> Choice:
        """The best set reached from any of the starts: a step from each, and on from the most promising."""
        first = {c.key: c for c in (self.grow(observed, expected, start, rounds=1) for start in starts)}
        leading = sorted(first.values(), key=lambda choice: -choice.net)[:_LEADING]
        grown = (self.grow(observed, expected, choice.values) for choice in leading)
        return max(grown, key=lambda choice: choice.net)

    def grow(
        self,
        observed: Floats,
        expected: Floats,
        start: Values,
        frozen: int | None = None,
        rounds: int = _ROUNDS,
    ) -> Choice:
        """The best set reached from ``start``; the values of attribute ``frozen`` stay."""
        values, codes = list(start), self._codes
        costs = [0.0 if v is None else float(self._dimensions[a].cost(v[None])[0]) for a, v in enumerate(values)]
        outside = [np.zeros(len(codes), bool) if v is None else ~v[codes[:, a]] for a, v in enumerate(values)]
        misses = np.sum(outside, axis=0, dtype=np.int8)
        inside = misses == 0
        seen, usual = observed[inside].sum(), expected[inside].sum()
        gained, more = float(gain(seen, usual)), bool(seen >= usual)
        net = gained - sum(costs)
        for _ in range(rounds):
            before = net
            for a, dimension in enumerate(self._dimensions):
                if not dimension.is_searched or a == frozen:
                    continue
                others = np.flatnonzero(misses == outside[a])
                column = codes[others, a]
                gained, costs[a], chosen = dimension.best(
                    sums(column, observed[others], dimension.size),
                    sums(column, expected[others], dimension.size),
                    more=more,
                )
                values[a] = chosen
                misses -= outside[a]
                outside[a] = np.zeros(len(codes), bool) if chosen is None else ~chosen[codes[:, a]]
                misses += outside[a]
            net = gained - sum(costs)
            if net <= before + 1e-6:
                break
        return Choice(tuple(values), gained, sum(costs))
