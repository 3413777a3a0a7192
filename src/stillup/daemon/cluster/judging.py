"""One partition judged from its log by this process: where it begins, what follows from each record, what is told.

:meth:`Judging.begin` finds the newest checkpoint that fits; :meth:`Judging.follow` reads the log from there. What was
judged before is judged again on the way and comes to the same; whoever wrote it first has written it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from stillup.daemon.cluster.checkpoints import SHELF, Checkpoint, Checkpoints, Meant, begun_from, take
from stillup.daemon.cluster.log_judge import LogJudge, Why
from stillup.daemon.cluster.machine import Step
from stillup.daemon.cluster.saving import BeginAnew
from stillup.daemon.traces import OFF, Traces
from stillup.errors import BusError

if TYPE_CHECKING:
    from stillup.bus.base import Bus, Log, Record
    from stillup.clock import Clock
    from stillup.daemon.cluster.partitions import Partition
    from stillup.daemon.cluster.saving import Saver
    from stillup.model.incident import Incident
    from stillup.verdict.monitor import Monitor

BIRTHS = "births"
"""The table of when each log began: what is known of one that is gone is not taken for that of the one after it."""
_EVERY = timedelta(minutes=5)
_ASKED_S = 1.0
"""A database that stands still holds a takeover up no longer."""
_LOG_KEPT = timedelta(hours=24)
"""So much of a log is kept even where no checkpoint needs it: for states that no version reads any more."""
_MARKS = timedelta(minutes=30)

Say = Callable[[str], None]


class Told(Protocol):
    """Who hears of judged minutes, once the judge has caught up with the log. Must not block."""

    def judged(self, monitor: Monitor, step: Step, trace: str) -> None:
        """A minute was judged."""


class Means(Struct, frozen=True, kw_only=True):
    """What judges of every partition are handed.

    ``fresh`` makes the monitor of some services that begins from nothing, ``restored`` one from its state; it raises
    :class:`~stillup.errors.BadDataError`. Of the database ``past`` gives incidents of these services, those that are
    open, too, and ``kept`` up to which record it has a log (None: it cannot say); both block. ``saved`` is told when
    changes of verdict are in it.
    """

    bus: Bus
    clock: Clock
    say: Say
    fresh: Callable[[Sequence[str]], Monitor]
    restored: Callable[[bytes], Monitor]
    past: Callable[[Sequence[str]], Sequence[Incident]] = lambda _: ()
    kept: Callable[[str], int | None] = lambda _: None
    saved: Callable[[], None] = lambda: None
    traces: Traces = OFF


class Judging:
    """A partition's judge in this process."""

    def __init__(self, partition: Partition, means: Means, saver_of: Callable[[str], Saver], told: Told) -> None:
        """``saver_of`` gives what writes to the database, by the name of a log that is never another's."""
        self.partition = partition
        self._means = means
        self._saver_of = saver_of
        self._told = told
        self.log: Log = means.bus.log(partition.log)
        self._checkpoints = Checkpoints(means.bus.shelf(SHELF), partition.name, means.say)
        self._profiles = partition.profiles
        self._birth = ""
        self._pending: Checkpoint | None = None
        self._kept_at: datetime | None = None
        self._marks: list[tuple[datetime, int]] = []
        self.saver: Saver
        self.judge: LogJudge
        self.resumed = False
        """It goes on from a checkpoint."""
        self.ahead = 0
        """Minutes that were said before their time, by a clock that is wrong."""

    async def begin(self) -> int:
        """Find where to begin; the number of the newest record, up to which there is something to catch up with.

        :raises stillup.errors.BusError: the bus does not answer.
        """
        oldest, newest = await self.log.ends()
        self._birth, skipped = await self._born(newest)
        kept = await self._kept()
        reached, oldest = max(kept or 0, skipped), max(oldest, skipped + 1)
        meant = Meant(
            profiles=self._profiles, birth=self._birth, now=await self._means.bus.now(), oldest=oldest, newest=newest,
            kept=kept,
        )  # fmt: skip
        found = await self._checkpoints.newest(meant)
        judge = begun_from(found, self._restored, self._means.say)
        self.resumed = judge is not None
        if judge is None and kept is not None and reached + 1 < oldest:
            self._say(f"has a gap: records {reached + 1} to {oldest - 1} are neither in the database nor in the log")
        self.judge = judge if judge is not None else await self._from_the_beginning(oldest, newest)
        self.saver = self._saver_of(self._name)
        self.saver.seq = self.judge.seq
        self.saver.vouched = self.judge.seq if self.resumed else -1
        self._kept_at = self.judge.judged
        return newest

    @property
    def _name(self) -> str:
        """The log's, never another's: as the database knows it."""
        return f"{self.partition.name}/{self._birth}"

    async def _kept(self) -> int | None:
        """Up to which record the database has this log; None where it does not say so at once."""
        try:
            async with asyncio.timeout(_ASKED_S):
                return await asyncio.to_thread(self._means.kept, self._name)
        except TimeoutError:
            return None

    async def _from_the_beginning(self, oldest: int, newest: int) -> LogJudge:
        """A judge of all that the log has; of what lies before it only the incidents are known."""
        services, since = self.partition.services, await self._means.bus.now()
        if newest >= oldest:
            self._say(f"is judged from the beginning of its log ({newest - oldest + 1} records)")
            since = await self._first(oldest)
        monitor = self._means.fresh(services)
        past = await asyncio.to_thread(self._means.past, services)
        over = [i for i in past if i.recovered_at is not None and i.recovered_at < since]
        monitor.remember(over)
        # What was open then may be over by now: another has judged this log before. It is judged to its end again.
        standing = {i.service: i for i in past if i.opened_at < since and i not in over}
        monitor.take_up(standing.values())
        judge = LogJudge(monitor, services)
        judge.seq = oldest - 1
        return judge

    async def _first(self, oldest: int) -> datetime:
        async with _reading(self.log, oldest - 1) as records:
            async for record in records:
                return record.at
        return await self._means.bus.now()

    async def follow(self, until: int | None = None) -> None:
        """Read on; up to record ``until`` (a catching up, of which nobody is told), else until cancelled."""
        if until is not None and self.judge.seq >= until:
            return
        async with _reading(self.log, self.judge.seq) as records:
            async for record in records:
                await self._take(record, is_new=until is None)
                if until is not None and self.judge.seq >= until:
                    return

    async def _take(self, record: Record, *, is_new: bool) -> None:
        try:
            applied = self.judge.apply(record)
        except MemoryError:
            raise
        except Exception as exc:
            # Whoever reads on from a checkpoint would come to it again, and so would the next.
            await self._skip(record.seq)
            msg = f"record {record.seq} ends the judgement by a mistake of stillup's own ({type(exc).__name__}: {exc})"
            raise BeginAnew(msg) from exc
        if applied.lost:
            self._say(f"{applied.lost} records of its log are gone: what they said is not judged")
        if applied.reason is Why.AHEAD:
            self.ahead += 1
            if self.ahead == 1:
                self._say("a minute was said that has not begun: some replica's clock is wrong; it is passed over")
        step = applied.step
        if step is None:
            return
        self.saver.add(step)
        if is_new:
            self._told.judged(self.judge.machine.monitor, step, applied.trace)
        else:
            await self.saver.room()
        await self._checkpoint(step, is_new=is_new)

    # -- checkpoints --------------------------------------------------------------------------------------------------

    async def _checkpoint(self, step: Step, *, is_new: bool) -> None:
        """Take one if it is time, and keep the one that was taken once the database has all of it."""
        if not self._marks or step.at - self._marks[-1][0] >= _MARKS:
            self._marks.append((step.at, step.seq))
        changed = is_new and bool(step.changes)
        if self._pending is None and (changed or self._kept_at is None or step.at - self._kept_at >= _EVERY):
            # In a thread: it takes some 10 ms a service, and what was judged is being told. Nobody judges meanwhile.
            self._pending = await asyncio.to_thread(take, self.judge, self._profiles, self._birth, tuple(self._marks))
        await self.keep()

    async def keep(self) -> None:
        """Keep the checkpoint that waits, if the database has everything before it."""
        pending = self._pending
        if pending is None or pending.seq > self.saver.seq:
            return
        try:
            await self._checkpoints.keep(pending)
        except BusError as exc:
            self._say(f"its checkpoint cannot be kept, and is tried again: {exc}")
            return
        self._pending, self._kept_at = None, pending.judged
        await self._reached(pending.seq)
        await self._trim(pending.judged)

    async def keep_last(self) -> None:
        """At a peaceful end: write what waits, and leave a checkpoint for whoever goes on."""
        await self.saver.flush()
        if self.judge.judged is not None and self.saver.seq == self.judge.seq:
            self._pending = take(self.judge, self._profiles, self._birth, self._marks)
            await self.keep()

    async def _trim(self, now: datetime) -> None:
        """Let records go that nobody will read: those before every checkpoint kept, and older than a day."""
        old = [seq for at, seq in self._marks if at < now - _LOG_KEPT]
        if not old or not self._checkpoints.oldest_seq:
            return
        self._marks = [(at, seq) for at, seq in self._marks if at >= now - _LOG_KEPT]
        try:
            await self.log.trim(min(old[-1], self._checkpoints.oldest_seq))
        except BusError:
            return  # another time

    def _restored(self, kept: Checkpoint) -> LogJudge:
        judge = LogJudge(self._means.restored(kept.monitor), self.partition.services)
        judge.go_on(kept.seq, kept.judged, kept.reads, kept.adding)
        self._marks = list(kept.marks)
        return judge

    async def _born(self, newest: int) -> tuple[str, int]:
        """When this log began, and the record behind which: said once, by whoever judged it first.

        Anew when the bus has lost the log, or when a record ends the judgement.
        """
        table = self._means.bus.table(BIRTHS)
        while True:
            entry = await table.get(self.partition.name)
            if entry is not None and entry.value is not None:
                birth, reached, skipped = _birth_of(entry.value)
                if birth and reached <= newest:
                    return birth, skipped
                self._say("is judged anew: its log is gone from the bus")
            birth = f"{await self._means.bus.now():%Y%m%dT%H%M%S}"
            revision = entry.revision if entry is not None else 0
            if await table.put(self.partition.name, f"{birth} {newest} 0".encode(), revision=revision) is not None:
                return birth, 0

    async def _reached(self, seq: int) -> None:
        """Note how far the log has come, to know it again by."""
        table = self._means.bus.table(BIRTHS)
        with suppress(BusError):
            entry = await table.get(self.partition.name)
            birth, _, skipped = _birth_of(entry.value or b"") if entry is not None else ("", 0, 0)
            if entry is not None and birth == self._birth:
                await table.put(self.partition.name, f"{birth} {seq} {skipped}".encode(), revision=entry.revision)

    async def _skip(self, seq: int) -> None:
        """Let whoever judges this log, here and elsewhere, begin behind a record and without what was known."""
        birth = f"{await self._means.bus.now():%Y%m%dT%H%M%S}x{seq}"
        await self._means.bus.table(BIRTHS).put(self.partition.name, f"{birth} {seq} {seq}".encode())

    def _say(self, text: str) -> None:
        self._means.say(f"partition {self.partition.name} {text}")


def _birth_of(value: bytes) -> tuple[str, int, int]:
    """A birth, how far its log had come, and the record behind which it is judged; an empty one where it is none."""
    words = value.decode("ascii", "replace").split(" ")
    if len(words) != 3 or not (words[1].isdigit() and words[2].isdigit()):
        return "", 0, 0
    return words[0], int(words[1]), int(words[2])


@asynccontextmanager
async def _reading(log: Log, after: int) -> AsyncIterator[AsyncIterator[Record]]:
    """A reading of a log that is closed at once when it is left."""
    records = log.read(after)
    try:
        yield records
    finally:
        close = getattr(records, "aclose", None)
        if close is not None:
            await close()
