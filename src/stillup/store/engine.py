"""Connections: how each transaction begins, and how much it promises when it ends."""

from __future__ import annotations

import sqlite3
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event


class Access(Enum):
    """What a transaction is for: the statements it begins with.

    In WAL mode every commit outlives the death of the process. FULL also waits until it is on the disk, so that it
    outlives a power cut; NORMAL leaves that to the next checkpoint or the next FULL commit. Writers take the write
    lock at once: a transaction that reads first and writes later would fail, not wait, when another came between.
    """

    READ = ("BEGIN",)
    QUICK = ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE")
    DURABLE = ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE")


_ACCESS = "stillup_access"
_TRIES = 8
_CACHE_KB = 512
"""Of pages a connection keeps in memory: the system keeps them anyhow, and a process has a dozen connections."""


def make_engine(path: Path, wait_s: float) -> Engine:
    """An engine on the file at ``path``; nothing is opened yet. Take :func:`engine_for` of it to do something.

    Parameters never appear in an error's text: they hold what was fetched from the network.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        # Without an isolation level the driver begins nothing by itself: `_begin` alone does.
        connect_args={"timeout": wait_s, "isolation_level": None},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _connect)
    event.listen(engine, "begin", _begin)
    return engine


def engine_for(engine: Engine, access: Access) -> Engine:
    """The same engine and connections, with transactions of one kind."""
    return engine.execution_options(**{_ACCESS: access})


def use_wal(engine: Engine) -> None:
    """Make readers and a writer not wait for each other. A file system without shared memory keeps its own mode.

    SQLite does not wait for a lock while it changes the mode. Where processes meet over a new file, the slower one
    waits by asking for the write lock and tries again; each try, one of them is through.
    """
    with engine_for(engine, Access.READ).connect() as conn:
        driver: Any = conn.connection.driver_connection
        for last in (*[False] * _TRIES, True):
            try:
                driver.execute("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError as exc:
                if last or exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                driver.execute("BEGIN IMMEDIATE").execute("ROLLBACK")
            else:
                return


def _connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - SQLAlchemy hands over the driver's own object
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KB}")


def _begin(conn: Connection) -> None:
    access: Access = conn.get_execution_options().get(_ACCESS, Access.READ)
    for statement in access.value:
        conn.exec_driver_sql(statement)
