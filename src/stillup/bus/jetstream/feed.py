"""A stream read in order, from a place of our choosing, until something breaks.

One consumer of the server pushes to us and says every second that it lives. A number that is missing, or silence for
three seconds, ends the feed; its reader makes another from where it was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from nats.js.api import AckPolicy, ConsumerConfig

from stillup.bus.jetstream.connection import Connection
from stillup.bus.jetstream.faults import ANSWER_S, translated
from stillup.errors import BusError

if TYPE_CHECKING:
    from nats.aio.msg import Msg

HEARTBEAT_S = 1.0
SILENT_S = 3.0
SILENT = "NATS does not say what is new"
GONE = "the connection to NATS is gone"
LOST = "a message was lost on its way"


class Came(Struct, frozen=True):
    """One message of a stream; ``left`` were still behind it when it was sent."""

    seq: int
    at: datetime
    subject: str
    headers: dict[str, str]
    body: bytes
    left: int


class Feed:
    """What a consumer pushes; ``pending`` is how much there was when it began."""

    def __init__(self, client: Connection) -> None:
        self._client = client
        self._queue: deque[Msg] = deque()
        self._more = asyncio.Event()
        self._delivered = 0
        self.pending = 0

    async def take_in(self, msg: Msg) -> None:
        self._queue.append(msg)
        self._more.set()

    async def next(self) -> Came:
        """The next message.

        :raises BusError: the feed is broken, read on with another.
        """
        while (came := await self.beat()) is None:
            pass
        return came

    async def beat(self) -> Came | None:
        """The next message, or None when the server said that there is none; that it does every second.

        :raises BusError: the feed is broken, read on with another.
        """
        while not self._queue:
            await self._wait()
        msg = self._queue.popleft()
        if not msg.reply.startswith("$JS.ACK."):
            await self._on_status(msg)
            return None
        meta = msg.metadata
        if meta.sequence.consumer != self._delivered + 1:
            raise BusError(LOST)
        self._delivered = meta.sequence.consumer
        left = meta.num_pending or 0
        return Came(meta.sequence.stream, meta.timestamp, msg.subject, msg.headers or {}, msg.data, left)

    async def _wait(self) -> None:
        self._more.clear()
        try:
            async with asyncio.timeout(SILENT_S):
                await self._more.wait()
        except TimeoutError:
            raise BusError(SILENT) from None
        if not self._queue:
            raise BusError(GONE)

    async def wake(self) -> None:
        """End the waiting when the connection does."""
        await self._client.gone.wait()
        self._more.set()

    async def _on_status(self, msg: Msg) -> None:
        """A heartbeat, or the question whether we keep up: that is answered when we come to it."""
        headers = msg.headers or {}
        with translated():
            for reply in (msg.reply, headers.get("Nats-Consumer-Stalled", "")):
                if reply:
                    await self._client.publish(reply)
        last = headers.get("Nats-Last-Consumer")
        if last is not None and int(last) > self._delivered and not self._queue:
            raise BusError(LOST)


@asynccontextmanager
async def feed_of(client: Connection, stream: str, config: ConsumerConfig) -> AsyncIterator[Feed]:
    """A feed of a stream by a consumer that goes when we go.

    :raises BusError: it cannot be made.
    """
    feed = Feed(client)
    config.deliver_subject = client.new_inbox()
    config.name = config.deliver_subject.rpartition(".")[2]  # asked for twice it is one
    config.ack_policy = AckPolicy.NONE
    config.idle_heartbeat, config.flow_control = HEARTBEAT_S, True
    config.inactive_threshold, config.mem_storage, config.num_replicas = 10.0, True, 1
    with translated():
        sub = await client.subscribe(
            config.deliver_subject, cb=feed.take_in, pending_msgs_limit=0, pending_bytes_limit=0
        )
        try:
            info = await client.jsm(timeout=ANSWER_S).add_consumer(stream, config)
        except BaseException:
            await sub.unsubscribe()
            raise
    # What is left, and what was pushed while the answer was on its way.
    feed.pending = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
    waking = asyncio.create_task(feed.wake())
    try:
        yield feed
    finally:
        waking.cancel()
        with suppress(Exception):
            await sub.unsubscribe()
            await client.jsm(timeout=ANSWER_S).delete_consumer(stream, info.name)
