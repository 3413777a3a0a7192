"""One HTTP exchange at a time, over aiohttp: connect, ask, read the answer within its bounds. Follows nothing.

IPv4 and IPv6 race each other (aiohttp's happy eyeballs, 250 ms apart). There are two pools of connections: the *wary*
one, for journeys that strangers steer, reaches public addresses only, and what it looked up is what it connects to.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct

from stillup.errors import Refused, TooLarge
from stillup.net.names import Resolver, is_public, literal
from stillup.net.route import shown

if TYPE_CHECKING:
    from datetime import datetime

    from yarl import URL

    from stillup.net.socket import Opened

MAX_LINE_BYTES = 8190
MAX_HEADER_BYTES = 32 * 1024
"""Of one header; some sites' content security policies pass 8 KiB. aiohttp bounds their number to 128."""

_CHUNK_BYTES = 64 * 1024


class Exchange(Struct, frozen=True):
    """What came back; ``body`` is read for success only. ``was_public``: the host asked is on the open internet."""

    status: int
    headers: dict[str, str]
    body: bytes
    was_public: bool


class _Names(AbstractResolver):
    """aiohttp's view of our resolver. Remembers which names have ever led to a public address."""

    def __init__(self, resolver: Resolver, *, only_public: bool, public: set[str]) -> None:
        self._resolver = resolver
        self._only_public = only_public
        self._public = public

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = [a for a in await self._resolver(host, port) if family in (socket.AF_UNSPEC, a.family)]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        if any(is_public(a.ip) for a in found):
            self._public.add(host)
        if self._only_public and not all(is_public(a.ip) for a in found):
            msg = f"{host[:80]}: redirects to a private address"
            raise Refused(msg, 302)
        return [
            ResolveResult(hostname=host, host=a.ip, port=port, family=a.family, proto=0, flags=socket.AI_NUMERICHOST)
            for a in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Transport:
    """Two sessions and what they share, and a third for sockets."""

    def __init__(self, *, resolver: Resolver, tls: ssl.SSLContext | None, connect_s: float, user_agent: str) -> None:
        self._public: set[str] = set()
        self._sessions = {
            wary: aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_Names(resolver, only_public=wary, public=self._public),
                    use_dns_cache=False,
                    ssl=tls or True,
                    limit=0,  # Net holds the places
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": user_agent, "Accept": "*/*"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
                max_line_size=MAX_LINE_BYTES,
                max_field_size=MAX_HEADER_BYTES,
                trust_env=False,  # it would also send the passwords in ~/.netrc
            )
            for wary in (False, True)
        }
        self._for_sockets: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._for_sockets is not None:
            await self._for_sockets.close()
        for session in self._sessions.values():
            await session.close()

    async def exchange(
        self,
        url: URL,
        headers: dict[str, str],
        *,
        max_bytes: int,
        proxy: URL | None,
        wary: bool,
        json: bytes | None = None,
    ) -> Exchange:
        """Make one GET, or a POST of ``json``.

        :raises stillup.errors.TooLarge: the body passed ``max_bytes``.
        :raises stillup.errors.Refused: ``wary`` and the name leads to a private address.
        :raises Exception: one of :data:`stillup.net.failures.FOREIGN`.
        """
        session = self._sessions[wary and proxy is None]  # behind a proxy the names are the proxy's to look up
        method = "GET"
        if json is not None:
            method, headers = "POST", {"Content-Type": "application/json"} | headers
        async with session.request(
            method, url, headers=headers, data=json, proxy=proxy, allow_redirects=False
        ) as response:
            good = 200 <= response.status < 300
            return Exchange(
                status=response.status,
                headers={name.lower(): _text(value) for name, value in response.headers.items()},
                body=await _read(response, max_bytes) if good else b"",
                was_public=self._is_public(url, proxied=proxy is not None),
            )

    async def upgrade(
        self,
        url: URL,
        headers: dict[str, str],
        *,
        max_bytes: int,
        proxy: URL | None,
        silence_s: float,
        now: datetime,
        keyed: bool,
    ) -> Opened:
        """Open a WebSocket; raises what :func:`stillup.net.socket.connect` does."""
        from stillup.net.socket import connect, session_for

        if self._for_sockets is None:
            self._for_sockets = session_for(self._sessions[False])
        return await connect(
            self._for_sockets,
            url,
            headers,
            max_bytes=max_bytes,
            proxy=proxy,
            silence_s=silence_s,
            now=now,
            keyed=keyed,
        )

    def _is_public(self, url: URL, *, proxied: bool) -> bool:
        host = url.raw_host or ""
        if literal(host) is not None:
            return is_public(host)
        return proxied or host in self._public


def _text(value: str) -> str:
    """A header's value as text that can be stored and shown; aiohttp hands over bytes it cannot read as surrogates."""
    return value.encode("utf-8", "replace").decode()


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The body, decompressed. aiohttp decompresses no more than it is asked for, so a bomb is met at the bound."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            response.close()
            msg = f"{shown(response.url)}: the answer is larger than {max_bytes / (1 << 20):g} MiB"
            raise TooLarge(msg)
    return bytes(body)
