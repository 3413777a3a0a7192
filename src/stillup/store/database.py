"""What the store needs of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from stillup.store.engine import Access

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Database(Protocol):
    """A way to transactions; nothing is opened before the first."""

    where: str
    """Its name for a person: a path, or a server and a name, never with a password."""

    def begin(self, access: Access) -> AbstractContextManager[Connection]:
        """One transaction: it is over when the block ends, or undone when that fails.

        :raises stillup.errors.StoreError: it cannot be begun, or ended.
        """
        ...

    def snapshot(self) -> AbstractContextManager[Connection]:
        """One reading transaction in which nothing changes, however long it takes."""
        ...

    def prepare(self) -> None:
        """Bring the tables to the newest schema.

        :raises stillup.errors.StoreError: it cannot be reached, or must not be used.
        """
        ...

    def make_room(self, times: Iterable[int]) -> None:
        """Signals of these times, in microseconds, are about to be written."""
        ...

    def drop_before(self, before: int) -> int | None:
        """Drop signals older than this where they can be dropped as a whole; how many, None where they cannot."""
        ...

    def close(self) -> None:
        """Give up the connections."""
        ...
