"""The cluster's database, as a role comes to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from stillup.errors import Blame, StoreError

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.roles.role import Say
    from stillup.store.store import Store


def store_opener(
    config: Config, environ: Mapping[str, str], clock: Clock, *, writes: bool = True
) -> Callable[[], Store]:
    """Opens the cluster's database, and sees that it is this cluster's; who ``writes`` there makes its tables."""
    from stillup.store import open_store

    def opened() -> Store:
        where = config.store_at(environ)
        store = open_store(where, create=writes or isinstance(where, Path))
        try:
            store.claim(config.cluster.prefix, clock.now())
        except BaseException:
            store.close()
            raise
        return store

    return opened


class Door:
    """The database for who writes what is judged: opened when it is first needed and can be had; any thread may ask.

    Readers have a door of their own (:class:`~stillup.daemon.past.Past`), and alerts too: whoever was refused there is
    refused for some seconds more, or goes on without it, and neither may hold up what is to be written.
    """

    def __init__(self, opened: Callable[[], Store]) -> None:
        self._opened = opened
        self._lock = Lock()
        self._store: Store | None = None
        self._is_closed = False

    def __call__(self) -> Store:
        """It.

        :raises stillup.errors.StoreError: it cannot be had now.
        """
        with self._lock:
            if self._is_closed:
                msg = "the database was closed"
                raise StoreError(msg)
            if self._store is None:
                self._store = self._opened()
            return self._store

    def close(self) -> None:
        """Give it up."""
        with self._lock:
            self._is_closed = True
            if self._store is not None:
                self._store.close()


def warn_of_file(config: Config, environ: Mapping[str, str], say: Say) -> None:
    """A variable that was forgotten would give every machine a past, and alerts, of its own."""
    where = config.store_at(environ)
    if isinstance(where, Path):
        say(
            f"no PostgreSQL is named ({config.store.url_env} is not set): what is judged is kept in {where}. Processes "
            "on other machines would keep another, and send each alert again"
        )


def first_look(opener: Callable[[], Store], say: Say) -> None:
    """See at once what waiting will not mend; what it will is said, and the role goes on.

    :raises StoreError: it is another installation's, a newer stillup's, or the way in is wrong.
    """
    try:
        opener().close()
    except StoreError as exc:
        if exc.blame is Blame.USER:
            raise
        say(f"the database cannot be used now, and is tried again: {exc}")
