"""A file replayed: any order within five minutes, doubles, bad lines, and equality with live stepping."""

import random
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import Profile


@pytest.fixture
def outage(timeline):
    """Six hours with a fault from minute 200 to 240 that everybody sees."""
    timeline.alive("statuspage", 0, 360)
    for source, peak in (("downdetector", 5.0), ("reddit", 2.0)):
        for component, region in (("web", "US-IL"), ("web", "FR"), ("mobile", "US-CA")):
            where = {"component": component, "region": region, "problem": "sign_in"}
            timeline.counts(source, 0, 200, 0.03, **where).counts(source, 200, 240, peak / 3, **where)
            timeline.counts(source, 240, 360, 0.03, **where)
    timeline.tries(0, 360, ok=True)
    timeline.declared(223, "major_outage", "web", incident="a", stage="identified", title="Sign-in errors")
    timeline.declared(287, "operational", "web", incident="a", stage="resolved")
    return timeline


def essences(changes):
    return [(v.at, v.component, v.essence, v.families, v.since, v.incident, v.reason) for v in changes]


def shuffled(lines, seed, spread_s):
    """The lines, each moved by less than ``spread_s`` seconds."""
    rng = random.Random(seed)
    times = [msgspec.json.decode(raw)["at"] for raw in lines]
    base = {t: i for i, t in enumerate(sorted(set(times)))}  # one step a minute in this timeline
    keys = [base[t] * 60 + rng.random() * spread_s for t in times]
    return [lines[i] for i in sorted(range(len(lines)), key=keys.__getitem__)]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), spread=st.sampled_from([1, 60, 150, 299]))
def test_lines_in_any_order_within_five_minutes_give_the_same_changes(outage, seed, spread):
    straight = essences(outage.run())
    assert essences(outage.run(shuffled(outage.encoded(), seed, spread))) == straight
    assert outage.replay.late == 0


def test_doubled_lines_change_nothing_except_that_outcomes_are_each_their_own(outage):
    straight = essences(outage.run())
    lines = [raw for raw in outage.encoded() for _ in range(1 if b'"outcome"' in raw else 3)]
    assert essences(outage.run(lines)) == straight


def test_an_outcome_with_an_id_counts_once(timeline):
    timeline.alive("statuspage", 0, 60).tries(0, 30, ok=True)
    for _ in range(50):
        timeline.add(30, "outcome", "probe", component="api", layer="inference", ok=False, id="one")
    assert not any(v.state.is_fault for v in timeline.run())


def test_the_last_count_of_a_key_and_window_stands(timeline):
    timeline.counts("downdetector", 0, 120, 0.1)
    for minute in range(120, 130):
        timeline.add(minute, "counted", "downdetector", window_s=60, count=500)
        timeline.add(minute, "counted", "downdetector", window_s=60, count=0)
    assert not any(v.state.is_fault for v in timeline.run())


def test_a_growing_window_is_counted_by_its_growth(timeline):
    """Fifteen-minute windows said again each minute, as a poll of an open bucket gives them."""
    for minute in range(600):
        window_start = minute - (minute - 1) % 15 - 1 if minute else 0
        timeline.add(minute, "alive", "downdetector")
        timeline.add(minute, "counted", "downdetector", window_s=900, count=max(0, minute - window_start))
    changes = timeline.run()
    assert not any(v.state.is_fault for v in changes)
    (evidence,) = timeline.replay.monitor.evidence("claude")
    assert 0.8 < evidence.observed < 1.2


def test_lines_more_than_five_minutes_late_are_dropped_and_counted(timeline):
    timeline.alive("statuspage", 0, 30)
    late = [*timeline.encoded(), timeline.encoded()[10]]
    timeline.run(late)
    assert timeline.replay.late == 1


def test_a_bad_line_is_named_with_its_number_and_the_rest_is_used(timeline):
    timeline.alive("statuspage", 0, 3)
    at = '"at":"2026-03-02T00:01:00Z","service":"claude"'
    bad = [
        '{"kind":"counted",' + at + "}",
        '{"kind":"nope"}',
        "[" * 5000,
        '{"kind":"alive","at":"2026-03-02T00:01:00","service":"x","source":"y"}',
        '{"kind":"counted",' + at + ',"source":"reddit","window_s":60,"count":-1}',
        '{"kind":"outcome",' + at + ',"source":"probe","layer":"edge"}',
    ]
    lines = [b"{oops", *timeline.encoded(), b"", b"\xff\xfe", *(text.encode() for text in bad)]
    assert [v.state.value for v in timeline.run(lines)] == ["operational"]
    assert [bad.number for bad in timeline.replay.bad] == [1, 6, 7, 8, 9, 10, 11, 12]
    assert "either `ok` or both" in timeline.replay.bad[-1].why


def test_an_unknown_source_is_ignored_and_named_unless_it_brings_its_family(timeline):
    timeline.add(0, "alive", "my-tool").add(1, "alive", "my-tool", family="crowd")
    assert [timeline.minute(v) for v in timeline.run()] == [1]
    assert timeline.replay.monitor.unknown_sources == {"my-tool": 1}


def test_replay_is_live(outage):
    """Stepping minute by minute as a live monitor does gives what the file gives."""
    replayed = essences(outage.run())
    monitor = Monitor(lambda s: Profile(service=s, components=("web", "console", "api", "code", "mobile")))
    live, signals = [], outage.signals()
    now, i = signals[0].at, 0
    while i < len(signals):
        due = i
        while due < len(signals) and signals[due].at <= now:
            due += 1
        live += monitor.step(now, signals[i:due])
        i, now = due, now + timedelta(minutes=1)
    assert essences(live) == replayed


def test_an_empty_file_says_nothing(timeline):
    assert timeline.run([]) == []
