"""All that is kept, from one database to another, and the proof that it is the same.

The source is read in one transaction in which nothing changes, and nothing is taken from it. Copying compares as it
goes: what is at the target already is passed over, so that a move that was cut off goes on where it was. Afterwards
both are read from the beginning, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, delete, func, insert, select, text, tuple_

from stillup.errors import Blame, StoreError
from stillup.store import tables, write
from stillup.store.dialect import is_postgresql
from stillup.store.engine import Access

if TYPE_CHECKING:
    from sqlalchemy import Table

    from stillup.store.database import Database

_PAGE = 2_000
MOVING = "moving"
_HALF = "a move into it was not finished: run it again to the end (`stillup store move`)"

# Whatever points at another comes after it. Beside each, what its rows are known and read by.
_TABLES: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (tables.installation, ("name",)),
    (tables.transitions, ("seq",)),
    (tables.evidence, ("transition", "position")),
    (tables.incidents, ("id",)),
    (tables.reports, ("source", "service")),
    (tables.watched, ("service", "since")),
    (tables.sums, ("service", "day")),
    (tables.alerts, ("party",)),
    (tables.outbox, ("seq",)),
    (tables.signals, ("service", "at", "seq")),
    (tables.marks, ("name",)),
)

Row = tuple[Any, ...]
Told = Callable[[str, int, int], None]
"""Told how far it is: the table, rows done, rows in all."""


class Same(Struct, frozen=True, kw_only=True):
    """One table after a move: it has so many rows in both, of one digest; ``copied`` of them were new there."""

    table: str
    rows: int
    copied: int
    digest: str


class Moved(Struct, frozen=True, kw_only=True):
    """What a move did. ``since`` is how many rows the source has gained while it went on, by table."""

    tables: tuple[Same, ...]
    since: dict[str, int]


def move(
    source: Database, target: Database, told: Told = lambda _table, _done, _all: None, *, is_copy: bool = False
) -> Moved:
    """Copy everything and compare it; both are prepared here.

    It is whole when the source has gained nothing meanwhile; a copy, of how things stood, is whole all the same.

    :raises StoreError: one cannot be read or written; the target holds something already; a row is not the same.
    """
    source.prepare()
    target.prepare()
    _begin(target)
    with source.snapshot() as conn:
        whole = {table.name: _count(conn, table) for table, _ in _TABLES}
        copied = {
            table.name: _copy(conn, target, table, key, _of(told, f"copying {table.name}", whole[table.name]))
            for table, key in _TABLES
        }
        _count_on(target)
        done = []
        for table, key in _TABLES:
            rows, digest = _compare(conn, target, table, key, _of(told, f"comparing {table.name}", whole[table.name]))
            done.append(Same(table=str(table.name), rows=rows, copied=copied[table.name], digest=digest))
    with source.begin(Access.READ) as conn:
        now = {table.name: _count(conn, table) for table, _ in _TABLES}
    since = {str(name): now[name] - whole[name] for name in now if now[name] != whole[name]}
    if is_copy or not since:
        with target.begin(Access.DURABLE) as conn:
            conn.execute(delete(tables.marks).where(tables.marks.c.name == MOVING))
    return Moved(tables=tuple(done), since=since)


def refuse_half_moved(conn: Connection, where: str) -> None:
    """See that no move into this database was cut off.

    :raises StoreError: one was.
    """
    if write.mark_of(conn, MOVING) >= 0:
        msg = f"the database {where} is not whole: {_HALF}"
        raise _refused(msg)


def _begin(target: Database) -> None:
    """Mark the target as being moved into; it must be empty, or marked so already."""
    with target.begin(Access.DURABLE) as conn:
        if write.mark_of(conn, MOVING) >= 0:
            return
        for table, _ in _TABLES:
            if found := _count(conn, table):
                msg = (
                    f"the database {target.where} is not empty: a move needs an empty one ({table.name}: {found} rows)"
                )
                raise _refused(msg)
        write.set_mark(conn, MOVING, 0)


def _copy(source: Connection, target: Database, table: Table, key: tuple[str, ...], told: Callable[[int], None]) -> int:
    """Make one table of the target like the source's; how many rows were new or different."""
    places = [table.c.keys().index(name) for name in key]
    after: Row | None = None
    copied = done = 0
    while True:
        rows = _page(source, table, key, after)
        upto = tuple(rows[-1][p] for p in places) if len(rows) == _PAGE else None
        copied += _even(target, table, key, rows, (after, upto))
        done += len(rows)
        told(done)
        if upto is None:
            return copied
        after = upto


def _even(
    target: Database, table: Table, key: tuple[str, ...], rows: Sequence[Row], bounds: tuple[Row | None, Row | None]
) -> int:
    """Make one stretch of the target hold these rows and no others."""
    places = [table.c.keys().index(name) for name in key]
    wanted = {tuple(row[p] for p in places): row for row in rows}
    columns = tuple_(*(table.c[name] for name in key))
    if table is tables.signals:
        target.make_room(row[table.c.keys().index("at")] for row in rows)
    with target.begin(Access.DURABLE) as conn:
        there = {tuple(row[p] for p in places): row for row in _rows(conn, table, key, *bounds)}
        fresh = [row for k, row in wanted.items() if there.get(k) != row]
        stale = [k for k, row in there.items() if wanted.get(k) != row]
        if stale:
            if table is tables.transitions:
                conn.execute(delete(tables.evidence).where(tables.evidence.c.transition.in_([k[0] for k in stale])))
            conn.execute(delete(table).where(columns.in_(stale)))
        if fresh:
            conn.execute(insert(table).inline(), [dict(zip(table.c.keys(), row, strict=True)) for row in fresh])
    return len(fresh)


def _compare(
    source: Connection, target: Database, table: Table, key: tuple[str, ...], told: Callable[[int], None]
) -> tuple[int, str]:
    """Read both from the beginning; how many rows they have, and a digest of all.

    :raises StoreError: a row is not the same; it is named by its key.
    """
    digest, count = sha256(), 0
    with target.snapshot() as conn:
        for ours, theirs in zip_longest(_all(source, table, key), _all(conn, table, key)):
            if ours != theirs:
                row = dict(zip(table.c.keys(), ours or theirs, strict=True))
                known = ", ".join(f"{name} {row[name]!r:.60}" for name in key)
                how = "is missing" if theirs is None else "is too much" if ours is None else "is not the same"
                msg = f"after the move, a row of {table.name} {how} in {target.where} ({known})"
                raise StoreError(msg)
            digest.update(msgspec.json.encode(ours))
            count += 1
            if count % _PAGE == 0:
                told(count)
    told(count)
    return count, digest.hexdigest()


def _all(conn: Connection, table: Table, key: tuple[str, ...]) -> Iterator[Row]:
    places = [table.c.keys().index(name) for name in key]
    after: Row | None = None
    while rows := _page(conn, table, key, after):
        yield from rows
        after = tuple(rows[-1][p] for p in places)


def _page(conn: Connection, table: Table, key: tuple[str, ...], after: Row | None) -> list[Row]:
    return _rows(conn, table, key, after, None, _PAGE)


def _rows(
    conn: Connection,
    table: Table,
    key: tuple[str, ...],
    after: Row | None,
    upto: Row | None,
    limit: int | None = None,
) -> list[Row]:
    """Rows by key, behind one and up to another; without the mark of the move itself."""
    columns = [table.c[name] for name in key]
    wanted = select(table).order_by(*columns).limit(limit)
    if after is not None:
        # The first condition follows from the second; it tells SQLite where in the index to begin.
        wanted = wanted.where(and_(columns[0] >= after[0], tuple_(*columns) > tuple_(*after)))
    if upto is not None:
        wanted = wanted.where(and_(columns[0] <= upto[0], tuple_(*columns) <= tuple_(*upto)))
    if table is tables.marks:
        wanted = wanted.where(tables.marks.c.name != MOVING)
    return [tuple(row) for row in conn.execute(wanted)]


def _count(conn: Connection, table: Table) -> int:
    wanted = select(func.count()).select_from(table)
    if table is tables.marks:
        wanted = wanted.where(tables.marks.c.name != MOVING)
    return conn.scalar(wanted) or 0


def _count_on(target: Database) -> None:
    """Let PostgreSQL give numbers behind those that came with the rows; SQLite does so by itself."""
    with target.begin(Access.DURABLE) as conn:
        if not is_postgresql(conn.dialect):
            return
        for table in (tables.transitions, tables.outbox, tables.signals):
            newest = conn.scalar(select(func.max(table.c.seq)))
            if newest:
                conn.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'seq'), {newest})"))


def _of(told: Told, what: str, whole: int) -> Callable[[int], None]:
    return lambda done: told(what, done, whole)


def _refused(why: str) -> StoreError:
    error = StoreError(why)
    error.blame = Blame.USER
    return error
