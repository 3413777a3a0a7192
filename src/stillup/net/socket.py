"""A WebSocket that is held open: every text frame is handed on as it comes, within bounds.

A frame has a size, a second has a number of frames, and silence has an end; nothing is compressed (a bomb has no fuse)
and no redirect is followed: the address is the user's or the catalogue's own, and a page must not send this machine
elsewhere for hours. A socket that ends stays ended and says why; whoever wants another opens it, at its own cadence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
"""Frames that are taken a second; what comes faster waits at the other end of the wire."""
_BREATH = 64
"""Frames after which everybody else gets a turn."""
_PING_S = 30.0
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

    def __init__(self, socket: Opened, host: str, take: Take) -> None:
        self._socket = socket
        self._host = host
        self._take = take
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
        await self._socket.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        began_s = last_s = loop.time()
        try:
            while self.error is None:
                for _ in range(_BREATH):
                    last_s = loop.time()
                    self.error = self._one(await self._socket.receive())
                    if self.error is not None:
                        break
                # Frames that wait in the buffer are given without a pause: this is where others get their turn.
                await asyncio.sleep(max(0.0, began_s + _BREATH / MOST_PER_S - loop.time()))
                began_s = loop.time()
        except failures.FOREIGN as exc:
            self.error = failures.translate(exc, self._host, loop.time() - last_s)
        except Exception as exc:  # noqa: BLE001 - a fault in a reader of ours must be seen, not swallowed by a task
            self.error = SourceError(f"{self._host}: a fault of stillup's own: {type(exc).__name__}")
        finally:
            await self._socket.close()

    def _one(self, message: aiohttp.WSMessage | http.WSMessageTextBytes) -> SourceError | None:
        """Hand one frame on; the reason why none follows. Binary frames are nobody's and passed over."""
        if message.type is aiohttp.WSMsgType.TEXT:
            self._take(message.data)
            return None
        if message.type is aiohttp.WSMsgType.BINARY:
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
