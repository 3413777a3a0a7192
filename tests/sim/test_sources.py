"""The real sources read the world: every format is understood, and what they count is what happened."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.errors import SourceError
from stillup.model.service import Layer, State
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.net import Net
from stillup.registry import SOURCES, load_source, usable_sources
from stillup.sim.load import load
from stillup.sim.scenario import Stream
from stillup.sim.texts import post_of
from stillup.sim.world import World
from stillup.sources.base import Context
from stillup.sources.probe import Probe
from stillup.sources.text import classify
from stillup.testing import FakeClock

APRIL = load("2026-04-07")
CLAUDE = catalogue()["claude"]
TELL_OF_CLAUDE = [s.id for s in usable_sources() if s.id in CLAUDE.sources]


def april(hour: int, minute: int) -> datetime:
    return datetime(2026, 4, 7, hour, minute, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def reader(tmp_path, monkeypatch):
    """``read(source, now, since)`` as the daemon would: by the world's own configuration and dummy keys."""
    async with AsyncExitStack() as running:
        worlds: dict[str, World] = {}
        clock = FakeClock()
        net = await running.enter_async_context(Net(clock))

        async def read(source, now, since=None, scenario=APRIL):
            clock.set(now)
            if scenario.id not in worlds:
                world = await running.enter_async_context(World(scenario, clock, tmp_path / scenario.id))
                worlds[scenario.id] = world
                for name, value in world.environ().items():
                    monkeypatch.setenv(name, value)
            world = worlds[scenario.id]
            await world.sync()
            setting = parse_config(world.config()).setting(source, CLAUDE.id, world.environ())
            if SOURCES[source].page and not setting.base_url:
                # The world serves every service's page on every platform; the catalogue has it on one.
                setting = replace(setting, base_url=f"{world.base_url}/{source}/{CLAUDE.id}")
            # A probe of its own: the shipped one remembers what it has spent today.
            asked = Probe() if source == "probe" else load_source(source)
            return await asked.read(Context(now=now, service=CLAUDE, setting=setting, since=since), net)

        yield read


@pytest.mark.parametrize("source", TELL_OF_CLAUDE)
@pytest.mark.parametrize("now", [april(14, 45), april(17, 0)])
async def test_every_source_reads_the_world_in_and_after_the_outage(reader, source, now):
    reading = await reader(source, now)

    assert reading.says
    assert reading.signals
    assert all(s.at <= now and s.service == "claude" and s.source == source for s in reading.signals)
    if source != "probe":
        assert any(isinstance(s, Alive) for s in reading.signals)


@pytest.mark.parametrize("source", [s for s in TELL_OF_CLAUDE if s not in ("probe", "claude_code")])
async def test_behind_a_captive_portal_a_source_gives_no_data_and_never_calm(reader, source):
    only_you = load("only-you")

    with pytest.raises(SourceError):
        await reader(source, only_you.faults[0].from_, scenario=only_you)


async def test_the_probe_finds_the_portal_and_blames_nobody_else(reader):
    only_you = load("only-you")

    reading = await reader("probe", only_you.faults[0].from_, scenario=only_you)

    failed = {(s.layer, s.error) for s in reading.signals if isinstance(s, Outcome) and not s.ok}
    assert failed == {(Layer.NETWORK, "captive_portal")}


async def test_the_probe_sees_sign_in_and_console_fail_and_the_api_answer(reader):
    reading = await reader("probe", april(14, 40), since=april(14, 39))

    worked = {(s.component, s.layer): s.ok for s in reading.signals if isinstance(s, Outcome)}
    assert worked[("web", Layer.AUTH)] is False
    assert worked[("console", Layer.PRESENTATION)] is False
    assert worked[("api", Layer.API_GATEWAY)] is True
    assert worked[("api", Layer.INFERENCE)] is True


@pytest.mark.parametrize(("now", "state"), [(april(14, 54), State.OPERATIONAL), (april(14, 56), State.MAJOR_OUTAGE)])
async def test_the_status_page_turns_red_when_it_was_posted_not_when_it_was_dated(reader, now, state):
    reading = await reader("statuspage", now)

    newest = {s.component: s.state for s in reading.signals if isinstance(s, Declared) and s.at == now}
    assert {newest[c] for c in ("web", "console", "code")} == {state}
    assert newest["api"] is State.OPERATIONAL


async def test_downdetector_counts_the_days_reports(reader):
    reading = await reader("downdetector", APRIL.ends)

    assert 340 <= sum(s.count for s in reading.signals if isinstance(s, Counted)) <= 368


async def test_polled_every_five_minutes_reddit_counts_each_post_about_trouble_once(reader):
    start, end = april(14, 25), april(15, 25)
    polled, now = 0, start
    while now < end:
        since, now = now, now + timedelta(minutes=5)
        reading = await reader("reddit", now, since)
        polled += sum(s.count for s in reading.signals if isinstance(s, Counted))

    world_story = World(APRIL, FakeClock()).story
    written = [post_of(h, CLAUDE, APRIL.seed) for h in world_story.happened(Stream.POSTS, start, end)]
    about = [p for p in written if classify(f"{p.title}\n{p.body}", CLAUDE).about_outage]
    assert polled == len(about) > 40


def test_posts_read_as_what_they_were_written_to_say():
    story = World(APRIL, FakeClock()).story
    for stream, is_trouble in ((Stream.POSTS, True), (Stream.CHATTER, False), (Stream.STORIES, True)):
        for happening in story.happened(stream, APRIL.starts, APRIL.ends):
            post = post_of(happening, CLAUDE, APRIL.seed)
            said = classify(f"{post.title}\n{post.body}", CLAUDE)
            assert said.about_outage is is_trouble, post
            assert said.problem in (None, happening.problem)
            assert said.region in (None, happening.region)


async def test_claude_code_sees_its_requests_fail_during_the_outage_alone(reader):
    reading = await reader("claude_code", april(15, 40), since=april(14, 0))

    failed = [s for s in reading.signals if isinstance(s, Outcome) and s.ok is False]
    assert {s.error for s in failed} == {"server_error"}
    assert all(april(14, 32) <= s.at <= april(15, 13) for s in failed)
    assert sum(s.n_ok or 0 for s in reading.signals if isinstance(s, Outcome)) > 0
