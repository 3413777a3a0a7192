"""The boards that owners of partitions make, put together: what pages show and alerts speak of in other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from msgspec import structs

from stillup.daemon.board import first_board
from stillup.daemon.cluster.publish import BOARDS, unpack_board
from stillup.daemon.cluster.together import together
from stillup.errors import BadDataError

if TYPE_CHECKING:
    from stillup.board import Board
    from stillup.bus.base import Bus, Entry
    from stillup.catalog.load import Service
    from stillup.clock import Clock

_GATHER_S = 0.2
"""What changes within so short a time is shown as one board."""


class BoardsSeen:
    """Watches the table of boards; ``show`` is given each new board, of all services. Until cancelled it goes on."""

    def __init__(self, bus: Bus, services: Sequence[Service], clock: Clock, show: Callable[[Board], None]) -> None:
        self._table = bus.table(BOARDS)
        self._clock = clock
        self._show = show
        self._news = asyncio.Event()
        self.board = first_board(services, clock.now())
        self.unreadable = 0
        """Entries of another version of stillup."""

    async def run(self) -> None:
        """Show what comes."""
        await together(self._watch(), self._tell())

    async def _watch(self) -> None:
        async for entry in self._table.watch():
            self.take(entry)

    def take(self, entry: Entry) -> None:
        """Take what the table says of one service; an older minute than that shown changes nothing."""
        if entry.value is None or entry.key not in self.board.services:
            return
        try:
            shown = unpack_board(entry.value)
        except BadDataError:
            self.unreadable += 1
            return
        services = self.board.services | {entry.key: shown.board}
        at = max(self.board.at, shown.at) if self.board.seq else shown.at
        self.board = structs.replace(
            self.board, at=at, seq=self.board.seq + 1, services=services, resumed=self.board.resumed or shown.resumed
        )
        self._news.set()

    async def _tell(self) -> NoReturn:
        while True:
            await self._news.wait()
            await self._clock.sleep(_GATHER_S)
            self._news.clear()
            self._show(self.board)
