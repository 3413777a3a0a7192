"""SQLite: one file, private to its owner."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stillup.errors import StoreError
from stillup.private import make_file, private_folder
from stillup.store.engine import Access, engine_for, make_engine
from stillup.store.faults import store_errors
from stillup.store.schema import prepare

if TYPE_CHECKING:
    from sqlalchemy import Connection


class SqliteFile:
    """A :class:`~stillup.store.database.Database` in a file; ``create`` makes it where there is none."""

    def __init__(self, path: Path, wait_s: float = 5.0, *, create: bool = True) -> None:
        self.path = path
        self.where = str(path)
        self._create = create
        self._engine = make_engine(path, wait_s)
        self._engines = {access: engine_for(self._engine, access) for access in Access}

    @contextmanager
    def begin(self, access: Access) -> Iterator[Connection]:
        """One transaction, with the promise of its kind."""
        with store_errors(self.path), self._engines[access].begin() as conn:
            yield conn

    def snapshot(self) -> AbstractContextManager[Connection]:
        """A reading transaction sees nothing that is written later, however long it takes."""
        return self.begin(Access.READ)

    def prepare(self) -> None:
        """Make the file and its folder where needed, and bring the tables to the newest schema."""
        with store_errors(self.path):
            if self._create:
                _make_private(self.path)
            elif not self.path.exists():
                msg = f"there is no database at {self.path}"
                raise StoreError(msg)
            prepare(self._engine, self.where)

    def make_room(self, times: Iterable[int]) -> None:
        """There is always room."""

    def drop_before(self, before: int) -> None:  # noqa: ARG002 - a file has no parts
        """They are deleted one by one."""
        return

    def close(self) -> None:
        """Give up the connections. The last one to close folds the write-ahead log into the file."""
        self._engine.dispose()


def _make_private(path: Path) -> None:
    private_folder(path.parent)
    if path.exists():
        return
    if path.is_symlink():  # SQLite would make the file wherever the link points
        raise FileNotFoundError(errno.ENOENT, "it is a link to a file that does not exist")
    # Made under another name and linked: to open and close the database itself would drop every lock that SQLite
    # holds on it in this process, and a file that SQLite makes is open to others for a moment.
    make_file(path)
