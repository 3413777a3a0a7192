"""A watch that begins anew goes on where the last one ended."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from stillup.catalog.load import catalogue
from stillup.config import parse_config
from stillup.daemon.jobs import monitor_of
from stillup.daemon.live import Live
from stillup.daemon.state import KeptState, begin
from stillup.model.service import State
from stillup.model.signal import Alive, Declared
from stillup.model.verdict import Verdict
from stillup.store import open_store
from stillup.testing import FakeClock

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLAUDE = (catalogue()["claude"],)


class Told:
    """Remembers what it was told."""

    def __init__(self):
        self.changes = []

    def heard(self, report):
        pass

    def trouble(self, why):
        raise AssertionError(why)

    def judged(self, now, changes):
        self.changes += changes


@pytest.fixture
def config(tmp_path):
    return parse_config(f'data = "{tmp_path}"')


@pytest.fixture
def said():
    return []


def line(minute, state=State.MAJOR_OUTAGE):
    return Declared(
        at=START + timedelta(minutes=minute), service="claude", source="statuspage", component="web", state=state
    )


@pytest.fixture
def broken(config, said):
    """A monitor that has seen Claude break, its state kept."""
    monitor = monitor_of(config, CLAUDE, None, START)
    keeper = KeptState(monitor, config, CLAUDE, said.append)
    changes = monitor.step(START + timedelta(minutes=2), [line(1)])
    assert changes[0].state.is_fault
    keeper.judged(START + timedelta(minutes=2), changes)
    return monitor


async def test_it_knows_what_is_broken_and_tells_whoever_listens_once(broken, config, said):
    clock = FakeClock()
    clock.set(START + timedelta(minutes=4))
    monitor, standing = begin(config, CLAUDE, None, clock.now(), said.append)
    told = Told()
    live = Live(monitor, clock, told, standing=standing)
    live.take([Alive(at=clock.now(), service="claude", source="statuspage")])
    for _ in range(2):
        await live.judge(clock.now())
        clock.set(clock.now() + timedelta(minutes=1))
    whole = [c for c in told.changes if c.component is None]
    assert [c.state for c in whole] == [broken.verdicts("claude")[None].state]
    assert whole[0].incident == broken.verdicts("claude")[None].incident
    assert said == []


def test_the_end_of_a_fault_that_an_earlier_process_told_of_is_the_end_of_that_incident(broken, config, said):
    monitor, _ = begin(config, CLAUDE, None, START + timedelta(minutes=4), said.append)
    monitor.step(START + timedelta(minutes=6), [line(5, State.OPERATIONAL)])
    (incident,) = [i for i in monitor.known_incidents("claude") if i.recovered_at]
    assert incident.id == broken.verdicts("claude")[None].incident


async def looked_on(monitor, store, clock, minutes, state):
    """A watch of some minutes, of which the official page says how it is."""
    live = Live(monitor, clock, Told(), store)
    for _ in range(minutes):
        at = clock.now()
        live.take([Declared(at=at, service="claude", source="statuspage", component="web", state=state)])
        clock.set(at + timedelta(minutes=1))
        await live.judge(clock.now())


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "s.db") as opened:
        yield opened


async def test_an_incident_that_is_open_goes_on_as_the_same_one_though_what_was_learned_is_gone(config, said, store):
    """As after an upgrade: the state is another version's."""
    clock = FakeClock(START)
    await looked_on(monitor_of(config, CLAUDE, store, START), store, clock, 3, State.MAJOR_OUTAGE)
    (before,) = store.incidents()
    store.commit_step([Verdict(at=clock.now(), service="claude", state=State.UNKNOWN)], [], {})
    clock.set(clock.now() + timedelta(hours=5))
    monitor, standing = begin(config, CLAUDE, store, clock.now(), said.append)
    assert standing == []
    await looked_on(monitor, store, clock, 3, State.MAJOR_OUTAGE)
    assert [(i.id, i.opened_at, i.recovered_at) for i in store.incidents()] == [(before.id, before.opened_at, None)]
    monitor, _ = begin(config, CLAUDE, store, clock.now(), said.append)
    await looked_on(monitor, store, clock, 3, State.OPERATIONAL)
    (after,) = store.incidents()
    assert after.id == before.id
    assert after.recovered_at is not None


async def test_an_incident_whose_end_nobody_saw_is_never_gone_on_with(config, said, store):
    clock = FakeClock(START)
    await looked_on(monitor_of(config, CLAUDE, store, START), store, clock, 3, State.MAJOR_OUTAGE)
    (before,) = store.incidents()
    for hours, state in ((30, State.OPERATIONAL), (1, State.OPERATIONAL), (1, State.MAJOR_OUTAGE)):
        clock.set(clock.now() + timedelta(hours=hours))
        monitor, _ = begin(config, CLAUDE, store, clock.now(), said.append)
        await looked_on(monitor, store, clock, 3, state)
    first, second = store.incidents()
    assert first == before
    assert second.opened_at > before.opened_at


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"{}\nstillup checkpoint 1\n"),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"stillup":"', b'"stillup":"0.0.', 1)),
    ],
)
def test_a_state_that_is_none_is_no_state(broken, config, said, spoil):
    spoil(next(config.data_folder.glob("monitor-*.state")))
    monitor, standing = begin(config, CLAUDE, None, START + timedelta(minutes=4), said.append)
    assert (monitor.verdicts("claude"), standing, said) == ({}, [], [])


def test_a_damaged_state_is_said_and_left_alone(broken, config, said):
    path = next(config.data_folder.glob("monitor-*.state"))
    path.write_bytes(path.read_bytes()[:-20])
    _, standing = begin(config, CLAUDE, None, START + timedelta(minutes=4), said.append)
    assert standing == []
    assert "learned anew" in said[0]


@pytest.mark.parametrize("later", [timedelta(days=8), timedelta(minutes=-30)])
def test_a_state_that_is_old_or_of_the_future_is_no_state(broken, config, said, later):
    _, standing = begin(config, CLAUDE, None, START + later, said.append)
    assert standing == []


def test_states_and_drafts_that_nobody_goes_on_with_are_dropped_after_a_week(broken, config, said):
    kept = next(config.data_folder.glob("monitor-*.state"))
    for name, days in (
        ("monitor-other.state", 8),
        (".monitor-x.state-draft", 8),
        ("monitor-new.state", 6),
        ("x.db", 8),
    ):
        (config.data_folder / name).write_bytes(b"")
        old = (START - timedelta(days=days)).timestamp()
        os.utime(config.data_folder / name, (old, old))
    begin(config, CLAUDE, None, START, said.append)
    assert {p.name for p in config.data_folder.iterdir()} == {kept.name, "monitor-new.state", "x.db"}


def test_who_watches_other_services_has_a_state_of_its_own(broken, config, said):
    both = (*CLAUDE, catalogue()["chatgpt"])
    _, standing = begin(config, both, None, START + timedelta(minutes=4), said.append)
    assert standing == []


def test_the_state_is_nobody_elses_to_read(broken, config):
    path = next(config.data_folder.glob("monitor-*.state"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in config.data_folder.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_written_is_said_once(said, tmp_path):
    (tmp_path / "file").write_text("")
    config = parse_config(f'data = "{tmp_path}/file/below"')
    keeper = KeptState(monitor_of(config, CLAUDE, None, START), config, CLAUDE, said.append)
    for minute in range(3):
        keeper.judged(START + timedelta(minutes=20 * minute), ())
    assert len(said) == 1
    assert "will be lost" in said[0]
