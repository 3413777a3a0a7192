"""What ``stillup top`` knows of every service: the newest verdict, the last hours, and how it is to be shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stillup.catalog.load import Service
from stillup.cli.live.table import Seen, View
from stillup.clock import Clock
from stillup.daemon.ask import judge_many
from stillup.daemon.recent import WINDOW_S, Recent
from stillup.errors import StoreError
from stillup.model.evidence import Evidence
from stillup.model.service import Capability
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.registry import SOURCES
from stillup.sources.poller import Report
from stillup.verdict.monitor import Monitor

if TYPE_CHECKING:
    from stillup.store.store import Store

_RECALLED = timedelta(seconds=24 * WINDOW_S)
_MOST_RECALLED = 50_000
_SETTLED_S, _PATIENCE_S = 0.7, 6.0
"""Real seconds without a new reading after which the first look is judged, and after which it is anyway."""


class Board:
    """What is known of every service, as the live monitor hears and judges it."""

    def __init__(self, wanted: Sequence[Service], monitor: Monitor, clock: Clock, view: View) -> None:
        self.view = view
        self.is_ready = asyncio.Event()
        """There is a verdict on every service that any could be had on."""
        self._changes: list[Verdict] = []
        self._wanted = tuple(wanted)
        self._monitor = monitor
        self._clock = clock
        self._recent = {s.id: Recent() for s in wanted}
        self._reports: dict[tuple[str, str], Report] = {}
        self._first: dict[str, tuple[Verdict, tuple[Evidence, ...]]] = {}
        self._is_judged = False
        self._trouble = ""

    def heard(self, report: Report) -> None:
        """A source was read, or could not be."""
        self._recent[report.service].hear(report)
        if not self._is_judged:
            self._reports[report.service, report.source] = report

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:  # noqa: ARG002 - the table has a clock
        """A minute was judged."""
        self._is_judged = True
        self._reports.clear()
        self._trouble = ""
        self._changes += [c for c in changes if c.component is None]
        self.is_ready.set()

    def trouble(self, why: str) -> None:
        """What was judged could not be kept."""
        self._trouble = f"not kept for now: {why}"

    def take_changes(self) -> list[Verdict]:
        """What has changed since this was last asked."""
        changes, self._changes = self._changes, []
        return changes

    async def look_first(self) -> None:
        """Judge what has been read as one look does, again as more comes, so that nobody waits for the minute's end."""
        judged = before = 0
        begun = self._clock.monotonic_s()
        while not self._is_judged:
            await asyncio.sleep(_SETTLED_S)
            heard, settled = len(self._reports), len(self._reports) == before
            before = heard
            if heard > judged and (settled or self._clock.monotonic_s() - begun > _PATIENCE_S):
                judged = heard
                await self._judge_first(list(self._reports.values()))

    async def _judge_first(self, reports: list[Report]) -> None:
        answers = await asyncio.to_thread(judge_many, self._wanted, reports, self._clock.now())
        self._first = {a.service.id: (a.verdict, a.evidence) for a in answers if a.reports}
        self.is_ready.set()

    async def recall(self, store: Store) -> None:
        """Take in what was kept of the last hours, so that the picture does not begin with this program."""
        since = self._clock.now() - _RECALLED
        for service in self._wanted:
            try:
                kept = await asyncio.to_thread(_kept, store, service.id, since)
            except StoreError:
                return
            self._recent[service.id].recall(kept, self._clock.now())

    def press(self, key: str) -> None:
        """Change the view."""
        if key == "s":
            self.view = View(sort=self.view.sort.next(), task=self.view.task)
        elif key == "t":
            can = [c for c in Capability if any(a.capability is c for s in self._wanted for a in s.abilities)]
            tasks = [None, *can]
            self.view = View(sort=self.view.sort, task=tasks[(tasks.index(self.view.task) + 1) % len(tasks)])

    def shown(self) -> tuple[list[Seen], datetime, View]:
        """Every service as it is known now, the time, and how to show it."""
        now = self._clock.now()
        return [self._seen(service, now) for service in self._wanted], now, replace(self.view, note=self._note())

    def _seen(self, service: Service, now: datetime) -> Seen:
        recent = self._recent[service.id]
        verdict = self._monitor.verdicts(service.id).get(None)
        if verdict is not None:
            evidence = tuple(self._monitor.evidence(service.id))
            return Seen(service=service, verdict=verdict, evidence=evidence, recent=recent)
        first = self._first.get(service.id)
        if first is not None:
            return Seen(service=service, verdict=first[0], evidence=first[1], recent=recent)
        nothing = Verdict(at=now, service=service.id)
        return Seen(service=service, verdict=nothing, evidence=(), recent=recent, is_judged=self._is_judged)

    def _note(self) -> str:
        return self._trouble or ("" if self._is_judged else "first look" if self._first else "reading")


def _kept(store: Store, service: str, since: datetime) -> list[Signal]:
    lines = (s for s in store.signals(service, since) if s.source in SOURCES)
    return list(islice(lines, _MOST_RECALLED))
