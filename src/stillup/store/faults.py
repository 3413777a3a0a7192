"""The seam where SQLite's and the file system's errors become :class:`~stillup.errors.StoreError`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from stillup.errors import Blame, StoreError

# By primary result code. `{path}` is filled in; whatever is not here is said by SQLite's own name for it.
SENTENCES: dict[int, tuple[str, Blame]] = {
    sqlite3.SQLITE_NOTADB: ("{path} is not a database; it was left as it is", Blame.USER),
    sqlite3.SQLITE_CORRUPT: (
        "the database {path} is damaged; it was left as it is: move it away to start a new one",
        Blame.USER,
    ),
    sqlite3.SQLITE_FULL: ("the database {path} cannot grow: the disk is full", Blame.USER),
    sqlite3.SQLITE_BUSY: ("the database {path} stayed locked by another process", Blame.USER),
    sqlite3.SQLITE_LOCKED: ("the database {path} stayed locked by another user of it", Blame.US),
    sqlite3.SQLITE_READONLY: ("the database {path} cannot be written: it or its folder is read-only", Blame.USER),
    sqlite3.SQLITE_CANTOPEN: (
        "the database {path} cannot be opened: is it a file, in a folder that can be written?",
        Blame.USER,
    ),
    sqlite3.SQLITE_PERM: ("the database {path} may not be opened", Blame.USER),
    sqlite3.SQLITE_IOERR: ("the disk failed while the database {path} was read or written", Blame.USER),
}


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong with the database inside this block into one sentence with its path.

    :raises StoreError: the database cannot be opened, read or written.
    """
    try:
        yield
    except DBAPIError as exc:
        raise of_sqlite(path, exc.orig) from exc
    except sqlite3.Error as exc:
        raise of_sqlite(path, exc) from exc
    except SQLAlchemyError as exc:
        msg = f"the database {path} cannot be used ({type(exc).__name__})"
        raise StoreError(msg) from exc
    except OSError as exc:
        msg = f"the database {path} cannot be opened: {exc.strerror or type(exc).__name__}"
        error = StoreError(msg)
        error.blame = Blame.USER
        raise error from exc


def of_sqlite(path: Path, exc: BaseException | None) -> StoreError:
    """The error of one SQLite failure. SQLite's own text stays out: it can quote the data."""
    code = getattr(exc, "sqlite_errorcode", None)
    name = getattr(exc, "sqlite_errorname", type(exc).__name__)
    # The low byte is the primary code, the rest tells its variants apart.
    primary = None if code is None else code & 0xFF
    sentence, blame = SENTENCES.get(primary or 0, ("the database {path} cannot be used", Blame.US))
    error = StoreError(f"{sentence.format(path=path)} ({name})")
    error.blame = blame
    return error
