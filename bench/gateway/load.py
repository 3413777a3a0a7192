"""A client that sees what a program would see: status, every piece with its time, and how the answer ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

import httptools


@dataclass
class Answer:
    """One answer as it came. Times are those of ``perf_counter``."""

    began: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    ended: float = 0.0
    is_whole: bool = False
    """The body came to the end that HTTP gave it."""
    trouble: str = ""
    """Why there is no answer, or no more of it: ``timeout``, ``refused``, ``broken``."""

    @property
    def total_ms(self) -> float:
        return 1000 * (self.ended - self.began)

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)


class _Wire(asyncio.Protocol):
    """One connection: feeds the answer it is given."""

    def __init__(self) -> None:
        self.is_open = False
        self._answer: Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        self._answer = Answer(perf_counter())
        self._done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            return self.close()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close("broken")
        return None

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._answer is not None
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._answer is not None
        self._answer.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        assert self._answer is not None
        self._answer.pieces.append((perf_counter(), body))

    def on_message_complete(self) -> None:
        assert self._answer is not None
        self._answer.is_whole = True
        keeps = self._parser.should_keep_alive()
        self._settle("")
        if not keeps:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None:
            sized = self._answer.headers.keys() & {"content-length", "transfer-encoding"}
            # Without a size the end of the connection is the end of the body.
            self._answer.is_whole = bool(self._answer.status) and not sized and exc is None
            self._settle("" if self._answer.is_whole else "broken")

    def close(self, trouble: str = "") -> None:
        self.is_open = False
        self._settle(trouble)
        self._transport.abort()

    def _settle(self, trouble: str) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not self._done.done():
            answer.ended, answer.trouble = perf_counter(), trouble
            self._done.set_result(answer)


class Caller:
    """Asks one after the other over one kept-alive connection, which it opens anew when it was closed."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._wire: _Wire | None = None

    async def ask(self, request: bytes, timeout_s: float) -> Answer:
        """Send one request and wait for the end of its answer; never raises for what the network does."""
        began = perf_counter()
        if self._wire is None or not self._wire.is_open:
            loop = asyncio.get_running_loop()
            try:
                _, self._wire = await loop.create_connection(_Wire, self._host, self._port)
            except OSError:
                return Answer(began, ended=perf_counter(), trouble="refused")
        done = self._wire.ask(request)
        alarm = asyncio.get_running_loop().call_later(timeout_s, self._wire.close, "timeout")
        answer = await done
        alarm.cancel()
        return answer

    def close(self) -> None:
        """Let the connection go."""
        if self._wire is not None and self._wire.is_open:
            self._wire.close()
