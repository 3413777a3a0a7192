"""Real monitors on a real bus and a real database: one is killed, one is paused, and nothing is lost or comes twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec

from stillup.bus.open import open_bus
from stillup.clock import SystemClock
from stillup.daemon.cluster.log_judge import LogJudge
from stillup.daemon.cluster.publish import VERDICTS, unpack
from stillup.daemon.cluster.records import Heard, Minute, id_of, pack
from stillup.daemon.cluster.records import unpack as said_by
from stillup.daemon.jobs import profile_of
from stillup.model.service import Layer, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.secret import Secret
from stillup.store import open_store
from stillup.verdict.monitor import Monitor
from tests.cluster.monitor_runner import PARTITION, Quick

SPEED = 120.0
BOUND_S = 60.0


class Process:
    """A monitor process and what it has said."""

    def __init__(self, child):
        self.child = child
        self.said = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, told):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.cluster.monitor_runner", msgspec.json.encode(told).decode(),
            stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        return cls(child)

    async def _read(self):
        async for line in self.child.stdout:
            self.said.append(line.decode().strip())
            self._news.set()

    def owns(self):
        return "owns" in self.said

    async def until(self, condition):
        async with asyncio.timeout(BOUND_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def send(self, number):
        os.kill(self.child.pid, number)

    async def end(self):
        if self.child.returncode is None:
            with suppress(ProcessLookupError):
                self.send(signal.SIGCONT)
                self.child.kill()
        await self.child.wait()
        await self._reading


class Cluster:
    """Some monitors, and a gateway that tells them what it sees."""

    def __init__(self, nats, store):
        self.clock = Quick(time.time() // 60 * 60, SPEED)
        self.store = store
        self._told = {
            "servers": nats.servers, "prefix": nats.prefix, "store": store, "epoch": self.clock.epoch,
            "speed": SPEED, "stands_s": 2.0,
        }  # fmt: skip
        self._nats = nats
        self.those = []

    async def __aenter__(self):
        self.bus = await open_bus(self._nats, SystemClock())
        self.log = self.bus.log(PARTITION.log)
        self._began = self.clock.now()
        self._feeding = asyncio.create_task(self._feed())
        return self

    async def __aexit__(self, *_):
        self._feeding.cancel()
        for process in self.those:
            await process.end()
        await self.bus.close()

    async def monitor(self, name):
        process = await Process.start({**self._told, "name": name})
        self.those.append(process)
        return process

    async def _feed(self):
        """What a gateway and a page would say: an outage from the 10th minute to the 30th."""
        while True:
            at = self.clock.now()
            minute = (at - self._began) / timedelta(minutes=1)
            ok = not 10 <= minute < 30
            about = {"at": at, "service": "claude"}
            lines = (
                Declared(**about, source="statuspage", component="api",
                         state=State.OPERATIONAL if ok or minute < 14 else State.MAJOR_OUTAGE),
                Outcome(**about, source="gateway", layer=Layer.INFERENCE, component="api", window_s=20,
                        n_ok=9 * ok, n_failed=0 if ok else 9),
                Alive(**about, source="statuspage"),
            )  # fmt: skip
            heard = Heard(signals=lines, by="gateway")
            for _ in range(2):  # as one that did not hear that it was taken
                await self.log.append(id_of(heard), pack(heard))
            await self.clock.sleep(20)

    async def minutes(self, n):
        """Wait until so many more minutes were judged."""
        _, newest = await self.log.ends()
        async with asyncio.timeout(BOUND_S):
            async for record in self.log.read(newest):
                n -= isinstance(said_by(record.body), Minute)
                if n <= 0:
                    return

    async def until_minute(self, minute):
        """Wait until that minute of the story was judged."""
        while self.clock.now() - self._began < timedelta(minutes=minute):
            await self.minutes(1)

    async def stop(self):
        """No more signals, and a last minute with all of them in it."""
        self._feeding.cancel()
        await self.minutes(2)

    async def oracle(self):
        """What one judge says that reads the whole log."""
        judge, steps = LogJudge(Monitor(profile_of), PARTITION.services), []
        _, newest = await self.log.ends()
        async for record in self.log.read(0):
            came = msgspec.structs.replace(record, at=self.clock.of(record.at.timestamp()))
            steps += [step] if (step := judge.apply(came).step) else []
            if record.seq == newest:
                return steps, judge
        raise AssertionError


async def is_as_if_nobody_died(cluster, living, *beside):
    """``beside`` end first: one that stands by judges on the moment that the other gives up."""
    for other in beside:
        other.send(signal.SIGTERM)
        await other.until(lambda other=other: "ended" in other.said)
    await cluster.stop()
    steps, _ = await cluster.oracle()
    changes = [c for step in steps for c in step.changes]
    with open_store(Secret(cluster.store)) as store:
        async with asyncio.timeout(BOUND_S):
            while store.transitions() != sorted(changes, key=lambda c: (c.at, str(c.component or ""))):
                steps, _ = await cluster.oracle()
                changes = [c for step in steps for c in step.changes]
                await asyncio.sleep(0.05)
        living.send(signal.SIGTERM)
        await living.until(lambda: "ended" in living.said)
        steps, _ = await cluster.oracle()
        kept = sorted(map(repr, store.signals("claude")))
        assert kept == sorted(repr(s) for step in steps for _, s in step.arrived)
        assert len(kept) == len(set(kept))
        assert {i.id: i for i in store.incidents()} == {i.id: i for step in steps for i in step.incidents}
    entry = await cluster.bus.table(VERDICTS).get("claude")
    assert unpack(entry.value).at <= steps[-1].at
    return [(c.component, c.state) for step in steps for c in step.changes]


async def test_monitors_that_are_killed_and_paused_are_followed_and_nothing_is_lost_or_doubled(nats, new_database):
    async with Cluster(nats, new_database()) as cluster:
        first = await cluster.monitor("a")
        await first.until(first.owns)
        await cluster.minutes(6)
        second = await cluster.monitor("b")
        first.send(signal.SIGKILL)
        await second.until(second.owns)
        await second.until(lambda: any(line.startswith("judges") for line in second.said))
        await cluster.minutes(4)
        third = await cluster.monitor("c")
        second.send(signal.SIGSTOP)
        await third.until(third.owns)
        await cluster.minutes(4)
        second.send(signal.SIGCONT)
        await cluster.until_minute(45)
        assert second.child.returncode is None
        await second.until(lambda: any("another's now" in line for line in second.said))
        told = await is_as_if_nobody_died(cluster, third, second)
        assert ("api", State.MAJOR_OUTAGE) in told
        assert told[-1][1] is State.OPERATIONAL
