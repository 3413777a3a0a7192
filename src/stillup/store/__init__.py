"""What is kept: signals for a while; verdict changes with their evidence, incidents and source reports for good.

SQLite in WAL mode by way of SQLAlchemy Core, one file. Importing this package is cheap; SQLAlchemy is loaded by
:func:`open_store`. The calls block: from asyncio, make them in a thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stillup.store.values import Key, Report

if TYPE_CHECKING:
    from stillup.store.store import Store

__all__ = ["Key", "Report", "open_store"]


def open_store(path: Path | str, *, create: bool = True, wait_s: float = 5.0) -> Store:
    """Open the database at ``path``, made or brought up to date first where needed.

    The file is made for its owner alone (0600), a missing folder likewise (0700). ``wait_s`` is how long to wait for
    another process that is writing. Close it, or use it as a context manager.

    :raises stillup.errors.StoreError: it cannot be used, and why; ``create`` is False and there is none; it was made
        by a newer stillup. The file is never deleted and never replaced.
    """
    from stillup.store.store import open_file

    return open_file(Path(path).expanduser().absolute(), create=create, wait_s=wait_s)
