"""What was heard of one service, as far as a board needs it: counts, last words, tips, planned work. Bounded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain

from msgspec import structs

from stillup.board import Bar, Maintenance, SourceLine
from stillup.catalog.load import Service
from stillup.daemon.lines import line_of, order_of
from stillup.daemon.recent import WINDOW_S, WINDOWS, Recent
from stillup.daemon.yours import PROGRAMS
from stillup.model.service import Family
from stillup.model.signal import Outcome, Signal
from stillup.registry import SOURCES
from stillup.response.workarounds import Tip
from stillup.sources.report import Report
from stillup.verdict.monitor import Monitor

COUNTED = (Family.CROWD, Family.SOCIAL)
"""Whose counts the chart adds up: people who say that something is wrong."""

_MOST_TRIES, _MOST_TIPS, _MOST_WORKS = 500, 200, 50
_TIPS_FOR = timedelta(days=1)
_LATEST = datetime.max.replace(tzinfo=UTC)

Band = tuple[float, float, float]
"""Usual, and between which counts 95 of 100 calm windows lie."""


class Account:
    """All that was heard of one service; ``is_new`` until the board has taken it over."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.recent = Recent()
        self.is_new = True
        self._reports: dict[str, Report] = {}
        self._tips: dict[str, Tip] = {}
        """By address: most sources tell the same posts again with each reading, some tell each once."""
        self._works: dict[str, tuple[Maintenance, ...]] = {}
        self._bands: dict[int, Band | None] = {}

    def hear(self, report: Report) -> None:
        """Take in a reading, or that there was none. What a source said last stands until it is read again."""
        if report.source not in SOURCES:
            return
        self.is_new = True
        self.recent.hear(report)
        before = self._reports.get(report.source)
        self._reports[report.source] = _slim(report, before)
        if report.reading is None:
            return
        self._tips |= {tip.url: tip for tip in report.reading.tips}
        for url in [*self._tips][:-_MOST_TIPS]:
            del self._tips[url]
        if SOURCES[report.source].family is Family.OFFICIAL:
            self._works[report.source] = report.reading.maintenances[:_MOST_WORKS]

    def take(self, signals: Iterable[Signal], now: datetime) -> None:
        """Take in signals that no poller read."""
        self.is_new = True
        self.recent.take(signals, now)

    def recall(self, kept: Iterable[Signal], now: datetime) -> None:
        """Take in what was kept of an earlier time."""
        self.recent.recall(kept, now)

    @property
    def reports(self) -> tuple[Report, ...]:
        """The last word of each source, in the registry's order; of its signals only tries are kept."""
        return tuple(self._reports[source] for source in sorted(self._reports, key=order_of))

    def lines(self) -> tuple[SourceLine, ...]:
        """A line for each source."""
        heard = self.recent.sources
        return tuple(line_of(self.service, r, heard[r.source].at if r.source in heard else None) for r in self.reports)

    def tips(self, now: datetime) -> list[Tip]:
        """Ways round that were posted in the last day."""
        return [tip for tip in self._tips.values() if now - tip.at <= _TIPS_FOR]

    def maintenances(self, now: datetime) -> tuple[Maintenance, ...]:
        """Work that is not over yet, soonest first; what two pages announce alike is told once."""
        listed = (w for w in chain(*self._works.values()) if w.ends is None or w.ends > now)
        alike = {(w.title.casefold(), w.starts): w for w in listed}
        return tuple(sorted(alike.values(), key=lambda w: (w.starts or _LATEST, w.id)))

    def bars(self, monitor: Monitor, now: datetime) -> tuple[Bar, ...]:
        """The chart of the last day; what is usual of a window is what was so while it was open."""
        counts = self.recent.counts(now, WINDOWS)
        if all(count is None for count in counts):
            return ()
        last = _window(now)
        self._bands = {w: band for w, band in self._bands.items() if last - WINDOWS < w < last}
        return tuple(self._bar(monitor, last - WINDOWS + 1 + i, count) for i, count in enumerate(counts))

    def _bar(self, monitor: Monitor, window: int, count: float | None) -> Bar:
        at = datetime.fromtimestamp(window * WINDOW_S, UTC)
        if self._bands.get(window) is None:
            self._bands[window] = band_of(monitor, self.service.id, at)
        usual, low, high = self._bands[window] or (None, None, None)
        return Bar(at=at, count=count, usual=usual, low=low, high=high)


def band_of(monitor: Monitor, service: str, at: datetime) -> Band | None:
    """The band of a window that ends at ``at``; None while too little is known of the service."""
    usual = monitor.usual(service, COUNTED, at, WINDOW_S)
    return None if usual is None else (round(usual.mean, 3), *usual.band())


def _slim(report: Report, before: Report | None) -> Report:
    """The report with no more of its signals than tries: a day of counts would be held twice."""
    if report.reading is None:
        return report
    tries = [s for s in report.reading.signals if isinstance(s, Outcome)]
    if report.source in PROGRAMS:  # each reading brings only what is new, and a limit stands until it resets
        tries = [*_tries(before, report.started_at), *tries]
    reading = structs.replace(report.reading, signals=tuple(tries[-_MOST_TRIES:]), tips=(), maintenances=())
    return structs.replace(report, reading=reading)


def _tries(report: Report | None, now: datetime) -> Iterator[Outcome]:
    if report is not None and report.reading is not None:
        for s in report.reading.signals:
            if isinstance(s, Outcome) and now - s.at <= timedelta(days=1):
                yield s


def _window(at: datetime) -> int:
    return -int(-at.timestamp() // WINDOW_S)
