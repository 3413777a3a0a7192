"""What the world's tests share: small scenarios written as text, and a world at a time of the test's choosing."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import pytest

from stillup.catalog.load import catalogue
from stillup.net import Net
from stillup.registry import load_source
from stillup.sim.load import parse
from stillup.sim.scenario import Scenario
from stillup.sim.world import World
from stillup.sources.base import Context, Setting
from stillup.testing import FakeClock

HEAD = """
id = "made-up"
title = "made up"
service = "claude"
starts = 2026-01-05T12:00:00Z
ends = 2026-01-05T14:00:00Z
"""


@pytest.fixture
def made_up():
    """A scenario from what follows the usual head."""

    def make(rest: str = "") -> Scenario:
        return parse(HEAD + rest, "made-up.toml")

    return make


@pytest.fixture
async def play(tmp_path: Path):
    """Starts worlds with a clock that stands where the test puts it; they end with the test."""
    async with AsyncExitStack() as running:

        async def start(scenario: Scenario, now: datetime) -> tuple[World, FakeClock]:
            clock = FakeClock(now)
            return await running.enter_async_context(World(scenario, clock, tmp_path / "transcripts")), clock

        yield start


@pytest.fixture
async def look(tmp_path):
    """``look(platform, scenario, now)`` reads a service's page in the world; ``look.net`` and ``look.url`` ask it."""
    async with AsyncExitStack() as running:
        clock = FakeClock()
        net = await running.enter_async_context(Net(clock))
        worlds: dict[str, World] = {}

        async def url(scenario, now):
            clock.set(now)
            if scenario.id not in worlds:
                worlds[scenario.id] = await running.enter_async_context(World(scenario, clock, tmp_path / scenario.id))
            await worlds[scenario.id].sync()
            return worlds[scenario.id].base_url

        async def read(platform, scenario, now, *, service="claude", since=None, path="", **options):
            setting = Setting(base_url=f"{await url(scenario, now)}/{platform}/{service}{path}", options=options)
            ctx = Context(now=now, service=catalogue()[service], setting=setting, since=since)
            return await load_source(platform).read_here(ctx, net)

        read.net, read.url = net, url
        yield read
