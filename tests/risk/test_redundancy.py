"""The score, term by term."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.risk.redundancy import redundancy
from stillup.risk.values import HOURS_A_YEAR


def test_two_that_fail_by_themselves_count_as_two(need, figures):
    score = redundancy(need("claude", "chatgpt"), figures({"claude": 80, "chatgpt": 80}))
    assert score.ways == pytest.approx(2.0)
    assert score.terms[1].says == "it fails by itself"


def test_one_that_is_down_whenever_the_first_is_counts_as_nothing(need, figures):
    same = figures({"claude": 80, "chatgpt": 80}, {("claude", "chatgpt"): 1.0})
    assert redundancy(need("claude", "chatgpt"), same).ways == pytest.approx(1.0, abs=0.01)


def test_a_term_is_the_share_of_what_the_way_could_add(need, figures):
    known = figures({"claude": 80, "chatgpt": 80}, {("claude", "chatgpt"): 0.1})
    term = redundancy(need("claude", "chatgpt"), known).terms[1]
    left = 80 * 80 / HOURS_A_YEAR + 8
    assert term.left == pytest.approx(left)
    assert term.counts == pytest.approx(log(80 / left) / log(HOURS_A_YEAR / 80))
    assert "12 times as long as chance alone" in term.says


def test_another_model_of_the_same_service_counts_as_nothing_and_says_why(need, figures):
    score = redundancy(need("claude/api", "claude/api"), figures({"claude": 80}))
    assert score.ways == 1.0
    assert score.of == 2
    assert "another model of claude/api" in score.terms[1].says


def test_a_way_that_does_not_count_now_is_a_term_of_nothing_with_its_reason(need, figures):
    score = redundancy(need("claude", lacking=("chatgpt",)), figures({"claude": 80}))
    assert (score.ways, score.of) == (1.0, 2)
    assert score.terms[1].says == "no key"
    assert score.terms[1].left is None


def test_no_way_counts_as_none(need, figures):
    assert redundancy(need(), figures({})).ways == 0


@given(
    st.lists(st.floats(0, HOURS_A_YEAR), min_size=1, max_size=4),
    st.floats(0, 1),
)
def test_every_term_lies_between_none_and_one_and_they_are_the_sum(hours, part):
    from stillup.risk.need import Kind, Need, Way
    from tests.risk.known import Known, subject

    names = [f"s{n}" for n in range(len(hours))]
    shared = {(a, b): part for a in names for b in names if a < b}
    ways = tuple(Way(name=n, title=n, subject=subject(n)) for n in names)
    need = Need(id="task:coding", kind=Kind.TASK, title="t", ways=ways)
    score = redundancy(need, Known(dict(zip(names, hours, strict=True)), shared))
    assert all(0 <= term.counts <= 1 for term in score.terms)
    assert score.ways == pytest.approx(sum(term.counts for term in score.terms))
