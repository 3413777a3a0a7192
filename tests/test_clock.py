"""A play's clock waits for a machine that is behind."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.clock import PatientClock

START = datetime(2026, 4, 7, 14, tzinfo=UTC)


class Steady:
    """The machine's own clock, set by hand."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def __call__(self) -> float:
        return self.at_s


def test_it_goes_as_a_scaled_clock_does_while_the_loop_comes_round_quickly() -> None:
    steady = Steady()
    clock = PatientClock(START, 150, steady)
    clock.beat()
    for _ in range(100):
        steady.at_s += 0.01
        clock.beat()
    assert abs(clock.now() - START - timedelta(seconds=150)) < timedelta(milliseconds=1)


@pytest.mark.parametrize(("round_s", "counts_s"), [(0.01, 0.01), (0.02, 0.02), (0.05, 0.02), (0.08, 0.02), (1.0, 0.25)])
def test_of_a_slow_round_a_little_counts_and_at_least_a_quarter(round_s: float, counts_s: float) -> None:
    steady = Steady()
    clock = PatientClock(START, 150, steady)
    clock.beat()
    steady.at_s += round_s
    before = clock.monotonic_s()
    clock.beat()
    assert before == pytest.approx(clock.monotonic_s())
    assert before == pytest.approx(counts_s * 150)


@given(st.lists(st.tuples(st.floats(0, 0.2), st.booleans()), max_size=50))
def test_it_never_runs_backwards_and_never_faster_than_its_speed(steps: list[tuple[float, bool]]) -> None:
    steady = Steady()
    clock = PatientClock(START, 150, steady)
    clock.beat()
    last, passed = clock.monotonic_s(), 0.0
    for step_s, is_beat in steps:
        steady.at_s += step_s
        passed += step_s
        if is_beat:
            clock.beat()
        now = clock.monotonic_s()
        assert last <= now <= passed * 150 + 1e-6
        last = now


async def test_a_sleep_ends_when_so_much_has_passed_on_it_and_it_stands_outside_of_its_going() -> None:
    clock = PatientClock(START, 2000)
    async with clock.going():
        before = clock.monotonic_s()
        await clock.sleep(60.0)
        assert clock.monotonic_s() - before >= 60.0
    stood = clock.monotonic_s()
    await asyncio.sleep(0)
    assert clock.monotonic_s() == stood
