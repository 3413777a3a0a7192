"""What is said in two ways: SQLite has one writer at a time by itself, PostgreSQL has as many as come."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, Dialect, Table, func, literal_column, or_, select

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert
    from sqlalchemy.sql.elements import ColumnElement

POSTGRESQL = "postgresql"


def is_postgresql(dialect: Dialect) -> bool:
    """Whether many may write at once, and ``signals`` is one table a day."""
    return dialect.name == POSTGRESQL


def upsert(conn: Connection, table: Table) -> Insert:
    """An insert that can say what is to be done where the row is there already. Both databases spell it alike."""
    made: Insert = _insert(conn.dialect.name)(table)
    return made


@cache
def _insert(dialect: str) -> Any:  # noqa: ANN401 - two classes with the same methods and no common base
    if dialect == POSTGRESQL:
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    return insert


def one_at_a_time(conn: Connection, *what: str) -> None:
    """Wait until nobody else is between here and the end of their transaction about the same thing.

    SQLite's writers are one at a time anyhow. PostgreSQL has locks that belong to no row: it ends with the transaction,
    however that ends. Two things whose names hash alike wait for each other, nothing worse.
    """
    if is_postgresql(conn.dialect):
        name = "/".join(("stillup", *what))
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtext(func.current_schema()), func.hashtext(name))))


def now_micros(conn: Connection) -> ColumnElement[int]:
    """The database's own clock, in microseconds since the epoch: one clock for all who ask."""
    if is_postgresql(conn.dialect):
        return literal_column("(extract(epoch from clock_timestamp()) * 1000000)::bigint", BigInteger)
    return literal_column("CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)", BigInteger)


def takes_no_writing(conn: Connection) -> bool:
    """Whether a server is a standby, or told to be read-only; a file says so when it is written to."""
    if not is_postgresql(conn.dialect):
        return False
    told = func.current_setting("default_transaction_read_only") == "on"
    return bool(conn.scalar(select(or_(func.pg_is_in_recovery(), told))))
