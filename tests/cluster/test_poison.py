"""What no record may do: end the judgement for good, or drag it to the end of time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec import structs

from stillup.daemon.cluster.records import Heard, pack
from stillup.daemon.cluster.saving import BeginAnew
from stillup.daemon.jobs import profile_of
from stillup.model.service import State
from stillup.model.signal import Counted
from stillup.verdict.monitor import Monitor
from tests.cluster.one_partition import World, living, until


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "s.db")
    yield made
    made.store.close()


class Poisoned:
    """A monitor that a certain signal ends, each time it comes."""

    def __init__(self, monitor):
        self._monitor = monitor

    def step(self, now, signals):
        if any(s.source == "hub" and getattr(s, "count", 0) == 666 for s in signals):
            raise ZeroDivisionError
        return self._monitor.step(now, signals)

    def __getattr__(self, name):
        return getattr(self._monitor, name)


async def test_a_record_that_ends_the_judgement_is_begun_behind_by_everybody_and_does_not_end_it_for_good(world):
    world.means = structs.replace(
        world.means,
        fresh=lambda _: Poisoned(Monitor(profile_of)),
        restored=lambda state: Poisoned(Monitor.restore(state, profile_of)),
    )
    owner = world.owner()
    task = asyncio.create_task(owner.run())
    for _ in range(6):
        await world.minute(owner)
    evil = Counted(at=world.clock.now(), service="claude", source="hub", window_s=60, count=666)
    await owner.judging.log.append("evil", pack(Heard(signals=(evil,))))
    await world.minute()
    await until(task.done)
    assert isinstance(task.exception(), BeginAnew)
    after = world.owner()
    async with living(after):
        for _ in range(3):
            await world.minute(after)
        assert not after.judging.resumed
        assert after.judging.judge.machine.monitor.verdicts("claude")[None].state is State.OPERATIONAL


@pytest.mark.parametrize("year", [1, 1900, 2027, 9999])
async def test_what_is_said_of_a_time_far_off_is_passed_over(world, year):
    owner = world.owner()
    async with living(owner):
        lines = (Counted(at=datetime(year, 1, 1, tzinfo=UTC), service="claude", source="hub", window_s=60, count=7),)
        await until(lambda: owner.is_judging)
        await owner.judging.log.append("far", pack(Heard(signals=lines)))
        await world.minute(owner)
        await world.minute(owner)
        assert {s.at.year for s in world.store.signals("claude")} == {2026}
