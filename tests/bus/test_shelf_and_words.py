"""Shelves, words told, and the bus's time: what every bus keeps to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from stillup.errors import BusRefused


async def test_a_thing_on_a_shelf_is_read_everywhere_and_the_newest_is_it(opens):
    here, there = await opens(), await opens()
    assert await there.shelf("checkpoints").get("claude") is None
    await here.shelf("checkpoints").put("claude", b"one")
    await here.shelf("checkpoints").put("claude", b"two")
    assert await there.shelf("checkpoints").get("claude") == b"two"
    assert await there.shelf("checkpoints").get("chatgpt") is None


async def test_a_thing_may_be_large_or_empty(bus):
    large = bytes(range(256)) * 20_000  # 5 MB, more than any message
    await bus.shelf("checkpoints").put("large", large)
    await bus.shelf("checkpoints").put("empty", b"")
    assert await bus.shelf("checkpoints").get("large") == large
    assert await bus.shelf("checkpoints").get("empty") == b""


async def test_two_who_put_at_once_leave_one_of_theirs_whole(opens):
    buses = [await opens() for _ in range(3)]
    things = [bytes([n]) * 400_000 for n in range(3)]
    await asyncio.gather(*(bus.shelf("checkpoints").put("p", thing) for bus, thing in zip(buses, things, strict=True)))
    assert await buses[0].shelf("checkpoints").get("p") in things


async def test_a_word_reaches_everybody_who_listens(opens, reads):
    here, there = await opens(), await opens()
    ears = [reads(here.hear("gateway.open")), reads(there.hear("gateway.open")), reads(there.hear("gateway.other"))]
    while not (ears[0].seen and ears[1].seen):
        await here.tell("gateway.open", b"hello")
        await asyncio.sleep(0.01)
    assert {*ears[0].seen, *ears[1].seen} == {b"hello"}
    assert ears[2].seen == []


async def test_a_word_nobody_hears_is_lost_without_a_complaint(bus):
    await bus.tell("gateway.open", b"hello")


async def test_words_come_in_the_order_they_were_told(bus, reads):
    ear = reads(bus.hear("gateway.count"))
    while not ear.seen:
        await bus.tell("gateway.count", b"start")
        await asyncio.sleep(0.01)
    for n in range(200):
        await bus.tell("gateway.count", b"%d" % n)
    seen = await ear.until(lambda seen: seen[-1] == b"199")
    assert [word for word in seen if word != b"start"] == [b"%d" % n for n in range(200)]


async def test_the_bus_has_the_time(bus):
    assert abs(await bus.now() - datetime.now(UTC)) < timedelta(seconds=10)


async def test_a_bus_that_answers_is_there(bus):
    assert bus.is_there


async def test_closing_ends_those_who_read(opens):
    bus = await opens()
    await bus.log("a").append("one", b"x")
    endless = (bus.log("a").read(1), bus.table("a").watch(), bus.table("b", stands_s=5.0).watch(), bus.hear("a"))
    waiting = [asyncio.ensure_future(anext(one)) for one in endless]
    await bus.log("a").ends()
    await bus.close()
    for one in waiting:
        with pytest.raises(BusRefused, match="was closed"):
            await one
    with pytest.raises(BusRefused, match="was closed"):
        await anext(bus.table("a").watch())
