"""What every table keeps to, in one process and over NATS."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.bus.base import Entry
from stillup.bus.limits import MAX_BYTES
from stillup.bus.local import LocalBus
from stillup.errors import BusError
from tests.bus.hand_clock import HandClock


async def test_what_is_said_is_read_everywhere(opens):
    here, there = await opens(), await opens()
    revision = await here.table("verdicts").put("claude", b"up")
    assert await there.table("verdicts").get("claude") == Entry(key="claude", value=b"up", revision=revision)
    assert await there.table("verdicts").get("chatgpt") is None
    assert await there.table("other").get("claude") is None


async def test_revisions_grow_with_every_change(bus):
    table = bus.table("verdicts")
    revisions = [await table.put(key, b"x") for key in ("a", "b", "a", "a")]
    assert revisions == sorted(set(revisions))


async def test_entries_are_what_stands(bus):
    table = bus.table("verdicts")
    assert await table.entries() == []
    for key in ("a", "b", "c", "a"):
        await table.put(key, key.encode())
    await table.delete("b")
    assert [(e.key, e.value) for e in await table.entries()] == [("c", b"c"), ("a", b"a")]


async def test_a_key_may_hold_dots_and_slashes_and_an_empty_value_is_a_value(bus):
    await bus.table("verdicts").put("a.b/c=d_e-f", b"")
    entry = await bus.table("verdicts").get("a.b/c=d_e-f")
    assert entry
    assert entry.value == b""


@pytest.mark.parametrize("key", ["", "a b", "a..b", ".a", "a.", "*", ">", "a:b", "ä", "a\n", "k" * 201])
async def test_a_key_that_cannot_be_one_everywhere_is_refused(bus, key):
    with pytest.raises(ValueError, match="not a key"):
        await bus.table("verdicts").put(key, b"x")
    with pytest.raises(ValueError, match="not a key"):
        await bus.table("verdicts").get(key)
    with pytest.raises(ValueError, match="not a key"):
        await bus.table("verdicts").delete(key)


async def test_only_who_knows_the_newest_may_change_it(bus):
    table = bus.table("leases")
    first = await table.put("p", b"a", revision=0)
    assert first is not None
    assert await table.put("p", b"b", revision=0) is None
    second = await table.put("p", b"b", revision=first)
    assert second is not None
    assert second > first
    assert await table.put("p", b"c", revision=first) is None
    assert (await table.get("p")).value == b"b"


async def test_what_was_taken_away_can_be_said_as_if_for_the_first_time(bus):
    table = bus.table("leases")
    first = await table.put("p", b"a")
    await table.delete("p")
    assert await table.get("p") is None
    assert await table.put("p", b"b", revision=first) is None
    assert await table.put("p", b"b", revision=0) > first


async def test_taking_away_what_is_not_there_does_nothing(bus):
    await bus.table("leases").delete("p")
    assert await bus.table("leases").get("p") is None


async def test_of_many_who_want_it_at_once_one_gets_it(opens):
    buses = [await opens() for _ in range(3)]
    got = await asyncio.gather(
        *(bus.table("leases").put("p", b"%d" % n, revision=0) for n, bus in enumerate(buses * 5))
    )
    assert len([revision for revision in got if revision]) == 1


async def test_a_watcher_sees_what_stands_and_each_change(opens, reads):
    here, there = await opens(), await opens()
    await here.table("verdicts").put("a", b"1")
    await here.table("verdicts").put("b", b"1")
    reader = reads(there.table("verdicts").watch())
    assert [(e.key, e.value) for e in await reader.first(2)] == [("a", b"1"), ("b", b"1")]
    await here.table("verdicts").put("a", b"2")
    await reader.first(3)
    await here.table("verdicts").delete("b")
    seen = await reader.first(4)
    assert [(e.key, e.value) for e in seen[2:]] == [("a", b"2"), ("b", None)]
    revisions = [entry.revision for entry in seen]
    assert revisions == sorted(set(revisions))


async def test_a_watcher_of_an_empty_table_waits(bus, reads):
    reader = reads(bus.table("verdicts").watch())
    await asyncio.sleep(0)
    await bus.table("verdicts").put("a", b"1")
    assert [e.key for e in await reader.first(1)] == ["a"]


async def test_a_slow_watcher_ends_with_what_is_true(bus):
    table = bus.table("verdicts")
    watched = table.watch()
    await table.put("a", b"0")
    assert (await anext(watched)).value == b"0"
    for n in range(1, 500):
        await table.put("a", b"%d" % n)
    async with asyncio.timeout(20):
        while (await anext(watched)).value != b"499":
            pass
    await watched.aclose()


async def test_what_is_not_said_anew_goes_and_its_watchers_hear_of_it(opens, reads):
    here, there = await opens(), await opens()
    table = here.table("leases", stands_s=1.0)
    reader = reads(there.table("leases", stands_s=1.0).watch())
    first = await table.put("p", b"me", revision=0)
    gone = (await reader.until(lambda seen: any(e.value is None for e in seen)))[-1]
    assert gone.key == "p"
    assert await table.get("p") is None
    assert await table.entries() == []
    assert await table.put("p", b"you", revision=0) > first


async def test_what_is_said_anew_stands(bus, reads):
    table = bus.table("leases", stands_s=1.0)
    reader = reads(table.watch())
    await table.put("gone", b"x")
    said = 0
    while not any(e.key == "gone" and e.value is None for e in reader.seen):
        await table.put("kept", b"x")
        said += 1
        await asyncio.sleep(0.05)
        assert said < 400
    assert await table.get("kept")
    assert not any(e.key == "kept" and e.value is None for e in reader.seen)


async def test_a_value_too_large_for_any_bus_is_refused_by_all(bus):
    assert await bus.table("verdicts").put("a", bytes(MAX_BYTES))
    with pytest.raises(BusError, match="too much for one message"):
        await bus.table("verdicts").put("a", bytes(MAX_BYTES + 1))


async def test_a_table_in_memory_is_a_table(opens, reads):
    here, there = await opens(), await opens()
    await here.table("keys", in_memory=True).put("day", b"secret")
    assert (await there.table("keys", in_memory=True).get("day")).value == b"secret"
    assert [e.key for e in await reads(there.table("keys", in_memory=True).watch()).first(1)] == ["day"]


STEPS = st.lists(st.tuples(st.sampled_from(["put", "delete", "wait", "watch"]), st.sampled_from("abc")), max_size=40)


@given(steps=STEPS)
async def test_whoever_watches_from_any_moment_ends_with_what_stands(steps):
    clock = HandClock()
    bus = LocalBus(clock)
    table = bus.table("verdicts", stands_s=5.0)
    seen: list[list[Entry]] = []

    async def watch(mine: list[Entry]) -> None:
        async for entry in table.watch():
            mine.append(entry)  # noqa: PERF401 - as they come

    watching = []
    for n, (what, key) in enumerate(steps):
        match what:
            case "put":
                await table.put(key, b"%d" % n)
            case "delete":
                await table.delete(key)
            case "wait":
                clock.at_s += 2.0
            case "watch":
                seen.append([])
                watching.append(asyncio.create_task(watch(seen[-1])))
        await asyncio.sleep(0)
    standing = {entry.key: entry.value for entry in await table.entries()}
    for _ in range(3):
        await asyncio.sleep(0)
    await bus.close()
    await asyncio.gather(*watching, return_exceptions=True)
    for mine in seen:
        view = {entry.key: entry.value for entry in mine}
        assert {key: value for key, value in view.items() if value is not None} == standing
        revisions = [entry.revision for entry in mine]
        assert revisions == sorted(set(revisions))
