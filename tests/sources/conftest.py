"""What all tests of sources share: a context for one reading, and the recorded-shape answers.

``tests/fixtures/<source>/{good,quiet,outage}[-<tag>].{json,xml,jsonl}`` are read by the contract suite: *good* gives
signals, *quiet* gives ``alive`` and no fault, *outage* shows trouble. ``<tag>`` is handed to ``parse``. They are all
written as of NOW.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stillup.catalog.load import catalogue
from stillup.model.service import Stage, State
from stillup.model.signal import Declared
from stillup.net import Net
from stillup.secret import Secret
from stillup.sources.base import Context, Reading, Setting
from stillup.testing import FakeClock, Head, Server, http, serving

NOW = datetime(2026, 5, 12, 15, 0, 30, tzinfo=UTC)
FIXTURES = Path(__file__).parents[1] / "fixtures"
KEY = "sk-DUMMY-4fJq0XyZ"


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def key() -> str:
    """The secret that every context of these tests carries and nothing may show."""
    return KEY


@pytest.fixture(scope="session")
def context() -> Callable[..., Context]:
    """Makes contexts: ``context(service="claude", since=…, key=False, base_url=…, **options)``."""

    def make(
        service: str = "claude",
        *,
        now: datetime = NOW,
        since: datetime | None = None,
        key: bool = True,
        base_url: str = "",
        interval_s: int = 300,
        **options: object,
    ) -> Context:
        setting = Setting(
            base_url=base_url, key=Secret(KEY) if key else None, interval_s=interval_s, options=dict(options)
        )
        return Context(now=now, service=catalogue()[service], setting=setting, since=since)

    return make


@pytest.fixture
def answer() -> Callable[[str], bytes]:
    """The bytes of one recorded-shape answer, by its path under ``tests/fixtures``."""
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
def changed(answer) -> Callable[..., bytes]:
    """A JSON answer after a change: ``changed("datadog/quiet.json", change)`` gives the bytes after ``change(it)``."""

    def make(name: str, change: Callable[[Any], object]) -> bytes:
        loaded = json.loads(answer(name))
        change(loaded)
        return json.dumps(loaded).encode()

    return make


class Told:
    """What a page's reading declares, by what it speaks of."""

    def general(self, reading: Reading) -> dict[str | None, State]:
        """The page's general word now: component (None: the service) to state."""
        return {s.component: s.state for s in self._said(reading) if s.incident is None and s.at == NOW}

    def incidents(self, reading: Reading) -> dict[tuple[str, str | None], Declared]:
        """What incidents say now: title and component to the line."""
        return {(s.title, s.component): s for s in self._said(reading) if s.incident and s.at == NOW}

    def past(self, reading: Reading) -> list[tuple[str, str | None, State, Stage | None]]:
        """What was said before: when, of which component, which state and stage."""
        return [(f"{s.at:%d %H:%M}", s.component, s.state, s.stage) for s in self._said(reading) if s.at != NOW]

    def _said(self, reading: Reading) -> list[Declared]:
        return [s for s in reading.signals if isinstance(s, Declared)]


@pytest.fixture(scope="session")
def told() -> Told:
    """Looks into a page's reading."""
    return Told()


@pytest.fixture
async def site():
    """Starts a loopback server that answers by path (bodies by ``path`` or ``path?query``), and opens a Net for it."""
    async with AsyncExitStack() as running:

        async def start(answers: dict[str, bytes]) -> tuple[Server, Net]:
            async def script(head: Head, writer: asyncio.StreamWriter) -> None:
                path = head.target.partition("?")[0]
                body = answers.get(head.target, answers.get(path))
                writer.write(http(404) if body is None else http(200, body))

            server = await running.enter_async_context(serving(script))
            return server, await running.enter_async_context(Net(FakeClock(NOW), timeout_s=5.0))

        yield start
