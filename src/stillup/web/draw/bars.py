"""Tables whose rows have a bar: what people say is wrong, who saw it first, how long such things lasted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.board import ServiceBoard, Story
from stillup.model.incident import Incident
from stillup.model.service import Confidence
from stillup.verdict.telling.explain import FAMILY_WORDS
from stillup.verdict.telling.units import percent, span
from stillup.web.draw.paint import NOTHING, figure, known, paint

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_ROWS = 12
_MINUTE, _HOUR = 60, 3600
_BINS = (
    (5 * _MINUTE, "under 5 min"),
    (15 * _MINUTE, "5 to 15 min"),
    (30 * _MINUTE, "15 to 30 min"),
    (_HOUR, "30 min to 1 h"),
    (2 * _HOUR, "1 to 2 h"),
    (4 * _HOUR, "2 to 4 h"),
    (8 * _HOUR, "4 to 8 h"),
    (24 * _HOUR, "8 h to 1 day"),
    (float("inf"), "more than 1 day"),
)


class Row(Struct, frozen=True):
    """One row: its name, where its bar begins and how long it is (per cent), and the same in words."""

    name: str
    begin: float
    length: float
    says: str
    kind: str = "calm"


def problem_mix(board: ServiceBoard) -> Markup:
    """What the last hour's reports name, the most named first."""
    told = [(s.problem, n) for s in board.problems if (n := known(s.count))]
    whole = sum(n for _, n in told)
    if not whole:
        return NOTHING
    told.sort(key=lambda pair: -pair[1])
    shown, rest = told[: _MOST_ROWS - 1], sum(n for _, n in told[_MOST_ROWS - 1 :])
    if rest:
        shown.append(("all else", rest))
    most = max(n for _, n in shown)
    rows = [Row(p.replace("_", " "), 0, n / most * 100, f"{percent(n / whole)} · {figure(n)}") for p, n in shown]
    caption = f"What {figure(whole)} reports of the last hour name"
    return paint("bars.html", caption=caption, rows=rows, zero=None, heads=("Problem", "Share and number"))


def lead_times(story: Story) -> Markup:
    """How long before the official page each family saw it, on one scale; behind the line: after the page."""
    leads = [(f, s) for f, s in story.leads if known(abs(s)) is not None][:_MOST_ROWS]
    if not leads:
        return NOTHING
    before = max(0.0, *(s for _, s in leads))
    after = max(0.0, *(-s for _, s in leads))
    whole = (before + after) or 1.0
    zero = before / whole * 100
    rows = []
    for family, lead in sorted(leads, key=lambda pair: -pair[1]):
        length = abs(lead) / whole * 100
        begin = zero - length if lead > 0 else zero
        rows.append(Row(FAMILY_WORDS[family], begin, length, _lead(lead), "calm" if lead > 0 else "late"))
    caption = "Who saw it how long before the official page (the line)"
    return paint("bars.html", caption=caption, rows=rows, zero=zero, heads=("Seen by", "Before the page"))


def _lead(seconds: float) -> str:
    if abs(seconds) < _MINUTE:
        return "in the same minute"
    return f"{span(abs(seconds))} {'before' if seconds > 0 else 'after'}"


def duration_histogram(incidents: Sequence[Incident]) -> Markup:
    """How long confirmed incidents lasted that are over."""
    lasted = [
        (i.recovered_at - i.since).total_seconds()
        for i in incidents
        if i.recovered_at is not None and i.confidence is Confidence.CONFIRMED
    ]
    if not lasted:
        return NOTHING
    counts, least = [], -1.0
    for most, name in _BINS:
        counts.append((name, sum(least < s <= most for s in lasted)))
        least = most
    used = [i for i, (_, n) in enumerate(counts) if n]
    shown = counts[min(used) : max(used) + 1]
    most_often = max(n for _, n in shown)
    rows = [Row(name, 0, n / most_often * 100, str(n)) for name, n in shown]
    middle = sorted(lasted)[(len(lasted) - 1) // 2]
    caption = f"How long {len(lasted)} confirmed incidents lasted; half of them no longer than {span(middle)}"
    if len(lasted) == 1:
        caption = f"One confirmed incident that is over; it lasted {span(middle)}"
    return paint("bars.html", caption=caption, rows=rows, zero=None, heads=("Lasted", "Incidents"))
