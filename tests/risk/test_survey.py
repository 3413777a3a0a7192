"""A need put together, and how it is said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stillup.risk import words
from stillup.risk.gain import Candidate
from stillup.risk.need import Kind, Used
from stillup.risk.survey import Risk, survey
from stillup.risk.values import Basis, Subject

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def test_a_chain_is_as_sure_as_the_least_known_of_it(need, figures):
    one = survey(need("claude", "nobody-knows"), [], figures({"claude": 90}))
    assert [a.basis for a in one.alone] == [Basis.SHIPPED, Basis.ASSUMED]
    assert one.basis is Basis.ASSUMED
    assert one.hours == one.together.hours


def test_without_a_way_it_says_so_and_has_no_hours(need, figures):
    one = survey(need(lacking=("claude",)), [], figures({}))
    assert one.hours is None
    assert words.headline(one) == "nothing answers: no way counts now"


def test_the_summary_names_what_hangs_on_one_service(need, figures):
    known = figures({"claude": 90, "chatgpt": 90})
    bare, safe = survey(need("claude", kind=Kind.ROUTE), [], known), survey(need("claude", "chatgpt"), [], known)
    told = words.summary(Risk(at=NOW, surveyed=(bare, safe), unknown=()))
    assert told == "1 of 2 hangs on a single service: claude-* through the gateway."
    assert words.summary(Risk(at=NOW, surveyed=(safe,), unknown=())) == "Everything here has a second way."
    assert words.summary(Risk(at=NOW, surveyed=(), unknown=())).startswith("Nothing is depended on here")


def test_that_they_fail_together_is_said_with_what_chance_would_have(need, figures):
    known = figures({"claude": 90, "chatgpt": 90}, {("claude", "chatgpt"): 0.1})
    told = words.chance_says(survey(need("claude", "chatgpt"), [], known))
    assert told == "If they failed independently it would be 55 min: they are down together 11 times as long."
    assert words.chance_says(survey(need("claude"), [], known)) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [(1234.5, "1,234 h"), (25.4, "25 h"), (2.54, "2.5 h"), (0.2, "12 min"), (0.01, "36 s"), (0.0, "under 1 s")],
)
def test_hours_are_said_in_the_unit_that_suits(value, said):
    assert words.hours(value) == said


def test_a_good_chain_says_that_more_buys_little(need, figures):
    known = figures({"claude": 9, "chatgpt": 9})
    candidate = Candidate(id="gemini", title="Gemini", subject=Subject("gemini"))
    assert words.little(survey(need("claude", "chatgpt"), [candidate], known))
    assert not words.little(survey(need("claude"), [candidate], known))


def test_use_is_said_with_who_answered():
    told = words.used(Used(hours=72, asked=1200, by={"b": 240, "a": 960}))
    assert told == "1,200 asked in 3 days; answered by a 80%, b 20%"
    assert words.used(Used(hours=0.1, asked=2)).startswith("2 asked in less than an hour;")
    assert words.used(Used(hours=5, asked=2)) == "2 asked in 5 h; answered by nobody"
    assert words.used(None) == ""
