"""One HTTP/1.1 request and its answer over a connection that stands already. Everything is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import h11

from stillup import __version__
from stillup.errors import NotConfigured
from stillup.secret import Secret
from stillup.sources.ladder.dialects import DIALECTS, Dialect, Tally
from stillup.sources.ladder.faults import Fault
from stillup.sources.ladder.plan import Ask
from stillup.sources.ladder.result import Reply

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024
_PIECE_BYTES = 16 * 1024
_MAX_INFORMATIONAL = 8

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Receipt:
    """What has come in so far; it is there to be read when the time runs out in the middle."""

    def __init__(self, dialect: str, elapsed_ms: Callable[[], float]) -> None:
        self.elapsed_ms = elapsed_ms
        self._dialect = DIALECTS[dialect] if dialect else None
        self._tally = Tally(self._dialect) if self._dialect else None
        self._status = 0
        self._ms = 0.0
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._is_whole = False

    @property
    def has_head(self) -> bool:
        return self._status > 0

    def head(self, response: h11.Response) -> None:
        """Note status and headers."""
        self._ms = self.elapsed_ms()
        self._status = response.status_code
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}

    def piece(self, data: bytes) -> bool:
        """Note a piece of the body; True when nothing more is wanted."""
        data = data[: MAX_BODY_BYTES - len(self._body)]
        self._body += data
        is_enough = len(self._body) >= MAX_BODY_BYTES
        if self._tally is None or not self._is_answer:
            return is_enough
        return self._tally.feed(data, self.elapsed_ms()) or is_enough

    def end(self) -> None:
        """Note that the body is whole."""
        self._is_whole = True
        if self._tally is not None and self._is_answer:
            self._tally.end(self.elapsed_ms())

    @property
    def _is_answer(self) -> bool:
        """It is a model's answer by status and content type: only then its events are its own."""
        return self._dialect is not None and 200 <= self._status < 300 and is_framed(self._headers, self._dialect)

    def reply(self, fault: str = "") -> Reply | None:
        """The answer as far as it came; None without a head."""
        if not self.has_head:
            return None
        tally = self._tally
        return Reply(
            status=self._status,
            ms=self._ms,
            headers=self._headers,
            body=bytes(self._body),
            is_whole=self._is_whole,
            fault=fault,
            first_token_ms=tally.first_token_ms if tally else None,
            is_stream_whole=bool(tally and tally.is_whole),
            stream_error=tally.error if tally else "",
        )


async def exchange(wire: Wire, ask: Ask, receipt: Receipt) -> None:
    """Send the request and read the answer into the receipt, until it ends, is enough, or breaks the format.

    :raises OSError: the connection broke before there was a head.
    :raises h11.RemoteProtocolError: what came is no HTTP.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    await send(wire, connection, _request(ask), ask.body)
    informational = 0
    while True:
        event = await _next(wire, connection)
        if isinstance(event, h11.Response):
            receipt.head(event)
        elif isinstance(event, h11.Data):
            if receipt.piece(bytes(event.data)):
                return
        elif isinstance(event, h11.EndOfMessage):
            receipt.end()
            return
        else:
            informational += 1
            if informational > _MAX_INFORMATIONAL:
                msg = "informational answers without end"
                raise h11.RemoteProtocolError(msg)


async def send(wire: Wire, connection: h11.Connection, request: h11.Request, body: bytes = b"") -> None:
    """Send a whole request.

    :raises OSError: the connection broke.
    """
    data = (connection.send(request), connection.send(h11.Data(body)) if body else b"")
    wire[1].write(b"".join(part or b"" for part in (*data, connection.send(h11.EndOfMessage()))))
    await wire[1].drain()


async def answer_to_connect(wire: Wire, connection: h11.Connection) -> int:
    """The status of a proxy's answer to CONNECT.

    :raises OSError: the connection broke.
    :raises h11.RemoteProtocolError: what came is no HTTP.
    """
    while True:
        event = await _next(wire, connection)
        if isinstance(event, h11.Response):
            return event.status_code


def request(method: str, path: str, headers: tuple[tuple[str, str | Secret], ...]) -> h11.Request:
    """A request for the wire: the only place where a key leaves its wrapper.

    :raises NotConfigured: something in it cannot be sent; it is not repeated, it could be the key.
    """
    shown = [(name, value.reveal() if isinstance(value, Secret) else value) for name, value in headers]
    try:
        return h11.Request(method=method, target=path, headers=shown)
    except (h11.LocalProtocolError, UnicodeError):
        msg = "probe: an address or a key has characters that HTTP cannot carry"
    raise NotConfigured(msg)


def _request(ask: Ask) -> h11.Request:
    target, proxy = ask.target, ask.proxy
    is_absolute = proxy is not None and not target.is_tls
    path = f"http://{target.authority}{target.path}" if is_absolute else target.path
    headers: list[tuple[str, str | Secret]] = [
        ("host", target.authority),
        ("user-agent", f"stillup/{__version__} (personal status monitor)"),
        ("accept", DIALECTS[ask.dialect].framing.value if ask.dialect else "*/*"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
        *ask.headers,
    ]
    if ask.body:
        headers += [("content-type", "application/json"), ("content-length", str(len(ask.body)))]
    if is_absolute and proxy is not None and proxy.auth is not None:
        headers.append(("proxy-authorization", proxy.auth))
    return request(ask.method, path, tuple(headers))


async def _next(wire: Wire, connection: h11.Connection) -> h11.Event:
    """The next event the peer sends.

    :raises OSError: the connection ended before there was an answer.
    :raises h11.RemoteProtocolError: the bytes are no HTTP, or end in the middle of a message.
    """
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            piece = await wire[0].read(_PIECE_BYTES)
            if not piece and not connection.trailing_data[0] and connection.their_state is h11.SEND_RESPONSE:
                msg = "closed without an answer"
                raise ConnectionResetError(msg)
            connection.receive_data(piece)
        elif isinstance(event, h11.Event):
            if not isinstance(event, h11.ConnectionClosed):
                return event
            msg = "closed without an answer"
            raise ConnectionResetError(msg)


def is_framed(headers: dict[str, str], dialect: Dialect) -> bool:
    """Whether an answer comes as that protocol's do."""
    return headers.get("content-type", "").lower().startswith(dialect.framing.value)


def body_fault(fault: str) -> str:
    """What it means that a body ended early: a connection that breaks now has cut the answer off."""
    return fault if fault == Fault.TIMEOUT else Fault.STREAM_CUT.value
