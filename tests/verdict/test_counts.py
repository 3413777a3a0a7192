"""Counts: found early at every volume, calm in calm times, never taught by an outage, located."""

from datetime import UTC, datetime
from math import cos, pi

import pytest

from stillup.model.service import State

START = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("usual", "fault", "within"),
    [(0.01, 0.25, 75), (0.02, 1.0, 12), (0.1, 10.0, 3), (1.0, 10.0, 4), (30.0, 120.0, 6), (1000.0, 4000.0, 6)],
)
def test_a_rise_is_found_at_every_volume(timeline, usual, fault, within):
    timeline.counts("downdetector", 0, 1440, usual).counts("downdetector", 1440, 1530, fault)
    alarm = next(v for v in timeline.run() if v.state.is_fault)
    assert 1440 <= timeline.minute(alarm) <= 1440 + within


@pytest.mark.parametrize("usual", [0.02, 0.5, 20.0])
def test_a_calm_week_raises_no_alarm(timeline, usual):
    timeline.counts("downdetector", 0, 7 * 1440, usual)
    assert [v.state for v in timeline.run()] == [State.OPERATIONAL]


def test_a_day_and_night_rhythm_raises_no_alarm(timeline):
    for hour in range(9 * 24):
        timeline.counts("downdetector", hour * 60, hour * 60 + 60, 1.5 - 0.7 * cos(hour / 24 * 2 * pi))
    assert [v.state for v in timeline.run()] == [State.OPERATIONAL]


def test_an_outage_does_not_teach_the_baseline(timeline):
    timeline.counts("downdetector", 0, 600, 0.1).counts("downdetector", 600, 720, 5.0)
    timeline.counts("downdetector", 720, 900, 0.1).counts("downdetector", 900, 930, 5.0)
    faults = [timeline.minute(v) for v in timeline.run() if v.state.is_fault and v.component is None]
    assert len(faults) == 2
    assert faults[1] <= 905


def test_one_absurd_window_is_not_an_alarm(timeline):
    timeline.counts("downdetector", 0, 300, 0.5)
    timeline.add(300, "alive", "downdetector").add(300, "counted", "downdetector", window_s=60, count=1_000_000)
    timeline.counts("downdetector", 301, 400, 0.5)
    changes = timeline.run()
    assert not any(v.state.is_fault for v in changes)


def test_a_gap_in_the_data_is_missing_not_zero(timeline):
    timeline.counts("downdetector", 0, 300, 2.0).counts("downdetector", 900, 1200, 2.0)
    assert not any(v.state.is_fault for v in timeline.run())


def test_the_excess_is_placed_at_the_finest_regions_that_explain_it(timeline):
    places = ["US-IL", "US-CA", "US-NY", "FR", "DE", "JP"]
    for region in places:
        timeline.counts("downdetector", 0, 600, 0.05, component="web", region=region, problem="other")
    for region in ("US-IL", "FR"):
        timeline.counts("downdetector", 600, 630, 2.0, component="mobile", region=region, problem="sign_in")
    last = timeline.run()[-1]
    assert (last.regions, last.components, last.problems) == (("FR", "US-IL"), ("mobile",), ("sign_in",))


def test_a_country_stands_for_its_parts_only_when_all_active_ones_are_in(timeline):
    for region in ("US-IL", "US-CA", "FR"):
        timeline.counts("downdetector", 0, 600, 0.05, region=region)
    for region in ("US-IL", "US-CA"):
        timeline.counts("downdetector", 600, 630, 2.0, region=region)
    assert timeline.run()[-1].regions == ("US",)


def test_mild_problems_are_degraded_not_out(timeline):
    timeline.counts("downdetector", 0, 600, 0.05, problem="slow").counts("downdetector", 600, 630, 3.0, problem="slow")
    assert timeline.run()[-1].state is State.DEGRADED


def test_a_level_that_lasts_three_days_is_the_new_normal(timeline):
    timeline.counts("downdetector", 0, 600, 0.2).counts("downdetector", 600, 600 + 80 * 60, 2.0)
    changes = timeline.run()
    assert [v.state.is_fault for v in changes] == [False, True, False]
    assert 600 + 72 * 60 <= timeline.minute(changes[-1]) <= 600 + 72 * 60 + 10


def test_a_correction_downwards_is_owed_not_counted_twice(timeline):
    timeline.counts("downdetector", 0, 120, 0.1)
    for minute in range(120, 150):
        for count in (40, 0):
            timeline.add(minute, "counted", "downdetector", window_s=1800, count=count)
    assert not any(v.state.is_fault for v in timeline.run())


@pytest.mark.parametrize(("window_s", "stamp"), [(300, 0), (300, 150), (900, 0), (900, 1), (900, 450), (3600, 0)])
def test_long_windows_are_judged_whole_wherever_in_them_they_are_stamped(timeline, window_s, stamp):
    """Steady one a minute for three days with ``alive`` each minute, then five a minute for three hours."""
    timeline.alive("downdetector", 0, 4320 + 240)
    for end in range(window_s // 60, 4320 + 181, window_s // 60):
        n = timeline.poisson((5.0 if end > 4320 else 1.0) * window_s / 60)
        at = end - (window_s - stamp) / 60 if stamp else end
        timeline.add(at, "counted", "downdetector", window_s=window_s, count=n)
    faults = [timeline.minute(v) for v in timeline.run() if v.state.is_fault and v.component is None]
    assert len(faults) == 1
    assert 4320 < faults[0] <= 4320 + 121


def test_a_number_corrected_before_its_window_is_over_is_no_alarm(timeline):
    timeline.alive("downdetector", 0, 700)
    for end in range(5, 700, 5):
        timeline.add(end - 4, "counted", "downdetector", window_s=300, count=500)
        timeline.add(end - 1, "counted", "downdetector", window_s=300, count=3)
    assert not any(v.state.is_fault for v in timeline.run())


def test_the_onset_of_a_second_fault_lies_after_the_first(timeline):
    timeline.counts("downdetector", 0, 300, 0.1).counts("downdetector", 300, 330, 5.0)
    timeline.counts("downdetector", 330, 400, 0.1).counts("downdetector", 400, 430, 5.0)
    second = [v for v in timeline.run() if v.state.is_fault][-1]
    assert (second.since - START).total_seconds() / 60 >= 395
