"""A day of mixed load in a few minutes: what a cluster's monitor, its bus and its database hold, hour by hour.

    python bench/cluster/day.py [--hours 24] [--speed 480]

One NATS server and one monitor as processes, on a clock that runs ahead; a page and a gateway that speak every twenty
seconds, a crowd whose reports two desks count (five a minute, two thousand in each eighth hour), a checkpoint each
five minutes. Memory is resident memory; disk is set beside what the records and signals alone amount to.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from cluster.cost import rss_kb
from cluster.stage import Part
from cluster.story import lines
from stillup.bus.base import Log
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.daemon.cluster.records import Heard, Partial, id_of, pack
from stillup.daemon.cluster.records import Part as Word
from stillup.hub.replica import Replica
from stillup.hub.values import CrowdReport
from stillup.model.service import Problem
from tests.cluster.monitor_runner import PARTITION, Quick
from tests.cluster.nats_server import NatsServer

TURN_S = 20.0
QUIET, LOUD = 5, 2_000


class Day:
    """Says what comes, and what is held meanwhile."""

    def __init__(self, log: Log, clock: Quick) -> None:
        self._log, self.clock, self._dice = log, clock, Random(3)
        self.began = clock.now()
        self._desks = {name: Replica(name, Random(name).randbytes, self.began) for name in ("hub-1.1", "hub-2.1")}
        self.log_bytes = self.records = self.reports = 0

    async def hour(self) -> None:
        """One."""
        until, minute = self.clock.now() + timedelta(hours=1), None
        since = int(self.clock.now().timestamp())
        for desk in self._desks.values():
            desk.share((b"k" * 32, since), (b"f" * 32, since))
        while (now := self.clock.now()) < until:
            passed = (now - self.began) / timedelta(minutes=1)
            await self._say(id_of(heard := Heard(signals=tuple(lines(now, passed)), by="gateway")), heard)
            if now.minute != minute:
                minute = now.minute
                await self._crowd(now)
            await self.clock.sleep(TURN_S)

    async def _crowd(self, now: datetime) -> None:
        """What people say in a minute, as two desks count it."""
        desks = [*self._desks.values()]
        for _ in range(LOUD if now.hour % 8 == 0 else QUIET):
            n = self._dice.getrandbits(24)
            said = CrowdReport(service="claude", problem=self._dice.choice(list(Problem)[:6]))
            desks[n % 2].hand_in(said, f"{11 + n % 200}.{n >> 8 & 255}.{n >> 16 & 255}.7", None, now)
            self.reports += 1
        for name, desk in self._desks.items():
            batch = desk.batch(now.timestamp())
            for end_s, words in batch.words.items():
                parts = tuple(Word(service=w.service, count=w.n, sketch=w.grounds, **w.leaf._asdict()) for w in words)
                end = datetime.fromtimestamp(end_s, UTC)
                await self._say(f"{name}-{self.records}", Partial(replica=name, end=end, parts=parts))
            desk.was_said(batch)

    async def _say(self, name: str, said: Heard | Partial) -> None:
        body = pack(said)
        await self._log.append(name, body)
        self.log_bytes, self.records = self.log_bytes + len(body), self.records + 1


def size_kb(*paths: Path) -> float:
    """What files take on the disk."""
    files = [f for path in paths for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file()]
    return sum(f.stat().st_blocks * 512 for f in files) / 1024


async def day(folder: Path, hours: int, speed: float) -> None:
    """All of it."""
    server = await asyncio.to_thread(NatsServer(folder / "nats").start)
    clock = Quick(time.time() // 86_400 * 86_400, speed)
    told = {
        "servers": [server.url], "prefix": "day", "store": str(folder / "day.db"), "epoch": clock.epoch, "speed": speed,
        "name": "m1",
    }  # fmt: skip
    words = ["tests.cluster.monitor_runner", msgspec.json.encode(told).decode()]
    monitor = Part("m1", words, folder / "m1.log", dict(os.environ))
    monitor.start()
    bus = await open_bus(Where(servers=(server.url,), prefix="day", name="day"), SystemClock())
    try:
        story = Day(bus.log(PARTITION.log), clock)
        print("| hour | monitor, MB | NATS, MB | NATS, disk, MB | records alone, MB | database, MB | reports |")
        print("|---|---|---|---|---|---|---|")
        for n in range(1, hours + 1):
            await story.hour()
            held = f"{rss_kb(monitor.pid) / 1024:.1f} | {rss_kb(server.pid) / 1024:.1f}"
            disk = f"{size_kb(folder / 'nats') / 1024:.1f} | {story.log_bytes / 1048576:.2f}"
            kept = size_kb(folder / "day.db", folder / "day.db-wal") / 1024
            print(f"| {n} | {held} | {disk} | {kept:.1f} | {story.reports:,} |", flush=True)
        print(f"{story.records:,} records; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    finally:
        await bus.close()
        monitor.send(signal.SIGTERM)
        await monitor.end()
        await asyncio.to_thread(server.stop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--speed", type=float, default=480.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(day(Path(folder), args.hours, args.speed))


if __name__ == "__main__":
    main()
