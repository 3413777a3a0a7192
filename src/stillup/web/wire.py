"""The server's side of one connection: how long it may take its time, and how much it may say before it is understood.

uvicorn's own protocol waits for ever for the end of a request that has begun, takes headers without end, and holds what
is not read for as long as the other side likes. Here each of these has a bound, after which the connection goes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stillup.web.answer import secured
from stillup.web.front import MOST_HEADER_BYTES, MOST_TARGET_BYTES
from stillup.web.peers import Peers

if TYPE_CHECKING:
    from asyncio import TimerHandle

BACKLOG = 2_048
_KEEP_ALIVE_S = 30
_LEAVE_S = 3
_MOST_HEAD = MOST_TARGET_BYTES + MOST_HEADER_BYTES + 1_024
_SLACK = 64
"""Beyond the bound on connections so many are told that there is no room; the others are closed unheard."""


class Wire(HttpToolsProtocol):
    """One connection."""

    head_s, body_s, unread_s = 20.0, 300.0, 90.0
    """How long a request's headers and its body may take from their first byte; how long nothing may be read."""

    _is_open = False
    """A request has begun, and its end was not seen."""
    _is_answered = False
    """It was answered at once, without the application."""
    _in_head = False
    _head_bytes = 0
    _beside_bytes = 0
    """What came behind the headers and was no body, since any body came."""
    _place: tuple[bytes, ...] | None = None
    """By what its peer's connections are counted; None where there is no room for it."""
    _late: TimerHandle | None = None
    _unread: TimerHandle | None = None

    @property
    def _peers(self) -> Peers:
        return cast("Config", self.config).peers

    @property
    def _is_leaving(self) -> bool:
        """Whoever asks once more should find another: a connection that is kept could end under its next request."""
        return cast("Config", self.config).is_leaving

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        is_full = self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency + _SLACK
        self._place = None if is_full else self._peers.enter(self.client[0] if self.client else "")
        if self._place is None:
            transport.abort()
            return
        self._wait(self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        if self._place is not None:
            self._peers.leave(self._place)
            self._place = None
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._beside_bytes += len(data)
        super().data_received(data)
        if self.parser is None or self.transport.is_closing():
            return
        if not self._is_open:
            is_idle = self.cycle is None or self.cycle.response_complete
            if is_idle and self.timeout_keep_alive_task is None:
                self._wait(self.head_s)  # line breaks between requests: allowed, and no reason to stay for ever
            return
        if self._in_head:
            # What came with the end of another request is not counted: at most one read of the socket.
            self._head_bytes += len(data) if self._head_bytes >= 0 else 1
            if self._head_bytes > _MOST_HEAD:
                self._refuse(b"431 Request Header Fields Too Large", b"the request's headers are too large\n")
                return
        elif self._beside_bytes > _MOST_HEAD:  # a trailer without end, or marks of a chunk
            self.transport.abort()
            return
        self._wait(self.head_s if self._in_head else self.body_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_open = self._in_head = True
        self._head_bytes = -1
        self._is_answered = False
        self.scope["extensions"] = {"stillup.abort": self.transport.abort}  # type: ignore[dict-item]

    def on_header(self, name: bytes, value: bytes) -> None:
        # What stands behind a body in chunks (a trailer) is no header: no proxy in front has looked at it, and it
        # would say last whose request this is.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._beside_bytes = 0
        self._end_wait()
        self._is_answered = self._may_be_quick() and self._answer()
        if not self._is_answered:
            super().on_headers_complete()
            if self._is_leaving and self.cycle is not None:
                self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._beside_bytes = 0
        if not self._is_answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_open = False
        self._end_wait()
        if not self._is_answered:
            super().on_message_complete()

    def _may_be_quick(self) -> bool:
        """Whether nothing is under way here, and a plain request has come on a connection that stays."""
        parser = self.parser
        if self._is_leaving or self.pipeline or self.flow.write_paused or self.transport.is_closing():
            return False
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            return False
        return parser.get_http_version() == "1.1" and parser.should_keep_alive() and not parser.should_upgrade()

    def _answer(self) -> bool:
        """Send what lies ready, without a task and all that an application needs: it costs a third of that."""
        quick = getattr(self.app, "quick", None)
        target = httptools.parse_url(self.url)
        if quick is None or target.path is None:
            return False
        path = target.path.decode("ascii")
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = target.path
        self.scope["query_string"] = target.query or b""
        found = quick(self.scope)
        if found is None:
            return False
        head, body = found
        date = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        self.transport.write(b"".join((head, *date, b"\r\n", body)))
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _wait(self, seconds: float) -> None:
        """From the first byte on, not from the last: who sends one a second does not get any longer."""
        if self._late is None:
            self._late = self.loop.call_later(seconds, self.transport.abort)

    def _end_wait(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or none that can be answered."""
        self._refuse(b"400 Bad Request", msg.encode() + b"\n")

    def _refuse(self, status: bytes, says: bytes) -> None:
        told = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(says)),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in secured(told))
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + lines + b"\r\n" + says)
        self.transport.close()


class Config(uvicorn.Config):
    """uvicorn's, and ``peers``: who holds how many connections; ``is_leaving``: each answer ends its connection."""

    def __init__(self, app: Any, peers: Peers, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(app, **rest)
        self.peers = peers
        self.is_leaving = False


def configured(
    app: Any,  # noqa: ANN401
    most_connections: int,
    wire: type[Wire] = Wire,
    *,
    peers: Peers | None = None,
) -> Config:
    """How the page is served. It writes no log: what failed is told by the application, what came is counted."""
    return Config(
        app,
        peers if peers is not None else Peers(),
        http=wire,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who is believed is for `client_address` to say
        backlog=BACKLOG,
        limit_concurrency=most_connections,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LEAVE_S,
    )
