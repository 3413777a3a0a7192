"""The board of a whole cluster where one is needed that no page shows: alerts speak of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from stillup.daemon.cluster.publish import BOARDS, VERDICTS, unpack, unpack_board
from stillup.daemon.cluster.together import together
from stillup.daemon.roles.boards import Boards
from stillup.errors import BadDataError

if TYPE_CHECKING:
    from stillup.board import Board
    from stillup.bus.base import Bus
    from stillup.catalog.load import Service
    from stillup.clock import Clock

_LOOK_S = 0.5


class BoardsSeen:
    """Watches what the owners of all partitions say; ``show`` is given each new board."""

    def __init__(self, bus: Bus, services: Sequence[Service], clock: Clock, show: Callable[[Board], None]) -> None:
        self._bus = bus
        self._clock = clock
        self._show = show
        self._boards = Boards(services, clock.now())
        self.unreadable = 0
        """Values of another version of stillup."""

    async def run(self) -> None:
        """Show what comes, until cancelled."""
        await together(
            self._watch(BOARDS, lambda value: self._boards.take(unpack_board(value))),
            self._watch(VERDICTS, lambda value: self._boards.judged_at(unpack(value))),
            self._tell(),
        )

    async def _watch(self, table: str, take: Callable[[bytes], None]) -> None:
        async for entry in self._bus.table(table).watch():
            if entry.value is not None:
                try:
                    take(entry.value)
                except BadDataError:
                    self.unreadable += 1

    async def _tell(self) -> NoReturn:
        while True:
            due = self._boards.due(self._clock.now())
            if due is not None:
                self._show(due[0])
            await self._clock.sleep(_LOOK_S)
