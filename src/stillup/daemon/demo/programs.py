"""The demo's two programs: one that asks through a gateway, and its twin that asks the provider itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime

from msgspec import Struct

from stillup.clock import Clock, SystemClock
from stillup.config import Config
from stillup.daemon.gateway import build
from stillup.daemon.traffic import TrafficObserver
from stillup.daemon.view import MonitorView
from stillup.gateway.plan import resolve
from stillup.gateway.seen.cost import Labels
from stillup.sim.asker import Told, client_for, keep_asking
from stillup.sim.modes import Mode
from stillup.sim.scenario import REQUESTS, STAND_IN
from stillup.sim.world import World
from stillup.verdict.monitor import Monitor

THROUGH, ALONE = "with the gateway", "without the gateway"
_ASKS_EACH_S = 30.0
_LEAST_PAUSE_S = 0.2
_STOP_S = 1.0


class Tally(Struct, kw_only=True):
    """One program and what came of its questions so far."""

    name: str
    client: str
    """What it asks with, and whom it stands for where it is not itself that the story is about."""
    asked: int = 0
    failed: int = 0
    lost: int = 0
    """Failed although somebody could have answered."""
    last: Told | None = None
    by_upstream: dict[str, int] = {}

    @property
    def answered(self) -> int:
        """Whole answers."""
        return self.asked - self.failed


class Turn(Struct, frozen=True):
    """A program's fortune turned: others answer it now, or nobody, or somebody again."""

    name: str
    told: Told


class Programs:
    """Hears what the programs are told; ``could_answer`` says whether somebody could have, at a time."""

    def __init__(self, could_answer: Callable[[datetime], bool]) -> None:
        self.tallies: dict[str, Tally] = {}
        self._turns: list[Turn] = []
        self._could_answer = could_answer

    def hear(self, name: str, told: Told) -> None:
        """Count one answer; an answer that differs in kind from the one before it is a turn."""
        tally = self.tallies[name]
        before, tally.last = tally.last, told
        tally.asked += 1
        if told.ok:
            tally.by_upstream[told.upstream] = tally.by_upstream.get(told.upstream, 0) + 1
        else:
            tally.failed += 1
            tally.lost += self._could_answer(told.asked_at) and self._could_answer(told.at)
        if before is not None and (before.ok, before.upstream) != (told.ok, told.upstream):
            self._turns.append(Turn(name, told))

    def turns(self) -> tuple[Turn, ...]:
        """What turned since this was last asked."""
        turns, self._turns = self._turns, []
        return tuple(turns)


class Closed(Struct, frozen=True):
    """The loop between a judgement and a gateway: what the gateway is told, and what it tells."""

    view: MonitorView
    observer: TrafficObserver


def close_loop(monitor: Monitor, clock: Clock, config: Config) -> Closed:
    """Make the two ends of the loop; both live on the scenario's time."""
    return Closed(MonitorView(monitor, clock, config.services), TrafficObserver(clock, Labels()))


@asynccontextmanager
async def running(world: World, config: Config, loop: Closed, speed: float) -> AsyncIterator[Programs]:
    """Both programs, asking until this is left. The gateway itself lives in real time, like every network here."""
    asked, clock = world.asked, world.clock
    programs = Programs(lambda at: _could_answer(world, at))
    if asked is None:
        yield programs
        return
    plan = resolve(config, world.environ())
    gateway = build(config, plan, SystemClock(), view=loop.view, observer=loop.observer, say=lambda _: None)
    stands_for = "; it stands for Claude Code" if asked.is_claude_code else ""
    pause_s = max(_LEAST_PAUSE_S, _ASKS_EACH_S / speed)
    async with AsyncExitStack() as stack:
        await gateway.start()
        stack.push_async_callback(gateway.stop, _STOP_S)
        for name, url in ((THROUGH, gateway.address), (ALONE, world.url(REQUESTS))):
            client = await stack.enter_async_context(client_for(url, asked.model, asked.protocol))
            programs.tallies[name] = Tally(name=name, client=client.name + stands_for)
            asking = asyncio.create_task(keep_asking(client, clock, pause_s, _hearing(programs, name)))
            stack.push_async_callback(_ended, asking)
        yield programs


def _hearing(programs: Programs, name: str) -> Callable[[Told], None]:
    return lambda told: programs.hear(name, told)


def _could_answer(world: World, at: datetime) -> bool:
    owner, model = (world.asked.service.id, world.asked.model) if world.asked else (world.service.id, "")
    return any(world.stories.mode(owner, target, at, model) is Mode.OK for target in (REQUESTS, STAND_IN))


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
