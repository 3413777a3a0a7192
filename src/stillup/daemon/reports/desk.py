"""A desk of a cluster: reports are taken here, said on the bus at once, and acknowledged when they cannot be lost.

What is taken is in the log within a fifth of a second (a second where much is active), and only then is it answered:
all reports that came meanwhile are said together. So a desk may die at any moment, and what it had answered counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stillup.daemon.cluster.partitions import Partition, partitions_of
from stillup.daemon.cluster.records import Part, Partial, pack
from stillup.daemon.cluster.skew import Skew
from stillup.daemon.reports.counts import Recent, table_of, unpack
from stillup.daemon.reports.keys import Keys
from stillup.daemon.reports.waiting import Waiting
from stillup.errors import BadDataError, BusError
from stillup.hub.replica import Replica
from stillup.hub.windows import WINDOW_S

if TYPE_CHECKING:
    from stillup.bus.base import Bus
    from stillup.catalog.load import Service
    from stillup.clock import Clock
    from stillup.hub.partial import Word
    from stillup.hub.values import Admission, CrowdReport, Minute
    from stillup.model.signal import Signal

NOTES = "hub.notes"
SAID_S = 0.2
"""So long reports gather before they are said together."""
_SLOWEST_S = 1.0
_BYTES_A_SECOND = 65_536.0
_NOTED_S = 0.25
_KEYS_S = 2.0
_SKEW_S = 30.0
_HEED_S = 1.0
"""A clock that is off by less is right enough for minutes."""
_AGAIN_S = 0.5
_PARTS = 400
"""Of one record: some 280 KB at most."""

Say = Callable[[str], None]


class SharedDesk:
    """A :class:`~stillup.hub.values.Desk` of one process of a cluster; :meth:`go_on` is its life on the bus.

    ``life`` is the name of this run of this process alone. Its calls may come from any thread and loop.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        services: Sequence[Service],
        life: str,
        say: Say,
        entropy: Callable[[int], bytes],
        *,
        own: Iterable[str] = (),
        is_open: bool = True,
        kept_within_s: float = 5.0,
    ) -> None:
        self._kept_within_s = kept_within_s
        self._bus, self._clock, self._life, self._say = bus, clock, life, say
        self._partitions = partitions_of(services)
        self._of = {service: p.name for p in self._partitions for service in p.services}
        self.replica = Replica(life, entropy, clock.now(), own=own, is_open=is_open)
        self._keys = Keys(bus, entropy)
        self._recent = Recent(clock.now())
        self._waiting = Waiting()
        self._records = 0
        self._greeted_s = 0
        self._is_away = False
        self.bytes_said = 0

    # -- what the page needs ------------------------------------------------------------------------------------------

    def token(self, now: datetime) -> str:
        """A new token for a form; any desk of the cluster takes it."""
        return self.replica.token(now)

    def hand_in(self, report: CrowdReport, sender: str, token: str | None, now: datetime) -> Admission:
        """Take a report or refuse it; what is taken is not kept yet: see :meth:`kept`."""
        return self.replica.hand_in(report, sender, token, now)

    def due(self, now: datetime) -> Iterable[Signal]:  # noqa: ARG002 - as every desk's
        """Nothing: whoever judges reads it from the log."""
        return ()

    def minutes(self, service: str, now: datetime) -> tuple[datetime, tuple[Minute, ...]]:  # noqa: ARG002 - as every desk's
        """What other hubs are told: what all desks have counted together."""
        return self._recent.minutes(service)

    def metrics(self) -> bytes:
        """What became of reports so far, in Prometheus' text format."""
        more = (
            ("records_total", "counter", self._records),
            ("record_bytes_total", "counter", self.bytes_said),
            ("lost_total", "counter", self.replica.lost),
            ("waiting", "gauge", self.replica.handed - self.replica.said),
        )
        lines = [f"# TYPE stillup_hub_{name} {kind}\nstillup_hub_{name} {value}\n" for name, kind, value in more]
        return self.replica.metrics() + "".join(lines).encode()

    async def kept(self) -> bool:
        """Wait until all that was handed in by now cannot be lost any more; whether it is so in time."""
        if self.replica.said >= self.replica.handed:
            return True
        return await self._waiting.wait(self._kept_within_s)

    # -- its life on the bus ------------------------------------------------------------------------------------------

    async def go_on(self) -> None:
        """Until it is cancelled. What is wrong with the bus is said, and ends nothing."""
        async with asyncio.TaskGroup() as group:
            for work in (self._say_on, self._note, self._hear, self._share, self._measure, self._watch):
                group.create_task(work())

    async def finish(self) -> bool:
        """Say what is left, before it ends: whether the bus took it."""
        with suppress(BusError):
            await self._say_once()
        return self.replica.said >= self.replica.handed

    async def _say_on(self) -> None:
        while True:
            await self._waiting.news(min(_SLOWEST_S, self._greets_in_s()))
            try:
                size = await self._say_once()
            except BusError as exc:
                self._trouble(str(exc))
                await self._clock.sleep(_AGAIN_S)
                continue
            self._trouble("")
            await self._clock.sleep(min(_SLOWEST_S, max(SAID_S, size / _BYTES_A_SECOND)))

    async def _say_once(self) -> int:
        """Say what has changed; how many bytes that was.

        :raises BusError: the bus did not take all of it; what it took does no harm when it is said again.
        """
        waiters = self._waiting.take()
        batch, minute_s = self.replica.batch(self._clock.wall_s()), self._minute_s()
        try:
            said = [self._append(log, record) for log, record in self._records_of(batch.words, minute_s)]
            sizes = await asyncio.gather(*said)
        except BaseException:
            self._waiting.give_back(waiters)
            raise
        self.replica.was_said(batch)
        self._greeted_s = minute_s
        for waiter in waiters:
            waiter.answer()
        return sum(sizes)

    async def _append(self, log: str, said: Partial) -> int:
        self._records += 1
        body = pack(said)
        await self._bus.log(log).append(f"partial:{self._life}:{self._records}", body)
        self.bytes_said += len(body)
        return len(body)

    def _records_of(self, words: dict[int, list[Word]], minute_s: int) -> Iterator[tuple[str, Partial]]:
        for partition in self._partitions:
            for end_s, those in words.items():
                mine = [word for word in those if self._of.get(word.service) == partition.name]
                for first in range(0, len(mine), _PARTS):
                    yield self._record(partition, end_s, mine[first : first + _PARTS])
            if minute_s != self._greeted_s:
                yield self._record(partition, minute_s, [])

    def _record(self, partition: Partition, end_s: int, words: Iterable[Word]) -> tuple[str, Partial]:
        parts = tuple(
            Part(service=w.service, count=w.n, sketch=w.grounds, **w.leaf._asdict())  # the leaf's fields are the part's
            for w in words
        )
        return partition.log, Partial(replica=self._life, end=datetime.fromtimestamp(end_s, UTC), parts=parts)

    def _minute_s(self) -> int:
        """The end of the minute that is now, by the bus's clock."""
        return int((self._clock.wall_s() - self.replica.ahead_s) // WINDOW_S + 1) * WINDOW_S

    def _greets_in_s(self) -> float:
        """When the next minute begins, in which a sign of life is due."""
        return max(0.05, WINDOW_S - (self._clock.wall_s() - self.replica.ahead_s) % WINDOW_S)

    async def _note(self) -> None:
        while True:
            await self._clock.sleep(_NOTED_S)
            note = self.replica.note()
            if note is not None:
                await self._bus.tell(NOTES, note)

    async def _hear(self) -> None:
        async for body in self._bus.hear(NOTES):
            with suppress(BadDataError):  # of another version of stillup: bounds are each desk's own meanwhile
                self.replica.heard(body, self._clock.wall_s())

    async def _share(self) -> None:
        while True:
            try:
                day, forms = await self._keys.both(self._clock.wall_s() - self.replica.ahead_s)
                self.replica.share((day.key, day.born_s), (forms.key, forms.born_s))
            except BusError:
                pass  # it is said where reports are; forms and numbers of before go on
            except BadDataError as exc:
                self._trouble(str(exc))
            await self._clock.sleep(_KEYS_S)

    async def _measure(self) -> None:
        skew = Skew(self._bus, self._clock)
        while True:
            ahead_s = await skew.measure()
            if ahead_s is not None:
                self.replica.ahead_s = ahead_s if abs(ahead_s) > _HEED_S else 0.0
            await self._clock.sleep(_SKEW_S)

    async def _watch(self) -> None:
        async for entry in table_of(self._bus).watch():
            if entry.value is not None:
                with suppress(BadDataError):  # of another version: what is known stands
                    self._recent.take(unpack(entry.value), self._clock.now())

    def _trouble(self, why: str) -> None:
        is_away = bool(why)
        if is_away and not self._is_away:
            self._say(f"reports cannot be kept just now, and are not acknowledged: {why}")
        elif self._is_away and not is_away:
            self._say("reports are kept again")
        self._is_away = is_away
