"""An outage told to two quick monitors: an hour of it in a minute, on the same servers, under the same faults.

The monitors are those of `stillup run monitor` (lease, log, judge, database) on a clock that runs faster; leases and
the wire stay in real time. So the sequence of verdicts is long enough to be compared.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec

from cluster.stage import EACH, Part, Stage
from stillup.bus.base import Bus, Log
from stillup.daemon.cluster.records import Heard, id_of, pack
from stillup.errors import BusError
from stillup.model.service import Layer, State
from stillup.model.signal import Alive, Declared, Outcome, Signal
from tests.cluster.monitor_runner import PARTITION, Quick

PREFIX = "story"
SPEED = 60.0
_LASTS_S, _OVER_S = 22 * 3_600, 180
"""So long a story may be, for a log keeps a day; a trial takes so much longer than is asked for."""
_EACH_S = 20.0
_AGAIN_S = 0.2
_NEWS_S = 3.0


class Story:
    """Told until :attr:`is_over`; ``seconds`` are how long the trial is to take."""

    def __init__(self, stage: Stage, bus: Bus, seconds: float) -> None:
        self._stage = stage
        self.clock = Quick(time.time() // 60 * 60, min(SPEED, _LASTS_S / (seconds + _OVER_S)))
        self.log = bus.log(PARTITION.log)
        self.told: set[str] = set()
        """The ids of what the bus has acknowledged."""
        self.is_over = False

    async def start(self) -> None:
        """Two monitors."""
        for n in range(1, EACH + 1):
            buses, store, wires = await self._stage.wired(self._stage.story_store)
            name = f"story-{n}"
            told = {
                "servers": buses, "prefix": PREFIX, "store": store, "epoch": self.clock.epoch,
                "speed": self.clock.speed, "name": name,
            }  # fmt: skip
            words = ["tests.cluster.monitor_runner", msgspec.json.encode(told).decode()]
            part = Part(name, words, self._stage.folder / f"{name}.log", dict(os.environ))
            part.wires = wires
            self._stage.parts[name] = part
            part.start()

    async def run(self) -> None:
        """What a page and a gateway would say, each twice, as one that did not hear that it was taken."""
        began = self.clock.now()
        while not self.is_over:
            now = self.clock.now()
            heard = Heard(signals=tuple(lines(now, (now - began) / timedelta(minutes=1))), by="gateway")
            for _ in range(2):
                await self._say(heard)
            await self.clock.sleep(_EACH_S)

    async def _say(self, heard: Heard) -> None:
        while True:
            try:
                await self.log.append(id_of(heard), pack(heard))
            except BusError:
                await asyncio.sleep(_AGAIN_S)
                continue
            self.told.add(id_of(heard))
            return


class News:
    """What an official page says to the real monitors: out for a minute, well for a minute. Told until it is over."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.is_over = False

    async def run(self) -> None:
        """Every few seconds; what the bus does not take is said with the next."""
        while not self.is_over:
            now = datetime.now(UTC)
            state = State.MAJOR_OUTAGE if now.minute % 2 else State.OPERATIONAL
            said: list[Signal] = [
                Declared(at=now, service="claude", source="statuspage", component="api", state=state),
                Alive(at=now, service="claude", source="statuspage"),
            ]
            heard = Heard(signals=tuple(said), by="page")
            with suppress(BusError):
                await self._log.append(id_of(heard), pack(heard))
            await asyncio.sleep(_NEWS_S)


def lines(at: datetime, minute: float) -> Iterator[Signal]:
    """Well for twenty minutes, then an outage of twenty, and so on."""
    ok = int(minute // 20) % 2 == 0
    state = State.OPERATIONAL if ok or minute % 20 < 4 else State.MAJOR_OUTAGE
    yield Declared(at=at, service="claude", source="statuspage", component="api", state=state)
    yield Outcome(
        at=at, service="claude", source="gateway", layer=Layer.INFERENCE, component="api", window_s=20,
        n_ok=9 * ok, n_failed=0 if ok else 9,
    )  # fmt: skip
    yield Alive(at=at, service="claude", source="statuspage")
