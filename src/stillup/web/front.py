"""What stands before the application: who may come in, how much may be sent, and answers that lie ready.

A request meets, in this order: bounds, the name it was sent to, where it comes from, the token, the answers that lie
ready; only what none of these answered reaches a route.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypedDict, cast
from urllib.parse import quote

from stillup.board import Board
from stillup.model.verdict import Verdict
from stillup.web.access import SAFE, Access, Reason
from stillup.web.answer import Answer, takes_gzip
from stillup.web.app import build
from stillup.web.passing import Passing
from stillup.web.prepared import Key, Prepared, may_be_kept
from stillup.web.refusal import Refusal, refuse
from stillup.web.static import Static

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import HTTPScope, Receive, Scope, Send

    from stillup.web.events import Events
    from stillup.web.site import Site
    from stillup.web.traffic import Traffic

MOST_TARGET_BYTES = 8_192
MOST_HEADERS = 100
MOST_HEADER_BYTES = 32_768
MOST_BODY_BYTES = 65_536
MOST_CHAT_BYTES = 32 * 1_048_576
"""A chat carries files with it."""

_METHODS = SAFE | {"POST", "PUT", "PATCH", "DELETE"}
_TELLING = frozenset(
    {
        b"host", b"origin", b"sec-fetch-site", b"authorization", b"cookie", b"accept", b"accept-encoding",
        b"if-none-match", b"content-length", b"transfer-encoding",
    }
)  # fmt: skip
_READS = ("GET", "HEAD")
_HAS_BODY = (b"content-length", b"transfer-encoding")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MARKS = re.compile(rb"(?:^|(?<=&))(?:utm_[a-z_]*|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|board)=[^&]*(?:&|$)")
"""What links get when they are passed on: it must not lead a crowd past the answers that lie ready. And the number of
the event that a browser heard of a new board by: a front that keeps the old page does not keep it under that.

Looked for where a parameter begins and nowhere else: else a query of many beginnings takes a time that grows with the
square of its length."""

Told = dict[bytes, bytes]


class Front:
    """The ASGI application that is served. :meth:`show` and :meth:`close` may be called from any thread."""

    def __init__(self, site: Site, app: Litestar | None = None) -> None:
        self._app = app if app is not None else build(site)
        self._settings = site.settings
        self._access = Access(site.settings, site.token, site.metrics_token)
        self.events: Events = self._app.state.events
        self.traffic: Traffic = self._app.state.traffic
        access = self._access
        self.prepared = Prepared(
            self._app, site.board, self.traffic, is_private=access.is_private, for_all=access.is_for_all
        )
        self._static = Static()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._showing = asyncio.Lock()
        self._shows: set[asyncio.Task[None]] = set()

    # -- a new board --------------------------------------------------------------------------------------------------

    def show(self, board: Board, changes: Sequence[Verdict] = ()) -> None:
        """A board that ``site.board()`` gives from now on: pages are made ready, then all who listen are told."""
        self._later(self._begin_show, board, tuple(changes))

    def close(self) -> None:
        """Let go of those who listen, for they would listen for ever; from any thread."""
        self._later(self.events.close)

    def _later(self, call: Callable[..., object], *told: object) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(call, *told)

    def _begin_show(self, board: Board, changes: tuple[Verdict, ...]) -> None:
        task = asyncio.get_running_loop().create_task(self._show(board, changes))
        self._shows.add(task)
        task.add_done_callback(self._shows.discard)

    async def _show(self, board: Board, changes: tuple[Verdict, ...]) -> None:
        async with self._showing:  # one after the other, in their order
            urgent, rest = self.prepared.wanted({change.service for change in changes})
            try:
                # Whoever hears of it asks for the page at once, and must not be given the old one.
                await self.prepared.renew_at_once(urgent)
            finally:
                self.events.publish(board, changes)
            await self.prepared.renew(rest)

    # -- a request ----------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "http":
            await self._answer(cast("HTTPScope", scope), receive, send)
            return
        self._loop = asyncio.get_running_loop()  # its life begins
        await self._app(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        parts = [part for part in scope["path"].split("/") if part]
        told = _told(scope["headers"])
        refusal = self._bounds(scope, told, parts) or self._entry(scope, told, parts)
        if refusal is not None:
            if refusal.status >= 400:
                self.traffic.refused[refusal.reason] += 1
            self.traffic.count(parts, refusal.status)
            await refuse(send, refusal, told.get(b"accept", b""), is_head=scope["method"] == "HEAD")
            return
        if scope["method"] in _READS and await self._is_answered(scope, told, parts, send):
            return
        most = MOST_CHAT_BYTES if parts[:1] == ["chat"] else MOST_BODY_BYTES
        passing = Passing(self.traffic, parts, scope, receive, send, most, is_private=self._access.is_private)
        await passing.run(self._app)

    def quick(self, scope: HTTPScope) -> tuple[bytes, bytes] | None:
        """The head (without its last line) and the body of an answer that lies ready; None where it takes longer.

        The server may send these as they are, and spare itself everything that an application needs.
        """
        told = _told(scope["headers"])
        if scope["method"] not in _READS or not told.keys().isdisjoint(_HAS_BODY):
            return None
        parts = [part for part in scope["path"].split("/") if part]
        if self._bounds(scope, told, parts) is not None or self._entry(scope, told, parts) is not None:
            return None
        answer, _ = self._find(scope, told, parts)
        if answer is None:
            return None
        status, head, body = answer.whole(**self._asked(scope, told))
        self.traffic.count(parts, status)
        return head, body

    async def _is_answered(self, scope: HTTPScope, told: Told, parts: list[str], send: Send) -> bool:
        """Send what lies ready, if it does or can be made so."""
        answer, key = self._find(scope, told, parts)
        if answer is None and key is not None:
            answer = await self.prepared.make(key)
        if answer is None:
            return False
        self.traffic.count(parts, await answer.send(send, **self._asked(scope, told)))
        return True

    def _asked(self, scope: HTTPScope, told: Told) -> _Asked:
        return {
            "packed": takes_gzip(told.get(b"accept-encoding")),
            "is_head": scope["method"] == "HEAD",
            "held": told.get(b"if-none-match"),
            "by_token": self._access.is_shown(told.get(b"authorization"), told.get(b"cookie")),
        }

    def _find(self, scope: HTTPScope, told: Told, parts: list[str]) -> tuple[Answer | None, Key | None]:
        """What lies ready, and by which key it can be made so."""
        query = scope["query_string"]
        if parts[:1] == ["static"]:
            return self._static.find("/".join(parts[1:]), query), None
        if query and b"=" in query:
            query = _MARKS.sub(b"", query).rstrip(b"&")
        path = f"/{'/'.join(parts)}"
        host = self._known_host(scope, told.get(b"host", b""))
        if host is None or not may_be_kept(parts, path, query):
            return None, None
        key = Key(path, query, host, scope["scheme"])
        answer = self.prepared.ready(key)
        if answer is not None:
            self.traffic.ready += 1
        return answer, key

    def _known_host(self, scope: HTTPScope, host: bytes) -> bytes | None:
        """The name that links in a kept answer begin with; None for one of the endless others that may be said."""
        if self._settings.base_url:
            return b""
        server = scope.get("server")
        name, _, port = host.rpartition(b":")
        if server is None or port != b"%d" % (server[1] or 0):
            return None
        is_known = self._access.is_named(name) or name.strip(b"[]") == server[0].encode()
        return host.lower() if is_known else None  # else each way to write it would be kept beside the others

    # -- who may come in ----------------------------------------------------------------------------------------------

    def _bounds(self, scope: HTTPScope, told: Told, parts: list[str]) -> Refusal | None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > MOST_TARGET_BYTES:
            return Refusal(414, "target_too_long", "The address is too long.")
        headers = list(scope["headers"])
        if len(headers) > MOST_HEADERS or sum(len(n) + len(v) for n, v in headers) > MOST_HEADER_BYTES:
            return Refusal(431, "headers_too_large", "The request's headers are too large.")
        if scope["method"] not in _METHODS:
            return Refusal(501, "method", "There is no such method here.")
        if _CONTROL.search(scope["path"]):
            return Refusal(400, "path", "The address has a control character in it.")
        size = told.get(b"content-length")
        most = MOST_CHAT_BYTES if parts[:1] == ["chat"] else MOST_BODY_BYTES
        if size is not None and (not size.isdigit() or len(size) > 15 or int(size) > most):
            return Refusal(413, "body_too_large", f"At most {most:,} bytes are taken here.")
        return None

    def _entry(self, scope: HTTPScope, told: Told, parts: list[str]) -> Refusal | None:
        access, method = self._access, scope["method"]
        host = told.get(b"host", b"")
        reason = access.host(host)
        if reason.is_open and method not in SAFE:
            reason = access.origin(host, told.get(b"origin"), told.get(b"sec-fetch-site"))
        if not reason.is_open:
            return Refusal.of(reason)
        query, offered = scope["query_string"], None
        if b"token=" in query and method in _READS:
            offered, rest = _without_token(query)
            if offered is not None and access.token(offered):
                where = f"/{'/'.join(map(quote, parts))}".encode() + (b"?" + rest if rest else b"")
                return Refusal.moved(where, access.set_cookie())
        first = parts[0] if parts else ""
        if not access.needs_token(first):
            return None
        reason = access.known(told.get(b"authorization"), told.get(b"cookie"), first)
        if reason is Reason.NO_TOKEN and offered is not None:
            reason = Reason.WRONG_TOKEN
        return None if reason is Reason.TOKEN else Refusal.of(reason)


def _told(headers: Iterable[tuple[bytes, bytes]]) -> Told:
    """The headers that matter here; one that comes twice is both with a comma, which no name and no origin has."""
    found: Told = {}
    for name, value in headers:
        if name in _TELLING:
            found[name] = value if name not in found else found[name] + (b";" if name == b"cookie" else b",") + value
    return found


class _Asked(TypedDict):
    """What of a request decides in which form an answer is sent."""

    packed: bool
    is_head: bool
    held: bytes | None
    by_token: bool


def _without_token(query: bytes) -> tuple[bytes | None, bytes]:
    """The token that stands in a query, and what else does."""
    parts = query.split(b"&")
    offered = next((part[6:] for part in parts if part.startswith(b"token=")), None)
    return offered, b"&".join(part for part in parts if not part.startswith(b"token="))
