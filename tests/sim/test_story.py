"""The story is a function of scenario, seed and time: the same at every look, and never ahead of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.model.service import Problem
from stillup.sim.draw import chance, choose, poisson
from stillup.sim.load import load
from stillup.sim.rates import swell_per_min
from stillup.sim.scenario import Mode, Stream
from stillup.sim.story import Story

APRIL = load("2026-04-07")


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A time on the day of the made-up scenario."""
    return datetime(2026, 1, 5, hour, minute, second, tzinfo=UTC)


DAY = timedelta(days=1)
ALL_DAY = st.integers(0, int(DAY.total_seconds())).map(
    lambda s: datetime(2026, 4, 7, tzinfo=UTC) + timedelta(seconds=s)
)


def reports(story: Story, after: datetime, until: datetime) -> list:
    return list(story.happened(Stream.REPORTS, after, until))


@pytest.mark.parametrize(
    "end", [datetime(2026, 4, 8, tzinfo=UTC), APRIL.ends], ids=["the calendar day", "the day before the end"]
)
def test_on_2026_04_07_about_354_reports_come_in_24_hours(end):
    assert 340 <= len(reports(Story(APRIL), end - DAY, end)) <= 368


def test_the_calm_day_before_has_the_usual_number_of_reports():
    before = reports(Story(APRIL), APRIL.starts - DAY, APRIL.starts)

    assert 35 <= len(before) <= 85


def test_north_america_and_europe_are_hit_most_and_each_place_has_its_own_complaint():
    fault = APRIL.faults[0]
    during = reports(Story(APRIL), fault.from_, fault.to)

    share = sum(
        h.region is not None and h.region[:2] in ("US", "CA", "GB", "FR", "DE", "ES", "IT", "NL") for h in during
    )
    assert share / len(during) > 0.85
    assert {h.problem for h in during if h.region in ("US-CA", "FR")} == {Problem.SIGN_IN}
    assert {h.problem for h in during if h.region in ("US-IL", "IN-KA")} <= {Problem.NO_RESPONSE, Problem.OTHER}
    assert {h.component for h in during if h.region == "US-IL"} == {"web", "mobile"}


@settings(max_examples=15, deadline=None)
@given(ALL_DAY, ALL_DAY, st.sampled_from(Stream))
def test_what_is_seen_at_one_time_never_changes_later(one, other, stream):
    first, later = sorted((one, other))
    day = first - timedelta(hours=2)
    early, late = Story(APRIL), Story(APRIL)
    late_first = list(late.happened(stream, day, later))  # asked in the other order, from a memory of its own

    seen = list(early.happened(stream, day, first))

    assert seen == [h for h in late_first if h.at <= first]
    assert list(early.happened(stream, day, later)) == late_first


@settings(max_examples=15, deadline=None)
@given(ALL_DAY, st.integers(1, 400))
def test_windows_add_up_to_the_whole(start, minutes):
    story, end = Story(APRIL), start + timedelta(minutes=minutes)
    middle = start + timedelta(seconds=minutes * 23)

    parts = reports(story, start, middle) + reports(story, middle, end)

    assert parts == reports(story, start, end)
    assert all(a.at <= b.at for a, b in pairwise(parts))


def test_the_newest_come_first_and_none_is_left_out():
    story, now = Story(APRIL), APRIL.ends
    streams = (Stream.POSTS, Stream.CHATTER)

    newest = list(story.newest_first(streams, now, timedelta(hours=3)))

    both = [h for s in streams for h in story.happened(s, now - timedelta(hours=3), now)]
    assert [h.at for h in newest if h.at > now - timedelta(hours=3)] == sorted((h.at for h in both), reverse=True)


def test_another_seed_tells_another_story():
    other = Story(replace(APRIL, seed=APRIL.seed + 1))

    assert reports(Story(APRIL), APRIL.starts, APRIL.ends) != reports(other, APRIL.starts, APRIL.ends)


def test_without_any_dispersion_or_reaction_the_mean_is_the_usual_level(made_up):
    story = Story(made_up("[usual]\nreports_per_day = 1440\n"))

    assert len(reports(story, at(0), at(0) + 2 * DAY)) == pytest.approx(2880, rel=0.06)


@pytest.mark.parametrize(
    ("minute", "rate"),
    [
        (4, 0),
        (5, 0),
        (10, 5),
        (15, 10),
        (25, 5),
        (60 - 0.001, 10 * 0.5**4.5),
        (70, 10 * 0.5**5.5 + 1),
        (95, 10 * 0.5**8),
    ],
    ids=["unnoticed", "noticed", "climbing", "at its peak", "tired", "still tired", "over, with a tail", "no tail"],
)
def test_a_reaction_climbs_tires_falls_and_leaves_a_tail(made_up, minute, rate):
    scenario = made_up("""
[[reactions]]
stream = "reports"
from = 2026-01-05T12:00:00Z
to = 2026-01-05T13:00:00Z
delay_s = 300
ramp_s = 600
peak_per_min = 10
fatigue_s = 600
decay_s = 600
tail_per_min = 1
tail_s = 1800
""")

    found = swell_per_min(scenario, scenario.reactions[0], at(12) + timedelta(minutes=minute))

    assert found == pytest.approx(rate, rel=1e-3)


def test_nobody_reacts_to_what_was_over_before_it_was_noticed(made_up):
    scenario = made_up("""
[[reactions]]
stream = "reports"
from = 2026-01-05T12:00:00Z
to = 2026-01-05T12:02:00Z
delay_s = 300
peak_per_min = 10
tail_per_min = 5
tail_s = 900
""")

    assert reports(Story(scenario), at(11), at(14)) == []


FAULTS = """
[[faults]]
id = "first"
from = 2026-01-05T12:10:00Z
to = 2026-01-05T12:20:00Z
layer = "edge"
targets = { edge = "hang", controls = "reset" }

[[faults]]
id = "second"
from = 2026-01-05T12:15:00Z
to = 2026-01-05T12:30:00Z
layer = "local"
targets = { "*" = "captive" }
"""


@pytest.mark.parametrize(
    ("now", "edge", "control", "console"),
    [
        (at(12, 9, 59), Mode.OK, Mode.OK, Mode.OK),
        (at(12, 10), Mode.HANG, Mode.RESET, Mode.OK),
        (at(12, 15), Mode.HANG, Mode.RESET, Mode.CAPTIVE),
        (at(12, 20), Mode.CAPTIVE, Mode.CAPTIVE, Mode.CAPTIVE),
        (at(12, 30), Mode.OK, Mode.OK, Mode.OK),
    ],
)
def test_a_target_fails_while_its_fault_lasts_and_the_first_fault_decides(made_up, now, edge, control, console):
    story = Story(made_up(FAULTS))

    assert [story.mode(t, now) for t in ("edge", "controls0", "console")] == [edge, control, console]


def test_a_fault_that_hits_half_of_the_users_hits_a_target_in_half_of_its_minutes(made_up):
    story = Story(made_up(FAULTS.replace('id = "first"', 'id = "first"\nshare = 0.5').replace("12:20", "13:50")))

    minutes = [story.mode("edge", at(12, 31) + timedelta(minutes=m)) for m in range(75)]

    assert 20 <= minutes.count(Mode.HANG) <= 55


def test_chance_is_the_same_under_the_same_name_and_fair():
    assert [chance(1, "a").random() for _ in range(2)] == [chance(1, "a").random()] * 2
    assert chance(1, "a").random() != chance(1, "b").random()
    random = chance("mean")
    assert sum(poisson(random, 1000.0) for _ in range(20)) / 20 == pytest.approx(1000, rel=0.03)
    assert poisson(random, 0.0) == 0
    drawn = [choose(random, {"a": 3, "b": 1, "c": 0}) for _ in range(400)]
    assert drawn.count("a") == pytest.approx(300, abs=40)
    assert "c" not in drawn
    assert choose(random, {}) is None


def test_all_reactions_together_bring_no_more_than_a_thousand_a_minute(made_up):
    crowd = """[[reactions]]
stream = "posts"
peak_per_min = 1000
ramp_s = 0
delay_s = 0
from = 2026-01-05T12:00:00Z
to = 2026-01-05T13:00:00Z
"""
    scenario = made_up(crowd * 20)
    after = scenario.starts + timedelta(minutes=10)
    assert 800 < len(list(Story(scenario).happened(Stream.POSTS, after, after + timedelta(minutes=1)))) < 1200


def test_the_week_has_a_shape_of_its_own(made_up):
    days = ", ".join(["1"] * 5 + ["0.25", "0"])
    story = Story(made_up(f"[usual]\nreports_per_day = 700\nby_weekday = [{days}]\n"))
    monday = at(0)

    def on(day: int) -> int:
        return len(reports(story, monday + day * DAY, monday + (day + 1) * DAY))

    assert sum(on(day) for day in range(7)) == pytest.approx(7 * 700, rel=0.05)
    assert on(5) == pytest.approx(on(0) / 4, rel=0.25)
    assert on(6) == 0


ONE_MODEL = """
[usual]
requests_per_hour = 1200
models = { opus = 1, haiku = 1 }

[[faults]]
id = "opus"
from = 2026-01-05T12:10:00Z
to = 2026-01-05T12:20:00Z
layer = "inference"
models = { opus = 1 }
targets = { inference = "overloaded", requests = "overloaded" }
transcript_status = 529
"""


@pytest.mark.parametrize(
    ("model", "mode"), [("claude-opus-4-8", Mode.OVERLOADED), ("claude-haiku-4-5", Mode.OK), ("", Mode.OK)]
)
def test_a_fault_of_one_model_hits_requests_for_it_alone(made_up, model, mode):
    story = Story(made_up(ONE_MODEL))

    assert story.mode("inference", at(12, 15), model) is mode
    assert story.mode("requests", at(12, 15), model) is mode
    asked = list(story.happened(Stream.REQUESTS, at(12, 10), at(12, 20)))
    assert {story.transcript_status(r) for r in asked if r.model == "opus"} == {529}
    assert {story.transcript_status(r) for r in asked if r.model == "haiku"} == {None}


@pytest.mark.parametrize(
    ("target", "mode"),
    [
        ("edge", Mode.HTML),
        ("inference", Mode.HANG),
        ("requests", Mode.HANG),
        ("stand_in", Mode.OK),
        ("sources", Mode.OK),
    ],
)
def test_all_endpoints_of_a_service_can_be_named_at_once(made_up, target, mode):
    fault = FAULTS[: FAULTS.index("[[faults]]", 5)]
    named = fault.replace('edge = "hang", controls = "reset"', 'endpoints = "html", inference = "hang"')

    assert Story(made_up(named)).mode(target, at(12, 15)) is mode
