"""What others do with the same counts: four usual rules and an oracle. Each gives a number that grows with alarm.

All take windows of many streams at once and are causal. ``3-sigma``, ``EWMA`` and ``CUSUM`` standardise by mean and
standard deviation of the last day, which is what such rules are fed with in practice; the Downdetector-like rule
compares a quarter of an hour with the last day; the oracle knows both true rates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

DAY_S = 86_400


class Rolling:
    """Mean and standard deviation of about the last day, by exponential forgetting."""

    def __init__(self, n: int, window_s: int) -> None:
        self._fade = 1.0 - window_s / DAY_S
        self.mean, self._square, self._weight = np.zeros(n), np.zeros(n), 0.0

    def take(self, x: Array) -> None:
        self._weight = self._weight * self._fade + 1.0
        self.mean += (x - self.mean) / self._weight
        self._square += (x * x - self._square) / self._weight

    @property
    def sd(self) -> Array:
        return np.sqrt(np.maximum(self._square - self.mean**2, 1e-4))


class Rivals:
    """All rules side by side; ``step`` gives each one's statistic."""

    def __init__(self, n: int, window_s: int) -> None:
        self._rolling = Rolling(n, window_s)
        self._ewma, self._cusum = np.zeros(n), np.zeros(n)
        self._quarter = np.zeros((max(1, 900 // window_s), n))
        self._at = 0

    def step(self, x: Array) -> dict[str, Array]:
        rolling = self._rolling
        z = (x - rolling.mean) / rolling.sd
        self._ewma = 0.8 * self._ewma + 0.2 * z
        self._cusum = np.maximum(0.0, self._cusum + z - 0.5)
        self._quarter[self._at % len(self._quarter)] = x
        self._at += 1
        usual = np.maximum(rolling.mean * len(self._quarter), 1.0)
        rolling.take(x)
        return {
            "3-sigma": z,
            "EWMA": self._ewma / (0.2 / 1.8) ** 0.5,
            "CUSUM": self._cusum.copy(),
            "Downdetector-like": self._quarter.sum(axis=0) / usual,
        }


def oracle(llr: Callable[[Array], Array]) -> Callable[[Array, Array], Array]:
    """A CUSUM that knows the true rates: state in, counts in, state out."""

    def step(state: Array, x: Array) -> Array:
        new: Array = np.maximum(0.0, state + llr(x))
        return new

    return step
