"""A table as a key-value bucket of NATS (``nats kv ls`` shows it): one stream, a subject a key, the newest of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from nats.js.api import ConsumerConfig, DeliverPolicy, Header, RawStreamMsg, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from stillup.bus.base import Entry
from stillup.bus.jetstream.faults import ANSWER_S, WRONG_LAST, translated
from stillup.bus.jetstream.feed import Came, Feed, feed_of
from stillup.bus.jetstream.log import AGAIN_S
from stillup.bus.jetstream.streams import Streams
from stillup.bus.limits import must_fit
from stillup.bus.names import must_be_key
from stillup.errors import BusError, BusRefused

LATE_S = 1.0  # this long after its time is up, what went should have been said to be gone
MARKER_STANDS_S = 3600  # how long it is remembered that something was taken away
GONE = {"KV-Operation": "PURGE", Header.ROLLUP.value: "sub"}


class NatsTable:
    """One bucket. Reads go to the leader: who has just written reads what it wrote."""

    def __init__(self, streams: Streams, name: str, stands_s: float | None, *, in_memory: bool) -> None:
        self._streams = streams
        bucket = streams.name("table", name)
        self._name = f"KV_{bucket}"
        self._root = f"$KV.{bucket}."
        self._stands_s = stands_s
        self._in_memory = in_memory

    def _config(self) -> StreamConfig:
        return StreamConfig(
            name=self._name,
            description="stillup: a table",
            subjects=[f"{self._root}>"],
            storage=StorageType.MEMORY if self._in_memory else StorageType.FILE,
            max_msgs_per_subject=1,
            max_age=self._stands_s,
            duplicate_window=min(self._stands_s or 2.0, 2.0),
            allow_rollup_hdrs=True,
            allow_msg_ttl=True,
            subject_delete_marker_ttl=MARKER_STANDS_S if self._stands_s else None,
        )

    async def server_time(self) -> datetime:
        """When the server that leads this table answered."""
        await self._streams.js(self._config())
        return await self._streams.server_time(self._name)

    async def get(self, key: str) -> Entry | None:
        must_be_key(key)
        with translated():
            raw = await self._last(key)
        if raw is None or _is_gone(raw.headers or {}):
            return None
        return Entry(key=key, value=raw.data or b"", revision=raw.seq or 0)

    async def _last(self, key: str) -> RawStreamMsg | None:
        js = await self._streams.js(self._config())
        try:
            return await js.get_last_msg(self._name, self._root + key)
        except NotFoundError:
            return None

    async def entries(self) -> list[Entry]:
        async with self._feed() as feed:
            found = {came.subject: came for came in [came async for came in _standing(feed)]}
        return [self._entry(came) for came in found.values() if not _is_gone(came.headers)]

    async def put(self, key: str, value: bytes, *, revision: int | None = None) -> int | None:
        must_be_key(key)
        must_fit(value)
        with translated():
            put = await self._put(key, value, revision)
            if put is None and revision == 0:
                # What was taken away leaves a marker with a number of its own: that is the newest then.
                raw = await self._last(key)
                if raw is None or _is_gone(raw.headers or {}):
                    put = await self._put(key, value, raw.seq if raw else 0)
        return put

    async def _put(self, key: str, value: bytes, revision: int | None) -> int | None:
        headers = None if revision is None else {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(revision)}
        try:
            return await self._streams.publish(self._config(), self._root + key, value, headers=headers)
        except APIError as error:
            if error.err_code in WRONG_LAST:
                return None
            raise

    async def delete(self, key: str) -> None:
        must_be_key(key)
        if await self.get(key) is None:
            return
        with translated():
            await self._streams.publish(self._config(), self._root + key, headers=GONE, ttl_s=MARKER_STANDS_S)

    async def watch(self) -> AsyncIterator[Entry]:
        known: dict[str, tuple[int, float]] = {}  # what was told: its revision, and when; the oldest first
        while True:
            try:
                async for entry in self._watch_on(known):
                    was = known.pop(entry.key, None)
                    if entry.value is not None:
                        known[entry.key] = entry.revision, asyncio.get_running_loop().time()
                    elif was is None:
                        continue
                    yield entry
            except BusRefused:
                raise
            except BusError:
                self._streams.forget(self._name)
                await asyncio.sleep(AGAIN_S)

    async def _watch_on(self, known: dict[str, tuple[int, float]]) -> AsyncIterator[Entry]:
        """All that stands, what went since the last time, then each change."""
        async with self._feed(None) as feed:
            went = set(known)
            async for came in _standing(feed):
                entry = self._entry(came)
                went.discard(entry.key)
                yield entry
            for key in went:
                yield Entry(key=key, value=None, revision=known[key][0] + 1)
            while True:
                if came_now := await feed.beat():
                    yield self._entry(came_now)
                async for entry in self._overdue(known):
                    yield entry

    async def _overdue(self, known: dict[str, tuple[int, float]]) -> AsyncIterator[Entry]:
        """What must have gone by now: a server that was just started lets things go without saying so."""
        now_s = asyncio.get_running_loop().time()
        while self._stands_s is not None and known:
            key, (revision, told_s) = next(iter(known.items()))
            if now_s - told_s < self._stands_s + LATE_S:
                return
            yield await self.get(key) or Entry(key=key, value=None, revision=revision + 1)

    def _entry(self, came: Came) -> Entry:
        value = None if _is_gone(came.headers) else came.body
        return Entry(key=came.subject.removeprefix(self._root), value=value, revision=came.seq)

    @asynccontextmanager
    async def _feed(self, within_s: float | None = ANSWER_S) -> AsyncIterator[Feed]:
        await self._streams.js(self._config(), within_s)
        config = ConsumerConfig(deliver_policy=DeliverPolicy.LAST_PER_SUBJECT, filter_subject=f"{self._root}>")
        async with feed_of(await self._streams.client(within_s), self._name, config) as feed:
            yield feed


async def _standing(feed: Feed) -> AsyncIterator[Came]:
    """What there was when the feed began; more may have come to it by then."""
    for _ in range(feed.pending):
        came = await feed.next()
        yield came
        if not came.left:
            return


def _is_gone(headers: dict[str, str]) -> bool:
    return "KV-Operation" in headers or "Nats-Marker-Reason" in headers
