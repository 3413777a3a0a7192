"""A log as a stream: numbers are the stream's own, an id that came before is found by the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote, unquote

from nats.js.api import ConsumerConfig, DeliverPolicy, DiscardPolicy, Header, StorageType, StreamConfig

from stillup.bus.base import Record
from stillup.bus.jetstream.faults import translated
from stillup.bus.jetstream.feed import feed_of
from stillup.bus.jetstream.streams import Streams
from stillup.bus.limits import LogLimits, lost_records, must_fit
from stillup.errors import BusError, BusRefused

AGAIN_S = 0.2


class NatsLog:
    """One stream with one subject."""

    def __init__(self, streams: Streams, name: str, limits: LogLimits) -> None:
        self._streams = streams
        self._said = name
        self._name = streams.name("log", name)
        self._subject = streams.subject("log", name)
        self._limits = limits

    def _config(self) -> StreamConfig:
        return StreamConfig(
            name=self._name,
            description="stillup: a log",
            subjects=[self._subject],
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_bytes=self._limits.max_bytes,
            max_age=self._limits.max_age_s,
            duplicate_window=min(self._limits.same_id_s, self._limits.max_age_s),
        )

    async def append(self, id: str, body: bytes) -> int:  # noqa: A002
        must_fit(body)
        headers = {Header.MSG_ID.value: "=" + quote(id, safe=":/+,@")}  # a header is one line without spaces around it
        with translated():
            return await self._streams.publish(self._config(), self._subject, body, headers=headers)

    async def read(self, after: int) -> AsyncIterator[Record]:
        while True:
            try:
                async for record in self._read_on(after):
                    after = record.seq
                    yield record
            except BusRefused:
                raise
            except BusError:
                self._streams.forget(self._name)
                await asyncio.sleep(AGAIN_S)

    async def _read_on(self, after: int) -> AsyncIterator[Record]:
        await self._streams.js(self._config(), None)
        _, newest = await self.ends()
        if after > newest:
            raise lost_records(self._said, after, newest)
        client = await self._streams.client()
        config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1)
        async with feed_of(client, self._name, config) as feed:
            while True:
                came = await feed.next()
                id_ = unquote(came.headers.get(Header.MSG_ID, "=")[1:])
                yield Record(seq=came.seq, at=came.at, id=id_, body=came.body)

    async def ends(self) -> tuple[int, int]:
        info = await self._streams.look(self._name)
        if info is None or not info.state.last_seq:
            return 1, 0
        newest = info.state.last_seq
        return (info.state.first_seq if info.state.messages else newest + 1), newest

    async def trim(self, before: int) -> None:
        _, newest = await self.ends()
        if newest:
            js = await self._streams.js(self._config())
            with translated():
                await js.purge_stream(self._name, seq=min(before, newest + 1))
