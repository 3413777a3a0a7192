"""The same bus for every test of the contract, and a helper to read what has no end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from stillup.bus.base import Bus
from stillup.bus.limits import LogLimits
from stillup.bus.open import open_bus
from stillup.clock import SystemClock
from stillup.daemon.cluster.together import end

Opens = Callable[..., Awaitable[Bus]]


class Reader:
    """What comes out of an endless iterator, read as it comes, so that none is missed while the test does something."""

    def __init__(self, iterator: AsyncIterator) -> None:
        self.seen: list = []
        self._came = asyncio.Condition()
        self._task = asyncio.ensure_future(self._read(iterator))

    async def _read(self, iterator: AsyncIterator) -> None:
        async for one in iterator:
            async with self._came:
                self.seen.append(one)
                self._came.notify_all()

    async def until(self, enough: Callable[[list], bool], *, bound_s: float = 30) -> list:
        """What was seen when it is enough; fails when it never is."""
        async with asyncio.timeout(bound_s), self._came:
            await self._came.wait_for(lambda: enough(self.seen))
        return list(self.seen)

    async def first(self, count: int) -> list:
        return (await self.until(lambda seen: len(seen) >= count))[:count]

    async def stop(self) -> None:
        await end([self._task])


@pytest.fixture
async def reads() -> AsyncIterator[Callable[[AsyncIterator], Reader]]:
    readers: list[Reader] = []

    def read(iterator: AsyncIterator) -> Reader:
        readers.append(Reader(iterator))
        return readers[-1]

    yield read
    for reader in readers:
        await reader.stop()


@pytest.fixture(params=["one process", "nats"])
async def opens(request: pytest.FixtureRequest) -> AsyncIterator[Opens]:
    """Opens the bus of this test, each time as another process would."""
    clock = SystemClock()
    where = request.getfixturevalue("nats") if request.param == "nats" else None
    opened: list[Bus] = []

    async def open_it(limits: LogLimits | None = None) -> Bus:
        if where is not None or not opened:
            opened.append(await open_bus(where, clock, limits=limits))
        return opened[-1]

    yield open_it
    for bus in opened:
        await bus.close()


@pytest.fixture
async def bus(opens: Opens) -> Bus:
    return await opens()
