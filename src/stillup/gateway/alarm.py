"""One timer of the event loop, set anew whenever it is due earlier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf


class Alarm:
    """Rings at a time of the steady clock that ``now`` tells. While it is off it holds on to nobody."""

    __slots__ = ("_now", "_timer", "at_s")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._timer: asyncio.TimerHandle | None = None
        self.at_s = inf
        """When it rings; infinity while it is not set."""

    def set(self, at_s: float, ring: Callable[[], None]) -> None:
        """Ring then, and at no other time."""
        self.off()
        self.at_s = at_s
        self._timer = asyncio.get_running_loop().call_later(max(0.0, at_s - self._now()), self._due, ring)

    def off(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.at_s = inf

    def _due(self, ring: Callable[[], None]) -> None:
        self._timer, self.at_s = None, inf
        ring()
