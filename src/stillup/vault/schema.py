"""The tables of the vault, and how an older vault is brought up to date: numbered steps, each in its transaction.

Plain SQL: half of it is SQLite's full-text search, and the other half is run by SQLCipher where the vault is encrypted.
"""

from __future__ import annotations

from typing import Any

from stillup.errors import Blame, StoreError

_FIRST = """
CREATE TABLE conversation (
    n INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    origin TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    service TEXT NOT NULL,
    place TEXT NOT NULL,
    began REAL,
    changed REAL,
    turns INTEGER NOT NULL
);
CREATE INDEX conversation_changed ON conversation (changed);
-- Every identity a conversation goes by: it may have come from several origins.
CREATE TABLE name (
    origin TEXT NOT NULL,
    id TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    PRIMARY KEY (origin, id)
) WITHOUT ROWID;
CREATE INDEX name_conversation ON name (conversation);
-- The number of a message begins with its time, so that the newest are found first: see ordinal.py.
CREATE TABLE message (
    n INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    place INTEGER NOT NULL,
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    at REAL,
    model TEXT NOT NULL,
    parent TEXT NOT NULL,
    digest BLOB NOT NULL,
    chain BLOB NOT NULL,
    parts BLOB NOT NULL,
    UNIQUE (conversation, id)
);
CREATE INDEX message_chain ON message (chain);
-- What a message is called in the conversation's other origins.
CREATE TABLE also (
    conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    origin TEXT NOT NULL,
    id TEXT NOT NULL,
    message INTEGER NOT NULL REFERENCES message ON DELETE CASCADE,
    PRIMARY KEY (conversation, origin, id)
) WITHOUT ROWID;
CREATE INDEX also_message ON also (message);
CREATE TABLE attachment (
    message INTEGER NOT NULL REFERENCES message ON DELETE CASCADE,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    text TEXT NOT NULL,
    blob BLOB,
    PRIMARY KEY (message, place)
) WITHOUT ROWID;
CREATE TABLE blob (
    hash BLOB PRIMARY KEY,
    data BLOB NOT NULL
);
-- How far each source was read; it is written together with what was read.
CREATE TABLE source (
    importer TEXT NOT NULL,
    path TEXT NOT NULL,
    mark TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (importer, path)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE titles USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 2');
"""

STEPS = (_FIRST,)
"""One a version; a step that was released never changes."""
APPLICATION = 0x73755631
"""``suV1``: what tells our file from another program's."""


def prepare(db: Any, path: str) -> None:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
    """Make the tables, or bring them up to date; a vault that is up to date costs two small reads.

    :raises StoreError: it was made by a newer stillup, or by another program.
    """
    found = _version(db, path)
    if found == len(STEPS):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(db, path), len(STEPS)):  # asked again: another process may have been quicker
            for statement in _statements(STEPS[number]):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _version(db: Any, path: str) -> int:  # noqa: ANN401
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION:
        msg = f"{path} belongs to another program; it was left as it is"
        raise _refused(msg)
    if version > len(STEPS):
        newer = f"its format is {version}, this one knows up to {len(STEPS)}"
        msg = f"the vault {path} was made by a newer stillup ({newer}): update stillup"
        raise _refused(msg)
    return int(version)


def _statements(script: str) -> list[str]:
    """One by one: the driver's own way to run a script commits what is open."""
    return [statement for statement in script.split(";\n") if statement.strip()]


def _refused(why: str) -> StoreError:
    error = StoreError(why)
    error.blame = Blame.USER
    return error
