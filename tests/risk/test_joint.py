"""The downtime of a chain, by its formula."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.risk.joint import (
    Met,
    after_meeting,
    all_down_share,
    drawn,
    groups_of,
    mean_shared,
    possible_shared,
    quantiles,
    taking_more,
)
from stillup.risk.shipped import Shared

SOME = Shared(none=0.3, share=(0.4, 7.6))
shares = st.floats(0.0001, 0.2)


def mean(grid):
    return sum(v * w for v, w in zip(*grid, strict=True)) / sum(grid[1])


def test_what_shares_nothing_is_down_at_once_by_chance_alone():
    assert all_down_share([0.1, 0.2, 0.3], {}) == pytest.approx(0.006)


def test_what_shares_everything_is_down_as_long_as_the_best_of_it():
    assert all_down_share([0.1, 0.2], {(0, 1): 1.0}) == pytest.approx(0.1)


def test_two_fall_for_one_cause_while_the_third_is_down_on_its_own():
    assert all_down_share([0.01, 0.02, 0.1], {(0, 1): 0.5}) == pytest.approx(0.01 * 0.02 * 0.1 + 0.5 * 0.01 * 0.1)


@given(st.lists(shares, min_size=2, max_size=4), st.data())
def test_one_more_in_the_chain_never_makes_it_worse(alone, data):
    b = {g: data.draw(st.floats(0, 1)) for g in groups_of(len(alone))}
    whole = all_down_share(alone, b)
    assert 0 <= whole <= min(alone)


def test_a_belief_is_a_distribution_with_its_mean():
    values, weights = possible_shared(SOME)
    assert sum(weights) == pytest.approx(1)
    assert weights[0] == 0.3
    assert mean((values, weights)) == pytest.approx(mean_shared(SOME), rel=0.25)


def test_a_cause_that_two_share_takes_a_third_less_often():
    pair = possible_shared(SOME)
    three = taking_more(pair, [(2.0, 1.0)])
    assert mean(three) == pytest.approx(mean(pair) * 2 / 3, rel=0.3)
    assert mean(taking_more(pair, [(2.0, 1.0), (2.0, 1.0)])) < mean(three)
    assert taking_more(pair, []) == pair


def test_never_seen_down_at_once_in_long_watching_is_a_sign_that_nothing_is_shared():
    met = Met(0, [50_000.0] * 10)
    grid = after_meeting(possible_shared(SOME), met, [1e-6] * 10, [0.01] * 10)
    assert mean(grid) < mean_shared(SOME) / 5


def test_often_seen_down_at_once_is_a_sign_that_much_is_shared():
    met = Met(40, [8_000.0] * 10)
    grid = after_meeting(possible_shared(SOME), met, [1e-4] * 10, [0.01] * 10)
    assert 0.4 < mean(grid) < 0.6


def test_what_no_belief_can_explain_leaves_the_belief_as_it_was():
    grid = after_meeting(possible_shared(SOME), Met(100_000, [1.0] * 10), [1e-9] * 10, [1e-9] * 10)
    assert mean(grid) == pytest.approx(mean_shared(SOME), rel=0.25)


def test_draws_follow_the_belief():
    random = Random(3)
    found = drawn(possible_shared(SOME), [random.gauss() for _ in range(20_000)], random)
    assert sum(v == 0 for v in found) / len(found) == pytest.approx(0.3, abs=0.02)
    assert sum(found) / len(found) == pytest.approx(mean_shared(SOME), rel=0.3)


def test_quantiles_stand_for_equal_parts():
    assert quantiles(([0.0, 1.0], [1.0, 3.0]), 4) == [0.0, 1.0, 1.0, 1.0]
