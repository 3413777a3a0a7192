"""The curve of time to recovery: how likely it is to be over within how long from now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from stillup.board import Chance, ServiceBoard
from stillup.verdict.telling.units import percent, span
from stillup.web.draw.paint import NOTHING, known, paint, short
from stillup.web.draw.scale import span_ticks

if TYPE_CHECKING:
    from markupsafe import Markup

_ENOUGH = 0.97
"""Where the curve is cut: what is left takes too long to be worth the width."""
_ROWS_S = (900, 1800, 3600, 7200, 14_400, 28_800, 86_400)


def recovery_curve(board: ServiceBoard) -> Markup:
    """The chance that it is over within so long, with the median and the 80 % interval marked."""
    curve = _clean(board.recovery)
    if len(curve) < 2:
        return NOTHING
    whole = curve[-1].within_s
    low, median, high = _marks(board, curve)
    return paint(
        "recovery.svg",
        says=_says(board.service.name, low, median, high, whole),
        curve=" ".join(f"{short(c.within_s / whole * 1000)},{short(100 - c.p * 100)}" for c in curve),
        interval=_interval(low, high, whole),
        median=None if median is None else median / whole * 100,
        median_says="" if median is None else f"even odds within {span(median)}",
        median_anchor="end" if median is not None and median / whole > 0.5 else "start",
        ticks=span_ticks(whole),
        rows=[(span(s), percent(_chance(curve, s))) for s in _ROWS_S if s <= whole],
    )


def _marks(board: ServiceBoard, curve: Sequence[Chance]) -> tuple[float | None, float | None, float | None]:
    """When one, five and nine of ten are over: as the board says it beside the curve, else read off the curve."""
    if board.left is not None:
        told = (board.left.p10_s, board.left.p50_s, board.left.p90_s)
        low, median, high = (known(s) for s in told)
        return low, median, high if high is not None and high <= curve[-1].within_s else None
    low, median, high = (_when(curve, p) for p in (0.1, 0.5, 0.9))
    return low, median, high


def _clean(curve: Sequence[Chance]) -> list[Chance]:
    """Ordered, finite, never falling, and cut where nearly all is over."""
    out: list[Chance] = []
    best = 0.0
    for c in sorted(curve, key=lambda c: c.within_s):
        within, p = known(c.within_s), known(c.p)
        if within is None or p is None or (out and within <= out[-1].within_s):
            continue
        best = min(1.0, max(best, p))
        out.append(Chance(within, best))
        if best >= _ENOUGH:
            break
    return out if not out or out[0].within_s == 0 else [Chance(0.0, 0.0), *out]


def _when(curve: Sequence[Chance], p: float) -> float | None:
    """Within how many seconds that much of the chance lies; None where the curve does not get so far."""
    if curve[0].p >= p:
        return curve[0].within_s
    for a, b in pairwise(curve):
        if b.p >= p:
            return a.within_s + (b.within_s - a.within_s) * (p - a.p) / (b.p - a.p)
    return None


def _chance(curve: Sequence[Chance], within_s: float) -> float:
    for a, b in pairwise(curve):
        if b.within_s >= within_s:
            return a.p + (b.p - a.p) * (within_s - a.within_s) / (b.within_s - a.within_s)
    return curve[-1].p


def _interval(low: float | None, high: float | None, whole: float) -> tuple[float, float] | None:
    if low is None:
        return None
    begin = low / whole * 1000
    return begin, (high / whole * 1000 if high is not None else 1000.0) - begin


def _says(name: str, low: float | None, median: float | None, high: float | None, whole: float) -> str:
    if median is None:
        return f"{name} is as likely as not to take longer than {span(whole)} from now."
    begin = span(low if low is not None else 0.0)
    end = f"to {span(high)}" if high is not None else f"to more than {span(whole)}"
    return f"{name}: even odds that it is over within {span(median)} from now; in 80 of 100 such cases {begin} {end}."
