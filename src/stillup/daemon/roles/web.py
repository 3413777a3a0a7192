"""The page as a role of a cluster: it shows what the judges say on the bus, and tells browsers within a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from stillup.daemon.archive import StoreArchive
from stillup.daemon.roles.hub import desk_of
from stillup.daemon.roles.showing import serve_page
from stillup.errors import StoreError

if TYPE_CHECKING:
    from stillup.board import Archive, Joint, Record, Story
    from stillup.clock import Clock
    from stillup.daemon.roles.role import Here
    from stillup.model.incident import Incident
    from stillup.model.verdict import Verdict
    from stillup.store.store import Store

_AGAIN_S = 10.0


async def serve(here: Here) -> None:
    """Show the page, and take reports at it, until told to stop; what is under way is answered."""
    archive = LateArchive(here.open_store, here.clock)
    try:
        await serve_page(here, "page", archive=archive, desk=desk_of(here) if here.config.hub.enabled else None)
    finally:
        await asyncio.to_thread(archive.close)


class LateArchive:
    """An :class:`~stillup.board.Archive` over a database that may be away, at the start too: then each call says so."""

    def __init__(self, open_store: Callable[[], Store], clock: Clock) -> None:
        self._open_store, self._clock = open_store, clock
        self._lock = Lock()
        self._store: Store | None = None
        self._archive: StoreArchive | None = None
        self._tried_s = float("-inf")
        self._why = ""

    def story(self, incident_id: str) -> Story | None:
        """One incident, None where none has that id."""
        return self._there().story(incident_id)

    def incidents(
        self, service: str | None = None, *, before: tuple[datetime, str] | None = None, limit: int = 50
    ) -> Sequence[Incident]:
        """Newest first."""
        return self._there().incidents(service, before=before, limit=limit)

    def changes(
        self, service: str | None = None, *, before: tuple[datetime, str] | None = None, limit: int = 50
    ) -> Sequence[Verdict]:
        """Changes of verdict, newest first."""
        return self._there().changes(service, before=before, limit=limit)

    def record(self, service: str, now: datetime, days: int = 90) -> Sequence[Record]:
        """Of the service as a whole (first) and each component that was spoken of."""
        return self._there().record(service, now, days)

    def joint(self, services: Sequence[str], now: datetime, days: int = 90) -> Sequence[Joint]:
        """Each service alone, then each pair, then all together."""
        return self._there().joint(services, now, days)

    def close(self) -> None:
        """Give the database up."""
        with self._lock:
            if self._store is not None:
                self._store.close()

    def _there(self) -> Archive:
        """The archive; a hundred readers of a page try a database that is away once in some seconds, not each.

        :raises StoreError: it is away.
        """
        with self._lock:
            if self._archive is None:
                at_s = self._clock.monotonic_s()
                if at_s - self._tried_s < _AGAIN_S:
                    raise StoreError(self._why)
                self._tried_s = at_s
                try:
                    self._store = self._open_store()
                except StoreError as exc:
                    self._why = str(exc)
                    raise
                self._archive = StoreArchive(self._store, self._clock)
            return self._archive
