"""What happens to the parts: each fault breaks something, holds for a while, and mends it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import psycopg

from cluster.disks import SlowDisk
from cluster.stage import Part, Stage

SKEW_S = 60.0
HOLDS_S = 9.0
"""Longer than a lease stands, so that somebody has to take over."""
_MOST_SEGMENTS = 16
_LOOK_S = 0.1
_BY_ITSELF_S = 5.0
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
async def nats_cut_off(stage: Stage, n: int) -> AsyncIterator[str]:
    """Nobody reaches one of three servers."""
    stage.networks.cut(n)
    yield f"nats-{n} cut off"
    stage.networks.mend(n)


@asynccontextmanager
async def nats_split(stage: Stage, n: int) -> AsyncIterator[str]:
    """One of three servers and the others do not reach each other, while everybody reaches all of them."""
    stage.networks.split(n)
    yield f"nats-{n} cut off from the others"
    stage.networks.split(n, "del")


@asynccontextmanager
async def nats_slow(stage: Stage, n: int) -> AsyncIterator[str]:
    """One of three servers writes slowly."""
    server = stage.nats[n]
    files = [file for file in (server.folder / "js").rglob("*") if file.is_file()]
    disk = await asyncio.to_thread(SlowDisk, [server.pid], files)
    yield f"nats-{n} with a slow disk"
    await asyncio.to_thread(disk.remove)


@asynccontextmanager
async def database_slow(stage: Stage) -> AsyncIterator[str]:
    """It writes slowly."""
    disk = await asyncio.to_thread(SlowDisk, stage.database.pids())
    yield "database with a slow disk"
    await asyncio.to_thread(disk.remove)


@asynccontextmanager
async def database_full(stage: Stage) -> AsyncIterator[str]:
    """Its disk is full: it gives up where it cannot write ahead, and may have to be started anew with room again."""
    await asyncio.to_thread(stage.database_disk.fill)
    await asyncio.to_thread(_use_up, stage)
    yield "database with a full disk"
    await asyncio.to_thread(stage.database_disk.clear)
    await asyncio.to_thread(_again, stage)


def _use_up(stage: Stage) -> None:
    """The room that it has set aside for itself."""
    with suppress(psycopg.Error):
        for _ in range(_MOST_SEGMENTS):
            stage.database.sql("SELECT pg_logical_emit_message(true, 'trial', 'x')")
            stage.database.sql("SELECT pg_switch_wal()")


def _again(stage: Stage) -> None:
    """By itself within some seconds, or by a start."""
    until_s = time.monotonic() + _BY_ITSELF_S
    while time.monotonic() < until_s and stage.database.process is not None and stage.database.process.poll() is None:
        with suppress(psycopg.Error):
            stage.database.sql("SELECT pg_logical_emit_message(true, 'trial', 'x')")
            return
        time.sleep(_LOOK_S)
    stage.database.stop(signal.SIGQUIT)
    stage.start_database()


@asynccontextmanager
async def database_killed(stage: Stage) -> AsyncIterator[str]:
    """It ends as if it had died, and begins again with a recovery."""
    await asyncio.to_thread(stage.database.stop, signal.SIGQUIT)
    yield "database killed"
    await asyncio.to_thread(stage.start_database)


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
