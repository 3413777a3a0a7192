"""What is asked: the statements, each with an index behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, tuple_

from stillup.store.codec import micros
from stillup.store.tables import evidence, incidents, reports, signals, transitions
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


def next_service(conn: Connection, after: str) -> str | None:
    """The next service that has signals, in the order of names: a hop along the index, not a walk through it."""
    found: Any = conn.scalar(select(func.min(signals.c.service)).where(signals.c.service > after))
    return None if found is None else str(found)
