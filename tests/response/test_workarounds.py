"""Which tips are shown for a verdict: those that fit, are new and were found helpful, and never for calm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.model.service import Problem, Scope, State
from stillup.model.verdict import Verdict
from stillup.response.workarounds import MOST, Tip, best

NOW = datetime(2026, 4, 7, 15, 0, tzinfo=UTC)


def tip(number=1, minutes=10, title="", **rest):
    made = {
        "source": "reddit",
        "url": f"https://www.reddit.com/r/ClaudeAI/comments/{number}/",
        "title": title or f"way {number} of {number * 7} round it",
        "at": NOW - timedelta(minutes=minutes),
        "why": ("says what to do",),
        "weight": 0.5,
    }
    return Tip(**{**made, **rest})


def verdict(state=State.PARTIAL_OUTAGE, **rest):
    return Verdict(at=NOW, service="claude", state=state, **{"since": NOW - timedelta(hours=1), **rest})


def shown(tips, said=None, components=None):
    return [one.url.split("/")[-2] for one in best(tips, said or verdict(), components or {}, NOW)]


@pytest.mark.parametrize("state", [State.OPERATIONAL, State.UNKNOWN, State.MAINTENANCE])
def test_without_a_fault_nothing_is_shown(state):
    assert shown([tip()], verdict(state)) == []


@pytest.mark.parametrize("scope", [Scope.YOU, Scope.YOUR_QUOTA])
def test_where_the_fault_is_the_users_own_nothing_is_shown(scope):
    assert shown([tip()], verdict(scope=scope)) == []


def test_what_is_about_the_broken_part_and_problem_comes_first():
    said = verdict(components=("web",), problems=("sign_in",))
    tips = [
        tip(1, component="api"),
        tip(2),
        tip(3, component="web", problem=Problem.SIGN_IN),
        tip(4, component="web", problem=Problem.SLOW),
    ]
    assert shown(tips, said) == ["3", "4", "2", "1"]


def test_new_readers_word_and_steps_count():
    assert shown([tip(1, minutes=50), tip(2, minutes=5)]) == ["2", "1"]
    assert shown([tip(1, score=2), tip(2, score=90)]) == ["2", "1"]
    assert shown([tip(1, replies=0), tip(2, replies=30)]) == ["2", "1"]
    assert shown([tip(1), tip(2, has_steps=True)]) == ["2", "1"]


def test_a_tip_that_leads_to_a_part_that_is_broken_too_is_left_out():
    tips = [tip(1, way="api"), tip(2, way="mobile"), tip(3)]
    states = {"api": State.MAJOR_OUTAGE, "mobile": State.OPERATIONAL}
    assert shown(tips, components=states) == ["2", "3"]
    assert shown(tips, verdict(components=("mobile",))) == ["1", "3"]


def test_what_was_written_before_this_trouble_is_about_another():
    assert shown([tip(1, minutes=60), tip(2, minutes=119), tip(3, minutes=121)]) == ["1", "2"]
    assert shown([tip(1, minutes=23 * 60), tip(2, minutes=25 * 60)], verdict(since=None)) == ["1"]


def test_what_is_dated_ahead_is_left_out():
    assert shown([tip(1, minutes=-1)]) == []


def test_the_same_is_shown_once():
    same = [tip(1, title="Clear the cookies, worked"), tip(2, title="clear the cookies worked!"), tip(3)]
    assert shown([*same, tip(3, score=5)]) == ["3", "1"]


def test_at_most_five_are_shown():
    assert len(shown([tip(n) for n in range(1, 20)])) == MOST == 5


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/b",
        "https://a.example",
        "https://a@b.example/c",
        "https://a.example/\x1b[2J",
        "javascript:1",
        "",
    ],
)
def test_what_is_no_plain_link_is_left_out(url):
    assert best([tip(url=url)], verdict(), {}, NOW) == ()


def test_it_is_shown_with_its_host_and_its_age():
    (one,) = best([tip(minutes=12)], verdict(), {}, NOW)
    assert (one.host, one.age_s, one.why) == ("www.reddit.com", 720, ("says what to do",))


@given(st.permutations([tip(n, minutes=n % 4, score=n % 3) for n in range(1, 9)]))
def test_the_order_tips_come_in_does_not_matter(tips):
    assert shown(tips) == shown(sorted(tips, key=lambda t: t.url))
