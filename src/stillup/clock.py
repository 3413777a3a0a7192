"""The only module that reads a clock. Everything else is handed the time."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from math import inf
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


class PatientClock(ScaledClock):
    """A scaled clock that waits for a machine that is behind: it goes by what the event loop got round to.

    It stands but for :meth:`going`. While the loop comes round quickly it is a :class:`ScaledClock`; of a round that
    takes longer than ``LONGEST_S`` so much counts, or ``LEAST`` of it where that is more. So at 150 times real time a
    busy machine makes a play last up to four times as long, and readings do not come minutes late. ``steady`` is the
    machine's own clock.
    """

    LONGEST_S = 0.02
    LEAST = 0.25
    _BEAT_S = 0.005

    def __init__(self, start: datetime, speed: float, steady: Callable[[], float] = time.monotonic) -> None:
        super().__init__(start, speed)
        self._steady = steady
        self._gone = (0.0, inf)
        """Real seconds that count, and when they were added up: one value, as other threads read it too."""

    def beat(self) -> None:
        """The loop came round: what passed since the last time counts, as far as it may."""
        self._gone = (self._counted_s(), self._steady())

    def monotonic_s(self) -> float:
        return self._counted_s() * self._speed

    async def sleep(self, seconds: float) -> None:
        import asyncio

        until_s = self.monotonic_s() + seconds
        await asyncio.sleep(max(0.0, seconds) / self._speed)
        while (left_s := until_s - self.monotonic_s()) > 0:  # noqa: ASYNC110 - no event says that a clock got there
            await asyncio.sleep(max(self._BEAT_S, left_s / self._speed))

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """It goes inside, and stands again afterwards."""
        import asyncio

        self.beat()
        beating = asyncio.create_task(self._beats())
        try:
            yield
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            self._gone = (self._counted_s(), inf)

    async def _beats(self) -> None:
        import asyncio

        while True:
            await asyncio.sleep(self._BEAT_S)
            self.beat()

    def _counted_s(self) -> float:
        counted_s, at = self._gone
        round_s = max(0.0, self._steady() - at)
        return counted_s + min(round_s, max(self.LONGEST_S, round_s * self.LEAST))
