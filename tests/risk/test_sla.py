"""What one side saw, and what that leaves of a budget."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.risk.sla import (
    SLOT_S,
    Period,
    Seen,
    Side,
    Slot,
    budget,
    burns,
    design_effect,
    measure,
    month,
    quarter_of,
)
from stillup.risk.values import Subject

API = Subject("claude", "api")
OCTOBER = month("2026-10")
FIRST = int(OCTOBER.begin_s // SLOT_S)
SLOTS = round(OCTOBER.length_s / SLOT_S)


def seen(slots, side=Side.PROBE):
    return Seen(subject=API, side=side, slots={FIRST + n: slot for n, slot in slots.items()})


def quiet(tries=5.0):
    return {n: Slot(good=tries) for n in range(SLOTS)}


def test_a_month_is_one_in_utc_and_its_length_is_its_own():
    assert OCTOBER.length_s == 31 * 86_400
    assert month("2028-02").length_s == 29 * 86_400
    assert month("2026-12").end_s == month("2027-01").begin_s
    assert quarter_of(OCTOBER) == Period(OCTOBER.begin_s, month("2027-01").begin_s, "2026-Q4")


@pytest.mark.parametrize(
    "name", ["", "2026", "2026-13", "2026-00", "26-10", "2026-1", "٢٠٢٦-١٠", "9999-12", "2026-10-01"]
)
def test_what_is_no_month_is_refused_with_what_is(name):
    with pytest.raises(ValueError, match="allowed: as 2026-10"):
        month(name)


def test_what_nobody_watched_is_not_available_and_not_down():
    told = measure(seen({}), OCTOBER, OCTOBER.end_s)
    assert (told.available, told.low, told.high, told.watched) == (None, None, None, 0.0)


def test_an_hour_down_in_a_watched_month_costs_an_hour_and_leaves_none_of_three_nines():
    slots = quiet() | dict.fromkeys(range(100, 112), Slot(bad=5.0))
    told = measure(seen(slots), OCTOBER, OCTOBER.end_s)
    assert told.down_s == 3_600
    assert told.available == pytest.approx(1 - 1 / 744)
    assert told.watched == 1.0
    left = budget(told, 0.999)
    assert left.allowed_s == pytest.approx(2_678.4)
    assert left.left_s == pytest.approx(-921.6)
    assert budget(told, 1.0).left is None


def test_tries_that_fail_together_make_the_interval_wider_than_as_many_that_fail_alone():
    together = quiet() | dict.fromkeys(range(100, 112), Slot(bad=5.0))
    apart = quiet() | {n * 140: Slot(good=4.0, bad=1.0) for n in range(60)}
    one, many = (measure(seen(s), OCTOBER, OCTOBER.end_s) for s in (together, apart))
    assert one.available == pytest.approx(many.available)
    assert one.high - one.low > 3 * (many.high - many.low)
    assert (one.effect, many.effect) == (60.0, 1.0)


def test_that_no_try_failed_is_no_proof_and_more_tries_in_the_same_minutes_prove_no_more():
    few, many = (measure(seen(quiet(tries)), OCTOBER, OCTOBER.end_s) for tries in (5.0, 500.0))
    assert few.available == few.high == 1.0
    assert 0.9995 < few.low < 1.0
    assert many.low == pytest.approx(few.low)


def test_time_that_was_not_watched_may_have_been_anything():
    half = {n: Slot(good=300.0) for n in range(SLOTS // 2)}
    told = measure(seen(half, Side.OFFICIAL), OCTOBER, OCTOBER.end_s)
    assert (told.available, told.high) == (1.0, 1.0)
    assert told.low == pytest.approx(0.5)
    assert told.watched == pytest.approx(0.5)


def test_of_a_month_that_goes_on_only_what_is_over_counts():
    now_s = OCTOBER.begin_s + 86_400
    told = measure(seen(quiet()), OCTOBER, now_s)
    assert told.watched == pytest.approx(1.0)
    assert told.seen == 288 * 5


@given(
    st.dictionaries(
        st.integers(0, SLOTS - 1),
        st.builds(Slot, st.integers(0, 10**6), st.integers(0, 10**6)),
        max_size=40,
    ),
    st.sampled_from(Side),
)
def test_the_estimate_lies_in_its_interval_and_all_are_shares(slots, side):
    told = measure(seen(slots, side), OCTOBER, OCTOBER.end_s)
    if told.available is not None:
        assert 0 <= told.low <= told.available + 1e-9
        assert told.available <= told.high + 1e-9
        assert told.high <= 1 + 1e-9
        assert told.effect >= 0


def world(rng, *, every_h, minutes, noise):
    """A month of a try a minute: outages begin at random every so many hours, and last so many minutes on average."""
    slots: dict[int, Slot] = {}
    down, turns = False, rng.expovariate(1 / (every_h * 60))
    for minute in range(30 * 1440):
        while minute >= turns:
            down = not down
            turns += rng.expovariate(1 / minutes if down else 1 / (every_h * 60))
        failed = rng.random() < (0.95 if down else noise)
        slots[minute // 5] = slots.get(minute // 5, Slot()) + Slot(not failed, failed)
    share = minutes / (minutes + every_h * 60)
    return slots, 1 - (0.95 * share + noise * (1 - share))


@pytest.mark.parametrize(("every_h", "minutes", "noise"), [(72, 30, 0.001), (24, 10, 0.002), (36, 45, 0.0)])
def test_the_interval_holds_what_is_true_in_the_long_run_in_about_nine_of_ten_months(every_h, minutes, noise):
    rng, held, months = random.Random(7), 0, 30
    for _ in range(months):
        slots, truth = world(rng, every_h=every_h, minutes=minutes, noise=noise)
        told = measure(seen(slots), Period(OCTOBER.begin_s, OCTOBER.begin_s + 30 * 86_400), OCTOBER.end_s)
        held += told.low <= truth <= told.high
    assert held / months >= 0.8


def test_a_burst_wakes_somebody_and_a_slow_leak_is_a_ticket():
    now_s = OCTOBER.begin_s + 10 * 86_400
    last = round(10 * 86_400 / SLOT_S)
    burst = quiet() | dict.fromkeys(range(last - 12, last + 1), Slot(good=4.0, bad=1.0))
    fast, medium, slow = burns(seen(burst), now_s, 0.99)
    assert fast.long == pytest.approx(20.0)
    assert (fast.fires, fast.urgent) == (True, True)
    assert medium.long == pytest.approx(20 * 13 / 73, rel=0.05)
    assert not medium.fires
    leak = {n: Slot(good=98.0, bad=2.0) for n in range(SLOTS)}
    assert [b.fires for b in burns(seen(leak), now_s, 0.99)] == [False, False, True]
    assert not slow.urgent


def test_a_burst_that_is_over_alarms_no_more():
    now_s = OCTOBER.begin_s + 10 * 86_400
    last = round(10 * 86_400 / SLOT_S)
    over = quiet() | dict.fromkeys(range(last - 14, last - 4), Slot(bad=5.0))
    fast = burns(seen(over), now_s, 0.99)[0]
    assert fast.long > fast.above > fast.short
    assert not fast.fires


def test_too_few_tries_say_nothing_of_how_fast_the_budget_goes():
    now_s = OCTOBER.begin_s + 10 * 86_400
    last = round(10 * 86_400 / SLOT_S)
    assert burns(seen({last - 2: Slot(good=1.0, bad=1.0)}), now_s, 0.999)[0].long is None
    assert burns(seen(quiet()), now_s, 1.0) == ()


def test_the_effect_of_going_together_is_how_many_failed_at_once():
    slots = [*enumerate([Slot(good=5.0)] * 50), (60, Slot(bad=4.0)), (61, Slot(bad=4.0))]
    assert design_effect(slots) == 8.0
    assert design_effect([(0, Slot(good=5.0))]) == 1.0
