"""How long a person waits for every service at once: ``stillup all`` beside ``stillup claude``, as whole processes.

    python bench/many.py [--runs 7] [--minutes 14] [--real-cadence] [--delay-ms 0]

Starts the simulated world with every service of the catalogue and every source in a process of its own, its outage
moved so that it is ``--minutes`` old now, and times start, imports, requests, judgement and printing together. Sources
are read as the world's own configuration says, every minute, so that what they tell of the past comes in windows of a
minute; with ``--real-cadence`` as often as they are outside. ``--delay-ms`` holds every request back for so long. The
run says how many sources did not answer in time; a time with such is no time for all of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import msgspec
from first_answer import STILLUP, relay, seconds, show

from stillup.catalog.load import catalogue
from stillup.clock import ScaledClock
from stillup.sim.load import load
from stillup.sim.scenario import Scenario
from stillup.sim.world import World


def moved(value: object, by: timedelta) -> object:
    """A scenario's plain values with all times so much later."""
    if isinstance(value, datetime):
        return value + by
    if isinstance(value, dict):
        return {key: moved(inner, by) for key, inner in value.items()}
    return [moved(inner, by) for inner in value] if isinstance(value, list | tuple) else value


async def play(folder: Path, minutes: float) -> None:
    """The world, until standard input ends; its configuration and keys are written into ``folder``."""
    scenario = load("2026-04-07")
    by = datetime.now(UTC) - scenario.faults[0].from_ - timedelta(minutes=minutes)
    now_playing = msgspec.convert(moved(msgspec.to_builtins(scenario, builtin_types=(datetime,)), by), Scenario)
    async with World(now_playing, ScaledClock(datetime.now(UTC), 1.0), services=tuple(catalogue())) as world:
        (folder / "world.toml").write_text(world.config())
        (folder / "keys.json").write_text(json.dumps(world.environ()))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


@contextlib.asynccontextmanager
async def delayed(config: str, delay_s: float) -> AsyncIterator[str]:
    """The configuration with every address behind a relay that holds requests back."""
    async with contextlib.AsyncExitStack() as stack:
        ports = {}
        for port in sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", config))) if delay_s else ():
            handle = lambda r, w, p=int(port): relay(r, w, p, delay_s)  # noqa: E731
            server = await stack.enter_async_context(await asyncio.start_server(handle, "127.0.0.1", 0))
            ports[port] = str(server.sockets[0].getsockname()[1])
        yield re.sub(r"127\.0\.0\.1:(\d+)", lambda m: f"127.0.0.1:{ports.get(m[1], m[1])}", config)


async def late(command: list[str], environ: dict[str, str]) -> str:
    """What one more run could not read in time, and how many readings it made."""
    process = await asyncio.create_subprocess_exec(*command, "--json", env=environ, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    sources = [s for one in json.loads(said)["services"].values() for s in one["sources"]]
    unread = [s for s in sources if "no answer within" in s["says"]]
    return f"{len(sources)} readings, {len(unread)} of them late"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--real-cadence", action="store_true")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--play", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.play:
        await play(args.play, args.minutes)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--play", name, "--minutes", str(args.minutes),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await cast("asyncio.StreamReader", world.stdout).readline()
            await measure(folder, args.runs, args.delay_ms, real=args.real_cadence)
        finally:
            cast("asyncio.StreamWriter", world.stdin).close()
            await world.wait()


async def measure(folder: Path, runs: int, delay_ms: float, *, real: bool) -> None:
    # Installed, it has its bytecode.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environ |= json.loads((folder / "keys.json").read_text())
    text = (folder / "world.toml").read_text()
    async with delayed(re.sub(r"(?m)^interval_s = .*\n", "", text) if real else text, delay_ms / 1000) as config:
        (folder / "stillup.toml").write_text(f'data = "{folder / "data"}"\n{config}')
        options = ["--config", str(folder / "stillup.toml")]
        show("stillup --help", await seconds([*STILLUP, "--help"], environ, runs))
        one = await seconds([*STILLUP, "claude", *options], environ, runs)
        show("stillup claude", one)
        every = await seconds([*STILLUP, "all", *options], environ, runs)
        show(f"stillup all ({len(catalogue())} services)", every)
        two = await seconds([*STILLUP, "claude", "chatgpt", *options], environ, runs)
        show("stillup claude chatgpt", two)
        ratio = statistics.median(every) / statistics.median(one)
        unread = await late([*STILLUP, "all", *options], environ)
        print(f"all / one = {ratio:.1f}; worst of all {max(every):.2f} s; {unread}")
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    asyncio.run(main())
