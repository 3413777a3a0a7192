"""One connection of the scripted provider: reads requests, and takes the steps that answer them, to the byte."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Protocol, cast

import httptools
from msgspec import Struct

from stillup.sim.failing import reset
from stillup.sim.provider.behaviour import Behaviour
from stillup.sim.provider.steps import Hangup, Pause, Send, Silence, Step

_LINGER_S = 5.0
_REFUSED = b"HTTP/1.1 %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(Struct, kw_only=True):
    """One request that came, to the byte, and what became of it."""

    method: str
    target: str
    """The path with its query."""
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    behaviour: Behaviour | None = None
    is_answered: bool = False
    """Every step was taken, the failure among them."""
    is_gone: bool = False
    """The client left before that."""

    def header(self, name: str) -> str:
        """The value of a header, joined where it came more than once; empty when it did not come."""
        wanted = name.lower().encode()
        return ", ".join(v.decode("latin-1") for k, v in self.headers if k.lower() == wanted)


class Site(Protocol):
    """Who decides what is answered."""

    def opened(self, connection: Connection) -> bool:
        """A connection was accepted; False resets it."""
        ...

    def closed(self, connection: Connection) -> None:
        """It ended."""
        ...

    def asked(self, request: Request) -> Iterator[Step]:
        """A request was read: the steps that answer it."""
        ...

    def ended(self, request: Request) -> None:
        """It was answered, or its client left."""
        ...

    async def released(self) -> None:
        """Wait until silence is to end."""
        ...


class Connection(asyncio.Protocol):
    """One client's connection; requests on it are answered one after the other."""

    def __init__(self, site: Site, most_body: int = 64 << 20) -> None:
        self._site = site
        self._most_body = most_body
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._target = bytearray()
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._running: Request | None = None
        self._is_refused = False
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by class, but by what they can do
        if not self._site.opened(self):
            reset(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it ended, it ended
        if self._running is not None:
            self._running.is_gone = not self._running.is_answered
            self._site.ended(self._running)
            self._running = None
        if self._task is not None:
            self._task.cancel()
        self._transport = None
        self._site.closed(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def drop(self) -> None:
        """Reset it."""
        if self._transport is not None:
            reset(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(b"400 Bad Request")

    def _refuse(self, status: bytes) -> None:
        """Say no, and take what is still being sent: to close at once would reset, and the answer with it."""
        if self._transport is None or self._is_refused:
            return
        self._is_refused = True
        self._transport.write(_REFUSED % status)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self.drop)

    # What the parser calls, in this order.

    def on_message_begin(self) -> None:
        self._target.clear()
        self._body.clear()
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        waits = any(k.lower() == b"expect" and v.lower() == b"100-continue" for k, v in self._headers)
        if waits and self._transport is not None:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self._most_body:
            self._body.clear()
            self._refuse(b"413 Content Too Large")

    def on_message_complete(self) -> None:
        if self._is_refused:
            return
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            target=self._target.decode("latin-1"),
            headers=tuple(self._headers),
            body=bytes(self._body),
        )
        self._waiting.append(request)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        """Answer everything that waits; a client that closes after a request ends the connection itself."""
        while self._waiting and self._transport is not None:
            request = self._running = self._waiting.popleft()
            for step in self._site.asked(request):
                await self._take(step)
            request.is_answered, self._running = True, None
            self._site.ended(request)
            if request.header("connection").lower() == "close" and self._transport is not None:
                self._transport.close()
        self._task = None

    async def _take(self, step: Step) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            await asyncio.sleep(0)  # some scripts have no end: whoever ends this task must have a turn
            return
        if isinstance(step, Send):
            transport.write(step.data)
            await self._writable.wait()
        elif isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Silence):
            await self._site.released()
        else:
            self._hang_up(transport, step)

    def _hang_up(self, transport: asyncio.Transport, step: Hangup) -> None:
        if self._running is not None:
            self._running.is_answered = True
        if step.is_reset:
            reset(transport)
        else:
            transport.close()
