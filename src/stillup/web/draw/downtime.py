"""Hours a year in which each way is down, and all of them: dots with their intervals on one scale of tens."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.risk import words
from stillup.risk.points import name_of
from stillup.risk.survey import Surveyed
from stillup.risk.values import HOURS_A_YEAR, Hours
from stillup.web.draw.paint import NOTHING, paint

if TYPE_CHECKING:
    from markupsafe import Markup

_LEAST = 1 / 3600
"""A second: the scale begins there, and what is less lies at its beginning."""
_TICKS = ((1 / 3600, "1 s"), (1 / 60, "1 min"), (1.0, "1 h"), (24.0, "1 day"), (720.0, "1 month"))


class Row(Struct, frozen=True):
    """A name, where its interval begins and how long it is (per cent), where the estimate lies, and words."""

    name: str
    begin: float
    length: float
    mid: float
    says: str
    kind: str = "calm"


def downtime(one: Surveyed) -> Markup:
    """Each subject alone, then the chain; nothing where there is none."""
    if not one.alone or one.hours is None:
        return NOTHING
    rows = [
        _row(str(a.subject.component or "").replace("_", " "), name_of(a.subject.service), a.hours,
             f"{words.with_interval(a.hours)}, {words.BASIS[a.basis]}")
        for a in one.alone
    ]  # fmt: skip
    if one.together is not None:
        says = f"{words.with_interval(one.hours)}, {words.BASIS[one.basis]}"
        rows.append(_row("", "All at once", one.hours, says, "hot"))
    ticks = [(_at(value), name) for value, name in _TICKS]
    return paint("downtime.html", rows=rows, ticks=ticks)


def _row(part: str, name: str, of: Hours, says: str, kind: str = "calm") -> Row:
    begin, end = _at(of.low), _at(of.high)
    return Row(f"{name}, {part}" if part else name, begin, max(end - begin, 0.5), _at(of.mid), says, kind)


def _at(value: float) -> float:
    """Where so many hours lie, in per cent of the width."""
    held = min(max(value, _LEAST), HOURS_A_YEAR)
    return log10(held / _LEAST) / log10(HOURS_A_YEAR / _LEAST) * 100
