"""The gateways of a cluster share counts as the one installation that they are: one sum, under one name of the day.

Each puts what it counted in five minutes into a table in the bus's memory; of those who look some time later the first
takes it on, adds up what all had put there, and sends it, once. So a pool that gives out sums of ten installations is
not told ten where there is one. Whoever took it on and dies, or cannot reach the pool, loses five minutes of counts,
which were old in a moment anyway; without the bus nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from stillup.bus.base import UNREADABLE
from stillup.daemon.reports.keys import Keys
from stillup.daemon.sharing import busiest
from stillup.hub.values import Batch, Tally

if TYPE_CHECKING:
    from stillup.bus.base import Bus

TABLE = "pool-own"
STANDS_S = 600.0
_MOST = 1_000_000_000
_decoder = msgspec.msgpack.Decoder(tuple[Tally, ...])


class Together:
    """An :class:`~stillup.daemon.sharing.Installation` of several gateways; ``life`` is this one's own name."""

    def __init__(self, bus: Bus, life: str, entropy: Callable[[int], bytes]) -> None:
        self._table = bus.table(TABLE, stands_s=STANDS_S, in_memory=True)
        self._keys = Keys(bus, entropy)
        self._life = life

    async def told(self, end: datetime, tallies: tuple[Tally, ...]) -> None:
        """Put it beside what the others have counted.

        :raises stillup.errors.BusError: the bus cannot take it now.
        """
        if tallies:
            await self._table.put(f"{_of(end)}/by/{self._life}", msgspec.msgpack.encode(tallies))

    async def batch(self, end: datetime) -> Batch | None:
        """The sum, where no other gateway has taken it on.

        :raises stillup.errors.BusError: the bus does not answer.
        :raises stillup.errors.BadDataError: what lies there as the name of the day is none.
        """
        sums: dict[tuple[str, str | None], tuple[int, int]] = {}
        for entry in await self._table.entries():
            if entry.key.startswith(f"{_of(end)}/by/"):
                for tally in _read(entry.value or b""):
                    ok, failed = sums.get((tally.service, tally.model), (0, 0))
                    sums[tally.service, tally.model] = ok + tally.ok, failed + tally.failed
        if not sums:
            return None
        name = await self._keys.name(end.timestamp())
        if await self._table.put(f"{_of(end)}/sent", self._life.encode(), revision=0) is None:
            return None
        tallies = (
            Tally(service=service, model=model, ok=min(ok, _MOST), failed=min(failed, _MOST))
            for (service, model), (ok, failed) in sums.items()
        )
        return Batch(installation=name, end=end, tallies=busiest(tallies))


def _of(end: datetime) -> int:
    return int(end.timestamp())


def _read(value: bytes) -> tuple[Tally, ...]:
    """What a gateway counted; nothing of what another version of stillup put there."""
    try:
        return _decoder.decode(value)
    except UNREADABLE:
        return ()
