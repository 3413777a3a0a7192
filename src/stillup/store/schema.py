"""Bring a database to the newest schema, without Alembic where there is nothing to move."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, insert, inspect, select

from stillup.errors import Blame, StoreError
from stillup.store import days
from stillup.store.dialect import is_postgresql, one_at_a_time
from stillup.store.engine import Access, engine_for, use_wal
from stillup.store.tables import HEAD, metadata, signals, version

if TYPE_CHECKING:
    from alembic.config import Config

_NOT_BY_READERS = (
    f"is not of this stillup's schema {HEAD} ({{}}), and only what writes there brings it up to date: a monitor, or "
    "`stillup up`, at its start"
)
MIGRATIONS = Path(__file__).with_name("migrations")
_ON_NO_SERVER = ("0001", "0002", "0003")
"""Revisions of files alone: they know of no days and no order of words, and no stillup ever made one on a server."""


def prepare(engine: Engine, where: str, *, may_change: bool = True) -> None:
    """Make or upgrade the tables, in one transaction, if they are not the newest.

    Cost: two statements when up to date. Processes that come at the same time wait for the first one.

    :raises StoreError: made by a newer stillup, or by something else; it is not the newest and may not be changed.
    """
    with engine_for(engine, Access.READ).begin() as conn:
        found = revision_of(conn, where)
    if not is_postgresql(engine.dialect):
        # Not before it is known to be ours: the mode stays in the file.
        use_wal(engine)
    if found == HEAD:
        return
    if not may_change and (found is None or found in _known()):
        error = _refused(where, _NOT_BY_READERS.format(f"its schema is {found}" if found else "it is empty"))
        error.blame = Blame.NETWORK  # it mends itself once somebody writes there
        raise error
    with engine_for(engine, Access.DURABLE).begin() as conn:
        one_at_a_time(conn, "schema")
        # Asked again under the write lock: another process may have been quicker.
        match revision_of(conn, where):
            case revision if revision == HEAD:
                return
            case None:
                _make(conn)
            case revision:
                upgrade(conn, revision, where)


def revision_of(conn: Connection, where: str) -> str | None:
    """The revision the database says it has; None when it has no tables at all.

    :raises StoreError: it has tables that are not ours.
    """
    tables = inspect(conn).get_table_names()
    if not tables:
        return None
    found: str | None = None
    if version.name in tables:
        found = conn.scalar(select(version.c.version_num))
    if found is None:
        raise _refused(where, "belongs to another program; it was left as it is")
    return found


def upgrade(conn: Connection, revision: str | None, where: str) -> None:
    """Run the migrations from ``revision`` (None: from nothing) to the newest, in the caller's transaction.

    :raises StoreError: the revision is not one of ours, so a newer stillup made it.
    """
    from alembic import command

    config = _config()
    config.attributes["connection"] = conn
    if revision is not None and revision not in _known():
        newer = f"was made by a newer stillup (its schema is {revision}, this one knows up to {HEAD}): update stillup"
        raise _refused(where, newer)
    if is_postgresql(conn.dialect) and revision in _ON_NO_SERVER:
        foreign = f"says that its schema is {revision}, which no stillup has made on a server: it was left as it is. "
        raise _refused(where, foreign + "`stillup store move` brings what a file holds into an empty database")
    command.upgrade(config, "head")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _make(conn: Connection) -> None:
    # Alembic takes longer to import than all of this; a test holds the two ways to the same schema.
    if is_postgresql(conn.dialect):
        metadata.create_all(conn, [table for table in metadata.sorted_tables if table is not signals])
        days.make_table(conn)
        days.make_days(conn, days.days_ahead(conn))
    else:
        metadata.create_all(conn)
    version.create(conn)
    conn.execute(insert(version).values(version_num=HEAD))


def _refused(where: str, why: str) -> StoreError:
    error = StoreError(f"the database {where} {why}")
    error.blame = Blame.USER
    return error
