"""A day and more of mixed load on a whole cluster in a quarter of an hour: what everything holds, hour by hour.

    python bench/cluster/day.py [--hours 27] [--speed 100] [--nats 1] [--json FILE]

NATS, PostgreSQL and two processes of each role, as `stillup run` starts them, on a clock that runs ahead
(:mod:`cluster.quick`): minutes, windows, days, checkpoints, the log's day and what NATS lets go come so much sooner,
everything a request costs is in real time. So a day's volume of reports, requests, streams, pages and open pages
comes in minutes, and what is kept of it for a day is kept whole. Each hour: memory of each process, bytes of each
stream and table, beside what the volume alone amounts to (:func:`kept.kept`).
"""

# ruff: noqa: E402 - benches find each other by the path

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Self

import aiohttp
import msgspec
from msgspec import Struct

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from alerts.receiver import Receiver
from kept import Volume, kept

from cluster import held
from cluster.mixed import SERVICES, Mixed
from cluster.quick import DayBus, Days, sooner
from cluster.sizes import sizes
from cluster.stage import ENVIRON, PREFIX, Part, role_config
from stillup.bus.limits import LogLimits
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.sim.provider_server import ProviderServer
from stillup.testing import free_port
from tests.cluster.nats_server import NatsServer
from tests.store.pgserver import PgServer

ROLES = ("monitor", "hub", "gateway", "web")
EACH = 2
DATABASE = "day"
_SYNC_S = 120.0
"""So often NATS puts its files in order unless told otherwise."""


class Cluster:
    """All of it, for one run; an async context manager."""

    def __init__(self, folder: Path, servers: int, speed: float, roles: Sequence[str] = ROLES) -> None:
        self.folder, self.clock, self._roles = folder, Days(time.time() // 60 * 60, speed), roles
        self._monitoring = [(free_port(), free_port()) for _ in range(servers)]
        self.nats = [self._server(n, servers) for n in range(servers)]
        self.database = PgServer()
        self.hook = Receiver(7, is_moody=False)
        self.parts: list[Part] = []
        self._stack = AsyncExitStack()

    def _server(self, n: int, of: int) -> NatsServer:
        """NATS with its own habits as much sooner: what it puts in order each two minutes."""
        http, profile = self._monitoring[n]
        at = self.folder / f"n{n}"
        config = (
            f'jetstream {{ store_dir: "{at}/js", max_file_store: 20GB, max_memory_store: 1GB, '
            f'sync_interval: "{_SYNC_S / self.clock.speed:.2f}s" }}\nhttp: "127.0.0.1:{http}"\nprof_port: {profile}\n'
        )
        if of > 1:
            if n == 0:
                self._routes = [free_port() for _ in range(of)]
            routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
            config += f'cluster {{ name: day, listen: "127.0.0.1:{self._routes[n]}", routes: [{routes}] }}\n'
        return NatsServer(at, jetstream=False, config=config, name=f"n{n}")

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:  # what has begun is not left behind
            await self._stack.aclose()
            raise
        return self

    async def _start(self) -> None:
        keep = self._stack
        for server in self.nats:
            await asyncio.to_thread(server.start)
            keep.callback(server.stop)
        keep.callback(self.database.remove)
        await asyncio.to_thread(self.database.start)
        store = await asyncio.to_thread(self.database.new_database, DATABASE)
        a, b = [await keep.enter_async_context(ProviderServer(name)) for name in "AB"]
        keep.enter_context(self.hook)
        where = Where(servers=tuple(s.url for s in self.nats), prefix=PREFIX, name="day")
        real = await open_bus(where, SystemClock(), limits=sooner(LogLimits(), self.clock.speed))
        keep.push_async_callback(real.close)
        self.bus = DayBus(real, self.clock)
        keep.push_async_callback(self._end)
        for role in self._roles:
            for n in range(1, EACH + 1):
                self.parts.append(self._part(role, f"{role}-{n}", store, a.url, b.url))
        await self._ready()

    async def _ready(self) -> None:
        """All that listens answers."""
        async with asyncio.timeout(120), aiohttp.ClientSession() as session:
            for part in self.parts:
                while part.role != "monitor":
                    try:
                        async with session.get(f"{part.url}/healthz"):
                            break
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.1)

    def _part(self, role: str, name: str, store: str, a: str, b: str) -> Part:
        port, config = free_port(), self.folder / f"{name}.toml"
        buses = [server.url for server in self.nats]
        text = role_config(self.folder / name, buses, name, port, a=a, b=b, hook=self.hook.address)
        named = ", ".join(f'"{service}"' for service in SERVICES)
        config.write_text(text.replace('services = ["claude", "chatgpt"]', f"services = [{named}]"))
        told = msgspec.json.encode({"epoch": self.clock.epoch, "speed": self.clock.speed}).decode()
        words = ["bench.cluster.quick", told, "stillup", "run", role, "--config", str(config)]
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        part = Part(name, words, self.folder / f"{name}.log", environ | ENVIRON | {"TRIAL_DATABASE": store}, port)
        part.start()
        return part

    async def _end(self) -> None:
        for part in self.parts:
            part.send(signal.SIGTERM)
        for part in self.parts:
            await part.end()

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def of(self, role: str) -> list[Part]:
        """The processes of a role."""
        return [part for part in self.parts if part.role == role]

    def look(self) -> held.Held:
        """What is held now; blocks."""
        http, profile = self._monitoring[0]
        store = self.folder / "n0" / "js"
        memory = {part.name: held.rss_mb(part.pid) for part in self.parts}
        memory |= {server.name: held.rss_mb(server.pid) for server in self.nats}
        memory["postgres"] = held.pss_mb(self.database.pids())
        return held.Held(
            memory=memory,
            heap=held.heap_mb(f"http://127.0.0.1:{profile}"),
            streams=held.streams(f"http://127.0.0.1:{http}", store),
            tables=held.tables(self.database, DATABASE),
            disk=held.disk_bytes(store),
            copying=held.disk_bytes(store / "jetstream" / "$SYS"),
        )


class Hour(Struct, frozen=True, kw_only=True):
    """What was held after so many hours, beside what was reckoned; what was done by then, and what was not."""

    hour: int
    held: held.Held
    kept: dict[str, float]
    done: dict[str, int]
    wrong: dict[str, int]


async def day(cluster: Cluster, hours: int, volume: Volume) -> list[Hour]:
    """So many hours of it, each told when it is over."""
    mixed, began, told = Mixed(cluster, volume), cluster.clock.now(), []
    each = sizes(began, volume)
    since_hour = began.hour + began.minute / 60
    running = asyncio.create_task(mixed.run())
    try:
        for hour in range(1, hours + 1):
            await cluster.clock.sleep((began + timedelta(hours=hour) - cluster.clock.now()).total_seconds())
            now = await asyncio.to_thread(cluster.look)
            came = volume.as_came(hour, mixed.done["said"], mixed.done["asked"])
            reckoned = kept(since_hour, hour, came, each)
            told.append(Hour(hour=hour, held=now, kept=reckoned, done=dict(mixed.done), wrong=dict(mixed.wrong)))
            say(told[-1])
            if running.done():
                running.result()
    finally:
        mixed.is_over = True
        await asyncio.gather(running, return_exceptions=True)
    return told


def say(hour: Hour) -> None:
    """A line of the table."""
    now, kept_ = hour.held, {name: value / held.MB for name, value in hour.kept.items()}
    columns = {
        "hour": hour.hour,
        **{role: f"{max(now.memory[f'{role}-{n}'] for n in range(1, EACH + 1)):.1f}" for role in ROLES},
        "NATS (heap)": f"{now.memory['n0']:.0f} ({now.heap['HeapAlloc']:.0f})",
        "PostgreSQL": f"{now.memory['postgres']:.0f}",
        "logs, computed": f"{now.log / held.MB:.2f}, {kept_['log']:.2f}",
        "on disk, at most": f"{now.log_disk / held.MB:.1f}, {kept_['log_disk']:.0f}",
        "NATS's disk (copying)": f"{now.disk / held.MB:.1f} ({now.copying / held.MB:.1f})",
        "signals, computed": f"{now.signals / held.MB:.2f}, {kept_['signals']:.2f}",
        "came": " ".join(f"{n:,}" for n in hour.done.values()),
    }
    if hour.hour == 1:
        print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    print(f"| {' | '.join(map(str, columns.values()))} |", flush=True)


async def run(folder: Path, args: argparse.Namespace) -> None:
    """All of it, and what is to be said in the end."""
    async with Cluster(folder, args.nats, args.speed) as cluster:
        told = await day(cluster, args.hours, Volume())
        alerts = len(cluster.hook.taken)
    last = told[-1]
    print(f"came: {last.done}; not as it should be: {last.wrong}; {alerts} alerts")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    for name in last.held.memory:
        values = [hour.held.memory[name] for hour in told]
        print(f"{name}: {values[-1]:.1f} MB, {held.slope(values):+.2f} MB an hour in the later half")
    for name, stream in sorted(last.held.streams.items()):
        print(f"{name}: {stream.records:,} records, {stream.bytes:,} bytes, {stream.disk:,} on the disk")
    for name, table in last.held.tables.items():
        print(f"{name}: {table.rows:,} rows, {table.heap:,} + {table.indexes:,} bytes")
    if args.json:
        args.json.write_bytes(msgspec.json.encode(told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=27)
    parser.add_argument("--speed", type=float, default=100.0)
    parser.add_argument("--nats", type=int, default=1, choices=(1, 3))
    parser.add_argument("--json", type=Path, help="where every figure goes")
    parser.add_argument("--folder", type=Path, help="what is left there may be looked at")
    args = parser.parse_args()
    if args.folder is not None:
        args.folder.mkdir(parents=True)
        asyncio.run(run(args.folder, args))
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), args))


if __name__ == "__main__":
    main()
