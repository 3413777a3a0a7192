"""Law 6: what is known from outside, and how own answers outrank it."""

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.views import Prior
from stillup.model.service import Confidence, State


def test_a_confirmed_outage_reroutes_before_the_first_request_fails(play):
    p = play()
    p.view.out("a")
    assert p.ask() == "b"
    assert p.first() == ("b", "outage_confirmed")


@pytest.mark.parametrize(
    "prior",
    [
        Prior(State.MAJOR_OUTAGE, Confidence.SUSPECTED),
        Prior(State.DEGRADED, Confidence.CONFIRMED),
        Prior(State.MAINTENANCE, Confidence.CONFIRMED),
        Prior(State.UNKNOWN),
    ],
)
def test_anything_less_reroutes_nothing(play, prior):
    p = play()
    p.view.says["a"] = prior
    assert p.ask() == "a"


def test_a_suspected_outage_makes_one_500_enough(play):
    p = play()
    p.view.suspect("a")
    assert [p.ask({"a": Fault.SERVER_ERROR}) for _ in range(3)] == ["ab", "b", "b"]


def test_during_a_confirmed_outage_one_request_in_fifteen_seconds_looks(play):
    p, asked = play(), []
    p.view.out("a")
    for _ in range(600):
        asked.append(p.ask({"a": Fault.CUT}, took=0.1))
        p.wait(0.1)
    assert asked.count("ab") <= 600 * 0.2 / 15
    assert asked.count("ab") >= 3
    assert asked[:70] == ["b"] * 70


def test_three_good_trickles_outrank_the_verdict(play):
    p = play()
    p.view.out("a")
    p.ask()
    p.wait(15.0)
    assert [p.ask() for _ in range(5)] == ["a"] * 5
    assert p.first() == ("a", "first_choice")


def test_they_outrank_it_until_the_next_own_fault(play):
    p = play()
    p.view.out("a")
    p.ask()
    p.wait(15.0)
    for _ in range(3):
        p.ask()
    p.ask({"a": Fault.SERVER_ERROR})
    assert p.first() == ("b", "outage_confirmed")


def test_they_outrank_it_for_five_minutes_after_the_last_good_answer(play):
    p = play()
    p.view.out("a")
    p.ask()
    p.wait(15.0)
    for _ in range(3):
        p.ask()
    for _ in range(10):
        p.wait(200.0)
        assert p.first() == ("a", "first_choice")
        p.ask()
    p.wait(301.0)
    assert p.start().trickle


def test_when_the_verdict_ends_the_first_is_back_at_once(play):
    p = play()
    p.view.out("a")
    p.ask()
    p.view.well("a")
    p.wait(1.1)
    assert p.first() == ("a", "first_choice")


def test_an_answer_to_what_was_asked_before_the_verdict_does_not_argue_against_it(play):
    p = play()
    early = [p.start() for _ in range(5)]
    p.view.out("a")
    p.wait(1.1)
    p.ask()
    for turn in early:
        p.good(turn)
    assert p.first() == ("b", "outage_confirmed")


def test_a_limit_of_the_key_in_an_outage_is_no_vote_for_it(play):
    p = play()
    p.view.out("a")
    p.ask()
    p.wait(15.0)
    p.ask()
    p.ask()
    turn = p.start()
    p.bad(turn, Fault.RATE_LIMITED)
    assert turn.cell.outage.wins == 2


def test_the_view_is_asked_five_times_a_second_however_many_requests_there_are(play):
    p = play("a")
    for _ in range(1000):
        p.ask(took=0.01)
    assert 45 <= len(p.view.asked) <= 51
    assert set(p.view.asked) == {("a", "api", "m")}


def test_the_view_is_asked_in_lower_case(play):
    p = play("a")
    p.ask(model="Claude-Opus")
    assert p.view.asked == [("a", "api", "claude-opus")]


def test_an_outage_of_both_leaves_both_to_be_asked(play):
    p = play()
    p.view.out("a")
    p.view.out("b")
    assert p.ask({"a": Fault.OVERLOADED}) in {"ab", "b"}


def test_outage_and_breaker_must_both_allow_a_trickle(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    p.view.out("a")
    p.wait(2.0)
    assert p.ask() == "b"
    p.wait(14.0)
    assert p.ask() == "b"
    p.wait(1.0)
    trickle = p.start()
    assert len(trickle.held) == 2
    p.good(trickle)
    assert p.start().trickle
