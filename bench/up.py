"""What ``stillup up`` takes with every service: memory and CPU, as a process of its own, against the loopback world.

    python bench/up.py [--minutes 5] [--services claude,chatgpt] [--set 'web.enabled = false' …]

The world plays in real time in a process of its own, as nothing breaks. Every minute is a line; the last is the figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from day import calm

from stillup.catalog.load import catalogue
from stillup.clock import ScaledClock
from stillup.sim.load import parse
from stillup.sim.world import World

_TICK = os.sysconf("SC_CLK_TCK")


async def play(services: list[str]) -> None:
    """The world: says where it is, then plays until its reader goes."""
    now = datetime.now(UTC)
    text = calm(2.0).replace("2026-05-12T05:00:00Z", f"{now:%Y-%m-%dT%H:00:00Z}")
    head, _, rest = text.partition("ends = ")
    text = f"{head}ends = {now.replace(hour=23, minute=59):%Y-%m-%dT%H:%M:00Z}\n{rest.partition(chr(10))[2]}"
    async with World(parse(text, "calm.toml"), ScaledClock(now, 1.0), services=services) as world:
        print(json.dumps({"config": world.config(interval_s=None), "environ": world.environ()}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def memory(pid: int) -> dict[str, float]:
    """Megabytes of a process: resident, and of those its own."""
    status = Path(f"/proc/{pid}/status").read_text()
    kb = {
        line.split(":")[0]: int(line.split()[1])
        for line in status.splitlines()
        if line.startswith(("VmRSS", "RssAnon", "VmHWM"))
    }
    return {name: size / 1024 for name, size in kb.items()}


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


async def measure(minutes: float, services: list[str], more: list[str]) -> None:
    """Start the world and the process, and tell what it takes."""
    world = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--play", "--services", ",".join(services),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22,
    )  # fmt: skip
    assert world.stdout is not None
    assert world.stdin is not None
    try:
        told = json.loads(await world.stdout.readline())
        with TemporaryDirectory(prefix="stillup-up-") as folder:
            config = Path(folder) / "stillup.toml"
            config.write_text("\n".join([f"data = {json.dumps(folder)}", *more, told["config"]]))
            environ = {
                **os.environ,
                **told["environ"],
                "STILLUP_GATEWAY__LISTEN": "127.0.0.1:0",
                "STILLUP_WEB__LISTEN": "127.0.0.1:0",
            }
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stillup", "up", "--config", str(config),
                env=environ, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            await follow(process, minutes)
    finally:
        world.stdin.close()
        await world.wait()


async def follow(process: asyncio.subprocess.Process, minutes: float) -> None:
    assert process.stderr is not None
    page = ""
    while line := (await process.stderr.readline()).decode():
        print("   ", line.rstrip())
        if "page:" in line:
            page = line.split()[2]
        if "data:" in line:
            break
    reading = asyncio.create_task(drain(process.stderr))
    try:
        for minute in range(int(minutes * 2)):
            await asyncio.sleep(30)
            taken = memory(process.pid)
            if page and minute % 2:
                for path in ("/", "/claude", "/incidents"):
                    await asyncio.to_thread(get, page + path)
            mb = f"RSS {taken['VmRSS']:6.1f} MB (own {taken['RssAnon']:.1f}, most {taken['VmHWM']:.1f})"
            print(f"{(minute + 1) / 2:5.1f} min  {mb}  CPU {cpu_s(process.pid):.1f} s", flush=True)
    finally:
        process.send_signal(signal.SIGTERM)
        print("exit code", await process.wait())
        reading.cancel()


def get(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return len(answer.read())
    except OSError as exc:
        print("    ", url, exc)
        return 0


async def drain(stream: asyncio.StreamReader) -> None:
    while line := await stream.readline():
        print("   ", line.decode().rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--services", default=",".join(catalogue()))
    parser.add_argument("--set", action="append", default=[], dest="more")
    parser.add_argument("--play", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    services = args.services.split(",")
    asyncio.run(play(services) if args.play else measure(args.minutes, services, args.more))


if __name__ == "__main__":
    main()
