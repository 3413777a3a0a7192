"""Counts that other installations share, taken at any replica of a cluster, and given out as one sum by all of them.

What one installation shared of five minutes lies in the bus's memory for a quarter of an hour, under its numbers of the
day. A name is one entry, whichever replica it came to. When the window is closed, one replica reads all entries in the
order in which they came, as one process would have met them, and puts down the sums; those are what everybody gives
out, and they do not change. So ten are ten installations, of as many networks as in one process, however many replicas
took their counts. What one sender may say in a minute is each replica's own bound.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import msgspec
from msgspec import Struct

from stillup.bus.base import UNREADABLE
from stillup.daemon.cluster.together import together
from stillup.daemon.reports.keys import Keys
from stillup.errors import BadDataError, BusError
from stillup.hub.desk import refused
from stillup.hub.keyed import SharedKey
from stillup.hub.pooling import KEPT, WINDOW_S, Door, Guests, Numbers, Sums, Window, given_out, over_by
from stillup.hub.values import Admission, Batch, PoolWindow, Reason, Sum, Tally

if TYPE_CHECKING:
    from stillup.bus.base import Bus, Entry
    from stillup.clock import Clock

SHARED, SUMS = "pool-shared", "pool-sums"
STANDS_S = 900.0
SUMS_STAND_S = KEPT * WINDOW_S + 900.0
CLOSED_S = 10.0
"""So long after nobody can share counts of a window any more it is added up: what was under way has come by then."""
_ASIDE_S = 5.0
"""Replicas do not all begin in the same moment: the others find it done."""
_LOOK_S = 15.0
_KEYS_S = 2.0
_PATIENCE_S = 5.0
_MOST_BYTES = 24 * 1024 * 1024
"""Of one window, put on the bus by one replica: its memory is also that of reports and gateways."""
_NEAR_S = 7_200.0
"""Sums of a time that is farther from now are nobody's of ours."""
_MOST_SUMS = 8_000
"""In one window, so that they fit into one entry of the bus; beyond, services last in the alphabet have none."""


class _Shared(Struct, frozen=True, array_like=True):
    """One installation's counts; ``near`` and ``wide`` are its networks' numbers."""

    near: int
    wide: int
    tallies: tuple[Tally, ...]


class _Told(NamedTuple):
    born_s: int
    whose: Numbers
    tallies: tuple[Tally, ...]


_shared, _sums = msgspec.msgpack.Decoder(_Shared), msgspec.msgpack.Decoder(dict[str, tuple[Sum, ...]])


class SharedPool:
    """A :class:`~stillup.hub.values.PoolDesk` of one process of a cluster; :meth:`go_on` is its life on the bus."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        say: Callable[[str], None],
        entropy: Callable[[int], bytes],
        *,
        own: Iterable[str] = (),
    ) -> None:
        self._bus, self._clock, self._say = bus, clock, say
        self._shared = bus.table(SHARED, stands_s=STANDS_S, in_memory=True)
        self._sums = bus.table(SUMS, stands_s=SUMS_STAND_S, in_memory=True)
        self._keys, self._key = Keys(bus, entropy), SharedKey(entropy)
        self._door = Door(self._key, own)
        self._dice = Random(entropy(16))  # noqa: S311 - who adds up first, no secret
        self._guests: dict[int, Guests] = {}
        self._put: Counter[int] = Counter()
        self._over: dict[int, Sums] = {}
        self._looked: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said = ""

    # -- what the page needs ------------------------------------------------------------------------------------------

    async def take(self, batch: Batch, sender: str, now: datetime) -> Admission:
        """Take one installation's counts of one window: once they are with the bus; from any loop."""
        loop = self._loop
        if loop is None:
            return refused(Reason.UNKEPT, _PATIENCE_S)
        work = self._take(batch, sender, now)
        if loop is asyncio.get_running_loop():
            return await work
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
        except RuntimeError:  # it has just ended
            work.close()
            return refused(Reason.UNKEPT, _PATIENCE_S)

    def sums(self, service: str, now: datetime) -> tuple[PoolWindow, ...]:
        """As the bus has them: the same at every replica."""
        return given_out(sorted(self._over.items()), service, over_by(now.timestamp()))

    async def _take(self, batch: Batch, sender: str, now: datetime) -> Admission:
        now_s = now.timestamp()
        self._turn(now_s)
        whose = self._door.enter(batch, sender, now_s, over_by(now_s))
        if isinstance(whose, Admission):
            return whose
        guests = self._guests.setdefault(whose.end_s, Guests())
        if guests.is_known(whose.name):
            return refused(Reason.FOLDED)
        if not guests.has_room(whose):  # it would not count, and need not be told to anybody
            return refused(Reason.ADMITTED)
        value = msgspec.msgpack.encode(_Shared(whose.near, whose.wide, batch.tallies))
        if not self._key.born_s or self._put[whose.end_s] + len(value) > _MOST_BYTES:
            return refused(Reason.UNKEPT, _PATIENCE_S)
        self._put[whose.end_s] += len(value)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                revision = await self._shared.put(self._place(whose), value, revision=0)
        except (BusError, TimeoutError):
            return refused(Reason.UNKEPT, _PATIENCE_S)
        guests.add(whose)
        return refused(Reason.ADMITTED if revision is not None else Reason.FOLDED)

    def _place(self, whose: Numbers) -> str:
        return f"{whose.end_s}/{self._key.born_s}/{whose.name:016x}"

    def _turn(self, now_s: float) -> None:
        if self._door.turn(now_s):
            self._guests.clear()
        for end_s in [end for end in self._guests if end <= over_by(now_s)]:
            del self._guests[end_s]
            self._put.pop(end_s, None)

    # -- its life on the bus ------------------------------------------------------------------------------------------

    async def go_on(self) -> None:
        """Until it is cancelled. What is wrong with the bus is said, and ends nothing."""
        self._loop = asyncio.get_running_loop()
        try:
            await together(self._share_key(), self._add_up(), self._watch())
        finally:
            self._loop = None

    async def _share_key(self) -> NoReturn:
        while True:
            try:
                day = await self._keys.pool(self._clock.wall_s())
                self._key.share(day.key, day.born_s)
            except BusError:
                pass  # what is there goes on; whoever shares meanwhile is told to come again
            except BadDataError as exc:
                self._trouble(str(exc))
            await self._clock.sleep(_KEYS_S)

    async def _add_up(self) -> NoReturn:
        while True:
            await self._clock.sleep(_LOOK_S + self._dice.uniform(0.0, _ASIDE_S))
            try:
                await self.close(self._clock.wall_s())
            except BusError as exc:
                self._trouble(f"counts that were shared cannot be added up now: {exc}")
            else:
                self._trouble("")

    async def close(self, now_s: float) -> None:
        """Put down the sums of each window that is over and of which there are none yet.

        :raises BusError: the bus does not answer.
        """
        over_s = over_by(now_s - CLOSED_S)
        # Of an older one some have gone by their age.
        due = {end for end in (over_s, over_s - WINDOW_S) if end not in self._over and end not in self._looked}
        if not due:
            return
        windows: dict[int, list[_Told]] = {}
        for entry in await self._shared.entries():  # those that came first are first
            told = _told(entry)
            if told is not None and told.whose.end_s in due:
                windows.setdefault(told.whose.end_s, []).append(told)
        for end_s, those in windows.items():
            await self._sums.put(str(end_s), msgspec.msgpack.encode(_cut(_window(those).sums())), revision=0)
        self._looked = {end for end in self._looked if end > over_s - KEPT * WINDOW_S} | due

    async def _watch(self) -> NoReturn:
        while True:
            try:
                async for entry in self._sums.watch():
                    self._hear(entry)
            except BusError as exc:
                self._trouble(f"sums of shared counts cannot be heard of, and are asked for again: {exc}")
            await self._clock.sleep(_PATIENCE_S)

    def _hear(self, entry: Entry) -> None:
        if entry.value is None:
            return  # they go by their age
        with suppress(*UNREADABLE):  # of another version: none is given out
            end_s, sums = int(entry.key), _sums.decode(entry.value)
            if abs(end_s - self._clock.wall_s()) < _NEAR_S:
                self._over = dict(sorted({**self._over, end_s: sums}.items())[-2 * KEPT :])

    def _trouble(self, words: str) -> None:
        if words and words != self._said:
            self._say(words)
        self._said = words

    def __repr__(self) -> str:
        return f"SharedPool({len(self._over)} windows)"


def _told(entry: Entry) -> _Told | None:
    """One installation's counts as they lie on the bus; None of what nobody of this version put there."""
    try:
        end, born, name = entry.key.split("/")
        shared = _shared.decode(entry.value or b"")
        return _Told(int(born), Numbers(int(end), int(name, 16), shared.near, shared.wide), shared.tallies)
    except UNREADABLE:
        return None


def _window(those: Sequence[_Told]) -> Window:
    """As one process would have met them. Names under two keys of the day could be one twice: the newest counts."""
    window, newest = Window(), max(told.born_s for told in those)
    for told in those:
        if told.born_s == newest:
            window.take(told.whose, told.tallies)
    return window


def _cut(sums: Sums) -> Sums:
    """As many as fit."""
    kept: Sums = {}
    left = _MOST_SUMS
    for service, those in sums.items():
        kept[service] = those[:left]
        left -= len(kept[service])
    return {service: those for service, those in kept.items() if those}
