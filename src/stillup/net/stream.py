"""One request to a server of our own, whose answer is read as it comes; on this machine unless told otherwise."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from urllib.parse import SplitResult, urlsplit

import h11
from aiohappyeyeballs import AddrInfoType, start_connection
from msgspec import Struct

from stillup.errors import NotConfigured, SourceError, TooLarge, Unreachable
from stillup.net.names import host_of, is_loopback
from stillup.net.values import MIB
from stillup.secret import Secret

MAX_BYTES = 64 * MIB
_MAX_HEAD_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
_CONNECT_S, _EYEBALLS_S = 5.0, 0.25
_MOST_INFORMATIONAL = 8
_NOT_HTTP, _PACKED = "what it answered is not HTTP", "its answer is compressed, which was not asked for"

_Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Coming(Struct, frozen=True, eq=False):
    """An answer whose head is there: the status, header names in lower case, and the body as it comes.

    ``chunks`` raises :class:`~stillup.errors.SourceError` where the body breaks off, falls silent or passes its bound.
    ``trailers`` are what stood behind the body, once ``chunks`` came to its end.
    """

    status: int
    headers: dict[str, str]
    chunks: AsyncIterator[bytes]
    trailers: dict[str, str]

    async def body(self, max_bytes: int = MIB) -> bytes:
        """All of it; what is beyond ``max_bytes`` is left out."""
        whole = bytearray()
        async for chunk in self.chunks:
            whole += chunk
            if len(whole) > max_bytes:
                break
        return bytes(whole[:max_bytes])


@asynccontextmanager
async def ask_here(
    url: str,
    *,
    json: bytes | None = None,
    headers: Mapping[str, str | Secret] | None = None,
    silence_s: float = 30.0,
    max_bytes: int = MAX_BYTES,
    anywhere: bool = False,
) -> AsyncIterator[Coming]:
    """GET, or POST of ``json``; the connection ends with the block. ``silence_s`` bounds each wait for a piece.

    No redirect is followed, no proxy is used, nothing is kept. ``anywhere`` is for an address that the configuration
    names as ours: it may be another machine's. It is asked by h11, since aiohttp keeps trailers to itself.

    :raises stillup.errors.NotConfigured: the address is not on this machine, or cannot be asked.
    :raises stillup.errors.SourceError: nobody answers there.
    """
    host = host_of(url)
    if not anywhere and not is_loopback(host):
        msg = f"{host[:80]}: not an address of this machine"
        raise NotConfigured(msg)
    asking = _Asking(host, silence_s, max_bytes, anywhere=anywhere)
    raw = asking.request(urlsplit(url), headers or {}, json)
    await asking.connect(urlsplit(url))
    sending = asyncio.create_task(asking.send(raw))  # whoever refuses a large body answers before all of it is there
    try:
        yield await asking.head()
    finally:
        asking.drop()
        sending.cancel()
        await asyncio.wait([sending])


class _Asking:
    """One exchange on a connection of its own."""

    def __init__(self, host: str, silence_s: float, max_bytes: int, *, anywhere: bool) -> None:
        self._host, self._silence_s, self._max_bytes, self._anywhere = host, silence_s, max_bytes, anywhere
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._wire: _Wire | None = None
        self._has_ended = False

    def request(self, url: SplitResult, headers: Mapping[str, str | Secret], json: bytes | None) -> list[bytes]:
        """Its bytes."""
        told = {"host": url.netloc.rpartition("@")[2], "accept-encoding": "identity", "connection": "close"}
        told |= {name: v.reveal() if isinstance(v, Secret) else v for name, v in headers.items()}
        if json is not None:
            told |= {"content-type": "application/json", "content-length": str(len(json))}
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            asked = h11.Request(
                method="GET" if json is None else "POST", target=target.encode("ascii"),
                headers=[(name.encode("ascii"), value.encode("utf-8")) for name, value in told.items()],
            )  # fmt: skip
            head = self._http.send(asked) or b""
            return [head, *(self._http.send_with_data_passthrough(h11.Data(json or b"")) or ())]
        except (h11.LocalProtocolError, UnicodeError):
            msg = f"{self._host[:80]}: the request cannot be sent"
        raise NotConfigured(msg)  # out here: what cannot be sent may be a key

    async def connect(self, url: SplitResult) -> None:
        """To the place that a URL names."""
        error: SourceError | None = None
        is_tls = url.scheme == "https"
        try:
            async with asyncio.timeout(_CONNECT_S):
                places = await _looked_up(self._host, url.port or (443 if is_tls else 80))
                if not self._anywhere:  # `x.localhost` is whatever a resolver says, and a key may go there
                    places = [place for place in places if is_loopback(str(place[4][0]))]
                if places:
                    self._wire = await _connected(places, self._host if is_tls else None)
        except (OSError, ValueError) as exc:
            error = self._translated(exc, _CONNECT_S)
            if isinstance(error, Unreachable):
                error.was_sent = False
        if error is None and not places:
            error = NotConfigured(f"{self._host[:80]}: not an address of this machine")
        if error is not None:
            raise error

    async def send(self, raw: list[bytes]) -> None:
        """The request; whether it could be sent is seen by what comes back."""
        if self._wire is not None:
            with suppress(OSError):
                self._wire[1].writelines(raw)
                await self._wire[1].drain()

    async def head(self) -> Coming:
        """What the answer begins with; all of it is there after one silence, for a byte now and then is one."""
        try:
            async with asyncio.timeout(self._silence_s):
                return await self._head()
        except TimeoutError as exc:
            error = self._translated(exc, self._silence_s)
        raise error

    async def _head(self) -> Coming:
        for _ in range(_MOST_INFORMATIONAL):
            event = await self._next()
            if isinstance(event, h11.Response):
                headers = _read(event.headers)
                if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                    raise self._unusable(_PACKED)
                trailers: dict[str, str] = {}
                return Coming(event.status_code, headers, self._chunks(trailers), trailers)
        raise self._unusable(_NOT_HTTP)

    async def _chunks(self, trailers: dict[str, str]) -> AsyncIterator[bytes]:
        seen = 0
        while not isinstance(event := await self._next(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                seen += len(event.data)
                if seen > self._max_bytes:
                    msg = f"{self._host}: the answer is larger than {self._max_bytes / MIB:g} MiB"
                    raise TooLarge(msg)
                yield bytes(event.data)
        trailers.update(_read(event.headers))

    async def _next(self) -> h11.Event:
        error: SourceError
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._read())
            if isinstance(event, h11.Event):
                return event
            error = self._translated(EOFError(), 0.0)
        except h11.RemoteProtocolError:
            error = self._translated(EOFError(), 0.0) if self._has_ended else self._unusable(_NOT_HTTP)
        except OSError as exc:
            error = self._translated(exc, self._silence_s)
        raise error  # out here, so that the foreign exception is not its context

    async def _read(self) -> bytes:
        if self._wire is None:
            return b""
        async with asyncio.timeout(self._silence_s):
            came = await self._wire[0].read(_READ_BYTES)
        self._has_ended = not came
        return came

    def _translated(self, exc: Exception, after_s: float) -> SourceError:
        from stillup.net import failures

        return failures.translate(exc, self._host, after_s)

    def _unusable(self, why: str) -> SourceError:
        return Unreachable(f"{self._host}: {why}")

    def drop(self) -> None:
        """End the connection, so that whoever still answers stops."""
        if self._wire is not None:
            self._wire[1].transport.abort()


async def _looked_up(host: str, port: int) -> Sequence[AddrInfoType]:
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _connected(places: Sequence[AddrInfoType], name: str | None) -> _Wire:
    """A connection; IPv6 and IPv4 race each other, which not every event loop does by itself. ``name``: by TLS."""
    sock = await start_connection(places, happy_eyeballs_delay=_EYEBALLS_S)
    try:
        if name is not None:
            return await asyncio.open_connection(sock=sock, ssl=_tls(), server_hostname=name)
        return await asyncio.open_connection(sock=sock)
    except BaseException:
        sock.close()
        raise


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _read(headers: object) -> dict[str, str]:
    """Names in lower case, as h11 has them; of several with one name all are kept."""
    found: dict[str, str] = {}
    for name, value in headers:  # type: ignore[attr-defined]
        told = value.decode("utf-8", "replace")
        key = name.decode("ascii", "replace").lower()
        found[key] = f"{found[key]}, {told}" if key in found else told
    return found
