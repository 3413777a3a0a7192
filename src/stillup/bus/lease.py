"""Who does it: one process at a time, each time with a higher number.

A lease is an entry of a table that goes by itself unless it is said anew. No two clocks have to agree: the bus counts
from when the word reached it, the holder on its own steady clock from before it sent it, so the holder's time is up
first, also when it was stopped in between. What it has under way by then is told apart by the number (a *fencing
number*): whoever keeps what a holder writes refuses a number lower than the highest it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from msgspec import Struct

from stillup.bus.base import Entry, Table
from stillup.bus.local import Signal
from stillup.clock import Clock
from stillup.errors import BusError

STANDS_S = 6.0  # a holder that dies is followed within this and one round of a waiting one
NOBODY = ""
ROUNDS = 4  # a holder says it anew so often within that time: three may be lost
AGAIN_S = 0.3  # a bus that does not answer is asked again so soon: while it chose a leader, the time may have run out


class Claim(Struct, frozen=True):
    """What the table says; ``number`` None: the entry's own revision, when it was just taken.

    ``holder`` empty: it was given up and is free.
    """

    holder: str
    number: int | None = None


class Holding(Struct, frozen=True):
    """What a holder knows of its own lease: until when it may act, on the steady clock."""

    number: int
    revision: int
    until_s: float


class Lease:
    """One thing to be done by one process.

    ``table`` lets what it says stand for ``stands_s``. ``holder`` is unique to one life of one process: one that comes
    back after a crash must not take its former self's lease for its own. ``may`` says whether this process wants it now
    (one whose clock is wrong does not).
    """

    def __init__(
        self,
        table: Table,
        key: str,
        holder: str,
        *,
        clock: Clock,
        stands_s: float = STANDS_S,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self.key = key
        self._table = table
        self._holder = holder
        self._clock = clock
        self._stands_s = stands_s
        self._may = may
        self._holding: Holding | None = None
        self._is_unsure = False
        """A word of ours is under way, or was when we were cancelled: the table may know more than we do."""
        self._changed = Signal()
        self._one_at_a_time = asyncio.Lock()

    @property
    def number(self) -> int | None:
        """The fencing number while it is held, by the steady clock of this very moment; else None."""
        holding = self._holding
        return holding.number if holding and self._clock.monotonic_s() < holding.until_s else None

    async def try_once(self) -> int | None:
        """Take it, or say anew that it is held; the number, None where somebody else has it or may not take it.

        :raises stillup.errors.BusError: the bus does not answer; what was held still is, until its time is up.
        """
        async with self._one_at_a_time:
            if not self._may():
                await self._let_go()
                return None
            until_s = self._clock.monotonic_s() + self._stands_s
            holding = self._holding if self.number is not None else None
            taken = (await self._renew(holding) if holding else None) or await self._take()
            self._hold(Holding(*taken, until_s=until_s) if taken else None)
            return self.number

    async def _renew(self, holding: Holding) -> tuple[int, int] | None:
        return await self._say(Claim(self._holder, holding.number), holding.revision)

    async def _take(self) -> tuple[int, int] | None:
        found = await self._table.get(self.key)
        if found is None:
            return await self._say(Claim(self._holder), 0)
        claim = claim_of(found)
        if claim is None or claim.holder not in (NOBODY, self._holder):
            return None
        # Ours: the word came there, its answer did not come back. How long it stands is known once it is said anew.
        number = (claim.number or found.revision) if claim.holder == self._holder else None
        return await self._say(Claim(self._holder, number), found.revision)

    async def _say(self, claim: Claim, revision: int) -> tuple[int, int] | None:
        self._is_unsure = True
        said = await self._table.put(self.key, msgspec.json.encode(claim), revision=revision)
        self._is_unsure = False
        return (claim.number or said, said) if said is not None else None

    def _hold(self, holding: Holding | None) -> None:
        self._holding = holding
        self._changed.fire()

    async def keep(self) -> None:
        """Take it when it is free and say it anew while it is held, until cancelled. Waits for a bus that is away."""
        while True:
            wait_s = self._stands_s / ROUNDS
            try:
                async with asyncio.timeout(self._stands_s):  # an answer later than that is of no use
                    await self.try_once()
            except (BusError, TimeoutError):
                self._changed.fire()
                wait_s = min(wait_s, AGAIN_S)
            await self._clock.sleep(wait_s)

    async def until_held(self) -> int:
        """Wait until it is held; the number."""
        while (number := self.number) is None:
            await self._changed.wait()
        return number

    async def until_lost(self, number: int) -> None:
        """Wait until it is no longer held under this number."""
        while self.number == number and (holding := self._holding):
            await self._changed.wait(max(0.001, holding.until_s - self._clock.monotonic_s()))

    async def give_up(self) -> None:
        """Let it go at once, so that another can take it; does nothing where it is not held.

        :raises stillup.errors.BusError: the bus does not answer; it goes by itself.
        """
        async with self._one_at_a_time:
            await self._let_go()

    async def _let_go(self) -> None:
        holding, self._holding = self._holding, None
        number, revision = (holding.number, holding.revision) if holding else (None, 0)
        if holding is not None:
            self._changed.fire()
        if self._is_unsure:
            found = await self._table.get(self.key)
            claim = claim_of(found) if found else None
            if found and claim and claim.holder == self._holder:
                number, revision = claim.number or found.revision, found.revision
            self._is_unsure = False
        if number is not None:
            # Not taken away: by now it may be another's, and only a change can be made to depend on that.
            await self._say(Claim(NOBODY, number), revision)


def is_free(entry: Entry) -> bool:
    """Whether what a table of leases says is that nobody holds it."""
    claim = claim_of(entry)
    return entry.value is None or (claim is not None and claim.holder == NOBODY)


def claim_of(entry: Entry) -> Claim | None:
    """Who holds what, as a table of leases says it; None where it says nothing that can be read."""
    try:
        return msgspec.json.decode(entry.value, type=Claim) if entry.value else None
    except msgspec.MsgspecError:
        return None
