"""One plain series of numbers: has its level shifted. Causal, one number at a time.

The number is put on a scale where its noise is even: a share by its log-odds, everything else by logarithm. Two models
of the calm run side by side, with and without the shape of day and week, and the one that foretold better is believed.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from math import isfinite, log
from statistics import median
from typing import NamedTuple

from stillup.verdict.series.peaks import Peaks
from stillup.verdict.series.rare import RareCounts
from stillup.verdict.series.season import DAY_S, Season
from stillup.verdict.series.shift import WARM_UP, BackTest, Noise, ShiftTest


class Kind(StrEnum):
    """What the numbers are, which says on which side a fault lies."""

    COUNT = "count"
    RATE = "rate"
    LATENCY = "latency"


class Judged(NamedTuple):
    """What one number said: the log e-value after it, and whether an alarm begins with it."""

    log_e: float
    alarm: bool


RARE = 1.5
"""Counts with a smaller mean than that are judged as counts, not on a scale."""

DEFAULT_RUN = 20_000
"""Rows to a false alarm, on average, unless told otherwise."""

BACK_NATS = 4.0
"""Fifty-five to one against the shift still being there."""

_STEPS = (2.0, 4.0, 8.0, 16.0)  # spreads by which a level may shift
_OFFSET = {Kind.COUNT: (0.25, 1.0), Kind.RATE: (0.25, 1e-3), Kind.LATENCY: (0.0, 1e-9)}
"""What is added before the logarithm: a share of the middle value, and a least; it evens the noise of small values."""
_LEAST = log(1.25)
"""A shift by less than a quarter is no fault, however surely it is there."""
_LEAST_SCALE = 0.004
_TWICE = 2  # numbers in a row above the threshold: one outlier alone is no shift
_SURE = 3.0  # standard errors of the level that a shift must exceed
_LEVEL_ROWS = (200.0, 2000.0)
_LOCAL_ROWS, _LOCAL_S = (20.0, 120.0), 7200.0  # without a season to explain it, a slow swing must be followed
_LEARN_SLOWLY = 0.2
_SUSPICION = 1.0 / 3.0  # of the threshold
_WORD_MEMORY = 500.0
_SEASON_DAYS = 2.0
_SEASON_YOUNG_DAYS, _YOUNG_SPREADS, _YOUNG_SWING = 7.0, 3.0, 1.0
_SEASON_MARGIN = 10.0  # nats by which the other model must have foretold better
_NEW_NORMAL_ROWS, _NEW_NORMAL_S = 300.0, DAY_S
_REST_ROWS = 10
_GAP = 5.0  # intervals without a number break the correlation


class Scale:
    """From values to numbers with even noise, fixed by the first values."""

    def __init__(self, kind: Kind, first: list[float]) -> None:
        self.middle = median(first)
        self.is_plain = min(first) < 0.0  # a quantity with no bottom: as it is, in units of its size
        self.is_share = kind is Kind.RATE and not self.is_plain and max(first) <= 1.0
        spread = median(abs(v - self.middle) for v in first)
        self._unit = max(abs(self.middle), 4.0 * spread, 1e-9)
        small = min(self.middle, 1.0 - self.middle) if self.is_share else self.middle
        share, least = _OFFSET[kind]
        self._offset = least + share * max(0.0, small)

    def of(self, value: float) -> float:
        """The number for a value; where the first values knew bounds, what lies beyond counts as the bound."""
        if self.is_plain:
            return value / self._unit
        value = max(0.0, value)
        z = log(value + self._offset)
        return z - log(max(0.0, 1.0 - value) + self._offset) if self.is_share else z


def sides(kind: Kind, scale: Scale) -> tuple[float, ...]:
    """Where a fault lies: above for latency; of shares the far end from the usual; of anything else on both sides."""
    if kind is Kind.LATENCY or (scale.is_share and scale.middle <= 0.1):
        return (1.0,)
    return (-1.0,) if scale.is_share and scale.middle >= 0.9 else (1.0, -1.0)


class Series:
    """The detector of one series: :data:`DEFAULT_RUN` rows to a false alarm on average, or so many seconds."""

    def __init__(self, kind: Kind, run_s: float | None = None) -> None:
        self.kind = kind
        self._run_s = run_s
        self._peaks = Peaks(DEFAULT_RUN)
        self.alarm_since_s: float | None = None
        self._first: list[tuple[float, float]] = []
        self._last_s: float | None = None
        self._rest = self._over = self._since_rows = 0
        self._rare: RareCounts | None = None

    @property
    def threshold(self) -> float:
        """The log e-value at which an alarm begins."""
        return self._peaks.threshold

    def take(self, at_s: float, value: float) -> Judged:
        """Judge one number; times must not go back, and the value must be finite."""
        if not isfinite(value):
            msg = f"not a finite number: {value}"
            raise ValueError(msg)
        if len(self._first) < WARM_UP:
            self._first.append((at_s, value))
            if len(self._first) == WARM_UP:
                self._begin()
            return Judged(0.0, alarm=False)
        if self._rare is not None:
            return self._judge_rare(at_s, value, self._rare)
        self._mind_gap(at_s)
        z = self._scale.of(value)
        judged = self._judge_rise(at_s, z) if self._back is None else self._judge_back(at_s, z, self._back)
        self._last_s = at_s
        return judged

    def _begin(self) -> None:
        times, values = zip(*self._first, strict=True)
        gaps = [b - a for a, b in pairwise(times) if b > a]
        self._interval_s = median(gaps) if gaps else 60.0
        if self._run_s is not None:
            self._peaks = Peaks(self._run_s / self._interval_s)
        if self.kind is Kind.COUNT and sum(values) < RARE * len(values):
            self._rare = RareCounts([max(0.0, v) for v in values])
            return
        self._scale = Scale(self.kind, list(values))
        self._sides = sides(self.kind, self._scale)
        first = [self._scale.of(v) for v in values]
        low, high = _LEVEL_ROWS
        memory = min(high, max(low, DAY_S / self._interval_s))
        few, many = _LOCAL_ROWS
        local = min(many, max(few, _LOCAL_S / self._interval_s))
        self._models = (Noise(first, local, _LEAST_SCALE), Noise(first, memory, _LEAST_SCALE))
        self._words = [0.0, 0.0]
        self._season = Season(self._interval_s)
        self._believed = 0
        self._test = ShiftTest(len(_STEPS) * len(self._sides))
        self._back: BackTest | None = None
        self._last_s = times[-1]

    def _mind_gap(self, at_s: float) -> None:
        if self._last_s is not None and at_s - self._last_s > _GAP * self._interval_s:
            for noise in self._models:
                noise.follow(None)

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge_rise(self, at_s: float, z: float) -> Judged:
        shape = self._season.at(at_s)
        test, noise = self._test, self._models[self._believed]
        believed_z, shifts = z - shape if self._believed else z, self._shifts(noise)
        test.update(noise, believed_z, shifts)
        for k, (model, y) in enumerate(zip(self._models, (z, z - shape), strict=True)):
            self._words[k] += model.word(model.innovation(y)) - self._words[k] / _WORD_MEMORY
        log_e = max(0.0, test.log_e)
        shift = shifts[test.likeliest]
        stands = (believed_z - noise.level) * shift > shift * shift / 2.0
        self._over = self._over + 1 if stands and test.log_e >= self.threshold else 0
        if self._over >= _TWICE and self._rest <= 0:
            self._start(at_s, z, shape)
            return Judged(log_e, alarm=True)
        self._peaks.see(log_e)
        self._rest -= 1
        pace = 1.0 if test.log_e < self.threshold * _SUSPICION else _LEARN_SLOWLY
        self._learn(at_s, z, shape, pace)
        return Judged(log_e, alarm=False)

    def _shifts(self, noise: Noise) -> tuple[float, ...]:
        spread = noise.spread
        least = max(_LEAST, _SURE * noise.level_error)
        return tuple(side * max(least, step * spread) for side in self._sides for step in _STEPS)

    def _learn(self, at_s: float, z: float, shape: float, pace: float) -> None:
        plain, seasonal = self._models
        self._season.learn(at_s, z - seasonal.level)
        plain.learn(z, _LEAST_SCALE, pace)
        seasonal.learn(z - shape, _LEAST_SCALE, pace)
        lead = self._words[1] - self._words[0]
        if self._believed == 0 and lead > _SEASON_MARGIN and self._season.days >= _SEASON_DAYS:
            self._believed = 1
            self._test.reset()
        elif self._believed == 1 and lead < -_SEASON_MARGIN:
            self._believed = 0
            self._test.reset()

    def _start(self, at_s: float, z: float, shape: float) -> None:
        noise, test = self._models[self._believed], self._test
        shift = self._shifts(noise)[test.likeliest]
        seen = z - (shape if self._believed else 0.0) - noise.level
        self._back = BackTest(seen if seen * shift > 0 and abs(seen) > abs(shift) else shift)
        self._since_rows = 0
        self._peaks.see(test.log_e)
        self._peaks.cut()
        self.alarm_since_s = at_s
        for each, y in zip(self._models, (z, z - shape), strict=True):
            each.follow(y)

    def _judge_back(self, at_s: float, z: float, back: BackTest) -> Judged:
        shape = self._season.at(at_s)
        noise = self._models[self._believed]
        y = z - shape if self._believed else z
        nats = back.update(noise, y, _LEAST, BACK_NATS / 2.0)
        for each, number in zip(self._models, (z, z - shape), strict=True):
            each.follow(number)
        self._since_rows += 1
        if self._season.days < _SEASON_YOUNG_DAYS:
            self._learn_anyway(at_s, z, shape)
        log_e = max(0.0, self.threshold - nats)
        if self._since_rows > max(_NEW_NORMAL_ROWS, _NEW_NORMAL_S / self._interval_s):
            for each, number in zip(self._models, (z, z - shape), strict=True):
                each.jump(back.shift if each is noise else number - each.level)
        elif nats < BACK_NATS:
            return Judged(log_e, alarm=False)
        self.alarm_since_s, self._back, self._rest = None, None, _REST_ROWS
        self._test.reset()
        self._over = 0
        return Judged(0.0, alarm=False)

    def _learn_anyway(self, at_s: float, z: float, shape: float) -> None:
        """Learn a little from an alarm of the first days: it may be a fault, or the first sight of a busy hour."""
        seasonal = self._models[1]
        limit = max(_YOUNG_SPREADS * seasonal.spread, _YOUNG_SWING)
        self._season.learn(at_s, max(-limit, min(limit, z - seasonal.level)))
        seasonal.settle(z - shape)

    # -- rare counts --------------------------------------------------------------------------------------------------

    def _judge_rare(self, at_s: float, x: float, rare: RareCounts) -> Judged:
        x = max(0.0, x)
        if self.alarm_since_s is not None:
            return self._judge_rare_back(x, rare)
        log_e = max(0.0, rare.update(x))
        self._peaks.see(log_e)
        self._over = self._over + 1 if log_e >= self.threshold else 0
        if self._over >= _TWICE:
            self._peaks.cut()
            rare.begin()
            self.alarm_since_s, self._since_rows = at_s, 0
            return Judged(log_e, alarm=True)
        rare.learn(x)  # under suspicion too: where counts are rare each one is suspicious, and the mean would sink
        return Judged(log_e, alarm=False)

    def _judge_rare_back(self, x: float, rare: RareCounts) -> Judged:
        self._since_rows += 1
        if self._since_rows > max(_NEW_NORMAL_ROWS, _NEW_NORMAL_S / self._interval_s):
            rare.accept(x)
        elif not rare.is_back(x):
            return Judged(self.threshold, alarm=False)
        self.alarm_since_s, self._over = None, 0
        rare.reset()
        return Judged(0.0, alarm=False)
