"""A fast upstream for throughput: prepared answers in every protocol, streams written token by token.

    python bench/gateway/mock.py NAME PORT

``GET /set?tokens=100&first_ms=200&gap_ms=10`` changes how it answers from then on; ``GET /stats`` counts requests.
It never fails; what fails on purpose is ``python -m stillup.sim.provider_server``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import httptools
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))
from gateway.protocols import ANTHROPIC, GEMINI, OPENAI, PROTOCOLS, RESPONSES
from gateway.scripts import script

_SSE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\nx-mock: %b\r\n\r\n"
)
_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\nx-mock: %b\r\n\r\n%b"
_LAST = b"0\r\n\r\n"


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


class Upstream:
    """What all connections share: the settings and the answers prepared from them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.asked = 0
        self.set(tokens=10.0, first_ms=0.0, gap_ms=0.0)

    def set(self, tokens: float | None = None, first_ms: float | None = None, gap_ms: float | None = None) -> None:
        """Change what is given; the rest stays."""
        if first_ms is not None:
            self.first_s = first_ms / 1000
        if gap_ms is not None:
            self.gap_s = gap_ms / 1000
        if tokens is not None:
            self._prepare(int(tokens))

    def _prepare(self, tokens: int) -> None:
        name = self._name.encode()
        scripts = {protocol: script(protocol, self._name, tokens) for protocol in PROTOCOLS}
        self.wholes = {p: _JSON % (len(s.whole), name, s.whole) for p, s in scripts.items()}
        self.streams = {
            p: [_SSE % name + _framed(s.opening), *map(_framed, s.tokens), _framed(s.closing) + _LAST]
            for p, s in scripts.items()
        }


class Connection(asyncio.Protocol):
    """One client's connection: one request at a time."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._is_open = True
        self._is_paused = False
        self._path = b""
        self._streams = False
        self._frames: list[bytes] = []
        self._next = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._is_open = False

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._next < len(self._frames):
            self._play()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._streams = b"", False

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        if b'"stream":true' in body or b'"stream": true' in body:
            self._streams = True

    def on_message_complete(self) -> None:
        path, upstream = self._path, self._upstream
        if path.startswith((b"/set", b"/stats")):
            return self._control(path.decode())
        upstream.asked += 1
        protocol = _protocol(path)
        if not self._streams and b":streamGenerateContent" not in path:
            whole = upstream.wholes[protocol]
            if upstream.first_s:
                self._loop.call_later(upstream.first_s, self._write, whole)
            else:
                self._transport.write(whole)
            return None
        self._frames, self._next = upstream.streams[protocol], 0
        if upstream.first_s:
            self._loop.call_later(upstream.first_s, self._play)
        else:
            self._play()
        return None

    def _write(self, data: bytes) -> None:
        if self._is_open:
            self._transport.write(data)

    def _play(self) -> None:
        """Write the next piece. One a turn of the loop: the transport would join those of the same turn."""
        if not self._is_open or self._is_paused:
            return
        n = self._next
        self._transport.write(self._frames[n])
        self._next = n + 1
        # No pause after the opening, nor before the closing.
        if self._upstream.gap_s and 0 < n < len(self._frames) - 2:
            self._loop.call_later(self._upstream.gap_s, self._play)
        elif n + 1 < len(self._frames):
            self._loop.call_soon(self._play)

    def _control(self, path: str) -> None:
        parts = urlsplit(path)
        if parts.path == "/set":
            self._upstream.set(**{name: float(value) for name, value in parse_qsl(parts.query)})
        said = b'{"asked":%d}' % self._upstream.asked
        self._transport.write(_JSON % (len(said), b"control", said))


def _protocol(path: bytes) -> str:
    if b"/messages" in path:
        return ANTHROPIC
    if b"/chat/completions" in path:
        return OPENAI
    return RESPONSES if b"/responses" in path else GEMINI


async def serve(name: str, port: int) -> None:
    """Serve until ended."""
    upstream = Upstream(name)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(upstream), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
