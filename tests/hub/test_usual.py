"""What is usual at a hub: learned from many networks, and gone on with after a restart."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from stillup.daemon.jobs import profile_of
from stillup.hub.desk import Hub
from stillup.model.service import Family, State
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import Settings
from tests.hub.conftest import Watched, anywhere, hub_of

CROWD = (Family.CROWD,)


def restarted(before: Watched, gap: timedelta) -> Watched:
    """A new process: the monitor's state is kept, the hub knows nothing."""
    after = Watched(Hub(Random(8).randbytes, before.now + gap, ["claude", "chatgpt"]))
    after.now = before.now + gap
    after.monitor = Monitor.restore(before.monitor.checkpoint(), profile_of, Settings())
    return after


@pytest.fixture(scope="module")
def after_a_day():
    """Watched hubs after a calm day, by how many reports a minute are usual."""
    made = {rate: Watched(hub_of()) for rate in (0.0, 3.0)}
    for rate, watched in made.items():
        watched.calm(24, rate)
    return made


def test_a_steady_crowd_that_names_every_problem_there_is_raises_nothing():
    watched = Watched(hub_of())
    watched.calm(30, 1.5)

    assert not watched.faults


@pytest.mark.parametrize("gap", [timedelta(minutes=2), timedelta(hours=5)])
def test_after_a_restart_the_usual_is_what_it_was_and_raises_nothing(after_a_day, gap):
    watched = restarted(after_a_day[3.0], gap)
    usual = watched.monitor.usual("claude", CROWD, watched.now, 900)
    watched.calm(2, 3.0)

    assert not watched.faults
    assert watched.monitor.verdicts("claude")[None].state is State.OPERATIONAL
    assert watched.monitor.usual("claude", CROWD, watched.now, 900).mean == pytest.approx(usual.mean, rel=0.1)


def test_after_a_restart_a_crowd_is_heard_at_once(after_a_day):
    watched, dice = restarted(after_a_day[0.0], timedelta(minutes=2)), Random(5)
    for i in range(100):
        watched.report(anywhere(dice), at_s=i * 0.59)
    watched.minute()

    assert watched.faults


def test_nine_wide_networks_do_not_teach_a_hub_that_has_just_begun_what_is_usual(after_a_day):
    watched = restarted(after_a_day[0.0], timedelta(minutes=2))
    for _ in range(60):
        for net in range(9):
            watched.report(f"{20 + net}.{net}.{watched.now.minute}.7")
        watched.minute()

    assert not watched.faults
