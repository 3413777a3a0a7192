"""Connections that go wrong below HTTP: reset, silence, plain bytes where TLS should be, a head that drips."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

from stillup.sim.modes import Mode

BELOW_HTTP = frozenset({Mode.REFUSED, Mode.RESET, Mode.HANG, Mode.TLS, Mode.SLOW_HEADERS})
_DRIP_S = 0.5
_SLOW_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Patience: " + b"z" * 400
"""Never finished: the connection ends with the client, with the world, or after these bytes."""
_NOT_TLS = b"HTTP/1.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the other side sees a reset, not an end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Failing(asyncio.Protocol):
    """One accepted connection that goes wrong in one way. ``opened`` and ``closed`` tell its owner."""

    def __init__(
        self,
        mode: Mode,
        opened: Callable[[asyncio.Transport], None],
        closed: Callable[[asyncio.Transport], None],
    ) -> None:
        self._mode = mode
        self._opened = opened
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._drip: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by class, but by what they can do
        self._opened(self._transport)
        if self._mode in (Mode.RESET, Mode.REFUSED):  # refused: the port was just closing
            reset(self._transport)
        elif self._mode is Mode.TLS:
            self._transport.write(_NOT_TLS)
            self._transport.close()

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - whatever is asked, the answer is the same
        if self._mode is Mode.SLOW_HEADERS and self._drip is None:
            self._drop(0)

    def _drop(self, sent: int) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if sent >= len(_SLOW_HEAD):
            reset(self._transport)
            return
        self._transport.write(_SLOW_HEAD[sent : sent + 1])
        self._drip = asyncio.get_running_loop().call_later(_DRIP_S, self._drop, sent + 1)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it was to be lost
        if self._drip is not None:
            self._drip.cancel()
        if self._transport is not None:
            self._closed(self._transport)
            self._transport = None
