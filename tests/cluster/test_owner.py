"""The owner of a partition: it dies anywhere, another goes on, and what is kept is what one would have kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

import pytest
from msgspec.structs import replace

from stillup.bus.local import LocalBus
from stillup.catalog.load import find_service
from stillup.daemon.board import BoardMaker
from stillup.daemon.cluster import judging
from stillup.daemon.cluster.owner import Lost, Owner
from stillup.daemon.cluster.publish import BOARDS, VERDICTS, unpack, unpack_board
from stillup.daemon.cluster.records import Heard, pack
from stillup.daemon.cluster.saving import BeginAnew
from stillup.model.service import State
from stillup.model.signal import Counted
from stillup.store import open_store
from tests.cluster.one_partition import CLAUDE, Lease, World, dying, killed, living, until


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "s.db")
    yield made
    made.store.close()


async def test_an_owner_judges_keeps_and_tells_each_minute(world):
    owner = world.owner()
    async with living(owner):
        for _ in range(40):
            await world.minute(owner)
        told = await world.is_as_if_nobody_died()
        assert any(state.is_outage for _, _, state in told)
        assert told[-1][2] is State.OPERATIONAL
        await until(lambda: owner.told_at == owner.judging.judge.judged)
        entry = await world.bus.table(VERDICTS).get("claude")
        word = unpack(entry.value)
        assert (word.at, word.fence) == (owner.judging.judge.judged, 1)
        assert {v.component: v for v in word.verdicts} == owner.judging.judge.machine.monitor.verdicts("claude")
    assert {(r.source, r.ok) for r in world.store.reports()} == {("statuspage", True), ("probe", True), ("hub", True)}


@pytest.mark.parametrize("seed", range(6))
async def test_owners_that_are_killed_anywhere_lose_and_double_nothing(world, seed):
    chance = Random(seed)
    left = 40
    while left > 0:
        owner = dying(world.owner())
        async with living(owner):
            for _ in range(min(left, chance.randint(1, 12))):
                await world.minute(owner)
                left -= 1
            await world.clock.advance(chance.choice([0.1, 7, 31]))
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
    last = world.owner()
    async with living(last):
        await world.minute(last)
        told = await world.is_as_if_nobody_died()
    assert any(state.is_outage for _, _, state in told)


async def test_two_owners_at_once_keep_and_tell_the_same(world):
    """One was paused, and does not know yet that the other took over."""
    first, second = world.owner(), world.owner()
    async with living(first):
        for _ in range(14):
            await world.minute(first)
        async with living(second):
            for _ in range(16):
                await world.minute(first, second)
            await world.is_as_if_nobody_died()
        assert first.judging.judge.machine.monitor.checkpoint() == second.judging.judge.machine.monitor.checkpoint()


async def test_boards_show_what_gateways_and_hubs_said_beside_what_was_read_here(world):
    made = []

    def board_of(judging, telling):
        services = [find_service("claude")]
        made.append(BoardMaker(judging.judge.machine.monitor, services, (telling,), resumed=judging.resumed))
        return made[0]

    jobs = [job for job in world.jobs if job.spec.id == "statuspage"]
    owner = Owner(
        CLAUDE, world.means, world.database, Lease(), world.skew, replica="a", jobs=jobs, net=None, board_of=board_of
    )
    async with living(owner):
        for n in range(4):
            await world.minute(owner)
            await until(lambda: made)
            at = world.clock.now()
            counted = Counted(at=at, service="claude", source="hub", window_s=60, count=7)
            heard = Heard(signals=(counted,), by="hub-1")
            await owner.judging.log.append(str(n), pack(heard))
        await until(lambda: owner.judging.judge.judged)
        entry = None
        while entry is None or not unpack_board(entry.value).board.reports:
            await world.minute(owner)
            entry = await world.bus.table(BOARDS).get("claude")
        shown = unpack_board(entry.value)
    assert sum(bar.count or 0 for bar in shown.board.reports) >= 7
    assert [line.id for line in shown.board.sources] == ["statuspage"]


async def test_a_lease_that_is_lost_ends_the_owner_before_it_says_another_minute(world):
    lease = Lease()
    owner = world.owner(lease)
    task = asyncio.create_task(owner.run())
    await world.minute(owner)
    said = len(await world.oracle())
    lease.number = None
    await world.minute()
    await until(task.done)
    assert isinstance(task.exception(), Lost)
    assert len(await world.oracle()) == said


async def test_what_a_database_that_is_away_could_not_keep_it_is_given_when_it_is_back(world):
    owner = world.owner()
    async with living(owner):
        await world.minute(owner)
        world.is_down = True
        for _ in range(20):
            await world.minute(owner)
        assert owner.judging.saver.waiting >= 19
        assert sum("the database is gone" in text for text in world.said) == 1
        await until(lambda: owner.told_at == owner.judging.judge.judged)  # gateways hear of it all the same
        world.is_down = False
        for _ in range(3):
            await world.minute(owner)
        await until(lambda: not owner.judging.saver.waiting)
        await world.is_as_if_nobody_died()


async def test_who_dies_with_a_database_that_is_away_has_lost_nothing(world):
    owner = dying(world.owner())
    async with living(owner):
        for _ in range(5):
            await world.minute(owner)
        world.is_down = True
        for _ in range(10):
            await world.minute(owner)
    world.is_down = False
    after = world.owner()
    async with living(after):
        await world.minute(after)
        assert after.judging.resumed
        await world.is_as_if_nobody_died()


@pytest.mark.parametrize("damaged", [1, 2, 3])
async def test_damaged_checkpoints_are_left_alone_for_older_ones_or_the_whole_log(world, damaged):
    owner = dying(world.owner())
    async with living(owner):
        for _ in range(28):
            await world.minute(owner)
    shelf = world.bus.shelf("checkpoints")
    held = {place: await shelf.get(f"p1.{place}") for place in range(3)}
    assert all(held.values())
    newest_first = sorted(held, key=lambda place: held[place][:0] or place, reverse=True)
    for place in newest_first[:damaged]:
        await shelf.put(f"p1.{place}", held[place][:-7] + b"garbage")
    after = world.owner()
    async with living(after):
        for _ in range(3):
            await world.minute(after)
        await world.is_as_if_nobody_died()
        assert after.judging.resumed == (damaged < 3)
    assert sum("damaged" in text for text in world.said) == damaged


async def test_a_checkpoint_that_is_older_than_the_log_reaches_back_is_gone_on_from_and_the_gap_is_said(world):
    owner = dying(world.owner())
    async with living(owner):
        for _ in range(6):
            await world.minute(owner)
    log = world.bus.log(CLAUDE.log)
    _, newest = await log.ends()
    await log.trim(newest)
    after = world.owner()
    async with living(after):
        await world.minute(after)
        assert after.judging.resumed
    assert any("records of its log are gone" in text for text in world.said)


async def test_what_is_old_of_a_log_is_let_go_though_no_owner_lived_as_long(world, monkeypatch):
    monkeypatch.setattr(judging, "_LOG_KEPT", timedelta(minutes=30))
    monkeypatch.setattr(judging, "_MARKS", timedelta(minutes=5))
    for _ in range(3):
        owner = dying(world.owner())
        async with living(owner):
            for _ in range(16):
                await world.minute(owner)
    oldest, newest = await world.bus.log(CLAUDE.log).ends()
    assert 1 < oldest < newest


async def test_a_log_that_the_bus_has_lost_begins_anew_and_none_of_its_numbers_are_taken_for_old_ones(world):
    owner = dying(world.owner())
    async with living(owner):
        for _ in range(6):
            await world.minute(owner)
    world.bus._logs.clear()  # as when the servers' disks were lost, and the tables came back from a copy
    kept = len(list(world.store.signals("claude")))
    after = world.owner()
    async with living(after):
        for _ in range(2):
            await world.minute(after)
        assert len(list(world.store.signals("claude"))) > kept
    assert any("its log is gone" in text for text in world.said)


async def test_an_incident_that_is_open_when_the_bus_loses_everything_goes_on_as_the_same_one(world):
    owner = dying(world.owner())
    async with living(owner):
        for _ in range(16):
            await world.minute(owner)
    (before,) = world.store.incidents()
    assert before.recovered_at is None
    world.bus = LocalBus(world.clock)
    world.means = replace(world.means, bus=world.bus, past=lambda _: world.store.incidents())
    for minutes in (3, 25):
        after = dying(world.owner())
        async with living(after):
            for _ in range(minutes):
                await world.minute(after)
    (incident,) = world.store.incidents()
    assert (incident.id, incident.opened_at) == (before.id, before.opened_at)
    assert incident.recovered_at is not None
    assert {c.incident for c in world.store.transitions() if c.incident} == {before.id}


async def test_a_database_that_is_older_than_the_checkpoints_is_caught_up_from_the_log(world, tmp_path):
    """As after a restore from a backup."""
    owner = dying(world.owner())
    async with living(owner):
        for _ in range(20):
            await world.minute(owner)
    world.store.close()
    world.store = open_store(tmp_path / "restored.db")
    world.means = replace(world.means, kept=world.store.kept_of)
    after = world.owner()
    async with living(after):
        await world.minute(after)
        await world.is_as_if_nobody_died()
        assert not after.judging.resumed
    assert any("the database has less than that" in text for text in world.said)
    again = world.owner()
    async with living(again):
        await world.minute(again)
        assert again.judging.resumed
        await world.is_as_if_nobody_died()


@pytest.mark.parametrize("is_taken_over", [False, True])
async def test_a_database_that_comes_back_older_than_what_was_written_leaves_no_gap(world, tmp_path, is_taken_over):
    """It was away when somebody took over, or was restored under whoever judges: nobody could ask what it has."""
    owner = dying(world.owner())
    world.means = replace(world.means, kept=lambda log: None if world.is_down else world.store.kept_of(log))
    async with living(owner) as first:
        for _ in range(20):
            await world.minute(owner)
        world.is_down, working = True, first
        if is_taken_over:
            await killed(first)
            owner = dying(world.owner())
            working = asyncio.create_task(owner.run())
        for _ in range(2):
            await world.minute(owner)
        assert owner.judging.resumed == is_taken_over
        world.store.close()
        world.store = open_store(tmp_path / "restored.db")
        world.is_down = False
        while not working.done():
            await world.minute()
        with pytest.raises(BeginAnew, match="restored from a backup"):
            working.result()
    after = world.owner()
    async with living(after):
        await world.minute(after)
        await world.is_as_if_nobody_died()


async def test_what_neither_the_log_nor_a_restored_database_has_is_said(world, tmp_path):
    owner = dying(world.owner())
    async with living(owner):
        for _ in range(8):
            await world.minute(owner)
    log = world.bus.log(CLAUDE.log)
    await log.trim(9)
    world.store.close()
    world.store = open_store(tmp_path / "restored.db")
    world.means = replace(world.means, kept=world.store.kept_of)
    after = world.owner()
    async with living(after):
        await world.minute(after)
    assert [text for text in world.said if "gap" in text] == [
        "partition p1 has a gap: records 1 to 8 are neither in the database nor in the log"
    ]
