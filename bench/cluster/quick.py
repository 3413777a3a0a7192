"""A role of `stillup run` whose days pass faster: ``python -m bench.cluster.quick JSON stillup run ROLE …``.

JSON: ``epoch`` (seconds) and ``speed``. The role's clock (minutes, windows, days, breakers, checkpoints) and the times
of the bus's records run so many times as fast; what the bus forgets by itself (ids, old records, entries that stand
for a while) goes as much sooner. Leases and signs of life, which only say that a process is there, keep real time, and
so do every time-out on the wire, and the database. No sleep is shorter than :data:`FLOOR_S`: what
says something each second would be busy with that alone.
"""

from __future__ import annotations

import asyncio
import runpy
import sys

import msgspec

from stillup.bus.base import Bus, Table
from stillup.bus.limits import LogLimits
from stillup.bus.open import Where, open_bus
from stillup.clock import Clock, SystemClock
from stillup.daemon.cluster import owner
from stillup.daemon.cluster.owning import LEASES, Owning
from stillup.daemon.cluster.skew import Skew
from stillup.daemon.reports import desk
from stillup.daemon.roles import monitor, running
from stillup.daemon.roles.beat import REPLICAS, Beating
from stillup.daemon.roles.role import Here
from tests.cluster.monitor_runner import Quick, QuickBus

FLOOR_S = 0.02
_LATE_S = 0.3
"""Real seconds in which every process's last words of a minute are in, on a busy machine."""
_SIGNS_S = 0.25
"""Real seconds between looks whether a minute has begun, of a desk that nobody reports to."""


class Days(Quick):
    """The shared clock, which nobody asks more often than is of use."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(FLOOR_S, seconds / self.speed))


class DayBus(QuickBus):
    """The bus on that clock: what stands for a while does so by it, save what says who is there."""

    def __init__(self, bus: Bus, clock: Days) -> None:
        super().__init__(bus, clock)
        self.real, self._speed = bus, clock.speed

    def table(self, name: str, *, stands_s: float | None = None, in_memory: bool = False) -> Table:
        if stands_s is not None and name not in (LEASES, REPLICAS):
            stands_s = max(1.0, stands_s / self._speed)
        return self.real.table(name, stands_s=stands_s, in_memory=in_memory)


def sooner(limits: LogLimits, speed: float) -> LogLimits:
    """What the log forgets by itself, so much sooner; whole seconds, as NATS gives them back."""
    return msgspec.structs.replace(
        limits,
        max_age_s=float(round(limits.max_age_s / speed)),
        same_id_s=float(max(1, round(limits.same_id_s / speed))),
    )


def hurry(clock: Days) -> None:
    """Let the roles of this process live on that clock."""
    real = SystemClock()

    async def opened(where: Where | None, _: Clock, *, limits: LogLimits) -> DayBus:
        return DayBus(await open_bus(where, real, limits=sooner(limits, clock.speed)), clock)

    async def right(skew: Skew) -> float:
        skew.seconds = 0.0  # one clock for all: what is measured is the time to ask, many times as long
        return 0.0

    async def nobody_watches(_: Here) -> None:
        await asyncio.Event().wait()  # it compares what is judged with what is there, in two sorts of time

    for module, name, instead in (
        (running, "SystemClock", lambda: clock),
        (running, "open_bus", opened),
        (running, "watching", nobody_watches),
        (running, "Beating", lambda bus, _, *rest: Beating(bus.real, real, *rest)),
        (monitor, "Owning", lambda parts, bus, _, *rest: Owning(parts, bus, real, *rest)),
        (Skew, "measure", right),
        (owner, "GRACE_S", _LATE_S * clock.speed),
        (desk, "_SLOWEST_S", _SIGNS_S),
    ):
        getattr(module, name)  # what was renamed is not quietly left as it was
        setattr(module, name, instead)


def main() -> None:
    """Run the module that is named behind the JSON."""
    told = msgspec.json.decode(sys.argv[1])
    hurry(Days(told["epoch"], told["speed"]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
