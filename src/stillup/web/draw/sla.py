"""What was lost day by day, and how the budget went: one row and one line for each side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.risk.sla import DAY_S, Side
from stillup.risk.sla_report import Held, Row
from stillup.risk.sla_words import SIDES, lost
from stillup.verdict.telling.units import span
from stillup.web.draw.paint import NOTHING, paint, short

if TYPE_CHECKING:
    from markupsafe import Markup

_DEEPEST = -1.0


class Strip(Struct, frozen=True):
    """One side's days: a path for each kind of day, and what each day with a loss is called."""

    name: str
    paths: dict[str, str]
    told: tuple[tuple[int, str], ...]
    says: str


class Line(Struct, frozen=True):
    """How one side's budget went: points in per cent of the width and of the height."""

    name: str
    kind: str
    points: str


def lost_days(held: Held) -> Markup:
    """For each side a row of days: hollow where nothing was seen, darker the more of the day's share was lost."""
    strips = [_strip(row, held.target) for row in held.rows if row.lost]
    if not strips:
        return NOTHING
    return paint("sla_days.html", strips=strips, n=max(len(row.lost) for row in held.rows))


def _strip(row: Row, target: float) -> Strip:
    paths: dict[str, str] = {}
    told: list[tuple[int, str]] = []
    for day, seconds in enumerate(row.lost):
        kind = "none" if seconds is None else _kind(seconds, target)
        paths[kind] = paths.get(kind, "") + f"M{day}.08 0h.84v10h-.84z"
        if seconds is not None and seconds >= 1:
            told.append((day, f"day {day + 1}: {span(seconds)} {'in alarm' if _is_people(row) else 'lost'}"))
    word = "in alarm" if _is_people(row) else "lost"
    return Strip(SIDES[row.measured.side], paths, tuple(told), f"{lost(row.measured)} {word}")


def _kind(seconds: float, target: float) -> str:
    """0: nothing lost; 1: within the day's share of the budget; 2: within ten times that; 3: more."""
    share = max((1 - target) * DAY_S, 1.0)
    return "0" if seconds < 1 else "1" if seconds <= share else "2" if seconds <= 10 * share else "3"


def _is_people(row: Row) -> bool:
    return row.measured.side is Side.PEOPLE


def burn_down(held: Held) -> Markup:
    """The budget that was left at the end of each day, by side; nothing where nothing may fail."""
    rows = [row for row in held.rows if not _is_people(row) and row.budget.allowed_s > 0 and row.lost]
    if not any(row.budget.spent_s for row in rows):
        return NOTHING
    lines = [Line(SIDES[r.measured.side], r.measured.side.value, _points(r)) for r in rows]
    deepest = min(_left(r)[-1] for r in rows)
    days = len(rows[0].lost)
    return paint("sla_budget.svg", lines=lines, days=days, over=deepest < 0, says=_says(rows))


def _left(row: Row) -> list[float]:
    """What is left as a share, from the beginning to the last day that something was seen of."""
    last = max((n for n, seconds in enumerate(row.lost) if seconds is not None), default=-1)
    left, out = row.budget.allowed_s, [1.0]
    for seconds in row.lost[: last + 1]:
        left -= seconds or 0.0
        out.append(left / row.budget.allowed_s)
    return out


def _points(row: Row) -> str:
    days = len(row.lost)
    places = ((n / days * 1000, (1 - max(_DEEPEST, left)) * 50) for n, left in enumerate(_left(row)))
    return " ".join(f"{short(x, 1)},{short(y, 1)}" for x, y in places)


def _says(rows: Sequence[Row]) -> str:
    parts = (
        f"{SIDES[r.measured.side]} {'overspent' if r.budget.left_s < 0 else f'{(r.budget.left or 0) * 100:.0f} % left'}"
        for r in rows
    )
    return "Budget of errors: " + "; ".join(parts)
