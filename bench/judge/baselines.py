"""Other ways to localise, each in a few lines: what the scan is measured against. Cases in, ranked sets out."""

from __future__ import annotations

from itertools import combinations
from math import log
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tables import Case, Cause

MOST = 10


def poisson_scan(case: Case) -> list[Cause]:
    """Every combination of one value an attribute, by its expectation-based Poisson log-likelihood ratio."""
    ranked: list[tuple[float, Cause]] = []
    for attributes, group, first in _groupings(case):
        o, e = np.bincount(group, case.observed), np.maximum(np.bincount(group, case.expected), 1e-3)
        score = o * np.log(np.maximum(o, 1e-300) / e) - (o - e)
        ranked += [(float(score[g]), _cause(case, attributes, first[g])) for g in np.argsort(-score)[:MOST]]
    return [cause for _, cause in sorted(ranked, key=lambda r: -r[0])[:MOST]]


def leaf_votes(case: Case) -> list[Cause]:
    """Call each leaf abnormal or not by its ratio; rank combinations by how well they match the abnormal leaves.

    What the ripple-effect and pattern-mining methods rest on, without their refinements.
    """
    ratio = np.log((case.observed + 0.5) / (case.expected + 0.5))
    spread = 1.4826 * np.median(np.abs(ratio - np.median(ratio)))
    abnormal = (np.abs(ratio - np.median(ratio)) > max(3.0 * spread, 0.1)).astype(float)
    ranked: list[tuple[float, Cause]] = []
    for attributes, group, first in _groupings(case):
        hits, size = np.bincount(group, abnormal), np.bincount(group)
        score = 2.0 * hits / (size + max(abnormal.sum(), 1.0)) - 0.01 * len(attributes)
        ranked += [(float(score[g]), _cause(case, attributes, first[g])) for g in np.argsort(-score)[:MOST]]
    return [cause for _, cause in sorted(ranked, key=lambda r: -r[0])[:MOST]]


def surprise_by_attribute(case: Case) -> list[Cause]:
    """Adtributor's idea: the attribute whose mix changed most, and its values that explain two thirds of the change."""
    ranked: list[tuple[float, Cause]] = []
    change = case.observed.sum() - case.expected.sum()
    for a, name in enumerate(case.attributes):
        o, e = np.bincount(case.codes[:, a], case.observed), np.bincount(case.codes[:, a], case.expected)
        p, q = e / max(e.sum(), 1e-9), o / max(o.sum(), 1e-9)
        middle = np.maximum((p + q) / 2.0, 1e-300)
        surprise = p * np.log(np.maximum(p, 1e-300) / middle) + q * np.log(np.maximum(q, 1e-300) / middle)
        explained, values = 0.0, []
        for v in np.argsort(-surprise):
            if change and (o[v] - e[v]) / change > 0.05 and explained < 0.67:
                explained += (o[v] - e[v]) / change
                values.append(v)
        if explained >= 0.67:
            labels = tuple(sorted(case.labels[a][v] for v in values))
            ranked.append((float(surprise[values].sum()), {name: labels}))
    return [cause for _, cause in sorted(ranked, key=lambda r: -r[0])]


def margin_rule(case: Case) -> list[Cause]:
    """The rule stillup had before: each attribute alone, its values that surprise by three nats, as one set."""
    excess = max(1.0, float(case.observed.sum() - case.expected.sum()))
    cause: Cause = {}
    for a, name in enumerate(case.attributes):
        o, e = np.bincount(case.codes[:, a], case.observed), np.bincount(case.codes[:, a], case.expected)
        out = [
            case.labels[a][v]
            for v in range(len(o))
            if o[v] >= 2 and o[v] - e[v] >= 0.05 * excess and _surprise(o[v], max(e[v], 1e-3)) >= 3.0
        ]
        if out and len(out) < len(case.labels[a]):
            cause[name] = tuple(sorted(out))
    return [cause] if cause else []


def _surprise(x: float, mean: float) -> float:
    return x * log(x / mean) - (x - mean) if x > mean else 0.0


def _groupings(case: Case) -> list[tuple[tuple[int, ...], NDArray[np.intp], NDArray[np.intp]]]:
    found = []
    for depth in range(1, len(case.attributes) + 1):
        for attributes in combinations(range(len(case.attributes)), depth):
            key = np.zeros(len(case.codes), np.int64)
            for a in attributes:
                key = key * len(case.labels[a]) + case.codes[:, a]
            _, first, group = np.unique(key, return_index=True, return_inverse=True)
            found.append((attributes, group, first))
    return found


def _cause(case: Case, attributes: tuple[int, ...], leaf: int) -> Cause:
    return {case.attributes[a]: (case.labels[a][case.codes[leaf, a]],) for a in attributes}
