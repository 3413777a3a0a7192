"""The database for those who only read it: opened when it is first needed, and waited for once, not by each reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from stillup.errors import Blame, StoreError

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.store.store import Store

AGAIN_S = 10.0
"""One that is away is tried again after so long; until then whoever asks is told so at once."""


class Past:
    """What was kept. Any thread may read it; its calls block, for some seconds where the database does not answer."""

    def __init__(self, open_store: Callable[[], Store], clock: Clock) -> None:
        self._open_store, self._clock = open_store, clock
        self._lock = Lock()
        self._store: Store | None = None
        self._is_closed = False
        self._until_s = float("-inf")
        self._why = ""

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """It, while inside. Whoever was told inside that it is away lets it out: others need not wait for the same.

        :raises StoreError: it is away, or was a moment ago.
        """
        store = self._there()
        try:
            yield store
        except StoreError as exc:
            if exc.blame is Blame.NETWORK:
                self._away(exc)
            raise

    @property
    def is_away(self) -> bool:
        """Whether it was, a moment ago."""
        return self._clock.monotonic_s() < self._until_s

    def close(self) -> None:
        """Give it up."""
        with self._lock:
            self._is_closed = True
            if self._store is not None:
                self._store.close()

    def _there(self) -> Store:
        if self.is_away:  # before the lock: its holder may be waiting for the server
            raise self._same()
        with self._lock:
            if self._is_closed:
                msg = "the database was closed"
                raise StoreError(msg)
            if self.is_away:
                raise self._same()
            if self._store is None:
                try:
                    self._store = self._open_store()
                except StoreError as exc:
                    self._away(exc)
                    raise
            return self._store

    def _away(self, why: StoreError) -> None:
        self._why, self._until_s = str(why), self._clock.monotonic_s() + AGAIN_S

    def _same(self) -> StoreError:
        return StoreError(self._why)


@contextmanager
def reading(config: Config, environ: Mapping[str, str], past: Past | None = None) -> Iterator[Store | None]:
    """``past`` where there is one, else the configuration's database, opened for this; None where nothing is kept.

    :raises StoreError: it cannot be opened; whatever reading it raises.
    :raises stillup.errors.ConfigError: its address cannot be read.
    """
    if past is not None:
        with past.reading() as store:
            yield store
        return
    from stillup.store import is_kept, open_store

    where = config.store_at(environ)
    if not is_kept(where):
        yield None
        return
    with open_store(where, create=False) as store:
        yield store
