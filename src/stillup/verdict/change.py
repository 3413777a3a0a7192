"""Sequential tests: has the rate risen, has it fallen back.

Each rise test is a mixture of Shiryaev–Roberts e-processes over a grid of alternatives: with ``L`` the likelihood ratio
of one window, ``R ← (1 + R) · L``, and the alarm comes when the average of ``R`` over the grid passes the threshold.
Each fall test is the mirror image, kept as a CUSUM because its false alarms cost little.
"""

from __future__ import annotations

from math import exp, inf, log

from stillup.verdict.settings import TICK_S

MULTIPLIERS = (1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0, 10_000.0)
FAILURE_RATES = (0.1, 0.25, 0.5, 0.75, 0.95)

RECOVERED_NATS = 3.5
"""Thirty-three to one against the fault still being there. More makes every recovery late; less makes some false."""

REALARM_S = 15 * TICK_S
"""A rate that the rise test would find within this time counts as not yet recovered."""

_HUGE = 1e250  # keeps R finite; it is far above every threshold


def count_llr(x: float, mean: float, size: float, ratio: float) -> float:
    """Log-likelihood ratio of a count: negative binomial with mean ``ratio · mean`` against ``mean``.

    ``size`` is the inverse of the over-dispersion (variance = mean + mean² / size).
    """
    shrink = log((size + mean) / (size + ratio * mean))
    return x * (log(ratio) + shrink) + size * shrink


class RiseTest:
    """The mixture for counts. ``log_e`` is its log e-value after the last window."""

    __slots__ = ("_r", "log_e")

    def __init__(self) -> None:
        self._r = [0.0] * len(MULTIPLIERS)
        self.log_e = -inf

    def update(self, x: float, mean: float, size: float, cap: float, least_ratio: float = 1.5) -> float:
        """Take one window in and give the new log e-value; rises below ``least_ratio`` are left out."""
        total = 0.0
        for k, ratio in enumerate(MULTIPLIERS):
            if ratio < least_ratio:
                continue
            llr = count_llr(x, mean, size, ratio)
            r = min(_HUGE, (1.0 + self._r[k]) * exp(min(cap, llr, 500.0)))
            self._r[k] = r
            total += r
        self.log_e = log(total / len(MULTIPLIERS)) if total > 0 else -inf
        return self.log_e

    def reset(self) -> None:
        """Forget everything, as after an alarm that has ended."""
        self._r = [0.0] * len(MULTIPLIERS)
        self.log_e = -inf


class FallTest:
    """CUSUM of "back to usual" against "still raised"."""

    __slots__ = ("nats",)

    def __init__(self) -> None:
        self.nats = 0.0

    def update(self, llr_back: float) -> bool:
        """Add one window's log-likelihood ratio in favour of recovery; True when recovered."""
        self.nats = max(0.0, self.nats + llr_back)
        return self.nats >= RECOVERED_NATS


def still_raised_ratio(mean: float, window_s: float, threshold: float, raised: float, least: float) -> float:
    """The smallest multiple of the usual rate that counts as *not recovered*.

    It is the one the rise test would find within :data:`REALARM_S` (so that recovery is never followed by the same
    alarm again), but at most half of what was ``raised`` on average since onset, and at least ``least``.
    """
    windows = max(1.0, REALARM_S / window_s)
    ratio = next(
        (r for r in MULTIPLIERS if windows * mean * (r * log(r) - r + 1.0) >= threshold),
        MULTIPLIERS[-1],
    )
    return max(least, min(ratio, raised / 2.0))


class FailureTest:
    """The mixture for outcomes: failure rates on a grid against the usual failure rate."""

    __slots__ = ("_r", "log_e")

    def __init__(self) -> None:
        self._r = [0.0] * len(FAILURE_RATES)
        self.log_e = -inf

    def update(self, n_ok: int, n_failed: int, usual: float, cap: float) -> float:
        """Take one tick's tally in and give the new log e-value."""
        total = 0.0
        for k, rate in enumerate(FAILURE_RATES):
            r = 0.0
            if rate > 2.0 * usual:
                r = min(_HUGE, (1.0 + self._r[k]) * exp(min(cap, outcome_llr(n_ok, n_failed, usual, rate), 500.0)))
            self._r[k] = r
            total += r
        self.log_e = log(total / len(FAILURE_RATES)) if total > 0 else -inf
        return self.log_e

    def reset(self) -> None:
        """Forget everything, as after an alarm that has ended."""
        self._r = [0.0] * len(FAILURE_RATES)
        self.log_e = -inf


def outcome_llr(n_ok: int, n_failed: int, usual: float, rate: float) -> float:
    """Log-likelihood ratio of a tally: failure rate ``rate`` against ``usual``; both strictly between 0 and 1."""
    return n_failed * log(rate / usual) + n_ok * log((1.0 - rate) / (1.0 - usual))
