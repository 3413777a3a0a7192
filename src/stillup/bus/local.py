"""The bus of one process: all of it in memory, the same promises."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from weakref import WeakSet

from stillup.bus.base import Entry, Record
from stillup.bus.limits import MAX_BYTES, LogLimits, lost_records, must_fit
from stillup.bus.names import must_be_key, must_be_name
from stillup.clock import Clock
from stillup.errors import BusRefused

CLOSED = "the bus was closed"
UNHEARD_WORDS = 10_000  # what one listener that does not come round to it is kept; then the oldest go, as over NATS


class Signal:
    """Wakes everybody who waits for something to change; whoever comes later waits for the next change."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._ended = False

    def end(self) -> None:
        """Nothing will change any more: who waits gets :class:`BusRefused`."""
        self._ended = True
        self.fire()

    def fire(self) -> None:
        """Wake them."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self, timeout_s: float | None = None) -> None:
        """Until the next change, or so many seconds."""
        if self._ended:
            raise BusRefused(CLOSED)
        # Not wait_for(), which in Python 3.11 can swallow that its task was cancelled.
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        if self._ended:
            raise BusRefused(CLOSED)


class Signals:
    """All signals of one bus, so that it can be closed."""

    def __init__(self) -> None:
        self._all: WeakSet[Signal] = WeakSet()
        self._ended = False

    def new(self) -> Signal:
        """One more; it has ended where the bus has."""
        signal = Signal()
        self._all.add(signal)
        if self._ended:
            signal.end()
        return signal

    def end(self) -> None:
        """End them all."""
        self._ended = True
        for signal in list(self._all):
            signal.end()


class LocalLog:
    """A log in memory: bounded as one on the bus is, the oldest records go."""

    def __init__(self, name: str, clock: Clock, limits: LogLimits, changed: Signal) -> None:
        self._name = name
        self._clock = clock
        self._limits = limits
        self._changed = changed
        self._records: dict[int, Record] = {}
        self._oldest, self._newest = 1, 0
        self._bytes = 0
        self._ids: dict[str, tuple[float, int]] = {}  # in the order they came

    async def append(self, id: str, body: bytes) -> int:  # noqa: A002
        must_fit(body)
        now_s = self._clock.monotonic_s()
        self._forget_ids(now_s - self._limits.same_id_s)
        if id in self._ids:
            return self._ids[id][1]
        self._newest += 1
        record = self._records[self._newest] = Record(seq=self._newest, at=self._clock.now(), id=id, body=body)
        self._bytes += len(body)
        self._ids[id] = (now_s, record.seq)
        while self._oldest < self._newest and self._is_too_much(record.at):
            self._drop_oldest()
        self._changed.fire()
        return record.seq

    def _is_too_much(self, now: datetime) -> bool:
        age_s = (now - self._records[self._oldest].at).total_seconds()
        return self._bytes > self._limits.max_bytes or age_s > self._limits.max_age_s

    def _drop_oldest(self) -> None:
        self._bytes -= len(self._records.pop(self._oldest).body)
        self._oldest += 1

    def _forget_ids(self, before_s: float) -> None:
        while self._ids and self._ids[first := next(iter(self._ids))][0] < before_s:
            del self._ids[first]

    async def read(self, after: int) -> AsyncIterator[Record]:
        if after > self._newest:
            raise lost_records(self._name, after, self._newest)
        while True:
            after = max(after, self._oldest - 1)
            while record := self._records.get(after + 1):
                after = record.seq
                yield record
                after = max(after, self._oldest - 1)
            await self._changed.wait()

    async def ends(self) -> tuple[int, int]:
        return self._oldest, self._newest

    async def trim(self, before: int) -> None:
        while self._oldest < min(before, self._newest + 1):
            self._drop_oldest()


class LocalTable:
    """A table in memory."""

    def __init__(self, clock: Clock, stands_s: float | None, signals: Signals) -> None:
        self._clock = clock
        self._stands_s = stands_s
        self._signals = signals
        self._entries: dict[str, Entry] = {}  # in the order of their revisions
        self._said_s: dict[str, float] = {}
        self._revision = 0
        self._watchers: list[tuple[dict[str, Entry], Signal]] = []  # what each has not seen yet: the newest of each key

    async def get(self, key: str) -> Entry | None:
        self._expire()
        return self._entries.get(must_be_key(key))

    async def entries(self) -> list[Entry]:
        self._expire()
        return list(self._entries.values())

    async def put(self, key: str, value: bytes, *, revision: int | None = None) -> int | None:
        must_fit(value)
        said = await self.get(key)
        if revision is not None and revision != (said.revision if said else 0):
            return None
        self._say(key, value)
        return self._revision

    async def delete(self, key: str) -> None:
        if await self.get(key):
            self._say(key, None)

    def _say(self, key: str, value: bytes | None) -> None:
        self._revision += 1
        entry = Entry(key=key, value=value, revision=self._revision)
        self._entries.pop(key, None)
        if value is None:
            del self._said_s[key]
        else:
            self._entries[key] = entry
            self._said_s[key] = self._clock.monotonic_s()
        for unseen, changed in self._watchers:
            unseen.pop(key, None)
            unseen[key] = entry
            changed.fire()

    def _expire(self) -> None:
        if self._stands_s is None:
            return
        before_s = self._clock.monotonic_s() - self._stands_s
        while self._entries and self._said_s[oldest := next(iter(self._entries))] <= before_s:
            self._say(oldest, None)

    async def watch(self) -> AsyncIterator[Entry]:
        self._expire()
        watcher = dict(self._entries), self._signals.new()
        unseen, changed = watcher
        self._watchers.append(watcher)
        try:
            while True:
                self._expire()
                while unseen:
                    yield unseen.pop(next(iter(unseen)))
                await changed.wait(self._look_again_s())
        finally:
            self._watchers[:] = [other for other in self._watchers if other is not watcher]

    def _look_again_s(self) -> float | None:
        """When something may have gone by itself; the clock may be a quicker one than this machine's."""
        return None if self._stands_s is None else min(1.0, self._stands_s / 10)


class LocalShelf:
    """A shelf in memory."""

    def __init__(self) -> None:
        self._things: dict[str, bytes] = {}

    async def put(self, name: str, data: bytes) -> None:
        self._things[must_be_name(name)] = bytes(data)

    async def get(self, name: str) -> bytes | None:
        return self._things.get(must_be_name(name))


class LocalBus:
    """One for the whole process: who is handed it shares what is on it."""

    def __init__(self, clock: Clock, limits: LogLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or LogLimits()
        self._signals = Signals()
        self._logs: dict[str, LocalLog] = {}
        self._tables: dict[str, LocalTable] = {}
        self._shelves: dict[str, LocalShelf] = {}
        self._ears: dict[str, list[tuple[deque[bytes], Signal]]] = {}

    @property
    def is_there(self) -> bool:
        return True

    @property
    def trouble(self) -> str | None:
        return None

    def log(self, name: str) -> LocalLog:
        if must_be_name(name) not in self._logs:
            self._logs[name] = LocalLog(name, self._clock, self._limits, self._signals.new())
        return self._logs[name]

    def table(self, name: str, *, stands_s: float | None = None, in_memory: bool = False) -> LocalTable:  # noqa: ARG002
        if must_be_name(name) not in self._tables:
            self._tables[name] = LocalTable(self._clock, stands_s, self._signals)
        return self._tables[name]

    def shelf(self, name: str) -> LocalShelf:
        return self._shelves.setdefault(must_be_name(name), LocalShelf())

    async def tell(self, subject: str, body: bytes) -> None:
        if len(body) > MAX_BYTES:
            return
        for words, came in self._ears.get(must_be_name(subject), []):
            words.append(body)
            came.fire()

    async def hear(self, subject: str) -> AsyncIterator[bytes]:
        ear = deque[bytes](maxlen=UNHEARD_WORDS), self._signals.new()
        ears = self._ears.setdefault(must_be_name(subject), [])
        ears.append(ear)
        words, came = ear
        try:
            while True:
                while words:
                    yield words.popleft()
                await came.wait()
        finally:
            ears[:] = [other for other in ears if other is not ear]

    async def now(self) -> datetime:
        return self._clock.now()

    async def close(self) -> None:
        self._signals.end()
