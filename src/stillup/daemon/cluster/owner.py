"""The owner of a partition: it judges, reads the sources, and says what minute it is, for as long as its lease lasts.

Whoever takes over begins with the log: first it judges what stands there, then it reads on and owns. Should two own for
a moment (one was paused), they read the same log and come to the same; the minutes of both have the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, NoReturn, Protocol

from stillup.daemon.cluster.judging import Judging, Means
from stillup.daemon.cluster.records import Minute, Read, minute_id, pack
from stillup.daemon.cluster.saving import Saver
from stillup.daemon.cluster.telling import Telling
from stillup.daemon.cluster.together import together
from stillup.daemon.cluster.writing import Writer
from stillup.daemon.reports.counts import put, table_of
from stillup.errors import BusError
from stillup.sources.poller import Poller
from stillup.store import Report as KeptReport
from stillup.verdict.settings import TICK_S

if TYPE_CHECKING:
    from stillup.daemon.cluster.machine import Step
    from stillup.daemon.cluster.partitions import Partition
    from stillup.daemon.cluster.skew import Skew
    from stillup.daemon.live import Feed
    from stillup.model.verdict import Verdict
    from stillup.net import Net
    from stillup.sources.poller import Job, Report
    from stillup.store.store import Store

GRACE_S = 1.0
"""A minute is said so long after its end: replicas have sent their last counts of it by then."""
_FIRST_READINGS_S = 5.0
_WRITTEN_S = 1.0
_AGAIN_S = 1.0
_LAST_S = 2.0
_MOST_BEHIND = timedelta(minutes=10)
"""Minutes further back than that are judged with the next one."""


class Held(Protocol):
    """The lease."""

    @property
    def number(self) -> int | None:
        """Its number while it is ours at this very moment; None when it is not."""


class Lost(Exception):
    """The lease is not ours any more: somebody else judges, or soon will."""


class Board(Protocol):
    """What makes the board of a partition; None is a partition without pages."""

    def heard(self, report: Report) -> None:
        """A source was read, or could not be."""

    def beside(self, feed: Feed) -> Feed:
        """A feed whose signals no poller of this process reads."""

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """A minute was judged."""


class Owner:
    """Owns one partition under one lease; :meth:`run` does until it is cancelled or the lease is lost.

    ``jobs`` are the sources to read. ``board_of`` makes the board once the judge stands; it blocks.
    """

    def __init__(
        self,
        partition: Partition,
        means: Means,
        store: Callable[[], Store],
        held: Held,
        skew: Skew,
        *,
        replica: str,
        jobs: Sequence[Job],
        net: Net,
        board_of: Callable[[Judging, Telling], Board] | None = None,
    ) -> None:
        self._partition = partition
        self._means = means
        self._clock = means.clock
        self._held = held
        self._skew = skew
        self._replica = replica
        self._jobs = jobs
        self._net = net
        self._board_of = board_of
        self._board: Board | None = None
        self._telling = Telling(partition, means.bus, means.clock, held.number or 0, means.say, traces=means.traces)
        self.judging = Judging(
            partition,
            means,
            lambda log: Saver(store, log, means.clock, means.say, saved=means.saved),
            told=self._telling,
        )
        self._writer = Writer(self.judging.log, means.clock, replica, means.traces)
        self._reports: dict[tuple[str, str], Report] = {}
        self._heard: set[tuple[str, str]] = set()
        self._all_heard = asyncio.Event()
        self.is_judging = False
        """It has caught up with the log."""

    @property
    def told_at(self) -> datetime | None:
        """The newest minute that everybody was told."""
        return self._telling.told_at

    async def run(self) -> None:
        """Own it; it does not end by itself.

        :raises Lost: the lease is somebody else's.
        :raises stillup.errors.BusError: the bus cannot do what is needed of it.
        """
        newest = await self.judging.begin()
        try:
            await together(self.judging.saver.run(), self._judge(newest))
        finally:
            with suppress(TimeoutError, BusError):
                async with asyncio.timeout(_LAST_S):
                    await self.judging.keep_last()

    async def _judge(self, newest: int) -> None:
        """Catch up with the log, then own what comes."""
        judging = self.judging
        await self._catch_up(newest)
        if judging.judge.judged is not None:
            self._telling.say_now(judging.judge.machine.monitor, judging.judge.judged, judging.judge.seq)
        await together(
            judging.follow(),
            self._telling.run(),
            self._writer.run(),
            self._poll(),
            self._minutes(),
            self._tell_counts(),
            self._make_boards(),
        )

    async def _catch_up(self, newest: int) -> None:
        """Judge what stands in the log, and what came meanwhile."""
        while True:
            await self.judging.follow(newest)
            _, now_newest = await self.judging.log.ends()
            if now_newest <= newest:
                break
            newest = now_newest
        self.is_judging = True
        judged, name = self.judging.judge.judged, self._partition.name
        known = f", known up to {judged:%H:%M} UTC" if judged is not None else ", from nothing"
        self._means.say(f"partition {name} ({', '.join(self._partition.services)}) is judged here{known}")

    # -- sources ------------------------------------------------------------------------------------------------------

    async def _poll(self) -> NoReturn:
        since = self.judging.judge.reads
        poller = Poller(self._jobs, self._net, self._clock, Random(), self._hear, since=since)  # noqa: S311 - jitter
        await poller.run()

    def _hear(self, report: Report) -> None:
        """A source was read: what it said goes into the log, for everybody who judges."""
        if self._board is not None:
            self._board.heard(report)
        else:
            self._reports[report.service, report.source] = report
        self._heard.add((report.service, report.source))
        if len(self._heard) >= len(self._jobs):
            self._all_heard.set()
        why = report.error.says if report.error else ""
        kept = KeptReport(source=report.source, service=report.service, at=report.started_at, ok=report.ok, why=why)
        self.judging.saver.report(kept)
        if report.reading is not None:
            read = Read(service=report.service, source=report.source, at=report.started_at)
            self._writer.write(report.reading.signals, read)

    async def _make_boards(self) -> None:
        """Make a board of each minute, once what was kept of the last day was read: verdicts do not wait for that."""
        if self._board_of is not None:
            board = await asyncio.to_thread(self._board_of, self.judging, self._telling)
            for report in self._reports.values():
                board.heard(report)
            self._reports.clear()
            self._board, self._telling.made = board, self._show
        await asyncio.Event().wait()

    def _show(self, step: Step) -> None:
        """Make the board of a minute, with what gateways and hubs said in it."""
        if self._board is not None:
            read_here = {job.spec.id for job in self._jobs}
            others = [signal for _, signal in step.arrived if signal.source not in read_here]
            self._board.beside(lambda _: others)(step.at)
            self._board.judged(step.at, step.changes)

    async def _tell_counts(self) -> NoReturn:
        """Say what the reports of each minute add up to: every hub's desk gives it out to other installations."""
        table = table_of(self._means.bus)
        while True:
            await self._telling.news.wait()
            self._telling.news.clear()
            judge = self.judging.judge
            if judge.judged is not None:
                services, now = self._partition.services, self._means.clock.now()
                with suppress(BusError):  # the next minute's word has this one in it
                    await put(table, self._partition.name, judge.adding, services, judge.judged, now)

    # -- minutes ------------------------------------------------------------------------------------------------------

    async def _minutes(self) -> NoReturn:
        """Say each minute that is over."""
        if self.judging.judge.judged is None and self._jobs:
            # The past that a source tells at its first reading is of use only before the first minute is judged.
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_READINGS_S):
                    await self._all_heard.wait()
        said: datetime | None = self.judging.judge.judged
        while True:
            now = self._now()
            over = _whole(now - timedelta(seconds=GRACE_S))
            if said is not None and said < over:
                at = min(over, max(said, over - _MOST_BEHIND) + timedelta(seconds=TICK_S))
            elif said is None:
                at = over
            else:
                rest_s = (over - now).total_seconds() + TICK_S + GRACE_S
                await self._clock.sleep(min(max(rest_s, 0.001), TICK_S))
                continue
            await self._say(at)
            said = at

    async def _say(self, at: datetime) -> None:
        """Put a minute into the log, behind what was read before it."""
        await self._writer.written(_WRITTEN_S)
        name = self._partition.name
        while True:
            fence = self._held.number
            if fence is None:
                raise Lost
            try:
                await self.judging.log.append(
                    minute_id(name, at), pack(Minute(at=at, owner=self._replica, fence=fence))
                )
            except BusError:
                await self._clock.sleep(_AGAIN_S)
                continue
            return

    def _now(self) -> datetime:
        """The time by the bus's clock."""
        return self._clock.now() - timedelta(seconds=self._skew.seconds or 0.0)


def _whole(at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // TICK_S * TICK_S, UTC)
