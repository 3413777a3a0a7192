"""When a source is read next: never too soon, never over its budget, and always for a named reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.config.setting import Setting
from stillup.sources.schedule import (
    BACK_OFF_MAX_S,
    RETRY_AFTER_MAX_S,
    Moment,
    Rules,
    State,
    Why,
    after_cut,
    after_failure,
    after_success,
    allowance,
    next_poll,
    rules_for,
)

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
NOW = Moment(NOON, 1000.0)
MINUTE = Rules(interval_s=60, phase_s=3)


def later(seconds, *, wall_s=None):
    """Both clocks on by so many seconds, the wall clock by another number when it jumps."""
    return Moment(NOON + timedelta(seconds=seconds if wall_s is None else wall_s), 1000.0 + seconds)


def read(rules=MINUTE, failures=0, *, luck=1.0, **failure):
    state = after_success(State(), NOW, 1)
    for _ in range(failures):
        state = after_failure(state, rules, NOW, 1, luck=luck, **failure)
    return state


def due(state, rules=MINUTE, now=NOW):
    decision = next_poll(state, rules, now)
    assert decision.at == now.at + timedelta(seconds=decision.wait_s)
    return round(decision.wait_s, 6), decision.reason


@pytest.mark.parametrize(
    ("state", "rules", "now", "decision"),
    [
        (State(), MINUTE, NOW, (0, Why.FIRST)),
        (read(), MINUTE, NOW, (63, Why.CADENCE)),
        (read(), MINUTE, later(62), (1, Why.CADENCE)),
        (read(), MINUTE, later(500), (0, Why.CADENCE)),
        (read(), Rules(interval_s=5), NOW, (60, Why.CADENCE)),
        (read(), Rules(interval_s=5, floor_s=0), NOW, (5, Why.CADENCE)),
        (read(failures=1), MINUTE, NOW, (126, Why.BACK_OFF)),
        (read(failures=2), MINUTE, NOW, (252, Why.BACK_OFF)),
        (read(failures=50), MINUTE, NOW, (900, Why.BACK_OFF)),
        (read(failures=3, luck=0.0), MINUTE, NOW, (63, Why.CADENCE)),
        (read(failures=1), Rules(interval_s=3600), NOW, (3600, Why.CADENCE)),
        (read(failures=1, retry_after_s=5000.0), MINUTE, NOW, (5000, Why.RETRY_AFTER)),
        (read(failures=1, retry_after_s=10.0), MINUTE, NOW, (126, Why.BACK_OFF)),
        (read(failures=1, retry_after_s=1e9), MINUTE, NOW, (RETRY_AFTER_MAX_S, Why.RETRY_AFTER)),
        (after_cut(State(), NOW, 1), MINUTE, NOW, (63, Why.CADENCE)),
        # One request is left of a budget of two; then none is, until a new day begins at midnight UTC.
        (read(), Rules(interval_s=60, budget=2), NOW, (60, Why.CADENCE)),
        (read(), Rules(interval_s=60, budget=1), NOW, (12 * 3600, Why.BUDGET)),
        (read(), Rules(interval_s=60, budget=1), later(12 * 3600), (0, Why.CADENCE)),
        (read(), Rules(interval_s=60, budget=1, phase_s=4), NOW, (12 * 3600 + 4, Why.BUDGET)),
        (after_success(State(), NOW, 3), Rules(interval_s=60, budget=5), NOW, (12 * 3600, Why.BUDGET)),
        (read(), Rules(interval_s=13 * 3600, budget=1), NOW, (13 * 3600, Why.CADENCE)),
    ],
)
def test_the_next_reading_has_a_time_and_a_reason(state, rules, now, decision):
    assert due(state, rules, now) == decision


@pytest.mark.parametrize(
    ("now", "decision"),
    [
        (later(10, wall_s=-86_400 * 365), (53, Why.CADENCE)),  # the wall clock was set back a year: nothing changes
        (later(10, wall_s=3600), (50, Why.FLOOR)),  # it was set on, or the machine slept: soon, and above the floor
        (later(70, wall_s=3600), (0, Why.CADENCE)),
    ],
)
def test_a_clock_that_jumps_neither_stalls_nor_storms(now, decision):
    assert due(read(), MINUTE, now) == decision


def test_a_machine_that_slept_through_a_back_off_reads_soon():
    assert due(read(failures=9), MINUTE, later(60, wall_s=8 * 3600)) == (0, Why.BACK_OFF)


def test_retry_after_is_held_by_the_steady_clock_even_when_the_wall_clock_is_set_on():
    state = read(failures=1, retry_after_s=600.0)
    assert due(state, MINUTE, later(100, wall_s=86_400)) == (500, Why.RETRY_AFTER)


def test_a_success_ends_back_off_and_retry_after():
    state = after_success(read(failures=7, retry_after_s=9000.0), NOW, 1)
    assert (state.failures, due(state)) == (0, (63, Why.CADENCE))


def test_a_reading_given_up_by_us_is_no_failure():
    assert after_cut(State(), NOW, 2).failures == 0
    assert after_cut(State(), NOW, 2).spent == 2


def test_the_budget_is_per_day_and_the_allowance_is_what_is_left_of_it():
    rules = Rules(interval_s=60, budget=10)
    state = after_success(after_success(State(), NOW, 3), later(60), 4)
    assert allowance(state, rules, later(120)) == 3
    assert allowance(state, rules, later(13 * 3600)) == 10
    assert allowance(after_success(state, later(200), 99), rules, later(200)) == 0
    assert allowance(state, MINUTE, NOW) is None


@pytest.mark.parametrize(
    ("setting", "rules"),
    [
        (Setting(interval_s=300), Rules(interval_s=300, phase_s=15)),
        (Setting(base_url="https://status.test/x"), Rules(interval_s=60, phase_s=3)),
        (Setting(base_url="http://127.0.0.1:9000", interval_s=5), Rules(interval_s=5, floor_s=0, phase_s=0.25)),
        (Setting(base_url="http://[::1]:9000", interval_s=0), Rules(interval_s=1, floor_s=0, phase_s=0.05)),
        (Setting(daily_budget=7), Rules(interval_s=60, phase_s=3, budget=7)),
    ],
)
def test_the_rules_come_from_the_setting_and_the_floor_does_not_bind_on_loopback(setting, rules):
    assert rules_for(setting, 0.5) == rules


RULES = st.builds(
    Rules,
    interval_s=st.integers(1, 4000).map(float),
    floor_s=st.sampled_from([0.0, 60.0]),
    phase_s=st.floats(0, 60),
    budget=st.none() | st.integers(1, 40),
)
# What happens to one reading after another: it works, fails, fails with a Retry-After, or is given up; it takes so many
# requests, and the wall clock may jump meanwhile.
FATE = st.tuples(
    st.sampled_from(["ok", "failed", "cut"]),
    st.integers(0, 6),
    st.none() | st.floats(0, 2e5),
    st.floats(0, 1),
    st.just(0.0) | st.floats(-1e6, 1e6),
)


def play(rules, fates):
    """Live through these fates, always reading as soon as it may; yields what was decided and done."""
    state, steady_s, at = State(), 0.0, NOON
    for fate, requests, retry_after_s, luck, jump_s in fates:
        at += timedelta(seconds=jump_s)
        before = state
        # As the poller does: sleep as told and ask again, until there is nothing to wait for.
        for _ in range(10):
            decision = next_poll(state, rules, Moment(at, steady_s))
            if decision.wait_s <= 0:
                break
            steady_s += decision.wait_s + 1e-6
            at += timedelta(seconds=decision.wait_s + 1e-6)
        now = Moment(at, steady_s)
        left = allowance(state, rules, now)
        spent = requests if left is None else min(requests, left)
        yield before, decision, now, spent
        if fate == "ok":
            state = after_success(state, now, spent)
        elif fate == "cut":
            state = after_cut(state, now, spent)
        else:
            state = after_failure(state, rules, now, spent, luck=luck, retry_after_s=retry_after_s)


@given(RULES, st.lists(FATE, max_size=30))
def test_whatever_happens_the_floor_and_retry_after_are_kept_and_every_wait_ends(rules, fates):
    for before, decision, now, _ in play(rules, fates):
        assert decision.wait_s <= 0  # ten sleeps are always enough
        if before.read is not None:
            gap_s = now.steady_s - before.read.steady_s
            assert gap_s >= rules.floor_s - 1e-6
            assert gap_s >= before.stay_away_s - 1e-6


@given(RULES, st.lists(FATE.map(lambda fate: (*fate[:4], 0.0)), max_size=30))
def test_no_day_ever_passes_its_budget(rules, fates):
    days = {}
    for _, _, now, spent in play(rules, fates):
        days[now.at.date()] = days.get(now.at.date(), 0) + spent
    assert rules.budget is None or max(days.values(), default=0) <= rules.budget


@given(RULES, st.integers(1, 500), st.floats(0, 1))
def test_back_off_is_bounded_and_never_sooner_than_the_cadence(rules, failures, luck):
    rules = Rules(interval_s=rules.interval_s, floor_s=rules.floor_s, phase_s=rules.phase_s)
    wait_s, _ = due(read(rules, failures, luck=luck), rules)
    assert rules.cadence_s - 1e-6 <= wait_s <= max(BACK_OFF_MAX_S, rules.cadence_s) + 1e-6
