"""What is shared with a pool: counts of public names, under a name of the day, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from stillup.catalog.models import models
from stillup.daemon.sharing import Alone, Sharing
from stillup.hub.values import Batch, Tally
from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.net import Net
from stillup.testing import FakeClock, http, serving

AT = datetime(2026, 5, 4, 8, 1, tzinfo=UTC)
END = datetime(2026, 5, 4, 8, 5, tzinfo=UTC)
MODEL = next(iter(models()))


def tries(ok, failed, *, model=MODEL, service="claude", layer=Layer.INFERENCE, error=None):
    return Outcome(
        at=AT, service=service, source="gateway", layer=layer, model=model, n_ok=ok, n_failed=failed, window_s=60,
        error=error,
    )  # fmt: skip


@pytest.fixture
def sharing():
    return Sharing("http://127.0.0.1:1", FakeClock(AT), Random(1).randbytes)


def test_counts_are_summed_by_provider_and_public_model(sharing):
    feed = sharing.beside(lambda _now: [tries(3, 1), tries(4, 0), tries(1, 1, service="chatgpt", model=None)])

    assert len(list(feed(AT))) == 3
    assert set(sharing.counted()) == {
        Tally(service="claude", model=MODEL, ok=7, failed=1),
        Tally(service="chatgpt", ok=1, failed=1),
    }
    assert sharing.counted() == ()


@pytest.mark.parametrize(
    "own",
    [
        tries(3, 1, model="acme-private-finetune"),
        tries(3, 1, service="acme-internal"),
        tries(0, 1, error="rate_limited"),
        tries(0, 1, error="unauthorized"),
    ],
)
def test_what_is_ones_own_is_not_shared(sharing, own):
    sharing.note([own])

    assert sharing.counted() == ()


def test_a_request_that_is_told_of_two_layers_counts_once(sharing):
    sharing.note([tries(5, 0, model=None, layer=layer) for layer in (Layer.EDGE, Layer.AUTH)])

    assert sharing.counted() == (Tally(service="claude", ok=5, failed=0),)


async def batch_of(installation, end, *tallies):
    await installation.told(end, tallies or (Tally(service="claude", ok=1, failed=0),))
    return await installation.batch(end)


async def test_the_name_is_another_each_day_and_says_nothing():
    alone = Alone(Random(1).randbytes)
    names = [(await batch_of(alone, END + timedelta(hours=hours))).installation for hours in (0, 23, 25, 60)]

    assert names[0] == names[1]
    assert len(set(names)) == 3


async def test_it_is_sent_after_each_five_minutes_and_a_pool_that_is_away_stops_nothing():
    clock, bodies, said = FakeClock(AT), [], []

    async def script(head, writer):
        bodies.append(head)
        writer.write(http(202, b"{}") if len(bodies) > 1 else http(503))

    async with serving(script) as server, Net(clock) as net:
        sharing = Sharing(server.url("").rstrip("/"), clock, Random(1).randbytes, said.append)
        running = asyncio.create_task(sharing.run(net))
        for _ in range(2):
            sharing.note([tries(3, 1)])
            sent = len(bodies)
            while len(bodies) == sent:
                await clock.advance(60)
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert [head.target for head in bodies] == ["/api/v1/pool"] * 2
    assert len(said) == 1


async def test_what_is_sent_holds_nothing_but_counts(sharing):
    sharing.note([tries(3, 1)])
    batch = await batch_of(Alone(Random(1).randbytes), END, *sharing.counted())
    sent = msgspec.json.decode(msgspec.json.encode(batch))

    assert set(sent) == {"installation", "end", "tallies"} == set(Batch.__struct_fields__)
    assert sent["tallies"] == [{"service": "claude", "model": MODEL, "ok": 3, "failed": 1}]
