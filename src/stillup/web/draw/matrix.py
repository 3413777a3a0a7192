"""Components beside the states they can be in: a table with one mark a row.

The marks are the page's own: one shape a state, for it must not be the colour alone that tells them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.board import ServiceBoard
from stillup.model.service import Family, State
from stillup.model.verdict import Verdict
from stillup.verdict.telling.explain import STATE_WORDS
from stillup.web.draw.paint import NOTHING, paint

if TYPE_CHECKING:
    from markupsafe import Markup

_COLUMNS = (
    State.OPERATIONAL,
    State.DEGRADED,
    State.PARTIAL_OUTAGE,
    State.MAJOR_OUTAGE,
    State.MAINTENANCE,
    State.UNKNOWN,
)
_MOST = 40


class Row(Struct, frozen=True):
    """One component: its name, its state, and what more is said of it."""

    name: str
    state: State
    more: str


def component_matrix(board: ServiceBoard) -> Markup:
    """Every component of the catalogue, and whatever else was spoken of; one nobody spoke of is unknown."""
    known = {c.id: c.name for c in board.service.components}
    names = [*known, *(c for c in board.components if c not in known)][:_MOST]
    if not names:
        return NOTHING
    rows = [_row(known.get(c, c), board.components.get(c), board) for c in names]
    used = {r.state for r in rows}
    columns = [s for s in _COLUMNS if s is not State.MAINTENANCE or s in used]
    return paint("matrix.html", rows=rows, columns=columns, words=STATE_WORDS, name=board.service.name)


def _row(name: str, verdict: Verdict | None, board: ServiceBoard) -> Row:
    if verdict is None:
        return Row(name, State.UNKNOWN, "")
    # A page that knows of no fault cannot vouch for the parts beside it.
    page_is_blind = board.state.is_fault and Family.OFFICIAL not in board.verdict.families
    if page_is_blind and verdict.state is State.OPERATIONAL and name not in board.up_parts:
        return Row(name, verdict.state, "says its page alone")
    return Row(name, verdict.state, verdict.confidence.value if verdict.confidence else "")
