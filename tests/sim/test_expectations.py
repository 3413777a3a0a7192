"""Every shipped scenario, recorded and replayed through the real judgement, comes out as its `[expect]` says."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from stillup.daemon.jobs import forecaster, profile_of
from stillup.model.verdict import Verdict
from stillup.sim.check import LONG
from stillup.sim.load import load, names
from stillup.sim.outcome import judged
from stillup.sim.record import signals
from stillup.sim.scenario import Scenario
from stillup.verdict.monitor import Monitor
from stillup.verdict.replay import Replay

ENOUGH = timedelta(days=8)
"""Of a scenario that is longer than a week: all its weekdays, and more than a week."""


def replayed(scenario: Scenario) -> list[Verdict]:
    encode = msgspec.json.Encoder().encode
    replay = Replay(Monitor(profile_of, forecaster=forecaster()))
    changes = list(replay.run(encode(signal) for signal in signals(scenario)))
    assert (replay.bad_count, replay.late_count, replay.monitor.unknown_sources) == (0, 0, {})
    return changes


def in_part(scenario: Scenario) -> tuple[Scenario, datetime]:
    until = min(scenario.ends, scenario.starts + ENOUGH) if scenario.ends - scenario.starts > LONG else scenario.ends
    return replace(scenario, ends=until), until


@pytest.mark.parametrize("name", names())
def test_a_recorded_scenario_replays_to_what_it_expects(name):
    scenario, until = in_part(load(name))

    found = list(judged(scenario, replayed(scenario), until))

    assert found
    assert [check.says for check in found if not check.ok] == []
