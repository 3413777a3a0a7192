"""The place of :mod:`stillup.daemon.alerts.aside` in a cluster: a table of the bus, and a lease on who writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from stillup.bus.lease import STANDS_S, Lease
from stillup.daemon.cluster.owning import LEASES
from stillup.daemon.cluster.together import end
from stillup.errors import BusError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stillup.bus.base import Bus
    from stillup.clock import Clock

T = TypeVar("T")

TABLE = "alerts"
_KEY = "main"
_LEASE = "alerts"
_ANSWER_S = 5.0
_GIVEN_UP_S = 2.0


class OnBus:
    """It. The bus and the lease live in one event loop; alerts ask from a thread of their own."""

    def __init__(self, bus: Bus, clock: Clock, holder: str, may: Callable[[], bool]) -> None:
        """``may`` says whether this process wants to decide now."""
        self._bus = bus
        self._table = bus.table(TABLE)
        leases = bus.table(LEASES, stands_s=STANDS_S)
        self._lease = Lease(leases, _LEASE, holder, clock=clock, may=may)
        self._loop = asyncio.get_running_loop()

    async def keep(self, changed: Callable[[], None]) -> NoReturn:
        """Want the turn, until cancelled; ``changed`` is told when it came."""
        keeping = asyncio.create_task(self._lease.keep())
        try:
            while True:
                number = await self._lease.until_held()
                changed()
                await self._lease.until_lost(number)
        finally:
            await end((keeping,))

    async def give_up(self) -> None:
        """Let another go on at once."""
        with suppress(BusError, TimeoutError):
            async with asyncio.timeout(_GIVEN_UP_S):
                await self._lease.give_up()

    @property
    def number(self) -> int | None:
        """Of our turn."""
        return self._lease.number

    @property
    def is_there(self) -> bool:
        """Whether the bus answers."""
        return self._bus.is_there

    def read(self) -> tuple[bytes, int]:
        """What lies there."""
        entry = self._ask(self._table.get(_KEY))
        return (entry.value or b"", entry.revision) if entry is not None else (b"", 0)

    def write(self, value: bytes, revision: int) -> int | None:
        """Replace it."""
        return self._ask(self._table.put(_KEY, value, revision=revision))

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        except RuntimeError as exc:  # it has ended
            question.close()
            msg = "the bus was left"
            raise StoreError(msg) from exc
        try:
            return asked.result(_ANSWER_S)
        except (TimeoutError, CancelledError) as exc:
            asked.cancel()
            msg = "what alerts keep on the bus cannot be had: it does not answer"
            raise StoreError(msg) from exc
        except BusError as exc:
            msg = f"what alerts keep on the bus cannot be had: {exc}"
            raise StoreError(msg) from exc
