"""What a record of watching shows: incidents that began, how long they took, and for how long nothing was wrong.

An incident that was already under way when a stretch of watching began is left out: given that it was up at some
moment, what came after is told without it, and so the longer ones are not counted too often by those who watch in
short stretches (length bias). One that was still under way when the watching ended counts, with "at least so long", as
does one that was never seen to end or begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import isfinite
from typing import TypeVar

from msgspec import Struct

from stillup.risk.values import HOURS_A_YEAR, Watched

BRIDGE_S = 12 * 3600.0
"""Down before a gap in the watching no longer than this and down after it: one incident, not two."""
SHORTEST_H = 1 / 60
"""Shorter ones count as this long: no probe tells seconds apart."""

Stretch = tuple[float, float]
T = TypeVar("T", float, datetime)


class Seen(Struct, frozen=True, kw_only=True):
    """A record in figures: ``ended`` and ``open`` are hours, of incidents that began while it was watched."""

    up_years: float = 0.0
    days: float = 0.0
    ended: tuple[float, ...] = ()
    open: tuple[float, ...] = ()
    """Still under way when the watching ended: at least so long."""

    @property
    def begun(self) -> int:
        """How many incidents began."""
        return len(self.ended) + len(self.open)


def seen(record: Watched, bridge_s: float = BRIDGE_S) -> Seen:
    """What the record shows. Stretches that are no stretches are passed over, ``down`` is cut to what was watched."""
    watched = tidy(record.watched)
    down = meet(watched, tidy(record.down))
    ended: list[float] = []
    still: list[float] = []
    for begin, end, whole_begin, whole_end in _incidents(watched, down, bridge_s):
        if whole_begin:
            (ended if whole_end else still).append(max((end - begin) / 3600, SHORTEST_H))
    total, lost = _length(watched), _length(down)
    if lost and lost == total:  # never up: it began before, but to leave it out would be to know nothing
        still = [lost / 3600]
    return Seen(
        up_years=(total - lost) / 3600 / HOURS_A_YEAR, days=total / 86_400, ended=tuple(ended), open=tuple(still)
    )


def all_down(records: Sequence[Watched]) -> Watched:
    """When all were watched, and when all were down then."""
    watched, down = tidy(records[0].watched), tidy(records[0].down)
    for other in records[1:]:
        watched, down = meet(watched, tidy(other.watched)), meet(down, tidy(other.down))
    return Watched(watched=tuple(watched), down=tuple(meet(watched, down)))


def tidy(stretches: Iterable[Stretch]) -> list[Stretch]:
    """In order, without overlap, without what is no stretch."""
    out: list[Stretch] = []
    for begin, end in sorted(s for s in stretches if isfinite(s[0]) and isfinite(s[1]) and s[0] < s[1]):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def meet(left: Sequence[tuple[T, T]], right: Sequence[tuple[T, T]]) -> list[tuple[T, T]]:
    """Where both are, in whatever units; each is in order and does not overlap itself."""
    out: list[tuple[T, T]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        begin, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if begin < end:
            out.append((begin, end))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return out


def _incidents(
    watched: Sequence[Stretch], down: Sequence[Stretch], bridge_s: float
) -> list[tuple[float, float, bool, bool]]:
    """From, until, and whether its beginning and its end were seen."""
    out: list[tuple[float, float, bool, bool]] = []
    stretch = 0
    for begin, end in down:
        while watched[stretch][1] <= begin:
            stretch += 1
        whole_begin, whole_end = begin > watched[stretch][0], end < watched[stretch][1]
        if out and not whole_begin and not out[-1][3] and begin - out[-1][1] <= bridge_s:
            out[-1] = (out[-1][0], end, out[-1][2], whole_end)
        else:
            out.append((begin, end, whole_begin, whole_end))
    return out


def _length(stretches: Iterable[Stretch]) -> float:
    return sum(end - begin for begin, end in stretches)
