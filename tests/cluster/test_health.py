"""What machines ask of any role, and what hostile ones send."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import aiohttp
import pytest

from stillup.bus.local import LocalBus
from stillup.daemon.cluster.publish import VERDICTS, Word, pack
from stillup.daemon.roles.beat import Beat, Beating
from stillup.daemon.roles.health import NOT_READY, Health
from stillup.testing import FakeClock
from tests.cluster.roles import BOUND_S, here_of

TOKEN = "a-token-of-the-page"
COUNTS = "a-token-for-metrics"
BEYOND = 'data = "{data}"\n[web]\ntoken_env = "T"\nmetrics_token_env = "M"\n[cluster]\nhealth = "0.0.0.0:0"\n'
HERE = 'data = "{data}"\n[cluster]\nhealth = "127.0.0.1:0"\n'


class Away(LocalBus):
    """A bus that nobody reaches."""

    is_there = False


@pytest.fixture
async def opened(tmp_path):
    begun = []

    async def opened(text: str = HERE, bus: type[LocalBus] = LocalBus, **more: bool) -> Health:
        here = here_of(text.format(data=tmp_path), environ={"T": TOKEN, "M": COUNTS}, clock=FakeClock())
        here = replace(here, bus=bus(here.clock))
        first = Beat(replica="m1", life="m1.0", role="monitor", version="1", since=here.clock.now())
        beating = Beating(here.bus, here.clock, first, here.beats, here.say)
        here.beats["unsaved"] = "7"
        await beating.beat()
        word = Word(at=here.clock.now(), service="claude", seq=1, fence=1)
        await here.bus.table(VERDICTS).put("claude", pack(word))
        health = Health(here.config, here.environ, here, beating, **more)
        await health.start()
        health.here = here
        begun.append(health)
        return health

    yield opened
    for health in begun:
        await health.stop()


async def ask(health, path, **headers):
    async with aiohttp.ClientSession() as http, http.get(health.address + path, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_it_lives_is_ready_and_counts_who_is_there_and_what_its_role_counts(opened):
    health = await opened()
    health.here.metrics.append(lambda: b"stillup_of_the_role 3\n")
    assert await ask(health, "/healthz") == (200, "ok\n")
    assert await ask(health, "/readyz") == (200, "ready\n")
    status, text = await ask(health, "/metrics")
    assert status == 200
    for line in (
        'stillup_replicas{role="monitor"} 1.0',
        'stillup_replicas{role="web"} 0.0',
        'stillup_judged_age_seconds{service="claude"} 0.0',
        "stillup_bus_up 1.0",
        "stillup_unsaved_minutes 7.0",
        "stillup_clock_skew_seconds 0.0",
        "stillup_of_the_role 3",
    ):
        assert line in text.splitlines()


async def test_a_role_that_cannot_do_its_work_is_not_ready_and_says_why(opened):
    health = await opened()
    health.here.beats[NOT_READY] = "it has only begun"
    assert await ask(health, "/readyz") == (503, "not ready: it has only begun\n")


@pytest.mark.parametrize(("works_alone", "status"), [(False, 503), (True, 200)])
async def test_a_bus_that_is_away_takes_out_whoever_needs_it_and_no_gateway(opened, works_alone, status):
    assert (await ask(await opened(bus=Away, works_alone=works_alone), "/readyz"))[0] == status


async def left(asking):
    for reader, writer in asking:
        with suppress(OSError):
            writer.write_eof()
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_one_place_that_asks_slowly_keeps_no_other_out(opened):
    port = int((await opened()).address.rpartition(":")[2])
    slow = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)) for _ in range(80)]
    for _, writer in slow:
        writer.write(b"GET /healthz HTTP/1.1\r\n")
    async with asyncio.timeout(BOUND_S):
        with suppress(ConnectionError):
            await slow[-1][0].read()  # one too many: it was turned away, the first are waited for
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        await left([*slow, (reader, writer)])


async def test_beyond_this_machine_metrics_are_behind_the_token_and_the_signs_of_life_are_not(opened):
    health = await opened(BEYOND)
    assert (await ask(health, "/healthz"))[0] == 200
    assert (await ask(health, "/metrics"))[0] == 401
    assert (await ask(health, "/metrics", Authorization="Bearer wrong"))[0] == 401
    assert (await ask(health, "/metrics", Authorization=f"Bearer {TOKEN}"))[0] == 200
    assert (await ask(health, "/metrics", Authorization=f"Bearer {COUNTS}"))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8795", "127.0.0.1.evil.example", "", "[::1"])
async def test_a_name_that_a_stranger_points_here_is_refused(opened, host):
    assert (await ask(await opened(), "/metrics", Host=host))[0] == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:80"])
async def test_an_address_of_this_machine_is_let_in(opened, host):
    assert (await ask(await opened(), "/healthz", Host=host))[0] == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"\x00\xff\xfe" * 100 + b"\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer é\r\n\r\n".encode(),
        b"",
    ],
)
async def test_nothing_that_is_sent_ends_it_or_is_answered_with_more_than_a_line(opened, raw):
    health = await opened()
    host, _, port = health.address.removeprefix("http://").rpartition(":")
    async with asyncio.timeout(BOUND_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(raw)
        writer.write_eof()
        answer = await reader.read(100_000)
        writer.close()
        assert b"root:" not in answer
        if answer:
            assert answer.startswith(b"HTTP/1.1 ")
        assert await ask(health, "/healthz") == (200, "ok\n")
