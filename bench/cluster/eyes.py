"""Who owns a partition, asked of each NATS server: one that is cut off may know no better, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stillup.bus.base import Entry
from stillup.bus.lease import STANDS_S, claim_of
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.daemon.cluster.owning import LEASES

PATIENCE_S = 1.0


class Eyes:
    """A connection to each server, of one installation."""

    def __init__(self, servers: Sequence[str], prefix: str) -> None:
        self._where = [Where(servers=(server,), prefix=prefix, name="eye", wait_s=10.0) for server in servers]

    async def open(self) -> Eyes:
        """Connect."""
        self._buses = [await open_bus(where, SystemClock()) for where in self._where]
        self._tables = [bus.table(LEASES, stands_s=STANDS_S) for bus in self._buses]
        return self

    async def holder(self, partition: str) -> str:
        """The part that holds its lease by the newest word of most of them; empty: none, or nobody can say."""
        late = {asyncio.create_task(table.get(partition)) for table in self._tables}
        until_s, heard, said = asyncio.get_running_loop().time() + PATIENCE_S, 0, list[Entry]()
        while late and heard <= len(self._tables) // 2 and (left_s := until_s - asyncio.get_running_loop().time()) > 0:
            done, late = await asyncio.wait(late, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            answers = [task.result() for task in done if task.exception() is None]
            heard += len(answers)
            said += [entry for entry in answers if entry is not None]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if not said:
            return ""
        claim = claim_of(max(said, key=lambda entry: entry.revision))
        return claim.holder.partition(".")[0] if claim else ""

    async def close(self) -> None:
        """Leave."""
        for bus in self._buses:
            await bus.close()
