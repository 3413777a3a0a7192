"""What is asked: the statements, each with an index behind it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, tuple_

from stillup.store.codec import micros
from stillup.store.tables import evidence, incidents, reports, signals, transitions, watched
from stillup.store.values import Key

Cursor = tuple[int, int]
"""Where a reader of signals stands: ``at`` and row number of the last one it had."""

START: Cursor = (-(1 << 63), 0)


def transition_values(service: str | None, since: datetime | None, limit: int | None) -> Select[str]:
    """Changes, newest first."""
    table = transitions
    wanted = select(table.c.value).order_by(table.c.at.desc(), table.c.seq.desc()).limit(limit)
    if service is not None:
        wanted = wanted.where(table.c.service == service)
    if since is not None:
        wanted = wanted.where(table.c.at >= micros(since))
    return wanted


def incident_values(service: str | None, since: datetime | None, limit: int | None) -> Select[str]:
    """Incidents, newest first, that were open at ``since`` or opened later."""
    table = incidents
    wanted = select(table.c.value).order_by(table.c.opened_at.desc(), table.c.id.desc()).limit(limit)
    if service is not None:
        wanted = wanted.where(table.c.service == service)
    if since is not None:
        wanted = wanted.where(table.c.recovered_at.is_(None) | (table.c.recovered_at >= micros(since)))
    return wanted


def evidence_values(key: Key) -> Select[str]:
    """The evidence of one change, in the order it was given."""
    return (
        select(evidence.c.value)
        .join(transitions, evidence.c.transition == transitions.c.seq)
        .where(
            transitions.c.service == key.service,
            transitions.c.at == micros(key.at),
            transitions.c.component == (key.component or ""),
        )
        .order_by(evidence.c.position)
    )


def report_values() -> Select[str]:
    """All reports, by service and source."""
    return select(reports.c.value).order_by(reports.c.service, reports.c.source)


def signal_page(service: str, after: Cursor, until: datetime | None, size: int) -> Select[int, int, str]:
    """The next ``size`` signals behind the cursor: at, row number, value."""
    table = signals
    wanted = (
        select(table.c.at, table.c.seq, table.c.value)
        # The first condition follows from the second; it tells SQLite where in the index to begin.
        .where(table.c.service == service, table.c.at >= after[0], tuple_(table.c.at, table.c.seq) > tuple_(*after))
        .order_by(table.c.at, table.c.seq)
        .limit(size)
    )
    if until is not None:
        wanted = wanted.where(table.c.at < micros(until))
    return wanted


def transitions_before(service: str | None, before: tuple[datetime, str] | None, limit: int) -> Select[str]:
    """Changes, newest first, those of one minute by subject; behind the cursor of time and ``service/component``."""
    table = transitions
    subject = table.c.service + "/" + table.c.component
    wanted = select(table.c.value).order_by(table.c.at.desc(), subject.desc()).limit(limit)
    if service is not None:
        wanted = wanted.where(table.c.service == service)
    if before is not None:
        # The first condition follows from the second; it tells SQLite where in the index to begin.
        at = micros(before[0])
        wanted = wanted.where(table.c.at <= at, tuple_(table.c.at, subject) < tuple_(at, before[1]))
    return wanted


def incidents_before(service: str | None, before: tuple[datetime, str] | None, limit: int) -> Select[str]:
    """Incidents, newest first, opened before the cursor of time and id."""
    table = incidents
    wanted = select(table.c.value).order_by(table.c.opened_at.desc(), table.c.id.desc()).limit(limit)
    if service is not None:
        wanted = wanted.where(table.c.service == service)
    if before is not None:
        at = micros(before[0])
        wanted = wanted.where(table.c.opened_at <= at, tuple_(table.c.opened_at, table.c.id) < tuple_(at, before[1]))
    return wanted


def incident_value(incident_id: str) -> Select[str]:
    """One incident."""
    return select(incidents.c.value).where(incidents.c.id == incident_id)


def transitions_within(service: str, since: datetime, until: datetime, limit: int) -> Select[str]:
    """Changes of a service with ``since <= at <= until``, oldest first."""
    table = transitions
    return (
        select(table.c.value)
        .where(table.c.service == service, table.c.at.between(micros(since), micros(until)))
        .order_by(table.c.at, table.c.seq)
        .limit(limit)
    )


def standing_values(service: str, at: datetime) -> Select[str]:
    """The newest change of each subject of a service before a time."""
    table = transitions
    newest = (
        select(table.c.component, func.max(table.c.at).label("at"))
        .where(table.c.service == service, table.c.at < micros(at))
        .group_by(table.c.component)
        .subquery()
    )
    return (
        select(table.c.value)
        .join(newest, (table.c.component == newest.c.component) & (table.c.at == newest.c.at))
        .where(table.c.service == service)
    )


def evidence_of_tick(service: str, at: datetime) -> Select[str]:
    """The evidence of a minute of a service, with whichever of its changes it is kept."""
    return (
        select(evidence.c.value)
        .join(transitions, evidence.c.transition == transitions.c.seq)
        .where(transitions.c.service == service, transitions.c.at == micros(at))
        .order_by(evidence.c.transition, evidence.c.position)
    )


def signals_of(
    service: str, sources: Collection[str], since: datetime, until: datetime, limit: int, *, incidents_only: bool
) -> Select[str]:
    """Signals of some sources with ``since <= at <= until``, oldest first; or only those that name an incident."""
    table = signals
    wanted = (
        select(table.c.value)
        .where(
            table.c.service == service,
            table.c.at.between(micros(since), micros(until)),
            table.c.source.in_(sorted(sources)),
        )
        .order_by(table.c.at, table.c.seq)
        .limit(limit)
    )
    if incidents_only:
        # A quote within a text is written with a backslash before it: this can only be the field's own name.
        wanted = wanted.where(table.c.kind == "declared", table.c.value.contains(',"incident":'))
    return wanted


def watched_stretches(service: str, since: datetime, limit: int) -> Select[int, int]:
    """When a service was watched, oldest first: stretches that end after ``since``, the newest ``limit`` of them."""
    table = watched
    newest = (
        select(table.c.since, table.c.until)
        .where(table.c.service == service, table.c.until > micros(since))
        .order_by(table.c.since.desc())
        .limit(limit)
        .subquery()
    )
    return select(newest.c.since, newest.c.until).order_by(newest.c.since)


def next_service(conn: Connection, after: str) -> str | None:
    """The next service that has signals, in the order of names: a hop along the index, not a walk through it."""
    found: Any = conn.scalar(select(func.min(signals.c.service)).where(signals.c.service > after))
    return None if found is None else str(found)
