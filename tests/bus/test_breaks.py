"""A NATS server that is killed, paused, empty or gone: nothing that was acknowledged is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest

from stillup.bus.base import Bus
from stillup.bus.jetstream.connection import connect, leave
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.errors import BusError, BusRefused
from tests.cluster.nats_server import NatsCluster, NatsServer, program

pytestmark = pytest.mark.skipif(program() is None, reason="there is no nats-server here")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server of this test's own, to be treated badly."""
    server = NatsServer(tmp_path / "nats").start()
    yield server
    server.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    cluster = NatsCluster(tmp_path).start()
    yield cluster
    cluster.stop()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Awaitable[Bus]]]:
    async with AsyncExitStack() as stack:

        async def open_it(*servers: str, **rest: object) -> Bus:
            bus = await open_bus(Where(servers=servers, **rest), SystemClock())
            stack.push_async_callback(bus.close)
            return bus

        yield open_it


async def persist(ask: Callable[[], Awaitable]):
    """Ask until it is answered, as everybody on the bus does."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await ask()
            except BusRefused:
                raise
            except BusError:
                await asyncio.sleep(0.05)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what becomes true has no event of its own
            await asyncio.sleep(0.02)


async def test_a_server_killed_in_mid_append_loses_and_doubles_nothing(server, opened, reads):
    bus = await opened(server.url)
    log = bus.log("signals.a")
    reader = reads(log.read(0))
    began = asyncio.Event()

    async def say(n: int) -> int:
        number = await persist(lambda: log.append(f"i{n}", b"%d" % n))
        if n == 200:
            began.set()
        return number

    async def say_some(first: int) -> list[int]:
        return [await say(n) for n in range(first, 1200, 4)]

    saying = asyncio.gather(*(say_some(first) for first in range(4)))
    await began.wait()
    server.kill()
    server.start()
    numbers = sorted(number for some in await saying for number in some)
    assert numbers == list(range(1, 1201))
    records = await reader.first(1200)
    assert [r.seq for r in records] == numbers
    assert sorted(int(r.body) for r in records) == list(range(1200))


async def test_a_watcher_hears_after_a_break_what_changed_and_what_went(server, opened, reads):
    watching, other = await opened(server.url), await opened(server.url)
    table = other.table("verdicts", stands_s=5.0)
    await table.put("goes", b"1")
    await table.put("stays", b"1")
    reader = reads(watching.table("verdicts", stands_s=5.0).watch())
    await reader.first(2)
    server.kill()
    server.start()
    await persist(lambda: table.put("stays", b"2"))
    seen = await reader.until(lambda seen: {("goes", None), ("stays", b"2")} <= {(e.key, e.value) for e in seen})
    assert ("goes", b"1") in [(e.key, e.value) for e in seen]


async def test_words_are_heard_again_after_a_break(server, opened, reads):
    bus = await opened(server.url)
    ear = reads(bus.hear("gateway.open"))
    for word in (b"before", b"after"):
        async with asyncio.timeout(60):
            while word not in ear.seen:
                await bus.tell("gateway.open", word)
                await asyncio.sleep(0.01)
        server.kill()
        await bus.tell("gateway.open", b"lost")
        server.start()
    assert b"lost" not in ear.seen


async def test_a_paused_server_is_said_to_be_gone_and_found_again(server, opened):
    bus = await opened(server.url)
    await bus.log("signals.a").append("one", b"x")
    server.pause()
    with pytest.raises(BusError, match=r"does not answer in time|gone|lost"):
        await bus.log("signals.a").append("two", b"x")
    await until(lambda: not bus.is_there)
    assert "lost and being made again" in bus.trouble
    server.resume()
    assert await persist(lambda: bus.log("signals.a").append("two", b"x")) == 2
    assert bus.is_there
    assert bus.trouble is None


async def test_a_bus_that_is_not_there_yet_is_found_when_it_comes(server, opened):
    server.kill()
    bus = await opened(server.url, wait_s=0.5)
    assert not bus.is_there
    assert bus.trouble == f"NATS at 127.0.0.1:{server.port}: nothing answers there"
    with pytest.raises(BusError, match="nothing answers there"):
        await bus.log("signals.a").append("one", b"x")
    await bus.tell("gateway.open", b"never raises")
    server.start()
    assert await persist(lambda: bus.log("signals.a").append("one", b"x")) == 1


async def test_a_log_that_lost_records_says_so_instead_of_going_on_in_silence(server, opened):
    bus = await opened(server.url)
    for n in range(3):
        await bus.log("signals.a").append(f"i{n}", b"x")
    server.kill()
    server.lose_everything()
    server.start()
    with pytest.raises(BusRefused, match="ends with record 0, but record 3 was read"):
        await anext(bus.log("signals.a").read(3))
    assert await persist(lambda: bus.log("signals.a").append("new", b"x")) == 1


async def test_one_of_three_may_die_and_all_is_kept(cluster, opened, reads):
    bus = await opened(*cluster.urls)
    log = bus.log("signals.a")
    for n in range(50):
        await persist(lambda n=n: log.append(f"i{n}", b"x"))
    reader = reads(log.read(0))
    for dead in cluster.servers:
        dead.kill()
        first = 50 + 10 * cluster.servers.index(dead)
        numbers = [await persist(lambda n=n: log.append(f"i{n}", b"x")) for n in range(first, first + 10)]
        assert numbers == list(range(first + 1, first + 11))
        dead.start()
    assert [r.id for r in await reader.first(80)] == [f"i{n}" for n in range(80)]


async def test_two_of_three_dead_take_nothing_until_one_is_back(cluster, opened):
    bus = await opened(*cluster.urls)
    log = bus.log("signals.a")
    await persist(lambda: log.append("one", b"x"))
    for dead in cluster.servers[:2]:
        dead.kill()
    with pytest.raises(BusError):
        await log.append("two", b"x")
    cluster.servers[0].start()
    assert await persist(lambda: log.append("two", b"x")) == 2


async def test_one_cancel_is_enough_whenever_it_comes(server, opened):
    bus = await opened(server.url)
    log = bus.log("signals.a")

    async def go_on() -> None:
        for n in count():
            await log.append(f"i{n}", b"x")

    for pause_s in [n / 4000 for n in range(60)]:
        task = asyncio.create_task(go_on())
        await asyncio.sleep(pause_s)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=20)
        assert done
        assert task.cancelled()


async def test_a_connection_that_is_left_leaves_nothing_behind_though_its_server_takes_nothing(server):
    async def ignored(_: object) -> None:
        pass

    client = await connect(server.url, Where(servers=(server.url,)))
    for n in range(3):
        await client.subscribe(f"s{n}", cb=ignored)
    server.pause()
    for _ in range(50):  # until neither the server nor the system takes more
        writing = asyncio.create_task(client.publish("much", b"x" * 500_000))
        await asyncio.wait((writing,), timeout=0.2)
        if not writing.done():
            break
    await leave(client)
    server.resume()
    mine = asyncio.current_task()
    async with asyncio.timeout(60):
        while [task for task in asyncio.all_tasks() if task is not mine]:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
