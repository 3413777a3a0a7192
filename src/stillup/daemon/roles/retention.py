"""Old signals go: once a day, by whichever monitor comes first, by the bus's clock and never by one of our own."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import TYPE_CHECKING

from stillup.errors import BusError, StoreError

if TYPE_CHECKING:
    from datetime import datetime

    from stillup.daemon.roles.role import Here

FIRST_S, EVERY_S = 300.0, 3_600.0
_PARTY = "retention"


async def retaining(here: Here) -> None:
    """Look each hour whether a day has begun, until it is cancelled."""
    done: date | None = None
    said = ""
    await here.clock.sleep(FIRST_S)
    while True:
        try:
            now = await here.bus.now()
            if now.date() != done:
                await asyncio.to_thread(prune, here, now)
                done, said = now.date(), ""
        except (BusError, StoreError) as exc:
            if str(exc) != said:
                said = str(exc)
                here.say(f"old signals are kept a while longer: {said}")
        await here.clock.sleep(EVERY_S)


def prune(here: Here, now: datetime) -> int:
    """Drop what is older than ``store.retention_days``, unless another monitor is at it; how many signals. Blocks.

    :raises StoreError: the database cannot be had, or cannot do it now.
    """
    with here.open_store() as store:
        if not store.outbox.hold(_PARTY, here.life):
            return 0
        try:
            return store.prune(now, timedelta(days=here.config.store.retention_days))
        finally:
            store.outbox.let_go(_PARTY, here.life)
