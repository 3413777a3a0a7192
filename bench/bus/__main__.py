"""How fast the bus is, and how soon it is back. ``python -m bench.bus [local | one | three | death]...``

``local``: in this process; ``one``: over one NATS server on loopback; ``three``: over three, each record in all of
them; ``death``: a holder of a lease, and the leading server of a log, are killed. Everything runs on this machine, so
that the network costs nothing and the servers share its cores and its disk.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from stillup.bus.base import Bus
from stillup.bus.jetstream.bus import NatsBus
from stillup.bus.lease import STANDS_S, Lease
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.errors import BusError
from tests.cluster.nats_server import NatsCluster, NatsServer

BODY = bytes(1000)
CLOCK = SystemClock()


def show(what: str, seconds: list[float]) -> None:
    ms = sorted(1000 * s for s in seconds)
    print(f"  {what:<44} median {median(ms):9.3f} ms   p99 {ms[int(len(ms) * 0.99)]:9.3f} ms   (n={len(ms)})")


async def timed(act: Callable[..., Awaitable[object]], *args: object) -> float:
    began = time.perf_counter()
    await act(*args)
    return time.perf_counter() - began


async def measure(bus: Bus, other: Bus, number: int) -> None:
    """Appends one after the other and many at once, reading a backlog, and from a word to whoever waits for it."""
    log = bus.log("bench.one")
    show("append, one after the other", [await timed(log.append, f"a{n}", BODY) for n in range(number)])

    ids = iter(range(20 * number))

    async def worker() -> None:
        for n in ids:
            await log.append(f"b{n}", BODY)

    async def all_at_once() -> None:
        await asyncio.gather(*(worker() for _ in range(64)))

    took = await timed(all_at_once)
    print(f"  {'append, 64 at a time':<44} {20 * number / took:12,.0f} a second")
    _, newest = await log.ends()

    async def read_all() -> None:
        async for record in other.log("bench.one").read(0):
            if record.seq == newest:
                return

    print(f"  {'read what is there':<44} {newest / await timed(read_all):12,.0f} a second")
    await notice(bus, other, number)


async def notice(bus: Bus, other: Bus, number: int) -> None:
    """How long after a change whoever watches has it."""
    seen: asyncio.Queue[None] = asyncio.Queue()
    table, log = bus.table("bench"), bus.log("bench.two")

    async def watch() -> None:
        async for _ in other.table("bench").watch():
            seen.put_nowait(None)

    async def read() -> None:
        async for _ in other.log("bench.two").read(0):
            seen.put_nowait(None)

    async def put(n: int) -> None:
        await table.put(f"k{n % 50}", BODY)

    async def append(n: int) -> None:
        await log.append(f"c{n}", BODY)

    for what, follow, change in (
        ("from put to its watcher", watch, put),
        ("from append to its reader", read, append),
    ):
        following = asyncio.create_task(follow())
        await change(-1)
        await seen.get()
        there_and_back = partial(both, change, seen)
        show(what, [await timed(there_and_back, n) for n in range(number)])
        following.cancel()
        await asyncio.wait([following])


async def both(change: Callable[[int], Awaitable[object]], seen: asyncio.Queue[None], n: int) -> None:
    await asyncio.gather(change(n), seen.get())


async def takeovers(bus: Bus, times: int) -> None:
    """A holder dies without a word; when the other has it."""
    table = bus.table("leases", stands_s=STANDS_S)
    seconds = []
    for n in range(times):
        first = Lease(table, f"p{n}", "first", clock=CLOCK)
        second = Lease(table, f"p{n}", "second", clock=CLOCK)
        dies = asyncio.create_task(first.keep())
        await first.until_held()
        waits = asyncio.create_task(second.keep())
        await asyncio.sleep(STANDS_S * n / times / 4)  # the death comes anywhere between two renewals
        dies.cancel()
        seconds.append(await timed(second.until_held))
        waits.cancel()
        await asyncio.wait([dies, waits])
    what = "lease taken over after a death"
    print(f"  {what:<44} median {median(seconds):.1f} s, worst {max(seconds):.1f} s (n={times})")


async def leader_dies(cluster: NatsCluster, bus: NatsBus, times: int) -> None:
    """The server that leads a log is killed; when the log takes the next record."""
    log = bus.log("bench.death")
    seconds = []
    for n in range(times):
        await persist(log.append, f"before{n}", BODY)
        client = await bus._link.client()  # noqa: SLF001 - only the bench asks who leads
        info = await client.jetstream().stream_info("bench_log_bench_death")
        leads = next(server for server in cluster.servers if info.cluster and server.name == info.cluster.leader)
        leads.kill()
        seconds.append(await timed(persist, log.append, f"after{n}", BODY))
        leads.start()
        await asyncio.sleep(5)
    said = ", ".join(f"{s:.1f}" for s in sorted(seconds))
    print(f"  {'log back after its leading server died':<44} {said} s")


async def persist(ask: Callable[..., Awaitable[object]], *args: object) -> object:
    while True:
        try:
            return await ask(*args)
        except BusError:
            await asyncio.sleep(0.05)


async def opened(servers: tuple[str, ...]) -> NatsBus:
    bus = await open_bus(Where(servers=servers, prefix="bench"), CLOCK)
    if not isinstance(bus, NatsBus):
        raise TypeError
    await persist(bus.now)
    return bus


async def main(parts: list[str], folder: Path) -> None:
    if "local" in parts:
        print("in one process")
        bus = await open_bus(None, CLOCK)
        await measure(bus, bus, 2000)
    if "one" in parts:
        print("one NATS server")
        server = NatsServer(folder / "one").start()
        try:
            one, other = await opened((server.url,)), await opened((server.url,))
            await measure(one, other, 1000)
            await takeovers(one, 8)
            await one.close()
            await other.close()
        finally:
            server.stop()
    if {"three", "death"} & {*parts}:
        print("three NATS servers")
        cluster = NatsCluster(folder / "three").start()
        try:
            one, other = await opened(cluster.urls), await opened(cluster.urls)
            if "three" in parts:
                await measure(one, other, 1000)
            if "death" in parts:
                await leader_dies(cluster, one, 5)
            await one.close()
            await other.close()
        finally:
            cluster.stop()


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        asyncio.run(main(sys.argv[1:] or ["local", "one", "three", "death"], Path(made)))
