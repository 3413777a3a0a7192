"""How long a person waits: ``stillup --help``, and a live answer when every source takes 300 ms.

    python bench/first_answer.py [--runs 7] [--delay-ms 300]

Starts the simulated world on loopback, puts a relay before each of its ports that holds every request back, and times
``stillup claude`` as a whole process (start, imports, requests, judgement, printing), in calm times and in the middle
of the outage, where failed rungs of the probe are tried again. The baselines in the same run are a bare Python process,
and the same answer with no delay.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from stillup.clock import ScaledClock
from stillup.sim.load import load
from stillup.sim.world import World

STILLUP = [sys.executable, "-m", "stillup"]


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, delay_s: float) -> None:
    up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, wait_s: float) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(65536):
                await asyncio.sleep(wait_s)
                sink.write(chunk)
                await sink.drain()
        sink.close()

    await asyncio.gather(pump(reader, up_writer, delay_s), pump(up_reader, writer, 0.0))


async def seconds(command: list[str], environ: dict[str, str], runs: int) -> list[float]:
    taken = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        taken.append(time.perf_counter() - begun)
        if process.returncode not in (0, 1, 2, 3, 4):
            raise SystemExit(said.decode())
    return taken[1:]  # the first run warms the file cache


def show(what: str, taken: list[float]) -> None:
    print(f"{what:48} median {statistics.median(taken):.2f} s   ({min(taken):.2f} to {max(taken):.2f})")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--delay-ms", type=float, default=300)
    args = parser.parse_args()
    scenario = load("2026-04-07")
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # installed, it has its bytecode
    show("python -c pass", await seconds([sys.executable, "-c", "pass"], environ, args.runs))
    show("stillup --help", await seconds([*STILLUP, "--help"], environ, args.runs))
    for when, start in (("calm", scenario.starts), ("outage", scenario.faults[0].from_)):
        await answers(when, World(scenario, ScaledClock(start, 1.0)), environ, args.runs, args.delay_ms)


async def answers(when: str, play: World, environ: dict[str, str], runs: int, delay_ms: float) -> None:
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = await stack.enter_async_context(play)
        plain = world.config()
        ports: dict[str, str] = {}
        for port in sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", plain))):
            handle = lambda r, w, p=int(port): relay(r, w, p, delay_ms / 1000)  # noqa: E731
            server = await stack.enter_async_context(await asyncio.start_server(handle, "127.0.0.1", 0))
            ports[port] = str(server.sockets[0].getsockname()[1])
        slow = re.sub(r"127\.0\.0\.1:(\d+)", lambda m: f"127.0.0.1:{ports[m[1]]}", plain)
        for name, text in (("plain", plain), ("slow", slow)):
            (folder / f"{name}.toml").write_text(f'data = "{folder / name}"\n{text}')
        keyed = {**environ, **world.environ()}
        show(f"stillup claude, {when}, no delay", await seconds(ask(folder / "plain.toml"), keyed, runs))
        delayed = f"stillup claude, {when}, every request {delay_ms:.0f} ms"
        show(delayed, await seconds(ask(folder / "slow.toml"), keyed, runs))


def ask(config: Path) -> list[str]:
    return [*STILLUP, "claude", "--config", str(config)]


if __name__ == "__main__":
    asyncio.run(main())
