"""What a gateway does beside its requests, for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.gateway.journal import Journal
    from stillup.gateway.wire.server import Connection

_SWEEP_S = 5.0
_SYNC_S = 1.0
_PRUNE_EVERY = 60


async def sweep(connections: Collection[Connection], clock: Clock) -> NoReturn:
    """See that none of them idles, comes or takes too slowly."""
    while True:
        await clock.sleep(_SWEEP_S)
        for connection in tuple(connections):
            connection.check_pace(clock.monotonic_s())


async def keep_house(journal: Journal, clock: Clock) -> NoReturn:
    """Let the disk have the journal each second, and drop what is too old each minute."""
    turns = 0
    while True:
        if turns % _PRUNE_EVERY == 0:
            await asyncio.to_thread(journal.prune, clock.wall_s())
        turns += 1
        await clock.sleep(_SYNC_S)
        await asyncio.to_thread(journal.sync)
