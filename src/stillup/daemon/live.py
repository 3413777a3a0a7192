"""The running monitor: readings come in as they come, every minute is judged once, changes are kept and told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, Protocol

from msgspec import structs

from stillup.clock import Clock
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.sources.poller import Poller, Report
from stillup.store import Key
from stillup.store import Report as KeptReport
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import TICK_S

if TYPE_CHECKING:
    from stillup.store.store import Store


_LATE = timedelta(minutes=5)


class Listener(Protocol):
    """Who is told what happens. Calls are made from the event loop and must not block."""

    def heard(self, report: Report) -> None:
        """A source was read, or could not be."""

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """A minute was judged; ``changes`` is empty most of the time."""


class Live:
    """Drives a monitor from a poller. ``store`` may be None: then nothing outlasts the process.

    A reading that arrives after its minute was judged belongs to the minute it arrived in, so what is recorded replays
    to the same changes. Event time never runs backwards: when the wall clock is set back, minutes go on by the steady
    clock until the wall has caught up.
    """

    def __init__(self, monitor: Monitor, clock: Clock, listener: Listener, store: Store | None = None) -> None:
        self.monitor = monitor
        self._clock = clock
        self._listener = listener
        self._store = store
        self._arrived: list[Signal] = []
        self._reports: list[KeptReport] = []
        self._judged: datetime | None = None
        self._judged_steady_s = 0.0

    def hear(self, report: Report) -> None:
        """Take a reading in; give this to the poller."""
        self._listener.heard(report)
        why = report.error.says if report.error else ""
        self._reports.append(
            KeptReport(source=report.source, service=report.service, at=report.started_at, ok=report.ok, why=why)
        )
        if report.reading is not None:
            now = self._event_now()
            self._arrived += [in_time for s in report.reading.signals if (in_time := self._in_time(s, now))]

    def _in_time(self, signal: Signal, now: datetime) -> Signal | None:
        if self._judged is None or signal.at > self._judged:
            return signal
        # The past that a source tells at its first reading is of use only before the first minute is judged.
        return structs.replace(signal, at=now) if signal.at > self._judged - _LATE else None

    def _event_now(self) -> datetime:
        wall = self._clock.now()
        if self._judged is None:
            return wall
        steady = self._judged + timedelta(seconds=max(0.001, self._clock.monotonic_s() - self._judged_steady_s))
        return max(wall, steady) if wall > self._judged else steady

    async def run(self, poller: Poller) -> NoReturn:
        """Poll and judge until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(poller.run())
            while True:
                now = self._event_now()
                into_minute_s = now.timestamp() % TICK_S
                await self._clock.sleep(TICK_S - into_minute_s)
                await self.judge(self._event_now())

    async def judge(self, now: datetime) -> list[Verdict]:
        """Judge every whole minute up to ``now``; what changed is on the disk before anyone is told."""
        tick = datetime.fromtimestamp(now.timestamp() // TICK_S * TICK_S, UTC)
        arrived, self._arrived = self._arrived, []
        changes = self.monitor.step(tick, arrived)
        self._judged, self._judged_steady_s = tick, self._clock.monotonic_s() - (now - tick).total_seconds()
        if self._store is not None:
            await asyncio.to_thread(self._keep, self._store, arrived, changes)
        self._listener.judged(tick, changes)
        return changes

    def _keep(self, store: Store, arrived: Sequence[Signal], changes: Sequence[Verdict]) -> None:
        evidence = {Key.of(c): tuple(self.monitor.evidence(c.service)) for c in changes}
        store.commit_step(changes, self.monitor.incidents(), evidence)
        store.record(arrived)
        reports, self._reports = self._reports, []
        store.save_reports(reports)
