"""The fit of the probability: penalised maximum likelihood of the shipped formula, by damped Gauss–Newton in numpy.

The same formula as ``stillup.verdict.chance.probability`` for many samples at once; ``bench/judge/chance.py`` checks
that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stillup.model.evidence import Standing
from stillup.model.service import Family
from stillup.verdict.chance import probability as chance
from stillup.verdict.chance.table import Word

if TYPE_CHECKING:
    from chance_world import Sample

Array = np.ndarray[Any, Any]

FAMILIES = tuple(Family)
_TALKS = np.array([f in chance.TALKERS for f in FAMILIES])
_ROUNDS, _STEP, _ENOUGH = 20, 1e-4, 1e-4


@dataclass
class Table:
    """All numbers of the formula."""

    prior: float
    rumour: float
    echo: float
    echo_grows: float
    records: dict[Family, Word]

    def flat(self) -> Array:
        odds = [np.log(p / (1 - p)) for p in (self.prior, self.rumour, self.echo)]
        return np.array([*odds, self.echo_grows, *(x for f in FAMILIES for x in self.records[f])])

    @classmethod
    def of(cls, flat: Array) -> Table:
        prior, rumour, echo = (1 / (1 + np.exp(-flat[:3]))).tolist()
        records = {f: Word(*row) for f, row in zip(FAMILIES, _matrix(flat).tolist(), strict=True)}
        return cls(prior, rumour, echo, float(flat[3]), records)


def _matrix(flat: Array) -> Array:
    return flat[4:].reshape(len(FAMILIES), len(Word._fields))


START = Table(
    0.035, 0.005, 0.01, 0.5,
    {  # calm, doubt, alarm, loud, mended, rumoured, echoed
        Family.OFFICIAL: Word(-0.9, 0.0, 3.5, 0.5, -2.0, 0.0, -0.5),
        Family.CROWD: Word(-1.2, 0.2, 4.0, 0.5, 0.0, -0.5, -0.5),
        Family.SOCIAL: Word(-0.6, 0.2, 3.5, 0.5, 0.0, -0.5, -0.5),
        Family.SEARCH: Word(0.0, 0.0, 3.0, 0.0, 0.0, -0.5, 0.0),
        Family.PROBE: Word(-0.9, 0.2, 4.0, 0.5, 0.0, 0.0, -0.5),
        Family.TRAFFIC: Word(-1.6, 0.2, 4.5, 0.5, 0.0, 0.0, -0.5),
    },
)  # fmt: skip
"""Where the search starts and what a number without data stays near: rules of thumb."""


def bounds() -> tuple[Array, Array]:
    """Lowest and highest of every number: calm never speaks for a fault, nor an alarm against one."""
    low = Table(0.001, 0.0005, 0.0005, 0.0, {f: Word(-4, 0, 0, 0, 0, 0, -4) for f in FAMILIES})
    high = Table(0.5, 0.3, 0.1, 2.0, {f: Word(0, 0.7, 9, 3, 0, 0, 0) for f in FAMILIES})
    low.records[Family.OFFICIAL] = low.records[Family.OFFICIAL]._replace(mended=-6)
    high.records[Family.OFFICIAL] = high.records[Family.OFFICIAL]._replace(doubt=0)
    for family in chance.TALKERS:
        low.records[family] = low.records[family]._replace(rumoured=-4)
    # The silence of searches says nothing, and their numbers are rounded.
    low.records[Family.SEARCH] = low.records[Family.SEARCH]._replace(calm=0)
    high.records[Family.SEARCH] = high.records[Family.SEARCH]._replace(doubt=0, loud=0)
    return low.flat(), high.flat()


@dataclass
class Rows:
    """Samples as arrays: by family its word, its age in seconds, whether it alarms; hours since onset; the truth."""

    words: Array
    age: Array
    alarm: Array
    hours: Array
    truth: Array


def rows(samples: Sequence[Sample]) -> Rows:
    n, k = len(samples), len(FAMILIES)
    truth = np.array([s.truth for s in samples], float)
    got = Rows(np.zeros((n, k, len(Word._fields))), np.zeros((n, k)), np.zeros((n, k), bool), np.zeros(n), truth)
    for i, s in enumerate(samples):
        got.hours[i] = chance.lasted_h(s.evidence, s.now)
        for e in s.evidence:
            f, page = FAMILIES.index(e.family), e.family is Family.OFFICIAL
            got.words[i, f] = chance.page_word(e, outlived=s.outlived, at_work=False) if page else chance.word_of(e)
            got.age[i, f] = chance.age_s(e, s.now)
            got.alarm[i, f] = e.standing is Standing.ALARM
    return got


def thin(r: Rows, weight: Array) -> tuple[Rows, Array]:
    """Samples that say nearly the same as one row with the sum of their weights: the fit is many times faster."""
    n = len(r.truth)
    grid = np.where(np.array(Word._fields) == "doubt", 2.0, 4.0)  # half a nat, and a quarter of a log
    parts = (r.words * grid, r.age / 150, r.alarm, 4 * np.log1p(r.hours), r.truth)
    key = np.round(np.concatenate([p.reshape(n, -1) for p in parts], axis=1)).astype(np.int16)
    _, first, same = np.unique(key, axis=0, return_index=True, return_inverse=True)
    thinned = Rows(*(f[first] for f in (r.words, r.age, r.alarm, r.hours, r.truth)))
    return thinned, np.bincount(same.ravel(), weight)


def log_odds(flat: Array, r: Rows) -> Array:
    """The log odds of a fault for every sample."""
    prior, rumour, echo = 1 / (1 + np.exp(-flat[:3]))
    record = _matrix(flat)
    alarm, loud, mended, rumoured, echoed = (Word._fields.index(f) for f in Word._fields[2:])
    fault = _faded((r.words * record).sum(axis=2), r.age, prior).sum(axis=1)
    told = _faded(r.words[..., alarm] * record[:, alarm] + r.words[..., loud] * record[:, loud], r.age, prior)
    of_rumour = np.where(r.alarm & _TALKS, told + record[:, rumoured], 0.0).sum(axis=1)
    of_echo = np.where(r.alarm, told + np.where(r.words[..., mended] > 0, 0.0, record[:, echoed]), 0.0).sum(axis=1)
    echoing = np.minimum(chance.MOST_ECHO, echo * (1 + r.hours) ** flat[3])
    innocent = np.log(1 - rumour - echoing + rumour * np.exp(of_rumour) + echoing * np.exp(of_echo))
    result: Array = flat[0] + fault - innocent
    return result


def _faded(log_ratio: Array, aged_s: Array, prior: float) -> Array:
    ratio, d = np.exp(log_ratio), np.exp(-aged_s / chance.SPELL_S)
    fault = (prior + (1 - prior) * d) * ratio + (1 - prior) * (1 - d)
    calm = prior * (1 - d) * ratio + (1 - prior) + prior * d
    result: Array = np.log(fault / calm)
    return result


def fit(r: Rows, weight: Array, hold: float = 2.0, told: Callable[[str], None] = lambda _: None) -> Table:
    """Maximum likelihood, each number held near :data:`START` as by one observation of that standard deviation."""
    low, high = bounds()
    start = np.clip(START.flat(), low, high)
    flat, damping = start.copy(), 1.0
    loss = _loss(flat, start, r, weight, hold)
    for i in range(_ROUNDS):
        gradient, curvature = _slopes(flat, start, r, weight, hold)
        stuck = ((flat <= low) & (gradient > 0)) | ((flat >= high) & (gradient < 0))
        gradient[stuck], curvature[stuck, :], curvature[:, stuck] = 0.0, 0.0, 0.0
        curvature[stuck, stuck] = 1.0
        step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient)
        tried = np.clip(flat - step, low, high)
        new = _loss(tried, start, r, weight, hold)
        if new >= loss:
            damping *= 8
            continue
        gained, flat, loss, damping = loss - new, tried, new, damping / 4
        told(f"round {i}: loss {loss:.2f}")
        if gained < _ENOUGH * loss:
            break
    return Table.of(flat)


def _slopes(flat: Array, start: Array, r: Rows, weight: Array, hold: float) -> tuple[Array, Array]:
    """Gradient of the loss and its Gauss–Newton curvature, the slopes of the log odds by differences."""
    z = log_odds(flat, r)
    p = 1 / (1 + np.exp(-z))
    slopes = np.stack([(log_odds(flat + _STEP * unit, r) - z) / _STEP for unit in np.eye(len(flat))], axis=1)
    gradient = slopes.T @ (weight * (p - r.truth)) + (flat - start) / hold**2
    curvature = slopes.T @ (slopes * (weight * p * (1 - p))[:, None]) + np.eye(len(flat)) / hold**2
    return gradient, curvature


def _loss(flat: Array, start: Array, r: Rows, weight: Array, hold: float) -> float:
    z = log_odds(flat, r)
    likelihood = weight * (np.logaddexp(0.0, z) - r.truth * z)
    return float(likelihood.sum() + ((flat - start) ** 2).sum() / (2 * hold**2))
