"""The page of a process of a cluster, whatever is on it: what web and hub share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stillup.daemon.cluster.publish import BOARDS, VERDICTS, unpack, unpack_board
from stillup.daemon.cluster.together import end, together
from stillup.daemon.roles.boards import Boards
from stillup.daemon.roles.health import NOT_READY
from stillup.errors import BadDataError
from stillup.web.token import find_token, place_of

if TYPE_CHECKING:
    from stillup.daemon.reports.desk import SharedDesk
    from stillup.daemon.roles.role import Here
    from stillup.daemon.web import Serving
    from stillup.secret import Secret

NOT_JUDGED = "nothing was judged yet"
"""Why a page that has only begun is not ready: it has nothing to show."""
_GATHER_S = 0.1
"""What is said of several services at once is one new board."""
_LOOK_S = 5.0


async def serve_page(
    here: Here,
    what: str,
    make: Callable[[Secret], Serving],
    *,
    desk: SharedDesk | None = None,
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
) -> None:
    """Serve until told to stop; what is under way is answered.

    ``what`` it is called where it says its address. ``make`` puts the page together, given its token; ``beside``
    begin what goes on as long as the page does.
    """
    token = await asyncio.to_thread(find_token, here.config.web, here.config.data_folder, here.environ)
    page = await asyncio.to_thread(make, token)
    await asyncio.to_thread(page.start)
    where = place_of(here.config.web, here.config.data_folder)
    here.say(f"private parts open once with ?token=… behind the address; the token is in {where}")
    here.say(f"{what}: {page.address}")
    here.beats["page"] = page.address
    works = [asyncio.ensure_future(Showing(here, Boards(here.services, here.clock.now()), page).go_on())]
    if desk is not None:
        works.append(asyncio.ensure_future(desk.go_on()))
    works += [asyncio.ensure_future(begin()) for begin in beside]
    told = asyncio.ensure_future(here.stop.until(1))
    try:
        await asyncio.wait((*works, told), return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            if work.done():
                work.result()
        page.leave()
        await _drain(here)
        # Reports that are under way are answered by the desk, which goes on until nobody is there any more.
        await asyncio.to_thread(page.stop)
        if desk is not None and not await desk.finish():
            here.say("the bus did not take the last reports; nobody was told that they were kept")
    finally:
        await end((*works, told))
        await asyncio.to_thread(page.stop)


async def _drain(here: Here) -> None:
    """Whoever chooses between pages needs a moment to notice that this one ends; a second word ends it at once."""
    here.say(f"stopping: it still serves for {here.config.cluster.drain_s:g} s; a second signal ends it at once")
    with suppress(TimeoutError):
        async with asyncio.timeout(here.config.cluster.drain_s):
            await here.stop.until(2)


class Showing:
    """Hands the page a new board when there is one."""

    def __init__(self, here: Here, boards: Boards, page: Serving) -> None:
        self._here, self._boards, self._page = here, boards, page
        self._news = asyncio.Event()
        self._cannot: set[str] = set()

    async def go_on(self) -> None:
        """Until it is cancelled. What was known under an older configuration is shown until more is heard."""
        take = {VERDICTS: self._judged, BOARDS: lambda value: self._boards.take(unpack_board(value))}
        for (prefix, table, key), value in list(self._here.kept.items()):
            if prefix == self._here.config.cluster.prefix:
                self._take(table, key, value, take[table])
        await together(*(self._watch(table, its) for table, its in take.items()), self._show())

    def _judged(self, value: bytes) -> None:
        word = unpack(value)
        self._boards.judged_at(word)
        if word.trace:
            self._here.traces.begin("show", word.trace, service=word.service).end()

    async def _watch(self, table: str, take: Callable[[bytes], None]) -> None:
        known = {service.id for service in self._here.services}
        async for entry in self._here.bus.table(table).watch():
            # What nobody says any more grows old by itself; under another name nothing is said that is shown here.
            if entry.value is not None and entry.key in known:
                self._here.kept[self._here.config.cluster.prefix, table, entry.key] = entry.value
                self._take(table, entry.key, entry.value, take)

    def _take(self, table: str, key: str, value: bytes, take: Callable[[bytes], None]) -> None:
        try:
            take(value)
        except BadDataError as exc:
            if table not in self._cannot:
                self._here.say(f"{table}, {key}: {exc}; a page that is newer than the monitors, or older?")
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
            if self._here.beats.get(NOT_READY) == NOT_JUDGED:
                del self._here.beats[NOT_READY]
            self._here.beats["judged"] = f"{board.at:%Y-%m-%dT%H:%M:%SZ}"
            self._here.beats["services"] = f"{len(self._boards.judged)} of {len(self._here.services)}"
