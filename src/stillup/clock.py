"""The only module that reads a clock. Everything else is handed the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the edges need of time: the wall clock, a steady one, and waiting."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def wall_s(self) -> float:
        """The wall clock, in seconds since the epoch: a tenth of the cost of :meth:`now`."""
        ...

    def monotonic_s(self) -> float:
        """Seconds on a clock that never jumps; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of this clock."""
        ...


class SystemClock:
    """The machine's own clock."""

    # Asked a dozen times for each request of the gateway: these two are the system's own functions.
    wall_s = staticmethod(time.time)
    monotonic_s = staticmethod(time.monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        import asyncio  # what only wants to know the time need not load it

        await asyncio.sleep(max(0.0, seconds))


class ScaledClock:
    """A clock that starts at ``start`` and runs ``speed`` times as fast as the machine's own.

    The demo and drills use it: a day of a scenario passes in a minute while every timeout of the real network
    stays in real time.
    """

    def __init__(self, start: datetime, speed: float) -> None:
        self._start = start
        self._speed = speed
        self._origin_s = time.monotonic()

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic_s())

    def wall_s(self) -> float:
        return self.now().timestamp()

    def monotonic_s(self) -> float:
        return (time.monotonic() - self._origin_s) * self._speed

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(max(0.0, seconds) / self._speed)
