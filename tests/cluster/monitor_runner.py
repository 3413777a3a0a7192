"""A monitor process of the takeover tests: the real owner on real NATS, with minutes that pass faster than ours.

``python -m tests.cluster.monitor_runner JSON``. Its time and that of the records it reads is ``epoch`` + (the machine's
time since then) x ``speed``; leases and everything else of the bus are in real time.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.daemon.cluster.judging import Means
from stillup.daemon.cluster.owner import Owner
from stillup.daemon.cluster.owning import Owning
from stillup.daemon.cluster.partitions import Partition
from stillup.daemon.cluster.skew import Skew
from stillup.daemon.jobs import profile_of
from stillup.secret import Secret
from stillup.store import open_store
from stillup.verdict.monitor import Monitor

PARTITION = Partition(name="p1", services=("claude",))


class Quick:
    """A clock that every process of a test shares."""

    def __init__(self, epoch: float, speed: float) -> None:
        self.epoch, self.speed = epoch, speed

    def of(self, real_s: float) -> datetime:
        return datetime.fromtimestamp(self.epoch + (real_s - self.epoch) * self.speed, UTC)

    def now(self) -> datetime:
        return self.of(time.time())

    def wall_s(self) -> float:
        return self.now().timestamp()

    def monotonic_s(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)


class QuickLog:
    """A log whose records came at the shared clock's time."""

    def __init__(self, log, clock: Quick) -> None:
        self._log, self._clock = log, clock

    async def read(self, after: int):
        async for record in self._log.read(after):
            yield msgspec.structs.replace(record, at=self._clock.of(record.at.timestamp()))

    def __getattr__(self, name: str):
        return getattr(self._log, name)


class QuickBus:
    """A bus on the shared clock's time."""

    def __init__(self, bus, clock: Quick) -> None:
        self._bus, self._clock = bus, clock

    def log(self, name: str) -> QuickLog:
        return QuickLog(self._bus.log(name), self._clock)

    async def now(self) -> datetime:
        return self._clock.of((await self._bus.now()).timestamp())

    def __getattr__(self, name: str):
        return getattr(self._bus, name)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def main(told: dict) -> None:
    clock = Quick(told["epoch"], told["speed"])
    real = await open_bus(Where(servers=tuple(told["servers"]), prefix=told["prefix"], name=told["name"]), clock)
    bus = QuickBus(real, clock)
    where = told["store"]
    store = open_store(Secret(where) if where.startswith("postgresql") else Path(where), late=True)
    means = Means(
        bus=bus, clock=clock, say=say, fresh=lambda _: Monitor(profile_of),
        restored=lambda state: Monitor.restore(state, profile_of),
    )  # fmt: skip
    skew = Skew(real, SystemClock())

    def owner_of(partition, held):
        say("owns")
        owner = Owner(partition, means, lambda: store, held, Still(), replica=told["name"], jobs=[], net=None)
        watching.append(asyncio.ensure_future(judges(owner)))
        return owner

    watching: list = []
    life = f"{told['name']}.{time.time_ns()}"
    owning = Owning((PARTITION,), real, SystemClock(), life, skew, owner_of, say, stands_s=told.get("stands_s", 6.0))
    running = asyncio.ensure_future(owning.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        say("ended")
    await real.close()
    store.close()


class Still:
    """The shared clock is never off."""

    seconds = 0.0


async def judges(owner: Owner) -> None:
    while owner.told_at is None:  # noqa: ASYNC110 - what is watched is the real owner, which tells nobody here
        await asyncio.sleep(0.01)
    say(f"judges {owner.judging.resumed} {owner.told_at.isoformat()}")


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1])))
