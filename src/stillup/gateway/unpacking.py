"""A request whose body came packed: thirty kilobytes may unpack to thirty megabytes, which takes a third of a second.

That is done beside the loop, so that nobody else waits for it; then the request goes the way of all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.core.values import Ask, Headers
    from stillup.gateway.dialects.base import Refusal
    from stillup.gateway.wire.server import Connection, Exchange, Incoming

    Read = Callable[[], Ask | Refusal]
    Begin = Callable[[Ask | Refusal], Exchange | None]


def is_packed(headers: Headers) -> bool:
    """Whether a body has a content coding."""
    return any(value and name.lower() == b"content-encoding" for name, value in headers)


class Unpacking:
    """Looks after one request: by itself until it is read, from then on for whoever has begun to handle it."""

    __slots__ = ("_exchange", "_is_gone", "_is_paused")

    def __init__(self, gateway: Gateway, connection: Connection, request: Incoming, read: Read, begin: Begin) -> None:
        self._exchange: Exchange | None = None
        self._is_gone = self._is_paused = False
        _ = gateway.task(self._go_on(gateway, connection, request, read, begin))

    async def _go_on(
        self, gateway: Gateway, connection: Connection, request: Incoming, read: Read, begin: Begin
    ) -> None:
        try:
            ask = await asyncio.get_running_loop().run_in_executor(gateway.unpacks, read)
            if self._is_gone or not connection.is_open:
                return
            self._exchange = begin(ask)
        except Exception as exc:  # noqa: BLE001 - a mistake of ours
            gateway.mistaken(connection, request, exc)
            return
        if self._is_paused:
            self.pause()

    def client_gone(self) -> None:
        """See :class:`~stillup.gateway.wire.server.Exchange`."""
        self._is_gone = True
        if self._exchange is not None:
            self._exchange.client_gone()

    def pause(self) -> None:
        """See there."""
        self._is_paused = True
        if self._exchange is not None:
            self._exchange.pause()

    def resume(self) -> None:
        """See there."""
        self._is_paused = False
        if self._exchange is not None:
            self._exchange.resume()
