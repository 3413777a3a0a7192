"""Answers that are made once a board and then sent as they lie there, however many ask.

An answer is made by the plain route, for nobody in particular: its request has no cookie, no token, no query that is
not known. So what is kept holds for everybody. The first to ask after a new board waits for it, with all others who ask
meanwhile; what was asked for a moment ago is made anew before anybody is told of the new board, and until then the old
answer goes on being sent. What says ``no-store``, sets a cookie or is no success is never kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from msgspec import Struct

from stillup.board import Board
from stillup.model.service import Capability
from stillup.web.answer import Answer, Header, private
from stillup.web.traffic import Traffic

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, ReceiveMessage, Scope

MOST = 1_000
MOST_BYTES = 48 * 1024 * 1024
_RENEWED = 48
"""So many of what was asked for most are made anew by themselves; the others when somebody asks."""
_FIRST, _URGENT = 4, 16
"""So many of these before anybody is told of the new board; and of all that must be by then, at most."""
_LONGEST = 200
_PASSED = 2_000
_NEVER = frozenset({"chat", "drills", "risk", "sla", "vault", "events", "metrics", "healthz", "readyz", "static"})
_NEVER_LAST = frozenset({"report", "reported", "reports"})
_QUERIES = frozenset({b"", *(f"task={task.value}".encode() for task in Capability)})


class Key(Struct, frozen=True):
    """What an answer depends on, besides the board. ``host`` stands in the links of feeds."""

    path: str
    query: bytes
    host: bytes
    scheme: str


class _Kept(Struct):
    answer: Answer
    seq: int
    asked: int = 1
    is_due: bool = False
    """It is being made anew: the old one is good enough for that moment."""


def may_be_kept(parts: list[str], path: str, query: bytes) -> bool:
    """Whether an answer can be the same for everybody."""
    if query not in _QUERIES or len(path) > _LONGEST:
        return False
    return not parts or (parts[0] not in _NEVER and parts[-1] not in _NEVER_LAST)


class Prepared:
    """The answers that lie ready. Used in the page's own loop only."""

    def __init__(
        self,
        app: ASGIApp,
        board: Callable[[], Board],
        traffic: Traffic,
        *,
        is_private: bool = False,
        for_all: bool = False,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._app = app
        self._board = board
        self._traffic = traffic
        self._is_private, self._for_all = is_private, for_all
        self._most, self._most_bytes = most, most_bytes
        self._kept: dict[Key, _Kept] = {}
        self._bytes = 0
        self._making: dict[Key, asyncio.Task[Answer | None]] = {}
        self._passed: set[Key] = set()
        self._passed_at = -1

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes that lie ready, about."""
        return self._bytes

    def ready(self, key: Key) -> Answer | None:
        """The answer, where it lies ready."""
        kept = self._kept.get(key)
        if kept is None or not (kept.is_due or kept.seq == self._board().seq):
            return None
        kept.asked += 1
        return kept.answer

    async def make(self, key: Key) -> Answer | None:
        """The answer, made now or being made already; None where it cannot be kept, and has to be made for each."""
        seq = self._board().seq
        if seq != self._passed_at:
            self._passed.clear()
            self._passed_at = seq
        if key in self._passed:
            return None
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._made(key))
            task.add_done_callback(lambda _: self._making.pop(key, None))
        # Whoever asked first may go away; the others still wait for it.
        return await asyncio.shield(task)

    def wanted(self, changed: Collection[str]) -> tuple[list[Key], list[Key]]:
        """What was asked for since the last time: what must be made anew before anybody is told, and what can wait.

        The first are the pages of services that changed and those most asked for; their old answers go on being sent
        until they are made anew. What nobody asked for is forgotten.
        """
        by_wish = sorted((item for item in self._kept.items() if item[1].asked), key=lambda item: -item[1].asked)
        hot = [key for key, _ in by_wish[:_RENEWED]]
        for key in self._kept.keys() - set(hot):
            self._forget(key)
        about = {"/", *(f"/{service}" for service in changed)}
        urgent = [key for i, key in enumerate(hot) if i < _FIRST or key.path in about][:_URGENT]
        for key in hot:
            kept = self._kept[key]
            kept.is_due, kept.asked = key in urgent, 0
        return urgent, [key for key in hot if key not in urgent]

    async def renew_at_once(self, keys: Iterable[Key]) -> None:
        """Make these anew, all together: one after the other would take as many rounds of a busy loop for each."""
        await asyncio.gather(*(self.make(key) for key in keys if self._is_old(key)))

    async def renew(self, keys: Iterable[Key]) -> None:
        """Make these anew, one after the other; what came meanwhile goes first."""
        for key in keys:
            if self._is_old(key):
                await self.make(key)
                await asyncio.sleep(0)

    def _is_old(self, key: Key) -> bool:
        """Not made since the new board; somebody may have asked for it meanwhile."""
        kept = self._kept.get(key)
        return kept is None or kept.seq != self._board().seq

    async def _made(self, key: Key) -> Answer | None:
        seq = self._board().seq
        try:
            status, headers, body = await _ask(self._app, key)
        except Exception:  # noqa: BLE001 - whoever asked meets it again, and is told
            status, headers, body = 500, [], b""
        if status != 200 or _is_for_one(headers):
            self._forget(key)
            if len(self._passed) < _PASSED:
                self._passed.add(key)
            return None
        self._traffic.rendered += 1
        if self._is_private:
            headers = private(headers)
        answer = Answer(body, headers, for_all=self._for_all)
        asked = self._kept[key].asked if key in self._kept else 1
        self._forget(key)
        self._kept[key] = _Kept(answer, seq, asked)
        self._bytes += answer.size
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > 1):
            self._forget(next(iter(self._kept)))
        return answer

    def _forget(self, key: Key) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= gone.answer.size


def _is_for_one(headers: list[Header]) -> bool:
    for name, value in headers:
        if b"\n" in value or b"\r" in value:  # the server refuses such a one, where it checks each
            return True
        if name == b"set-cookie" or (name == b"cache-control" and (b"no-store" in value or b"private" in value)):
            return True
    return False


async def _ask(app: ASGIApp, key: Key) -> tuple[int, list[Header], bytes]:
    """What the application answers to a plain request of nobody in particular."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": key.scheme,
        "path": key.path,
        "raw_path": quote(key.path).encode(),
        "query_string": key.query,
        "root_path": "",
        "headers": [(b"host", key.host), (b"accept", b"text/html, */*")],
        "client": None,
        "server": None,
        "state": {},
        "extensions": {},
    }
    status = 500
    headers: list[Header] = []
    parts: list[bytes] = []
    is_over = asyncio.Event()

    async def receive() -> ReceiveMessage:
        await is_over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = [(name.lower(), value) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    try:
        await app(cast("Scope", scope), receive, send)  # what Litestar needs besides it adds itself
    finally:
        is_over.set()
    return status, headers, b"".join(parts)
