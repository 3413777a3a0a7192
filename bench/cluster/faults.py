"""What happens to the parts: each fault breaks something, holds for a while, and mends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random

from cluster.stage import Part, Stage

SKEW_S = 60.0
HOLDS_S = 9.0
"""Longer than a lease stands, so that somebody has to take over."""
Fault = AbstractAsyncContextManager[str]
"""Within it, something is broken; what, in words."""


@asynccontextmanager
async def killed(part: Part) -> AsyncIterator[str]:
    """SIGKILL; started again afterwards."""
    await part.kill()
    yield f"{part.name} killed"
    part.start()


@asynccontextmanager
async def paused(part: Part) -> AsyncIterator[str]:
    """SIGSTOP: it comes back with all that it believed."""
    part.send(signal.SIGSTOP)
    yield f"{part.name} paused"
    part.send(signal.SIGCONT)


@asynccontextmanager
async def ended(part: Part) -> AsyncIterator[str]:
    """SIGTERM, as in an upgrade."""
    part.send(signal.SIGTERM)
    yield f"{part.name} told to end"
    await part.end()
    part.start()


@asynccontextmanager
async def cut_off(part: Part) -> AsyncIterator[str]:
    """Neither bus nor database can be reached from there, and nobody says so."""
    for wire in part.wires:
        wire.cut()
    yield f"{part.name} cut off"
    for wire in part.wires:
        wire.mend()


@asynccontextmanager
async def slowed(part: Part) -> AsyncIterator[str]:
    """What it says and hears takes 150 ms more: it goes on."""
    for wire in part.wires:
        wire.delay_s = 0.15
    yield f"slow network of {part.name}"
    for wire in part.wires:
        wire.delay_s = 0.0


@asynccontextmanager
async def skewed(part: Part) -> AsyncIterator[str]:
    """It begins again with a clock that is a minute ahead."""
    await part.kill()
    part.start(SKEW_S)
    yield f"{part.name} with a clock {SKEW_S:.0f} s ahead"
    await part.kill()
    part.start()


@asynccontextmanager
async def nats_killed(stage: Stage, n: int) -> AsyncIterator[str]:
    """One of three servers dies."""
    await asyncio.to_thread(stage.nats[n].kill)
    yield f"nats-{n} killed"
    await asyncio.to_thread(stage.nats[n].start)


@asynccontextmanager
async def nats_paused(stage: Stage, n: int) -> AsyncIterator[str]:
    """One of three servers stands still."""
    stage.nats[n].pause()
    yield f"nats-{n} paused"
    stage.nats[n].resume()


@asynccontextmanager
async def nats_full(stage: Stage) -> AsyncIterator[str]:
    """The disk of one of three servers is full; with room again it has to be started anew, for NATS gives up on it."""
    await asyncio.to_thread(stage.disk.fill)
    yield "nats-0 with a full disk"
    await asyncio.to_thread(stage.disk.clear)
    await asyncio.to_thread(stage.nats[0].stop)
    await asyncio.to_thread(stage.nats[0].start)


@asynccontextmanager
async def database_killed(stage: Stage) -> AsyncIterator[str]:
    """It ends as if it had died, and begins again with a recovery."""
    await asyncio.to_thread(stage.database.stop, signal.SIGQUIT)
    yield "database killed"
    await asyncio.to_thread(stage.database.start)


@asynccontextmanager
async def database_paused(stage: Stage) -> AsyncIterator[str]:
    """It takes what is sent and never answers."""
    pids = stage.database.pids()
    for pid in pids:
        stage.database.signal_one(pid, signal.SIGSTOP)
    yield "database paused"
    for pid in pids:
        stage.database.signal_one(pid, signal.SIGCONT)


@asynccontextmanager
async def database_read_only(stage: Stage) -> AsyncIterator[str]:
    """It takes no writing."""
    await asyncio.to_thread(_read_only, stage, "on")
    yield "database read-only"
    await asyncio.to_thread(_read_only, stage, "off")


def _read_only(stage: Stage, word: str) -> None:
    stage.database.sql(f"ALTER SYSTEM SET default_transaction_read_only = {word}")
    stage.database.sql("SELECT pg_reload_conf()")


def deck(stage: Stage, dice: Random) -> list[Callable[[], Fault]]:
    """Every fault once, of who owns something or else by lot; in an order drawn by lot, those that tell most first."""

    def of(role: str) -> Part:
        holds = stage.parts.get(stage.holding.get(role, ""))
        return holds or dice.choice(stage.of(role))

    def node() -> int:
        return dice.randrange(len(stage.nats))

    first: list[Callable[[], Fault]] = [
        lambda: killed(of("monitor")),
        lambda: killed(of("story")),
        lambda: nats_killed(stage, node()),
        lambda: killed(of("gateway")),
        lambda: killed(of("hub")),
        lambda: database_killed(stage),
    ]
    second: list[Callable[[], Fault]] = [
        lambda: paused(of("monitor")),
        lambda: paused(of("story")),
        lambda: cut_off(of("story")),
        lambda: cut_off(of("gateway")),
        lambda: cut_off(of("hub")),
        lambda: cut_off(of("monitor")),
        lambda: nats_paused(stage, node()),
        lambda: paused(of("gateway")),
        lambda: paused(of("hub")),
        lambda: killed(of("web")),
        lambda: ended(of("gateway")),
        lambda: ended(of("monitor")),
        lambda: ended(of("hub")),
        lambda: database_paused(stage),
        lambda: database_read_only(stage),
        lambda: skewed(of("monitor")),
        lambda: slowed(of("story")),
    ]
    if stage.disk.is_there:
        second.append(lambda: nats_full(stage))
    dice.shuffle(first)
    dice.shuffle(second)
    return [*first, *second]
