"""From where a store is to the store."""

from __future__ import annotations

from pathlib import Path

from stillup.errors import Blame, StoreError
from stillup.secret import Secret
from stillup.store.address import is_address
from stillup.store.database import Database
from stillup.store.store import Store

_LEAST_S, _WAITS, _MOST_S = 5.0, 4, 20.0
"""A server's transaction may take four times as long as a connection, or a lock; within these bounds."""


def open_database(where: Path | str | Secret, *, create: bool, wait_s: float, late: bool) -> Store:
    """See :func:`stillup.store.open_store`."""
    store = Store(database_at(where, create=create, wait_s=wait_s))
    try:
        store.prepare()
    except StoreError as exc:
        if not (late and exc.blame is Blame.NETWORK):
            store.close()
            raise
    except BaseException:
        store.close()
        raise
    return store


def database_at(
    where: Path | str | Secret, *, create: bool = True, wait_s: float = 5.0, patient: bool = False
) -> Database:
    """The database, not opened yet; ``patient`` gives a transaction as long as it takes.

    :raises StoreError: an address that is none, or no driver for it.
    """
    if isinstance(where, str) and "://" in where:
        where = Secret(where)
    if isinstance(where, Secret):
        from stillup.store.postgres import Postgres

        if not is_address(where.reveal()):
            error = StoreError("a database is a file, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
            error.blame = Blame.USER
            raise error
        deadline_s = None if patient else min(_MOST_S, max(_LEAST_S, _WAITS * wait_s))
        return Postgres(where, wait_s, deadline_s, create=create)
    from stillup.store.sqlite import SqliteFile

    return SqliteFile(Path(where).expanduser().absolute(), wait_s, create=create)
