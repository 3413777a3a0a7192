"""What was reported of late beside what is usual, and the band in which calm windows lie."""

from datetime import UTC, datetime, timedelta
from math import exp, lgamma, log

import pytest

from stillup.daemon.jobs import forecaster
from stillup.model.service import Family, Problem
from stillup.model.signal import Alive, Counted
from stillup.verdict.counts.stretch import UsualCount, added
from stillup.verdict.monitor import Monitor
from stillup.verdict.reported import Reported

BEGINS = datetime(2026, 5, 11, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COUNTED = (Family.CROWD, Family.SOCIAL)


def below(k, mean, size):
    """The chance of at most ``k``, summed up plainly."""
    p = size / (size + mean)
    each = (exp(lgamma(n + size) - lgamma(size) - lgamma(n + 1) + size * log(p) + n * log(1 - p)) for n in range(k + 1))
    return sum(each)


@pytest.mark.parametrize("mean", [0.01, 0.3, 1.0, 7.5, 60.0, 900.0])
@pytest.mark.parametrize("size", [0.5, 3.0, 10.0, 300.0])
def test_the_band_is_the_quantiles_of_the_negative_binomial(mean, size):
    low, high = UsualCount(mean, size).band()
    assert below(int(high), mean, size) >= 0.975 - 1e-9
    assert high == 0 or below(int(high) - 1, mean, size) < 0.975 + 1e-9
    assert below(int(low), mean, size) >= 0.025 - 1e-9
    assert low == 0 or below(int(low) - 1, mean, size) < 0.025 + 1e-9


def test_the_band_of_large_counts_joins_on_to_that_of_small_ones():
    (low, high), (low_then, high_then) = (UsualCount(mean, 10.0).band() for mean in (3_999.0, 4_001.0))
    assert low == pytest.approx(low_then, rel=0.03)
    assert high == pytest.approx(high_then, rel=0.03)


def test_streams_added_up_have_the_mean_of_all_and_less_spread_than_one():
    both = added([UsualCount(4.0, 2.0), UsualCount(4.0, 2.0)])
    assert (both.mean, both.size) == (8.0, 4.0)
    assert added([]) is None


def watched(hours=5, fault_at=None, forecaster=None):
    """A monitor that has read two reports a quarter of an hour, one of them from Texas."""
    monitor = Monitor(forecaster=forecaster)
    for minute in range(1, hours * 60 + 1):
        at = BEGINS + minute * MINUTE
        lines = [Alive(at=at, service="claude", source="downdetector")]
        many = 40 if fault_at is not None and minute > fault_at else 1
        if minute % 15 == 0 or many > 1:
            told = {"at": at, "service": "claude", "source": "downdetector", "window_s": 60}
            lines += [
                Counted(**told, count=many, region="US-TX", problem=Problem.SIGN_IN),
                Counted(**told, count=many, region="FR"),
            ]
        monitor.step(at, lines)
    return monitor, BEGINS + hours * 60 * MINUTE


def test_counts_of_the_last_hour_stand_by_place_and_problem_beside_what_is_usual_there():
    monitor, now = watched()
    told = monitor.reported("claude", COUNTED, now - timedelta(hours=1))
    assert (told.count, told.problems) == (8.0, {"sign_in": 4.0})
    assert {r: p.count for r, p in told.regions.items()} == {"US-TX": 4.0, "FR": 4.0}
    assert told.usual == pytest.approx(8.0, rel=0.4)
    assert told.regions["FR"].usual == pytest.approx(4.0, rel=0.5)


def test_a_fault_raises_what_is_counted_and_leaves_what_is_usual():
    monitor, now = watched(6, fault_at=330)
    told = monitor.reported("claude", COUNTED, now - timedelta(hours=1))
    assert told.count > 2_000
    assert told.usual < 20
    assert monitor.usual("claude", COUNTED, now, 900).mean == pytest.approx(2.0, rel=0.5)


def test_what_is_usual_is_known_of_times_long_past_too():
    monitor, now = watched()
    assert monitor.usual("claude", COUNTED, now - timedelta(hours=20), 900).mean == pytest.approx(2.0, rel=0.5)


def test_nothing_is_usual_of_a_service_nobody_spoke_of_or_of_one_just_met():
    assert Monitor().usual("claude", COUNTED, BEGINS, 900) is None
    assert Monitor().reported("claude", COUNTED, BEGINS) == Reported()
    monitor, now = watched(hours=1)
    assert monitor.usual("claude", (Family.SEARCH,), now, 900) is None
    young = Monitor()
    line = Counted(at=BEGINS, service="claude", source="downdetector", window_s=60, count=3)
    young.step(BEGINS + MINUTE, [line])
    assert young.usual("claude", COUNTED, BEGINS + MINUTE, 900) is None
    assert young.reported("claude", COUNTED, BEGINS - MINUTE).usual is None


def test_what_is_still_to_come_of_a_fault_is_asked_anew_as_time_goes_on():
    assert Monitor(forecaster=forecaster()).left("claude", BEGINS) is None
    monitor, now = watched(6, fault_at=330, forecaster=forecaster())
    first, later = (monitor.left("claude", now + timedelta(hours=h)) for h in (0, 6))
    assert first.forecast() != later.forecast()
    assert [i.recovered_at for i in monitor.known_incidents("claude")] == [None]


def test_what_is_usual_of_a_country_is_without_its_parts():
    monitor = Monitor()
    for minute in range(1, 301):
        at = BEGINS + minute * MINUTE
        told = {"at": at, "service": "claude", "source": "downdetector", "window_s": 60}
        of_parts = [Counted(**told, count=3, region="US-TX"), Counted(**told, count=1, region="US")]
        lines = of_parts if minute % 5 == 0 else []
        monitor.step(at, [Alive(at=at, service="claude", source="downdetector"), *lines])
    told = monitor.reported("claude", COUNTED, at - timedelta(hours=1))
    assert {r: p.count for r, p in told.regions.items()} == {"US-TX": 36.0, "US": 12.0}
    assert told.regions["US-TX"].usual == pytest.approx(36.0, rel=0.2)
    assert told.regions["US"].usual == pytest.approx(12.0, rel=0.3)
