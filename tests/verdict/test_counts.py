"""Counts: found early at every volume, calm in calm times, never taught by an outage, located."""

import random
from datetime import UTC, datetime, timedelta
from math import cos, pi

import pytest

from stillup.model.service import Family, Problem, State
from stillup.model.signal import Counted
from stillup.verdict.counts.bank import CountBank
from stillup.verdict.counts.stream import CountStream, judge
from stillup.verdict.settings import Settings

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


class Quarters:
    """A stream that is read every five minutes, each time the whole quarter of an hour so far, split by problem."""

    def __init__(self):
        self.stream = CountStream("downdetector", 300, CountBank(Settings()), Family.CROWD)

    def read(self, minute, **split):
        """What one reading adds to what is judged, by problem."""
        at = START + timedelta(minutes=minute)
        for problem in ("slow", "server_error", "sign_in"):
            line = Counted(
                at=at, service="claude", source="downdetector", window_s=900, count=split.get(problem, 0),
                problem=Problem(problem), expected=2.0 if problem == "slow" else None,
            )  # fmt: skip
            self.stream.take(line, at.timestamp())
        closed = self.stream.close(at.timestamp())
        assert closed.x == closed.counted.total()
        assert all(n > 0 for n in closed.counted.values())
        return {leaf.problem: n for leaf, n in closed.counted.items()}


def test_a_report_that_changes_its_problem_between_two_readings_is_counted_once():
    quarters = Quarters()
    assert quarters.read(5, slow=30, server_error=10) == {"slow": 30, "server_error": 10}
    assert quarters.read(10, slow=10, server_error=30) == {}
    assert quarters.read(14, slow=5, server_error=38, sign_in=3) == {"server_error": 4, "sign_in": 2}


def test_the_sum_of_a_window_is_the_last_number_told_for_it_wherever_its_reports_move():
    rng, quarters = random.Random(3), Quarters()
    for start in range(0, 24 * 60, 15):
        counted = told = 0
        for minute in range(1, 16):
            told += rng.randrange(4)
            slow = rng.randint(0, told)
            error = rng.randint(0, told - slow)
            split = {"slow": slow, "server_error": error, "sign_in": told - slow - error}
            counted += sum(quarters.read(start + minute, **split).values())
            assert counted == told


def test_what_a_window_has_shrunk_by_is_owed_by_it_and_not_by_the_next():
    quarters = Quarters()
    assert quarters.read(5, slow=40) == {"slow": 40}
    assert quarters.read(10, slow=3) == {}
    assert quarters.read(12, slow=3, sign_in=30) == {}
    assert sum(quarters.read(14, slow=12, sign_in=30).values()) == 2
    assert quarters.read(20, slow=6) == {"slow": 6}


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


def alarms_of(seed, rate_after, *, others_alarm=False):
    """When alarms begin: an hour at five a minute where 0.1 is usual, whose end others see at once, and then this."""
    rng, bank = random.Random(seed), CountBank(Settings())
    stream = CountStream("downdetector", 300, bank, Family.CROWD)
    bank.give(stream.row, 0.5)
    alarms, so_far = [], 0
    for minute in range(-24 * 60, 300):
        rate = 5.0 if 0 < minute <= 60 else rate_after(minute - 60) if minute > 60 else 0.1
        so_far = sum(rng.random() < rate / 50 for _ in range(50)) + (so_far if (minute - 1) % 15 else 0)
        at = START + timedelta(minutes=minute)
        line = Counted(at=at, service="claude", source="downdetector", window_s=900, count=so_far, expected=2.0)
        was_in_alarm = stream.alarm_since_s is not None
        stream.take(line, at.timestamp())
        window = stream.close(at.timestamp())
        window.ending, window.patience = minute > 60, stream.patience(at.timestamp(), others_alarm=others_alarm)
        judge(bank, [window], at.timestamp())
        alarms += [minute] if stream.alarm_since_s is not None and not was_in_alarm else []
    return alarms


@pytest.mark.parametrize(("seed", "tail", "lasts"), [(3, 0.5, 35), (1, 0.7, 45), (1, 1.0, 35), (2, 1.0, 45)])
def test_what_the_ebb_of_a_fault_adds_up_to_is_no_second_one_when_half_an_hour_has_passed(seed, tail, lasts):
    alarms = alarms_of(seed, lambda minute: tail if minute <= lasts else 0.1)
    assert len(alarms) == 1
    assert alarms[0] <= 5


@pytest.mark.parametrize("seed", range(4))
def test_a_ripple_that_comes_nowhere_near_the_fault_is_no_second_one_even_while_others_still_alarm(seed):
    assert len(alarms_of(seed, lambda minute: 1.1 if 15 < minute <= 30 else 0.1, others_alarm=True)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_second_fault_as_large_as_the_first_is_found_however_soon_it_comes(seed):
    alarms = alarms_of(seed, lambda minute: 5.0 if 15 < minute <= 45 else 0.1)
    assert len(alarms) == 2
    assert alarms[1] <= 60 + 15 + 8


def test_a_second_fault_soon_after_the_first_is_found(timeline):
    timeline.counts("downdetector", 0, 1440, 0.1).counts("downdetector", 1440, 1500, 5.0)
    timeline.counts("downdetector", 1500, 1530, 0.1).counts("downdetector", 1530, 1600, 3.0)
    faults = [timeline.minute(v) for v in timeline.run() if v.state.is_fault and v.component is None]
    assert len(faults) == 2
    assert faults[1] <= 1545
