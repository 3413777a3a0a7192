"""A request whose body came packed: thirty kilobytes may unpack to thirty megabytes, which takes a third of a second.

That is done beside the loop, so that nobody else waits for it; then the request goes the way of all others.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.core.values import Ask
    from stillup.gateway.dialects.base import Refusal
    from stillup.gateway.wire.server import Connection, Exchange, Incoming

    Read = Callable[[], Ask | Refusal]
    Begin = Callable[[Ask | Refusal], Exchange | None]


class Unpacker:
    """Where that is done: one body at a time, and of each user one, so that nobody waits for all of another's."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, user: str, read: Read, is_wanted: Callable[[], bool]) -> Ask | Refusal | None:
        """What was read; None where nobody wants it any more when its turn comes."""
        async with self._turns[user]:
            if not is_wanted():
                return None
            return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def close(self) -> None:
        """Begin no other."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Unpacking:
    """Looks after one request: by itself until it is read, from then on for whoever has begun to handle it."""

    __slots__ = ("_connection", "_exchange", "_is_gone", "_is_paused")

    def __init__(
        self, gateway: Gateway, connection: Connection, request: Incoming, user: str, read: Read, begin: Begin
    ) -> None:
        self._connection = connection
        self._exchange: Exchange | None = None
        self._is_gone = self._is_paused = False
        _ = gateway.task(self._go_on(gateway, request, user, read, begin))

    async def _go_on(self, gateway: Gateway, request: Incoming, user: str, read: Read, begin: Begin) -> None:
        try:
            ask = await gateway.unpacker.read(user, read, self._is_wanted)
            if ask is None or not self._is_wanted():
                return
            self._exchange = begin(ask)
        except Exception as exc:  # noqa: BLE001 - a mistake of ours
            gateway.mistaken(self._connection, request, exc)
            return
        if self._is_paused:
            self.pause()

    def _is_wanted(self) -> bool:
        return self._connection.is_open and not self._is_gone

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
