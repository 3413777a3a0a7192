"""One plain series: lasting shifts are found as they happen, and usual life is not one."""

import random
from math import exp, pi, sin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.verdict.series.detector import WARM_UP, Kind, Series
from stillup.verdict.series.peaks import Peaks

START = 1_750_000_000.0


def noisy(kind, n, seed=1, gap=300.0, level=None):
    rng = random.Random(seed)
    middle = {Kind.LATENCY: 200.0, Kind.COUNT: 400.0, Kind.RATE: 0.02}[kind] if level is None else level
    return [(START + i * gap, middle * exp(rng.gauss(0, 0.15))) for i in range(n)]


def alarms(kind, points):
    series = Series(kind)
    return [i for i, (at, value) in enumerate(points) if series.take(at, value).alarm]


def scaled(points, start, stop, times):
    return [(at, value * (times if start <= i < stop else 1.0)) for i, (at, value) in enumerate(points)]


@pytest.mark.parametrize(
    ("kind", "level", "times"),
    [
        (Kind.LATENCY, None, 1.5),
        (Kind.LATENCY, None, 4.0),
        (Kind.COUNT, None, 2.0),
        (Kind.COUNT, None, 0.0),
        (Kind.RATE, None, 5.0),
        (Kind.RATE, 0.45, 0.5),
        (Kind.RATE, 500.0, 0.5),
    ],
)
def test_a_shift_is_one_alarm_within_a_few_rows(kind, level, times):
    found = alarms(kind, scaled(noisy(kind, 900, level=level), 600, 700, times))
    assert len(found) == 1
    assert 600 <= found[0] <= 606


def test_a_success_rate_alarms_when_it_falls():
    points = [(at, 1.0 - value / 4) for at, value in noisy(Kind.RATE, 900)]
    broken = [(at, 0.7 if i >= 800 else value) for i, (at, value) in enumerate(points)]
    found = alarms(Kind.RATE, broken)
    assert len(found) == 1
    assert 800 <= found[0] <= 803


def test_latency_that_falls_is_no_alarm():
    assert alarms(Kind.LATENCY, scaled(noisy(Kind.LATENCY, 900), 600, 900, 0.3)) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_calm_numbers_raise_nothing(kind):
    assert alarms(kind, noisy(kind, 5000)) == []


def test_one_outlier_is_no_shift():
    points = scaled(noisy(Kind.COUNT, 900), 600, 601, 20.0)
    assert alarms(Kind.COUNT, points) == []


def test_a_day_shape_is_learned():
    points = [(at, v * exp(0.9 * sin(2 * pi * at / 86_400))) for at, v in noisy(Kind.COUNT, 12 * 288)]
    assert [i for i in alarms(Kind.COUNT, points) if i > 3 * 288] == []
    found = alarms(Kind.COUNT, scaled(points, 11 * 288, 12 * 288, 2.0))
    assert any(11 * 288 <= i <= 11 * 288 + 6 for i in found)


def test_a_lasting_new_level_is_usual_in_the_end_and_a_later_shift_is_a_new_alarm():
    points = scaled(noisy(Kind.LATENCY, 2400), 600, 2400, 3.0)
    points = scaled(points, 2000, 2100, 4.0)
    found = alarms(Kind.LATENCY, points)
    assert len(found) == 2
    assert 2000 <= found[1] <= 2005


@settings(max_examples=25, deadline=None)
@given(st.integers(WARM_UP, 400), st.integers(0, 10_000))
def test_no_row_looks_ahead(cut, seed):
    points = scaled(noisy(Kind.COUNT, 400, seed=seed), 200, 300, 3.0)
    whole, part = Series(Kind.COUNT), Series(Kind.COUNT)
    assert [whole.take(*p) for p in points][:cut] == [part.take(*p) for p in points[:cut]]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(Kind),
    st.lists(st.floats(-1e15, 1e15, allow_nan=False) | st.sampled_from([0.0, 1.0]), min_size=30, max_size=120),
)
def test_any_finite_numbers_are_judged_with_finite_evidence(kind, values):
    series = Series(kind)
    for i, value in enumerate(values):
        judged = series.take(START + 60.0 * i, value)
        assert 0.0 <= judged.log_e < 1e4


def test_a_constant_series_then_a_change():
    points = [(START + 60.0 * i, 5.0 if i < 300 else 9.0) for i in range(400)]
    assert len(alarms(Kind.RATE, points)) == 1


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="finite"):
        Series(Kind.RATE).take(START, float("nan"))


def test_a_series_that_bursts_again_and_again_raises_its_own_bar():
    peaks = Peaks(20_000)
    low = peaks.threshold
    for _ in range(30):
        for height in (1.0, 9.0, 30.0, 1.0):
            peaks.see(height)
    assert peaks.threshold > 2 * low
    calm = Peaks(20_000)
    for i in range(5000):
        calm.see(2.5 if i % 50 == 0 else 0.0)
    assert calm.threshold == low


@pytest.mark.parametrize(("mean", "times", "within"), [(0.05, 30.0, 8), (0.3, 5.0, 40), (1.0, 4.0, 15)])
def test_rare_counts_are_judged_as_counts(mean, times, within):
    rng = random.Random(4)

    def count(rate):
        n, left = 0, rng.expovariate(1.0)
        while left < rate:
            n, left = n + 1, left + rng.expovariate(1.0)
        return float(n)

    points = [(START + 60.0 * i, count(mean * (times if 3000 <= i < 3200 else 1.0))) for i in range(3600)]
    found = alarms(Kind.COUNT, points)
    assert len(found) == 1
    assert 3000 <= found[0] <= 3000 + within
