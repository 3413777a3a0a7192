"""What a process has seen itself, on its way into a partition's log: in order and once, though the bus may be away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import msgspec

from stillup.clock import Clock
from stillup.daemon.cluster.records import Heard, Read, id_of, pack
from stillup.daemon.traces import OFF, Traces
from stillup.errors import BusError
from stillup.model.signal import Signal

if TYPE_CHECKING:
    from stillup.bus.base import Log

MOST_WAITING = 100_000
"""Signals that wait for the bus; beyond it the oldest go, and are counted."""
_MOST_SIGNALS = 1_000
_MOST_BYTES = 400_000
_AGAIN_S = 1.0


class Writer:
    """Appends to one log. :meth:`write` returns at once; :meth:`run` does the work until it is cancelled."""

    def __init__(self, log: Log, clock: Clock, by: str, traces: Traces = OFF) -> None:
        self._log = log
        self._clock = clock
        self._by = by
        self._traces = traces
        self._waiting: deque[Heard] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self.dropped = 0
        """Signals that were let go, for the bus was away too long, or that no record can hold."""

    def write(self, signals: Sequence[Signal], read: Read | None = None, trace: str = "") -> None:
        """Let them be appended, as soon as it can be done."""
        for part in _split(tuple(signals)):
            if not part:
                continue
            self._waiting.append(Heard(signals=part, by=self._by, read=read, trace=trace))
            self._size += len(part)
        while self._size > MOST_WAITING:
            self._let_go()
        if self._waiting:
            self._is_empty.clear()
            self._news.set()

    async def written(self, within_s: float) -> bool:
        """Wait until everything is in the log, at most so many real seconds; whether it is."""
        try:
            async with asyncio.timeout(within_s):
                await self._is_empty.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> NoReturn:
        """Append what waits, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                heard = self._waiting[0]
                span = self._traces.begin(
                    "hear", heard.trace, by=self._by, service=heard.signals[0].service, signals=len(heard.signals)
                )
                try:
                    told = msgspec.structs.replace(heard, trace=span.trace) if span.trace else heard
                    await self._log.append(id_of(told), pack(told))
                except BusError:
                    await self._clock.sleep(_AGAIN_S)  # it may be there already: its id makes it one
                    continue
                finally:
                    span.end()
                if self._waiting and self._waiting[0] is heard:
                    self._waiting.popleft()
                    self._size -= len(heard.signals)
            self._is_empty.set()

    def _let_go(self) -> None:
        heard = self._waiting.popleft()
        self._size -= len(heard.signals)
        self.dropped += len(heard.signals)


def _split(signals: tuple[Signal, ...]) -> Iterator[tuple[Signal, ...]]:
    """The same in parts that a record can hold; one signal that none can hold is cut off from the others."""
    whole = len(signals) <= 1 or (len(signals) <= _MOST_SIGNALS and len(msgspec.msgpack.encode(signals)) <= _MOST_BYTES)
    if whole:
        yield signals
        return
    half = len(signals) // 2
    yield from _split(signals[:half])
    yield from _split(signals[half:])
