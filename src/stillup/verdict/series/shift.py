"""A shift of level in noisy numbers: learned noise, bets against "as usual", and the way back.

The calm model of a number ``z`` is a level plus first-order autoregressive noise whose innovations are Student-t:
level, correlation, scale and tail are learned as the numbers come. The test bets on lasting shifts. A shift by ``s``
moves the first innovation by ``s`` and every later one by ``(1 - phi) s``, so numbers that wander say less than numbers
that do not. See docs/outcomes.md.
"""

from __future__ import annotations

from math import inf, lgamma, log, log1p, pi, sqrt

TAILS = (2.5, 4.0, 8.0, 30.0)
"""Degrees of freedom that the innovations may have; 30 is as good as normal."""

WARM_UP = 25
"""Numbers that must be known before anything is judged."""

_TAIL_NORM = tuple(lgamma((v + 1.0) / 2.0) - lgamma(v / 2.0) - 0.5 * log(v * pi) for v in TAILS)
_TAIL_PRIOR = (0.0, 4.0, 0.0, -4.0)
_MEMORY = 2000.0  # numbers by which scale, tail and correlation are remembered
_PHI_PRIOR = 20.0  # numbers' worth of belief that half of a deviation stays
_PHI_MOST = 0.97
_UNSURE = 8.0  # a scale known from n numbers is widened by sqrt(1 + 8 / n)
_CLIP = 4.0  # scales; what lies further off teaches as if it lay there
_LEAST_WORTH = 0.2
_HUGE = 1e250


class Noise:
    """Level, correlation, scale and tail of one row of numbers; ``level_memory`` is in numbers."""

    __slots__ = ("_before", "_level_memory", "_scales", "_sxx", "_sxy", "_tail", "_words", "level", "n", "phi")

    def __init__(self, first: list[float], level_memory: float, least_scale: float) -> None:
        ordered = sorted(first)
        self.level = ordered[len(ordered) // 2]
        around = sorted(abs(z - self.level) for z in first)
        spread = max(least_scale, 1.2 * around[len(around) // 2], 0.3 * around[int(0.9 * (len(around) - 1))])
        self.n = float(len(first))
        self._level_memory = level_memory
        self._scales = [spread * spread] * len(TAILS)
        self._words = list(_TAIL_PRIOR)
        self._tail = 1
        self._sxx, self._sxy = _PHI_PRIOR * spread * spread, 0.5 * _PHI_PRIOR * spread * spread
        self.phi = 0.5
        self._before: float | None = None

    @property
    def tail(self) -> float:
        """Degrees of freedom believed in."""
        return TAILS[self._tail]

    @property
    def scale(self) -> float:
        """Scale of one innovation, widened while it is not well known."""
        return sqrt(self._scales[self._tail] * (1.0 + _UNSURE / self.n))

    @property
    def spread(self) -> float:
        """Scale of a number about its level."""
        return self.scale / sqrt(1.0 - self.phi * self.phi)

    @property
    def level_error(self) -> float:
        """Standard error of the level."""
        worth = min(self.n, self._level_memory) * (1.0 - self.phi) / (1.0 + self.phi)
        return self.spread / sqrt(max(1.0, worth))

    def innovation(self, z: float) -> float:
        """What ``z`` brings that the number before did not foretell."""
        deviation = z - self.level
        return deviation if self._before is None else deviation - self.phi * (self._before - self.level)

    def word(self, e: float) -> float:
        """Log-density of an innovation, to compare one model of the calm with another."""
        tail, scale = TAILS[self._tail], self.scale
        return _TAIL_NORM[self._tail] - log(scale) - (tail + 1.0) / 2.0 * log1p(e * e / (tail * scale * scale))

    def follow(self, z: float | None) -> None:
        """Note the number without learning from it; None after a gap that breaks the correlation."""
        self._before = z

    def learn(self, z: float, least_scale: float, pace: float = 1.0) -> None:
        """Learn from a calm number; ``pace`` below 1 learns more slowly."""
        e, deviation = self.innovation(z), z - self.level
        rate = pace / min(self.n, _MEMORY)
        self._learn_tail(e, rate, least_scale)
        if self._before is not None:
            before = self._before - self.level
            limit = _CLIP * self.spread
            x, y = max(-limit, min(limit, before)), max(-limit, min(limit, deviation))
            self._sxx += pace * x * x - rate * self._sxx
            self._sxy += pace * x * y - rate * self._sxy
            self.phi = max(0.0, min(_PHI_MOST, self._sxy / self._sxx))
        self.settle(z, pace)
        self.n += pace
        self._before = z

    def settle(self, z: float, pace: float = 1.0) -> None:
        """Let the level alone learn from a number."""
        limit = 2.0 * self.spread
        deviation = max(-limit, min(limit, z - self.level))
        self.level += pace / min(self.n, self._level_memory) * deviation

    def _learn_tail(self, e: float, rate: float, least_scale: float) -> None:
        """One step towards the most likely scale of each tail, and the word of each on this innovation."""
        square, least = e * e, least_scale * least_scale
        best = 0
        for k, tail in enumerate(TAILS):
            var = self._scales[k]
            odds = square / (tail * var)
            word = _TAIL_NORM[k] - 0.5 * log(var) - 0.5 * (tail + 1.0) * log1p(odds)
            self._words[k] += word - rate * self._words[k]
            self._scales[k] = max(
                least, var * (1.0 + rate * (tail + 3.0) / tail * ((tail + 1.0) * odds / (1.0 + odds) - 1.0))
            )
            if self._words[k] > self._words[best]:
                best = k
        self._tail = best

    def jump(self, by: float) -> None:
        """Accept that the level has become another."""
        self.level += by
        self.n = min(self.n, 4.0 * WARM_UP)


class ShiftTest:
    """A mixture of Shiryaev–Roberts e-processes, one a shift; ``log_e`` is its log e-value after the last number."""

    __slots__ = ("_r", "likeliest", "log_e")

    def __init__(self, shifts: int) -> None:
        self._r = [0.0] * shifts
        self.log_e = -inf
        self.likeliest = 0

    def update(self, noise: Noise, z: float, shifts: tuple[float, ...]) -> float:
        """Take one number in and give the new log e-value."""
        e, scale, tail = noise.innovation(z), noise.scale, noise.tail
        stay, power = 1.0 - noise.phi, -(tail + 1.0) / 2.0
        width = 1.0 / (tail * scale * scale)
        calm = max(1e-100, (1.0 + e * e * width) ** power)
        total = best = 0.0
        for k, shift in enumerate(shifts):
            new, on = e - shift, e - stay * shift
            began = (1.0 + new * new * width) ** power / calm
            goes_on = (1.0 + on * on * width) ** power / calm
            self._r[k] = r = min(_HUGE, began + goes_on * self._r[k])
            total += r
            if r > best:
                best, self.likeliest = r, k
        self.log_e = log(total / len(shifts)) if total > 0.0 else -inf
        return self.log_e

    def reset(self) -> None:
        """Forget everything, as after an alarm that has ended."""
        self._r = [0.0] * len(self._r)
        self.log_e = -inf


class BackTest:
    """CUSUM of "back to usual" against "still shifted by at least half as much"."""

    __slots__ = ("_n", "nats", "shift")

    def __init__(self, shift: float) -> None:
        self.shift = shift
        """How far off the numbers are, on average while they are."""
        self._n = 3.0
        self.nats = 0.0

    def update(self, noise: Noise, z: float, least: float, cap: float) -> float:
        """Take one number in and give the nats for recovery; ``least`` is the smallest shift that counts."""
        deviation = z - noise.level
        half = self.shift / 2.0
        if (deviation - half) * self.shift > 0.0:
            self._n = min(50.0, self._n + 1.0)
            self.shift += (deviation - self.shift) / self._n
        still = half if abs(half) >= least else (least if self.shift > 0 else -least)
        near, far = deviation / noise.spread, (deviation - still) / noise.spread
        tail = noise.tail
        gain = (tail + 1.0) / 2.0 * (log1p(far * far / tail) - log1p(near * near / tail))
        gain *= max(_LEAST_WORTH, 1.0 - noise.phi)  # numbers that hang together say less
        self.nats = max(0.0, self.nats + min(cap, gain))
        return self.nats
