"""A play's clock waits for a machine that is behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
    for _ in range(100):
        steady.at_s += 0.01
        clock.beat()
    assert abs(clock.now() - START - timedelta(seconds=150)) < timedelta(milliseconds=1)


def test_a_round_that_takes_a_second_counts_as_the_longest_that_may_be() -> None:
    steady = Steady()
    clock = PatientClock(START, 150, steady)
    steady.at_s += 1.0
    before = clock.monotonic_s()
    clock.beat()
    assert before == clock.monotonic_s()
    assert abs(before - clock.LONGEST_S * 150) < 1e-6


@given(st.lists(st.tuples(st.floats(0, 0.2), st.booleans()), max_size=50))
def test_it_never_runs_backwards_and_never_faster_than_its_speed(steps: list[tuple[float, bool]]) -> None:
    steady = Steady()
    clock = PatientClock(START, 150, steady)
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
    clock.beat()
    stood = clock.monotonic_s()
    assert clock.monotonic_s() - stood <= clock.LONGEST_S * 2000
