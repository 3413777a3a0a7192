"""One request to a server of our own, whose answer is read as it comes; on this machine unless told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.errors import NotConfigured, SourceError, TooLarge
from stillup.net.names import host_of, is_loopback
from stillup.net.values import MIB
from stillup.secret import Secret

if TYPE_CHECKING:
    from aiohttp import ClientResponse

MAX_BYTES = 64 * MIB


class Coming(Struct, frozen=True, eq=False):
    """An answer whose head is there: the status, header names in lower case, and the body as it comes.

    ``chunks`` raises :class:`~stillup.errors.SourceError` where the body breaks off, falls silent or passes its bound.
    """

    status: int
    headers: dict[str, str]
    chunks: AsyncIterator[bytes]

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
    names as ours: it may be another machine's.

    :raises stillup.errors.NotConfigured: the address is not on this machine.
    :raises stillup.errors.SourceError: nobody answers there.
    """
    import aiohttp

    from stillup.net import failures

    host = host_of(url)
    if not anywhere and not is_loopback(host):
        msg = f"{host[:80]}: not an address of this machine"
        raise NotConfigured(msg)
    told = {name: v.reveal() if isinstance(v, Secret) else v for name, v in (headers or {}).items()}
    if json is not None:
        told["content-type"] = "application/json"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=silence_s)
    error: SourceError | None = None
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session:
        started_s = asyncio.get_running_loop().time()
        try:
            answer = await session.request(
                "GET" if json is None else "POST", url, data=json, headers=told, allow_redirects=False
            )
        except failures.FOREIGN as exc:
            error = failures.translate(exc, host, asyncio.get_running_loop().time() - started_s)
        if error is not None:
            raise error  # out here, so that the foreign exception, which may hold a header, is not its context
        lower = {name.lower(): value.encode("utf-8", "replace").decode() for name, value in answer.headers.items()}
        try:
            yield Coming(answer.status, lower, _chunks(answer, host, max_bytes))
        finally:
            answer.close()


async def _chunks(answer: ClientResponse, host: str, max_bytes: int) -> AsyncIterator[bytes]:
    from stillup.net import failures

    seen, error = 0, None
    loop = asyncio.get_running_loop()
    waits_s = loop.time()
    try:
        async for chunk in answer.content.iter_any():
            seen += len(chunk)
            if seen > max_bytes:
                break
            yield chunk
            waits_s = loop.time()
    except failures.FOREIGN as exc:
        error = failures.translate(exc, host, loop.time() - waits_s)
    if error is not None:
        raise error
    if seen > max_bytes:
        msg = f"{host}: the answer is larger than {max_bytes / MIB:g} MiB"
        raise TooLarge(msg)
