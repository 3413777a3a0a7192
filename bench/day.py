"""What watching everything costs: a day of every service and source at its real cadence, on the loopback world.

    python bench/day.py [--speed 60] [--hours 24] [--services claude,chatgpt]

The world plays in a process of its own, on a clock that runs ahead; what is measured is the other process: poller,
judgement and store, as ``stillup watch all`` has them. CPU seconds are set against the simulated time, for the same
readings would be spread over it in earnest; the first simulated hour, which loads and learns, is shown and not counted
for the slope of memory. Each simulated hour is one line; the last are the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from stillup.catalog.load import catalogue
from stillup.clock import Clock, ScaledClock
from stillup.config import parse_config
from stillup.config.schema import Web
from stillup.daemon.archive import StoreArchive
from stillup.daemon.board import BoardMaker, first_board
from stillup.daemon.jobs import forecaster, jobs_for, profile_of
from stillup.daemon.live import Listeners, Live
from stillup.daemon.past import Past
from stillup.daemon.web import Serving
from stillup.model.verdict import Verdict
from stillup.net import Net
from stillup.sim.load import parse
from stillup.sim.world import World
from stillup.sources.poller import Poller, Report
from stillup.store import open_store
from stillup.store.store import Store
from stillup.verdict.monitor import Monitor

START = datetime(2026, 5, 12, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
_PAGE = os.sysconf("SC_PAGE_SIZE")


def calm(hours: float) -> str:
    """A scenario in which nothing breaks."""
    return f"""
id = "calm"
title = "Nothing breaks"
service = "claude"
starts = {START - HOUR:%Y-%m-%dT%H:%M:%SZ}
ends = {START + (hours + 2) * HOUR:%Y-%m-%dT%H:%M:%SZ}
[usual]
reports_per_day = 60
posts_per_day = 12
chatter_per_day = 240
requests_per_hour = 20
components = {{ web = 1 }}
regions = {{ US = 1 }}
problems = {{ slow = 1 }}
"""


async def play(hours: float, speed: float, services: Sequence[str]) -> None:
    """The world: says where it is, then plays until its reader goes."""
    loop = asyncio.get_running_loop()
    async with World(parse(calm(hours), "calm.toml"), ScaledClock(START, speed), services=services) as world:
        told = {"config": world.config(interval_s=None), "environ": world.environ()}
        print(json.dumps(told), flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


class Watch:
    """Counts what is heard and judged, and prints a line each simulated hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = START + HOUR
        self._cpu_s = cpu_s()
        self.failed: Counter[str] = Counter()
        self.readings = 0
        self.changes: list[Verdict] = []
        self.trail: list[tuple[float, float]] = []

    def heard(self, report: Report) -> None:
        self.readings += 1
        if report.error is not None:
            self.failed[f"{report.source}: {report.error.says}"] += 1

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        self.changes += changes
        if now >= self._next:
            spent, self._cpu_s = cpu_s() - self._cpu_s, cpu_s()
            hour = (now - START) / HOUR
            self.trail.append((hour, memory_mb()))
            print(
                f"hour {hour:5.1f}  CPU {spent:6.2f} s ({spent / 36:.2f} % of a core)  {memory_mb():6.1f} MB  "
                f"{self.readings} readings, {self.failed.total()} failed, {len(self.changes)} changes",
                flush=True,
            )
            self._next += HOUR

    def trouble(self, why: str) -> None:
        print(f"trouble: {why}", flush=True)


def cpu_s() -> float:
    """CPU seconds of this process so far."""
    times = os.times()
    return times.user + times.system


def memory_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6


def page_over(monitor: Monitor, services: Sequence[str], clock: Clock, store: Store) -> BoardMaker:
    """What shows the board as ``stillup up`` does: a page that is served, though nobody asks for it."""
    shown = [catalogue()[s] for s in services]
    archive = StoreArchive(Past(lambda: store, clock), clock)
    page = Serving(Web(listen="127.0.0.1:0"), clock, first_board(shown, clock.now()), say=print, archive=archive)
    print(f"with a page: {page.start()}")
    return BoardMaker(monitor, shown, [page], say=print)


async def watch(hours: float, speed: float, services: Sequence[str], *, page: bool) -> None:
    """Start the world, watch all of it, tell what it cost."""
    args = [__file__, "--play", "--speed", str(speed), "--hours", str(hours), "--services", ",".join(services)]
    world = await asyncio.create_subprocess_exec(
        sys.executable, *args, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22
    )
    assert world.stdout is not None
    assert world.stdin is not None
    try:
        told = json.loads(await world.stdout.readline())
        clock = ScaledClock(START, speed)
        with TemporaryDirectory(prefix="stillup-day-") as folder, open_store(Path(folder) / "day.db") as store:
            config = parse_config(f"data = {json.dumps(folder)}\n{told['config']}")
            monitor = Monitor(profile_of, forecaster=forecaster())
            async with Net(clock) as net:
                jobs = jobs_for(config, [catalogue()[s] for s in services], told["environ"], clock.now())
                named = ", ".join(f"{n} {s}" for s, n in Counter(job.spec.id for job in jobs).items())
                print(f"simulated, {speed:g} times real time: {len(services)} services, {len(jobs)} sources ({named})")
                print(f"before the first reading {memory_mb():.1f} MB", flush=True)
                heard = Watch(clock)
                listener = Listeners(heard, page_over(monitor, services, clock, store)) if page else heard
                live = Live(monitor, clock, listener, store)
                begun = cpu_s()
                with suppress(TimeoutError):
                    async with asyncio.timeout(hours * 3600 / speed):
                        await live.run(Poller(jobs, net, clock, Random(1), live.hear))
                tell(heard, cpu_s() - begun, hours, folder)
    finally:
        world.stdin.close()
        await world.wait()


def tell(heard: Watch, spent_s: float, hours: float, folder: str) -> None:
    """The figures."""
    disk = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 1e6
    share = spent_s / (hours * 36)
    print(f"\nCPU      {spent_s:.1f} s for {hours:g} h: {share:.2f} % of one core (promised: 5 %)")
    most = max((mb for _, mb in heard.trail), default=memory_mb())
    print(
        f"memory   {most:.1f} MB at most (promised: 150 MB); {slope(heard.trail[1:]):+.2f} MB an hour after the first"
    )
    print(f"disk     {disk:.1f} MB")
    wrong = [c for c in heard.changes if c.state.is_fault]
    print(f"readings {heard.readings}, {heard.failed.total()} failed; {len(wrong)} changes to a fault (none is true)")
    for change in wrong[:8]:
        families = ", ".join(f.value for f in change.families)
        print(
            f"         {change.at:%H:%M} {change.service} {change.component or ''}: {change.state.value} ({families})"
        )
    for says, number in heard.failed.most_common(8):
        print(f"         {number} x {says[:120]}")


def slope(trail: Sequence[tuple[float, float]]) -> float:
    """Megabytes an hour, by least squares."""
    if len(trail) < 2:
        return 0.0
    mean_x = sum(x for x, _ in trail) / len(trail)
    mean_y = sum(y for _, y in trail) / len(trail)
    return sum((x - mean_x) * (y - mean_y) for x, y in trail) / sum((x - mean_x) ** 2 for x, _ in trail)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=60)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--services", default=",".join(catalogue()))
    parser.add_argument("--page", action="store_true", help="with the board and the page that `stillup up` serves")
    parser.add_argument("--play", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    services = args.services.split(",")
    if args.play:
        asyncio.run(play(args.hours, args.speed, services))
    else:
        asyncio.run(watch(args.hours, args.speed, services, page=args.page))


if __name__ == "__main__":
    main()
