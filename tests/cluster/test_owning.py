"""Who owns what: each partition has one owner, a dead one is followed, one whose clock is wrong owns nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from stillup.bus.local import LocalBus
from stillup.daemon.cluster.owning import Owning
from stillup.daemon.cluster.partitions import Partition
from stillup.daemon.cluster.skew import Skew
from stillup.daemon.cluster.together import end
from stillup.errors import BusError
from stillup.testing import FakeClock

START = datetime(2026, 4, 7, 12, 0, 0, 1000, tzinfo=UTC)


class World:
    """A bus, a clock, and what was said."""

    def __init__(self):
        self.clock = FakeClock(START)
        self.bus = LocalBus(self.clock)
        self.said = []


@pytest.fixture
def world():
    return World()


async def killed(task):
    await end([task])
    with suppress(asyncio.CancelledError):
        await task


class Off:
    """A clock that is wrong by so many seconds."""

    def __init__(self, clock, seconds):
        self._clock, self.seconds = clock, seconds

    def now(self):
        return self._clock.now() + timedelta(seconds=self.seconds)

    def wall_s(self):
        return self._clock.wall_s() + self.seconds

    def __getattr__(self, name):
        return getattr(self._clock, name)


class Idle:
    """An owner that only owns."""

    is_judging = True
    told_at = None

    def __init__(self, held):
        self.held = held

    async def run(self):
        await asyncio.Event().wait()


class Cut:
    """A bus that can be cut off from one process; a table of it."""

    def __init__(self, inner):
        self._inner = inner
        self.is_cut = False

    def table(self, *args, **more):
        self.leases = Cut(self._inner.table(*args, **more))
        return self.leases

    async def put(self, *args, **more):
        if self.is_cut:
            raise BusError("this process is dead")
        return await self._inner.put(*args, **more)

    def __getattr__(self, name):
        return getattr(self._inner, name)


def standing_by(world, name, clock=None, bus=None):
    clock = clock or world.clock
    parts = [Partition(name=f"p{n}", services=(f"s{n}",)) for n in range(4)]
    skew = Skew(world.bus, clock)
    return Owning(
        parts, bus or world.bus, clock, name, skew, lambda _, held: Idle(held), world.said.append, stands_s=6.0
    )


async def seconds(world, n):
    for _ in range(n * 2):
        await world.clock.advance(0.5)


async def test_of_several_monitors_each_partition_has_one_owner_and_the_next_follows_within_ten_seconds(world):
    buses = {name: Cut(world.bus) for name in ("a", "b")}
    those = {name: standing_by(world, name, bus=bus) for name, bus in buses.items()}
    tasks = {name: asyncio.create_task(o.run()) for name, o in those.items()}
    await seconds(world, 8)
    assert all(o.owners for o in those.values())
    assert sorted(p for o in those.values() for p in o.owners) == ["p0", "p1", "p2", "p3"]
    buses["a"].leases.is_cut = True  # as if killed: it says no good-bye
    await killed(tasks["a"])
    await seconds(world, 10)
    assert sorted(those["b"].owners) == ["p0", "p1", "p2", "p3"]
    await killed(tasks["b"])


async def test_a_monitor_that_ends_in_peace_is_followed_at_once(world):
    those = {name: standing_by(world, name) for name in ("a", "b")}
    tasks = {name: asyncio.create_task(o.run()) for name, o in those.items()}
    await seconds(world, 8)
    await killed(tasks["a"])
    await world.clock.advance(0.5)
    assert sorted(those["b"].owners) == ["p0", "p1", "p2", "p3"]
    await killed(tasks["b"])


@pytest.mark.parametrize("off_s", [-40.0, 40.0])
async def test_a_replica_whose_clock_is_wrong_owns_nothing_and_says_so(world, off_s):
    wrong = Off(world.clock, off_s)
    owning = standing_by(world, "a", wrong)
    task = asyncio.create_task(owning.run())
    await seconds(world, 12)
    assert owning.owners == {}
    assert any("40.0 s" in text for text in world.said)
    wrong.seconds = 0.0
    await seconds(world, 24)
    assert len(owning.owners) == 4
    wrong.seconds = off_s
    await seconds(world, 24)
    assert owning.owners == {}
    await killed(task)
