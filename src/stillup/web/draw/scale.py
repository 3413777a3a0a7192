"""Scales: where a time or a count lies, and which of them are worth a tick."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from msgspec import Struct

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS = (
    *(_MINUTE * n for n in (5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 5, 10, 30, 90)),
)
_LEAST = 4.0
"""No scale of counts ends below it: one report would else fill the chart."""


class Tick(Struct, frozen=True):
    """A place along an axis in per cent, with its word and which way the word is written from there."""

    at: float
    says: str
    anchor: str = "middle"


def ceiling(values: Sequence[float]) -> float:
    """The round number at which a scale of these counts ends."""
    most = max([*values, _LEAST])
    power = 10.0 ** (len(f"{most:.0f}") - 1)
    return next(power * f for f in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 20) if power * f >= most)


def place(at: datetime, first: datetime, last: datetime) -> float:
    """Where a moment lies between two others, in per cent; held within them."""
    whole = (last - first).total_seconds()
    return 0.0 if whole <= 0 else min(100.0, max(0.0, (at - first).total_seconds() / whole * 100.0))


def clock_ticks(first: datetime, last: datetime, most: int = 5) -> list[Tick]:
    """Round moments (UTC) between two others; midnight is named by its day."""
    whole = (last - first).total_seconds()
    step = _step(whole, most)
    begin = -(-first.timestamp() // step) * step
    ticks: list[Tick] = []
    while begin <= last.timestamp() and len(ticks) <= most:
        at = datetime.fromtimestamp(begin, UTC)
        says = f"{at.day} {at:%b}" if at.hour == at.minute == 0 else f"{at:%H:%M}"
        where = place(at, first, last)
        ticks.append(Tick(where, says, anchor(where)))
        begin += step
    return ticks


def span_ticks(whole_s: float, most: int = 5) -> list[Tick]:
    """Round spans from 0 to ``whole_s`` seconds; the first is *now*."""
    step = _step(whole_s, most)
    unit, name = (_MINUTE, "min") if step < _HOUR else (_HOUR, "h") if step < _DAY else (_DAY, "d")
    ticks = [Tick(0.0, "now", "start")]
    for n in range(1, most + 1):
        if n * step > whole_s:
            break
        where = n * step / whole_s * 100.0
        ticks.append(Tick(where, f"{n * step / unit:g} {name}", anchor(where)))
    return ticks


def anchor(where: float) -> str:
    """Which way a word at that place (per cent) is written so that it stays inside."""
    return "start" if where < 5 else "end" if where > 95 else "middle"


def _step(whole_s: float, most: int) -> int:
    return next((s for s in _STEPS if whole_s / s <= most), int(whole_s / most) or 1)


def windows_of(times: Sequence[datetime], usual: timedelta = timedelta(minutes=15)) -> timedelta:
    """How long each window is whose ends these are: the shortest step between two of them."""
    steps = [b - a for a, b in pairwise(times) if b > a]
    return min(steps, default=usual)
