"""One trial: the set is started, used, and broken at random for a bounded time; then the oracle looks."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random

import aiohttp
from msgspec import Struct

from cluster.deck import Dealt, deck
from cluster.eyes import Eyes
from cluster.faults import HOLDS_S, Fault
from cluster.load import Load
from cluster.oracle import PARTITIONS, Oracle
from cluster.stage import PREFIX, Stage
from cluster.story import PREFIX as STORY
from cluster.story import News, Story
from stillup.bus.base import Bus
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.cluster.monitor_runner import PARTITION

READY_S = 120.0
WELL_S = 60.0
LOOKS_S = 60.0
"""Kept free before the end for what is broken last, and for the oracle."""
_LOOK_S = 0.1
_FAILING = Behaviour(failure=Failure.STATUS, status=529)


class Broken(Struct, frozen=True, kw_only=True):
    """One fault: how long a partition had no living owner, and users of each kind no answer."""

    what: str
    takeover_s: float
    story_s: float
    gaps_s: tuple[float, ...]
    well_s: float
    """From its mending until everybody was answered again."""


class Result(Struct, kw_only=True):
    """What came of it; ``broken`` empty: as it should be."""

    seconds: float
    faults: list[Broken]
    facts: dict[str, object]
    broken: list[str]


class NotBegunError(Exception):
    """This machine had not started everything when it was time to look."""


class Trial:
    """``say`` hears of each fault. At ``ends_s`` by the monotonic clock it is over, whatever is left to do."""

    def __init__(self, stage: Stage, dice: Random, say: Callable[[str], None], ends_s: float = math.inf) -> None:
        self._stage, self._dice, self._say, self._ends_s = stage, dice, say, ends_s
        self._faults: list[Broken] = []
        self._broken: list[str] = []
        self._oracle: Oracle | None = None
        self._eyes: dict[Bus, Eyes] = {}
        self._load = Load(stage.of("hub"), stage.of("gateway"), stage.of("web"))

    async def run(self, seconds: float) -> Result:
        """All of it; up to three minutes more than ``seconds``.

        :raises NotBegunError: there was no time left to break anything.
        """
        stage, clock = self._stage, SystemClock()
        async with AsyncExitStack() as stack:
            bus = await open_bus(Where(servers=stage.buses, prefix=PREFIX, name="oracle"), clock)
            stack.push_async_callback(bus.close)
            story_bus = await open_bus(Where(servers=stage.buses, prefix=STORY, name="story"), clock)
            stack.push_async_callback(story_bus.close)
            story = Story(stage, story_bus, seconds)
            await story.start()
            for one, prefix in ((bus, PREFIX), (story_bus, STORY)):
                self._eyes[one] = await Eyes(stage.buses, prefix).open()
                stack.push_async_callback(self._eyes[one].close)
            try:
                async with asyncio.timeout(min(READY_S, self._ends_s - LOOKS_S - HOLDS_S - time.monotonic())):
                    await self._ready(bus, story_bus)
            except TimeoutError as exc:
                raise NotBegunError from exc
            self._say("everything is there")
            news = News(bus.log(next(part.log for part in PARTITIONS if "claude" in part.services)))
            works = [asyncio.create_task(work) for work in (self._load.run(), story.run(), news.run())]
            await self._break(seconds, bus, story_bus)
            self._load.is_over = story.is_over = news.is_over = True
            await asyncio.gather(*works)
            self._oracle = Oracle(stage, bus, story, story_bus, self._load)
            await self._oracle.look()
            return self.found(seconds)

    def found(self, seconds: float, *broken: str) -> Result:
        """What is known until now, and what else is broken."""
        facts, found = (self._oracle.facts, self._oracle.broken) if self._oracle else ({}, [])
        return Result(seconds=seconds, faults=self._faults, facts=facts, broken=[*self._broken, *found, *broken])

    async def _ready(self, bus: Bus, story_bus: Bus) -> None:
        async with aiohttp.ClientSession() as session:
            for part in self._stage.parts.values():
                while part.port and part.role != "monitor":
                    with suppress(aiohttp.ClientError, OSError):
                        async with session.get(f"{part.url}/healthz") as answer:
                            if answer.status == 200:
                                break
                    if not part.is_running:
                        message = f"{part.name} ended:\n{part.log.read_text()[-1500:]}"
                        raise AssertionError(message)
                    await asyncio.sleep(_LOOK_S)
            while not await self._are_held(bus, story_bus):  # noqa: ASYNC110 - the bus is asked
                await asyncio.sleep(_LOOK_S)

    async def _are_held(self, bus: Bus, story_bus: Bus, but: str = "") -> bool:
        """Whether each partition has an owner that is not the part of that name."""
        wanted = [(bus, part.name) for part in PARTITIONS] + [(story_bus, PARTITION.name)]
        return all([await self._holder(one, name) not in ("", but) for one, name in wanted])

    async def _holder(self, bus: Bus, partition: str) -> str:
        """The part that owns it; empty: none, or nobody can say."""
        name = await self._eyes[bus].holder(partition)
        if name:
            self._stage.holding[name.rpartition("-")[0]] = name
        return name

    async def _break(self, seconds: float, bus: Bus, story_bus: Bus) -> None:
        """One fault after the other; the outage of a provider goes on beside."""
        until_s = min(time.monotonic() + seconds, self._ends_s - LOOKS_S)
        outage = asyncio.create_task(self._outage(seconds))
        faults: list[Dealt] = []
        while time.monotonic() < until_s - HOLDS_S:
            faults = faults or deck(self._stage, self._dice)
            await self._one(faults.pop(0)(), bus, story_bus)
        await asyncio.sleep(max(0.0, until_s - time.monotonic()))
        outage.cancel()
        await asyncio.gather(outage, return_exceptions=True)
        self._stage.a.set()

    async def _outage(self, seconds: float) -> None:
        """The first provider fails in the second third."""
        await asyncio.sleep(seconds / 3)
        self._stage.a.set(_FAILING)
        await asyncio.sleep(seconds / 3)
        self._stage.a.set()

    async def _one(self, fault: Fault, bus: Bus, story_bus: Bus) -> None:
        for seen in self._load.all:
            seen.look()
        began_s = time.monotonic()
        async with fault as what:
            name = what.partition(" ")[0]
            wanted = [(bus, part.name) for part in PARTITIONS]
            takeover_s, story_s = await asyncio.gather(
                self._took(wanted, name), self._took([(story_bus, PARTITION.name)], name)
            )
            await asyncio.sleep(max(0.0, began_s + HOLDS_S * self._dice.uniform(0.5, 1.0) - time.monotonic()))
            if name in [
                await self._holder(one, partition) for one, partition in (*wanted, (story_bus, PARTITION.name))
            ]:
                self._broken.append(f"{what}, and it owned something again")
            gaps_s = tuple(seen.look() for seen in self._load.all)
        mended_s = time.monotonic()
        before = [seen.well for seen in self._load.all]
        while any(seen.well <= n for seen, n in zip(self._load.all, before, strict=True)):
            if time.monotonic() - mended_s > WELL_S:
                self._broken.append(f"{what}: not well {WELL_S:.0f} s after it was mended")
                break
            await asyncio.sleep(_LOOK_S)
        well_s = time.monotonic() - mended_s
        self._broken += [f"{what}: {part.name} ended" for part in self._stage.parts.values() if not part.is_running]
        await self._are_held(bus, story_bus)
        one = Broken(what=what, takeover_s=takeover_s, story_s=story_s, gaps_s=gaps_s, well_s=well_s)
        self._faults.append(one)
        gaps = "/".join(f"{gap_s:.1f}" for gap_s in gaps_s)
        self._say(f"{what}: taken over in {takeover_s:.1f} s, story {story_s:.1f} s, unanswered {gaps} s")

    async def _took(self, partitions: list[tuple[Bus, str]], but: str) -> float:
        """How long until each of them has a living owner that is not ``but``; no longer than a minute."""
        began_s = time.monotonic()
        for bus, name in partitions:
            while await self._holder(bus, name) in ("", but):
                if time.monotonic() - began_s > WELL_S:
                    self._broken.append(f"{name} had no owner for {WELL_S:.0f} s while {but} was away")
                    return time.monotonic() - began_s
                await asyncio.sleep(_LOOK_S)
        return time.monotonic() - began_s


async def trial(
    folder: Path, seconds: float, seed: int, say: Callable[[str], None], within_s: float = math.inf
) -> Result:
    """One trial in a folder of its own, and what it started is ended; what takes longer than ``within_s`` is broken.

    :raises NotBegunError: there was no time left to break anything.
    """
    ends_s = time.monotonic() + within_s
    async with Stage(folder) as stage:
        if time.monotonic() > ends_s - LOOKS_S - HOLDS_S:
            raise NotBegunError
        one = Trial(stage, Random(seed), say, ends_s)
        try:
            async with asyncio.timeout(None if math.isinf(within_s) else ends_s - time.monotonic()):
                return await one.run(seconds)
        except TimeoutError:
            return one.found(seconds, f"it was not over within {within_s:.0f} s")
