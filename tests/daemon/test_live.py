"""The running monitor: readings become verdicts, what was recorded replays to them, and a kill loses nothing told."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from stillup.catalog.load import find_service
from stillup.config import Setting
from stillup.daemon.cluster.machine import in_time
from stillup.daemon.jobs import profile_of
from stillup.daemon.live import Live
from stillup.errors import Unreachable
from stillup.model.evidence import Standing
from stillup.model.service import Confidence, Family, Layer, State
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.registry import SOURCES
from stillup.sources.base import Reading
from stillup.sources.poller import Job, Poller
from stillup.store import Key, open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor
from stillup.verdict.replay import Replay

START = datetime(2026, 4, 7, 12, 0, 0, 1000, tzinfo=UTC)


class Script:
    """A source that says what its script says for the minute it is read in; None is unreachable."""

    def __init__(self, source_id, script):
        self.id = source_id
        self._script = script

    def covers(self, ctx):
        return True

    async def read(self, ctx, net):
        minute = (ctx.now - START).total_seconds() / 60
        lines = self._script(minute, {"at": ctx.now, "service": "claude", "source": self.id})
        if lines is None:
            msg = "the script says so"
            raise Unreachable(msg)
        return Reading(signals=(*lines, Alive(at=ctx.now, service="claude", source=self.id)))


class Heard:
    def __init__(self):
        self.changes = []
        self.troubles = []

    def trouble(self, why):
        self.troubles.append(why)

    def heard(self, report):
        pass

    def judged(self, now, changes):
        self.changes += changes


def page(minute, about):
    fault = 70 <= minute < 130
    return [Declared(**about, state=State.MAJOR_OUTAGE if fault else State.OPERATIONAL, component="web")]


def tries(minute, about):
    ok = not 60 <= minute < 100
    return [Outcome(**about, layer=Layer.INFERENCE, component="api", ok=ok, error=None if ok else "overloaded")]


def reports(minute, about):
    count = 12 if 60 <= minute < 100 else int(int(minute) % 10 == 0)
    return [Counted(**about, window_s=60, count=count, id=str(minute))] if count else []


@pytest.fixture
def live(tmp_path):
    """Plays scripts for so many minutes; gives the listener, the live monitor and the database's path."""

    async def play(minutes, *sources):
        clock, heard, path = FakeClock(START), Heard(), tmp_path / "s.db"
        service = find_service("claude")
        setting = Setting(base_url="http://127.0.0.1:1", interval_s=60)
        with open_store(path) as store:
            driven = Live(Monitor(profile_of), clock, heard, store)
            jobs = [Job(source=s, spec=SOURCES[s.id], service=service, setting=setting) for s in sources]
            poller = Poller(jobs, None, clock, Random(1), driven.hear)
            for minute in range(minutes):
                await poller.once(5)
                clock.set(START + timedelta(minutes=minute + 1))
                await driven.judge(clock.now())
        return heard, driven, path

    return play


async def test_an_outage_is_suspected_confirmed_and_over_and_all_of_it_is_kept(live):
    heard, _, path = await live(160, Script("statuspage", page), Script("probe", tries), Script("hub", reports))
    told = [(c.state, c.confidence) for c in heard.changes if c.component is None]
    assert told[0] == (State.OPERATIONAL, None)
    assert (State.MAJOR_OUTAGE, Confidence.CONFIRMED) not in told
    assert told[-1][0] is State.OPERATIONAL
    with open_store(path) as store:
        assert store.transitions("claude") == sorted(heard.changes, key=lambda c: (c.at, str(c.component)))
        (incident,) = store.incidents("claude")
        assert incident.recovered_at is not None
        first_of_last = next(c for c in heard.changes if c.at == heard.changes[-1].at)
        assert store.evidence(*Key.of(first_of_last)) != []
        assert {r.source for r in store.reports()} == {"statuspage", "probe", "hub"}


async def test_what_was_recorded_replays_to_the_same_changes(live):
    heard, _, path = await live(160, Script("statuspage", page), Script("probe", tries), Script("hub", reports))
    with open_store(path) as store:
        lines = [msgspec.json.encode(signal) for signal in store.signals("claude")]
    replayed = list(Replay(Monitor(profile_of)).run(lines))
    assert [(c.at, c.component, c.essence, c.incident) for c in replayed] == [
        (c.at, c.component, c.essence, c.incident) for c in heard.changes
    ]


async def test_sources_that_fail_leave_the_state_unknown_not_operational(live):
    def dies(minute, about):
        return page(0, about) if minute < 20 else None

    heard, _, _ = await live(60, Script("statuspage", dies))
    assert [c.state for c in heard.changes if c.component is None] == [State.OPERATIONAL, State.UNKNOWN]


async def test_a_reading_that_arrives_after_its_minute_belongs_to_the_minute_it_arrived_in(live):
    _, driven, _ = await live(5, Script("statuspage", page))
    late = Declared(
        at=START + timedelta(minutes=4),
        service="claude",
        source="statuspage",
        state=State.MAJOR_OUTAGE,
        component="web",
    )
    now, judged = START + timedelta(minutes=5, seconds=3), driven._machine.judged
    assert in_time(late, judged, now).at == now
    assert in_time(msgspec.structs.replace(late, at=START - timedelta(hours=1)), judged, now) is None


def quarters(minute, about):
    """Eight reports a minute from the 60th on, by the quarter of an hour: the open one so far, and one just over."""
    per_minute = 8 if minute > 60 else 0
    into, ago = round(minute) % 15, {"window_s": 900, "expected": 1.0}
    lines = [Counted(**about, **ago, count=per_minute * into)] if per_minute and into else []
    if into == 1 and minute > 70:  # the one before is read again after its end, as it is for good
        end = about["at"].replace(second=0, microsecond=0) - timedelta(minutes=into)
        lines.insert(0, Counted(**{**about, "at": end}, **ago, count=per_minute * 15))
    return lines


async def test_a_quarter_of_an_hour_read_when_it_is_over_is_not_taken_for_the_one_that_has_begun(live):
    heard, driven, path = await live(130, Script("downdetector", quarters))
    told = [c.state for c in heard.changes if c.component is None]
    assert told[0] is State.OPERATIONAL
    assert all(state.is_fault for state in told[1:])  # never calm between two quarters
    crowd = next(e for e in driven.monitor.evidence("claude") if e.family is Family.CROWD)
    assert crowd.numbers[0].observed / (crowd.numbers[0].window_s / 60) == pytest.approx(8, rel=0.2)
    with open_store(path) as store:
        lines = [msgspec.json.encode(signal) for signal in store.signals("claude")]
    assert any(b'"until"' in line for line in lines)
    replayed = list(Replay(Monitor(profile_of)).run(lines))
    assert [(c.at, c.essence) for c in replayed] == [(c.at, c.essence) for c in heard.changes]


async def test_a_wall_clock_set_back_does_not_stop_the_judging(live):
    heard, driven, _ = await live(30, Script("statuspage", page))
    driven._store = None
    clock = driven._clock
    clock.set(START)
    for _ in range(5):
        await clock.advance(60)
        event = driven._event_now()
        down = Declared(at=event, service="claude", source="statuspage", state=State.MAJOR_OUTAGE, component="web")
        driven.take([down])
        await driven.judge(event + timedelta(seconds=60))
    assert heard.changes[-1].state.is_fault


async def test_a_database_that_cannot_be_written_is_said_and_the_changes_wait_for_it(live, tmp_path):
    heard, driven, _ = await live(3, Script("statuspage", page))
    full = tmp_path / "full.db"
    with open_store(full) as store:
        driven._store = store
        store.close()  # as if the disk had gone
        fault = Declared(
            at=START + timedelta(minutes=4),
            service="claude",
            source="statuspage",
            state=State.DEGRADED,
            component="api",
        )
        driven.take([fault])
        await driven.judge(START + timedelta(minutes=5))
    assert heard.changes[-1].state.is_fault
    assert len(heard.troubles) == 1
    with open_store(full) as store:
        driven._store = store
        await driven.judge(START + timedelta(minutes=6))
        assert {c.component for c in store.transitions("claude")} == {None, "api"}
        assert list(store.signals("claude")) == [fault]


async def test_old_signals_are_dropped_and_changes_are_not(live):
    heard, driven, path = await live(10, Script("statuspage", page))
    with open_store(path) as store:
        driven._store, driven._keep = store, timedelta(days=1)
        await driven.judge(START + timedelta(days=3))
        assert list(store.signals("claude")) == []
        assert len(store.transitions("claude")) == len(heard.changes)


async def test_the_first_minute_waits_for_every_source_to_have_told_its_past():
    """A slow first reading tells a day of calm; the minute ends before it comes, and it counts all the same."""
    ready = asyncio.Event()

    class Slow(Script):
        async def read(self, ctx, net):
            await ready.wait()
            return await super().read(ctx, net)

    def past(minute, about):
        hours = [START - timedelta(hours=h) for h in range(24, 0, -1)]
        return [Counted(**(about | {"at": at}), window_s=3600, count=5) for at in hours]

    clock, monitor = FakeClock(START), Monitor(profile_of)
    jobs = [
        Job(source=s, spec=SOURCES[s.id], service=find_service("claude"), setting=Setting(interval_s=60))
        for s in (Script("statuspage", page), Slow("hub", past))
    ]
    driven = Live(monitor, clock, Heard())
    poller = Poller(jobs, None, clock, Random(1), driven.hear)
    running = asyncio.create_task(driven.run(poller))
    for _ in range(3):
        await clock.advance(60)
    assert monitor.verdicts("claude") == {}
    ready.set()
    while not monitor.verdicts("claude"):
        await clock.advance(60)
    running.cancel()
    crowd = next(e for e in monitor.evidence("claude") if e.family is Family.CROWD)
    assert crowd.standing is Standing.CALM
    assert crowd.usual > 0


@pytest.mark.parametrize("turns", range(5))
async def test_being_ended_in_the_moment_the_last_source_is_heard_ends_it(turns):
    live = Live(Monitor(profile_of), FakeClock(), Heard())
    waiting = asyncio.create_task(live._hear_all_once(1))
    await asyncio.sleep(0)
    live._all_heard.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    if waiting.done():
        return
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
