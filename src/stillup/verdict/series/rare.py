"""A plain series of rare counts, too few for any scale to even their noise: negative binomial, and bets on its mean."""

from __future__ import annotations

from math import exp, inf, log

RISES = (2.5, 5.0, 12.0, 40.0)
FALLS = (0.05,)
"""The multiples of the usual mean that are bet on."""

BACK_NATS = 4.0
_COUNTS, _MEMORY = 60.0, (100.0, 3000.0)  # the mean rests on the last rows with so many counts: days have a rhythm
_PRIOR_ROWS = 5.0  # of what the first rows showed
_DISPERSION_PRIOR, _PRIOR_INFORMATION = 0.3, 10.0
_DISPERSION_RANGE = (0.05, 5.0)
_KNOWN = 15.0  # counts, before silence says anything
_WINSOR_SD = 5.0
_HUGE = 1e250


class RareCounts:
    """Usual mean and dispersion, the test for another mean, and the test of the way back."""

    __slots__ = ("_back", "_excess", "_information", "_r", "_raised", "_rows", "_sum", "log_e")

    def __init__(self, first: list[float]) -> None:
        self._rows = float(len(first)) + _PRIOR_ROWS
        self._sum = sum(first) * self._rows / len(first) + 1.0
        self._excess = _DISPERSION_PRIOR * _PRIOR_INFORMATION
        self._information = _PRIOR_INFORMATION
        self._r = [0.0] * len(RISES + FALLS)
        self._back = 0.0
        self._raised = 1.0
        self.log_e = -inf

    @property
    def mean(self) -> float:
        """The usual count of a row."""
        return self._sum / self._rows

    @property
    def dispersion(self) -> float:
        """The factor φ of variance = mean + φ mean²."""
        low, high = _DISPERSION_RANGE
        return min(high, max(low, self._excess / self._information)) + 1.0 / self._sum

    def gain(self, x: float, ratio: float) -> float:
        """Log-likelihood ratio of one count: mean ``ratio`` times the usual against the usual."""
        mean, size = self.mean, 1.0 / self.dispersion
        shrink = log((size + mean) / (size + ratio * mean))
        return x * (log(ratio) + shrink) + size * shrink

    def update(self, x: float) -> float:
        """Take one count in and give the new log e-value."""
        total, known = 0.0, self._sum
        upper = (known + 3.0 * known**0.5 + 4.0) / known
        for k, ratio in enumerate(RISES + FALLS):
            if 1.0 < ratio < upper or (ratio < 1.0 and known < _KNOWN):
                self._r[k] = 0.0
                continue
            self._r[k] = r = min(_HUGE, (1.0 + self._r[k]) * exp(min(200.0, self.gain(x, ratio))))
            total += r
        self.log_e = log(total / len(self._r)) if total > 0.0 else -inf
        return self.log_e

    def learn(self, x: float) -> None:
        """Learn from a calm count."""
        mean = self.mean
        x = min(x, mean + _WINSOR_SD * (mean + self.dispersion * mean * mean) ** 0.5 + 1.0)
        few, many = _MEMORY
        fade = 1.0 - 1.0 / min(many, max(few, _COUNTS / mean))
        self._sum = max(0.5, self._sum * fade + x)
        self._rows = self._rows * fade + 1.0
        fade = 1.0 - 1.0 / many
        weight = mean / (1.0 + 2.0 * mean)
        self._excess = self._excess * fade + weight * ((x - mean) ** 2 - mean)
        self._information = self._information * fade + weight * mean * mean

    def begin(self) -> None:
        """An alarm began: half of what it is raised (or twice what is left) is what must be disproved."""
        best = max(range(len(self._r)), key=self._r.__getitem__)
        ratio = (RISES + FALLS)[best]
        self._raised = max(1.5, ratio / 2.0) if ratio > 1.0 else min(0.7, 2.0 * ratio)
        self._back = 0.0

    def is_back(self, x: float) -> bool:
        """Take in one count of an alarm; True when it is over."""
        self._back = max(0.0, self._back + min(BACK_NATS / 2.0, -self.gain(x, self._raised)))
        return self._back >= BACK_NATS

    def reset(self) -> None:
        """Forget the bets, as after an alarm that has ended."""
        self._r = [0.0] * len(self._r)
        self.log_e = -inf

    def accept(self, x: float) -> None:
        """Take the level of ``x`` a row as the usual one."""
        self._sum, self._rows = max(0.5, 25.0 * x), 25.0
