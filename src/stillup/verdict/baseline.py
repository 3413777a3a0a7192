"""What is usual: the expected count of a window, learned as it goes, never from an outage."""

from __future__ import annotations

from collections import deque
from math import exp, log

from stillup.verdict.settings import DAY_S

HOURS = 168
"""The shape has one factor for each hour of the week, UTC, leaning on one for each hour of the day."""

_TRUST = ((14 * DAY_S, 1.5), (3 * DAY_S, 2.0))
_YOUNG_RATIO = 3.0
"""Until it has seen three days, a stream may rise threefold by its daily rhythm alone; until two weeks, twofold."""

_STEEPEST = 20.0  # no hour is twenty times as busy, or as quiet, as the mean
_SHAPE_PRIOR = 30.0  # reports' worth of belief that an hour is like any other
_LAG_S = 45 * 60  # what is younger than this may yet turn out to be the start of an outage
_MIN_MEMORY_S = 2 * 3600  # a young level follows the day; it slows down as the shape takes that over
_MAX_MEMORY_S = 7 * DAY_S
_WARM_UP_S = 20 * 60
_DISPERSION_PRIOR = 0.1  # variance = mean + 0.1 mean² until the source has shown its own
_PRIOR_INFORMATION = 100.0  # as sure of it as a standard error of 0.1
_DISPERSION_FADE = 0.9995
_DISPERSION_RANGE = (0.005, 5.0)
_WINSOR_SD = 4.0


class Baseline:
    """Level (gamma posterior), weekly shape and over-dispersion of one stream of counts.

    Rates are per second. Windows are learned only once they are 45 minutes old and no alarm covered them.
    """

    __slots__ = (
        "_day",
        "_elapsed_s",
        "_excess",
        "_information",
        "_pending",
        "_pending_s",
        "_pending_x",
        "_time",
        "_week",
        "_x",
    )

    def __init__(self) -> None:
        self._x = 0.5  # Jeffreys
        self._time = 0.0
        self._elapsed_s = 0.0
        self._pending: deque[tuple[float, float, float]] = deque()
        self._pending_x = self._pending_s = 0.0
        self._excess = self._information = 0.0
        self._week = ([0.0] * HOURS, [0.0] * HOURS)  # seen, and usual without the shape
        self._day = ([0.0] * 24, [0.0] * 24)

    @property
    def is_warm(self) -> bool:
        """Whether enough calm time is known to judge by."""
        return self._elapsed_s + self._pending_s >= _WARM_UP_S

    def expect(self, at_s: float, exposure_s: float) -> tuple[float, float]:
        """Mean of the count of a window ending at ``at_s``, and the size of the negative binomial around it.

        The size takes in both the over-dispersion and how little is known of the level.
        """
        x, time = self._x, self._time
        if self._elapsed_s < _LAG_S:  # too young to wait for old windows: use the fresh ones
            x += self._pending_x
            time += self._pending_s
        if time <= 0.0:
            return max(x, 1e-3), 0.5
        mean = max(x / time * self._shape(at_s) * exposure_s, 1e-6)
        return mean, min(x, 1.0 / self.dispersion)

    @property
    def least_ratio(self) -> float:
        """The smallest rise that can be told from a rhythm not yet known."""
        return next((ratio for age_s, ratio in _TRUST if self._elapsed_s >= age_s), _YOUNG_RATIO)

    @property
    def dispersion(self) -> float:
        """The factor φ of variance = mean + φ mean²."""
        low, high = _DISPERSION_RANGE
        told = self._excess + _DISPERSION_PRIOR * _PRIOR_INFORMATION
        return min(high, max(low, told / (self._information + _PRIOR_INFORMATION)))

    def observe(self, at_s: float, x: float, exposure_s: float) -> None:
        """Put a calm window in the queue, and learn those that have grown old enough."""
        self._queue(at_s, x, exposure_s)
        while self._pending and self._pending[0][0] <= at_s - _LAG_S:
            self._learn(*self._unqueue(self._pending.popleft()))

    def forget_since(self, onset_s: float) -> None:
        """Drop queued windows that an alarm has shown to belong to a fault."""
        while self._pending and self._pending[-1][0] > onset_s:
            self._unqueue(self._pending.pop())

    def _queue(self, at_s: float, x: float, exposure_s: float) -> None:
        self._pending.append((at_s, x, exposure_s))
        self._pending_x += x
        self._pending_s += exposure_s

    def _unqueue(self, window: tuple[float, float, float]) -> tuple[float, float, float]:
        self._pending_x -= window[1]
        self._pending_s -= window[2]
        return window

    def _learn(self, at_s: float, x: float, exposure_s: float) -> None:
        mean, size = self.expect(at_s, exposure_s)
        bound = mean + _WINSOR_SD * (mean + mean * mean / size) ** 0.5 + 1.0
        kept = min(x, bound) if self._elapsed_s >= _WARM_UP_S else x
        shape = self._shape(at_s)
        memory = min(_MAX_MEMORY_S, max(_MIN_MEMORY_S, self._elapsed_s / 12))
        fade = exp(-exposure_s / memory)
        self._x = max(0.5, self._x * fade + kept)
        self._time = self._time * fade + exposure_s * shape
        self._elapsed_s += exposure_s
        # Each window's moment estimate of φ, ((x - mean)² - mean) / mean², weighted by its information on φ: small
        # counts say next to nothing about it.
        self._excess = self._excess * _DISPERSION_FADE + mean / (1.0 + 2.0 * mean) * ((kept - mean) ** 2 - mean)
        self._information = self._information * _DISPERSION_FADE + mean**3 / (1.0 + 2.0 * mean)
        for seen, usual in (self._week, self._day):
            hour = int(at_s // 3600) % len(seen)
            seen[hour] += kept
            usual[hour] += mean / shape

    def _shape(self, at_s: float) -> float:
        shape = 1.0
        for seen, usual in (self._day, self._week):
            hour = int(at_s // 3600) % len(seen)
            shape = (seen[hour] + _SHAPE_PRIOR * shape) / (usual[hour] + _SHAPE_PRIOR)
        return min(_STEEPEST, max(1.0 / _STEEPEST, shape))


def surprise(x: float, mean: float) -> float:
    """Signed log-likelihood gain of a Poisson count's own rate over ``mean``: 0 at the mean, in nats."""
    if x <= mean:
        return 0.0
    return x * log(x / mean) - (x - mean)
