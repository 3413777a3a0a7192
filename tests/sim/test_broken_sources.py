"""A source's own site fails while the service is fine: nothing is heard of it, and never calm."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.errors import BadDataError, SourceError
from stillup.model.service import State
from stillup.model.signal import Declared
from stillup.net import Net
from stillup.registry import load_source, usable_sources
from stillup.sim.modes import OF_SITES, Mode
from stillup.sim.record import signals
from stillup.sim.signals import sources_of
from stillup.sim.wire.routes import site_of
from stillup.sources.base import Context

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SILENT = {Mode.HANG}
"""Found by waiting for as long as a source does, which is too long for a test."""
CLAUDE = catalogue()["claude"]
SITES = [
    s.id for s in usable_sources() if s.id in CLAUDE.sources and hasattr(site_of(s.id), "page" if s.page else "answer")
]
RED = """
[[official]]
at = 2026-01-05T12:15:00Z
posted_at = 2026-01-05T12:15:00Z
stage = "investigating"
title = "Sign-in fails"
body = "We are looking into it."
components = { web = "major_outage" }
"""


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def broken(source: str, mode: str, more: str = "") -> str:
    return f"""
[[sources]]
source = "{source}"
from = 2026-01-05T12:10:00Z
to = 2026-01-05T12:40:00Z
mode = "{mode}"
{more}
"""


@pytest.fixture
async def read(play, monkeypatch):
    """``read(scenario, source, now)`` as the daemon would."""
    async with AsyncExitStack() as running:

        async def once(scenario, source, now, service="claude"):
            world, clock = await play(scenario, now)
            for name, value in world.environ().items():
                monkeypatch.setenv(name, value)
            net = await running.enter_async_context(Net(clock))
            setting = parse_config(world.config()).setting(source, service, world.environ())
            context = Context(now=now, service=catalogue()[service], setting=setting)
            return await load_source(source).read(context, net)

        yield once


@pytest.mark.parametrize("source", SITES)
@pytest.mark.parametrize("mode", sorted(OF_SITES - SILENT - {Mode.STALE}))
async def test_a_site_that_fails_is_no_data_however_it_fails(read, made_up, source, mode):
    with pytest.raises(SourceError):
        await read(made_up(broken(source, mode)), source, at(20))


@pytest.mark.parametrize("source", SITES)
async def test_it_fails_no_longer_than_said_and_no_other_source_with_it(read, made_up, source):
    scenario = made_up(broken(source, "unavailable"))

    assert await read(scenario, source, at(9))
    assert await read(scenario, source, at(40))
    for other in set(SITES) - {source}:
        assert await read(scenario, other, at(20))


async def test_a_site_that_hangs_says_nothing(play, made_up):
    world, _ = await play(made_up(broken("reddit", "hang")), at(20))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.3)) as session:
        with pytest.raises(asyncio.TimeoutError):
            await session.get(f"{world.base_url}/reddit/r/ClaudeAI/new/.rss")


async def test_a_page_that_is_stale_lies_green_through_the_outage(read, made_up):
    truthful, stale = made_up(RED), made_up(RED + broken("statuspage", "stale"))

    async def state(scenario, now):
        reading = await read(scenario, "statuspage", now)
        return {s.state for s in reading.signals if isinstance(s, Declared) and s.component == "web"}

    assert await state(truthful, at(20)) == {State.MAJOR_OUTAGE}
    assert await state(stale, at(20)) == {State.OPERATIONAL}
    assert await state(stale, at(41)) == {State.MAJOR_OUTAGE}


@pytest.mark.parametrize("source", ["statuspage", "downdetector", "reddit", "hackernews"])
async def test_a_site_may_fail_for_one_service_alone(read, made_up, source):
    scenario = made_up(broken(source, "server_error", 'service = "github"') + '[[also]]\nservice = "github"\n')

    assert await read(scenario, source, at(20), "claude")
    with pytest.raises(SourceError):
        await read(scenario, source, at(20), "github")


@pytest.mark.parametrize("source", [source for source, _ in sources_of("claude") if source in SITES])
def test_a_record_has_no_word_of_a_source_while_its_site_fails(made_up, source):
    recorded = list(signals(made_up(broken(source, "html"))))

    spoke = {s.at for s in recorded if s.source == source}
    assert at(10) - timedelta(minutes=1) in spoke
    assert not [t for t in spoke if at(10) <= t < at(40)]
    assert at(40) in spoke


def test_a_record_of_a_stale_page_says_what_the_page_said(made_up):
    recorded = signals(made_up(RED + broken("statuspage", "stale")))

    red = [s.at for s in recorded if isinstance(s, Declared) and s.source == "statuspage" and s.state.is_fault]
    assert min(t for t in red if t > at(15)) == at(40)


async def test_an_error_may_say_when_to_come_again(play, made_up):
    world, _ = await play(made_up(broken("reddit", "rate_limited", "retry_after_s = 90")), at(20))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{world.base_url}/reddit/r/ClaudeAI/new/.rss") as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (429, "90")


async def test_a_socket_ends_when_its_site_breaks_and_opens_again_when_it_is_well(play, made_up):
    world, clock = await play(made_up(broken("bluesky", "unavailable")), at(9))
    url = f"{world.base_url}/bluesky/subscribe"

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        socket = await session.ws_connect(url)
        clock.set(at(10))
        async with asyncio.timeout(5):
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await session.ws_connect(url)
        clock.set(at(40))
        await (await session.ws_connect(url)).close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (broken("reddti", "html"), "sources[0].source: no source with a site is called 'reddti' (did you mean"),
        (broken("probe", "html"), "sources[0].source: no source with a site is called 'probe'"),
        (broken("reddit", "stream_cut"), "sources[0].mode: one site alone cannot fail by 'stream_cut'; allowed: reset"),
        (broken("google_trends", "html", 'service = "github"'), "sources[0].service: google_trends fails for all"),
        (broken("reddit", "html", 'service = "gitbuh"'), "sources[0].service: no service is called 'gitbuh'"),
    ],
)
def test_what_no_site_can_do_is_refused(made_up, text, says):
    with pytest.raises(BadDataError) as refused:
        made_up(text)
    assert says in str(refused.value)
