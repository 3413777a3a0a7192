"""Everything is replaced while it is used: each process by SIGTERM and a new one, then a new configuration by SIGHUP.

    python bench/cluster/upgrade.py [--from COMMIT] [--quick] [--keep FOLDER]

The set is that of ``bench/cluster``, with balancers before it: one that heeds `/readyz` and one that looks at nothing.
People report, programs hold streams of some seconds, browsers listen; none of them asks twice. With ``--from`` the
first processes are of that commit, so that what is replaced is older than what replaces it. ``--quick``: one process of
each role is replaced at the same time, then the other one reloaded.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import aiohttp
from msgspec import Struct

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from cluster.balancer import Balancer  # noqa: E402
from cluster.load import Load  # noqa: E402
from cluster.oracle import PARTITIONS  # noqa: E402
from cluster.readers import Browser  # noqa: E402
from cluster.stage import ROOT, SERVICES, Part, Stage  # noqa: E402
from cluster.trial import Result, Trial  # noqa: E402
from stillup.bus.base import Bus  # noqa: E402
from stillup.daemon.roles.beat import present  # noqa: E402
from stillup.errors import BusError  # noqa: E402
from stillup.secret import Secret  # noqa: E402
from stillup.sim.provider.behaviour import Behaviour  # noqa: E402
from stillup.store import open_store  # noqa: E402

ROLES = ("web", "hub", "gateway", "monitor", "story")
"""Monitors last: a new one may bring the database up to what older pages cannot read any more."""
STREAM = Behaviour(tokens=24, gap_s=0.1)
_WITHIN_S = 60.0
_PATIENCE_S = 20.0
"""Nothing stands still here: who gives up sooner says that the machine is busy."""
_LOOK_S = 0.05
Change = Callable[[Part, Bus], Awaitable[tuple[float, float]]]
"""Does something to a process; how long its end took, and how long then until it was there again."""


class Changed(Struct, frozen=True, kw_only=True):
    """One process: how long its end took and until the next was there, and the longest that nobody was answered."""

    what: str
    ended_s: float
    there_s: float
    taken_s: float
    gaps_s: tuple[float, ...]


class Upgrade(Trial):
    """``after_s`` is the time between two; ``quick``: one of each role at the same time."""

    def __init__(self, stage: Stage, say: Callable[[str], None], *, after_s: float, quick: bool) -> None:
        super().__init__(stage, Random(1), say)
        self._after_s, self._is_quick = after_s, quick
        self.done: list[Changed] = []
        self.browsers: list[Browser] = []
        self.result: Result
        self._balancers: list[Balancer] = []

    async def run(self, seconds: float = 0.0) -> Result:
        """All of it; ``seconds`` more at the end."""
        stage = self._stage
        stage.a.set(STREAM)
        pairs = [
            [await Balancer(stage.of(role), looks=looks).open() for looks in (True, False)]
            for role in ("hub", "gateway", "web")
        ]
        self._balancers = [one for pair in pairs for one in pair]
        self._load = Load(*pairs, programs=12, patience_s=_PATIENCE_S)  # type: ignore[arg-type]
        self.browsers = [Browser(one.url) for one in pairs[2]]
        try:
            return await super().run(seconds)
        finally:
            for balancer in self._balancers:
                await balancer.close()

    async def _ready(self, bus: Bus, story_bus: Bus) -> None:
        await super()._ready(bus, story_bus)
        # Pages are, once something was judged.
        while not all(one.has_all for one in self._balancers):  # noqa: ASYNC110 - they look by themselves
            await asyncio.sleep(_LOOK_S)

    async def _break(self, seconds: float, bus: Bus, story_bus: Bus) -> None:
        listening = [asyncio.create_task(browser.run()) for browser in self.browsers]
        await asyncio.sleep(self._after_s)
        await self._all(bus, story_bus)
        await asyncio.sleep(seconds)
        until = datetime.now().astimezone()
        await asyncio.sleep(self._after_s)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        self._was_heard(until)
        self._nobody_asked_twice()

    async def _all(self, bus: Bus, story_bus: Bus) -> None:
        """All that is changed, one after the other."""
        for change, parts in self._waves():
            await self._wave(change, parts, bus, story_bus)

    def _waves(self) -> Iterator[tuple[Change, list[Part]]]:
        """What is done to whom at the same time."""
        groups = [self._stage.of(role) for role in ROLES]
        if self._is_quick:
            yield self._replace, [group[0] for group in groups]
            yield self._reload, [group[1] for group in groups if group[1].port]
            return
        for change in (self._replace, self._reload):
            yield from ((change, [part]) for group in groups for part in group if change == self._replace or part.port)

    async def _wave(self, change: Change, parts: Sequence[Part], bus: Bus, story_bus: Bus) -> None:
        for seen in self._load.all:
            seen.look()
        await self._are_held(bus, story_bus)
        holders = [await self._holder(bus, one.name) for one in PARTITIONS]
        wanted = [(bus, one.name) for one in PARTITIONS if holders]
        gone = next((part.name for part in parts if part.name in holders), "") if change == self._replace else ""
        taken = asyncio.create_task(self._took(wanted if gone else [], gone))
        took = await asyncio.gather(*(change(part, bus) for part in parts))
        await asyncio.sleep(self._after_s)
        gaps_s = tuple(seen.look() for seen in self._load.all)
        word = "replaced" if change == self._replace else "reloaded"
        for part, (ended_s, there_s) in zip(parts, took, strict=True):
            taken_s = await taken if part.name == gone else 0.0
            one = Changed(what=f"{part.name} {word}", ended_s=ended_s, there_s=there_s, taken_s=taken_s, gaps_s=gaps_s)
            self.done.append(one)
            self._say(f"{one.what}: ended in {ended_s:.1f} s, there after {there_s:.1f} s more")
        await taken

    async def _replace(self, part: Part, bus: Bus) -> tuple[float, float]:
        began_s = time.monotonic()
        part.send(signal.SIGTERM)
        code = await part.ended()
        ended_s = time.monotonic() - began_s
        if code:
            self._broken.append(f"{part.name} ended with {code}")
        part.environ.pop("PYTHONPATH", None)
        part.start()
        await self._is_there(part, bus, datetime.now().astimezone())
        return ended_s, time.monotonic() - began_s - ended_s

    async def _reload(self, part: Part, bus: Bus) -> tuple[float, float]:
        config = self._stage.folder / f"{part.name}.toml"
        config.write_text(config.read_text().replace("grace_s = 20.0", "grace_s = 21.0"))
        began_s, since = time.monotonic(), datetime.now().astimezone()
        part.send(signal.SIGHUP)
        await self._is_there(part, bus, since)
        return 0.0, time.monotonic() - began_s

    async def _is_there(self, part: Part, bus: Bus, since: datetime) -> None:
        """Wait until a life of it that began later has said so, and says that it is ready."""
        if part.role == "story":
            return
        async with asyncio.timeout(_WITHIN_S), aiohttp.ClientSession() as session:
            while True:
                if not part.is_running:
                    message = f"{part.name} ended:\n{part.log.read_text()[-1500:]}"
                    raise AssertionError(message)
                with suppress(BusError, aiohttp.ClientError, OSError):
                    beats = [b for b in await present(bus) if b.replica == part.name]
                    if beats and beats[0].since > since - timedelta(seconds=0.5):
                        if part.role == "monitor":
                            return
                        async with session.get(f"{part.url}/readyz") as answer:
                            if answer.status == 200:
                                return
                await asyncio.sleep(_LOOK_S)

    def _was_heard(self, until: datetime) -> None:
        with open_store(Secret(self._stage.store)) as store:
            kept = [change for service in SERVICES for change in store.transitions(service)]
        for n, browser in enumerate(self.browsers):
            if missed := browser.missed(kept, until):
                self._broken.append(f"browser {n} heard nothing of {missed}")

    def _nobody_asked_twice(self) -> None:
        for seen in (self._load.asked, self._load.looked):
            if seen.again:
                self._broken.append(
                    f"{seen.again} requests of kind {seen.name} were answered only when asked again: {seen.why[:3]}"
                )
        self._broken += [f"{one.name}: {why}" for one in self._balancers for why in one.lost]
        other = {status: n for status, n in self._load.answers.items() if status != "202"}
        if other:
            self._broken.append(f"reports were answered {other}")


def older(commit: str, folder: Path) -> str:
    """The source of that commit, unpacked; where it is."""
    folder.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", commit, "src"], check=True, capture_output=True, cwd=ROOT).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
    return str(folder / "src")


async def upgrade(folder: Path, say: Callable[[str], None], commit: str | None, *, quick: bool) -> Upgrade:
    """One rolling upgrade in a folder of its own; what the oracle found is printed."""
    if commit:
        os.environ["PYTHONPATH"] = older(commit, folder / "older")
    try:
        async with Stage(folder) as stage:
            os.environ.pop("PYTHONPATH", None)
            changing = Upgrade(stage, say, after_s=1.0 if quick else 4.0, quick=quick)
            changing.result = await changing.run()
            return changing
    finally:
        os.environ.pop("PYTHONPATH", None)


def report(done: Upgrade) -> None:
    """What came of it."""
    print("\n| process | ended, s | there again, s | taken over, s | reports, s | gateway, s | page, s |")
    print("|---|---|---|---|---|---|---|")
    for one in done.done:
        gaps = " | ".join(f"{gap_s:.1f}" for gap_s in one.gaps_s)
        print(f"| {one.what} | {one.ended_s:.1f} | {one.there_s:.1f} | {one.taken_s:.1f} | {gaps} |")
    for browser in done.browsers:
        heard = f"{len(browser.heard)} changes, {browser.came} connections, {len(browser.resets)} of them began anew"
        print(f"browser: {heard}, {browser.away_s:.1f} s without at most")
    for name, fact in done.result.facts.items():
        print(f"{name}: {fact}")
    print("\n".join(f"BROKEN: {what}" for what in done.result.broken) or "the oracle found nothing")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="commit", help="the first processes are of this commit")
    parser.add_argument("--quick", action="store_true", help="of each role one process, all at once")
    parser.add_argument("--keep", type=Path, help="where the processes' logs stay")
    args = parser.parse_args()
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} {text}", flush=True)

    async def bounded(folder: Path) -> Upgrade:
        changing = asyncio.ensure_future(upgrade(folder, say, args.commit, quick=args.quick))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, changing.cancel)
        return await changing

    with tempfile.TemporaryDirectory() as folder:
        done = asyncio.run(bounded(args.keep or Path(folder)))
    report(done)
    return 1 if done.result.broken else 0


if __name__ == "__main__":
    sys.exit(main())
