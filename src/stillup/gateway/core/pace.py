"""How long a target usually keeps silent: when to hedge, and when a stream has stalled."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil, log

KEPT = 64
"""Samples a quantile is taken of: some minutes of one agent, and old habits are forgotten soon."""
LEARNED = 10
"""Samples from which on they are believed."""

_BYTES_PER_S = 200_000
"""A body is granted a second more for so many bytes: a long prompt takes long to read."""


class Quantiles:
    """The last 64 samples, kept sorted beside their order of arrival: a quantile is one look-up."""

    __slots__ = ("_arrived", "_sorted")

    def __init__(self) -> None:
        self._arrived: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, sample: float) -> None:
        """Take one more; the oldest of 64 goes."""
        if len(self._arrived) == KEPT:
            oldest = self._arrived.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
        self._arrived.append(sample)
        insort(self._sorted, sample)

    def at(self, share: float) -> float | None:
        """The smallest sample that ``share`` of all do not pass; None while there are none."""
        count = len(self._sorted)
        if not count:
            return None
        return self._sorted[max(1, ceil(share * count)) - 1]

    def share_of(self, least: float) -> float:
        """Which share of all are at least so long, never quite none."""
        count = len(self._sorted)
        return (count - bisect_left(self._sorted, least) + 1) / (count + 1)


class Manner:
    """What is assumed and allowed for one manner of answering."""

    __slots__ = ("longest_s", "shortest_s", "trickle_s", "unlearned_s")

    def __init__(self, *, unlearned_s: float, shortest_s: float, longest_s: float, trickle_s: float) -> None:
        self.unlearned_s = unlearned_s
        self.shortest_s = shortest_s
        self.longest_s = longest_s
        self.trickle_s = trickle_s


STREAM = Manner(unlearned_s=8.0, shortest_s=1.0, longest_s=30.0, trickle_s=4.0)
"""Time to the first content of a stream."""
WHOLE = Manner(unlearned_s=60.0, shortest_s=5.0, longest_s=120.0, trickle_s=30.0)
"""Time to the whole of an answer that is no stream."""
QUICK = STREAM
"""Time to the whole of an answer that nothing is generated for: a count, an embedding, a list."""


class FirstTokens:
    """Silences of one target before its answers, in one manner."""

    __slots__ = ("manner", "samples")

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.samples = Quantiles()

    def add(self, silence_s: float) -> None:
        """An answer's content began after so long."""
        self.samples.add(silence_s)

    def surprise(self, silence_s: float) -> float:
        """How much a silence tells against the target, as the weight of a fault.

        Conclusive where it is longer than usual or nothing is learned; else the logarithm of how rare it is, on the
        breaker's scale, for a target that is gone is silent for so long for certain.
        """
        usual_s = self.usual_s
        if usual_s is None or silence_s >= usual_s:
            return 1.0
        return min(1.0, -log(self.samples.share_of(silence_s)) / log(50))

    @property
    def usual_s(self) -> float | None:
        """What 95 in 100 answers do not pass; None while it is not learned."""
        return self.samples.at(0.95) if len(self.samples) >= LEARNED else None

    def hedge_after_s(self, body_bytes: int) -> float:
        """Silence after which the next is asked too: twice what 95 in 100 answers take, within bounds."""
        manner, usual_s = self.manner, self.usual_s
        after = manner.unlearned_s
        if usual_s is not None:
            after = min(max(2.0 * usual_s, manner.shortest_s), manner.longest_s)
        return after + body_bytes / _BYTES_PER_S

    def trickle_after_s(self, body_bytes: int, lost: int, configured_s: float | None = None) -> float:
        """The same for a trickle: a second, doubled for each trickle that lost by silence.

        With a fixed second a model that usually thinks for three would lose every race and never be back. Patience
        grows to what it usually takes and no further, so that a real hang stays cheap. What is configured, instead of
        learned, bounds it too, but not below what it is known to take.
        """
        usual_s = self.usual_s
        if usual_s is None:
            usual_s = self.manner.trickle_s
        patience = max(1.0, min(2.0 ** min(lost, 10), usual_s)) + body_bytes / _BYTES_PER_S
        if configured_s is None:
            return min(patience, self.hedge_after_s(body_bytes))
        return min(patience, max(configured_s, self.usual_s or 0.0) if lost else configured_s)


class Gaps:
    """The longest silence inside each of the last streams of one target."""

    __slots__ = ("samples",)

    LONGEST_S = 120.0
    """No stall is waited for longer than this unless the configuration says so."""

    def __init__(self) -> None:
        self.samples = Quantiles()

    def stall_after_s(self, configured_s: float) -> float:
        """Silence that is a stall: as configured, but never below three times what is usual here.

        Taken of each stream's longest gap (95 in 100), which bounds the 99th percentile of all its gaps from above
        without a sample for every chunk.
        """
        if len(self.samples) < LEARNED:
            return configured_s
        usual_s = 3.0 * (self.samples.at(0.95) or 0.0)
        return max(configured_s, min(usual_s, self.LONGEST_S))
