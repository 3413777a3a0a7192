"""Simulated streams of reports, many at once: calm with rhythm and noise, and faults on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

START_S = 1_772_409_600  # Monday, 2026-03-02, 00:00 UTC


@dataclass(frozen=True)
class Kind:
    """How a stream behaves in calm times; ``a_minute`` is its mean over a week."""

    name: str
    a_minute: float
    swing: float = 1.0
    """The busiest hour over the quietest."""
    weekend: float = 1.0
    dispersion: float = 0.0
    """Variance of a window beyond Poisson: mean + this · mean²."""
    wander: float = 0.0
    """Variance of a level that is drawn anew every quarter of an hour."""
    dead: float = 0.0
    """Share of hours in which the source cannot be read."""


class Streams:
    """``each`` streams of every kind, each in its own time zone; the randomness is the seed's."""

    def __init__(self, kinds: Sequence[Kind], each: int, seed: int, window_s: int = 60) -> None:
        self.kinds = kinds
        self.each = each
        self.window_s = window_s
        self._rng = np.random.default_rng(seed)
        n = len(kinds) * each
        self.count = n
        self.usual = self._column("a_minute") * window_s / 60.0
        low = 2.0 / (1.0 + self._column("swing"))
        self._depth = 1.0 - low
        self._weekend = self._column("weekend")
        self._dispersion, self._wander = self._column("dispersion"), self._column("wander")
        self._dead = self._column("dead")
        self._phase = self._rng.uniform(0.0, 24.0, n)
        self._level = np.ones(n)
        self._reads = np.ones(n, bool)

    def _column(self, field: str) -> Array:
        return np.repeat([getattr(kind, field) for kind in self.kinds], self.each).astype(float)

    def of(self, i: int) -> slice:
        """The streams of the i-th kind."""
        return slice(i * self.each, (i + 1) * self.each)

    def mean(self, at_s: float) -> Array:
        """The true mean of the windows ending at ``at_s``."""
        hours = at_s / 3600.0 + self._phase
        rhythm = 1.0 - self._depth * np.cos(hours / 24.0 * 2.0 * pi)
        weekend = (hours // 24.0 + 3.0) % 7.0 >= 5.0
        return self.usual * rhythm * np.where(weekend, self._weekend, 1.0)

    def draw(self, at_s: float, extra: Array | float = 0.0) -> Array:
        """The counts of the windows ending at ``at_s``, with a fault of mean ``extra`` on top."""
        if at_s % 900 < self.window_s:
            shape = 1.0 / np.maximum(self._wander, 1e-9)
            self._level = np.where(self._wander > 0, self._rng.gamma(shape, 1.0 / shape), 1.0)
        if at_s % 3600 < self.window_s:
            self._reads = self._rng.random(self.count) >= self._dead
        mean = self.mean(at_s) * self._level + extra
        shape = 1.0 / np.maximum(self._dispersion, 1e-9)
        noise = np.where(self._dispersion > 0, self._rng.gamma(shape, 1.0 / shape), 1.0)
        counts: Array = self._rng.poisson(mean * noise).astype(float)
        return counts

    @property
    def readable(self) -> Array:
        """Which sources can be read now; the others say nothing, not zero."""
        return self._reads
