"""What is usual: level, daily and weekly shape, and over-dispersion of many streams of counts, one array row each.

The count of a window is modelled as negative binomial with mean ``level · shape(hour) · seconds`` and variance
``mean + φ mean²``. All three are learned as the windows come. Three things must not happen, and each has its rule:

- *a fault teaches the baseline*: an hour is learned only when the next one is over, and never one with an alarm in it;
- *a rhythm not yet known looks like a fault*: a young stream may climb above its last hour as mornings do, and an hour
  with an alarm in it is part of its day's profile after all, as at most twice the usual;
- *every new service starts from nothing*: the daily shape leans on the pooled shape of the same family.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillup.verdict.counts.rows import Array, Rows
from stillup.verdict.settings import DAY_S

HOUR_S = 3600
DAY, WEEK = 24, 168
"""The shape has a factor for each hour of the day, and one for each hour of the week that leans on it; UTC."""

WARM_UP_S = 20 * 60
YOUNG_DAYS, GROWN_DAYS = 3, 14

_CLIMB = 1.4  # how far above its last hour a stream of the first days may be: mornings climb so
_STROLL = 1.25  # and above what is known of its days until its weeks are known too
_FRESH_S = 3 * HOUR_S
_FAST_S = 2700.0  # memory of the last hour's level
_MIN_MEMORY_S, _MAX_MEMORY_S = 6 * HOUR_S, 7 * DAY_S
_SHAPE_MEMORY_DAYS = 28.0
_SHAPE_PRIOR = 30.0  # reports' worth of belief that an hour is like the hours it leans on
_STEEPEST = 20.0  # no hour is twenty times as busy, or as quiet, as the mean
_WEEK_PRIOR, _WEEK_FADE = 4.0, 0.75
_COVERED = 0.75  # of a day, for it to say something of the shape of days
_POOL_SHARE = 200.0  # reports a day with which one stream at most shapes the pool
_POOL_DAYS = 100.0
_DISPERSION_PRIOR, _PRIOR_INFORMATION = 0.1, 100.0  # as sure of φ = 0.1 as a standard error of 0.1
_DISPERSION_MEMORY_S = 4 * DAY_S
_DISPERSION_RANGE = (0.003, 5.0)
_WINSOR_SD = 4.0
_COLD, _COLD_RATIO = 10.0, 5.0  # the most that one window of a stream not yet warm teaches, beside its mean so far
_FAULT_TEACHES = 2.0  # times the usual, and to the young only

ROW = np.dtype(
    [
        ("family", "i4"), ("days", "i4"), ("hour", "i8"), ("last_hour", "i8"), ("elapsed_s", "f8"),
        ("x", "f8"), ("time", "f8"),  # the level: counts, and shape-weighted seconds
        ("fast_x", "f8"), ("fast_s", "f8"),
        ("near", "f8", 3), ("seen", "f8"),  # the shape of the hours around now, and the reports it rests on
        ("now", "f8", 4), ("last", "f8", 4),  # this hour and the one before: see below
        ("excess", "f8"), ("information", "f8"),
        ("today_x", "f4", DAY), ("today_s", "f4", DAY), ("day_means", "f4", 7),
        ("day_seen", "f4", DAY), ("day_usual", "f4", DAY),
        ("week_seen", "f4", WEEK), ("week_usual", "f4", WEEK),
    ]
)  # fmt: skip


_X, _S, _TIME, _LEVEL = range(4)
"""What is kept of an hour: counts for the profile, seconds, shape-weighted seconds, counts for the level."""


class Usual(NamedTuple):
    """What is expected of each asked stream: mean and size of the negative binomial, and the shape of the hour."""

    mean: Array
    size: Array
    shape: Array


class Rhythm:
    """The learned baselines. ``rows`` in every method are indices of streams, all asked for one window end."""

    def __init__(self) -> None:
        self._rows = Rows(ROW)
        self.pool = np.zeros((0, 2, DAY))  # by family: seen, and usual, in hours of the day

    def add(self, family: int) -> int:
        """Make room for a new stream of a family (a small number of the caller's choice) and give its row."""
        row = self._rows.add(1)[0]
        self.table["family"][row], self.table["hour"][row], self.table["x"][row] = family, -1, 0.5  # Jeffreys
        if family >= len(self.pool):
            self.pool = np.concatenate([self.pool, np.zeros((family + 1 - len(self.pool), 2, DAY))])
        return int(row)

    @property
    def table(self) -> Array:
        """One :data:`ROW` a stream."""
        return self._rows.used

    # -- asking -------------------------------------------------------------------------------------------------------

    def expect(self, rows: Array, at_s: float, exposure_s: Array) -> Usual:
        """Mean of the count of each stream's window ending at ``at_s``, and the size of the distribution around it.

        The size takes in the over-dispersion and how little is known of level and shape.
        """
        t = self.table
        shape = self._shape(rows, at_s - 1.0)
        now, last = t["now"][rows], t["last"][rows]
        fresh = t["elapsed_s"][rows] < _FRESH_S  # too young to wait until an hour is over
        x = t["x"][rows] + np.where(fresh, now[:, _LEVEL] + last[:, _LEVEL], 0.0)
        time = t["time"][rows] + np.where(fresh, now[:, _TIME] + last[:, _TIME], 0.0)
        rate = np.where(time > 0.0, x / np.maximum(time, 1.0), 1e-6) * shape
        fast_s = t["fast_s"][rows]
        climbing = (t["days"][rows] < YOUNG_DAYS) & (fast_s >= WARM_UP_S)
        fast = (t["fast_x"][rows] - np.sqrt(t["fast_x"][rows])) / np.maximum(fast_s, 1.0)  # surely at least that
        rate = np.where(climbing, np.maximum(rate, fast), rate)
        mean = np.maximum(rate * exposure_s, 1e-6)
        size = 1.0 / (self.dispersion(rows) + 1.0 / x + 1.0 / (_SHAPE_PRIOR + t["seen"][rows]))
        return Usual(mean, size, shape)

    def usual_at(self, rows: Array, at_s: float, seconds: float) -> Usual:
        """Mean and size at any time of the week, by all that is known now; the climb of young streams is left out."""
        t = self.table
        recent = (t["now"][rows] + t["last"][rows]) * (t["elapsed_s"][rows] < _FRESH_S)[:, None]
        x, time = t["x"][rows] + recent[:, _LEVEL], t["time"][rows] + recent[:, _TIME]
        place = (at_s - seconds / 2.0) / HOUR_S - 0.5
        first = int(place // 1)
        (before, seen), (after, _) = self._factor(rows, first), self._factor(rows, first + 1)
        shape = before + (place - first) * (after - before)
        mean = np.maximum(np.where(time > 0.0, x / np.maximum(time, 1.0), 1e-6) * shape * seconds, 1e-6)
        return Usual(mean, 1.0 / (self.dispersion(rows) + 1.0 / x + 1.0 / (_SHAPE_PRIOR + seen)), shape)

    def tolerance(self, rows: Array) -> Array:
        """The rise, as a multiple of the mean, that a rhythm not yet known explains."""
        days = self.table["days"][rows]
        tolerance: Array = np.where(days >= GROWN_DAYS, 1.0, np.where(days >= YOUNG_DAYS, _STROLL, _CLIMB))
        return tolerance

    def is_warm(self, rows: Array) -> Array:
        """Whether enough calm time is known to judge by."""
        t = self.table
        warm: Array = t["elapsed_s"][rows] + t["now"][rows, _S] + t["last"][rows, _S] >= WARM_UP_S
        return warm

    def dispersion(self, rows: Array) -> Array:
        """The factor φ of variance = mean + φ mean²."""
        told = self.table["excess"][rows] + _DISPERSION_PRIOR * _PRIOR_INFORMATION
        return np.clip(told / (self.table["information"][rows] + _PRIOR_INFORMATION), *_DISPERSION_RANGE)

    def _shape(self, rows: Array, at_s: float) -> Array:
        """Factor of each stream between the middles of the two nearest hours."""
        place = at_s / HOUR_S - 0.5
        first = int(place // 1)
        near = self.table["near"][rows]
        i = first + 1 - int(at_s // HOUR_S)  # 0: between the hour before and this one, 1: this one and the next
        shape: Array = near[:, i] + (place - first) * (near[:, i + 1] - near[:, i])
        return shape

    def _look_around(self, rows: Array, hour: int) -> None:
        """Work out the shape of this hour and its neighbours, once an hour."""
        for i in range(3):
            self.table["near"][rows, i], seen = self._factor(rows, hour + i - 1)
        self.table["seen"][rows] = seen

    def _factor(self, rows: Array, hour: int) -> tuple[Array, Array]:
        t, of_day, of_week = self.table, hour % DAY, hour % WEEK
        day, seen = self._day_factor(rows, of_day)
        prior = _WEEK_PRIOR * _SHAPE_PRIOR
        week = (t["week_seen"][rows, of_week] + prior * day) / (t["week_usual"][rows, of_week] + prior)
        return np.clip(week, 1.0 / _STEEPEST, _STEEPEST), seen

    def _day_factor(self, rows: Array, of_day: int) -> tuple[Array, Array]:
        t = self.table
        pool = self.pool[t["family"][rows], :, of_day]
        lean = (pool[:, 0] + _SHAPE_PRIOR) / (pool[:, 1] + _SHAPE_PRIOR)
        seen = t["day_seen"][rows, of_day].astype(float)
        return (seen + _SHAPE_PRIOR * lean) / (t["day_usual"][rows, of_day] + _SHAPE_PRIOR), seen

    # -- learning -----------------------------------------------------------------------------------------------------

    def turn(self, rows: Array, at_s: float) -> Array:
        """Close the hours that are over before the window ending at ``at_s``; the rows where one closed."""
        hour = int((at_s - 1.0) // HOUR_S)
        t = self.table
        closing = rows[t["hour"][rows] != hour]
        began = closing[t["hour"][closing] >= 0]
        if len(began):
            self._learn_hour(began)
            self._learn_day(began[t["hour"][began] // DAY != hour // DAY])
            t["last"][began] = t["now"][began]
            t["last_hour"][began] = t["hour"][began]
            t["now"][began] = 0.0
        if len(closing):
            t["hour"][closing] = hour
            self._look_around(closing, hour)
        over: Array = began
        return over

    def observe(self, rows: Array, x: Array, exposure_s: Array, usual: Usual, calm: Array, trusted: Array) -> None:
        """Note one window of each stream; where not ``calm`` only the young learn from it, and little.

        What is not ``trusted``, though no alarm, does not move the level of the last hour.
        """
        t = self.table
        mean, size = usual.mean, usual.size
        bound = mean + _WINSOR_SD * np.sqrt(mean + mean * mean / size) + 1.0
        cold = _COLD + _COLD_RATIO * mean  # a true level is reached in some windows all the same
        kept = np.minimum(x, np.where(self.is_warm(rows), bound, cold))
        kept = np.where(calm, kept, np.minimum(x, _FAULT_TEACHES * mean))
        used = calm | (t["days"][rows] < GROWN_DAYS)
        # A fresh stream is judged by this very hour: what is under suspicion must not become its usual.
        believed = calm & (trusted | (t["elapsed_s"][rows] >= _FRESH_S))
        add = np.stack([kept, exposure_s, exposure_s * usual.shape, np.where(believed, kept, mean)], axis=1)
        t["now"][rows] += np.where(used[:, None], add, 0.0)
        trusted = trusted & calm
        fade = np.where(trusted, np.exp(-exposure_s / _FAST_S), 1.0)
        t["fast_x"][rows] = t["fast_x"][rows] * fade + np.where(trusted, kept, 0.0)
        t["fast_s"][rows] = t["fast_s"][rows] * fade + np.where(trusted, exposure_s, 0.0)
        # Each window's moment estimate of φ, ((x - mean)² - mean) / mean², weighted by its information on φ: small
        # counts say next to nothing about it.
        weight = np.where(calm, mean / (1.0 + 2.0 * mean), 0.0)
        slower = np.where(calm, np.exp(-exposure_s / _DISPERSION_MEMORY_S), 1.0)
        t["excess"][rows] = t["excess"][rows] * slower + weight * ((kept - mean) ** 2 - mean)
        t["information"][rows] = t["information"][rows] * slower + weight * mean * mean

    def spoil(self, rows: Array, usual_x_s: Array) -> None:
        """An alarm has begun: this hour and the last are not calm; ``usual_x_s`` is the mean of a second now."""
        t = self.table
        grown = t["days"][rows] >= GROWN_DAYS
        for part in ("now", "last"):
            hour = t[part][rows]
            for x in (_X, _LEVEL):
                hour[:, x] = np.minimum(hour[:, x], _FAULT_TEACHES * usual_x_s * hour[:, _S])
            hour[grown] = 0.0
            t[part][rows] = hour

    def forget(self, rows: int | Array) -> None:
        """Drop what this hour and the last hold."""
        self.table["now"][rows] = self.table["last"][rows] = 0.0

    def relevel(self, row: int, ratio: float) -> None:
        """Accept that the level has become ``ratio`` times what it was."""
        self.table["time"][row] /= max(ratio, 1e-9)
        self.table["fast_x"][row] = self.table["fast_s"][row] = 0.0

    def _learn_hour(self, rows: Array) -> None:
        t = self.table
        x, seconds, time, level = t["last"][rows].T
        memory = np.clip(t["elapsed_s"][rows] / 3.0, _MIN_MEMORY_S, _MAX_MEMORY_S)
        fade = np.exp(-seconds / memory)
        t["x"][rows] = np.maximum(0.5, t["x"][rows] * fade + level)
        t["time"][rows] = t["time"][rows] * fade + time
        t["elapsed_s"][rows] += seconds
        of_day = t["last_hour"][rows] % DAY
        t["today_x"][rows, of_day] = x
        t["today_s"][rows, of_day] = seconds

    def _learn_day(self, rows: Array) -> None:
        """Take in the last 24 hours as a profile: each hour beside the day's own mean, so that the level is no part."""
        t = self.table
        x, seconds = t["today_x"][rows].astype(float), t["today_s"][rows].astype(float)
        covered = seconds.sum(axis=1) >= _COVERED * DAY_S
        rows, x, seconds = rows[covered], x[covered], seconds[covered]
        if not len(rows):
            return
        mean = np.maximum(x.sum(axis=1), 0.5) / seconds.sum(axis=1)
        usual = seconds * mean[:, None]
        fade = 1.0 - 1.0 / _SHAPE_MEMORY_DAYS
        t["day_seen"][rows] = t["day_seen"][rows] * fade + x
        t["day_usual"][rows] = t["day_usual"][rows] * fade + usual
        t["days"][rows] += 1
        t["day_means"][rows, t["hour"][rows] // DAY % 7] = mean
        t["today_x"][rows] = t["today_s"][rows] = 0.0
        self._learn_week(rows, x, seconds)
        share = np.minimum(1.0, _POOL_SHARE / np.maximum(x.sum(axis=1), 1.0))[:, None]
        np.add.at(self.pool, t["family"][rows], np.stack([x * share, usual * share], axis=1))
        self.pool[self.pool[:, 1].sum(axis=1) > _POOL_DAYS * _POOL_SHARE] *= 0.99

    def _learn_week(self, rows: Array, x: Array, seconds: Array) -> None:
        t = self.table
        means = t["day_means"][rows].astype(float)
        level = means.sum(axis=1) / np.maximum((means > 0.0).sum(axis=1), 1)
        of_all = np.arange(len(rows))
        for back in range(1, DAY + 1):
            hour = t["hour"][rows] - back
            of_day, of_week = hour % DAY, hour % WEEK
            t["week_seen"][rows, of_week] = _WEEK_FADE * t["week_seen"][rows, of_week] + x[of_all, of_day]
            usual = seconds[of_all, of_day] * level
            t["week_usual"][rows, of_week] = _WEEK_FADE * t["week_usual"][rows, of_week] + usual
