"""The running monitor: readings come in as they come, every minute is judged once, changes are kept and told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, Protocol

from msgspec import structs

from stillup.clock import Clock
from stillup.daemon.cluster.machine import Machine
from stillup.daemon.unsaved import Unsaved
from stillup.errors import StoreError
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.sources.poller import Poller, Report
from stillup.store import Report as KeptReport
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import TICK_S

if TYPE_CHECKING:
    from stillup.store.store import Store


_FIRST_READINGS_S = 5.0  # of real time: more than any first reading's deadline
_REPORTS_KEPT = 1_000


class Listener(Protocol):
    """Who is told what happens. Calls are made from the event loop and must not block."""

    def heard(self, report: Report) -> None:
        """A source was read, or could not be."""

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """A minute was judged; ``changes`` is empty most of the time."""

    def trouble(self, why: str) -> None:
        """What was judged could not be kept; it is tried again."""


class Listeners:
    """Several listeners as one, told in their order."""

    def __init__(self, *those: Listener) -> None:
        self._those = those

    def heard(self, report: Report) -> None:
        """Tell every one."""
        for listener in self._those:
            listener.heard(report)

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """Tell every one."""
        for listener in self._those:
            listener.judged(now, changes)

    def trouble(self, why: str) -> None:
        """Tell every one."""
        for listener in self._those:
            listener.trouble(why)


Feed = Callable[[datetime], Iterable[Signal]]
"""What has gathered elsewhere in this process by the time it is given; asked before each minute is judged."""


class Live:
    """Drives a monitor from a poller, and from feeds of what this process sees itself.

    ``store`` may be None: then nothing outlasts the process. ``keep`` is how long signals stay in it; None is for ever.
    ``standing`` are services with whose verdicts the monitor was restored: whoever listens is told them at first.
    ``kept`` are the services whose history is this one's to keep; None: all.

    A reading that arrives after its minute was judged belongs to the minute it arrived in, so what is recorded replays
    to the same changes. Event time never runs backwards: when the wall clock is set back, minutes go on by the steady
    clock until the wall has caught up.
    """

    def __init__(
        self,
        monitor: Monitor,
        clock: Clock,
        listener: Listener,
        store: Store | None = None,
        keep: timedelta | None = None,
        feeds: Sequence[Feed] = (),
        standing: Iterable[str] = (),
        kept: Container[str] | None = None,
    ) -> None:
        self.monitor = monitor
        self._machine = Machine(monitor)
        self._kept = kept
        self._standing = tuple(standing)
        self._clock = clock
        self._listener = listener
        self._store = store
        self._keep = keep
        self._feeds = feeds
        self._pruned: date | None = None
        self._reports: list[KeptReport] = []
        self._unsaved = Unsaved(kept)
        self._judged_steady_s = 0.0
        self._heard: set[tuple[str, str]] = set()
        self._asked = 0
        self._all_heard = asyncio.Event()

    def hear(self, report: Report) -> None:
        """Take a reading in; give this to the poller."""
        self._listener.heard(report)
        self._heard.add((report.service, report.source))
        if len(self._heard) >= self._asked:
            self._all_heard.set()
        if self._kept is None or report.service in self._kept:
            why = report.error.says if report.error else ""
            self._reports.append(
                KeptReport(source=report.source, service=report.service, at=report.started_at, ok=report.ok, why=why)
            )
        if report.reading is not None:
            self.take(report.reading.signals)

    def take(self, signals: Iterable[Signal]) -> None:
        """Take in signals that no poller read; they are judged with the next minute, and recorded like all others."""
        self._machine.hear(signals, self._event_now())

    def _event_now(self) -> datetime:
        wall, judged = self._clock.now(), self._machine.judged
        if judged is None:
            return wall
        steady = judged + timedelta(seconds=max(0.001, self._clock.monotonic_s() - self._judged_steady_s))
        return max(wall, steady) if wall > judged else steady

    async def run(self, poller: Poller) -> NoReturn:
        """Poll and judge until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(poller.run())
            await self._hear_all_once(poller.size)
            while True:
                now = self._event_now()
                into_minute_s = now.timestamp() % TICK_S
                await self._clock.sleep(TICK_S - into_minute_s)
                await self.judge(self._event_now())

    async def _hear_all_once(self, sources: int) -> None:
        """Wait for every source's first reading: the past that it tells is of use only before the first minute."""
        self._asked = sources
        if sources == 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(
                _FIRST_READINGS_S
            ):  # wait_for can swallow a cancellation that comes with the last
                await self._all_heard.wait()

    async def judge(self, now: datetime) -> list[Verdict]:
        """Judge every whole minute up to ``now``; what changed is on the disk before anyone is told."""
        for feed in self._feeds:
            self.take(feed(now))
        tick = datetime.fromtimestamp(now.timestamp() // TICK_S * TICK_S, UTC)
        step = self._machine.minute(tick)
        if self._standing:
            step.changes += self._still_so(tick, step.changes)
            step.evidence = self._machine.grounds(step.changes)
        self._judged_steady_s = self._clock.monotonic_s() - (now - tick).total_seconds()
        if self._store is not None:
            self._unsaved.add(step)
            await self._save(self._store)
            await self._prune(self._store, tick)
        self._listener.judged(tick, step.changes)
        return step.changes

    def _still_so(self, tick: datetime, changes: Sequence[Verdict]) -> list[Verdict]:
        """What stood when the monitor was restored and stands: said once, for nobody here has heard of it."""
        standing, self._standing = self._standing, ()
        changed = {(c.service, c.component) for c in changes}
        verdicts = (v for service in standing for v in self.monitor.verdicts(service).values())
        return [structs.replace(v, at=tick) for v in verdicts if (v.service, v.component) not in changed]

    async def _prune(self, store: Store, now: datetime) -> None:
        """Once a day, and at the start, drop the signals that are older than they are kept."""
        if self._keep is None or self._pruned == now.date():
            return
        self._pruned = now.date()
        try:
            await asyncio.to_thread(store.prune, now, self._keep)
        except StoreError as exc:
            self._listener.trouble(str(exc))

    async def _save(self, store: Store) -> None:
        """Put everything unsaved on the disk; what cannot be written is said, kept, and tried again next minute."""
        batch, reports = self._unsaved, self._reports
        try:
            dropped = await asyncio.to_thread(batch.write, store, reports)
        except StoreError as exc:
            self._listener.trouble(str(exc))
            del self._reports[:-_REPORTS_KEPT]
            return
        self._unsaved, self._reports = Unsaved(self._kept), self._reports[len(reports) :]
        if dropped:
            self._listener.trouble(f"{dropped} signals cannot be stored and were left out")
