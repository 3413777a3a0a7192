"""Real hubs over a real NATS under load: killed, paused and told to end, none of what they acknowledged is lost."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from tests.cluster.roles import BOUND_S, Process
from tests.cluster.test_hub import added, sender

SAID = json.dumps({"service": "claude", "problem": "sign_in", "component": "web"})
CONFIG = """
data = "{data}"
services = ["claude", "chatgpt"]
[cluster]
bus = ["{bus}"]
prefix = "{prefix}"
drain_s = 0.0
name = "{name}"
[web]
listen = "127.0.0.1:0"
trusted_proxies = ["127.0.0.1"]
"""


class People:
    """They report to some hubs, a few at a time, each from a network of their own."""

    def __init__(self, addresses: list[str]) -> None:
        self.addresses = addresses
        self.answers: Counter[int] = Counter()
        self.unanswered = self._next = 0
        self._news = asyncio.Event()
        self.is_over = False

    async def report(self, session: aiohttp.ClientSession) -> None:
        """One after the other, until it is over."""
        while not self.is_over:
            self._next += 1
            n = self._next
            headers = {"Content-Type": "application/json", "X-Forwarded-For": sender(n)}
            try:
                url = f"{self.addresses[n % len(self.addresses)]}/api/v1/reports"
                async with session.post(url, data=SAID, headers=headers) as answer:
                    self.answers[answer.status] += 1
            except (aiohttp.ClientError, OSError):
                self.unanswered += 1
            self._news.set()

    async def until(self, acknowledged: int) -> None:
        async with asyncio.timeout(BOUND_S):
            while self.answers[202] < acknowledged:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def hubs(nats: Where, tmp_path: Path) -> AsyncIterator[list[Process]]:
    started = []
    for name in ("hub-1", "hub-2"):
        config = tmp_path / f"{name}.toml"
        text = CONFIG.format(data=tmp_path / name, bus=nats.servers[0], prefix=nats.prefix, name=name)
        config.write_text(text)
        started.append(await Process.start("hub", config=config))
    yield started
    for one in started:
        await one.end()


async def test_hubs_that_are_killed_paused_and_ended_lose_nothing_that_they_acknowledged(hubs, nats):
    addresses = [(await hub.until("reports: ")).rpartition(" ")[2] for hub in hubs]
    one, other = hubs
    people = People(list(addresses))
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(people.report(session))
        await people.until(300)
        other.tell(signal.SIGSTOP)
        await people.until(people.answers[202] + 10)  # of the first hub; who asks the other waits
        other.tell(signal.SIGCONT)
        await people.until(people.answers[202] + 200)
        one.tell(signal.SIGKILL)
        people.addresses = [addresses[1]]
        await people.until(people.answers[202] + 200)
        other.tell(signal.SIGTERM)
        assert await other.code() == 0
        people.is_over = True
    bus = await open_bus(nats, SystemClock())
    total = (await added(bus)).total()
    await bus.close()

    assert set(people.answers) == {202}
    assert people.answers[202] >= 700
    # A report whose answer was lost with the hub may be in the log all the same; nothing else may.
    assert people.answers[202] <= total <= people.answers[202] + people.unanswered
