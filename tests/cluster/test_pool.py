"""Counts of other installations, taken at any of several pages: ten are ten, and all give out the same sums."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from stillup.bus.base import Bus
from stillup.bus.local import LocalBus
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.daemon.cluster.together import end
from stillup.daemon.reports.keys import POOL, TABLE
from stillup.daemon.reports.pool import CLOSED_S, SharedPool
from stillup.errors import BusError
from stillup.hub.pooling import GRACE_S, WINDOW_S, K, PooledCounts
from stillup.hub.values import Batch, Reason, Sum, Tally

END = datetime.fromtimestamp((SystemClock().wall_s() // WINDOW_S + 2) * WINDOW_S, UTC)
"""Some minutes from now, so that nobody adds up before it is asked to."""
SENT = END + timedelta(seconds=30)
CLOSED = END + timedelta(seconds=GRACE_S + CLOSED_S)


def batch(name: int, *, ok: int = 9, failed: int = 1, end: datetime = END) -> Batch:
    tally = Tally(service="claude", model="m", ok=ok, failed=failed)
    return Batch(installation=f"{name:032x}", end=end, tallies=(tally,))


def sender(n: int) -> str:
    return f"{20 + n % 200}.{n}.3.4"


class Pools:
    """Some that live on a bus."""

    def __init__(self, buses: list[Bus]) -> None:
        self.said: list[str] = []
        self.all = [
            SharedPool(bus, SystemClock(), self.said.append, Random(n).randbytes) for n, bus in enumerate(buses)
        ]
        self._lives = [asyncio.create_task(pool.go_on()) for pool in self.all]

    async def until(self, is_so) -> None:
        async with asyncio.timeout(30):
            while not is_so():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    async def ready(self) -> None:
        """They have the day's key."""
        await self.until(lambda: all(pool._key.born_s for pool in self.all))

    async def share(self, names, where=sender, **rest) -> list[Reason]:
        """Each at the next of them in turn."""
        return [(await self.all[i % len(self.all)].take(batch(n, **rest), where(n), SENT)).reason
                for i, n in enumerate(names)]  # fmt: skip

    async def sums(self) -> list:
        """What each of them gives out, once one has added up."""
        await self.all[0].close(CLOSED.timestamp())
        stands = await self.all[0]._sums.get(str(int(END.timestamp())))
        if stands is not None:
            await self.until(lambda: all(int(END.timestamp()) in pool._over for pool in self.all))
        return [[(s.model, s.ok, s.failed) for w in pool.sums("claude", CLOSED) for s in w.sums] for pool in self.all]

    async def end(self) -> None:
        await end(self._lives)


@pytest.fixture(params=["one process", "nats"])
async def buses(request: pytest.FixtureRequest) -> AsyncIterator[list[Bus]]:
    clock = SystemClock()
    if request.param == "nats":
        where: Where = request.getfixturevalue("nats")
        opened: list[Bus] = [await open_bus(where, clock) for _ in range(3)]
    else:
        opened = [LocalBus(clock)] * 3
    yield opened
    for bus in opened:
        await bus.close()


@pytest.fixture
async def pools(buses: list[Bus]) -> AsyncIterator[Pools]:
    made = Pools(buses)
    await made.ready()
    yield made
    await made.end()


async def test_ten_installations_are_a_sum_wherever_each_of_them_shared_and_all_give_out_the_same(pools):
    assert set(await pools.share(range(K))) == {Reason.ADMITTED}

    assert await pools.sums() == [[("m", 90, 10)]] * 3


async def test_nine_are_none_though_each_shares_at_every_replica(pools):
    for pool in pools.all:
        for n in range(K - 1):
            assert (await pool.take(batch(n), sender(n), SENT)).ok

    assert await pools.sums() == [[]] * 3


async def test_a_name_counts_once_in_the_cluster(pools):
    assert await pools.share([1, 1, 1, 1]) == [Reason.ADMITTED, *[Reason.FOLDED] * 3]


@pytest.mark.parametrize("where", [lambda _: "203.0.113.7", lambda n: f"203.0.113.{n}", lambda n: f"203.0.{n}.7"])
async def test_one_network_never_makes_a_sum_by_going_from_replica_to_replica(pools, where):
    await pools.share(range(40), where)

    assert await pools.sums() == [[]] * 3


async def test_a_sum_does_not_change_and_whoever_comes_later_gives_out_the_same(pools, buses):
    await pools.share(range(K))
    told = await pools.sums()
    late = await pools.all[1].take(batch(99), sender(99), CLOSED)
    newcomer = Pools(buses[:1])
    await newcomer.ready()

    assert late.reason is Reason.STALE
    assert await newcomer.sums() == told[:1]
    assert await pools.sums() == told
    await newcomer.end()


async def test_several_give_out_what_one_process_would(pools):
    dice = Random(7)
    one = PooledCounts(Random(1).randbytes)
    names = [dice.randrange(60) for _ in range(150)]
    for i, n in enumerate(names):
        told = batch(n, ok=dice.randrange(300), failed=dice.randrange(300))
        at = f"20.{n % 12}.{n}.{i % 200}"
        alone = one.note(told, at, SENT).reason
        assert (await pools.all[i % 3].take(told, at, SENT)).reason in (alone, Reason.ADMITTED, Reason.FOLDED)

    whole = [(s.model, s.ok, s.failed) for w in one.sums("claude", CLOSED) for s in w.sums]
    assert whole
    assert await pools.sums() == [whole] * 3


async def test_from_the_pages_own_loop_it_is_taken_too(pools):
    def page():
        return asyncio.run(pools.all[0].take(batch(3), sender(3), SENT))

    assert (await asyncio.to_thread(page)).reason is Reason.ADMITTED


async def test_what_lies_on_the_bus_says_nothing_of_who_it_was(pools, buses):
    await pools.share(range(3))
    (key,) = [e for e in await buses[0].table(TABLE, in_memory=True).entries() if e.key == POOL]
    for entry in await pools.all[0]._shared.entries():
        said = entry.key.encode() + entry.value
        assert not any(f"{n:032x}".encode() in said or sender(n).encode() in said for n in range(3))
        assert key.value not in said


async def test_a_bus_that_is_away_is_said_and_what_was_shared_can_be_sent_again(pools, monkeypatch):
    class Away:
        async def put(self, *_, **__):
            raise BusError

    there = pools.all[0]._shared
    monkeypatch.setattr(pools.all[0], "_shared", Away())
    refused = await pools.all[0].take(batch(1), sender(1), SENT)
    monkeypatch.setattr(pools.all[0], "_shared", there)

    assert (refused.reason, refused.status, refused.ok) == (Reason.UNKEPT, 503, False)
    assert (await pools.all[0].take(batch(1), sender(1), SENT)).reason is Reason.ADMITTED


async def test_rubbish_on_the_bus_changes_no_sum(pools):
    table, end_s = pools.all[0]._shared, int(END.timestamp())
    await pools.share(range(K))
    for name, value in (
        (f"{end_s}/x/y", b"1"),
        (f"{end_s}/1/zz", b"\x93"),
        ("a/b/c/d", b""),
        (f"{end_s}/9/1", b"\xc1"),
    ):
        await table.put(name, value)

    assert await pools.sums() == [[("m", 90, 10)]] * 3


async def test_no_crowd_fills_the_memory_of_the_bus_with_what_it_shares(pools, monkeypatch):
    monkeypatch.setattr("stillup.daemon.reports.pool._MOST_BYTES", 1_000)
    told = await pools.share(range(200))

    assert {Reason.ADMITTED, Reason.UNKEPT} == set(told)
    assert sum(len(entry.value or b"") for entry in await pools.all[0]._shared.entries()) < len(pools.all) * 1_000


@pytest.mark.parametrize("end", [str(10**15), "-7", str(int((END + timedelta(days=9)).timestamp()))])
async def test_sums_of_another_time_that_stand_on_the_bus_are_not_given_out(pools, end):
    await pools.all[0]._sums.put(end, msgspec.msgpack.encode({"claude": [Sum(ok=1, failed=0)]}))
    await pools.share(range(K))

    assert await pools.sums() == [[("m", 90, 10)]] * 3
    assert all(int(end) not in pool._over for pool in pools.all)
