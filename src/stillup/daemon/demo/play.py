"""A scenario played from end to end: the loopback world, a live monitor, two programs, and a clock that runs ahead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NoReturn

from msgspec import Struct

from stillup.clock import Clock, PatientClock
from stillup.config import parse_config
from stillup.daemon.demo.page import DemoPage
from stillup.daemon.demo.programs import Programs, Tally, Turn, close_loop, running
from stillup.daemon.jobs import forecaster, jobs_for, profile_of
from stillup.daemon.live import Feed, Listener, Listeners, Live
from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Family
from stillup.model.verdict import Verdict
from stillup.net import Net
from stillup.sim.asker import load_sdk
from stillup.sim.scenario import Scenario
from stillup.sim.world import World
from stillup.sources.poller import Poller, Report
from stillup.store import open_store
from stillup.store.store import Store
from stillup.verdict.monitor import Monitor

LONGEST = timedelta(hours=12)
"""Of a longer scenario only so much is played; what comes after can be recorded and replayed."""
LEAD_IN = timedelta(minutes=45)
"""So much calm is played before the first thing happens; what came before that is in the sources' own records."""


class Side(Struct, frozen=True):
    """What is said of one service, and on which grounds."""

    service: str
    verdict: Verdict | None
    evidence: tuple[Evidence, ...]


class Moment(Struct, frozen=True, kw_only=True):
    """The state of the play after one minute of it."""

    at: datetime
    sides: tuple[Side, ...] = ()
    changes: tuple[Verdict, ...] = ()
    turned: tuple[tuple[str, Evidence], ...] = ()
    """Families that have just begun or ceased to alarm, each with the service it speaks of."""
    programs: tuple[Tally, ...] = ()
    turns: tuple[Turn, ...] = ()
    """Programs whose fortune has just turned."""


class Play:
    """Listens to a live monitor and remembers the story; ``programs`` are set once they run."""

    programs: Programs | None = None

    def __init__(self, services: Sequence[str], monitor: Monitor, tell: Callable[[Moment], None]) -> None:
        self.changes: list[Verdict] = []
        self.reports: dict[tuple[str, str], Report] = {}
        self._services = services
        self._monitor = monitor
        self._tell = tell
        self._alarming: set[tuple[str, Family]] = set()

    def heard(self, report: Report) -> None:
        """Remember the newest word of each source."""
        self.reports[report.service, report.source] = report

    def trouble(self, why: str) -> None:
        """A demo keeps nothing that could be missed."""

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """Tell what this minute brought."""
        sides = tuple(
            Side(service, self._monitor.verdicts(service).get(None), tuple(self._monitor.evidence(service)))
            for service in self._services
        )
        spoken = [(side.service, e) for side in sides for e in side.evidence]
        alarming = {(service, e.family) for service, e in spoken if e.standing is Standing.ALARM}
        turned = tuple((service, e) for service, e in spoken if (service, e.family) in alarming ^ self._alarming)
        self._alarming = alarming
        self.changes += changes
        self._tell(
            Moment(
                at=now,
                sides=sides,
                changes=tuple(changes),
                turned=turned,
                programs=tuple(self.programs.tallies.values()) if self.programs else (),
                turns=self.programs.turns() if self.programs else (),
            )
        )


class Outcome(Struct, frozen=True):
    """What came of it."""

    changes: tuple[Verdict, ...]
    incidents: tuple[Incident, ...]
    reports: tuple[Report, ...]
    programs: tuple[Tally, ...]


def first_minute(scenario: Scenario) -> datetime:
    """When the play begins: shortly before the first thing that happens."""
    happenings = [fault.from_ for fault in scenario.sources]
    for part in scenario.parts:
        happenings += [f.from_ for f in part.faults] + [r.from_ for r in part.reactions if r.from_ is not None]
        happenings += [o.posted_at for o in part.official]
    return max(scenario.starts, min(happenings, default=scenario.starts) - LEAD_IN)


def last_minute(scenario: Scenario) -> datetime:
    """When it ends: with the scenario, where that is not too long to be watched."""
    return min(scenario.ends, first_minute(scenario) + LONGEST)


async def play(
    scenario: Scenario,
    speed: float,
    tell: Callable[[Moment], None],
    page: DemoPage | None = None,
    ended: Callable[[Outcome], Awaitable[None]] | None = None,
) -> Outcome:
    """Play it at ``speed`` times real time; ``tell`` is called once a minute of the scenario.

    A ``page`` shows it as it is played; it stands until ``ended``, which is told when the story is over, has returned.
    """
    load_sdk()  # not while the clock runs ahead
    if page is not None:
        page.load()
    monitor = Monitor(profile_of, forecaster=forecaster())
    told = Play(scenario.services, monitor, tell)
    with TemporaryDirectory(prefix="stillup-demo-") as folder, open_store(Path(folder) / "stillup.db") as store:
        try:
            outcome = await _played(scenario, speed, told, monitor, store, folder, page)
            if ended is not None:
                await ended(outcome)
        finally:
            if page is not None:
                await page.close()
    return outcome


async def _played(
    scenario: Scenario,
    speed: float,
    told: Play,
    monitor: Monitor,
    store: Store,
    folder: str,
    page: DemoPage | None,
) -> Outcome:
    """Everything but the page ends with the story."""
    clock = PatientClock(first_minute(scenario), speed)
    listeners: list[Listener] = [told]
    async with clock.going(), World(scenario, clock) as world, Net(clock) as net:
        config = parse_config(f"data = {json.dumps(folder)}\n{world.config(opt_in=False)}")
        loop = close_loop(monitor, clock, config)
        feeds: list[Feed] = [loop.observer.due]
        if page is not None:
            listeners.append(await page.open(scenario, config, monitor, clock, store, feeds))
        live = Live(monitor, clock, Listeners(loop.view, *listeners), store, feeds=feeds)
        jobs = jobs_for(config, world.services, world.environ(), clock.now())
        poller = Poller(jobs, net, clock, Random(scenario.seed), live.hear)  # noqa: S311 - jitter, not secrets
        async with running(world, config, loop, speed) as programs:
            told.programs = programs
            if page is not None:
                await asyncio.to_thread(page.serve)
            await _until(clock, last_minute(scenario), live.run(poller))
    incidents = tuple(i for service in scenario.services for i in store.incidents(service))
    tallies = tuple(programs.tallies.values())
    return Outcome(tuple(told.changes), incidents, tuple(told.reports.values()), tallies)


async def _until(clock: Clock, end: datetime, watching: Coroutine[None, None, NoReturn]) -> None:
    """Watch until the story's clock has come to its end; what goes wrong before is raised."""
    over = asyncio.create_task(clock.sleep((end - clock.now()).total_seconds()))
    watch = asyncio.create_task(watching)
    try:
        await asyncio.wait({over, watch}, return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            watch.result()
    finally:
        for task in (over, watch):
            task.cancel()
        await asyncio.gather(over, watch, return_exceptions=True)
