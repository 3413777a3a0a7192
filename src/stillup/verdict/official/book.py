"""The book of what is declared: which source says which state of which component, incident by incident.

How bad it is comes from the components alone: a page's word on the whole, where it says its components at the same
moment, is left aside (one has said "minor" with 22 of 25 components in trouble).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, structs

from stillup.model.service import Stage, State
from stillup.model.signal import Declared
from stillup.verdict.official.chronicle import Chronicle, PageIncident


class Entry(Struct, frozen=True):
    """One standing declaration. ``since_s`` is when this source first declared the present fault, 0 without one."""

    source: str
    component: str | None
    incident: str | None
    state: State
    since_s: float
    stage: Stage | None = None
    title: str | None = None
    region: str | None = None
    model: str | None = None

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """What makes it the same declaration when it is said again."""
        return (self.source, self.incident, self.component)


_GENERAL = (None, None)
"""Where a source's word on a component stands that belongs to no incident; others by incident and model."""

_PARTS_ENOUGH = 2


_MOST_OPEN = 64
"""Declarations of one source that stand on one component; beyond them the oldest lapse."""


class Book:
    """Everything declared by the sources of one family.

    ``models`` are the names of the service's models, lower case: pages name them in titles and nowhere else.
    """

    def __init__(self, models: Sequence[str] = ()) -> None:
        self._entries: dict[tuple[str, str | None], dict[tuple[str | None, str | None], Entry]] = {}
        self._said_s: dict[tuple[str, str | None], float] = {}
        """When a source last said how a component, or the whole, is in general."""
        self._models = tuple(models)
        self._chronicle = Chronicle()
        self.components: set[str] = set()
        """Every component ever spoken of."""

    def declare(self, line: Declared, at_s: float) -> bool:
        """Write a line in; True when that changes what stands in the book.

        A line without incident is that source's newest word on the component and replaces all before; a line with
        one replaces only what was said under it. The line that ends an incident of the whole service ends it for
        every component.
        """
        if line.component is not None:
            self.components.add(line.component)
        news = self._chronicle.note(line, at_s)
        if line.incident is not None and (line.state is State.OPERATIONAL or (line.stage and line.stage.is_over)):
            return self._end(line, at_s) | news
        place = self._entries.setdefault((line.source, line.component), {})
        before = dict(place)
        cleared = self._write(line, at_s, place)
        return place != before or cleared or news

    def _write(self, line: Declared, at_s: float, place: dict[tuple[str | None, str | None], Entry]) -> bool:
        """Enter a line that ends nothing; True when general words on other parts lapse by it."""
        entry = _entry(line, at_s, min((e.since_s for e in place.values() if e.state.is_fault), default=at_s))
        if line.incident is None:
            self._said_s[line.source, line.component] = at_s
            place.clear()
            place[_GENERAL] = entry if entry.state.is_fault else structs.replace(entry, since_s=0.0)
            return line.component is None and line.state is State.OPERATIONAL and self._all_clear(line.source)
        if line.model is not None:
            place[line.incident, line.model] = entry
            return False
        for key in [key for key in place if key[0] == line.incident]:
            del place[key]
        for model in models_named(line.title or "", self._models) or (None,):
            place[line.incident, model] = structs.replace(entry, model=model)
        while len(place) > _MOST_OPEN:
            del place[next(iter(place))]
        return False

    def _all_clear(self, source: str) -> bool:
        """The source calls the whole operational: its general words on parts that it no longer names lapse."""
        cleared = False
        for (named_by, component), place in self._entries.items():
            entry = place.get(_GENERAL)
            if named_by == source and component is not None and entry is not None and entry.state.is_fault:
                place[_GENERAL] = structs.replace(entry, state=State.OPERATIONAL, since_s=0.0, title=None, stage=None)
                cleared = True
        return cleared

    def _end(self, line: Declared, at_s: float) -> bool:
        """End an incident. One that was never open (born resolved) says nothing of any other fault."""
        changed = False
        self._entries.setdefault((line.source, line.component), {})
        calm = structs.replace(_entry(line, at_s, 0.0), incident=None, since_s=0.0, title=None, model=None)
        for (source, component), place in self._entries.items():
            if source != line.source or line.component not in (None, component):
                continue
            before = dict(place)
            ended = [place.pop(key) for key in before if key[0] == line.incident]
            general = place.get(_GENERAL)
            free = bool(ended) or general is None or not general.state.is_fault
            if line.state is State.OPERATIONAL and free and (component == line.component or (ended and not place)):
                place[_GENERAL] = structs.replace(calm, component=component)
            changed |= place != before
        return changed

    def entries(self, fresh: Callable[[str], bool]) -> Iterable[Entry]:
        """Every standing declaration of the sources that are fresh."""
        for (source, _), place in self._entries.items():
            if fresh(source):
                yield from place.values()

    def faults(self, fresh: Callable[[str], bool]) -> list[Entry]:
        """The standing declarations of a fault; what is only planned is none."""
        return [
            e
            for e in self.entries(fresh)
            if e.state.is_fault and e.stage is not Stage.SCHEDULED and not self._is_recomputed(e)
        ]

    def _is_recomputed(self, entry: Entry) -> bool:
        """Whether this is a page's general word on the whole, said together with how its components are."""
        if entry.component is not None or entry.incident is not None:
            return False
        said_s = self._said_s.get((entry.source, None), 0.0)
        parts = [at_s for (source, c), at_s in self._said_s.items() if source == entry.source and c is not None]
        # One part alone may be the only one the page was asked for; an older word on parts may be overtaken.
        return len(parts) >= _PARTS_ENOUGH and all(at_s >= said_s for at_s in parts)

    def open_incidents(self, fresh: Callable[[str], bool] = lambda _: True) -> list[PageIncident]:
        """The incidents that are open on their page, the oldest first: stage, since when, and the texts so far."""
        standing = {(e.source, e.incident) for e in self.entries(fresh) if e.incident is not None}
        return self._chronicle.open(lambda source, incident: (source, incident) in standing)

    def ended_incidents(self) -> list[PageIncident]:
        """The newest incidents told to be over; those born resolved are labels and never were evidence."""
        return self._chronicle.ended()


def models_named(title: str, known: Sequence[str]) -> tuple[str, ...]:
    """Those of the ``known`` models (lower case) that a title names as whole words, in its order."""
    text = title.lower()
    places = [(found.start(), m) for m in known if (found := re.search(rf"(?<![a-z0-9]){re.escape(m)}(?![a-z])", text))]
    return tuple(model for _, model in sorted(places))


def _entry(line: Declared, at_s: float, fault_since_s: float) -> Entry:
    return Entry(
        line.source, line.component, line.incident, line.state, fault_since_s if line.state.is_fault else at_s,
        line.stage, line.title, line.region, line.model,
    )  # fmt: skip
