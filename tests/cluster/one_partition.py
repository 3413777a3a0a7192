"""A partition with a bus, a database, a clock and scripted sources; owners of it come and go."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from stillup.bus.local import LocalBus
from stillup.catalog.load import find_service
from stillup.config import Setting
from stillup.daemon.cluster.judging import Means
from stillup.daemon.cluster.log_judge import LogJudge
from stillup.daemon.cluster.owner import Lost, Owner
from stillup.daemon.cluster.partitions import Partition
from stillup.daemon.cluster.saving import BeginAnew
from stillup.daemon.cluster.skew import Skew
from stillup.daemon.cluster.together import end
from stillup.daemon.jobs import profile_of
from stillup.errors import StoreError
from stillup.model.service import Layer, State
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.registry import SOURCES
from stillup.sources.base import Reading
from stillup.sources.poller import Job
from stillup.store import open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

START = datetime(2026, 4, 7, 12, 0, 0, 1000, tzinfo=UTC)
CLAUDE = Partition(name="p1", services=("claude",))


class Script:
    """A source that says what its script says for the minute it is read in."""

    def __init__(self, source_id, script):
        self.id = source_id
        self._script = script

    def covers(self, ctx):
        return True

    async def read(self, ctx, net):
        minute = int((ctx.now - START).total_seconds() // 60)
        about = {"at": ctx.now, "service": "claude", "source": self.id}
        return Reading(signals=(*self._script(minute, about), Alive(**about)))


def page(minute, about):
    fault = 12 <= minute < 26
    return [Declared(**about, state=State.MAJOR_OUTAGE if fault else State.OPERATIONAL, component="web")]


def tries(minute, about):
    ok = not 8 <= minute < 22
    return [Outcome(**about, layer=Layer.INFERENCE, component="api", ok=ok, error=None if ok else "overloaded")]


def posts(minute, about):
    """Counted by the minute that the source was last read before: what a second reader could count again."""
    return [Counted(**about, window_s=60, count=12 if 8 <= minute < 22 else 1)]


SCRIPTS = (("statuspage", page), ("probe", tries), ("hub", posts))


class Lease:
    """A lease that is ours until it is taken away."""

    number = 1


class World:
    """A bus, a database and a clock; owners come and go."""

    def __init__(self, path):
        self.clock = FakeClock(START)
        self.bus = LocalBus(self.clock)
        self.store = open_store(path)
        self.said = []
        self.is_down = False
        self.means = Means(
            bus=self.bus,
            clock=self.clock,
            say=self.said.append,
            fresh=lambda _: Monitor(profile_of),
            restored=lambda state: Monitor.restore(state, profile_of),
        )
        self.skew = Skew(self.bus, self.clock)
        setting = Setting(base_url="http://127.0.0.1:1", interval_s=60)
        self.jobs = [
            Job(source=Script(*s), spec=SOURCES[s[0]], service=find_service("claude"), setting=setting) for s in SCRIPTS
        ]

    def database(self):
        if self.is_down:
            raise StoreError("the database is gone")
        return self.store

    def owner(self, lease=None):
        return Owner(
            CLAUDE, self.means, self.database, lease or Lease(), self.skew, replica="a", jobs=self.jobs, net=None
        )

    async def minute(self, *owners):
        """Let a minute pass; every living owner has judged it when this returns, and written it if it can be."""
        for _ in range(12):
            await self.clock.advance(5)
        over = datetime.fromtimestamp((self.clock.now().timestamp() - 2) // 60 * 60, UTC)
        for owner in owners:
            await until(lambda o=owner: o.is_judging and o.judging.judge.judged and o.judging.judge.judged >= over)
            await until(lambda o=owner: not o.judging.saver.waiting or o.judging.saver.trouble)

    async def oracle(self):
        """What one judge says that reads the whole log and never died."""
        judge, log = LogJudge(Monitor(profile_of), CLAUDE.services), self.bus.log(CLAUDE.log)
        oldest, newest = await log.ends()
        assert oldest == 1
        steps = []
        async for record in log.read(0):
            steps += [step] if (step := judge.apply(record).step) else []
            if record.seq == newest:
                break
        return steps

    async def is_as_if_nobody_died(self):
        """Compare what is kept with the oracle; what it said, as a person would tell it."""
        steps = await self.oracle()
        changes = [c for step in steps for c in step.changes]
        assert self.store.transitions() == sorted(changes, key=lambda c: (c.at, str(c.component or "")))
        kept = sorted(map(repr, self.store.signals("claude")))
        assert kept == sorted(repr(s) for step in steps for _, s in step.arrived)
        incidents = {i.id: i for step in steps for i in step.incidents}
        assert {i.id: i for i in self.store.incidents()} == incidents
        assert [s.at for s in steps] == [steps[0].at + timedelta(minutes=n) for n in range(len(steps))]
        return [(c.at, c.component, c.state) for c in changes]


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - threads and tasks of several owners: there is no one event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def living(owner):
    """An owner at work; killed at the end, in the midst of whatever it does."""
    task = asyncio.create_task(owner.run())
    try:
        yield task
    finally:
        await killed(task)


async def killed(task):
    await end([task])
    with suppress(asyncio.CancelledError, BaseExceptionGroup, Lost, BeginAnew):
        await task


def dying(owner):
    """It leaves nothing behind: as a killed process, no last checkpoint and nothing written."""

    async def nothing():
        return None

    owner.judging.keep_last = nothing
    return owner
