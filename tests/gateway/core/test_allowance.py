"""What a user may still do: requests a minute, dollars a day."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.allowance import Allowance, Bounds

NOON = datetime(2026, 4, 7, 12, 0, tzinfo=UTC)


def test_who_has_no_account_has_no_bounds():
    allowance = Allowance([])

    allowance.spend("ann", 1e9, NOON)

    assert allowance.ask("ann", 0.0, NOON) is None
    assert allowance.ask("", 0.0, NOON) is None


def test_who_has_no_bounds_is_not_counted():
    allowance = Allowance([("ann", Bounds())])

    allowance.spend("ann", 1e9, NOON)

    assert all(allowance.ask("ann", 0.0, NOON) is None for _ in range(1000))


def test_requests_come_back_a_minute_after_each_was_made():
    allowance = Allowance([("ann", Bounds(requests_per_minute=2))])

    assert allowance.ask("ann", 100.0, NOON) is None
    assert allowance.ask("ann", 110.0, NOON) is None
    denied = allowance.ask("ann", 130.0, NOON)
    assert denied is not None
    assert denied.retry_after_s == 30.0
    assert denied.says == "you may make 2 requests a minute here"
    assert allowance.ask("ann", 160.0, NOON) is None
    again = allowance.ask("ann", 160.0, NOON)
    assert again is not None
    assert again.retry_after_s == 10.0


def test_one_users_requests_are_not_anothers():
    allowance = Allowance([("ann", Bounds(requests_per_minute=1)), ("bob", Bounds(requests_per_minute=1))])

    assert allowance.ask("ann", 0.0, NOON) is None
    assert allowance.ask("bob", 0.0, NOON) is None
    assert allowance.ask("ann", 1.0, NOON) is not None


@pytest.mark.parametrize("bounds", [Bounds(requests_per_minute=0), Bounds(usd_per_day=0.0)])
def test_a_bound_of_nothing_lets_nothing_through(bounds):
    denied = Allowance([("ann", bounds)]).ask("ann", 0.0, NOON)

    assert denied is not None
    assert denied.retry_after_s > 0


def test_a_budget_is_used_up_by_what_requests_cost_and_begins_anew_at_midnight_utc():
    allowance = Allowance([("ann", Bounds(usd_per_day=1.0))])

    allowance.spend("ann", 0.6, NOON)
    assert allowance.ask("ann", 0.0, NOON) is None
    allowance.spend("ann", 0.6, NOON)
    denied = allowance.ask("ann", 0.0, NOON)
    assert denied is not None
    assert denied.retry_after_s == 12 * 3600
    assert denied.says == "your budget of 1 USD a day is used up; it begins anew at 00:00 UTC"
    assert allowance.ask("ann", 0.0, NOON + timedelta(hours=12)) is None


def test_the_day_is_utcs_wherever_the_clock_is():
    allowance = Allowance([("ann", Bounds(usd_per_day=1.0))])
    tokyo = timezone(timedelta(hours=9))

    allowance.spend("ann", 1.0, datetime(2026, 4, 8, 8, 0, tzinfo=tokyo))

    denied = allowance.ask("ann", 0.0, datetime(2026, 4, 7, 23, 59, 59, tzinfo=UTC))
    assert denied is not None
    assert denied.retry_after_s == 1.0
    assert allowance.ask("ann", 0.0, datetime(2026, 4, 8, 9, 0, tzinfo=tokyo)) is None


@pytest.mark.parametrize("usd", [None, 0.0, -5.0, math.nan])
def test_an_unknown_or_impossible_price_neither_costs_nor_gives(usd):
    allowance = Allowance([("ann", Bounds(usd_per_day=1.0))])
    allowance.spend("ann", 1.0, NOON)

    allowance.spend("ann", usd, NOON)

    assert allowance.ask("ann", 0.0, NOON) is not None


@given(st.lists(st.floats(0.0, 300.0), max_size=60).map(sorted), st.integers(1, 5))
def test_no_minute_ever_holds_more_than_the_bound(moments, most):
    allowance = Allowance([("ann", Bounds(requests_per_minute=most))])

    let_in = [now for now in moments if allowance.ask("ann", now, NOON) is None]

    assert all(sum(other <= now < other + 60.0 for other in let_in) <= most for now in let_in)


@given(st.lists(st.floats(0.0, 100.0), max_size=30).map(sorted), st.integers(1, 3))
def test_whoever_waits_as_long_as_told_is_let_in(moments, most):
    allowance = Allowance([("ann", Bounds(requests_per_minute=most))])
    for now in moments:
        denied = allowance.ask("ann", now, NOON)
        if denied is not None:
            assert allowance.ask("ann", math.nextafter(now + denied.retry_after_s, math.inf), NOON) is None
            return
