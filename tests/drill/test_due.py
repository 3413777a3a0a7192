"""When one is reminded to practise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stillup.drill.due import Reason, Reminded, due, wants_word, words
from tests.drill import drills

NOW = drills.AT


def ago(days):
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("history", "remind_days", "reason", "is_due", "says"),
    [
        ([], 30, Reason.NONE_YET, True, "no outage has been practised yet"),
        ([], 0, Reason.NEVER_WANTED, False, ""),
        ([31], 30, Reason.LONG_AGO, True, "the last drill was 31 days ago"),
        ([30], 30, Reason.LONG_AGO, True, "the last drill was 30 days ago"),
        ([29, 80], 30, Reason.RECENT, False, "practised 29 days ago; the next drill is due 2026-11-03"),
        ([0.1], 30, Reason.RECENT, False, "practised less than a day ago; the next drill is due 2026-12-02"),
        ([400], 0, Reason.NEVER_WANTED, False, ""),
        ([-3], 30, Reason.NONE_YET, True, "no outage has been practised yet"),
    ],
)
def test_it_is_due_when_the_last_whole_drill_is_long_enough_ago(history, remind_days, reason, is_due, says):
    stands = due([drills.drill(days_ago=days) for days in history], NOW, remind_days)
    assert (stands.reason, stands.is_due, words(stands, NOW)) == (reason, is_due, says)


def test_a_drill_that_was_broken_off_practised_nothing():
    history = [drills.drill(days_ago=2, aborted=True), drills.drill(days_ago=45)]
    assert due(history, NOW, 30).reason is Reason.LONG_AGO


@pytest.mark.parametrize(
    ("history", "since", "reminded", "wants"),
    [
        ([], 0, None, False),
        ([], 29, None, False),
        ([], 30, None, True),
        ([], 90, 10, False),
        ([], 90, 30, True),
        ([31], 90, None, True),
        ([29], 90, None, False),
        ([45], 90, 5, False),
        ([45], 1, None, False),
    ],
)
def test_one_is_reminded_once_in_that_time_and_a_new_user_not_at_once(history, since, reminded, wants):
    stands = due([drills.drill(days_ago=days) for days in history], NOW, 30)
    told = Reminded(since=ago(since), at=None if reminded is None else ago(reminded))
    assert wants_word(stands, told, NOW, 30) is wants


def test_whoever_wants_no_reminders_gets_none():
    assert not wants_word(due([], NOW, 0), Reminded(since=ago(900)), NOW, 0)
