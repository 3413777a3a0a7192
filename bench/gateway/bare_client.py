"""The least HTTP/1.1 client that can be a proxy's other half: kept-alive connections, httptools, no awaiting.

It serves the bench only: no TLS, no limits, no timeouts.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

HeaderLines = list[tuple[bytes, bytes]]


class Sink(Protocol):
    """Where one answer goes, in this order. Nothing here waits."""

    def head(self, status: int, headers: HeaderLines) -> None: ...
    def data(self, chunk: bytes) -> None: ...
    def end(self) -> None: ...
    def fail(self) -> None: ...


class _Connection(asyncio.Protocol):
    """One connection to the upstream; it returns itself to the pool after each answer."""

    def __init__(self, idle: list[_Connection]) -> None:
        self._idle = idle
        self._sink: Sink | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self in self._idle:
            self._idle.remove(self)
        if self._sink is not None:
            self._sink.fail()

    def ask(self, request: bytes, sink: Sink) -> None:
        self._sink, self._headers = sink, HeaderLines()
        self._has_head = self._has_ended = False
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        sink = self._sink
        if sink is None:
            return self._transport.abort()
        pieces = self._pieces = list[bytes]()
        self._parser.feed_data(data)
        if self._has_head:
            self._has_head = False
            sink.head(self._parser.get_status_code(), self._headers)
        if pieces:
            sink.data(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._has_ended:
            self._sink = None
            self._idle.append(self)
            sink.end()
        return None

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._has_ended = True


class BareClient:
    """Connections to one upstream."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[_Connection] = []
        self._dials: set[asyncio.Task[None]] = set()

    def ask(self, request: bytes, sink: Sink) -> None:
        """Send a whole request; the answer comes to the sink."""
        if self._idle:
            self._idle.pop().ask(request, sink)
        else:
            dial = asyncio.ensure_future(self._dial(request, sink))
            self._dials.add(dial)
            dial.add_done_callback(self._dials.discard)

    async def _dial(self, request: bytes, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(self._idle), self._host, self._port)
        except OSError:
            return sink.fail()
        connection.ask(request, sink)
        return None
