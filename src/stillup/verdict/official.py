"""The book of what is declared: which source says which state of which component, incident by incident."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, structs

from stillup.model.service import Stage, State
from stillup.model.signal import Declared


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


class Book:
    """Everything declared by the sources of one family."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str | None], dict[tuple[str | None, str | None], Entry]] = {}
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
        place = self._entries.setdefault((line.source, line.component), {})
        before = dict(place)
        since_s = min((e.since_s for e in place.values() if e.state.is_fault), default=at_s)
        entry = Entry(
            line.source, line.component, line.incident, line.state, since_s if line.state.is_fault else at_s,
            line.stage, line.title, line.region, line.model,
        )  # fmt: skip
        if line.incident is None:
            cleared = line.component is None and line.state is State.OPERATIONAL and self._all_clear(line.source)
            place.clear()
            place[_GENERAL] = entry if entry.state.is_fault else structs.replace(entry, since_s=0.0)
        elif line.state is State.OPERATIONAL or (line.stage is not None and line.stage.is_over):
            return self._end(line, entry)
        else:
            place[line.incident, line.model] = entry
        return place != before or bool(line.incident is None and cleared)

    def _all_clear(self, source: str) -> bool:
        """The source calls the whole operational: its general words on parts that it no longer names lapse."""
        cleared = False
        for (named_by, component), place in self._entries.items():
            entry = place.get(_GENERAL)
            if named_by == source and component is not None and entry is not None and entry.state.is_fault:
                place[_GENERAL] = structs.replace(entry, state=State.OPERATIONAL, since_s=0.0, title=None, stage=None)
                cleared = True
        return cleared

    def _end(self, line: Declared, entry: Entry) -> bool:
        changed = False
        for (source, component), place in self._entries.items():
            if source != line.source or line.component not in (None, component):
                continue
            before = dict(place)
            ended = [place.pop(key) for key in before if key[0] == line.incident]
            if line.state is State.OPERATIONAL and (component == line.component or (ended and not place)):
                place[_GENERAL] = structs.replace(entry, component=component, incident=None, since_s=0.0)
            changed |= place != before
        return changed

    def entries(self, fresh: Callable[[str], bool]) -> Iterable[Entry]:
        """Every standing declaration of the sources that are fresh."""
        for (source, _), place in self._entries.items():
            if fresh(source):
                yield from place.values()

    def faults(self, fresh: Callable[[str], bool]) -> list[Entry]:
        """The standing declarations of a fault."""
        return [e for e in self.entries(fresh) if e.state.is_fault]
