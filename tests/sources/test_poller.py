"""One scheduler reads every source: all at once for a first answer, and then each at its own pace for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import msgspec
import pytest

from stillup.catalog.load import Service
from stillup.clock import ScaledClock
from stillup.config.setting import Setting
from stillup.errors import Malformed, RateLimited, Refused, Unreachable
from stillup.model.service import Family
from stillup.net import Net, Request
from stillup.registry import SourceSpec
from stillup.sources.base import Reading
from stillup.sources.poller import FailureKind, Job, Poller, failure_of
from stillup.sources.schedule import Why
from stillup.testing import FakeClock, answers, http, serving, settle

SERVICE = Service(id="claude", name="Claude", vendor="Anthropic", home="https://claude.ai")
LOCAL = "http://127.0.0.1:1"


class Scripted:
    """A source that does what a function says; remembers what it was told each time."""

    def __init__(self, source_id: str, act: Callable = lambda ctx, net: Reading(says="all well")):
        self.id = source_id
        self.act = act
        self.told = []

    def covers(self, ctx):
        return True

    async def read(self, ctx, net):
        self.told.append(ctx)
        result = self.act(ctx, net)
        return await result if asyncio.iscoroutine(result) else result


async def never(_ctx, _net):
    await asyncio.Event().wait()


def raising(exc):
    def act(_ctx, _net):
        raise exc

    return act


def job(source, **setting):
    spec = SourceSpec(source.id, Family.SOCIAL, 60, source.id.title(), 0, "")
    return Job(source=source, spec=spec, service=SERVICE, setting=Setting(**setting))


class World:
    """A poller on a clock moved by hand, and everything it has reported."""

    def __init__(self, *jobs, net=None, **options):
        self.clock = FakeClock()
        self.reports = []
        self.poller = Poller(jobs, net or Net(self.clock), self.clock, Random(1), self.reports.append, **options)

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.poller.run())
        await settle()
        try:
            yield self
        finally:
            before = asyncio.all_tasks() - {task, asyncio.current_task()}
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not any(t for t in before if not t.done()), "a task outlived its poller"

    def times(self, source):
        return [
            (r.started_at - datetime(2026, 4, 7, 14, tzinfo=UTC)).total_seconds()
            for r in self.reports
            if r.source == source
        ]


async def test_once_reads_all_side_by_side_and_reports_in_the_jobs_order():
    both = asyncio.Barrier(3)

    async def meet(_ctx, _net):
        await both.wait()
        return Reading(says="met")

    world = World(*(job(Scripted(name, meet)) for name in "cab"))
    reports = await world.poller.once(5)
    assert [(r.source, r.service, r.ok, r.late, r.reading.says) for r in reports] == [
        (name, "claude", True, False, "met") for name in "cab"
    ]
    assert sorted(r.source for r in world.reports) == ["a", "b", "c"]


async def test_once_names_who_is_late_and_lets_go_of_it():
    ended = asyncio.Event()

    async def slow(ctx, net):
        try:
            await never(ctx, net)
        finally:
            ended.set()

    quick, late = await World(job(Scripted("quick")), job(Scripted("slow", slow))).poller.once(0.05)
    assert (quick.ok, quick.late) == (True, False)
    assert (late.ok, late.late, late.error.kind, late.error.says) == (
        False,
        True,
        FailureKind.LATE,
        "no answer within 0.05 s",
    )
    assert late.elapsed_ms == 50
    assert ended.is_set()


async def test_once_ends_on_time_even_if_a_source_will_not_be_cancelled():
    async def stubborn(_ctx, _net):
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        return Reading()

    let_go = asyncio.Event()
    (report,) = await World(job(Scripted("stubborn", stubborn))).poller.once(0.05)
    assert report.late
    let_go.set()
    await settle()


async def test_once_without_any_source_answers_with_nothing():
    assert await World().poller.once(1) == []


async def test_cancelling_once_cancels_every_reading():
    world = World(job(Scripted("a", never)), job(Scripted("b", never)))
    task = asyncio.create_task(world.poller.once(60))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("exc", "kind", "says"),
    [
        (Unreachable("x.test: refused"), FailureKind.UNREACHABLE, "x.test: refused"),
        (Refused("x.test answered 503", 503), FailureKind.REFUSED, "x.test answered 503"),
        (RateLimited("slow down", 429, 90.0), FailureKind.RATE_LIMITED, "slow down"),
        (Malformed("bad\x1b[31m page\n" + "x" * 900), FailureKind.MALFORMED, "bad[31m page " + "x" * 186 + "…"),
        (ValueError("key hunter2"), FailureKind.CRASHED, "a fault of stillup's own: ValueError at poller.py:"),
        (RecursionError("hunter2"), FailureKind.CRASHED, "a fault of stillup's own: RecursionError"),
        (TimeoutError(), FailureKind.CRASHED, "a fault of stillup's own: TimeoutError"),
    ],
)
async def test_whatever_a_source_raises_is_a_reported_reason_and_its_neighbour_is_read(exc, kind, says):
    bad, good = await World(job(Scripted("bad", raising(exc))), job(Scripted("good"))).poller.once(5)
    assert (bad.ok, bad.reading, bad.error.kind) == (False, None, kind)
    assert bad.error.says.startswith(says)
    assert "hunter2" not in bad.error.says
    assert good.ok


def test_a_report_can_be_written_as_json():
    assert b'"kind":"unreachable"' in msgspec.json.encode(failure_of(Unreachable("x")))


async def test_each_source_is_read_at_its_own_pace_counted_from_the_end_of_the_last_reading():
    world = World(job(Scripted("fast"), interval_s=60), job(Scripted("slow"), interval_s=300))
    async with world.running():
        await world.clock.advance(3600)
    for name, interval_s in (("fast", 60), ("slow", 300)):
        times = world.times(name)
        gaps = {round(b - a, 3) for a, b in pairwise(times)}
        assert times[0] == 0
        assert all(interval_s <= gap <= interval_s * 1.1 + 0.01 for gap in gaps)
        assert len(times) >= 3600 / (interval_s * 1.11)


async def test_a_failing_source_backs_off_within_its_bounds_and_comes_back_at_the_first_success():
    broken = True

    def act(_ctx, _net):
        if broken:
            raise Unreachable("x")
        return Reading()

    world = World(job(Scripted("a", act)))
    async with world.running():
        await world.clock.advance(86_400)
        gaps = [b - a for a, b in pairwise(world.times("a"))]
        assert min(gaps) >= 60
        assert 300 < max(gaps) <= 901
        assert world.reports[-1].why_next in (Why.BACK_OFF, Why.CADENCE)
        broken = False
        await world.clock.advance(1000)
        before = len(world.reports)
        await world.clock.advance(660)
        assert len(world.reports) - before >= 9


async def test_retry_after_is_obeyed():
    world = World(job(Scripted("a", raising(RateLimited("x", 429, 1800.0)))))
    async with world.running():
        await world.clock.advance(1799)
        assert len(world.reports) == 1
        assert world.reports[0].why_next is Why.RETRY_AFTER
        assert world.reports[0].next_at == world.reports[0].started_at + timedelta(seconds=1800)
        await world.clock.advance(2)
        assert len(world.reports) == 2


async def test_a_source_that_asked_for_patience_is_reported_and_not_asked_by_a_person_either():
    source = Scripted("a", raising(RateLimited("x", 429, 1800.0)))
    world = World(job(source))
    await world.poller.once(5)
    (report,) = await world.poller.once(5)
    assert report.error.says == "not asked: it asked us to wait until 14:30 UTC"
    assert len(source.told) == 1


async def test_a_person_may_ask_again_before_the_cadence_is_up():
    source = Scripted("a")
    world = World(job(source))
    await world.poller.once(5)
    await world.poller.once(5)
    assert len(source.told) == 2


async def test_the_daily_budget_holds_until_midnight():
    world = World(job(Scripted("a"), daily_budget=3))
    async with world.running():
        await world.clock.advance(9 * 3600)
        assert len(world.reports) == 3
        assert (world.reports[-1].why_next, world.reports[-1].next_at.hour) == (Why.BUDGET, 0)
        await world.clock.advance(3600 + 30)
        assert len(world.reports) == 4


async def test_a_spent_budget_is_reported_and_the_source_is_not_asked():
    source = Scripted("a")
    world = World(job(source, daily_budget=1))
    await world.poller.once(5)
    (report,) = await world.poller.once(5)
    assert (report.ok, report.error.kind) == (False, FailureKind.RATE_LIMITED)
    assert report.error.says == "not asked: our daily budget for it is spent until 00:00 UTC"
    assert len(source.told) == 1


async def test_a_source_is_told_when_it_was_last_read_with_success():
    broken = False

    def act(_ctx, _net):
        if broken:
            raise Unreachable("x")
        return Reading()

    source = Scripted("a", act)
    world = World(job(source, base_url=LOCAL, interval_s=10))
    async with world.running():
        broken = True
        await world.clock.advance(60)
        broken = False
        await world.clock.advance(300)
    told = [(ctx.since, ctx.now) for ctx in source.told]
    assert told[0][0] is None
    failed = sum(not r.ok for r in world.reports)
    assert failed >= 1
    assert {since for since, _ in told[1 : 2 + failed]} == {told[0][1]}
    assert told[2 + failed][0] == told[1 + failed][1]


async def test_since_is_the_age_of_the_answer_and_not_of_the_reading(monkeypatch):
    async def fetch(_ctx, net):
        await net.fetch(Request(url="http://status.test/"))
        return Reading()

    async with serving(answers(http(200, b"x"))) as server:
        monkeypatch.setenv("http_proxy", server.url())
        source = Scripted("a", fetch)
        clock = FakeClock()
        async with Net(clock) as net:
            await net.fetch(Request(url="http://status.test/"))  # someone else on this machine
            asked = clock.now()
            await clock.advance(40)
            poller = Poller([job(source)], net, clock, Random(1))
            await poller.once(5)
            await clock.advance(60)
            await poller.once(5)
    assert len(server.heads) == 2
    assert source.told[1].since == asked


async def test_a_clock_set_back_or_forward_neither_stalls_nor_storms():
    source = Scripted("a")
    world = World(job(source))
    async with world.running():
        for jump_s in (-86_400 * 365, 86_400 * 400, -3600, 3600, 30, -30):
            await world.clock.advance(600)
            world.clock.set(world.clock.now() + timedelta(seconds=jump_s))
            before = len(source.told)
            await world.clock.advance(600)
            assert 9 <= len(source.told) - before <= 11
    assert all(ctx.since is None or ctx.since <= ctx.now for ctx in source.told)


async def test_a_machine_that_slept_is_noticed_soon():
    source = Scripted("a", raising(Unreachable("x")))
    world = World(job(source))
    async with world.running():
        await world.clock.advance(7200)
        await world.clock.advance(60)
        before = len(source.told)
        world.clock.set(world.clock.now() + timedelta(hours=8))
        await world.clock.advance(65)
        assert len(source.told) > before


async def test_a_reading_that_hangs_is_given_up_and_holds_nobody_up():
    world = World(job(Scripted("stuck", never)), job(Scripted("fine")), reading_s=0.05, at_once=2)
    told = asyncio.Event()
    world.poller._on_reading = lambda report: (world.reports.append(report), report.source == "stuck" and told.set())
    async with world.running():
        await asyncio.wait_for(told.wait(), 5)
    stuck = next(r for r in world.reports if r.source == "stuck")
    assert (stuck.late, stuck.error.says) == (True, "no answer within 0.05 s")
    assert world.times("fine") == [0]


async def test_no_more_readings_run_together_than_allowed_and_everyone_has_a_turn():
    running = most = 0

    async def act(_ctx, _net):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return Reading()

    world = World(*(job(Scripted(f"s{n}", act)) for n in range(20)), at_once=3)
    async with world.running():
        await world.clock.advance(120)
    assert most == 3
    assert {len(world.times(f"s{n}")) for n in range(20)} == {2}


async def test_a_fault_in_the_listener_ends_the_poller_and_leaves_no_task():
    def bad_listener(_report):
        raise LookupError("the listener's own fault")

    clock = FakeClock()
    poller = Poller([job(Scripted("a")), job(Scripted("b", never))], Net(clock), clock, Random(1), bad_listener)
    with pytest.raises(LookupError):
        await poller.run()
    with pytest.raises(LookupError):
        await poller.once(5)
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_scaled_clock_polls_ahead_while_the_network_stays_real():
    source, enough = Scripted("a"), asyncio.Event()
    clock = ScaledClock(datetime(2026, 4, 7, 14, tzinfo=UTC), speed=5000)
    poller = Poller([job(source)], Net(clock), clock, Random(1), lambda _r: len(source.told) >= 5 and enough.set())
    task = asyncio.create_task(poller.run())
    await asyncio.wait_for(enough.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    gaps = [(b.now - a.now).total_seconds() for a, b in pairwise(source.told)]
    assert min(gaps) >= 60
