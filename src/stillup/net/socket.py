"""A WebSocket that is held open: every text frame is handed on as it comes, within bounds.

A frame has a size, a second has a number of frames and of bytes, and silence has an end, pings or no; nothing is
compressed (a bomb has no fuse) and no redirect is followed: the address is the user's or the catalogue's own, and a
page must not send this machine elsewhere for hours. A socket that ends stays ended and says why; whoever wants another
opens it, at its own cadence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TypeAlias

import aiohttp
from aiohttp import http

from stillup.errors import Malformed, Refused, SourceError, TooLarge, Unreachable
from stillup.net import failures
from stillup.net.refusals import refusal, retry_after_s
from stillup.net.route import REDIRECTS, shown

if TYPE_CHECKING:
    from datetime import datetime

    from yarl import URL

    Opened: TypeAlias = aiohttp.ClientWebSocketResponse[Literal[False]]
    """Its texts come as bytes: what is not UTF-8 is the reader's to refuse, and ends nothing."""

Take = Callable[[bytes], None]
"""Who is given the frames. It must not block."""

MOST_PER_S = 4_000
MOST_BYTES_PER_S = 8 << 20
"""Frames, and bytes of them, that are taken a second; what comes faster waits at the other end of the wire."""
_BREATH = 64
"""Frames after which everybody else gets a turn."""
_PING_S = 30.0
_WORDS = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)
_GOODBYE_S = 0.2
"""How long the other side may take to say goodbye."""


async def _stay(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Refuse to be sent elsewhere; aiohttp would follow."""
    response = await handler(request)
    if response.status in REDIRECTS:
        response.close()
        msg = f"{shown(request.url)}: redirects, which a WebSocket must not"
        raise Refused(msg, response.status)
    return response


def session_for(like: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """A session for sockets over another one's connections."""
    return aiohttp.ClientSession(
        connector=like.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=like.headers,
        timeout=like.timeout,
        middlewares=(_stay,),
        trust_env=False,
    )


async def connect(
    session: aiohttp.ClientSession,
    url: URL,
    headers: dict[str, str],
    *,
    max_bytes: int,
    proxy: URL | None,
    silence_s: float,
    now: datetime,
    keyed: bool,
) -> Opened:
    """Shake hands.

    :raises stillup.errors.SourceError: refused, or what answers is no WebSocket.
    :raises Exception: one of :data:`stillup.net.failures.FOREIGN`.
    """
    try:
        return await session.ws_connect(
            url,
            headers=headers,
            proxy=proxy,
            compress=0,
            max_msg_size=max_bytes,
            heartbeat=_PING_S,
            autoping=False,  # answered here: aiohttp would answer a flood of them without giving anybody else a turn
            timeout=aiohttp.ClientWSTimeout(ws_receive=silence_s, ws_close=_GOODBYE_S),
            decode_text=False,
        )
    except aiohttp.WSServerHandshakeError as exc:
        status, given = exc.status, {name.lower(): value for name, value in (exc.headers or {}).items()}
    if status >= 400:
        raise refusal((url.host or "?")[:80], status, retry_after_s(given, now), keyed=keyed)
    msg = f"{shown(url)}: what answers there is no WebSocket"
    raise Malformed(msg)


class Socket:
    """One open WebSocket. ``error`` says why it ended, None while it is open or once it was closed by us."""

    def __init__(self, socket: Opened, host: str, take: Take, silence_s: float) -> None:
        self._socket = socket
        self._host = host
        self._take = take
        self._silence_s = silence_s
        self.error: SourceError | None = None
        self._listening = asyncio.create_task(self._listen())

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return not self._listening.done()

    async def close(self) -> None:
        """End it; a goodbye is said, and not waited for long."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        """Close the connection, whatever still comes: aiohttp would read on for as long as frames do."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._socket.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        began_s = last_s = self._word_s = loop.time()
        try:
            while self.error is None:
                size = empty = 0
                for _ in range(_BREATH):
                    last_s = loop.time()
                    message = await self._socket.receive()
                    length = len(message.data) if message.type in _WORDS else 0
                    size, empty = size + length, empty + (length == 0)
                    self._word_s = loop.time() if length else self._word_s
                    self.error = await self._one(message) or self._idles(loop.time() - began_s, empty)
                    if self.error is not None:
                        break
                # Frames that wait in the buffer are given without a pause: this is where others get their turn.
                least_s = max(_BREATH / MOST_PER_S, size / MOST_BYTES_PER_S)
                await asyncio.sleep(max(0.0, began_s + least_s - loop.time()))
                began_s = loop.time()
        except failures.FOREIGN as exc:
            self.error = failures.translate(exc, self._host, loop.time() - last_s)
        except Exception as exc:  # noqa: BLE001 - a fault in a reader of ours must be seen, not swallowed by a task
            self.error = SourceError(f"{self._host}: a fault of stillup's own: {type(exc).__name__}")
        finally:
            await self._say_goodbye()

    def _idles(self, within_s: float, empty: int) -> SourceError | None:
        """Why to end when nothing is said: too long, or with so many empty frames that they would fill the memory."""
        if asyncio.get_running_loop().time() - self._word_s > self._silence_s:
            return Unreachable(f"{self._host}: says nothing any more")
        # What has no bytes counts for nothing in the buffer's bound, so only reading it slowly would let it grow.
        is_flood = empty > _BREATH // 2 and within_s < 1.0
        return Malformed(f"{self._host}: floods the stream with empty frames") if is_flood else None

    async def _one(self, message: aiohttp.WSMessage | http.WSMessageTextBytes) -> SourceError | None:
        """Hand one frame on; the reason why none follows. Binary frames are nobody's and passed over."""
        if message.type is aiohttp.WSMsgType.TEXT:
            self._take(message.data)
            return None
        if message.type is aiohttp.WSMsgType.PING:
            await self._socket.pong(message.data)
            return None
        if message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.PONG):
            return None
        if message.type is aiohttp.WSMsgType.ERROR:
            return self._broken(message.data)
        return Unreachable(f"{self._host}: closed the stream")

    def _broken(self, exc: object) -> SourceError:
        if isinstance(exc, aiohttp.WebSocketError):
            if exc.code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                return TooLarge(f"{self._host}: sent a frame that is too large")
            return Malformed(f"{self._host}: broke the WebSocket protocol")
        return failures.translate(exc, self._host, 0.0) if isinstance(exc, Exception) else Unreachable(self._host)
