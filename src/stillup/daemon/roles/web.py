"""The page as a role of a cluster: it shows what the judges say on the bus, and tells browsers within a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from stillup.daemon.archive import StoreArchive
from stillup.daemon.board import first_board
from stillup.daemon.cluster.publish import BOARDS, VERDICTS, unpack, unpack_board
from stillup.daemon.cluster.together import end, together
from stillup.daemon.roles.boards import Boards
from stillup.daemon.web import Serving
from stillup.errors import BadDataError, StoreError
from stillup.web.token import find_token

if TYPE_CHECKING:
    from stillup.board import Archive, Joint, Record, Story
    from stillup.bus.base import Entry
    from stillup.clock import Clock
    from stillup.daemon.roles.role import Here
    from stillup.model.incident import Incident
    from stillup.model.verdict import Verdict
    from stillup.store.store import Store

_GATHER_S = 0.1
"""What is said of several services at once is one new board."""
_LOOK_S = 5.0
_AGAIN_S = 10.0


async def serve(here: Here) -> None:
    """Show the page, and take reports at it, until told to stop; what is under way is answered."""
    from stillup.daemon.roles.hub import desk_of

    token = await asyncio.to_thread(find_token, here.config.web, here.config.data_folder, here.environ)
    archive, now = LateArchive(here.open_store, here.clock), here.clock.now()
    desk = desk_of(here) if here.config.hub.enabled else None
    page = Serving(
        here.config.web,
        here.clock,
        first_board(here.services, now),
        say=here.say,
        archive=archive,
        desk=desk,
        kept=desk.kept if desk is not None else None,
        token=token,
        more_metrics=[desk.metrics] if desk is not None else [],
    )
    await asyncio.to_thread(page.start)
    here.say(f"page: {page.address}")
    here.beats["page"] = page.address
    works = [asyncio.ensure_future(Showing(here, Boards(here.services, now), page).go_on())]
    if desk is not None:
        works.append(asyncio.ensure_future(desk.go_on()))
    told = asyncio.ensure_future(here.stop.until(1))
    try:
        await asyncio.wait((*works, told), return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            if work.done():
                work.result()
        # Reports that are under way are answered by the desk, which goes on until nobody is there any more.
        await asyncio.to_thread(page.stop)
        if desk is not None and not await desk.finish():
            here.say("the bus did not take the last reports; nobody was told that they were kept")
    finally:
        await end((*works, told))
        await asyncio.to_thread(page.stop)
        await asyncio.to_thread(archive.close)


class Showing:
    """Hands the page a new board when there is one."""

    def __init__(self, here: Here, boards: Boards, page: Serving) -> None:
        self._here, self._boards, self._page = here, boards, page
        self._news = asyncio.Event()
        self._cannot: set[str] = set()

    async def go_on(self) -> None:
        """Until it is cancelled."""
        await together(
            self._watch(VERDICTS, self._judged),
            self._watch(BOARDS, lambda value: self._boards.take(unpack_board(value))),
            self._show(),
        )

    def _judged(self, value: bytes) -> None:
        word = unpack(value)
        self._boards.judged_at(word)
        if word.trace:
            self._here.traces.begin("show", word.trace, service=word.service).end()

    async def _watch(self, table: str, take: Callable[[bytes], None]) -> None:
        async for entry in self._here.bus.table(table).watch():
            self._take(table, entry, take)

    def _take(self, table: str, entry: Entry, take: Callable[[bytes], None]) -> None:
        if entry.value is None:
            return  # what nobody says any more grows old by itself
        try:
            take(entry.value)
        except BadDataError as exc:
            if table not in self._cannot:
                self._here.say(f"{table}, {entry.key}: {exc}; a page that is newer than the monitors, or older?")
            self._cannot.add(table)
        self._news.set()

    async def _show(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()
                await self._here.clock.sleep(_GATHER_S)
            self._news.clear()
            made = self._boards.due(self._here.clock.now())
            if made is None:
                continue
            board, changes = made
            self._page.show(board, changes)
            self._here.beats["judged"] = f"{board.at:%Y-%m-%dT%H:%M:%SZ}"
            self._here.beats["services"] = f"{len(self._boards.judged)} of {len(self._here.services)}"


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
