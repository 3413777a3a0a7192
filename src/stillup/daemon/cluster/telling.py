"""What a partition's judge says, on its way to everybody: the newest minute of each service, once the bus takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from stillup.daemon.cluster.publish import BOARDS, VERDICTS, Publisher, Shown, Word, pack, pack_board
from stillup.daemon.traces import OFF, Traces
from stillup.errors import BusError

if TYPE_CHECKING:
    from stillup.board import Board, ServiceBoard
    from stillup.bus.base import Bus
    from stillup.clock import Clock
    from stillup.daemon.cluster.machine import Step
    from stillup.daemon.cluster.partitions import Partition
    from stillup.model.verdict import Verdict
    from stillup.verdict.monitor import Monitor

_AGAIN_S = 0.5
RENEWED = timedelta(minutes=5)
"""So often what pages show is told again: whatever else came to stand there stands no longer than that."""


class Telling:
    """Of one partition, under one lease. ``made`` makes the board of a minute and gives it to :meth:`show`."""

    def __init__(
        self,
        partition: Partition,
        bus: Bus,
        clock: Clock,
        fence: int,
        say: Callable[[str], None],
        made: Callable[[Step], None] = lambda _: None,
        traces: Traces = OFF,
    ) -> None:
        self._partition = partition
        self._clock = clock
        self._fence = fence
        self._say = say
        self.made = made
        self._traces = traces
        self._publishers = {name: Publisher(bus.table(name), clock.now) for name in (VERDICTS, BOARDS)}
        self._due: dict[tuple[str, str], tuple[datetime, bytes]] = {}
        self._due_now = asyncio.Event()
        self._boards: dict[str, tuple[ServiceBoard, datetime]] = {}
        self._fails = False
        self.news = asyncio.Event()
        """A minute was judged; whoever waits for that clears it."""
        self.told_at: datetime | None = None
        """The newest minute that everybody was told."""

    def judged(self, monitor: Monitor, step: Step, trace: str) -> None:
        """Tell of a minute."""
        span = self._traces.begin("judge", trace, partition=self._partition.name, changes=len(step.changes))
        self.say_now(monitor, step.at, step.seq, span.trace or trace)
        span.end()
        self.news.set()
        try:
            self.made(step)
        except Exception as exc:  # noqa: BLE001 - whatever the page is to show, the verdict is told
            self._say(f"the board of partition {self._partition.name} cannot be made: {type(exc).__name__}: {exc}")

    def say_now(self, monitor: Monitor, at: datetime, seq: int, trace: str = "") -> None:
        """Tell how things stand at ``at``."""
        for service in self._partition.services:
            word = Word(
                at=at,
                service=service,
                seq=seq,
                fence=self._fence,
                verdicts=tuple(monitor.verdicts(service).values()),
                evidence=tuple(monitor.evidence(service)),
                partition=self._partition.name,
                trace=trace,
            )
            self._put(VERDICTS, service, at, pack(word))

    def show(self, board: Board, changes: Sequence[Verdict]) -> None:  # noqa: ARG002 - a reader of boards
        """Tell what pages show; what stands as it was is told again only now and then."""
        for service, shown in board.services.items():
            told, at = self._boards.get(service, (None, board.at))
            if told is not shown or board.at - at >= RENEWED:
                self._boards[service] = shown, board.at
                value = pack_board(Shown(at=board.at, board=shown, resumed=board.resumed))
                self._put(BOARDS, service, board.at, value)

    def _put(self, table: str, key: str, at: datetime, value: bytes) -> None:
        self._due.pop((table, key), None)
        self._due[table, key] = (at, value)
        self._due_now.set()

    async def run(self) -> NoReturn:
        """Write what is to be told, until cancelled. While the bus is away only the newest of each is kept."""
        while True:
            await self._due_now.wait()
            self._due_now.clear()
            while self._due:
                # Verdicts first: gateways wait for them.
                table, key = min(self._due, key=lambda k: k[0] != VERDICTS)
                at, value = self._due[table, key]
                if not await self._tell(table, key, at, value):
                    await self._clock.sleep(_AGAIN_S)
                elif self._due.get((table, key)) == (at, value):
                    del self._due[table, key]

    async def _tell(self, table: str, key: str, at: datetime, value: bytes) -> bool:
        try:
            await self._publishers[table].put(key, at, value)
        except BusError as exc:
            if not self._fails:
                self._say(f"what is judged cannot be told: {exc}")
            self._fails = True
            self._publishers[table].forget()
            return False
        if table == VERDICTS:
            self.told_at = at
        self._fails = False
        return True
