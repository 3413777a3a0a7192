"""A provider fails and its official page stays green: played in the loopback world, with the clock running ahead.

Everything is the real thing but the sites it reads: the monitor polls them over real connections, its judgement moves
the gateway, and alerts go through the real outbox.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from stillup.clock import ScaledClock, SystemClock
from stillup.config import parse_config
from stillup.daemon.board import BoardMaker
from stillup.daemon.demo.play import first_minute
from stillup.daemon.demo.programs import Closed, close_loop
from stillup.daemon.drill.alerts import PLAYED, Receiver, Rehearsal
from stillup.daemon.drill.people import step_of
from stillup.daemon.gateway import build
from stillup.daemon.jobs import forecaster, jobs_for, profile_of
from stillup.daemon.live import Listeners, Live
from stillup.daemon.plan.steps import team_steps
from stillup.daemon.playbook import Helpers
from stillup.daemon.rerouting import Rerouter
from stillup.drill.values import Alert, Asked, Happened, Kind, Lane, Play, Scene, Shape, Step, What
from stillup.gateway.plan import resolve
from stillup.model.service import Family, State
from stillup.net import Net
from stillup.sim.asker import PlainClient, Told, ask_once
from stillup.sim.load import load
from stillup.sim.scenario import REQUESTS
from stillup.sim.world import World
from stillup.sources.poller import Poller
from stillup.store import open_store
from stillup.verdict.monitor import Monitor

if TYPE_CHECKING:
    from stillup.board import Board
    from stillup.config import Config
    from stillup.daemon.drill.stage import Ground, Tell
    from stillup.model.verdict import Verdict
    from stillup.sim.scenario import Scenario

SPEED = 120.0
BACKED, ALONE = "with a backup", "without it"
_SCENARIO, _SERVICE = "api-overload", "claude"
_CALM, _AFTER = timedelta(minutes=20), timedelta(minutes=2)
_ASKS_EACH_S = 0.25
_SETTLE_S = 3.0
_INJECTED = (
    f"The loopback world, {SPEED:.0f} times as fast; times are the story's. Its official page says that all is well, "
    "whatever happens. Requests go to a gateway with the story's own provider and one that stands in."
)


def green_scenario() -> Scenario:
    """An overloaded API whose page is never updated: half an hour of it, and some calm before."""
    told = load(_SCENARIO)
    fault = told.faults[0]
    return replace(
        told, id="green-drill", official=(), faults=(fault,), starts=fault.from_ - _CALM, ends=fault.to + _AFTER,
        reactions=tuple(r for r in told.reactions if r.fault == fault.id),
    )  # fmt: skip


class GreenPage:
    """The scene as it is played: a listener of the monitor, and a reader of its boards."""

    def __init__(self, ground: Ground, play: Play, tell: Tell) -> None:
        self._ground, self._play, self._tell = ground, play, tell
        self._scenario = green_scenario()
        self._fault = self._scenario.faults[0]
        self._starts = first_minute(self._scenario)
        self._clock = ScaledClock(self._starts, SPEED)
        self._happened: list[Happened] = []
        self._asked: dict[str, list[Asked]] = {BACKED: [], ALONE: []}
        self._steps: tuple[Step, ...] = ()
        self._has_failed = False

    def now(self) -> float:
        """Seconds of the story since it began."""
        return self._at_s(self._clock.now())

    def _at_s(self, at: datetime) -> float:
        return (at - self._starts).total_seconds()

    async def run(self) -> Scene:
        """Play it to its end, or until it is aborted."""
        self._tell(What.BEGINS, says=self._play.title)
        with TemporaryDirectory(prefix="stillup-drill-") as folder:
            async with AsyncExitStack() as stack:
                alerts = await self._played(stack, Path(folder))
        if self._has_failed:
            self._tell(What.MENDED)
        fault, scenario = self._fault, self._scenario
        lanes = tuple(Lane(name=n, backed=n == BACKED, asked=tuple(self._asked[n])) for n in (BACKED, ALONE))
        return Scene(
            kind=Kind.GREEN_PAGE, name="", title=self._play.title, hit=(scenario.service,),
            begins_s=self._at_s(fault.from_), ends_s=min(self.now(), self._at_s(fault.to)), lanes=lanes,
            alerts=alerts, steps=self._steps, happened=tuple(self._happened), injected=_INJECTED,
            aborted=self._ground.aborted.is_set(),
        )  # fmt: skip

    async def _played(self, stack: AsyncExitStack, folder: Path) -> tuple[Alert, ...]:
        """The story, with a monitor that watches it and two programs that ask; what alerts came."""
        clock, scenario = self._clock, self._scenario
        world = await stack.enter_async_context(World(scenario, clock))
        net = await stack.enter_async_context(Net(clock))
        receiver = await stack.enter_async_context(Receiver(self.now))
        config = parse_config(f"data = {json.dumps(str(folder))}\n{world.config(opt_in=False)}")
        rehearsal = self._rehearsal(config, receiver, folder)
        rehearsal.alerting.start()
        stack.push_async_callback(asyncio.to_thread, rehearsal.alerting.stop)
        monitor = Monitor(profile_of, forecaster=forecaster())
        loop = close_loop(monitor, clock, config)
        rerouter, gateway_url = await self._gateway(stack, world, config, loop)
        maker = BoardMaker(
            monitor,
            world.services,
            [rehearsal.alerting, self],
            helpers=Helpers(
                gateway=rerouter,
                alerts=rehearsal.is_wanted,
                told_at=rehearsal.alerting.told_at,
                team=team_steps(self._ground.config, self._ground.say),
            ),
            simulated=PLAYED,
            say=self._ground.say,
        )
        store = stack.enter_context(open_store(folder / "stillup.db"))
        feeds = [maker.beside(loop.observer.due)]
        live = Live(monitor, clock, Listeners(loop.view, maker), store, feeds=feeds)
        jobs = jobs_for(config, world.services, world.environ(), clock.now())
        poller = Poller(jobs, net, clock, Random(scenario.seed), live.hear)  # noqa: S311 - jitter, not secrets
        programs = [self._program(BACKED, gateway_url, world), self._program(ALONE, world.url(REQUESTS), world)]
        await self._until_over(live.run(poller), *programs)
        wanted = rehearsal.expected([scenario.service], State.PARTIAL_OUTAGE.value)
        if not self._ground.aborted.is_set():
            await receiver.until(wanted, _SETTLE_S)
        return rehearsal.told([scenario.service], State.PARTIAL_OUTAGE.value)

    def _rehearsal(self, config: Config, receiver: Receiver, folder: Path) -> Rehearsal:
        """The user's rules, at no time of their day: the story has one of its own."""
        alerts = self._ground.config.alerts
        rules = tuple(replace(rule, quiet_hours=()) for rule in alerts.rules)
        own = replace(config, alerts=replace(alerts, quiet_hours=(), rules=rules))
        return Rehearsal(
            own, receiver, self._clock, self._ground.say,
            folder=folder, services=[self._scenario.service], anyhow=True,
        )  # fmt: skip

    async def _gateway(self, stack: AsyncExitStack, world: World, config: Config, loop: Closed) -> tuple[Rerouter, str]:
        """A gateway that hears the judgement and tells it what requests meet; it lives in real time."""
        plan = resolve(config, world.environ())
        rerouter = Rerouter(plan, SystemClock(), loop.observer, saves=True)
        own = replace(config, gateway=replace(config.gateway, journal=True, journal_sync="none"))
        gateway = build(own, plan, SystemClock(), view=loop.view, observer=rerouter, say=_nobody)
        await gateway.start()
        stack.push_async_callback(gateway.stop, 0.0)
        return rerouter, gateway.address

    async def _program(self, lane: str, url: str, world: World) -> NoReturn:
        """Keeps asking."""
        model, protocol = (world.asked.model, world.asked.protocol) if world.asked else ("", "anthropic")
        client = PlainClient(url, model, protocol)
        try:
            while True:
                before_s = self._ground.clock.monotonic_s()
                told = await ask_once(client, self._clock)
                asked = self._seen(told, protocol, self._ground.clock.monotonic_s() - before_s)
                self._asked[lane].append(asked)
                self._tell(What.ASKED, lane=lane, asked=asked)
                await asyncio.sleep(_ASKS_EACH_S)
        finally:
            await client.close()

    def _seen(self, told: Told, protocol: str, took_s: float) -> Asked:
        """``took_s`` is real time, in which a client waits; when it asked is the story's."""
        return Asked(
            at_s=self._at_s(told.asked_at), done_s=self._at_s(told.at), shape=Shape.STREAM, protocol=protocol,
            ok=told.ok, says="" if told.ok else told.says, upstream=told.upstream, silence_s=took_s,
        )  # fmt: skip

    async def _until_over(self, *work: Coroutine[Any, Any, None]) -> None:
        """Until the story ends or somebody ends it."""
        left_s = (self._scenario.ends - self._clock.now()).total_seconds() / SPEED
        tasks = [asyncio.create_task(each) for each in work]
        ended = asyncio.create_task(self._ground.aborted.wait())
        try:
            done, _ = await asyncio.wait((*tasks, ended), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                task.result()
        finally:
            for task in (*tasks, ended):
                task.cancel()
            await asyncio.wait((*tasks, ended))

    # -- what is heard of the judgement

    def show(self, board: Board, changes: Sequence[Verdict]) -> None:
        """A judged minute."""
        if not self._has_failed and board.at >= self._fault.from_:
            self._has_failed = True
            self._tell(What.FAILS, says=f"{self._scenario.service} fails, and its page stays green")
        for verdict in changes:
            if verdict.service == self._scenario.service and verdict.component is None:
                self._happens(verdict)
        shown = board.services.get(self._scenario.service)
        if shown is not None and shown.verdict.state.is_fault:
            self._steps = tuple(map(step_of, shown.steps))

    def _happens(self, verdict: Verdict) -> None:
        sides = ", ".join(family.value for family in verdict.families)
        sure = f"{verdict.confidence.value} " if verdict.confidence else ""
        green = "" if Family.OFFICIAL in verdict.families else "; the official page says that all is well"
        says = f"The verdict: {sure}{verdict.state.value.replace('_', ' ')}{', by ' if sides else ''}{sides}"
        told = Happened(self._at_s(verdict.at), f"{says}{green if verdict.state.is_fault else ''}.")
        if self._happened and self._happened[-1].says == told.says:
            return
        self._happened.append(told)
        self._tell(What.HAPPENED, says=told.says)


def _nobody(_: str) -> None:
    """The gateway of the story has nobody to tell."""
