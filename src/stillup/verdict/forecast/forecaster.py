"""Time to recovery as a distribution: the recent record, moved and stretched by what the incident itself says.

``ln(remaining) at level p = record(p) + shift + spread * z(p)``: the first term is the weighted record given the time
elapsed (:mod:`~stillup.verdict.forecast.left`), ``z`` the standard normal quantile, shift and spread the sums of
fitted effects of the cues (:mod:`~stillup.verdict.forecast.cues`). docs/forecast.md has the method and its figures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import erf, exp, log, sqrt

from msgspec import Struct

from stillup.model.verdict import Forecast
from stillup.verdict.forecast.cues import Cue, cues
from stillup.verdict.forecast.left import MOST, left, level
from stillup.verdict.forecast.question import Question, parts, progress
from stillup.verdict.forecast.record import Record
from stillup.verdict.forecast.table import LEVELS, SCORES, Table

WITHIN_S = (900, 3600, 14_400)
"""Times for which the chance of recovery is told: 15 minutes, an hour, four hours."""

_SHORTEST_S = 1.0
_LONGEST = log(10 * 365 * 86_400)
_HAIR = 1e-12  # more than a logarithm is off by
_NARROW = 1e-9


class Prediction(Struct, frozen=True):
    """The distribution of the seconds left, by ln(seconds) at :data:`~stillup.verdict.forecast.table.LEVELS`."""

    logs: tuple[float, ...]

    def quantile_s(self, p: float) -> float:
        """Seconds left that are not passed with chance ``p``, one of the levels."""
        return max(_SHORTEST_S, exp(self.logs[LEVELS.index(p)]))

    def within(self, seconds: float) -> float:
        """The chance of recovery within ``seconds``: normal between the levels and beyond them."""
        if seconds <= 0:
            return 0.0
        x, xs = log(seconds) + _HAIR, self.logs
        i = min(max(bisect_right(xs, x), 1), len(xs) - 1)
        near = i if x >= xs[i] else i - 1  # of quantiles that are equal, the highest
        score = SCORES[near] + (x - xs[near]) / max(xs[i] - xs[i - 1], _NARROW) * (SCORES[i] - SCORES[i - 1])
        return _normal(score)

    def forecast(self) -> Forecast:
        """The part of it that a verdict carries."""
        return Forecast(*(round(self.quantile_s(p), 1) for p in (0.5, 0.1, 0.9)))

    def wire(self) -> dict[str, object]:
        """The documented JSON object, without the id."""
        quantiles = {f"p{p * 100:.0f}_s": round(self.quantile_s(p), 1) for p in (0.1, 0.25, 0.5, 0.75, 0.9)}
        return {**quantiles, "within": {str(s): round(self.within(s), 4) for s in WITHIN_S}}


class Forecaster:
    """A fitted table, ready to be asked. Pure; about two tenths of a millisecond a question."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def predict(self, question: Question, record: Record) -> Prediction:
        """How long it will still take. Nothing is looked at that was not known at ``question.at``."""
        where = progress(question)
        own = parts(question.components)
        past = record.before(question.service, question.at, MOST, but=question)
        logs = left(self.table, question.service, past, own, where.elapsed_s)
        shift = spread = 0.0
        if question.service not in self.table.plain:
            shift, spread = self._moved(cues(question, where, level(past, own), self.table.effects))
        moved = sorted(x + shift + spread * z for x, z in zip(logs.tolist(), SCORES, strict=True))
        return Prediction(tuple(min(x, _LONGEST) for x in moved))

    def _moved(self, said: Iterable[Cue]) -> tuple[float, float]:
        """What the cues add to the record: to its median, and to its spread per normal score."""
        shift = spread = 0.0
        for name, value in said:
            effect = self.table.effects.get(name)
            if effect is not None:
                shift += value * effect.shift
                spread += value * effect.spread
        return shift, spread


def _normal(score: float) -> float:
    return 0.5 * (1 + erf(score / sqrt(2)))
