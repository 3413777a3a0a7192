"""A gateway is killed at every step of asking again: no answer is lost, and none is asked for twice without a word."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.later.item import Item, State, request_of
from stillup.gateway.later.shelf import Bounds, Shelf, read_answer, read_items
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider_server import ProviderServer

CONFIG = """
data = "{data}"
[vault]
follow = false
[gateway]
listen = "127.0.0.1:0"
journal = {journal}
defer_again = {again}
defer_pause_s = 0
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{url}"
key_env = "A_KEY"
[[gateway.routes]]
chain = ["a"]
"""
BODY = json.dumps(
    {"model": "claude-x", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
).encode()
ASK = Ask(
    protocol=Protocol.ANTHROPIC, operation=Operation.GENERATE, method="POST", path="/v1/messages", query="",
    headers=((b"content-type", b"application/json"), (b"anthropic-version", b"2023-06-01")), body=BODY,
    model="claude-x", stream=True,
)  # fmt: skip
ID = "later_" + "0" * 24


class Kept:
    """A folder with one request in line, and the gateways that find it."""

    def __init__(self, folder, url, *, journal="true", again="false"):
        self.later = folder / "data" / "later"
        self.path = folder / "stillup.toml"
        self.path.write_text(CONFIG.format(data=folder / "data", url=url, journal=journal, again=again))
        shelf = Shelf(self.later, Bounds(), print)
        assert shelf.is_ours(make=True)
        shelf.add(
            Item(id=ID, number=0, protocol=ASK.protocol, operation=ASK.operation, model=ASK.model, stream=True,
                 kept_at_s=4e9, request_bytes=len(BODY)),
            request_of(ASK),
        )  # fmt: skip
        shelf.close()

    async def begun(self, nth=0):
        program = (sys.executable, str(Path(__file__).with_name("killed.py")), str(self.path), str(nth))
        return await asyncio.create_subprocess_exec(*program, stdout=subprocess.PIPE)

    async def run(self, nth=0):
        """What it said, or None where it was killed."""
        child = await self.begun(nth)
        out, _ = await child.communicate()
        assert child.returncode in (0, -signal.SIGKILL)
        return json.loads(out) if child.returncode == 0 else None

    def item(self):
        (item,) = read_items(self.later)
        return item


@pytest.fixture
async def a():
    async with ProviderServer("A") as server:
        yield server


async def test_killed_before_any_change_of_a_file_it_is_asked_once_and_its_answer_kept(a, tmp_path):
    states, nth = [], 0
    while True:
        nth += 1
        folder = tmp_path / str(nth)
        folder.mkdir()
        kept, before = Kept(folder, a.url), a.counts.requests
        if await kept.run(nth) is not None:
            break  # it changes no file so late
        said = await kept.run()
        states.append((said["items"][0][0], a.counts.requests - before))
        assert b"message_stop" in read_answer(kept.later, ID).body
    assert states == [("answered", 1)] * len(states)
    assert len(states) >= 7


async def asked_and_killed(a, kept):
    child = await kept.begun()
    async with asyncio.timeout(20):
        while not a.requests:  # noqa: ASYNC110 - the provider tells nobody
            await asyncio.sleep(0.005)
    child.kill()
    await child.communicate()


@pytest.mark.parametrize("failing", [Behaviour(failure=Failure.HANG), Behaviour(failure=Failure.STALL, after=3)])
async def test_killed_while_it_is_asked_the_configuration_decides_and_it_is_said(a, tmp_path, failing):
    kept = Kept(tmp_path, a.url, again="true")
    a.set(failing)
    await asked_and_killed(a, kept)
    a.set()
    said = await kept.run()
    assert said["items"] == [["answered", 2]]
    assert "may be charged; it is asked again" in said["told"][0]


async def test_killed_while_it_is_asked_it_waits_for_a_word_where_nobody_may_pay_twice(a, tmp_path):
    kept = Kept(tmp_path, a.url)
    a.set(Behaviour(failure=Failure.HANG))
    await asked_and_killed(a, kept)
    a.set()
    assert (await kept.run())["items"] == [["unsure", 1]]
    assert a.counts.requests == 1


async def test_without_a_journal_the_answers_own_file_is_the_witness(a, tmp_path):
    states = []
    for nth in range(1, 7):  # a state, an answer, a state: each drafted, then put in place
        folder = tmp_path / str(nth)
        folder.mkdir()
        kept, before = Kept(folder, a.url, journal="false"), a.counts.requests
        if await kept.run(nth) is None:
            await kept.run()
        assert a.counts.requests - before <= 1
        states.append(kept.item().state)
    assert set(states) <= {State.ANSWERED, State.UNSURE}
    assert states.count(State.ANSWERED) >= 3
