"""Is a database whole: what is in it, whose it is, and whether every row can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from sqlalchemy import Connection, func, select, text

from stillup.errors import StoreError
from stillup.store import days, owner, write
from stillup.store.codec import EVIDENCE, INCIDENT, REPORT, SIGNAL, VERDICT
from stillup.store.dialect import is_postgresql
from stillup.store.move import MOVING
from stillup.store.tables import HEAD, evidence, incidents, metadata, reports, signals, transitions

if TYPE_CHECKING:
    from stillup.store.database import Database

_PAGE = 2_000
_READ = ((transitions, VERDICT), (evidence, EVIDENCE), (incidents, INCIDENT), (reports, REPORT), (signals, SIGNAL))


class Checked(Struct, frozen=True, kw_only=True):
    """What was found. ``faults`` are sentences; none: it is whole. ``days`` is None where signals have no parts."""

    where: str
    server: str
    schema: str
    installation: str | None
    rows: dict[str, int]
    days: int | None
    faults: tuple[str, ...]


def check(database: Database) -> Checked:
    """Read all of it, in one transaction that holds up nobody.

    :raises StoreError: it cannot be read at all.
    """
    database.prepare()
    with database.snapshot() as conn:
        rows = {
            str(table.name): conn.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }
        faults = [*_own_faults(conn), *_unreadable(conn)]
        if write.mark_of(conn, MOVING) >= 0:
            faults.append("a move into it was not finished: run it again to the end")
        if is_postgresql(conn.dialect):
            server = f"PostgreSQL {conn.scalar(select(func.current_setting('server_version')))}"
            parts = days.count(conn)
        else:
            server, parts = f"SQLite {conn.scalar(select(func.sqlite_version()))}", None
        whose = owner.whose(conn)
    return Checked(
        where=database.where,
        server=server,
        schema=HEAD,
        installation=whose,
        rows=rows,
        days=parts,
        faults=tuple(faults),
    )


def _own_faults(conn: Connection) -> list[str]:
    """What the database finds wrong with itself."""
    wrong = []
    if not is_postgresql(conn.dialect):
        said = [row[0] for row in conn.execute(text("PRAGMA quick_check(5)"))]
        wrong += [] if said == ["ok"] else [f"the file is damaged: {words}" for words in said]
    lost = select(func.count()).select_from(evidence)
    lost = lost.where(~select(transitions.c.seq).where(transitions.c.seq == evidence.c.transition).exists())
    if count := conn.scalar(lost):
        wrong.append(f"{count} rows of evidence belong to no change")
    return wrong


def _unreadable(conn: Connection) -> list[str]:
    wrong = []
    for table, codec in _READ:
        bad = 0
        for value in conn.scalars(select(table.c.value).execution_options(yield_per=_PAGE)):
            try:
                codec.unpack(value)
            except StoreError:
                bad += 1
        if bad:
            wrong.append(f"{bad} rows of {table.name} cannot be read by this version of stillup")
    return wrong
