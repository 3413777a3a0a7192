"""What a record of watching shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.risk.stretches import all_down, meet, seen, tidy
from stillup.risk.values import HOURS_A_YEAR, Watched

HOUR = 3600.0


def hours(*stretches):
    return tuple((begin * HOUR, end * HOUR) for begin, end in stretches)


def watched(watched, down):
    return Watched(watched=hours(*watched), down=hours(*down))


def test_an_outage_within_the_watching_counts_with_its_length():
    found = seen(watched([(0, 100)], [(10, 12), (50, 50.5)]))
    assert found.ended == (2.0, 0.5)
    assert found.open == ()
    assert found.up_years == pytest.approx(97.5 / HOURS_A_YEAR)


def test_one_that_was_under_way_when_the_watching_began_is_left_out():
    found = seen(watched([(0, 100)], [(0, 5)]))
    assert found.begun == 0
    assert found.up_years == pytest.approx(95 / HOURS_A_YEAR)


def test_one_still_under_way_at_the_end_took_at_least_so_long():
    found = seen(watched([(0, 100)], [(90, 100)]))
    assert found.open == (10.0,)
    assert found.begun == 1


def test_what_was_never_seen_up_has_been_down_at_least_so_long():
    assert seen(watched([(0, 40), (60, 80)], [(0, 40), (60, 80)])).open == (60.0,)


def test_down_before_and_after_a_short_gap_is_one_outage():
    found = seen(watched([(0, 20), (24, 40)], [(18, 20), (24, 26)]))
    assert found.ended == (8.0,)


def test_down_before_and_after_a_long_gap_is_an_end_not_seen_and_a_beginning_not_seen():
    found = seen(watched([(0, 20), (68, 90)], [(18, 20), (68, 70)]))
    assert found.open == (2.0,)
    assert found.ended == ()


def test_a_blink_counts_as_a_minute():
    assert seen(watched([(0, 9)], [(1, 1.0001)])).ended == (1 / 60,)


@pytest.mark.parametrize(
    "bad", [(5.0, 5.0), (5.0, 1.0), (float("nan"), 5.0), (0.0, float("inf")), (float("-inf"), 1.0)]
)
def test_what_is_no_stretch_is_passed_over(bad):
    assert seen(Watched(watched=(bad,), down=(bad,))).days == 0.0


def test_down_outside_the_watching_does_not_count():
    found = seen(watched([(10, 20)], [(0, 5), (12, 13), (30, 40)]))
    assert found.ended == (1.0,)


def test_at_once_is_when_all_were_watched_and_all_were_down():
    both = all_down([watched([(0, 50)], [(10, 20)]), watched([(15, 100)], [(18, 30)])])
    assert both == watched([(15, 50)], [(18, 20)])


spans = st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1000)), max_size=20)


@given(spans, spans)
def test_a_record_of_any_shape_is_read_and_nothing_is_down_that_was_not_watched(watching, down):
    found = seen(Watched(watched=tuple(watching), down=tuple(down)))
    assert found.days >= 0
    assert found.up_years >= -1e-12
    assert all(h > 0 for h in (*found.ended, *found.open))


@given(spans, spans)
def test_meeting_is_the_same_from_both_sides(one, other):
    assert meet(tidy(one), tidy(other)) == meet(tidy(other), tidy(one))
