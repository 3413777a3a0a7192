"""What must hold afterwards, whatever died: each law is checked against what users saw and what the log says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from cluster.load import Load
from cluster.stage import SERVICES, Stage
from cluster.story import Story
from stillup.bus.base import Bus, Log, Record
from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.daemon.cluster.log_judge import LogJudge
from stillup.daemon.cluster.machine import Step
from stillup.daemon.cluster.partitions import partitions_of
from stillup.daemon.cluster.records import Partial, unpack
from stillup.daemon.jobs import forecaster, profile_of, settings_of
from stillup.daemon.roles.beat import present
from stillup.errors import BusError, StoreError
from stillup.hub.adding import Adding
from stillup.model.verdict import Verdict
from stillup.secret import Secret
from stillup.store import open_store
from stillup.store.outbox import Status
from stillup.store.store import Store
from stillup.verdict.monitor import Monitor
from tests.cluster.monitor_runner import PARTITION

CAUGHT_UP_S = 60.0
_LOOK_S = 0.5
PARTITIONS = partitions_of([catalogue()[service] for service in SERVICES])
SETTINGS = settings_of(parse_config(""))

Came = Callable[[Record], Record]


async def records(log: Log) -> list[Record]:
    """All that a log has."""
    oldest, newest = await log.ends()
    found: list[Record] = []
    if newest < oldest:
        return found
    async for record in log.read(0):
        found.append(record)
        if record.seq >= newest:
            break
    return found


def judged(log: Sequence[Record], monitor: Monitor, services: Sequence[str]) -> list[Step]:
    """What one process says that reads all of it and never dies."""
    judge = LogJudge(monitor, services)
    return [step for record in log if (step := judge.apply(record).step) is not None]


def added(log: Sequence[Record], services: Sequence[str]) -> int:
    """How many reports a log adds up to."""
    adding, newest = Adding(services), None
    for record in log:
        said = unpack(record.body)
        if isinstance(said, Partial):
            adding.hear(said, None, said.end)
            newest = said.end if newest is None else max(newest, said.end)
    return 0 if newest is None else sum(getattr(s, "count", 0) for s in adding.due(newest))


class Oracle:
    """Collects what is broken, a sentence each; none is as it should be."""

    def __init__(self, stage: Stage, bus: Bus, story: Story, story_bus: Bus, load: Load) -> None:
        self._stage, self._bus, self._story, self._load = stage, bus, story, load
        self._story_bus = story_bus
        self.broken: list[str] = []
        self.facts: dict[str, object] = {}

    async def look(self) -> list[str]:
        """Every law."""
        self._users()
        await self._everybody()
        await self._reports()
        await self._verdicts()
        await self._told_story()
        await self._alerts()
        return self.broken

    def _users(self) -> None:
        for seen in (self._load.asked, self._load.looked):
            self.facts[f"{seen.name} answers"] = f"{seen.well:,}, {seen.again} of them from another replica"
            self._unless(not seen.lost, f"{len(seen.lost)} requests of kind {seen.name} were lost: {seen.lost[:3]}")
        odd = {status: n for status, n in self._load.answers.items() if status not in ("202", "503", "none")}
        self._unless(not odd, f"hubs answered {odd}")

    async def _everybody(self) -> None:
        """Each process says on the bus that it is there: none began in a fault and stands without it for ever."""
        wanted = {name for name, part in self._stage.parts.items() if part.role != "story"}
        until_s, missing = asyncio.get_running_loop().time() + CAUGHT_UP_S, wanted
        while missing and asyncio.get_running_loop().time() < until_s:
            with suppress(BusError):
                missing = wanted - {beat.replica for beat in await present(self._bus)}
            await asyncio.sleep(_LOOK_S if missing else 0.0)
        self._unless(not missing, f"nothing is heard on the bus of {sorted(missing)}")

    async def _reports(self) -> None:
        """A report that was acknowledged is in the log once; one without an answer at most once."""
        answers, total = self._load.answers, 0
        for part in PARTITIONS:
            total += added(await records(self._bus.log(part.log)), part.services)
        kept, unsure = answers["202"], answers["none"] + answers["503"]
        self.facts["reports"] = f"{kept:,} acknowledged, {unsure:,} not; {total:,} counted"
        self._unless(kept <= total, f"{kept - total} acknowledged reports are not counted")
        self._unless(total <= kept + unsure, f"{total - kept - unsure} reports are counted that nobody made")

    async def _verdicts(self) -> None:
        """What the database has is what one process says of the same log."""
        with open_store(Secret(self._stage.store)) as store:
            for part in PARTITIONS:
                log = self._bus.log(part.log)

                def fresh() -> Monitor:
                    return Monitor(profile_of, SETTINGS, forecaster())

                await self._same(part.name, log, fresh, part.services, store, lambda record: record)

    async def _told_story(self) -> None:
        log, clock = self._story_bus.log(PARTITION.log), self._story.clock

        def came(record: Record) -> Record:
            return msgspec.structs.replace(record, at=clock.of(record.at.timestamp()))

        ids = [record.id for record in await records(log)]
        missing = self._story.told - set(ids)
        self._unless(not missing, f"{len(missing)} acknowledged records are not in the log")
        twice = len(ids) - len(set(ids))
        self._unless(twice == 0, f"{twice} records stand in the log twice")
        with open_store(Secret(self._stage.story_store)) as store:
            steps = await self._same("story", log, lambda: Monitor(profile_of), PARTITION.services, store, came)
        changes = [c for step in steps for c in step.changes]
        self.facts["story"] = f"{len(steps)} minutes judged, {len(changes)} changes, {len(ids)} records"
        self._unless(bool(changes), "nothing was judged of the story")

    async def _same(
        self, name: str, log: Log, fresh: Callable[[], Monitor], services: Sequence[str], store: Store, came: Came
    ) -> list[Step]:
        """Wait until the database has caught up with the log; what differs then is broken."""
        began_s = asyncio.get_running_loop().time()
        while True:
            read = [came(record) for record in await records(log)]
            steps = await asyncio.to_thread(judged, read, fresh(), services)
            try:
                found = await asyncio.to_thread(differing, steps, services, store)
            except StoreError as exc:
                found = [str(exc)]
            if not found or asyncio.get_running_loop().time() - began_s > CAUGHT_UP_S:
                break
            await asyncio.sleep(_LOOK_S)
        self.broken += [f"{name}: {what}" for what in found]
        self.facts[f"{name} verdicts"] = f"{len(steps)} minutes, {sum(len(s.changes) for s in steps)} changes"
        return steps

    async def _alerts(self) -> None:
        """Each confirmed incident was told of; what was decided was sent, and came once by its key."""
        until_s = asyncio.get_running_loop().time() + CAUGHT_UP_S
        with open_store(Secret(self._stage.store)) as store:
            while True:
                messages = await asyncio.to_thread(store.outbox.listed, tuple(Status), 10_000)
                incidents = await asyncio.to_thread(store.incidents)
                waiting = [m for m in messages if m.status in (Status.WAITING, Status.ATTEMPTING)]
                untold = {i.id for i in incidents if i.confirmed_at} - {m.message.incident for m in messages}
                if not (waiting or untold) or asyncio.get_running_loop().time() > until_s:
                    break
                await asyncio.sleep(_LOOK_S)
        self._unless(not untold, f"nobody was told of the incidents {sorted(untold)}")
        dead = [m.why for m in messages if m.status is Status.DEAD]
        sent, came = sum(m.status is Status.DELIVERED for m in messages), len(self._stage.hook.taken)
        self.facts["alerts"] = f"{len(messages)} decided, {sent} sent, {came} came, {self._stage.hook.again} again"
        self._unless(not waiting, f"{len(waiting)} alerts were not sent")
        self._unless(not dead, f"{len(dead)} alerts were given up: {dead[:2]}")
        self._unless(sent == came, f"{sent} alerts were sent, {came} came")

    def _unless(self, holds: object, says: str) -> None:
        if not holds:
            self.broken.append(says)


def differing(steps: Sequence[Step], services: Sequence[str], store: Store) -> list[str]:
    """How the database differs from what the log says."""
    found: list[str] = []
    changes = sorted((c for step in steps for c in step.changes), key=_by)
    kept = sorted((c for service in services for c in store.transitions(service)), key=_by)
    if changes != kept:
        found.append(f"{len(kept)} changes of verdict are kept, {len(changes)} follow from the log")
    heard = sorted(repr(s) for step in steps for _, s in step.arrived)
    there = sorted(repr(s) for service in services for s in store.signals(service))
    if heard != there:
        found.append(f"{len(there)} signals are kept, {len(heard)} follow from the log")
    incidents = {i.id: i for step in steps for i in step.incidents}
    known = {i.id: i for service in services for i in store.incidents(service)}
    if incidents != known:
        found.append(f"{len(known)} incidents are kept, {len(incidents)} follow from the log, or they differ")
    return found


def _by(change: Verdict) -> tuple[datetime, str, str]:
    return change.at.astimezone(UTC), change.service, str(change.component or "")
