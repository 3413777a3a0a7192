"""One connection to the bus, replaced when it breaks.

nats-py can connect again by itself, but then sends what was given to it in the meantime: a word minutes old would come
to a table as if it were new. Here every connection is a new one, and what could not be sent was not sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zlib import crc32

from stillup.bus.jetstream.connection import Connection, connect, leave, until_gone
from stillup.bus.jetstream.faults import ANSWER_S
from stillup.bus.local import CLOSED, Signal
from stillup.bus.where import Where
from stillup.errors import BusError, BusRefused

CONNECTED_S = 15.0  # to connect, to ask for JetStream and to leave again take ten at most
STUCK = "a connection to NATS that was being made or used does not come to an end"
T = TypeVar("T")
Connects = Callable[[str, Where], Coroutine[Any, Any, Connection]]
_log = logging.getLogger("stillup.bus")


class Link:
    """Always reaching for the bus; at most one connection at a time."""

    def __init__(self, where: Where, connects: Connects = connect) -> None:
        self._where = where
        self._connects = connects
        self._client: Connection | None = None
        self._changed = Signal()
        self._keeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[Any]] = set()
        self._odd = ""
        self._refused = False
        self._closed = asyncio.Event()
        self.trouble: str | None = f"NATS at {self.place} has not been reached yet"

    @property
    def place(self) -> str:
        """The servers without what may be in front of an @."""
        return ", ".join(map(_place, self._where.servers))

    @property
    def is_there(self) -> bool:
        return self._client is not None and not self._client.gone.is_set()

    async def reach(self, within_s: float) -> None:
        """Begin to reach for the bus, and wait so long for it.

        :raises BusRefused: it was reached and cannot serve.
        """
        self._keeper = asyncio.create_task(self._keep(), name="bus: keep the connection")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not self.is_there and not self._refused:
                    await self._changed.wait()
        if self._refused:
            why = self.trouble or "refused"
            await self.close()
            raise BusRefused(why)

    async def client(self, within_s: float | None = ANSWER_S) -> Connection:
        """The connection; waits for one that is being made.

        :raises BusError: there is none in that time. None: waits without an end.
        """
        try:
            async with asyncio.timeout(within_s):
                while (client := self._client) is None or client.gone.is_set() or client.is_closed:
                    if self._closed.is_set() or self._keeper is None or self._keeper.done():
                        raise BusRefused(CLOSED)
                    await self._changed.wait()
                return client
        except TimeoutError:
            raise BusError(self.trouble or f"NATS at {self.place} does not answer") from None

    async def _keep(self) -> None:
        first = crc32(self._where.name.encode())  # each process begins with another server: they share the load
        was_lost = False
        for attempt in count():
            if self._closed.is_set():
                return
            try:
                client = await self._connect(self._where.servers[(first + attempt) % len(self._where.servers)])
            except BusError as error:
                self.trouble, self._refused = f"NATS at {self.place}: {error}", isinstance(error, BusRefused)
                self._changed.fire()
                _log.debug("%s", self.trouble)
                await asyncio.sleep(0.25 if attempt < 2 * len(self._where.servers) else 1.0)
                continue
            if self._closed.is_set():  # nats-py can swallow that it was cancelled
                self._leave(client)
                return
            if was_lost:
                _log.warning("NATS at %s answers again", self.place)
                was_lost = False
            await self._hold(client)
            if not self._closed.is_set():
                self.trouble = f"the connection to NATS at {self.place} is lost and being made again"
                _log.warning("%s", self.trouble)
                was_lost = True
            self._changed.fire()

    async def _hold(self, client: Connection) -> None:
        """Use a connection until it is gone; one to a server that is cut off from the others gives way to a better."""
        self._client, self.trouble, self._refused = client, None, False
        self._changed.fire()
        while await self._is_led_no_more(client):
            better = await self._better(client)
            if better and self._closed.is_set():
                self._leave(better)
            elif better:
                _log.warning("NATS at %s is cut off from the others: another server is asked", _place(client.server))
                self._leave(client)
                self._client = client = better
                self._changed.fire()
        self._client = None
        self._leave(client)

    async def _better(self, client: Connection) -> Connection | None:
        """A connection to another server, where JetStream answers."""
        for server in self._where.servers:
            if not self._closed.is_set() and server != client.server:
                with contextlib.suppress(BusError):
                    return await self._connect(server)
        return None

    async def _is_led_no_more(self, client: Connection) -> bool:
        try:
            return await self._alone(until_gone(client))
        except BusError:
            return False

    async def _connect(self, server: str) -> Connection:
        return await self._alone(self._connects(server, self._where), CONNECTED_S)

    async def _alone(self, work: Coroutine[Any, Any, T], within_s: float | None = None) -> T:
        """In a task of its own, so that whatever nats-py does in it, this goes on reaching for the bus.

        :raises BusError: it failed, hung or was cancelled by itself.
        """
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task,), timeout=within_s)
        finally:
            if not task.done():
                task.cancel()
                self._leaving.add(task)
                task.add_done_callback(self._left)
        if not task.done() or task.cancelled():
            raise BusError(STUCK)
        error = task.exception()
        if error is None or isinstance(error, BusError):
            return task.result()
        msg = f"the connection to NATS at {self.place} failed by a mistake: {type(error).__name__}: {str(error)[:200]}"
        if msg != self._odd:
            _log.warning("%s", msg)
        self._odd = msg
        raise BusError(msg) from error

    def _leave(self, client: Connection) -> None:
        """Close it in the background: with a server that is stuck that can take its time."""
        task = asyncio.create_task(leave(client), name="bus: leave a connection")
        self._leaving.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[Any]) -> None:
        self._leaving.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: it is of a connection that nobody wants any more

    async def close(self) -> None:
        self._closed.set()
        self.trouble = CLOSED
        self._changed.fire()
        if self._client:
            self._client.gone.set()
        elif self._keeper:
            self._keeper.cancel()
        if self._keeper:
            await asyncio.wait([self._keeper], timeout=2 * ANSWER_S)
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=ANSWER_S)


def _place(server: str) -> str:
    return urlsplit(server).netloc.rpartition("@")[2]
