"""How noisy a table is, and its counts restated so that their noise is Poisson's."""

from __future__ import annotations

import numpy as np

from stillup.verdict.locate.table import Cuboid, Floats, Table

_ENOUGH = 5.0
"""Counts below this are too lumpy for a median of deviations to say anything; Poisson is assumed of them."""

_LEAST_LEAVES = 20
_BINS = 12
_LOWER_HALF = 0.3247
"""The mean of the smaller half of a standard normal's absolute deviations."""

_MEDIAN_SQUARE = 0.455
_LEAST_RELATIVE = 0.05**2
"""No forecast of a leaf is better than 5 %, whatever the table's calm part says."""

DRIFT = (0.8, 1.25)
"""A whole table that is off by more than this is a fault of everything, not a forecast's error."""

_DRIFT_DEVIATIONS = 2.0
"""A median of few values is off by chance; below so many standard deviations it is not believed."""

_LEAST_VALUES = 3
_LEAST_GROUPS = 8


def effective(table: Table) -> tuple[Floats, Floats]:
    """Observed and expected of each leaf in *effective counts*, whose variance is their mean as Poisson's is.

    A leaf's variance is taken as ``a·e + b·e²`` (counting noise, relative forecast noise). Times ``e / variance`` its
    deviation keeps its likelihood, and the plain expectation-based Poisson scan is right for any such table, counts or
    not: a leaf speaks as loudly as its own noise allows.
    """
    observed, expected = table.observed, table.expected
    known = expected > 0
    if not known.any():
        return observed, np.full_like(observed, 0.5)
    # Nothing expected and something seen: half of the least that was expected of anything, as a forecast from counts
    # resolves no finer, but no more than half a count.
    mean = float(expected[known].mean())
    tiny = max(0.5 * min(float(expected[known].min()), 1.0 if _counts(observed) else 1e-3 * mean), 1e-3 * mean)
    expected = np.where(known, expected, tiny)
    counting, relative = noise(expected, observed)
    weight = 1.0 / (counting + max(relative, _LEAST_RELATIVE) * expected)
    return observed * weight, expected * weight


def noise(expected: Floats, observed: Floats) -> tuple[float, float]:
    """The factors ``a`` and ``b`` of variance = ``a·e + b·e²``.

    From the smaller half of the deviations in up to twelve bins of ``e``, so that a fault on less than half of the
    leaves does not count. (The median alone jumps from count to count.) Whole numbers have Poisson's ``a = 1``.
    """
    counts = _counts(observed)
    used = expected >= _ENOUGH if counts else expected > 0
    if used.sum() < _LEAST_LEAVES:
        return 1.0, 0.0
    order = np.argsort(expected[used])
    usual, seen = expected[used][order], observed[used][order]
    bins = np.array_split(np.arange(len(usual)), max(1, min(_BINS, len(usual) // _LEAST_LEAVES)))
    level = np.array([np.median(usual[b]) for b in bins])
    spread = np.array([_spread(usual[b], seen[b]) for b in bins])
    if counts:
        share = level / spread
        return 1.0, max(0.0, float((share * (1.0 - 1.0 / spread)).sum() / (share**2).sum()))
    counting, relative = _non_negative_fit(level, spread)
    return max(counting, 1e-9), relative


def _counts(observed: Floats) -> bool:
    return bool(np.all(observed == np.round(observed)))


def _spread(usual: Floats, seen: Floats) -> float:
    """Robust variance of these leaves over their expectation, around their common ratio."""
    ratio = np.median(seen / usual)
    deviation = np.sort(np.abs(seen - ratio * usual) / np.sqrt(usual))
    return max(float((deviation[: (len(deviation) + 1) // 2].mean() / _LOWER_HALF) ** 2), 1e-12)


def _non_negative_fit(level: Floats, spread: Floats) -> tuple[float, float]:
    """Least relative squares of ``spread ≈ a + b·level`` with neither negative."""
    columns = np.stack([1.0 / spread, level / spread], axis=1)
    best, least = (1.0, 0.0), np.inf
    for used in ([0, 1], [0], [1]):
        told = np.linalg.lstsq(columns[:, used], np.ones(len(spread)), rcond=None)[0]
        fit = np.zeros(2)
        fit[used] = told
        error = float(((columns @ fit - 1.0) ** 2).sum())
        if (told >= 0).all() and error < least - 1e-9:
            best, least = (float(fit[0]), float(fit[1])), error
    return best


def background(observed: Floats, expected: Floats, grouped: list[Cuboid]) -> float:
    """By what ratio the whole table is off its forecast, apart from faults of part of it.

    The weighted median ratio of an attribute's values, of the attribute that looks calmest: a fault of some values
    leaves the other values of that attribute calm, whatever it does to the other attributes. Where no attribute has
    three values with enough counts to take a median of, the whole's own ratio.
    """
    ratios = []
    for cuboid in grouped:
        seen, usual = cuboid.sums(observed), cuboid.sums(expected)
        told = usual >= _ENOUGH
        if len(cuboid.attributes) == 1 and told.sum() >= _LEAST_VALUES:
            ratios.append(_weighted_median(seen[told], usual[told]))
    whole = float(observed.sum() / max(expected.sum(), 1e-9))
    calmest = min(ratios, key=lambda ratio: abs(np.log(max(ratio, 1e-9))), default=whole)
    believed = abs(np.log(max(calmest, 1e-9))) * np.sqrt(expected.sum()) >= _DRIFT_DEVIATIONS
    return calmest if believed else 1.0


def _weighted_median(seen: Floats, usual: Floats) -> float:
    ratio = seen / np.maximum(usual, 1e-9)
    order = np.argsort(ratio)
    weight = np.cumsum(usual[order])
    return float(ratio[order][np.searchsorted(weight, weight[-1] / 2.0)])


def shared_noise(seen: Floats, usual: Floats) -> float:
    """The factor ``r`` by which the groups of a cuboid vary beyond Poisson: variance = ``e + r·e²``.

    Forecasts of leaves err together (a whole place, a whole site); only the groups themselves show it. ``r`` is by how
    much the median squared deviation of the groups lies beyond Poisson's (0.455 is the median of a chi-square of one
    degree), so that faults in less than half of them do not count; 0 where too few groups tell.
    """
    told = usual >= _ENOUGH
    if told.sum() < _LEAST_GROUPS:
        return 0.0
    squared = (seen[told] - usual[told]) ** 2 / _MEDIAN_SQUARE
    return max(0.0, float(np.median((squared - usual[told]) / usual[told] ** 2)))
