"""A bare proxy on stillup's own stack, httptools on uvloop: what no gateway on it can beat.

    python bench/gateway/bare.py PORT UPSTREAM_PORT [CLIENT]

Requests go on with their end-to-end headers, answers come back as they arrive. Nothing is read, checked or written
down. CLIENT is one of bare_clients; ``own`` when absent, then without a single coroutine.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import httptools
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))
from gateway.bare_client import BareClient, HeaderLines
from gateway.bare_clients import Client, Head, open_client

HOST = "127.0.0.1"
_OURS = {b"host", b"content-length", b"transfer-encoding", b"connection", b"keep-alive"}

Send = Callable[["Visitor", bytes, HeaderLines, bytes], None]


class Visitor(asyncio.Protocol):
    """One client's connection, and the sink of its answers."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = HeaderLines()
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._send(self, self._url, self._headers, b"".join(self._body))

    def head(self, status: int, headers: HeaderLines) -> None:
        """Hold the head back until there is something to send with it."""
        self._is_chunked = True
        lines = [b"HTTP/1.1 %d OK\r\n" % status]
        for name, value in headers:
            if name.lower() == b"content-length":
                self._is_chunked = False
            lines.append(b"%b: %b\r\n" % (name, value))
        lines.append(b"\r\n")
        self._held = b"".join(lines)

    def data(self, chunk: bytes) -> None:
        framed = b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._is_chunked else chunk
        self._transport.write(self._held + framed if self._held else framed)
        self._held = b""

    def end(self) -> None:
        if self._is_chunked or self._held:
            self._transport.write(self._held + (b"0\r\n\r\n" if self._is_chunked else b""))
            self._held = b""

    def fail(self) -> None:
        self._transport.abort()


def own(port: int) -> Send:
    """Forward through the bare client: callbacks from end to end."""
    client = BareClient(HOST, port)

    def send(visitor: Visitor, url: bytes, headers: HeaderLines, body: bytes) -> None:
        lines = [b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\n" % url]
        lines += [b"%b: %b\r\n" % line for line in headers if line[0].lower() not in _OURS]
        lines.append(b"content-length: %d\r\n\r\n" % len(body))
        client.ask(b"".join(lines) + body, visitor)

    return send


def through(client: Client) -> Send:
    """Forward through a client of coroutines: a task a request."""
    tasks: set[asyncio.Task[None]] = set()

    async def relay(visitor: Visitor, path: str, body: bytes) -> None:
        async for piece in client(path, body):
            if isinstance(piece, Head):
                kind = (b"content-type", piece.content_type.encode())
                size = (b"transfer-encoding", b"chunked")
                if piece.length is not None:
                    size = (b"content-length", b"%d" % piece.length)
                visitor.head(piece.status, [kind, size])
            else:
                visitor.data(piece)
        visitor.end()

    def send(visitor: Visitor, url: bytes, headers: HeaderLines, body: bytes) -> None:  # noqa: ARG001
        task = asyncio.ensure_future(relay(visitor, url.decode(), body))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return send


async def serve(port: int, upstream: int, client: str) -> None:
    """Serve until ended."""
    send = own(upstream) if client == "own" else through(open_client(client, HOST, upstream))
    server = await asyncio.get_running_loop().create_server(lambda: Visitor(send), HOST, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "own"))
