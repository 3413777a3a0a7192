"""What waits for the database, what waits for the bus, and what is said in tables: bounded, in order, never older."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.board import ServiceBoard
from stillup.bus.local import LocalBus
from stillup.catalog.load import find_service
from stillup.daemon.cluster import checkpoints
from stillup.daemon.cluster.machine import Step
from stillup.daemon.cluster.publish import (
    BOARDS,
    Publisher,
    Shown,
    Word,
    pack,
    pack_board,
    unpack,
    unpack_board,
)
from stillup.daemon.cluster.records import unpack as said_by
from stillup.daemon.cluster.saving import BeginAnew, Saver
from stillup.daemon.cluster.writing import MOST_WAITING, Writer
from stillup.daemon.roles.seeing import BoardsSeen
from stillup.errors import BadDataError, BusError, StoreError
from stillup.model.service import State
from stillup.model.signal import Alive
from stillup.model.verdict import Verdict
from stillup.store import open_store
from stillup.testing import FakeClock

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)


def step(n: int) -> Step:
    at = NOON + timedelta(minutes=n)
    alive = Alive(at=at, service="claude", source="statuspage")
    change = Verdict(at=at, service="claude", state=State.OPERATIONAL)
    return Step(
        at=at,
        seq=2 * n + 2,
        arrived=[(2 * n + 1, alive)],
        changes=[change],
        incidents=[],
        evidence={},
        known=["claude"],
    )


class Door:
    def __init__(self, store):
        self.store, self.is_open = store, True

    def __call__(self):
        if not self.is_open:
            raise StoreError("the database is gone")
        return self.store


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a thread writes: there is no event to wait for
            await asyncio.sleep(0.001)


async def test_minutes_are_written_in_their_order_and_once_however_often_they_come(tmp_path):
    said = []
    with open_store(tmp_path / "s.db") as store:
        for _ in range(2):  # whoever takes over begins with what was written already
            saver = Saver(Door(store), "p1/x", FakeClock(), said.append)
            running = asyncio.create_task(saver.run())
            for n in range(200):
                saver.add(step(n))
                await saver.room()
            await until(lambda saver=saver: saver.waiting == 0)
            assert saver.seq == step(199).seq
            running.cancel()
        assert [s.at for s in store.signals("claude")] == [step(n).at for n in range(200)]
        assert [c.at for c in store.transitions()] == [step(n).at for n in range(200)]
    assert said == []


async def test_a_database_away_so_long_that_too_much_waits_makes_the_judge_begin_anew_once_it_is_back(tmp_path):
    said, clock = [], FakeClock()
    with open_store(tmp_path / "s.db") as store:
        door = Door(store)
        door.is_open = False
        saver = Saver(door, "p1/x", clock, said.append, most_steps=10)
        running = asyncio.create_task(saver.run())
        for n in range(30):
            saver.add(step(n))
        await until(lambda: saver.trouble)
        assert saver.waiting == 0
        door.is_open = True
        while not running.done():
            await clock.advance(5)
            await asyncio.sleep(0.001)
        with pytest.raises(BeginAnew):
            running.result()
        assert list(store.signals("claude")) == []  # the log has all of it: nothing of it is written out of its order
    assert len(said) == 2


# -- the log ----------------------------------------------------------------------------------------------------------


class Shaky:
    """A log that fails every other time, and then may have taken it or not."""

    def __init__(self, log):
        self._log, self._times = log, 0

    async def append(self, id, body):  # noqa: A002 - as a log has it
        self._times += 1
        if self._times % 3 == 0:
            await self._log.append(id, body)
        if self._times % 2 or self._times % 3 == 0:
            raise BusError("the answer was lost")
        return await self._log.append(id, body)


async def test_what_is_appended_through_a_bus_that_fails_is_there_once_and_in_order():
    clock = FakeClock(NOON)
    log = LocalBus(clock).log("signals.p1")
    writer = Writer(Shaky(log), clock, "a")
    running = asyncio.create_task(writer.run())
    lines = [Alive(at=NOON + timedelta(seconds=n), service="claude", source="statuspage") for n in range(40)]
    for line in lines:
        writer.write((line,))
    while not await writer.written(0.001):
        await clock.advance(1)
    _, newest = await log.ends()
    heard = []
    async for record in log.read(0):
        heard += said_by(record.body).signals
        if record.seq == newest:
            break
    assert heard == lines
    running.cancel()


async def test_a_bus_that_stays_away_fills_no_memory():
    writer = Writer(LocalBus(FakeClock()).log("signals.p1"), FakeClock(), "a")
    lines = tuple(Alive(at=NOON, service="claude", source=f"s{n}") for n in range(1_500))
    for _ in range(100):
        writer.write(lines)
    assert writer.dropped == 150_000 - writer._size
    assert writer._size <= MOST_WAITING


# -- tables -----------------------------------------------------------------------------------------------------------


def word(n: int, fence: int = 1) -> Word:
    verdict = Verdict(at=NOON, service="claude", state=State.DEGRADED)
    return Word(at=NOON + timedelta(minutes=n), service="claude", seq=n, fence=fence, verdicts=(verdict,))


def late() -> datetime:
    return NOON + timedelta(hours=1)


async def test_a_minute_that_cannot_have_been_yet_silences_nobody():
    table = LocalBus(FakeClock()).table("verdicts")
    judge = Publisher(table, late)
    assert await judge.put("claude", word(1).at, pack(word(1)))
    await table.put("claude", pack(word(60 * 24 * 365)))
    assert await judge.put("claude", word(2).at, pack(word(2)))
    assert unpack((await table.get("claude")).value) == word(2)


async def test_an_older_minute_never_replaces_a_newer_one_whoever_says_it():
    table = LocalBus(FakeClock()).table("verdicts")
    first, second = Publisher(table, late), Publisher(table, late)
    assert await first.put("claude", word(1).at, pack(word(1)))
    assert await second.put("claude", word(5, 2).at, pack(word(5, 2)))
    assert not await first.put("claude", word(3).at, pack(word(3)))
    assert await first.put("claude", word(6).at, pack(word(6)))
    assert unpack((await table.get("claude")).value) == word(6)


async def test_what_a_newer_version_wrote_is_replaced_and_not_taken_for_later():
    table = LocalBus(FakeClock()).table("verdicts")
    await table.put("claude", b"from the future")
    assert await Publisher(table, late).put("claude", word(1).at, pack(word(1)))


@given(st.binary(max_size=100))
def test_bytes_that_nobody_of_ours_wrote_are_refused(value):
    for read in (unpack, unpack_board, checkpoints.unpack):
        with pytest.raises(BadDataError):
            read(value)


def test_a_value_that_would_inflate_without_end_is_refused():
    import zlib

    with pytest.raises(BadDataError):
        unpack(zlib.compress(b"\0" * (64 << 20)))


async def test_boards_of_several_owners_are_one():
    clock = FakeClock(NOON)
    bus, shown = LocalBus(clock), []
    services = [find_service("claude"), find_service("deepseek")]
    seen = BoardsSeen(bus, services, clock, shown.append)
    running = asyncio.create_task(seen.run())
    for n, service in enumerate([*services, find_service("perplexity")]):
        verdict = Verdict(at=NOON, service=service.id, state=State.DEGRADED)
        board = ServiceBoard(service=service, verdict=verdict)
        told = Shown(at=NOON - timedelta(minutes=n), board=board, resumed=True)
        await bus.table(BOARDS).put(service.id, pack_board(told))
    await bus.table(BOARDS).put("claude2", b"what is that")
    await clock.advance(2)
    assert {s: b.state for s, b in shown[-1].services.items()} == dict.fromkeys(("claude", "deepseek"), State.DEGRADED)
    assert shown[-1].at == NOON
    assert shown[-1].resumed
    assert seen.unreadable == 1
    running.cancel()
