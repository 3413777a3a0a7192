"""A scenario as a replay file: the same story, without a network."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest

from stillup.model.service import Layer, State
from stillup.model.signal import Counted, Declared, Outcome, Signal
from stillup.sim.load import load
from stillup.sim.record import main, signals
from stillup.sim.scenario import Stream
from stillup.sim.story import Story

SHORT = """
id = "short"
title = "ten calm minutes"
service = "claude"
starts = 2026-01-05T12:00:00Z
ends = 2026-01-05T12:10:00Z
[usual]
reports_per_day = 200
posts_per_day = 50
"""

APRIL = load("2026-04-07")


def april(hour: int, minute: int) -> datetime:
    return datetime(2026, 4, 7, hour, minute, tzinfo=UTC)


@pytest.fixture(scope="module")
def recorded() -> list[Signal]:
    return list(signals(APRIL))


def test_lines_come_in_the_order_of_time_and_within_the_scenario(recorded):
    assert all(a.at <= b.at for a, b in pairwise(recorded))
    assert recorded[-1].at == APRIL.ends
    assert {s.source for s in recorded} == {
        "downdetector", "reddit", "hackernews", "google_trends", "statuspage", "statusgator", "probe", "claude_code",
    }  # fmt: skip


def test_a_recording_has_the_volumes_of_the_story(recorded):
    counted = defaultdict(int)
    for line in recorded:
        if isinstance(line, Counted) and line.at > APRIL.starts:
            counted[line.source] += line.count

    reports = list(Story(APRIL).happened(Stream.REPORTS, APRIL.starts, APRIL.ends))
    posts = list(Story(APRIL).happened(Stream.POSTS, APRIL.starts, APRIL.ends))
    assert counted["downdetector"] == len(reports)
    assert counted["reddit"] == len(posts)


def test_a_coarser_step_counts_the_same_in_fewer_lines(recorded):
    coarse = list(signals(APRIL, step_s=300))

    def reports(lines: list[Signal]) -> int:
        return sum(s.count for s in lines if isinstance(s, Counted) and s.source == "downdetector")

    assert reports(coarse) == reports(recorded)
    assert len(coarse) < len(recorded) / 3


def test_the_page_speaks_when_it_was_posted(recorded):
    red = [s for s in recorded if isinstance(s, Declared) and s.source == "statuspage" and s.state.is_fault]

    assert min(s.at for s in red) == april(14, 56)
    assert max(s.at for s in red) == april(15, 59)
    assert {s.component for s in red} == {None, "web", "console", "code"}
    assert {s.state for s in red if s.component} == {State.MAJOR_OUTAGE}


def test_the_probe_fails_while_the_fault_lasts(recorded):
    failed = [s for s in recorded if isinstance(s, Outcome) and s.source == "probe" and not s.ok]

    assert (min(s.at for s in failed), max(s.at for s in failed)) == (april(14, 32), april(15, 11))
    assert {(s.component, s.layer, s.error) for s in failed} == {
        ("web", Layer.AUTH, "server_error"),
        ("console", Layer.PRESENTATION, "server_error"),
    }


def test_nothing_is_heard_from_outside_while_only_this_machine_is_cut_off():
    only_you = load("only-you")
    fault = only_you.faults[0]

    during = [s for s in signals(only_you) if fault.from_ < s.at < fault.to]

    assert {s.source for s in during} == {"probe", "claude_code"}
    assert {s.error for s in during if isinstance(s, Outcome)} == {"captive_portal"}


def test_the_command_writes_lines_that_replay_reads(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SHORT)

    command = [sys.executable, "-m", "stillup.sim.record", str(path)]
    lines = subprocess.run(command, capture_output=True, check=True).stdout.splitlines()

    decode = msgspec.json.Decoder(Signal).decode
    assert [decode(line) for line in lines] == list(signals(load(str(path))))


@pytest.mark.parametrize(("arguments", "code", "says"), [([], 64, "usage: "), (["nothing"], 64, "no scenario called")])
def test_bad_usage_is_said_with_its_exit_code(capsys, arguments, code, says):
    assert main(arguments) == code
    assert says in capsys.readouterr().err
