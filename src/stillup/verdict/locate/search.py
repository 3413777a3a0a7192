"""The two searches for faults in a table: sets of one value an attribute, and sets of several."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
from msgspec import Struct

from stillup.verdict.locate.dispersion import DRIFT, background, effective, shared_noise
from stillup.verdict.locate.subsets import ATTRIBUTE_NATS, Choice, Climb, Values, gain
from stillup.verdict.locate.table import Cuboid, Floats, Mask, Table, cuboids

_STANDS_OUT_NATS = 3.0
"""What a set must gain beyond the cost of naming it: on calm tables about one in twenty then names anything."""

_DOUBTFUL_NATS = 2.0
"""What a doubtful set must gain, a forecast's error left out of account."""

_FORECAST = 1.1
"""A forecast of anything may be a tenth off without a fault: significance is counted from there."""

_MOST_FAULTS = 6
_MOST_DOUBTFUL = 3
_MOST_STARTS = 8
_TOP = 3


class Rest(Struct, frozen=True):
    """What is left to explain: effective counts, zero where a fault has been found."""

    observed: Floats
    expected: Floats


class Single(Struct, frozen=True):
    """A set of one value an attribute: a group of a cuboid, or (without one) the whole table."""

    choice: Choice
    cuboid: Cuboid | None = None


class Apart(Struct, frozen=True):
    """Faults of one value an attribute; ``others`` are doubtful or alternatives, the likelier first."""

    faults: list[Choice]
    others: list[tuple[Choice, bool]]  # with whether it is an alternative


class Scanner:
    """A table in effective counts, grouped every way."""

    def __init__(self, table: Table) -> None:
        observed, expected = effective(table)
        self.table = table
        self._cuboids = cuboids(table)
        ratio = background(observed, expected, self._cuboids)
        self._all_rose_or_fell = not DRIFT[0] <= ratio <= DRIFT[1]
        self.whole = Rest(observed, expected if self._all_rose_or_fell else expected * ratio)

    def without(self, choice: Choice, rest: Rest) -> Rest:
        """What is left when the leaves of this set are explained."""
        inside = choice.inside(self.table.codes)
        return Rest(np.where(inside, 0.0, rest.observed), np.where(inside, 0.0, rest.expected))

    def singles(self, rest: Rest) -> list[Single]:
        """The whole table and the best three groups of each cuboid, by net gain."""
        return sorted(self._singles(rest), key=lambda single: -single.choice.net)

    def _singles(self, rest: Rest) -> Iterator[Single]:
        if rest is self.whole and self._all_rose_or_fell:
            everything = float(gain(rest.observed.sum(), rest.expected.sum()))
            yield Single(Choice((None,) * len(self.table.attributes), everything, 0.0))
        for cuboid in self._cuboids:
            gains = gain(cuboid.sums(rest.observed), cuboid.sums(rest.expected))
            price = float(np.log(len(gains))) + ATTRIBUTE_NATS * len(cuboid.attributes)
            top = np.argpartition(-gains, _TOP)[:_TOP] if len(gains) > _TOP else np.arange(len(gains))
            for g in top.tolist():
                yield Single(Choice(self._values(cuboid, g), float(gains[g]), price), cuboid)

    def _values(self, cuboid: Cuboid, group: int) -> Values:
        leaf = self.table.codes[cuboid.first[group]]
        return tuple(
            np.arange(len(labels)) == leaf[a] if a in cuboid.attributes else None
            for a, labels in enumerate(self.table.labels)
        )

    def stands_out(self, choice: Choice, rest: Rest, cuboid: Cuboid | None = None) -> bool:
        """Whether a set gains enough beyond a forecast's usual error, and beyond what its cuboid's groups share."""
        inside = choice.inside(self.table.codes)
        o, e = rest.observed[inside].sum(), rest.expected[inside].sum()
        shared = shared_noise(cuboid.sums(rest.observed), cuboid.sums(rest.expected)) if cuboid else 0.0
        beyond = gain(o, np.clip(o, e / _FORECAST, e * _FORECAST)) / (1.0 + shared * e)
        return bool(beyond - choice.cost >= _STANDS_OUT_NATS)


def apart(scanner: Scanner) -> Apart:
    """Peel faults off: find the best group, take its leaves out, and look again, until nothing stands out."""
    faults: list[Choice] = []
    doubtful: list[Choice] = []
    rest = scanner.whole
    first = singles = scanner.singles(rest)
    while len(faults) < _MOST_FAULTS and len(doubtful) < _MOST_DOUBTFUL and singles:
        top = singles[0]
        if top.choice.net < _DOUBTFUL_NATS:
            break
        sure = not doubtful and scanner.stands_out(top.choice, rest, top.cuboid)
        (faults if sure else doubtful).append(top.choice)
        rest = scanner.without(top.choice, rest)
        singles = scanner.singles(rest)
    told = {choice.key for choice in (*faults, *doubtful)}
    again = [single.choice for single in first if single.choice.net > 0 and single.choice.key not in told]
    if not (faults or doubtful):
        return Apart([], [])
    lead = [] if faults else [(doubtful.pop(0), False)]
    mixed = zip_longest(((choice, True) for choice in again), ((choice, False) for choice in doubtful))
    return Apart(faults, [*lead, *(other for pair in mixed for other in pair if other is not None)])


def together(scanner: Scanner) -> list[Choice]:
    """Peel faults of several values an attribute off, then find each anew on what the others leave."""
    climb = Climb(scanner.table)
    found: list[Choice] = []
    rest = scanner.whole
    while len(found) < _MOST_FAULTS and (starts := scanner.singles(rest)[:_MOST_STARTS]):
        top = climb.best(rest.observed, rest.expected, [start.choice.values for start in starts])
        if (found and top.is_everything) or not scanner.stands_out(top, rest):
            break
        parts = _parted(scanner, climb, top, rest)
        found += parts
        for choice in parts:
            rest = scanner.without(choice, rest)
    return sorted(_settled(scanner, climb, found), key=lambda choice: -choice.net)


def _settled(scanner: Scanner, climb: Climb, found: list[Choice]) -> list[Choice]:
    """Each of several faults found anew on what the others leave: the first were found while those were in the data."""
    settled = list(found)
    for i in reversed(range(len(found) if len(found) > 1 else 0)):
        rest = scanner.whole
        for other in settled[:i] + settled[i + 1 :]:
            rest = scanner.without(other, rest)
        anew = climb.grow(rest.observed, rest.expected, settled[i].values)
        settled[i : i + 1] = [anew] if scanner.stands_out(anew, rest) and not anew.is_everything else []
    return settled


def _parted(scanner: Scanner, climb: Climb, whole: Choice, rest: Rest) -> list[Choice]:
    """The set, or the two that explain more than it together: faults that share an attribute look like one."""
    best, parts = whole.net + _STANDS_OUT_NATS, [whole]
    for a, values in enumerate(whole.values):
        if values is None or values.sum() < 2:
            continue
        for part in _parts(values):
            one = climb.grow(rest.observed, rest.expected, _with(whole.values, a, part), frozen=a)
            left = scanner.without(one, rest)
            other = climb.grow(left.observed, left.expected, _with(whole.values, a, values & ~part))
            if min(one.net, other.net) >= _STANDS_OUT_NATS and one.net + other.net > best:
                best, parts = one.net + other.net, [one, other]
    return parts


def _parts(values: Mask) -> Iterator[Mask]:
    """Each value alone, and all but it."""
    for v in np.flatnonzero(values):
        alone = np.arange(len(values)) == v
        yield alone
        if values.sum() > 2:
            yield values & ~alone


def _with(values: Values, attribute: int, part: Mask) -> Values:
    return (*values[:attribute], part, *values[attribute + 1 :])
