"""The figures of the pages of what was: months, durations, services beside each other. Pure, given an archive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from math import floor
from statistics import median

from msgspec import Struct

from stillup.board import Archive, Board, Joint, Record
from stillup.catalog.load import Service
from stillup.model.incident import Incident
from stillup.model.service import Confidence, State

_CURSOR = re.compile(r"([0-9]{1,17})~([A-Za-z0-9_.-]{1,80})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_PAST = 500
_DAY_S = 86_400.0


def cursor_of(incident: Incident) -> str:
    """Where a list goes on behind this incident."""
    return f"{(incident.opened_at - _EPOCH) // timedelta(microseconds=1)}~{incident.id}"


def read_cursor(text: str) -> tuple[datetime, str] | None:
    """The time and the id; None where it is no cursor of ours."""
    found = _CURSOR.fullmatch(text)
    try:
        return found and (_EPOCH + timedelta(microseconds=int(found[1])), found[2])
    except OverflowError:
        return None


def bearing(incident: Incident, board: Board) -> str:
    """``over``, ``open`` where it goes on now, ``lost`` where the watch ended before it did."""
    if incident.recovered_at is not None:
        return "over"
    shown = board.services.get(incident.service)
    return "open" if shown is not None and shown.verdict.incident == incident.id else "lost"


def lately(archive: Archive, service: str, now: datetime, days: int) -> list[Incident]:
    """A service's incidents that were open within the last days.

    :raises stillup.errors.StoreError: what was kept cannot be read.
    """
    first = now - timedelta(days=days)
    return [i for i in archive.incidents(service, limit=_MOST_PAST) if (i.recovered_at or i.opened_at) >= first]


class Cell(Struct, frozen=True):
    """One subject in one month: how available it was (None: not watched) and how much of the time was watched."""

    available: str | None
    watched: float
    down_s: float

    @property
    def share(self) -> str:
        """How much was watched, in whole per cent that never say *all* of what was not."""
        whole = floor(self.watched * 100 + 1e-9)
        return f"{whole} %" if whole else "under 1 %"


class Months(Struct, frozen=True):
    """Availability by month: the months' names, newest last, and the cells of each subject (None is the service)."""

    names: tuple[str, ...]
    rows: tuple[tuple[str | None, tuple[Cell, ...]], ...]


def months_of(records: Sequence[Record], now: datetime) -> Months:
    """A table of the months that the records lie in; the first and the last may be parts of one."""
    days = [d.day for d in records[0].days] if records else []
    spans = [(those[0], those[-1]) for _, g in groupby(days, lambda d: (d.year, d.month)) if (those := list(g))]
    rows = tuple((r.component, tuple(cell(r, first, last, now) for first, last in spans)) for r in records)
    return Months(tuple(f"{first:%b %Y}" for first, _ in spans), rows)


def cell(record: Record, first: date, last: date, now: datetime) -> Cell:
    """One subject from one day to another, both among them; today counts as far as it has gone."""
    those = [d for d in record.days if first <= d.day <= last]
    passed_s = sum(min(_DAY_S, max(0.0, (now - datetime.combine(d.day, time(), UTC)).total_seconds())) for d in those)
    watched_s = sum(d.watched_s for d in those)
    share = record.availability(first, last)
    return Cell(
        available=None if share is None else floored(share),
        watched=min(1.0, watched_s / passed_s) if passed_s > 0 else 0.0,
        down_s=sum(d.down_s for d in those),
    )


def floored(share: float) -> str:
    """A share in per cent, never rounded up: what was down for a minute was not up all the time."""
    hundredths = floor(max(0.0, min(1.0, share)) * 10_000 + 1e-9)
    return "100 %" if share >= 1.0 else f"{hundredths / 100:.2f} %"


class Side(Struct, frozen=True, kw_only=True):
    """One service in the comparison."""

    service: Service
    state: State
    confidence: Confidence | None
    cell: Cell
    incidents: int
    suspected: int
    """Incidents that never were more than suspected; they are not among ``incidents``."""
    median_s: float | None
    longest_s: float | None
    lag_s: float | None
    """How long after the first other family the official page spoke, at the median; negative: before it."""
    lags: int


class Pair(Struct, frozen=True):
    """Two services: how long they were down together, and how long had they nothing to do with each other."""

    names: tuple[str, ...]
    down_s: float
    watched_s: float
    by_chance_s: float | None


class Compared(Struct, frozen=True):
    """Everything that the page of the comparison shows."""

    sides: tuple[Side, ...]
    joint: tuple[Pair, ...]
    records: dict[str, Record]


def side_by_side(archive: Archive, board: Board, services: Sequence[str], now: datetime, days: int) -> Compared:
    """Put services beside each other.

    :raises stillup.errors.StoreError: what was kept cannot be read.
    """
    records = {s: archive.record(s, now, days)[0] for s in services}
    sides = []
    for service in services:
        past = lately(archive, service, now, days)
        sides.append(_side(board, service, records[service], past, now))
    joint = archive.joint(services, now, days) if len(services) > 1 else ()
    names = {s: board.services[s].service.name for s in services}
    return Compared(tuple(sides), _pairs(joint, names), records)


def _side(board: Board, service: str, record: Record, past: Sequence[Incident], now: datetime) -> Side:
    shown = board.services[service]
    sure = [i for i in past if i.confidence is Confidence.CONFIRMED]
    lasted = [(i.recovered_at - i.since).total_seconds() for i in sure if i.recovered_at is not None]
    lags = [lead.total_seconds() for i in sure if (lead := i.lead()) is not None]
    return Side(
        service=shown.service,
        state=shown.state,
        confidence=shown.verdict.confidence,
        cell=cell(record, record.days[0].day, record.days[-1].day, now),
        incidents=len(sure),
        suspected=len(past) - len(sure),
        median_s=median(lasted) if lasted else None,
        longest_s=max(lasted, default=None),
        lag_s=median(lags) if lags else None,
        lags=len(lags),
    )


def _pairs(joint: Sequence[Joint], names: dict[str, str]) -> tuple[Pair, ...]:
    alone = {j.services[0]: j for j in joint if len(j.services) == 1}
    out = []
    for j in joint:
        if len(j.services) < 2:
            continue
        by_chance: float | None = j.watched_s
        for one in (alone.get(s) for s in j.services):
            # What each would be down by itself, as if they failed by separate throws of the dice.
            known = by_chance is not None and one is not None and one.watched_s > 0
            by_chance = by_chance * one.down_s / one.watched_s if known and one and by_chance is not None else None
        out.append(Pair(tuple(names[s] for s in j.services if s in names), j.down_s, j.watched_s, by_chance))
    return tuple(out)
