"""A file replayed: any order within five minutes, doubles, bad lines, and equality with live stepping."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillup.verdict.monitor import Monitor
from stillup.verdict.replay import Replay
from stillup.verdict.settings import Profile
from stillup.verdict.telling.explain import says

START = datetime(2026, 3, 2, tzinfo=UTC)


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


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def test_one_line_far_in_the_future_is_bad_and_the_rest_goes_on(timeline):
    timeline.alive("statuspage", 0, 30).declared(20, "major_outage", "web")
    lines = timeline.encoded()
    lines.insert(10, b'{"kind":"alive","at":"2031-01-01T00:00:00Z","service":"claude","source":"statuspage"}')
    assert [v.state.is_fault for v in timeline.run(lines) if v.component is None] == [False, True]
    assert [bad.number for bad in timeline.replay.bad] == [11]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:30Z", "1969-12-31T23:59:59Z"])
def test_years_that_no_clock_shows_are_bad_lines(timeline, at):
    timeline.alive("statuspage", 0, 3)
    line = f'{{"kind":"alive","at":"{at}","service":"claude","source":"statuspage"}}'.encode()
    assert len(timeline.run([line, *timeline.encoded()])) == 1
    assert timeline.replay.bad_count == 1


def test_years_of_silence_are_skipped_not_ticked_through(timeline):
    for minute in (0, 5, 60, 8 * 365 * 1440, 8 * 365 * 1440 + 1):
        timeline.add(minute, "counted", "hub", window_s=60, count=1)
    assert [v.state.is_fault for v in timeline.run()] == [False]


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_no_lines_that_can_be_read_crash_the_judgement(data):
    """Absurd counts, expectations and times, any mixture of kinds, families and windows."""
    kinds = st.sampled_from(["declared", "counted", "outcome", "alive"])
    extra = {
        "declared": {"state": st.sampled_from(["operational", "major_outage", "maintenance", "unknown"]),
                     "component": st.sampled_from([None, "web", "api"]), "incident": st.sampled_from([None, "a", "b"]),
                     "stage": st.sampled_from([None, "monitoring", "resolved"])},
        "counted": {"window_s": st.sampled_from([1, 60, 300, 604_800]), "count": st.sampled_from([0, 1, 1000, 10**9]),
                    "expected": st.sampled_from([None, 0.0, 5e-324, 1.0, 1e9]),
                    "region": st.sampled_from([None, "US", "US-CA", "-"])},
        "outcome": {"layer": st.sampled_from(["local", "edge", "inference"]), "n_ok": st.sampled_from([0, 1, 10**9]),
                    "n_failed": st.sampled_from([0, 1, 10**9]), "error": st.sampled_from([None, "429", "overloaded"])},
        "alive": {},
    }  # fmt: skip
    second, lines = 0, []
    for _ in range(data.draw(st.integers(1, 40))):
        second += data.draw(st.sampled_from([0, 1, 59, 60, 61, 600, 3 * 86_400]))
        kind = data.draw(kinds)
        lines.append({
            "kind": kind, "at": f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}", "service": "c",
            "source": data.draw(st.sampled_from(["reddit", "statuspage", "statusgator", "google_trends", "probe"])),
            **{name: data.draw(values) for name, values in extra[kind].items()},
        })  # fmt: skip
    replay = Replay(Monitor())
    for verdict in replay.run(msgspec.json.encode(line) for line in lines):
        assert msgspec.json.decode(msgspec.json.encode(verdict.wire()))["service"] == "c"
    assert all(says(e) for e in replay.monitor.evidence("c"))
    assert not replay.bad
