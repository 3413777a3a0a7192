"""What is kept: signals for a while; verdict changes with their evidence, incidents and source reports for good.

SQLite in WAL mode, one file, or PostgreSQL, by way of SQLAlchemy Core. Importing this package is cheap; SQLAlchemy is
loaded by :func:`open_store`. The calls block: from asyncio, make them in a thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stillup.store.values import Key, Report

if TYPE_CHECKING:
    from stillup.secret import Secret
    from stillup.store.store import Store

__all__ = ["Key", "Report", "is_kept", "open_store"]


def open_store(where: Path | str | Secret, *, create: bool = True, wait_s: float = 5.0, late: bool = False) -> Store:
    """Open the database at ``where``, made or brought up to date first where needed.

    A path is SQLite's: the file is made for its owner alone (0600), a missing folder likewise (0700). An address
    ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE`` is PostgreSQL's; the database is there already, the tables in it
    are made. Without ``create`` there must be a file, and a server's tables are left as they are. ``wait_s`` is how
    long to wait for another process that is writing, and for a server. With ``late``, a server that does not answer now
    is no error yet: each call tries again, and says so. Close it, or use it as a context manager.

    :raises stillup.errors.StoreError: it cannot be used, and why; ``create`` is False and there is none, or none of
        this schema on a server; it was made by a newer stillup. A file is never deleted and never replaced.
    """
    from stillup.store.opening import open_database

    return open_database(where, create=create, wait_s=wait_s, late=late)


def is_kept(where: Path | Secret) -> bool:
    """Whether there is anything at ``where`` to open: a file that is not empty, or a server, which says so itself."""
    return where.exists() and where.stat().st_size > 0 if isinstance(where, Path) else True
