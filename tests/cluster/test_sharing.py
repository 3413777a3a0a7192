"""The gateways of a cluster share their counts as one installation, whoever sends them, and each five minutes once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from stillup.bus.base import Bus
from stillup.bus.local import LocalBus
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.daemon.sharing import Sharing
from stillup.daemon.sharing_together import TABLE, Together
from stillup.errors import BusError
from stillup.hub.pooling import GRACE_S, WINDOW_S, K, PooledCounts
from stillup.hub.values import Batch, Tally
from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.net import Net
from stillup.testing import FakeClock, http, serving

END = datetime.fromtimestamp(SystemClock().wall_s() // WINDOW_S * WINDOW_S, UTC)
CLAUDE, CHATGPT = Tally(service="claude", ok=7, failed=2), Tally(service="chatgpt", model="m", ok=1, failed=0)


@pytest.fixture(params=["one process", "nats"])
async def gateways(request: pytest.FixtureRequest) -> AsyncIterator[list[Together]]:
    clock = SystemClock()
    if request.param == "nats":
        where: Where = request.getfixturevalue("nats")
        buses: list[Bus] = [await open_bus(where, clock) for _ in range(3)]
    else:
        buses = [LocalBus(clock)] * 3
    yield [Together(bus, f"gw-{n}.ab12", Random(n).randbytes) for n, bus in enumerate(buses)]
    for bus in buses:
        await bus.close()


async def told(gateways, end=END, tallies=(CLAUDE,)) -> list[Batch]:
    """What is sent when each has told the same."""
    for gateway in gateways:
        await gateway.told(end, tallies)
    return [b for b in await asyncio.gather(*(g.batch(end) for g in gateways)) if b is not None]


async def test_one_sends_the_sum_of_all(gateways):
    await gateways[2].told(END, (CHATGPT,))
    sent = await told(gateways[:2])
    sent += [b for g in gateways if (b := await g.batch(END)) is not None]

    assert len(sent) == 1
    assert set(sent[0].tallies) == {Tally(service="claude", ok=14, failed=4), CHATGPT}


async def test_the_name_is_the_clusters_for_a_day_whoever_sends(gateways):
    names = []
    for n, minutes in enumerate((0, 5, 10, 60, 23 * 60, 25 * 60)):
        (batch,) = await told([gateways[n % 3]], END + timedelta(minutes=minutes))
        names.append(batch.installation)

    assert len(set(names[:5])) == 1
    assert names[5] != names[0]


async def test_a_cluster_of_many_gateways_is_not_ten_installations_to_a_pool(gateways):
    pool, sent = PooledCounts(Random(1).randbytes), await told(gateways * 4)
    for n, batch in enumerate(sent):
        pool.note(batch, f"{20 + n}.{n}.3.4", END)
    for n in range(K - 2):
        pool.note(Batch(installation=f"{n:032x}", end=END, tallies=(CLAUDE,)), f"{90 + n}.{n}.3.4", END)

    assert len(sent) == 1
    assert pool.sums("claude", END + timedelta(seconds=GRACE_S)) == ()


async def test_where_nothing_was_counted_nothing_is_sent(gateways):
    assert await told(gateways, tallies=()) == []


async def test_what_another_version_put_there_stops_nobody(gateways):
    table = gateways[0]._table
    await table.put(f"{int(END.timestamp())}/by/gw-9", b"\xc1")
    await table.put("rubbish", msgspec.msgpack.encode(1))

    assert [batch.tallies for batch in await told(gateways[:1])] == [(CLAUDE,)]


class Away(LocalBus):
    """A bus that takes nothing."""

    def table(self, name, **how):
        table = super().table(name, **how)

        async def put(*_, **__):
            raise BusError

        if name == TABLE:
            table.put = put
        return table


@pytest.mark.parametrize("is_away", [False, True])
async def test_three_gateways_send_once_in_five_minutes_and_without_the_bus_not_at_all(is_away):
    clock, bodies, said = FakeClock(END + timedelta(seconds=10)), [], []
    bus = (Away if is_away else LocalBus)(clock)

    async def script(head, writer):
        bodies.append(head)
        writer.write(http(202, b"{}"))

    async with serving(script) as server, Net(clock) as net:
        all_ = [
            Sharing(
                server.url("").rstrip("/"), clock, Random(n).randbytes, said.append,
                of=Together(bus, f"gw-{n}", Random(n).randbytes),
            )
            for n in range(3)
        ]  # fmt: skip
        running = [asyncio.create_task(sharing.run(net)) for sharing in all_]
        for sharing in all_:
            sharing.note([Outcome(at=END, service="claude", source="gateway", layer=Layer.INFERENCE, n_ok=3, n_failed=1,
                                  window_s=60)])  # fmt: skip
        for _ in range(9):
            await clock.advance(60)
            await asyncio.sleep(0.02)
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    await bus.close()

    assert len(bodies) == (0 if is_away else 1)
    assert len(said) == (3 if is_away else 0)
