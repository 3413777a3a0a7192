"""Where lines wait for their tick: sorted within five minutes, doubles dropped, strangers named."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from math import ceil

from stillup.model.service import Family
from stillup.model.signal import Counted, Declared, Outcome, Signal
from stillup.registry import SOURCES
from stillup.verdict.settings import TICK_S

_IDS_S = 2 * 3600
"""For so long after its tick a line's id is known: what comes later than five minutes is dropped as it is."""
_IDS_KEPT = 50_000
_STRANGERS_KEPT = 1000


class Intake:
    """The lines of one service that are still to be judged, by tick."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Signal]] = {}
        self._ticks: list[int] = []
        self._ids: dict[tuple[type, str, str], int] = {}
        """The lines that have come, with their tick, oldest first but for what came out of order."""
        self.done_s = -1
        """The newest tick that has been judged; what belongs to it or before comes too late."""
        self.late = 0
        self.unknown: Counter[str] = Counter()
        """Lines of sources that nobody knows and that name no family, by source."""

    def put(self, line: Signal) -> None:
        """Take a line in, once."""
        if family_of(line) is None:
            if line.source in self.unknown or len(self.unknown) < _STRANGERS_KEPT:
                self.unknown[line.source] += 1
            return
        tick = ceil(line.at.timestamp() / TICK_S) * TICK_S
        if tick <= self.done_s:
            self.late += 1
            return
        if line.id is not None and not isinstance(line, Counted):
            key = (type(line), line.source, line.id)
            if key in self._ids:
                return
            self._ids[key] = tick
            if len(self._ids) > _IDS_KEPT:
                del self._ids[next(iter(self._ids))]
        waiting = self._waiting.get(tick)
        if waiting is None:
            waiting = self._waiting[tick] = []
            heappush(self._ticks, tick)
        waiting.append(line)

    @property
    def next_s(self) -> int | None:
        """The earliest tick with lines."""
        return self._ticks[0] if self._ticks else None

    def take(self, tick: int) -> list[Signal]:
        """The lines of a tick in the order of their times; of identical ones (outcomes excepted) only one."""
        self.done_s = tick
        self._forget()
        if not self._ticks or self._ticks[0] != tick:
            return []
        heappop(self._ticks)
        seen: set[Signal] = set()
        lines: list[Signal] = []
        for line in self._waiting.pop(tick):
            if isinstance(line, Counted) or (isinstance(line, Outcome) and line.id is None):
                lines.append(line)  # of counts the last one of a window stands, so even a repetition can matter
            elif line not in seen:
                seen.add(line)
                lines.append(line)
        lines.sort(key=_order)
        return lines

    def _forget(self) -> None:
        """Drop the ids of long ago."""
        while self._ids:
            oldest = next(iter(self._ids))
            if self._ids[oldest] >= self.done_s - _IDS_S:
                return
            del self._ids[oldest]


def _order(line: Signal) -> tuple[float, bool]:
    """By time; a page's general word before what it says of single incidents at the same moment."""
    return line.at.timestamp(), isinstance(line, Declared) and line.incident is not None


def family_of(line: Signal) -> Family | None:
    """The family a line votes in, None for a stranger. StatusGator's counts are its users' reports, so crowd."""
    spec = SOURCES.get(line.source)
    if spec is None:
        return line.family
    if line.source == "statusgator" and isinstance(line, Counted):
        return Family.CROWD
    return spec.family
