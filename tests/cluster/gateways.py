"""Gateway replicas in this process, each with a bus connection of its own, before scripted providers."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from msgspec.structs import replace

from stillup.bus.open import open_bus
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.cluster.publish import VERDICTS, Word, pack
from stillup.daemon.cluster.together import end
from stillup.daemon.roles.gateway import serve
from stillup.daemon.roles.role import Here
from stillup.daemon.roles.running import watched
from stillup.daemon.roles.stopping import Stopping
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, State
from stillup.model.verdict import Verdict
from tests.gateway.app.conftest import MESSAGES, Client

WITHIN_S = 60.0
ENVIRON = {"A_KEY": "dummy-key-of-a", "B_KEY": "dummy-key-of-b", "ANN": "dummy-token-of-ann-0123456789"}
ANN = ("x-stillup-token", ENVIRON["ANN"])
CONFIG = """
services = ["claude", "chatgpt"]
data = "{data}"
[gateway]
listen = "127.0.0.1:0"
hedge_after_s = 30.0
drain_s = {drain_s}
grace_s = 15.0
{more}
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{a}"
key_env = "A_KEY"
service = "claude"
component = "api"
[[gateway.upstreams]]
id = "b"
protocol = "anthropic"
base_url = "{b}"
key_env = "B_KEY"
service = "chatgpt"
component = "api"
[[gateway.routes]]
match = "*"
chain = ["a/claude-sonnet-4-5", "b/claude-sonnet-4-5"]
"""
USERS = """
[[gateway.users]]
id = "ann"
token_env = "ANN"
"""


class Replica:
    """One gateway of several."""

    def __init__(self, here: Here, task: asyncio.Task[None], said: list[str]) -> None:
        self.here, self.task, self.said = here, task, said

    @property
    def bus(self):
        return self.here.bus

    @property
    def port(self) -> int:
        return urlsplit(self.here.beats["gateway"]).port

    async def ask(self, *headers):
        return await Client(self).ask(MESSAGES, headers=headers)

    async def asked(self, *headers) -> tuple[str, str]:
        """Who answered a request, and after how many tries."""
        reply = await self.ask(*headers)
        assert reply.status == 200, reply
        return reply.header("x-stillup-upstream"), reply.header("x-stillup-attempts")

    async def status(self, *headers) -> dict:
        return json.loads((await Client(self).send("GET", "/stillup/status", headers)).body)

    async def others(self, *headers) -> list[str]:
        return (await self.status(*headers))["replica"]["others"]

    async def condition(self, upstream: str = "a") -> str:
        found = {t["upstream"]: t["condition"] for t in (await self.status())["targets"]}
        return found.get(upstream, "untried")

    async def stop(self) -> None:
        self.here.stop.tell()
        async with asyncio.timeout(WITHIN_S):
            await self.task


class World:
    """Starts replicas before two providers, and ends them."""

    def __init__(self, where, folder: Path, stack: AsyncExitStack, a, b) -> None:
        self._where, self._folder, self._stack, self.a, self.b = where, folder, stack, a, b
        self._shared = None
        self.clock = SystemClock()

    async def bus(self, name: str):
        """A connection to the bus; in one process it is the bus."""
        if self._where is not None:
            bus = await open_bus(replace(self._where, name=name), self.clock)
            self._stack.push_async_callback(bus.close)
            return bus
        if self._shared is None:
            self._shared = await open_bus(None, self.clock)
        return self._shared

    async def start(self, name: str, more: str = "", **given) -> Replica:
        drain_s = given.get("drain_s", 0.0)
        text = CONFIG.format(data=self._folder / name, more=more, a=self.a.url, b=self.b.url, drain_s=drain_s)
        config = parse_config(text)
        said: list[str] = []
        here = Here(
            config=config, environ=ENVIRON, services=watched(config), clock=given.get("clock", self.clock),
            say=said.append, bus=given.get("bus") or await self.bus(name), replica=name,
            life=given.get("life", f"{name}.1"), stop=Stopping(), open_store=_no_store,
        )  # fmt: skip
        replica = Replica(here, asyncio.create_task(serve(here)), said)
        self._stack.push_async_callback(_end, replica.task)
        await until(lambda: "gateway" in here.beats or replica.task.done())
        if replica.task.done():
            replica.task.result()
        return replica

    async def pair(self, more: str = "", **given) -> tuple[Replica, Replica]:
        """Two that know of each other."""
        one, two = await self.start("one", more, **given), await self.start("two", more, **given)
        headers = (ANN,) if "ann" in more else ()
        await until(lambda: both_know(one, two, *headers))
        return one, two

    async def judge(self, at: datetime, state: State = State.MAJOR_OUTAGE) -> None:
        """What the owner of a partition writes, by way of a connection of its own."""
        bus = await self.bus("judge")
        await bus.table(VERDICTS).put("claude", word(at, state))


def word(at: datetime, state: State = State.MAJOR_OUTAGE, service: str = "claude") -> bytes:
    """A verdict of the API of a service by the official page."""
    is_fault = state is not State.OPERATIONAL
    common = {
        "at": at, "service": service, "state": state, "since": at if is_fault else None,
        "confidence": Confidence.CONFIRMED if is_fault else None, "families": (Family.OFFICIAL,),
    }  # fmt: skip
    whole = Verdict(**common, components=("api",) if is_fault else ())
    grounds = Evidence(
        family=Family.OFFICIAL, standing=Standing.ALARM if is_fault else Standing.CALM, sources=("statuspage",),
        state=state, components=(("api", state),),
    )  # fmt: skip
    verdicts = (whole, Verdict(**common, component="api"))
    return pack(Word(at=at, service=service, seq=1, fence=1, verdicts=verdicts, evidence=(grounds,)))


async def both_know(one: Replica, two: Replica, *headers) -> bool:
    return bool(await one.others(*headers)) and bool(await two.others(*headers))


async def until(holds, within_s: float = WITHIN_S) -> None:
    """Look until it holds."""
    async with asyncio.timeout(within_s):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


async def _end(task: asyncio.Task[None]) -> None:
    await end([task])


def _no_store():
    raise AssertionError


def now() -> datetime:
    return datetime.now(UTC)
