"""The failure rate of one kind of try: what is usual, how it comes in bursts, and whether it has risen.

The usual rate is a beta belief. Around it the rate of a stretch of time is itself drawn from a beta whose correlation
``rho`` (of two tries of one stretch) is learned: failures come in bursts, and a burst is not yet an outage. So the
calm prediction of the next window is beta-binomial about a mean that leans on the stretch just seen, and betting
against that prediction stays fair when failures cluster. See docs/outcomes.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import exp, inf, lgamma, log, sqrt

from stillup.verdict.settings import DAY_S

FAILURE_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 0.95)
_STAKES = (0.05, 0.05, 0.05, 0.1, 0.1, 0.1, 0.15, 0.15, 0.25)
"""What is bet on each rate; most outages that a few tries can show are total."""

RECOVERED_NATS = 3.0
"""Twenty to one against the fault still being there. More makes every recovery late; less makes some false."""

_STILL = 2.0 / 3.0  # of what failed lately counts as not yet recovered
_LEAST_STILL = 0.05

_PRIOR = (0.15, 50.0)  # three failures in a thousand tries: what probes of a calm service show
_USUAL_RANGE = (0.002, 0.3)  # what fails more rarely is not known so well that one failure could be an outage
_LEARN_AFTER_S = 45 * 60  # what is younger may yet turn out to be the start of an outage
_HOLD_BACK_S = DAY_S
_YOUNG_S, _YOUNG_TRIES = 1200.0, 30
_YOUNG_LEAST = 0.45  # until its own rate is known, only a stream of which half fails is in trouble
_MEMORY_S = 7 * DAY_S
_MOST_TRIES = 50_000.0
_RHOS = (0.001, 0.005, 0.025, 0.1, 0.3, 0.7)
_RHO_PRIOR = (0.1, 0.2, 0.4, 0.2, 0.07, 0.03)
_RHO_MARGIN = 1.2  # the grid is coarse, and too small a rho is the worse mistake
_ALONE = -1.0  # nats of belief that each window is a stretch of its own, against stretches of half an hour
_RHO_FADE = 0.99998  # a window's word on the bursts is worth half after 35,000 windows
_FLARE_NATS = 1.5
_STRETCH_S = 30 * 60
_HUGE = 1e250  # keeps R finite; it is far above every threshold


def log_chance(n_ok: int, n_failed: int, mean: float, size: float) -> float:
    """Log-probability of one order of these tries when the rate is beta with this mean and size (= a + b)."""
    if n_ok + n_failed == 1:
        return log(mean) if n_failed else log(1.0 - mean)
    a, b = mean * size, (1.0 - mean) * size
    fails = lgamma(a + n_failed) - lgamma(a)
    works = lgamma(b + n_ok) - lgamma(b)
    return fails + works - lgamma(size + n_ok + n_failed) + lgamma(size)


class Stretch:
    """The failures of the stretch of time just seen, for a given correlation ``rho``.

    Its weight never passes that of the usual rate, 1 / rho - 1 tries: the prediction meets the stretch half-way.
    """

    __slots__ = ("_at_s", "_failed", "_tries")

    def __init__(self) -> None:
        self._failed = self._tries = 0.0
        self._at_s = -inf

    def expect(self, at_s: float, usual: float, rho: float) -> tuple[float, float]:
        """Mean and size of the beta that predicts the window ending at ``at_s``."""
        fade = exp(-(at_s - self._at_s) / _STRETCH_S) if self._tries else 0.0
        size = 1.0 / rho - 1.0
        tries = self._tries * fade
        return (size * usual + self._failed * fade) / (size + tries), size + tries

    def add(self, at_s: float, n_ok: int, n_failed: int, rho: float) -> None:
        """Take one window into the stretch."""
        fade = exp(-(at_s - self._at_s) / _STRETCH_S) if self._tries else 0.0
        tries = self._tries * fade + n_ok + n_failed
        keep = min(1.0, (1.0 / rho - 1.0) / tries)
        self._failed = (self._failed * fade + n_failed) * keep
        self._tries = tries * keep
        self._at_s = at_s


class UsualRate:
    """The learned rate and correlation. Windows teach once they are 45 minutes old and no alarm covered them."""

    __slots__ = ("_alone", "_at_s", "_failed", "_learned", "_learned_s", "_pending", "_stretches", "_tries", "_words")

    def __init__(self) -> None:
        self._failed, self._tries = _PRIOR
        self._pending: deque[tuple[float, int, int]] = deque()
        self._stretches = tuple(Stretch() for _ in _RHOS)
        self._words = [0.0] * len(_RHOS)  # log-likelihood of each rho, faded
        self._alone = [_ALONE] * len(_RHOS)  # the same, were each window a stretch of its own
        self._at_s = -inf
        self._learned_s, self._learned = 0.0, 0

    @property
    def rate(self) -> float:
        """The usual failure rate, kept between 0.2 % and 30 %."""
        low, high = _USUAL_RANGE
        return min(high, max(low, self._failed / self._tries))

    @property
    def upper(self) -> float:
        """An upper bound of the usual rate: about 99 of 100 such bounds hold."""
        return (self._failed + 2.0 * sqrt(self._failed) + 1.0) / self._tries

    @property
    def is_young(self) -> bool:
        """Whether too little has been learned to call a modest rate unusual."""
        return self._learned_s < _YOUNG_S or self._learned < _YOUNG_TRIES

    @property
    def rho(self) -> float:
        """The correlation of two tries of one stretch: the geometric mean of what is believed of it."""
        words = self._words if self.remembers else self._alone
        best = max(words)
        weights = [p * exp(w - best) for p, w in zip(_RHO_PRIOR, words, strict=True)]
        mean = exp(sum(w * log(r) for w, r in zip(weights, _RHOS, strict=True)) / sum(weights))
        return min(_RHOS[-1], _RHO_MARGIN * mean)

    @property
    def remembers(self) -> bool:
        """Whether a stretch outlasts its window: what failed a minute ago says something of the next minute."""
        return max(self._words) >= max(self._alone)

    def observe(self, at_s: float, n_ok: int, n_failed: int, *, suspicious: bool = False) -> None:
        """Put a calm window in the queue, and learn those that have grown old enough.

        A suspicion that is neither proved nor past holds the queue back, for a day at most: bursts do teach. The young
        do not wait.
        """
        self._pending.append((at_s, n_ok, n_failed))
        calm_s, suspicious_s = (0.0, _LEARN_AFTER_S) if self.is_young else (_LEARN_AFTER_S, _HOLD_BACK_S)
        wait_s = suspicious_s if suspicious else calm_s
        while self._pending and self._pending[0][0] <= at_s - wait_s:
            self._learn(*self._pending.popleft())

    def forget_since(self, onset_s: float) -> None:
        """Drop queued windows that an alarm has shown to belong to a fault."""
        while self._pending and self._pending[-1][0] > onset_s:
            self._pending.pop()

    def flare(self, windows: Iterable[tuple[float, int, int]]) -> None:
        """Learn from an alarm that was short how failures hang together; a little, and nothing of their rate."""
        stretches, words = [Stretch() for _ in _RHOS], [0.0] * len(_RHOS)
        for at_s, n_ok, n_failed in windows:
            for k, rho in enumerate(_RHOS):
                words[k] += log_chance(n_ok, n_failed, *stretches[k].expect(at_s, self.rate, rho))
                stretches[k].add(at_s, n_ok, n_failed, rho)
        best = max(words)
        scale = min(1.0, _FLARE_NATS / max(best - min(words), 1e-9))
        self._words = [old + scale * (word - best) for old, word in zip(self._words, words, strict=True)]

    def _learn(self, at_s: float, n_ok: int, n_failed: int) -> None:
        usual, n = self._failed / self._tries, n_ok + n_failed
        for k, (rho, stretch) in enumerate(zip(_RHOS, self._stretches, strict=True)):
            word = log_chance(n_ok, n_failed, *stretch.expect(at_s, usual, rho))
            self._words[k] = self._words[k] * _RHO_FADE + word
            stretch.add(at_s, n_ok, n_failed, rho)
            self._alone[k] = self._alone[k] * _RHO_FADE + log_chance(n_ok, n_failed, usual, 1.0 / rho - 1.0)
        # Tries of one window repeat each other: n of them are worth n / (1 + (n - 1) rho).
        worth = 1.0 / (1.0 + (n - 1) * self.rho)
        passed_s = at_s - self._at_s if self._at_s > -inf else 0.0
        self._learned += n
        self._learned_s += min(passed_s, _YOUNG_S)
        fade = exp(-passed_s / _MEMORY_S)
        fade = min(fade, _MOST_TRIES / (self._tries + n * worth))
        self._at_s = at_s
        failed, tries = _PRIOR  # never fades
        self._failed = failed + (self._failed - failed) * fade + n_failed * worth
        self._tries = tries + (self._tries - tries) * fade + n * worth


class FailureTest:
    """Bets against "as usual": a mixture of Shiryaev–Roberts e-processes over a grid of failure rates."""

    __slots__ = ("_r", "_stretch", "log_e")

    def __init__(self) -> None:
        self._r = [0.0] * len(FAILURE_RATES)
        self._stretch = Stretch()
        self.log_e = -inf

    def update(self, at_s: float, n_ok: int, n_failed: int, usual: UsualRate, least: float = 0.0) -> float:
        """Take one window in and give the new log e-value; failure rates below ``least`` are no alarm."""
        rho = usual.rho
        least = max(least, 2.0 * usual.upper, _YOUNG_LEAST if usual.is_young else 0.0)
        size = 1.0 / rho - 1.0
        mean, weight = self._stretch.expect(at_s, usual.rate, rho) if usual.remembers else (usual.rate, size)
        calm = log_chance(n_ok, n_failed, mean, weight)
        self._stretch.add(at_s, n_ok, n_failed, rho)
        total = 0.0
        for k, rate in enumerate(FAILURE_RATES):
            if rate < least:
                self._r[k] = 0.0
                continue
            gain = log_chance(n_ok, n_failed, rate, size) - calm
            self._r[k] = min(_HUGE, (1.0 + self._r[k]) * exp(min(gain, 500.0)))
            total += _STAKES[k] * self._r[k]
        self.log_e = log(total) if total > 0 else -inf
        return self.log_e

    @property
    def likeliest(self) -> float:
        """The failure rate that the bets speak for."""
        return FAILURE_RATES[max(range(len(FAILURE_RATES)), key=lambda k: _STAKES[k] * self._r[k])]

    def reset(self) -> None:
        """Forget everything, as after an alarm that has ended."""
        self._r = [0.0] * len(FAILURE_RATES)
        self._stretch = Stretch()
        self.log_e = -inf


class RecoveryTest:
    """CUSUM of "back to usual" against "still failing" at two thirds of what failed lately."""

    __slots__ = ("nats",)

    def __init__(self) -> None:
        self.nats = 0.0

    def update(self, n_ok: int, n_failed: int, usual: UsualRate, still: float, cap: float) -> bool:
        """Take one window in; True when recovered. ``cap`` is the most nats one window may add."""
        still = min(0.95, max(_LEAST_STILL, 2.0 * usual.upper, still))
        size = 1.0 / usual.rho - 1.0
        gain = log_chance(n_ok, n_failed, usual.rate, size) - log_chance(n_ok, n_failed, still, size)
        self.nats = max(0.0, self.nats + min(cap, gain))
        return self.nats >= RECOVERED_NATS


def still_failing(share: float, good_tries: float) -> float:
    """The failure rate that counts as not yet recovered, after ``share`` failed lately.

    It is not above the rate that so many good tries in a row disprove: else one good try would end a total outage.
    """
    return min(_STILL * share, 1.0 - exp(-RECOVERED_NATS / good_tries))
