"""What is written: rows of values, and the statements that keep a repeated write harmless."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.store import tables
from stillup.store.codec import EVIDENCE, INCIDENT, REPORT, SIGNAL, VERDICT, micros
from stillup.store.values import Key, Report

Row = dict[str, Any]


def signal_row(signal: Signal) -> Row:
    """The row of one signal.

    :raises stillup.errors.StoreError: it would not come back equal.
    """
    value = SIGNAL.pack(signal)  # first: it checks the other fields, too
    return {
        "at": micros(signal.at),
        "service": signal.service,
        "source": signal.source,
        "kind": signal.__struct_config__.tag,
        "value": value,
    }


def put_signals(conn: Connection, rows: Sequence[Row]) -> None:
    """Append these rows."""
    conn.execute(insert(tables.signals), rows)


def put_change(conn: Connection, change: Verdict, evidence: Iterable[Evidence]) -> None:
    """Add one change with its evidence, unless that change is there: what was once recorded is never rewritten."""
    row = {
        "at": micros(change.at),
        "service": change.service,
        "component": change.component or "",
        "state": change.state.value,
        "incident": change.incident,
        "value": VERDICT.pack(change),
    }
    added = upsert(tables.transitions).values(row).on_conflict_do_nothing().returning(tables.transitions.c.seq)
    transition = conn.scalar(added)
    if transition is None:
        return
    rows = [
        {
            "transition": transition,
            "position": position,
            "family": piece.family.value,
            "standing": piece.standing.value,
            "value": EVIDENCE.pack(piece),
        }
        for position, piece in enumerate(evidence)
    ]
    if rows:
        conn.execute(insert(tables.evidence), rows)


def put_incident(conn: Connection, incident: Incident, tick: datetime | None) -> None:
    """Set one incident to its newest word; a ``tick`` before the one that is stored changes nothing."""
    table = tables.incidents
    row = {
        "id": incident.id,
        "service": incident.service,
        "opened_at": micros(incident.opened_at),
        "recovered_at": incident.recovered_at and micros(incident.recovered_at),
        "state": incident.state.value,
        "tick": micros(tick or incident.opened_at),
        "value": INCIDENT.pack(incident),
    }
    put = upsert(table).values(row)
    news: dict[str, Any] = {name: put.excluded[name] for name in row if name not in ("id", "tick")}
    news["tick"] = func.max(table.c.tick, put.excluded.tick)
    newer = None if tick is None else put.excluded.tick >= table.c.tick
    conn.execute(put.on_conflict_do_update(index_elements=[table.c.id], set_=news, where=newer))


def put_reports(conn: Connection, reports: Iterable[Report]) -> None:
    """Set the last report of each source and service; an older one than the stored changes nothing."""
    table = tables.reports
    put = upsert(table)
    put = put.on_conflict_do_update(
        index_elements=[table.c.source, table.c.service],
        set_={name: put.excluded[name] for name in ("at", "ok", "value")},
        where=put.excluded.at >= table.c.at,
    )
    rows = [
        {"source": r.source, "service": r.service, "at": micros(r.at), "ok": r.ok, "value": REPORT.pack(r)}
        for r in reports
    ]
    if rows:
        conn.execute(put, rows)


def put_watch(conn: Connection, service: str, since: int, until: int, reach: int) -> None:
    """Let the newest stretch of a service grow to ``until``, or begin one where that ended more than ``reach`` before.

    Harmless when repeated, and when another process watches the same service.
    """
    table = tables.watched
    newest = conn.execute(
        select(table.c.since, table.c.until).where(table.c.service == service).order_by(table.c.since.desc()).limit(1)
    ).first()
    if newest is None or since - newest.until > reach:
        row = {"service": service, "since": since, "until": until}
        conn.execute(upsert(table).values(row).on_conflict_do_nothing())
    elif newest.until < until:
        grown = update(table).where(table.c.service == service, table.c.since == newest.since)
        conn.execute(grown.values(until=until))


def drop_signals(conn: Connection, service: str, before: int, limit: int) -> int:
    """Delete at most ``limit`` signals of a service older than ``before``; how many it were."""
    table = tables.signals
    old = select(table.c.seq).where(table.c.service == service, table.c.at < before).limit(limit)
    return conn.execute(delete(table).where(table.c.seq.in_(old))).rowcount


def check_evidence(changes: Iterable[Verdict], evidence: Mapping[Key, Sequence[Evidence]]) -> None:
    """Refuse evidence for what did not change in this step: it would be lost without a word.

    :raises ValueError: a key is not that of any change.
    """
    strays = evidence.keys() - {Key.of(change) for change in changes}
    if strays:
        msg = f"evidence for what did not change in this step: {min(map(str, strays))}"
        raise ValueError(msg)
