"""The tables: a typed column for what is queried, and beside it ``value``, the JSON of the whole.

Times are whole microseconds since the epoch, UTC. A change here needs a migration and a new :data:`HEAD`; a test
compares the two. On PostgreSQL, ``signals`` is one table a day (:mod:`stillup.store.days`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from stillup.store.words import Word

HEAD = "0005"
"""The newest revision in ``migrations/versions``: a database that names it is opened without Alembic."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rows by itself only in a primary key spelt INTEGER.
_Sequence = BigInteger().with_variant(Integer(), "sqlite")

signals = Table(
    "signals",
    metadata,
    Column("seq", _Sequence, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("service", Word, nullable=False),
    Column("source", Word, nullable=False),
    Column("kind", Word, nullable=False),
    Column("value", Text, nullable=False),
    Index(None, "service", "at"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("seq", _Sequence, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("service", Word, nullable=False),
    # Empty for the service as a whole: SQL counts two NULLs as different, which would let a change be stored twice.
    Column("component", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("incident", Word),
    Column("value", Text, nullable=False),
    UniqueConstraint("service", "at", "component"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("transition", _Sequence, ForeignKey("transitions.seq"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("family", Word, nullable=False),
    Column("standing", Word, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("transition", "position"),
    sqlite_with_rowid=False,
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Word, primary_key=True),
    Column("service", Word, nullable=False),
    Column("opened_at", BigInteger, nullable=False, index=True),
    Column("recovered_at", BigInteger),
    Column("state", Word, nullable=False),
    # The tick this row was last written for: a step that is driven again never takes an incident back.
    Column("tick", BigInteger, nullable=False),
    Column("value", Text, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("source", Word, nullable=False),
    Column("service", Word, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("source", "service"),
)

# Stretches of minutes in which something was known of a service: without them a calm month could not be told from one
# in which nobody looked. One row a stretch; the newest grows while the watch goes on.
watched = Table(
    "watched",
    metadata,
    Column("service", Word, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    PrimaryKeyConstraint("service", "since"),
    sqlite_with_rowid=False,
)

# What each side saw of a service on a day (of UTC, counted from 1970), summed up: single signals are deleted after a
# month, and what was promised is asked for later. ``upto`` is until when its signals were read.
sums = Table(
    "sums",
    metadata,
    Column("service", Word, nullable=False),
    Column("day", Integer, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("service", "day"),
    sqlite_with_rowid=False,
)

alerts = Table(
    "alerts",
    metadata,
    Column("party", Word, nullable=False),
    # The last transition that was decided on: what was committed behind it is decided on next, however late.
    Column("cursor", BigInteger, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("party"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _Sequence, primary_key=True),
    Column("party", Word, nullable=False),
    Column("key", Word, nullable=False),
    Column("channel", Word, nullable=False),
    Column("status", Word, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("queued", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("done", BigInteger),
    Column("why", Text, nullable=False),
    Column("value", Text, nullable=False),
    UniqueConstraint("party", "key"),
    Index(None, "party", "channel", "status", "seq"),
)

# How far a log or a move has been written here, in one transaction with what was written.
marks = Table(
    "marks",
    metadata,
    Column("name", Word, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

# Who does what only one may do, until when by the database's own clock.
holders = Table(
    "holders",
    metadata,
    Column("what", Word, primary_key=True),
    Column("who", Word, nullable=False),
    Column("until", BigInteger, nullable=False),
)

# Whose database it is: two clusters that judge into one would each undo the other's word.
installation = Table(
    "installation",
    metadata,
    Column("name", Word, primary_key=True),
    Column("since", BigInteger, nullable=False),
)

# Alembic's own bookkeeping, spelt as Alembic spells it; kept out of `metadata`, which Alembic compares.
version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
