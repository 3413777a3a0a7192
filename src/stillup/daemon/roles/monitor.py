"""The monitor of a cluster: it stands by for every partition, judges those whose lease it holds, and sends alerts.

Any number of them may run. What one knows is on the bus and in the database, so it may die at any moment: another goes
on within seconds, as if nothing had happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NoReturn

from stillup.catalog.load import catalogue
from stillup.daemon.alerts.alerting import Alerting
from stillup.daemon.alerts.aside import Aside
from stillup.daemon.alerts.on_bus import OnBus
from stillup.daemon.board import BoardMaker
from stillup.daemon.cluster.judging import Judging, Means
from stillup.daemon.cluster.owner import Owner
from stillup.daemon.cluster.owning import Held, Owning
from stillup.daemon.cluster.partitions import Partition, partitions_of
from stillup.daemon.cluster.skew import Skew
from stillup.daemon.cluster.together import end, together
from stillup.daemon.jobs import forecaster, jobs_for, past_of, profile_of, settings_of
from stillup.daemon.playbook import Helpers
from stillup.daemon.roles.database import Door
from stillup.daemon.roles.seeing import BoardsSeen
from stillup.errors import StoreError
from stillup.model.incident import Incident
from stillup.net import Net
from stillup.verdict.monitor import Monitor

if TYPE_CHECKING:
    from stillup.daemon.cluster.telling import Telling
    from stillup.daemon.roles.role import Here

_BEAT_S = 2.0
_CHANGED = "changed"
"""A word on the bus: a change of verdict is in the database."""


async def serve(here: Here) -> None:
    """Watch, until told to stop; then every lease is given up, and another goes on at once."""
    monitoring = Monitoring(here)
    running = asyncio.create_task(monitoring.run())
    told = asyncio.create_task(here.stop.until(1))
    try:
        await asyncio.wait((running, told), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end((running, told))
        monitoring.close()
    if not running.cancelled():
        running.result()


class Monitoring:
    """What runs in one monitor process."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self._door = Door(here.open_store)
        self._skew = Skew(here.bus, here.clock)
        self._jobs = jobs_for(here.config, here.services, here.environ, here.clock.now())
        whose = here.config.cluster.prefix
        self._alerting = Alerting(here.config, here.environ, here.clock, here.say, installation=whose)
        here.metrics.append(self._alerting.metrics)
        self._changed = asyncio.Event()
        self._net: Net
        settings, forecasts = settings_of(here.config), forecaster()
        self._means = Means(
            bus=here.bus,
            clock=here.clock,
            say=here.say,
            fresh=lambda _: Monitor(profile_of, settings, forecasts),
            restored=lambda state: Monitor.restore(state, profile_of, settings, forecasts),
            past=self._past,
            kept=self._kept,
            saved=self._changed.set,
            traces=here.traces,
        )
        self.owning = Owning(
            partitions_of(here.services), here.bus, here.clock, here.life, self._skew, self._owner_of, here.say
        )

    async def run(self) -> None:
        """Until it is cancelled."""
        here = self._here
        async with AsyncExitStack() as stack:
            cache = here.config.data_folder / "cache"
            self._net = await stack.enter_async_context(Net(here.clock, cache_dir=cache))
            place = OnBus(here.bus, here.clock, here.life, lambda: self._skew.is_right)
            stack.push_async_callback(place.give_up)
            self._alerting.start(here.config.web.base_url or None, Aside(place, here.say))
            stack.push_async_callback(asyncio.to_thread, self._alerting.stop)
            beside: list[Coroutine[None, None, None]] = [self._tell_how_it_is()]
            if self._alerting.is_wanted:
                seen = BoardsSeen(here.bus, here.services, here.clock, lambda board: self._alerting.show(board, ()))
                beside += [seen.run(), self._tell_of_changes(), self._hear_of_changes()]
                beside += [place.keep(self._alerting.look)]
            await together(self.owning.run(), *beside)

    def close(self) -> None:
        """Give the database up."""
        self._door.close()

    def _owner_of(self, partition: Partition, held: Held) -> Owner:
        return Owner(
            partition,
            self._means,
            self._door,
            held,
            self._skew,
            replica=self._here.replica,
            jobs=[job for job in self._jobs if job.service.id in partition.services],
            net=self._net,
            board_of=self._board_of,
        )

    def _board_of(self, judging: Judging, telling: Telling) -> BoardMaker:
        """What makes the board of a partition, with what was kept of the last day."""
        maker = BoardMaker(
            judging.judge.machine.monitor,
            [catalogue()[service] for service in judging.partition.services],
            (telling,),
            helpers=Helpers(alerts=self._alerting.is_wanted, told_at=self._alerting.told_at),
            resumed=judging.resumed,
            say=self._here.say,
        )
        try:
            maker.recall(self._door(), self._here.clock.now())
        except StoreError as exc:
            self._here.say(f"what was kept cannot be shown: {exc}")
        return maker

    def _past(self, services: Sequence[str]) -> list[Incident]:
        """Incidents of the past, oldest first, with those that are to be gone on with."""
        try:
            store, now = self._door(), self._here.clock.now()
            return [incident for service in services for incident in past_of(store, service, now)]
        except StoreError as exc:
            self._here.say(f"forecasts begin without the incidents of the past: {exc}")
            return []

    def _kept(self, log: str) -> int | None:
        try:
            return self._door().kept_of(log)
        except StoreError:
            return None

    async def _tell_of_changes(self) -> NoReturn:
        """Let the alerts of every monitor look into the database: one of them sends, and it may be another's."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._alerting.look()
            await self._here.bus.tell(_CHANGED, b"")

    async def _hear_of_changes(self) -> None:
        async for _ in self._here.bus.hear(_CHANGED):
            self._alerting.look()

    async def _tell_how_it_is(self) -> NoReturn:
        """Keep what this process says of itself up to date."""
        beats = self._here.beats
        while True:
            owners = self.owning.owners
            beats["owns"] = " ".join(sorted(owners))
            told = [o.told_at for o in owners.values() if o.told_at is not None]
            beats["judged"] = f"{min(told):%Y-%m-%dT%H:%M:%SZ}" if told else ""
            waiting = [o.judging.saver for o in owners.values() if o.is_judging]
            beats["unsaved"] = str(sum(saver.waiting for saver in waiting))
            beats["alerts"] = "kept on the bus" if self._alerting.is_aside else ""
            beats["trouble"] = next((s.trouble for s in waiting if s.trouble), "")
            await self._here.clock.sleep(_BEAT_S)
