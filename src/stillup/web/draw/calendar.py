"""The calendar strip: a bar for each day, as tall as the part of it that was watched, in full for an outage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from stillup.board import Day, Record
from stillup.model.service import State
from stillup.verdict.telling.explain import STATE_WORDS
from stillup.verdict.telling.units import span
from stillup.web.draw.paint import NOTHING, known, paint, short

if TYPE_CHECKING:
    from markupsafe import Markup

_DAY_S = 86_400.0
_MOST_DAYS = 400
_MOST_TOLD = 60
_LEAST = 3.0
"""A day that was watched for minutes alone is still to be seen."""


def calendar_strip(record: Record) -> Markup:
    """One subject's days, oldest first: coloured by the worst that was confirmed, hollow where nobody watched."""
    days = record.days[-_MOST_DAYS:]
    if not days:
        return NOTHING
    paths: dict[str, str] = {}
    for i, day in enumerate(days):
        kind, height = _kind(day), _height(day)
        under = f"M{i}.1 22h.8v3h-.8z" if _is_out(day) else ""
        paths[kind] = paths.get(kind, "") + f"M{i}.1 20V{short(20 - height)}h.8V20z{under}"
    told = [(i, _told(day)) for i, day in enumerate(days) if day.worst is not None and day.worst.severity]
    return paint(
        "strip.svg", n=len(days), paths=paths, told=told[-_MOST_TOLD:], says=_says(days), first=_named(days[0].day),
        last=_named(days[-1].day),
    )  # fmt: skip


def _kind(day: Day) -> str:
    return "none" if day.worst is None or day.worst is State.UNKNOWN else day.worst.value


def _is_out(day: Day) -> bool:
    return day.worst is not None and day.worst.is_outage


def _height(day: Day) -> float:
    if _kind(day) == "none" or _is_out(day):
        return 20.0
    return max(_LEAST, min(1.0, (known(day.watched_s) or 0.0) / _DAY_S) * 20)


def _told(day: Day) -> str:
    parts = [f"{_named(day.day)}: {STATE_WORDS[day.worst or State.UNKNOWN]}"]
    if known(day.down_s):
        parts.append(f"{span(day.down_s)} down")
    if known(day.degraded_s):
        parts.append(f"{span(day.degraded_s)} degraded")
    return ", ".join(parts)


def _says(days: Sequence[Day]) -> str:
    """The finding in words."""
    watched = [d for d in days if d.watched_s > 0]
    if not watched:
        return f"None of these {len(days)} days was watched."
    hit = [d for d in watched if d.down_s > 0]
    down = span(sum(d.down_s for d in hit))
    said = f"{len(watched)} of {len(days)} days were watched, at least in part; "
    return said + (f"on {len(hit)} of them there was an outage, {down} in all." if hit else "none had an outage.")


def _named(day: date) -> str:
    return f"{day.day} {day:%b}"
