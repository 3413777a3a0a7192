"""The side that clients connect to: requests come out whole, answers go in piece by piece.

What :mod:`stillup.gateway.wire.requests` refuses never reaches the app, and neither does what comes too slowly. Memory
is bounded for each connection: one request in work, one being read, those of one read waiting, 256 KiB unsent.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, cast

from stillup.gateway.wire.requests import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    MOST_WAITING,
    Admit,
    Incoming,
    Reader,
    Stop,
)

if TYPE_CHECKING:
    from stillup.gateway.core.values import Headers

__all__ = [
    "BODY_WITHIN_S",
    "DRAIN_WITHIN_S",
    "HEAD_WITHIN_S",
    "IDLE_S",
    "MAX_CONNECTIONS",
    "MAX_HEADERS",
    "MAX_HEAD_BYTES",
    "MAX_TARGET_BYTES",
    "MOST_WAITING",
    "SLOWEST_BODY_BYTES_S",
    "Admit",
    "Connection",
    "Exchange",
    "Incoming",
    "Service",
    "Stop",
]

MAX_CONNECTIONS = 4096
"""When there are so many, the one that has idled longest gives way to a new one."""
_WRITE_HIGH_BYTES = 256 * 1024
_COPY_BYTES = 64 * 1024  # a copy of a larger body costs more than a second write

HEAD_WITHIN_S = 15.0
BODY_WITHIN_S = 30.0
SLOWEST_BODY_BYTES_S = 20_000
"""A body may take `BODY_WITHIN_S` and one second more for each so many bytes of it."""
IDLE_S = 120.0
DRAIN_WITHIN_S = 120.0
"""A client that takes nothing of its answer for so long is taken for gone."""
_LINGER_S = 2.0
"""How long a client's further bytes are read and dropped after its last answer."""
_CLOSE_WITHIN_S = 30.0
_RESET = struct.pack("ii", 1, 0)  # linger on, for no time: the close is a reset

_BODILESS = frozenset({204, 304})
_UPGRADE_REQUIRED = 426
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus} | {529: b"Overloaded"}
_STATUS_LINES = {code: b"HTTP/1.1 %d %b\r\n" % (code, phrase) for code, phrase in _REASONS.items()}


class Exchange(Protocol):
    """Who looks after one request. All calls come from the event loop."""

    def client_gone(self) -> None:
        """The connection broke; nothing can be answered any more."""

    def pause(self) -> None:
        """The client reads slower than we write: stop reading for it."""

    def resume(self) -> None:
        """It has caught up."""


class Service(Protocol):
    """The app, as a connection sees it."""

    max_body_bytes: int

    def handle(self, connection: Connection, request: Incoming) -> Exchange | None:
        """Look after one request; None when it was answered at once."""

    def refuse(self, connection: Connection, status: int, says: str, target: bytes, headers: Headers) -> None:
        """Answer a request that is refused before it is whole; the connection closes after it."""


class Connection(asyncio.Protocol):
    """One connection of a client. Requests are answered one after another, in order.

    An answer is ``begin`` and then ``send`` any number of times and ``end``; or ``answer`` in one go. Header values
    must have come out of a parser or out of :func:`~stillup.gateway.wire.hops.header_value`: they are not looked at.

    ``admit`` sees target and headers before the body is taken in. Whoever has requests waiting behind one that is being
    answered is not read from, so that a client's going away is noticed only when it is written to.
    """

    __slots__ = (
        "_all",
        "_answering",
        "_closing_since_s",
        "_exchange",
        "_is_chunked",
        "_is_closing",
        "_is_held",
        "_is_http_1_0",
        "_is_serving",
        "_keep_alive",
        "_linger",
        "_no_body",
        "_now",
        "_paused_since_s",
        "_reader",
        "_reading_since_s",
        "_service",
        "_transport",
        "idle_since_s",
    )

    def __init__(
        self,
        service: Service,
        all_connections: set[Connection],
        now: Callable[[], float],
        admit: Admit | None = None,
    ) -> None:
        self._service = service
        self._all = all_connections
        self._now = now
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._reader = Reader(service.max_body_bytes, admit)
        self._exchange: Exchange | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._answering = self._is_serving = False
        self._keep_alive = True
        self._is_closing = self._is_held = False
        self._is_chunked = self._is_http_1_0 = self._no_body = False
        self._paused_since_s: float | None = None
        self._reading_since_s = self._closing_since_s = 0.0
        self.idle_since_s = now()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES)
        if len(self._all) >= MAX_CONNECTIONS:
            idle = [other for other in self._all if other.is_idle]
            if not idle:
                self.abort()
                return
            min(idle, key=lambda other: other.idle_since_s).close_idle()
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._is_closing = True
        self._all.discard(self)
        self._reader.ready.clear()
        if self._linger is not None:
            self._linger.cancel()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_gone()

    def pause_writing(self) -> None:
        self._paused_since_s = self._now()
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        self._paused_since_s = None
        if self._exchange is not None:
            self._exchange.resume()
        self._go_on()

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if self._is_closing or reader.is_over:
            return
        reader.feed(data)
        if reader.is_new and reader.is_reading:
            reader.is_new = False
            self._reading_since_s = self._now()
        self._go_on()

    # --- the app's side

    @property
    def is_open(self) -> bool:
        """Whether an answer can still be written."""
        return not self._is_closing

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being read, answered or closed."""
        return not (self._answering or self._reader.is_reading or self._is_closing)

    def begin(self, status: int, headers: Headers, length: int | None = None) -> bytes:
        """The head of an answer, to be handed to :meth:`send` with or before its first bytes.

        Without a ``length`` the body is chunked (to an HTTP/1.0 client: until the connection closes).
        """
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        self._is_chunked = False
        if status in _BODILESS:
            self._no_body = True
        elif length is not None:
            lines.append(b"content-length: %d\r\n" % length)
        elif self._is_http_1_0:
            self._keep_alive = False
        elif not self._no_body:
            self._is_chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        if status == _UPGRADE_REQUIRED:  # RFC 9110, 15.5.22: it must say to what
            lines.append(b"upgrade: HTTP/1.1\r\nconnection: upgrade\r\n")
        lines.append(b"\r\n" if self._keep_alive else b"connection: close\r\n\r\n")
        return b"".join(lines)

    def frame(self, data: bytes) -> bytes:
        """Bytes of the body as they go on the wire."""
        if self._no_body or not data:
            return b""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data

    def send(self, raw: bytes) -> None:
        """Write bytes made by :meth:`begin` and :meth:`frame`."""
        if raw and not self._is_closing:
            self._transport.write(raw)

    def end(self, raw: bytes = b"", trailers: Headers = ()) -> None:
        """Write the last bytes and the end of the body; the next request may come.

        Trailers go behind a chunked body only; nobody needs to read them.
        """
        if self._is_closing or not self._answering:
            return
        tail = b"0\r\n\r\n" if self._is_chunked else b""
        if trailers and tail:
            tail = b"".join((b"0\r\n", *(b"%b: %b\r\n" % line for line in trailers), b"\r\n"))
        if raw or tail:
            self._transport.write(raw + tail)
        self._done()

    def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """A whole answer in one go."""
        if self._is_closing or not self._answering:
            return
        head = self.begin(status, headers, len(body))
        if self._no_body:
            self._transport.write(head)
        elif len(body) > _COPY_BYTES:
            self._transport.write(head)
            self._transport.write(body)
        else:
            self._transport.write(head + body)
        self._done()

    def abort(self) -> None:
        """Break the connection, so that half an answer is not taken for a whole one."""
        self._exchange = None
        self._is_closing = True
        if self._answering and self._is_http_1_0:  # to which the end of the connection is the end of the answer
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def is_the_last(self) -> None:
        """The request that is being served is the last one: its answer says so, and the connection closes after it."""
        self._keep_alive = False

    def close_idle(self) -> None:
        """Take no further request; close now when nothing is being answered."""
        self._keep_alive = False
        if not self._answering and not self._is_closing:
            self._close()

    def check_pace(self, now_s: float) -> None:
        """Close what idles for too long, refuse what comes too slowly, give up on who takes no answer."""
        reader = self._reader
        if self._is_closing:
            if now_s - self._closing_since_s > _CLOSE_WITHIN_S:
                self._transport.abort()
        elif self._paused_since_s is not None and now_s - self._paused_since_s > DRAIN_WITHIN_S:
            self._transport.abort()  # and the exchange is told when the connection is lost
        elif reader.is_reading and not self._is_held:
            allowed_s = BODY_WITHIN_S + reader.body_bytes / SLOWEST_BODY_BYTES_S if reader.in_body else HEAD_WITHIN_S
            if now_s - self._reading_since_s > allowed_s:
                reader.refuse(408, "the request came too slowly")
                self._go_on()
        elif self.is_idle and now_s - self.idle_since_s > IDLE_S:
            self.close_idle()

    # --- between them

    def _go_on(self) -> None:
        """Serve what is ready, as far as its turn has come; read on only when nothing waits."""
        reader = self._reader
        ready = reader.ready
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while ready and not self._answering and self._paused_since_s is None and not self._is_closing:
                self._serve(ready.popleft())
        finally:
            self._is_serving = False
        if self._is_closing:
            return
        if ready:
            self._hold()
            return
        if self._is_held:
            self._release()
        if self._answering:
            return
        if reader.stop is not None:
            self._refuse(reader.stop)
        elif reader.wants_continue:
            reader.wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _serve(self, request: Incoming) -> None:
        self._answering, self._keep_alive = True, request.keep_alive and self._keep_alive
        self._is_http_1_0, self._no_body = request.is_http_1_0, request.method == "HEAD"
        exchange = self._service.handle(self, request)
        if self._answering and not self._is_closing:
            self._exchange = exchange
            if self._paused_since_s is not None and exchange is not None:
                exchange.pause()

    def _done(self) -> None:
        self._exchange, self._answering = None, False
        self._is_chunked = self._no_body = False
        self.idle_since_s = self._now()
        reader = self._reader
        if not self._keep_alive:
            self._close_slowly()
        elif reader.ready or reader.stop is not None or reader.wants_continue:
            # Not at once: what the app does with the next request must not happen inside of what ended this one.
            asyncio.get_running_loop().call_soon(self._go_on)

    def _refuse(self, stop: Stop) -> None:
        self._answering, self._keep_alive = True, False
        self._service.refuse(self, stop.status, stop.says, self._reader.target, tuple(self._reader.headers))

    def _hold(self) -> None:
        if not self._is_held:
            self._is_held = True
            self._transport.pause_reading()

    def _release(self) -> None:
        self._is_held = False
        self._reading_since_s = self._now()  # that nothing more came meanwhile was our doing
        self._transport.resume_reading()

    def _close(self) -> None:
        self._is_closing, self._closing_since_s = True, self._now()
        self._transport.close()

    def _close_slowly(self) -> None:
        """Say that nothing more comes and listen for a moment.

        A close with bytes unread resets the connection, and the reset overtakes the answer.
        """
        self._is_closing, self._closing_since_s = True, self._now()
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._linger = asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)
        else:
            self._transport.close()
