"""How long the tries that work take: slower than usual, or not."""

from __future__ import annotations

from collections import deque
from math import exp, log
from statistics import median

from stillup.verdict.series.peaks import Peaks
from stillup.verdict.series.shift import WARM_UP, BackTest, Noise, ShiftTest

SLOWER = (1.5, 2.0, 4.0, 10.0)
"""The rises that are bet on."""

BACK_NATS = 6.0
"""What recovery takes, a third of it in one tick at most: a small rise in noisy numbers would flap with less."""

_LEVEL_MEMORY = 1000.0  # ticks with tries
_LEAST_SCALE = 0.05  # of ln latency: no service is steadier than 5 %
_TWICE = 2  # ticks in a row above the threshold: one outlier alone is no shift
_SURE = 4.0  # standard errors that a rise must exceed, lest a level not yet known be taken for one
_MOST_HELD = 64
_KEEP = 288
_NEW_NORMAL_S = 72 * 3600
_LEAST_MS = 0.1


_FELT_MS = 250.0  # a rise that nobody feels is no trouble, however sure it is


class LatencyTest:
    """The latency of one kind of try; each tick counts as one number, the median of ln milliseconds of its tries."""

    __slots__ = (
        "_back",
        "_first",
        "_held",
        "_history",
        "_noise",
        "_over",
        "_peaks",
        "_test",
        "recent_ms",
        "slow_since_s",
    )

    def __init__(self) -> None:
        self.slow_since_s: float | None = None
        self.recent_ms: float | None = None
        self._history: deque[tuple[float, float]] = deque(maxlen=_KEEP)
        self._held: list[float] = []
        self._first: list[float] = []
        self._noise: Noise | None = None
        self._test = ShiftTest(len(SLOWER))
        self._peaks: Peaks | None = None
        self._back: BackTest | None = None
        self._over = 0

    @property
    def usual_ms(self) -> float | None:
        """The usual latency, None while it is not known."""
        return None if self._noise is None else exp(self._noise.level)

    @property
    def log_e(self) -> float:
        """The log e-value of the test, never below 0."""
        return max(0.0, self._test.log_e)

    def take(self, latency_ms: float) -> None:
        """Note the latency of one try that worked."""
        if len(self._held) < _MOST_HELD:
            self._held.append(log(max(_LEAST_MS, latency_ms)))

    def tick(self, now_s: float, threshold: float, window_s: float) -> bool:
        """Judge this tick's latencies; True when it has become slow or is back to usual."""
        if not self._held:
            return False
        z, self._held = median(self._held), []
        self.recent_ms = exp(z)
        if self._noise is None:
            self._warm_up(z)
            return False
        if self._back is not None:
            return self._judge_back(self._noise, self._back, z, now_s, window_s)
        return self._judge_rise(self._noise, z, now_s, threshold, window_s)

    def doubt(self) -> None:
        """After a long silence: what was slow is slow again with the next number that stands out, and not before."""
        if self._back is not None:
            self.slow_since_s, self._back = None, BackTest(self._back.shift)

    def _warm_up(self, z: float) -> None:
        self._first.append(z)
        if len(self._first) >= WARM_UP:
            self._noise, self._first = Noise(self._first, _LEVEL_MEMORY, _LEAST_SCALE), []

    def _judge_rise(self, noise: Noise, z: float, now_s: float, threshold: float, window_s: float) -> bool:
        self._history.append((now_s, z))
        least = _SURE * noise.level_error
        shifts = tuple(max(least, log(times)) for times in SLOWER)
        log_e = self._test.update(noise, z, shifts)
        if self._peaks is None:
            self._peaks = Peaks(exp(threshold))
        self._peaks.see(log_e)
        stands = _stands_out(noise, z, shifts[self._test.likeliest])
        self._over = self._over + 1 if stands and log_e >= max(threshold, self._peaks.threshold) else 0
        if self._over < _TWICE:
            noise.learn(z, _LEAST_SCALE, 1.0 if log_e < threshold / 3.0 else 0.2)
            return False
        self._peaks.cut()
        noise.follow(z)
        self._back = BackTest(max(z - noise.level, log(SLOWER[self._test.likeliest])))
        self.slow_since_s = self._onset_s(noise, self._back.shift) - window_s
        return True

    def _onset_s(self, noise: Noise, shift: float) -> float:
        """Where what lies beyond half of the shift, summed backwards, is greatest."""
        best, total, start = 0.0, 0.0, self._history[-1][0]
        for at_s, z in reversed(self._history):
            total += z - noise.level - shift / 2.0
            if total > best:
                best, start = total, at_s
        return start

    def _judge_back(self, noise: Noise, back: BackTest, z: float, now_s: float, window_s: float) -> bool:
        was_told = self.slow_since_s is not None
        if not was_told and _stands_out(noise, z, back.shift):
            self.slow_since_s = now_s - window_s
        nats = back.update(noise, z, log(SLOWER[0]), BACK_NATS / 3.0)
        noise.follow(z)
        if now_s - (self.slow_since_s or now_s) > _NEW_NORMAL_S:
            noise.jump(back.shift)
        elif nats < BACK_NATS:
            return not was_told and self.slow_since_s is not None
        self.slow_since_s, self._back = None, None
        self._test.reset()
        self._over = 0
        self._history.clear()
        return True


def _stands_out(noise: Noise, z: float, shift: float) -> bool:
    """Whether a number lies beyond half of the shift, and far enough to be felt."""
    return exp(z) - exp(noise.level) >= _FELT_MS and z - noise.level > shift / 2.0
