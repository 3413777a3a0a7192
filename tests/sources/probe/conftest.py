"""A loopback host that fails in every way a network can, and what it takes to point the probe at it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from stillup.catalog.load import Endpoint, Service
from stillup.clock import SystemClock
from stillup.model.service import Layer
from stillup.model.signal import Outcome
from stillup.net import Net
from stillup.secret import Secret
from stillup.sources.base import Context, Reading, Setting
from stillup.sources.probe import Probe

NOW = datetime(2026, 4, 7, 14, 40, tzinfo=UTC)
KEY = "sk-test-0123456789"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Host:
    """Listens on loopback, one port for each behaviour. Paths and heads of all requests are kept."""

    def __init__(self, ca: trustme.CA) -> None:
        self._ca = ca
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.heads: list[bytes] = []

    async def serve(self, handler: Handler, tls: ssl.SSLContext | None = None) -> int:
        """Serve with this handler; the port."""

        async def safely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await handler(reader, writer)
            except (OSError, EOFError, asyncio.CancelledError):
                pass
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(safely, "127.0.0.1", 0, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def says(self, *pieces: bytes, then: str = "close", tls: ssl.SSLContext | None = None) -> int:
        """Read a request, send the pieces, and then ``close``, ``reset`` or ``hang``."""

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            await _end(writer, then)

        return await self.serve(handler, tls)

    async def silent(self, then: str = "hang") -> int:
        """Accept, and then hang or reset without reading a byte."""

        async def handler(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _end(writer, then)

        return await self.serve(handler)

    def closed(self) -> int:
        """A port on which nobody listens: bound, so that nobody else takes it."""
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        self._sockets.append(sock)
        return int(sock.getsockname()[1])

    def full(self, port: int = 0) -> int:
        """A port whose queue is full: the system drops the next SYN, and the caller waits. With ``port``: on IPv6."""
        family, here = (socket.AF_INET6, "::1") if port else (socket.AF_INET, "127.0.0.1")
        listener = socket.socket(family)
        listener.bind((here, port))
        listener.listen(0)
        self._sockets.append(listener)
        for _ in range(3):
            filler = socket.socket(family)
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            self._sockets.append(filler)
        return int(listener.getsockname()[1])

    def tls(self, *names: str, **dates: datetime) -> ssl.SSLContext:
        """A server's context with a certificate of the test's CA for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, **dates).configure_cert(context)
        return context

    @staticmethod
    def reply(status: int = 200, body: bytes = b"", kind: str = "text/html", **headers: str) -> bytes:
        """The bytes of one HTTP answer; header names are written with underscores."""
        lines = [f"HTTP/1.1 {status} x", f"content-type: {kind}", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body

    @staticmethod
    def stream(body: bytes) -> bytes:
        """The bytes of an event stream that ends with the connection."""
        return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n" + body

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sock in self._sockets:
            sock.close()


async def _end(writer: asyncio.StreamWriter, then: str) -> None:
    if then == "hang":
        await asyncio.Event().wait()
    if then == "reset":
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    writer.close()
    await writer.wait_closed()


class Reader:
    """Reads a service with a probe of its own. ``once`` is a person who asks; otherwise it is watched, one try each."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    @staticmethod
    def acme(*endpoints: Endpoint) -> Service:
        """A service with these endpoints."""
        return Service(
            id="acme",
            name="Acme",
            vendor="Acme",
            home="https://acme.test",
            endpoints=endpoints,
            models=("opus", "haiku"),
        )

    @staticmethod
    def rung(url: str, layer: str = "edge", name: str = "edge", **more: object) -> Endpoint:
        """One endpoint of a component called web."""
        return Endpoint(id=name, component="web", layer=Layer(layer), url=url, **more)

    @staticmethod
    def inference(port: int, **more: object) -> Endpoint:
        """A keyed endpoint on loopback."""
        values = {"protocol": "anthropic", "model": "acme-haiku-9", "cost_usd": 0.01, "up": (200, 400), **more}
        return Reader.rung(
            f"http://127.0.0.1:{port}/v1/messages",
            "inference",
            "inference",
            method="POST",
            key_env="ACME_KEY",
            **values,
        )

    def context(
        self,
        *endpoints: Endpoint,
        once: bool = False,
        key: str | None = None,
        base_url: str = "",
        now: datetime = NOW,
        **options: object,
    ) -> Context:
        """What the probe is told."""
        setting = Setting(base_url=base_url, key=Secret(key) if key else None, options=options)
        return Context(now=now, service=self.acme(*endpoints), setting=setting, since=None if once else NOW)

    async def __call__(self, *endpoints: Endpoint, **more: Any) -> Reading:
        """Read once."""
        return await self.probe.read(self.context(*endpoints, **more), Net(clock=SystemClock()))

    async def outcomes(self, *endpoints: Endpoint, **more: Any) -> list[tuple[str, str | None]]:
        """Layer and error of every outcome, in order."""
        reading = await self(*endpoints, **more)
        return [(s.layer.value, s.error) for s in reading.signals if isinstance(s, Outcome)]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("ACME_KEY", raising=False)


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return Path(__file__).parents[2] / "fixtures" / "probe"


@pytest.fixture
async def host(ca: trustme.CA) -> AsyncIterator[Host]:
    host = Host(ca)
    yield host
    await host.close()


@pytest.fixture(scope="session")
def tls(ca: trustme.CA) -> ssl.SSLContext:
    """Believes the test's CA alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    return context


@pytest.fixture
def read(tls: ssl.SSLContext) -> Reader:
    return Reader(Probe(tls))
