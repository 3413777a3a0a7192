"""What was heard of a service lately, in windows of a quarter of an hour: counts, tries, and who was heard when. Pure.

A window that nobody spoke of has no number: not heard is not zero. It has a zero where a source that counts was heard
and named nothing, and only there.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from math import ceil

from msgspec import Struct

from stillup.model.service import Family, Layer
from stillup.model.signal import Alive, Counted, Outcome, Signal
from stillup.registry import SOURCES
from stillup.sources.report import Report
from stillup.verdict.heard import EXPIRY_INTERVALS
from stillup.verdict.here import HERE
from stillup.verdict.outcomes.stream import ErrorKind, kind_of

WINDOW_S = 900
WINDOWS = 96
"""A day of them is kept."""

_COUNTS = (Family.CROWD, Family.SOCIAL)
_TRIES = (Family.PROBE, Family.TRAFFIC)
_LAYERS = (Layer.INFERENCE, Layer.API_GATEWAY, Layer.AUTH, Layer.PRESENTATION, Layer.EDGE)
"""The deepest first: how long it takes until the service has done something is what a person waits."""
_MOST_LINES = 20_000


class Heard(Struct, frozen=True, kw_only=True):
    """How one source fared when it was last read; ``at`` is when it was last read well, None for never."""

    ok: bool
    at: datetime | None
    why: str = ""


class Latency(Struct, frozen=True):
    """The newest time to an answer."""

    layer: Layer
    ms: float
    at: datetime


class Recent:
    """The last day of one service."""

    def __init__(self) -> None:
        self.sources: dict[str, Heard] = {}
        self._counts: dict[int, float] = {}
        self._known: set[int] = set()
        self._tries: dict[int, tuple[int, int]] = {}
        self._lines: dict[tuple[object, ...], float] = {}
        self._ids: dict[tuple[str, str], int] = {}
        """Tries that are told again with each reading, by the window in which they came first."""
        self._latency: dict[Layer, Latency] = {}
        self._told_from: dict[str, datetime] = {}

    def hear(self, report: Report) -> None:
        """Take in a reading, or that there was none."""
        before = self.sources.get(report.source)
        if report.reading is None:
            why = report.error.says if report.error else ""
            self.sources[report.source] = Heard(ok=False, at=before.at if before else None, why=why)
            return
        self.sources[report.source] = Heard(ok=True, at=report.started_at)
        lines = report.reading.signals
        self._told_from.setdefault(report.source, min((s.at for s in lines), default=report.started_at))
        self.take(lines, report.started_at, before.at if before else None)

    def recall(self, kept: Iterable[Signal], now: datetime) -> None:
        """Take in what was kept of an earlier time; from where a source itself has told its past, that stands alone."""
        self.take((s for s in kept if s.source not in self._told_from or s.at < self._told_from[s.source]), now)

    def take(self, signals: Iterable[Signal], now: datetime, last: datetime | None = None) -> None:
        """Take in signals of the last day; ``last`` is when their source was heard before."""
        oldest = _window(now) - WINDOWS
        for line in signals:
            spec = SOURCES.get(line.source)
            if spec is None or _window(line.at) <= oldest:
                continue
            if isinstance(line, Counted) and spec.family in _COUNTS:
                self._count(line)
            elif isinstance(line, Alive) and spec.family in _COUNTS and spec.calm_counts:
                self._know(line.at, spec.interval_s, last)
            elif isinstance(line, Outcome) and spec.family in _TRIES:
                self._try(line)
        self._forget(oldest)

    def counts(self, now: datetime, windows: int) -> list[float | None]:
        """Reports and posts in each of the last windows, oldest first; the last one is still open."""
        return [self._counts.get(w, 0.0 if w in self._known else None) for w in _last(now, windows)]

    def failing(self, now: datetime, windows: int) -> list[float | None]:
        """The share of tries that failed in each of the last windows, oldest first."""
        tallies = (self._tries.get(w) for w in _last(now, windows))
        return [None if t is None else t[1] / (t[0] + t[1]) for t in tallies]

    def latency(self) -> Latency | None:
        """The newest time to an answer, of the deepest layer that has one."""
        return next((self._latency[layer] for layer in _LAYERS if layer in self._latency), None)

    def heard_at(self) -> datetime | None:
        """When any source was last read well."""
        return max((h.at for h in self.sources.values() if h.at is not None), default=None)

    def _count(self, line: Counted) -> None:
        """Of two lines with one key and window the last one stands, as for the judgement."""
        end = ceil(line.at.timestamp() / line.window_s)
        key = (line.source, line.window_s, end, line.component, line.region, line.problem, line.client, line.model,
               line.id)  # fmt: skip
        more = line.count - self._lines.get(key, 0.0)
        self._lines[key] = line.count
        spread = max(1, round(line.window_s / WINDOW_S))
        for window in range(_window(line.at) - spread + 1, _window(line.at) + 1):
            self._counts[window] = self._counts.get(window, 0.0) + more / spread
            self._known.add(window)

    def _know(self, at: datetime, interval_s: int, last: datetime | None) -> None:
        """A source that counts was heard: what it did not name since its last word it saw none of."""
        gap_s = (at - last).total_seconds() if last is not None else 0.0
        reach_s = gap_s if 0.0 < gap_s <= EXPIRY_INTERVALS * interval_s else 0.0
        self._known.update(range(_window_of(at.timestamp() - reach_s), _window(at) + 1))

    def _try(self, line: Outcome) -> None:
        n_ok, n_failed = line.tally
        if line.layer in HERE or not n_ok + n_failed or (n_failed and kind_of(line.error) is ErrorKind.YOURS):
            return  # this machine's own trouble is no failure of the service
        if line.id is not None:
            if (line.source, line.id) in self._ids:
                return
            self._ids[line.source, line.id] = _window(line.at)
        ok, failed = self._tries.get(_window(line.at), (0, 0))
        self._tries[_window(line.at)] = (ok + n_ok, failed + n_failed)
        known = self._latency.get(line.layer)
        if n_ok and line.latency_ms is not None and (known is None or known.at <= line.at):
            self._latency[line.layer] = Latency(line.layer, line.latency_ms, line.at)

    def _forget(self, oldest: int) -> None:
        self._counts = {w: n for w, n in self._counts.items() if w > oldest}
        self._tries = {w: t for w, t in self._tries.items() if w > oldest}
        self._known = {w for w in self._known if w > oldest}
        self._ids = {key: w for key, w in self._ids.items() if w > oldest}
        while len(self._lines) > _MOST_LINES:
            del self._lines[next(iter(self._lines))]


def _window(at: datetime) -> int:
    """The number of the window a time lies in; its end still belongs to it."""
    return _window_of(at.timestamp())


def _window_of(at_s: float) -> int:
    return ceil(at_s / WINDOW_S)


def _last(now: datetime, windows: int) -> range:
    return range(_window(now) - windows + 1, _window(now) + 1)
