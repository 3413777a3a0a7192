"""The bus over NATS JetStream."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

import nats.errors

from stillup.bus.jetstream.connection import Connection
from stillup.bus.jetstream.faults import translated
from stillup.bus.jetstream.link import Link
from stillup.bus.jetstream.log import NatsLog
from stillup.bus.jetstream.shelf import NatsShelf
from stillup.bus.jetstream.streams import Streams
from stillup.bus.jetstream.table import NatsTable
from stillup.bus.limits import MAX_BYTES, LogLimits
from stillup.bus.local import UNHEARD_WORDS
from stillup.bus.names import must_be_name
from stillup.bus.where import Where
from stillup.errors import BusError, BusRefused

if TYPE_CHECKING:
    from nats.aio.msg import Msg

AGAIN_S = 0.05


class NatsBus:
    """One connection of one process."""

    def __init__(self, link: Link, streams: Streams, prefix: str, limits: LogLimits) -> None:
        self._link = link
        self._streams = streams
        self._prefix = prefix
        self._limits = limits
        self._clock_table = self.table("clock")

    @classmethod
    async def open(cls, where: Where, limits: LogLimits) -> NatsBus:
        """The bus, reached or still being reached for.

        :raises BusRefused: it answers and cannot serve.
        """
        where.must_be_usable()
        link = Link(where)
        await link.reach(where.wait_s)
        bus = cls(link, Streams(link, where.prefix, where.replicas), where.prefix, limits)
        try:
            if link.is_there:
                await bus.now()
        except BusRefused:
            await bus.close()
            raise
        except BusError:
            pass  # it is just starting, or choosing its leader
        return bus

    @property
    def is_there(self) -> bool:
        return self._link.is_there

    @property
    def trouble(self) -> str | None:
        return None if self._link.is_there else self._link.trouble

    def log(self, name: str) -> NatsLog:
        return NatsLog(self._streams, must_be_name(name), self._limits)

    def table(self, name: str, *, stands_s: float | None = None, in_memory: bool = False) -> NatsTable:
        return NatsTable(self._streams, must_be_name(name), stands_s, in_memory=in_memory)

    def shelf(self, name: str) -> NatsShelf:
        return NatsShelf(self._streams, must_be_name(name))

    async def tell(self, subject: str, body: bytes) -> None:
        subject = self._word(subject)
        if self.is_there and len(body) <= MAX_BYTES:
            with contextlib.suppress(BusError, nats.errors.Error, OSError):
                await (await self._link.client(0)).publish(subject, body)

    async def hear(self, subject: str) -> AsyncIterator[bytes]:
        subject = self._word(subject)
        while True:
            client = await self._link.client(None)
            with contextlib.suppress(BusError):
                async for word in _hear_on(client, subject):
                    yield word
            await asyncio.sleep(AGAIN_S)

    def _word(self, subject: str) -> str:
        return f"{self._prefix}.word.{must_be_name(subject)}"

    async def now(self) -> datetime:
        return await self._clock_table.server_time()

    async def close(self) -> None:
        await self._link.close()


async def _hear_on(client: Connection, subject: str) -> AsyncIterator[bytes]:
    """Until the connection is another."""
    words, came = deque[bytes](maxlen=UNHEARD_WORDS), asyncio.Event()

    async def heard(msg: Msg) -> None:
        words.append(msg.data)
        came.set()

    async def wake() -> None:
        await client.gone.wait()
        came.set()

    with translated():
        sub = await client.subscribe(subject, cb=heard)
    waking = asyncio.create_task(wake())
    try:
        while not client.gone.is_set():
            await came.wait()
            came.clear()
            while words:
                yield words.popleft()
    finally:
        waking.cancel()
        with contextlib.suppress(Exception):
            await sub.unsubscribe()
