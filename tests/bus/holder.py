"""A process that wants a lease: says on its standard output when it holds it and when not."""

from __future__ import annotations

import asyncio
import sys

from stillup.bus.lease import Lease
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock


async def main(url: str, prefix: str, name: str, stands_s: float) -> None:
    clock = SystemClock()
    bus = await open_bus(Where(servers=(url,), prefix=prefix, name=name), clock)
    lease = Lease(bus.table("leases", stands_s=stands_s), "p0", name, clock=clock, stands_s=stands_s)
    keeping = asyncio.create_task(lease.keep())
    while not keeping.done():
        number = await lease.until_held()
        print("held", number, flush=True)
        await lease.until_lost(number)
        print("lost", number, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
