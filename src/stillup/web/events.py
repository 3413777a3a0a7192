"""``/events``: what changes, told to everybody who listens (server-sent events), to be resumed after a break.

``verdict`` is one change of verdict in its documented form, ``board`` each judged minute in short, ``reset`` says that
what was missed is not known any more. Each reader has a short queue; who does not read is let go, and comes again. With
``?brief=1`` a change says that it is, and no more: pages take themselves anew, and need not be sent all of it twice.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from litestar import asgi
from litestar.exceptions import HTTPException

from stillup.board import Board
from stillup.model.verdict import Verdict
from stillup.web.access import client_address
from stillup.web.peers import Peers
from stillup.web.ring import Ring

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler, HTTPResponseBodyEvent, Receive, Scope, Send

    from stillup.web.site import Site

MOST_READERS, MOST_EACH = 5_000, 250
"""All that may listen, and those from one address (IPv6: one /64): an office has room, one alone cannot take it all.

Private addresses are not counted: a proxy that says of nobody who it is may be there."""
_QUEUE = 64
_PING_S = 15.0
_PING = b": still here\n\n"
_RETRY_MS = 3_000
_HEARD = re.compile(r"([0-9]{1,18})(?:-([0-9a-f]{1,16}))?", re.ASCII)
"""An event's number, and the life of the page that told it."""
Heard = tuple[int, str]
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events until it has a page full of them
]


class _Reader:
    """One who listens; ``let_go`` ends the connection whatever it is doing."""

    __slots__ = ("brief", "is_over", "let_go", "service", "waiting", "wake")

    def __init__(self, service: str | None, let_go: Callable[[], object], *, brief: bool) -> None:
        self.service, self.brief = service, brief
        self.waiting: deque[bytes] = deque()
        self.wake = asyncio.Event()
        self.is_over = False
        self.let_go = let_go

    def tell(self, frame: bytes) -> bool:
        """Queue it; False where the queue is full."""
        if len(self.waiting) >= _QUEUE:
            return False
        self.waiting.append(frame)
        self.wake.set()
        return True

    def end(self) -> None:
        self.is_over = True
        self.wake.set()


class Events:
    """Everybody who listens. All of it runs in the page's own loop; :meth:`publish` must be called there."""

    def __init__(
        self,
        site: Site,
        *,
        most: int = MOST_READERS,
        most_each: int = MOST_EACH,
        ping_s: float = _PING_S,
        life: str | None = None,
    ) -> None:
        """``life`` is what no other page's is; None makes one."""
        self._site = site
        self._most = most
        self._peers = Peers(most_each=most_each)
        self._ping_s = ping_s
        # Numbers go on rising over a restart: nobody tells a thousand changes a second.
        self._ring = Ring(int(site.clock.now().timestamp() * 1000), token_hex(4) if life is None else life)
        self._readers: set[_Reader] = set()
        self._is_closed = False
        self.dropped = 0
        """Readers that were let go because they did not read."""
        self.refused = 0
        """Those that found no room."""

    @property
    def readers(self) -> int:
        """How many listen now."""
        return len(self._readers)

    def publish(self, board: Board, changes: Sequence[Verdict] = ()) -> None:
        """Tell everybody of a judged minute and what changed in it."""
        made = self._ring.add(board, changes)
        joined: dict[tuple[str | None, bool], bytes] = {}
        slow = []
        for reader in self._readers:
            kind = reader.service, reader.brief
            frame = joined.get(kind)
            if frame is None:
                frame = joined[kind] = b"".join(told.of(reader.service, brief=reader.brief) for told in made)
            if frame and not reader.tell(frame):
                slow.append(reader)
        for reader in slow:
            self.dropped += 1
            self._readers.discard(reader)
            reader.end()
            reader.let_go()

    def close(self) -> None:
        """Let everybody go, also who comes a moment later: the page ends."""
        self._is_closed = True
        for reader in self._readers:
            reader.end()

    async def listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application of one who listens.

        :raises HTTPException: the query cannot be understood, or there is no room.
        """
        board = self._site.board()
        service, heard, brief = _asked(scope, board)
        sender = client_address(scope, self._site.settings.trusted_proxies)
        place = self._peers.enter(sender) if len(self._readers) < self._most else None
        if place is None:
            self.refused += 1
            raise HTTPException(
                status_code=503, detail="Too many listen already; read the page instead.", headers={"Retry-After": "30"}
            )
        reader = _Reader(service, _ender(scope), brief=brief)
        # Before anything is waited for: what is told from now on is in the reader's queue, what was told is in here.
        hello = b"retry: %d\n\n" % _RETRY_MS + self._missed(board, service, heard, brief=brief)
        self._readers.add(reader)
        gone = asyncio.create_task(_until_gone(receive, reader))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send(_body(hello))
            await self._tell(reader, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._readers.discard(reader)
            self._peers.leave(place)
            gone.cancel()

    async def _tell(self, reader: _Reader, send: Send) -> None:
        while not (reader.is_over or self._is_closed):
            try:
                async with asyncio.timeout(self._ping_s):
                    await reader.wake.wait()
            except TimeoutError:
                await send(_body(_PING))
                continue
            reader.wake.clear()
            if reader.waiting:
                frames = b"".join(reader.waiting)
                reader.waiting.clear()
                await send(_body(frames))

    def _missed(self, board: Board, service: str | None, heard: Heard | None, *, brief: bool) -> bytes:
        if heard is None:
            return self._ring.now(board, service)
        missed = self._ring.since(*heard, service, brief=brief)
        return self._ring.reset() + self._ring.now(board, service) if missed is None else missed


def _asked(scope: Scope, board: Board) -> tuple[str | None, Heard | None, bool]:
    """The service and the id of the event heard last, where they are said; whether changes are wanted in brief."""
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    service = query.get("service")
    if service is not None and service not in board.services:
        raise HTTPException(status_code=404, detail="No such service is watched here.")
    last = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"last-event-id"), None)
    text = (query.get("after") if last is None else last) or ""
    if not text:
        return service, None, "brief" in query
    heard = _HEARD.fullmatch(text)
    if heard is None:
        raise HTTPException(status_code=400, detail="`after` and Last-Event-ID are the id of an event.")
    return service, (int(heard[1]), heard[2] or ""), "brief" in query


def _body(frames: bytes) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": frames, "more_body": True}


async def _until_gone(receive: Receive, reader: _Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.end()


def _ender(scope: Scope) -> Callable[[], object]:
    """What ends a connection that takes no more: the server's own way where it offers one, else its task's end."""
    task = asyncio.current_task()
    offered: Mapping[str, object] = scope.get("extensions") or {}
    abort = offered.get("stillup.abort")
    if callable(abort):
        return abort
    return task.cancel if task is not None else lambda: None


def routes(site: Site) -> Sequence[ControllerRouterHandler]:  # noqa: ARG001 - who listens is the application's own
    """``/events``."""

    @asgi("/events", copy_scope=False)
    async def events(scope: Scope, receive: Receive, send: Send) -> None:
        await scope["litestar_app"].state.events.listen(scope, receive, send)

    return [events]
