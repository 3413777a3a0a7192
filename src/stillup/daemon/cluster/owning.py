"""Who owns which partition: every monitor stands by for each, whoever holds a partition's lease owns it.

A lease that is not renewed goes within seconds, and the next one takes over. A replica whose clock is wrong, or that
cannot judge, does not hold any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from stillup.bus.lease import STANDS_S, Lease, is_free
from stillup.daemon.cluster.owner import Lost, Owner
from stillup.daemon.cluster.saving import BeginAnew
from stillup.daemon.cluster.skew import Skew
from stillup.daemon.cluster.together import end, together
from stillup.errors import BusError

if TYPE_CHECKING:
    from stillup.bus.base import Bus
    from stillup.clock import Clock
    from stillup.daemon.cluster.partitions import Partition

LEASES = "leases"
_LOOK_S = 10.0
"""So often the clock is compared with the bus's."""
_AGAIN_S = 3.0
_ANEW_S = 1.0
"""Else a database too slow to be asked what it has would have the log read without a pause."""
_TAKEN_S = 1.0
_GIVEN_UP_S = 2.0
_APART_S = 0.4
"""Who holds partitions already leaves a free one so much longer to the others, for each that it holds."""

OwnerOf = Callable[["Partition", "Held"], Owner]
Say = Callable[[str], None]


class Held:
    """A lease under one number: what was held before it was lost does not come back under another."""

    def __init__(self, lease: Lease, number: int) -> None:
        self._lease = lease
        self._number = number

    @property
    def number(self) -> int | None:
        """The number while it is ours at this very moment; else None."""
        return self._number if self._lease.number == self._number else None


class Owning:
    """Holds what it can of some partitions, and owns what it holds; :meth:`run` does until it is cancelled.

    ``holder`` is unique to this life of this process. ``owner_of`` makes the owner of a partition.
    """

    def __init__(
        self,
        partitions: Sequence[Partition],
        bus: Bus,
        clock: Clock,
        holder: str,
        skew: Skew,
        owner_of: OwnerOf,
        say: Say,
        *,
        stands_s: float = STANDS_S,
    ) -> None:
        self._partitions = partitions
        self._clock = clock
        self._holder = holder
        self._skew = skew
        self._owner_of = owner_of
        self._say = say
        self._stands_s = stands_s
        self._leases = bus.table(LEASES, stands_s=stands_s)
        self._was_right = True
        self._wanted: dict[str, Lease] = {}
        self.owners: dict[str, Owner] = {}
        """What is owned now, by the name of its partition."""

    async def run(self) -> None:
        """Stand by and own, until cancelled; then every lease is given up at once."""
        standing_by = (self._stand_by(partition, n * _APART_S / 2) for n, partition in enumerate(self._partitions))
        await together(self._watch_the_clock(), self._watch_the_leases(), *standing_by)

    async def _watch_the_clock(self) -> NoReturn:
        while True:
            await self._skew.measure()
            if self._skew.seconds is not None and self._skew.is_right != self._was_right:
                self._was_right = self._skew.is_right
                self._say(
                    "this machine's clock is right again: it may judge"
                    if self._was_right
                    else f"{self._skew.says}: this replica judges nothing until it is right"
                )
            await self._clock.sleep(_LOOK_S if self._skew.seconds is not None else 1.0)

    async def _watch_the_leases(self) -> NoReturn:
        """Take what is given up, or goes, at once: who only looks now and then comes a second later."""
        while True:
            with suppress(BusError):
                async for entry in self._leases.watch():
                    lease = self._wanted.get(entry.key)
                    if lease is not None and lease.number is None and is_free(entry):
                        with suppress(BusError, TimeoutError):
                            async with asyncio.timeout(_TAKEN_S):
                                await lease.try_once()
            await self._clock.sleep(_AGAIN_S)

    async def _stand_by(self, partition: Partition, later_s: float) -> NoReturn:
        await self._clock.sleep(later_s)
        while True:
            await self._clock.sleep(_APART_S * len(self.owners))
            lease = Lease(
                self._leases,
                partition.name,
                self._holder,
                clock=self._clock,
                stands_s=self._stands_s,
                may=lambda: self._skew.is_right,
            )
            keeping, self._wanted[partition.name] = asyncio.create_task(lease.keep()), lease
            try:
                failed = await self._own(partition, lease, await lease.until_held())
            finally:
                del self._wanted[partition.name]
                await end((keeping,))
                with suppress(BusError, TimeoutError):
                    async with asyncio.timeout(_GIVEN_UP_S):
                        await lease.give_up()
            if failed:
                await self._clock.sleep(_AGAIN_S)  # somebody else may do better

    async def _own(self, partition: Partition, lease: Lease, number: int) -> bool:
        """Own it while it is held; whether it was given up for want of being able to."""
        while lease.number == number:
            owner = self.owners[partition.name] = self._owner_of(partition, Held(lease, number))
            working = asyncio.create_task(owner.run())
            losing = asyncio.create_task(lease.until_lost(number))
            try:
                await asyncio.wait((working, losing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end((losing, working))
                self.owners.pop(partition.name, None)
            exc = None if working.cancelled() else working.exception()
            if isinstance(exc, BeginAnew):
                self._say(f"partition {partition.name} is judged anew: {exc}")
                await self._clock.sleep(_ANEW_S)
                continue
            if exc is None or isinstance(exc, Lost):
                self._say(f"partition {partition.name} is another's now, or will be")
                return False
            self._say(f"partition {partition.name} cannot be judged here: {type(exc).__name__}: {str(exc)[:300]}")
            return True
        return False
