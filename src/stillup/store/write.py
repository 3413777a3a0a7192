"""What is written: rows of values, and the statements that keep a repeated write harmless."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, insert, select, update

from stillup.errors import StoreError
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.store import tables
from stillup.store.codec import EVIDENCE, INCIDENT, REPORT, SIGNAL, VERDICT, micros
from stillup.store.dialect import one_at_a_time, upsert
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


def signal_rows(signals: Iterable[Signal]) -> list[Row]:
    """The rows of those that would come back equal."""
    rows = []
    for signal in signals:
        with suppress(StoreError):
            rows.append(signal_row(signal))
    return rows


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
    added = upsert(conn, tables.transitions).values(row).on_conflict_do_nothing().returning(tables.transitions.c.seq)
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
    put = upsert(conn, table).values(row)
    news: dict[str, Any] = {name: put.excluded[name] for name in row if name not in ("id", "tick")}
    news["tick"] = case((put.excluded.tick > table.c.tick, put.excluded.tick), else_=table.c.tick)
    newer = None if tick is None else put.excluded.tick >= table.c.tick
    conn.execute(put.on_conflict_do_update(index_elements=[table.c.id], set_=news, where=newer))


def put_reports(conn: Connection, reports: Iterable[Report]) -> None:
    """Set the last report of each source and service; an older one than the stored changes nothing."""
    table = tables.reports
    put = upsert(conn, table)
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
    one_at_a_time(conn, "watched", service)
    table = tables.watched
    newest = conn.execute(
        select(table.c.since, table.c.until).where(table.c.service == service).order_by(table.c.since.desc()).limit(1)
    ).first()
    if newest is None or since - newest.until > reach:
        row = {"service": service, "since": since, "until": until}
        conn.execute(upsert(conn, table).values(row).on_conflict_do_nothing())
    elif newest.until < until:
        grown = update(table).where(table.c.service == service, table.c.since == newest.since)
        conn.execute(grown.values(until=until))


def mark_of(conn: Connection, name: str) -> int:
    """How far something has been written; -1 where nothing was."""
    found = conn.scalar(select(tables.marks.c.number).where(tables.marks.c.name == name))
    return -1 if found is None else found


def set_mark(conn: Connection, name: str, number: int) -> None:
    """Note how far something has been written, in the transaction that wrote it."""
    put = upsert(conn, tables.marks).values(name=name, number=number)
    conn.execute(put.on_conflict_do_update(index_elements=[tables.marks.c.name], set_={"number": number}))


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
