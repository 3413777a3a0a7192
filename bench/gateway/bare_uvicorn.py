"""The bare proxy as an ASGI application, for uvicorn (or granian): what that server costs.

UPSTREAM_PORT=9001 CLIENT=aiohttp uvicorn gateway.bare_uvicorn:app --app-dir bench --loop uvloop --http httptools
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from gateway.bare_clients import Client, Head, open_client

Message = dict[str, Any]


@cache
def _client() -> Client:
    return open_client(os.environ["CLIENT"], "127.0.0.1", int(os.environ["UPSTREAM_PORT"]))


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Forward one request."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    async for piece in _client()(scope["path"], body):
        if isinstance(piece, Head):
            headers = [(b"content-type", piece.content_type.encode())]
            if piece.length is not None:
                headers.append((b"content-length", b"%d" % piece.length))
            await send({"type": "http.response.start", "status": piece.status, "headers": headers})
        else:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})
