"""Numbers into tables: quantiles, medians with their range, Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from statistics import median

Cell = str | float | None


def quantile(values: Iterable[float], q: float) -> float:
    """The value below which a share ``q`` lies; NaN of nothing."""
    ordered = sorted(values)
    return ordered[round(q * (len(ordered) - 1))] if ordered else float("nan")


def show(value: float | None, unit: str = "") -> str:
    """A number with the digits it deserves; nothing for what was not measured."""
    if value is None or isnan(value):
        return "–"
    if value == 0:
        return "0" + unit
    size = abs(value)
    text = (
        f"{value:,.0f}"
        if size >= 100
        else f"{value:.1f}"
        if size >= 10
        else f"{value:.2f}"
        if size >= 0.1
        else f"{value:.3f}"
    )
    return text + unit


def middle(values: Sequence[float]) -> float | None:
    """The median; nothing of nothing."""
    return median(values) if values else None


def spread(values: Sequence[float]) -> str:
    """Median and range."""
    if not values:
        return "–"
    if len(values) == 1:
        return show(values[0])
    return f"{show(median(values))} ({show(min(values))}–{show(max(values))})"


def ratio(value: float | None, base: float | None) -> str:
    """How many times the base."""
    return "–" if value is None or not base else show(value / base, " ×")


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A Markdown table; numbers are shown as :func:`show` does."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [cell if isinstance(cell, str) else show(cell) for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
