"""What one more way buys, what one fewer loses, and what it costs."""

from __future__ import annotations

import pytest

from stillup.catalog.models import find_model
from stillup.risk.gain import BOUND_LEVEL, Candidate, cost, difference, gains, losses
from stillup.risk.need import Tokens, Used
from stillup.risk.survey import survey
from stillup.risk.values import HOURS_A_YEAR, Hours, Subject


def one(service):
    return Candidate(id=service, title=service, subject=Subject(service))


def test_who_saves_most_comes_first_and_who_is_there_already_is_no_candidate(need, figures):
    known = figures({"claude": 90, "chatgpt": 90, "gemini": 90, "local": 10}, {("claude", "chatgpt"): 0.5})
    found = gains(need("claude"), [one("claude"), one("chatgpt"), one("gemini"), one("local")], known, {}, None)
    assert [g.candidate.id for g in found] == ["gemini", "local", "chatgpt"]
    assert found[0].saved.mid == pytest.approx(90 - 90 * 90 / HOURS_A_YEAR)
    assert found[0].left.mid == pytest.approx(90 * 90 / HOURS_A_YEAR)


def test_of_equals_who_likely_falls_too_comes_last(need, figures):
    known = figures({"claude": 90, "grok": 90, "deepseek": 90})
    found = gains(need("claude"), [one("grok"), one("deepseek")], known, {}, None)
    assert [g.candidate.id for g in found] == ["deepseek", "grok"]
    assert found[1].shares[0].id == "cloudflare"


def test_where_there_is_no_way_the_first_one_takes_off_the_whole_year(need, figures):
    (gain,) = gains(need(), [one("claude")], figures({"claude": 66}), {}, None)
    assert gain.saved.mid == pytest.approx(HOURS_A_YEAR - 66)


def test_figures_that_know_the_difference_are_asked_for_it(need, figures):
    class Knows(figures):
        def saved(self, subjects, more):
            return Hours(7.0, 6.0, 8.0)

    (gain,) = gains(need("claude"), [one("gemini")], Knows({"claude": 90, "gemini": 90}), {}, None)
    assert gain.saved == Hours(7.0, 6.0, 8.0)


def test_a_difference_of_two_estimates_is_bounded_by_their_ends_and_is_less_sure():
    found = difference(Hours(90, 20, 400), Hours(1, 0.5, 30))
    assert found == Hours(89, 0, 399.5, BOUND_LEVEL)
    assert difference(Hours(1, 0, 2), Hours(3, 1, 4)).mid == 0


def test_what_stopping_one_would_lose_is_told_with_its_share_of_the_answers(need, figures):
    used = Used(hours=720, asked=100, by={"claude": 75, "chatgpt": 25})
    found = losses(need("claude", "chatgpt", used=used), figures({"claude": 90, "chatgpt": 30}))
    assert [(loss.way, loss.answers) for loss in found] == [("chatgpt", 0.25), ("claude", 0.75)]
    assert found[0].more.mid == pytest.approx(90 - 90 * 30 / HOURS_A_YEAR)


def test_the_last_one_is_all_there_is(need, figures):
    (loss,) = losses(need("claude"), figures({"claude": 90}))
    assert loss.more is None
    assert survey(need("claude"), [], figures({"claude": 90})).losses == ()


def test_a_stand_in_costs_by_the_tokens_of_the_hours_in_which_it_would_answer():
    tokens = Tokens(answers=10, input_tokens=900_000, output_tokens=100_000, cache_read_tokens=1_000_000)
    model = find_model("claude-opus-5-5")
    found = cost(Used(hours=HOURS_A_YEAR / 10, asked=10, by={}, tokens=tokens), model, model, HOURS_A_YEAR / 100)
    each = 0.9 * model.price.input + 0.1 * model.price.output + model.price.cache_read
    assert found.usd_a_year == pytest.approx(10 * each)
    assert found.usd_standing_in == pytest.approx(each / 10)
    assert found.usd_a_year_now == found.usd_a_year


@pytest.mark.parametrize(
    "used",
    [
        None,
        Used(hours=0, asked=1, tokens=Tokens(answers=1, input_tokens=5)),
        Used(hours=23, asked=1, tokens=Tokens(answers=1, input_tokens=5)),
        Used(hours=50, asked=3),
    ],
    ids=["no journal", "no time", "less than a day", "no answer"],
)
def test_what_is_not_known_costs_nothing_that_is_made_up(used):
    assert cost(used, find_model("claude-opus-5-5"), None, 5) is None
    assert cost(Used(hours=99, asked=1, tokens=Tokens(answers=1, input_tokens=1)), None, None, 5) is None
