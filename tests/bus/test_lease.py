"""Leases: one holder at a time, a higher number each time, and nothing to agree on but the table."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.bus.lease import Lease, claim_of
from stillup.bus.local import LocalBus
from stillup.clock import SystemClock
from stillup.errors import BusError
from tests.bus.hand_clock import HandClock


class Broken:
    """A table whose answers are lost at times; what was asked for may have been done."""

    def __init__(self, table, lost) -> None:
        self._table = table
        self._lost = lost

    async def get(self, key):
        return await self._table.get(key)

    async def put(self, key, value, *, revision=None):
        if self._lost() == "asked":
            raise BusError("lost on the way there")
        said = await self._table.put(key, value, revision=revision)
        if self._lost() == "answer":
            raise BusError("lost on the way back")
        return said


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def leases(clock):
    """Leases of one thing on one table, by holder; each with the clock of its own process where it has one."""
    table = LocalBus(clock).table("leases", stands_s=6.0)
    return lambda holder, own=None, **rest: Lease(table, "p0", holder, clock=own or clock, **rest)


async def test_the_first_has_it_and_the_second_waits(leases):
    a, b = leases("a"), leases("b")
    assert await a.try_once() == a.number == 1
    assert await b.try_once() is None
    assert b.number is None


async def test_the_number_stays_while_it_is_held_and_grows_when_it_changes_hands(leases, clock):
    a, b = leases("a"), leases("b")
    first = await a.try_once()
    for _ in range(5):
        clock.at_s += 5
        assert await a.try_once() == first
        assert await b.try_once() is None
    clock.at_s += 6
    assert await b.try_once() > first


async def test_a_holder_that_was_stopped_knows_at_once_that_its_time_is_up(leases, clock):
    a, b = leases("a"), leases("b")
    await a.try_once()
    clock.at_s += 6
    assert a.number is None
    second = await b.try_once()
    assert await a.try_once() is None
    assert b.number == second


async def test_who_gives_it_up_is_followed_at_once_under_a_higher_number(leases):
    a, b = leases("a"), leases("b")
    first = await a.try_once()
    await a.give_up()
    assert a.number is None
    assert await b.try_once() > first
    await a.give_up()
    assert b.number


async def test_giving_up_late_takes_nothing_from_the_next_holder(leases, clock):
    a, b, c = leases("a"), leases("b"), leases("c")
    await a.try_once()
    clock.at_s += 6
    await b.try_once()
    await a.give_up()
    assert await c.try_once() is None
    assert await b.try_once()


async def test_a_process_that_comes_back_does_not_take_its_former_selfs_lease(leases, clock):
    await leases("a/life 1").try_once()
    again = leases("a/life 2")
    assert await again.try_once() is None
    clock.at_s += 6
    assert await again.try_once()


async def test_who_may_not_gives_it_up(leases):
    wanted = [True]
    a, b = leases("a", may=lambda: wanted[0]), leases("b")
    await a.try_once()
    wanted[0] = False
    assert await a.try_once() is None
    assert await b.try_once()


async def test_a_word_that_cannot_be_read_is_somebody_elses_until_it_goes(leases, clock):
    lease = leases("a")
    await lease._table.put("p0", b"\xff{")
    assert claim_of(await lease._table.get("p0")) is None
    assert await lease.try_once() is None
    clock.at_s += 6
    assert await lease.try_once()


@pytest.mark.parametrize("lost", ["asked", "answer"])
async def test_a_lost_answer_costs_nothing_but_time(clock, lost):
    table = LocalBus(clock).table("leases", stands_s=6.0)
    losing = [""]
    a = Lease(Broken(table, lambda: losing[0]), "p0", "a", clock=clock)
    losing[0] = lost
    with pytest.raises(BusError):
        await a.try_once()
    assert a.number is None
    losing[0] = ""
    number = await a.try_once()
    losing[0] = lost
    with pytest.raises(BusError):
        await a.try_once()
    assert a.number == number
    losing[0] = ""
    assert await a.try_once() == number


class Slow:
    """A table whose answers take long; what was asked for is done."""

    def __init__(self, table) -> None:
        self._table = table
        self.get = table.get
        self.is_slow = False

    async def put(self, key, value, *, revision=None):
        said = await self._table.put(key, value, revision=revision)
        if self.is_slow:
            await asyncio.Event().wait()
        return said


@pytest.mark.parametrize("held", [True, False])
async def test_what_is_given_up_while_it_was_being_said_anew_is_free_at_once(clock, held):
    table = LocalBus(clock).table("leases", stands_s=6.0)
    slow = Slow(table)
    a, b = Lease(slow, "p0", "a", clock=clock), Lease(table, "p0", "b", clock=clock)
    if held:
        await a.try_once()
    slow.is_slow = True
    saying = asyncio.create_task(a.try_once())
    for _ in range(10):
        await asyncio.sleep(0)
    saying.cancel()
    with suppress(asyncio.CancelledError):
        await saying
    slow.is_slow = False
    assert await b.try_once() is None
    await a.give_up()
    assert await b.try_once() == 3 + held


@given(seed=st.integers(0, 2**32))
async def test_no_two_ever_hold_it_and_every_holder_has_a_higher_number(seed):
    dice = Random(seed)
    clock = HandClock()
    table = LocalBus(clock).table("leases", stands_s=6.0)
    losing = lambda: dice.choice(["", "", "", "asked", "answer"])  # noqa: E731
    leases = [Lease(Broken(table, losing), "p0", str(n), clock=clock) for n in range(3)]
    held: list[tuple[int, str]] = []
    for _ in range(120):
        lease = dice.choice(leases)
        with suppress(BusError):
            await (lease.give_up() if dice.random() < 0.1 else lease.try_once())
        holders = [(lease.number, lease._holder) for lease in leases if lease.number]
        assert len(holders) <= 1
        if holders and holders[0] not in held[-1:]:
            held += holders
        clock.at_s += dice.choice([0.0, 0.5, 1.5, 3.0, 7.0])
    numbers = [number for number, _ in held]
    assert numbers == sorted(numbers)
    assert len({*numbers}) == len({*held})


async def test_it_is_kept_while_wanted_and_followed_when_it_is_not(opens, reads):
    one, two = await opens(), await opens()
    tables = [bus.table("leases", stands_s=1.0) for bus in (one, two)]
    a, b = (
        Lease(table, "p0", name, clock=SystemClock(), stands_s=1.0) for table, name in zip(tables, "ab", strict=True)
    )
    said = reads(tables[1].watch())
    keeping_a = asyncio.create_task(a.keep())
    first = await a.until_held()
    keeping_b = asyncio.create_task(b.keep())
    seen = await said.first(9)  # twice as long as it would stand without being said anew
    assert {claim_of(entry).holder for entry in seen} == {"a"}
    assert a.number == first
    assert b.number is None
    keeping_a.cancel()  # it dies without a word
    async with asyncio.timeout(20):
        assert await b.until_held() > first
    assert a.number is None
    keeping_b.cancel()
