"""The bare proxy as an RSGI application, granian's own interface: what that server costs.

UPSTREAM_PORT=9001 CLIENT=aiohttp granian --interface rsgi gateway.bare_granian:app --working-dir bench --loop uvloop
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from gateway.bare_clients import Client, Head, open_client


@cache
def _client() -> Client:
    return open_client(os.environ["CLIENT"], "127.0.0.1", int(os.environ["UPSTREAM_PORT"]))


async def app(scope: Any, protocol: Any) -> None:  # noqa: ANN401 - granian's own, which has no types where it is absent
    """Forward one request."""
    head: Head | None = None
    whole: list[bytes] = []
    stream: Any = None
    async for piece in _client()(scope.path, await protocol()):
        if isinstance(piece, Head):
            head = piece
            if piece.length is None:
                stream = protocol.response_stream(piece.status, [("content-type", piece.content_type)])
        elif stream is None:
            whole.append(piece)
        else:
            await stream.send_bytes(piece)
    if stream is None and head is not None:
        protocol.response_bytes(head.status, [("content-type", head.content_type)], b"".join(whole))
