"""What official pages told of each incident, in the order they told it: stages, since when, and the words of updates.

Everything is dated by when it could first be read. A page may show an earlier time (it sets posts back), re-open what
it had closed, edit what it wrote, and post an incident only when it is over.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher

from msgspec import Struct

from stillup.model.service import Stage, State
from stillup.model.signal import Declared

_MOST_INCIDENTS, _MOST_UPDATES, _MOST_TEXT, _MOST_COMPARED = 200, 60, 2000, 600
_SAME_TEXT = 0.9
"""Two texts so alike are one that was edited; measured as the share of matching characters."""


class Update(Struct, frozen=True):
    """One post of an incident, by when it was really made."""

    posted_s: float
    stage: Stage | None
    body: str


class PageIncident(Struct, kw_only=True):
    """One incident of a page as told so far, ``updates`` oldest first.

    ``stage_since_s`` is when the present stage was first told; ``ended_s`` is None while it is open; ``states`` are
    the states last told of its components (None is the service as a whole).
    """

    source: str
    id: str
    first_posted_s: float
    title: str = ""
    stage: Stage | None = None
    stage_since_s: float = 0.0
    updates: tuple[Update, ...] = ()
    states: dict[str | None, State] = {}
    models: tuple[str, ...] = ()
    ended_s: float | None = None
    born_resolved: bool = False
    """Told only when it was over: it happened, but it never was evidence of a live fault."""
    reopened: int = 0

    @property
    def components(self) -> tuple[str, ...]:
        """The components it was ever told of, sorted."""
        return tuple(sorted(c for c in self.states if c is not None))

    @property
    def text(self) -> str:
        """Title and updates, oldest first, one a line."""
        return "\n".join([self.title, *(u.body for u in self.updates if u.body)])


class Chronicle:
    """Every incident of the pages of one service, the oldest forgotten first."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], PageIncident] = {}

    def note(self, line: Declared, at_s: float) -> bool:
        """Enter a line that belongs to an incident; True when it has told something new of stage or text."""
        if line.incident is None or line.state is State.MAINTENANCE:
            return False
        key = (line.source, line.incident)
        over = line.state is State.OPERATIONAL if line.stage is None else line.stage.is_over
        told = self._told.get(key)
        if told is None:
            told = self._told[key] = PageIncident(
                source=line.source, id=line.incident, first_posted_s=at_s, stage_since_s=at_s, born_resolved=over
            )
            if len(self._told) > _MOST_INCIDENTS:
                del self._told[next(iter(self._told))]
        changed = _turn(told, line, at_s, over=over)
        changed |= _read(told, line, at_s)
        told.title = (line.title or told.title)[:_MOST_TEXT]
        told.states = {**told.states, line.component: line.state}
        if line.model is not None and line.model not in told.models:
            told.models = (*told.models, line.model)
        return changed

    def open(self, stands: Callable[[str, str], bool]) -> list[PageIncident]:
        """Those not told to be over and still ``stands(source, id)`` on their page, the oldest first."""
        return [t for t in self._told.values() if t.ended_s is None and stands(t.source, t.id)]

    def ended(self) -> list[PageIncident]:
        """Those told to be over, in the order they were first told of; born-resolved ones are among them."""
        return [t for t in self._told.values() if t.ended_s is not None]


def _turn(told: PageIncident, line: Declared, at_s: float, *, over: bool) -> bool:
    """Follow the stage and the end of an incident; True when the stage is new or the incident re-opens."""
    # Without a stage, the end told of one component is not the end of an incident that others are still in.
    rest = [s for c, s in told.states.items() if c != line.component and s.is_fault]
    ends = over and (not rest or line.component is None or line.stage is not None)
    reopens = told.ended_s is not None and not over
    if reopens:
        told.ended_s = None
        told.reopened += 0 if told.born_resolved else 1
        told.born_resolved = False
    elif ends and told.ended_s is None:
        told.ended_s = at_s
    if line.stage is None or (line.stage is told.stage and not reopens):
        return reopens
    told.stage, told.stage_since_s = line.stage, at_s
    return True


def _read(told: PageIncident, line: Declared, at_s: float) -> bool:
    """Add an update that was not there before; an edited one takes the place, and keeps the time, of the old."""
    body = (line.body or "")[:_MOST_TEXT].strip()
    last = told.updates[-1] if told.updates else None
    if not body and last is not None and (line.stage is None or line.stage is last.stage):
        return False
    if any(u.body == body and u.stage is line.stage for u in told.updates[-3:]):
        return False
    if last is not None and last.stage is line.stage and body and (not last.body or _alike(last.body, body)):
        told.updates = (*told.updates[:-1], Update(last.posted_s, last.stage, body))
    else:
        # The first update is kept whatever comes: it is the one that says what broke.
        kept = told.updates if len(told.updates) < _MOST_UPDATES else (told.updates[0], *told.updates[2:])
        told.updates = (*kept, Update(at_s, line.stage, body))
    return True


def _alike(old: str, new: str) -> bool:
    if old == new:
        return True
    match = SequenceMatcher(None, old[:_MOST_COMPARED], new[:_MOST_COMPARED], autojunk=False)
    return match.real_quick_ratio() >= _SAME_TEXT and match.quick_ratio() >= _SAME_TEXT and match.ratio() >= _SAME_TEXT
