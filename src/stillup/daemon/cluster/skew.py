"""How far this machine's clock is from the bus's: a replica whose clock is wrong must not say what minute it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillup.errors import BusError

if TYPE_CHECKING:
    from stillup.bus.base import Bus
    from stillup.clock import Clock

MOST_S = 5.0
"""Seconds that a clock may be off."""
_QUICK_S = 2.0
"""A question that took longer says little of clocks."""


class Skew:
    """Measured against the bus's own time; ``seconds`` is how far this clock is ahead of it, None: not known."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self.seconds: float | None = None

    async def measure(self) -> float | None:
        """Ask the bus once; the newest measure, whether or not it answered."""
        began_s = self._clock.monotonic_s()
        try:
            there = await self._bus.now()
        except BusError:
            return self.seconds
        took_s = self._clock.monotonic_s() - began_s
        if took_s <= _QUICK_S:
            # The bus looked at its clock somewhere between: half the time it took is as near as one can say.
            self.seconds = self._clock.wall_s() - took_s / 2 - there.timestamp()
        return self.seconds

    @property
    def is_right(self) -> bool:
        """Whether this clock is near enough; False while that is not known."""
        return self.seconds is not None and abs(self.seconds) <= MOST_S

    @property
    def says(self) -> str:
        """It in words."""
        if self.seconds is None:
            return "how far this machine's clock is off is not known: the bus does not answer"
        where = "ahead of" if self.seconds > 0 else "behind"
        return f"this machine's clock is {abs(self.seconds):.1f} s {where} the bus's ({MOST_S:.0f} s are allowed)"
