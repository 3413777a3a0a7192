"""How long incidents lasted lately: the record that a forecast starts from, by service and in time order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from stillup.verdict.forecast_question import Resolved, parts

SHORTEST_S = 60
"""Incidents that were over within a minute of their first post were told after the fact and say nothing of recovery."""

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
        usable: dict[tuple[str, object], Resolved] = {}
        for i, row in enumerate(rows):
            if (row.resolved_at - row.first_posted_at).total_seconds() >= SHORTEST_S:
                usable[row.service, i if row.id is None else str(row.id)] = row  # said twice: the later line counts
        by_service: dict[str, list[Resolved]] = {}
        for row in sorted(usable.values(), key=lambda r: r.resolved_at):
            by_service.setdefault(row.service, []).append(row)
        self._shelves = {service: _Shelf(own) for service, own in by_service.items()}

    def before(self, service: str, at: datetime, most: int, but: str | int | None = None) -> Past:
        """The newest incidents of a service resolved before ``at``, at most ``most``; never the one called ``but``."""
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
        self._places = {str(r.id): i for i, r in enumerate(rows) if r.id is not None}

    def before(self, at: datetime, most: int, but: str | int | None) -> Past:
        end = int(np.searchsorted(self._ends, at.timestamp()))
        which: slice | NDArray[np.intp] = slice(max(0, end - most), end)
        place = self._places.get(str(but), end)
        if place < end:
            which = np.delete(np.arange(max(0, end - most), end), max(0, place - max(0, end - most)))
        return Past(self._lasted_s[which], self._logs[which], self._kinds[which], self._named)


_NOTHING = Past(np.empty(0), np.empty(0), np.empty(0, np.intp), ())
