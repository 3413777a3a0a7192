"""How much of one service is followed at once: names come from outside, and made-up ones must not fill memory."""

from __future__ import annotations

from typing import TypeVar

from stillup.model.signal import Alive, Outcome, Signal

_Name = TypeVar("_Name")

MOST_SOURCES = 64
MOST_COMPONENTS = 256
MOST_TRIES = 512
"""Kinds of tries: source, component, layer, model and region together."""


class Room:
    """The names of one service that are followed; what comes when there is no room is dropped and counted."""

    def __init__(self) -> None:
        self._sources: set[str] = set()
        self._components: set[str] = set()
        self._tries: set[tuple[object, ...]] = set()
        self.turned_away = 0

    def admits(self, line: Signal) -> bool:
        """Whether everything this line names is followed already or still has room."""
        component = None if isinstance(line, Alive) else line.component
        tries = (line.source, component, line.layer, line.model, line.region) if isinstance(line, Outcome) else None
        admitted = (
            _fits(self._sources, line.source, MOST_SOURCES)
            and (component is None or _fits(self._components, component, MOST_COMPONENTS))
            and (tries is None or _fits(self._tries, tries, MOST_TRIES))
        )
        self.turned_away += not admitted
        return admitted


def _fits(names: set[_Name], name: _Name, most: int) -> bool:
    if name not in names and len(names) < most:
        names.add(name)
    return name in names
