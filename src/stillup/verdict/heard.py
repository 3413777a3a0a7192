"""Is a source alive: when it was last heard, and how long its silence may last."""

from __future__ import annotations

from collections import deque
from math import inf
from statistics import median

EXPIRY_INTERVALS = 3
"""No word for so many usual intervals is *no data*."""

_GRACE_S = 300.0  # one word alone shows no rhythm; recordings are often coarser than a live poll


class Heard:
    """When one source was heard. A source that never sends ``alive`` never expires: its silence is its zero."""

    __slots__ = ("_gaps", "_interval_s", "last_s", "sends_alive", "usual_s")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._gaps: deque[float] = deque(maxlen=9)
        self.usual_s = max(interval_s, _GRACE_S)
        """The usual interval: the registry's, or the one shown when that is longer."""
        self.last_s = -inf
        self.sends_alive = False

    def hear(self, at_s: float, *, alive: bool) -> None:
        """Note one line of this source."""
        self.sends_alive = self.sends_alive or alive
        if at_s > self.last_s:
            if self.last_s > -inf:
                self._gaps.append(at_s - self.last_s)
                self.usual_s = max(self._interval_s, median(self._gaps))
            self.last_s = at_s

    @property
    def expires_s(self) -> float:
        """When silence turns into *no data*."""
        return self.last_s + EXPIRY_INTERVALS * self.usual_s if self.sends_alive else inf

    def is_fresh(self, now_s: float) -> bool:
        """Whether what it said still stands."""
        return self.last_s > -inf and now_s <= self.expires_s
