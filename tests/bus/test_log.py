"""What every log keeps to, in one process and over NATS."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from stillup.bus.limits import MAX_BYTES, LogLimits
from stillup.errors import BusError


async def test_records_are_numbered_from_one_in_the_order_they_came(bus, reads):
    log = bus.log("signals.a")
    assert [await log.append(f"i{n}", b"%d" % n) for n in range(5)] == [1, 2, 3, 4, 5]
    records = await reads(log.read(0)).first(5)
    assert [(r.seq, r.id, r.body) for r in records] == [(n + 1, f"i{n}", b"%d" % n) for n in range(5)]


async def test_the_bus_says_when_it_took_a_record(bus, reads):
    before = await bus.now()
    await bus.log("signals.a").append("one", b"x")
    (record,) = await reads(bus.log("signals.a").read(0)).first(1)
    assert before - timedelta(milliseconds=5) <= record.at <= await bus.now() + timedelta(milliseconds=5)


async def test_the_same_id_again_is_the_same_record(bus):
    log = bus.log("signals.a")
    first = await log.append("same", b"x")
    await log.append("other", b"y")
    assert await log.append("same", b"x") == first
    assert await log.ends() == (1, 2)


async def test_an_id_may_hold_any_text(bus, reads):
    log = bus.log("signals.a")
    ids = ["minute:claude:2026-04-07T12:00:00+00:00", "ä ö – ü", "a\nb\r\nc: d", " padded ", ""]
    for id_ in ids:
        await log.append(id_, b"")
    assert [r.id for r in await reads(log.read(0)).first(len(ids))] == ids
    assert await log.append("a\nb\r\nc: d", b"") == 3


async def test_who_reads_first_sees_what_comes_later(opens, reads):
    here, there = await opens(), await opens()
    reader = reads(there.log("signals.a").read(0))
    for n in range(300):
        await here.log("signals.a").append(f"i{n}", b"x")
    assert [r.seq for r in await reader.first(300)] == list(range(1, 301))


async def test_reading_goes_on_behind_a_number(bus, reads):
    log = bus.log("signals.a")
    for n in range(10):
        await log.append(f"i{n}", b"x")
    reader = reads(log.read(7))
    assert [r.seq for r in await reader.first(3)] == [8, 9, 10]
    await log.append("new", b"x")
    assert [r.seq for r in await reader.first(4)] == [8, 9, 10, 11]


async def test_two_logs_know_nothing_of_each_other(bus, reads):
    await bus.log("signals.a").append("same", b"a")
    await bus.log("signals.a-b").append("same", b"b")
    (record,) = await reads(bus.log("signals.a-b").read(0)).first(1)
    assert (record.seq, record.body) == (1, b"b")


async def test_an_empty_log_ends_before_it_begins(bus):
    assert await bus.log("signals.none").ends() == (1, 0)


async def test_what_is_trimmed_is_passed_over_and_its_numbers_are_never_given_again(bus, reads):
    log = bus.log("signals.a")
    for n in range(10):
        await log.append(f"i{n}", b"x")
    await log.trim(8)
    assert await log.ends() == (8, 10)
    assert [r.seq for r in await reads(log.read(2)).first(3)] == [8, 9, 10]
    await log.trim(3)
    assert await log.ends() == (8, 10)
    await log.trim(100)
    assert await log.ends() == (11, 10)
    assert await log.append("i99", b"x") == 11


async def test_trimming_a_log_that_was_never_written_to_does_nothing(bus):
    await bus.log("signals.none").trim(5)
    assert await bus.log("signals.none").append("one", b"x") == 1


async def test_many_at_once_lose_and_double_nothing(opens, reads):
    buses = [await opens() for _ in range(3)]
    ids = [f"i{n}" for n in range(200)]
    await asyncio.gather(*(bus.log("signals.a").append(id_, id_.encode()) for id_ in ids for bus in buses))
    records = await reads(buses[0].log("signals.a").read(0)).first(200)
    assert sorted(r.id for r in records) == sorted(ids)
    assert [r.seq for r in records] == list(range(1, 201))
    assert await buses[1].log("signals.a").ends() == (1, 200)


async def test_a_log_is_bounded_and_the_oldest_go(opens):
    bus = await opens(LogLimits(max_bytes=50_000))
    for n in range(30):
        await bus.log("signals.a").append(f"i{n}", bytes(10_000))
    oldest, newest = await bus.log("signals.a").ends()
    assert newest == 30
    assert 26 <= oldest <= 28


async def test_a_record_too_large_for_any_bus_is_refused_by_all(bus):
    assert await bus.log("signals.a").append("fits", bytes(MAX_BYTES)) == 1
    with pytest.raises(BusError, match="too much for one message"):
        await bus.log("signals.a").append("large", bytes(MAX_BYTES + 1))
    assert await bus.log("signals.a").ends() == (1, 1)


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a b", "a*", ">", "a/b", "a_b", "ä", "a\n", "a" * 201])
async def test_a_name_that_cannot_be_one_everywhere_is_refused(bus, name):
    for means in (bus.log, bus.table, bus.shelf):
        with pytest.raises(ValueError, match="not a name"):
            means(name)
    with pytest.raises(ValueError, match="not a name"):
        await bus.tell(name, b"")
