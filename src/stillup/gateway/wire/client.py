"""The side that asks upstreams: a pool of connections to one place, each answering one request at a time.

Head and chunks go to a sink as they come. Every failure is a :class:`Fault`; nothing is raised into the caller.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

import httptools
from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.wire.dial import Place, ProxyRefused, connected, fault_of, verified

if TYPE_CHECKING:
    from stillup.gateway.core.values import Headers

__all__ = ["CONNECT_WITHIN_S", "MAX_HEADERS", "MAX_HEAD_BYTES", "Call", "Place", "Pool", "Sink"]

MAX_HEAD_BYTES = 128 * 1024
MAX_HEADERS = 256
_MAX_BARREN_BYTES = MAX_HEAD_BYTES + 1024
"""So much may come in a row that brings no body: an unfinished head, chunk extensions, trailers."""
CONNECT_WITHIN_S = 10.0
_IDLE_S = 50.0  # most servers keep an idle connection for a minute or more
_STALE_WITHIN_S = 5.0
_MOST_IDLE = 64
_COPY_BYTES = 64 * 1024  # a copy of a larger body costs more than a second write


class Sink(Protocol):
    """Who hears one answer. After ``end`` or ``failed`` nothing more comes."""

    def head(self, status: int, headers: Headers) -> None:
        """The head of the answer."""

    def data(self, chunk: bytes) -> None:
        """What came of the body in one read, its framing taken off."""

    def end(self) -> None:
        """The body is whole."""

    def failed(self, fault: Fault) -> None:
        """No answer, or none that is whole."""


class Call(Struct, eq=False):
    """One request under way. ``cancel`` ends it without a word to the sink."""

    head: bytes
    body: bytes
    sink: Sink
    is_over: bool = False
    _is_paused: bool = False
    _connection: _Connection | None = None
    _dial: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Call({len(self.body)} bytes)"  # there are keys in the head

    def cancel(self) -> None:
        """Stop; the connection cannot be used again."""
        if self.is_over:
            return
        self.is_over = True
        if self._dial is not None:
            self._dial.cancel()
        if self._connection is not None:
            self._connection.drop()

    def pause(self) -> None:
        """Read no further for now."""
        self._is_paused = True
        if self._connection is not None and not self.is_over:
            self._connection.pause()

    def resume(self) -> None:
        """Read on."""
        self._is_paused = False
        if self._connection is not None and not self.is_over:
            self._connection.resume()

    def on(self, connection: _Connection) -> None:
        """It is on its way over this connection."""
        self._connection, self._dial = connection, None
        if self._is_paused:
            connection.pause()

    def dialled_by(self, task: asyncio.Task[None]) -> None:
        """It waits for a connection."""
        self._connection, self._dial = None, task

    def finish(self) -> None:
        """It has its whole answer."""
        if not self.is_over:
            self.is_over = True
            self.sink.end()

    def fail(self, fault: Fault) -> None:
        """It failed."""
        if not self.is_over:
            self.is_over = True
            self.sink.failed(fault)


class Pool:
    """Connections to one place.

    A request that meets an idle connection just as the server closes it is sent once more on a fresh one, unseen: that
    says nothing about the server. ``proxy`` is an HTTP proxy's URL, or empty; it is asked for a tunnel.
    """

    def __init__(
        self,
        place: Place,
        *,
        now: Callable[[], float],
        tls: ssl.SSLContext | None = None,
        proxy: str = "",
        connect_within_s: float = CONNECT_WITHIN_S,
    ) -> None:
        self.authority = place.authority
        self.place = place
        self.now = now
        self._tls = (tls or verified()) if place.scheme == "https" else None
        self._proxy = proxy
        self._connect_within_s = connect_within_s
        self._idle: list[_Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._all: set[_Connection] = set()

    def ask(self, head: bytes, body: bytes, sink: Sink) -> Call:
        """Send a request; its answer goes to the sink."""
        call = Call(head, body, sink)
        now_s = self.now()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and now_s - connection.idle_since_s <= _IDLE_S:
                connection.send(call, now_s, reused=True)
                return call
            connection.drop()
        self.dial(call)
        return call

    def give_back(self, connection: _Connection) -> None:
        """A connection is free again."""
        if len(self._idle) >= _MOST_IDLE:
            connection.drop()
        else:
            self._idle.append(connection)

    def forget(self, connection: _Connection) -> None:
        """A connection is gone."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def dial(self, call: Call) -> None:
        """Open a connection for a request: there is no idle one, or it turned out to be dead."""
        task = asyncio.get_running_loop().create_task(self._connect(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        call.dialled_by(task)

    async def close(self) -> None:
        """End everything; no sink hears of it."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        for connection in tuple(self._all):
            connection.drop()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self, call: Call) -> None:
        try:
            async with asyncio.timeout(self._connect_within_s):
                connection = await self._open()
        except (OSError, ValueError, ProxyRefused) as exc:
            call.fail(fault_of(exc))
            return
        if call.is_over or not connection.is_usable:  # or it was closed, or spoke unasked, as soon as it was open
            connection.drop()
            call.fail(Fault.RESET)
            return
        self._all.add(connection)
        connection.send(call, self.now(), reused=False)

    async def _open(self) -> _Connection:
        sock = await connected(self.place, self._proxy)
        server_hostname = self.place.host if self._tls else None
        connection = _Connection(self)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection, sock=sock, ssl=self._tls, server_hostname=server_hostname
            )
        except BaseException:
            connection.drop()  # the loop itself would say good-bye to the server first, for up to half a minute
            sock.close()
            raise
        return connection


_NONE, _READ, _GIVEN = range(3)
"""How far the head of an answer is: not whole yet, read, handed on."""


class _Connection(asyncio.Protocol):
    """One connection: asked, answering, or idle."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._is_open = False
        self._parser = httptools.HttpResponseParser(self)
        self._call: Call | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._lines = self._headers
        self._body: list[bytes] = []
        self._status = self._barren_bytes = self._read_bytes = 0
        self._head_state = _NONE
        self._reused = self._has_spoken = self._is_paused = False
        self._is_whole = self._until_close = False
        self._sent_s = 0.0
        self.is_usable = True
        self.idle_since_s = 0.0

    def send(self, call: Call, now_s: float, *, reused: bool) -> None:
        """Send a request."""
        self._call, self._sent_s, self._reused = call, now_s, reused
        self._status = self._barren_bytes = 0
        self._head_state = _NONE
        self._has_spoken = self._is_whole = self._until_close = False
        call.on(self)
        if len(call.body) > _COPY_BYTES:
            self._transport.write(call.head)
            self._transport.write(call.body)
        else:
            self._transport.write(call.head + call.body)

    def drop(self) -> None:
        """Break the connection."""
        self._call, self.is_usable = None, False
        if self._is_open:
            self._transport.abort()

    def pause(self) -> None:
        """Read no further for now."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._is_open = cast("asyncio.Transport", transport), True

    def eof_received(self) -> None:
        """Closed by the server; ``connection_lost`` follows."""
        self.is_usable = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_usable = False
        self._pool.forget(self)
        call, self._call = self._call, None
        if call is None or call.is_over:
            return
        if self._head_state == _GIVEN:
            if self._until_close and exc is None:
                call.finish()
            else:
                call.fail(Fault.CUT)
        elif self._reused and not self._has_spoken and self._pool.now() - self._sent_s <= _STALE_WITHIN_S:
            self._pool.dial(call)
        else:
            call.fail(Fault.RESET)

    def data_received(self, data: bytes) -> None:
        call = self._call
        if call is None:  # an idle connection that speaks is of no use
            self.drop()
            return
        self._has_spoken = True
        self._read_bytes = len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            if isinstance(exc, httptools.HttpParserCallbackError) and not isinstance(exc.__context__, _Malformed):
                raise  # a mistake of ours, not of the server's
            self._break(call)
            return
        if self._body or self._is_whole or self._head_state == _READ:
            self._barren_bytes = 0
            self._hand_on(call)
            return
        self._barren_bytes += self._read_bytes
        if self._barren_bytes > _MAX_BARREN_BYTES:
            self._break(call)

    def _hand_on(self, call: Call) -> None:
        sink, body = call.sink, self._body
        if self._head_state == _READ:
            self._head_state = _GIVEN
            sink.head(self._status, tuple(self._headers))
        if body and not call.is_over:
            self._body = []
            sink.data(body[0] if len(body) == 1 else b"".join(body))
        if self._is_whole and not call.is_over:
            self._set_free()
            call.finish()

    def _set_free(self) -> None:
        self._call = None
        if self._is_paused:
            self.resume()  # whoever comes next has not asked to wait
        if self._transport.get_write_buffer_size():
            self.drop()  # answered before it had read the request: what it makes of the rest nobody knows
        elif self.is_usable:
            self.idle_since_s = self._pool.now()
            self._pool.give_back(self)
        else:
            self._transport.close()

    def _break(self, call: Call) -> None:
        """What came is no HTTP; what was whole of it before that is handed on first."""
        given, whole = self._head_state != _NONE, self._is_whole
        self.is_usable = False
        if whole:  # bytes after the answer are not ours: it ends where it said it would
            self._hand_on(call)
            return
        self.drop()
        if given:
            self._hand_on(call)
        call.fail(Fault.CUT if given else Fault.MALFORMED)

    # --- the parser's side

    def on_message_begin(self) -> None:
        if self._is_whole:
            raise _Malformed  # a second answer to one request
        self._headers = self._lines = []

    def on_header(self, name: bytes, value: bytes) -> None:
        lines = self._lines
        lines.append((name, value))
        if len(lines) > MAX_HEADERS:
            raise _Malformed

    def on_headers_complete(self) -> None:
        parser = self._parser
        self._status = parser.get_status_code()
        if self._status < 200:
            if self._status < 100:
                raise _Malformed
            return
        self._lines = []  # a trailer is no header
        in_one_piece = self._barren_bytes == 0 and self._read_bytes <= MAX_HEAD_BYTES  # nearly every head
        if not in_one_piece and sum(map(_size, self._headers)) > MAX_HEAD_BYTES:
            raise _Malformed
        framed = self._status in (204, 304)
        for name, value in self._headers:
            size = len(name)
            if size == 14 and name.lower() == b"content-length":
                framed = True
            elif size == 17 and name.lower() == b"transfer-encoding":
                if value.strip().lower() != b"chunked":
                    raise _Malformed  # nobody here would take another coding off
                framed = True
        self._head_state = _READ
        self._until_close = not framed
        self.is_usable = framed and parser.should_keep_alive()
        if self._call is not None and self._call.head.startswith(b"HEAD "):  # the parser waits for a body
            self._is_whole, self.is_usable = True, False

    def on_body(self, piece: bytes) -> None:
        self._body.append(piece)

    def on_message_complete(self) -> None:
        if self._status >= 200:
            self._is_whole = True


def _size(line: tuple[bytes, bytes]) -> int:
    return len(line[0]) + len(line[1]) + 4  # the colon, a space, the line's end


class _Malformed(Exception):
    """Raised in a parser's callback: this is no answer to go on with."""
