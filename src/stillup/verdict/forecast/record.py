"""How long incidents lasted lately: the record that a forecast starts from, by service and in time order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from stillup.verdict.forecast.question import Question, Resolved, parts

SHORTEST_S = 60
"""Incidents that were over within a minute of their first post were told after the fact and say nothing of recovery."""

_SAME_S = 60.0

Floats = NDArray[np.float64]


class Past(Struct, frozen=True):
    """Incidents of one service, oldest first: seconds they lasted, ln of them, and their components as indices."""

    lasted_s: Floats
    logs: Floats
    kinds: NDArray[np.intp]
    named: tuple[frozenset[str], ...]
    """The sets of components that ``kinds`` points into."""


class Record:
    """Resolved incidents by service, in the order they were resolved. Building it is the only slow part."""

    def __init__(self, rows: Iterable[Resolved] = ()) -> None:
        by_service: dict[str, list[Resolved]] = {}
        for row in sorted(rows, key=lambda r: r.resolved_at):
            if (row.resolved_at - row.first_posted_at).total_seconds() >= SHORTEST_S:
                by_service.setdefault(row.service, []).append(row)
        self._shelves = {service: _Shelf(own) for service, own in by_service.items()}

    def before(self, service: str, at: datetime, most: int, but: Question | None = None) -> Past:
        """The newest incidents of a service resolved before ``at``, at most ``most``; never the one ``but`` asks about.

        Of rows with one id that were resolved before ``at`` the one resolved last counts.
        """
        shelf = self._shelves.get(service)
        return shelf.before(at, most, but) if shelf else _NOTHING


class _Shelf:
    def __init__(self, rows: list[Resolved]) -> None:
        self._ends = np.array([r.resolved_at.timestamp() for r in rows])
        self._lasted_s = np.array([(r.resolved_at - r.first_posted_at).total_seconds() for r in rows])
        self._logs = np.log(self._lasted_s)
        kinds: dict[frozenset[str], int] = {}
        self._kinds = np.array([kinds.setdefault(parts(r.components), len(kinds)) for r in rows], np.intp)
        self._named = tuple(kinds)
        self._places: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            if row.id is not None and row.id != "":
                self._places.setdefault(str(row.id), []).append(place)
        # Where the next row with the same id is. The row counts until that one is over, not a moment less: whoever
        # asks in between could not have known.
        self._next = np.full(len(rows), len(rows), np.intp)
        for places in self._places.values():
            self._next[places[:-1]] = places[1:]
        self._twice = any(len(places) > 1 for places in self._places.values())

    def before(self, at: datetime, most: int, but: Question | None) -> Past:
        end = int(np.searchsorted(self._ends, at.timestamp()))
        itself = self._same(but) if but is not None else []
        which: slice | NDArray[np.intp] = slice(max(0, end - most), end)
        if self._twice or itself:
            counts = self._next[:end] >= end
            counts[[place for place in itself if place < end]] = False
            which = np.flatnonzero(counts)[-most:]
        return Past(self._lasted_s[which], self._logs[which], self._kinds[which], self._named)

    def _same(self, asked: Question) -> list[int]:
        """The rows of the incident that is asked about: they have its id and, where it is told, its first post."""
        begun = asked.first_posted_at
        return [
            place
            for place in self._places.get(str(asked.id), ())
            if begun is None or abs(self._ends[place] - self._lasted_s[place] - begun.timestamp()) < _SAME_S
        ]


_NOTHING = Past(np.empty(0), np.empty(0), np.empty(0, np.intp), ())
