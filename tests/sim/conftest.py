"""What the world's tests share: small scenarios written as text, and a world at a time of the test's choosing."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import pytest

from stillup.sim.load import parse
from stillup.sim.scenario import Scenario
from stillup.sim.world import World
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
