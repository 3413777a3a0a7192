"""What tests of stillup, and of what is built on it, may use: a clock moved by hand, a server scripted to the byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import ssl

_TURNS = 50
"""Rounds of the event loop after which whatever was woken has done all that needs no clock and no network."""


class FakeClock:
    """A :class:`~stillup.clock.Clock` that stands still until it is advanced, and whose wall clock can be set."""

    def __init__(self, now: datetime = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._steady_s = 0.0
        self._sleepers: dict[asyncio.Future[None], float] = {}

    def now(self) -> datetime:
        return self._now

    def wall_s(self) -> float:
        return self._now.timestamp()

    def monotonic_s(self) -> float:
        return self._steady_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by so much."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers[woken] = self._steady_s + seconds
        try:
            await woken
        finally:
            self._sleepers.pop(woken, None)

    def set(self, now: datetime) -> None:
        """Jump the wall clock, as an administrator or NTP would; the steady clock does not move."""
        self._now = now

    async def advance(self, seconds: float) -> None:
        """Let so many seconds pass on both clocks; every sleeper wakes at its own time, in order."""
        end_s = self._steady_s + seconds
        await settle()
        while due := [at for at in self._sleepers.values() if at <= end_s]:
            self._move(min(due))
            await settle()
        self._move(end_s)
        await settle()

    def _move(self, steady_s: float) -> None:
        self._now += timedelta(seconds=steady_s - self._steady_s)
        self._steady_s = steady_s
        for woken, at in list(self._sleepers.items()):
            if at <= steady_s and not woken.done():
                woken.set_result(None)


async def settle() -> None:
    """Let every task do what it can without the clock or the network."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Head(Struct):
    """The head of one request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]


Script = Callable[[Head, asyncio.StreamWriter], Awaitable[None]]
"""What a server does with one request: write whatever bytes it likes, or none, or for ever."""


class Server:
    """A running server: where it is and what it has been asked."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.port = 0
        self.heads: list[Head] = []

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of a path on it, under any name that leads here."""
        return f"{self.scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Play ``script`` for every request that arrives on a loopback port of its own; ends whatever still talks."""
    talks: set[asyncio.Task[None]] = set()
    known = Server("https" if tls else "http")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = _head(await reader.readuntil(b"\r\n\r\n"))
                known.heads.append(head)
                await script(head, writer)
                await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            writer.transport.abort()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(talk(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    known.port = server.sockets[0].getsockname()[1]
    try:
        yield known
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks)
        await server.wait_closed()


def _head(raw: bytes) -> Head:
    first, *rest = raw.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    rows = (line.partition(":") for line in rest)
    return Head(method, target, {name.lower(): value.strip() for name, _, value in rows})


def http(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """A whole HTTP answer; underscores in header names become dashes."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answers(*replies: bytes) -> Script:
    """A script that gives these answers in turn, and the last one for ever."""
    left = list(replies)

    async def script(_head: Head, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return script
