"""Behind the commit point: who is asked to go on, when nobody is, and where the client stands then."""

from __future__ import annotations

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.going_on import MOST_SEAMS
from stillup.gateway.core.retry import End
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.base import KeyChoice, KeyKind
from stillup.secret import Secret
from tests.gateway.core.life import HEAD, SSE, TAIL, Life, a_desk, word

SUBSCRIPTION = KeyChoice(kind=KeyKind.CLIENT, secret=Secret("sk-ant-oat-dummy"), bearer=True, subscription=True)


def begun(**more):
    """A has said one word, and is about to break off."""
    life = Life(goes_on=True, **more)
    life.answers(0, HEAD, word("one"), end=False)
    return life


def test_the_next_upstream_is_asked_to_go_on_and_the_client_reads_one_answer():
    life = begun()

    life.fails(0, Fault.CUT)
    assert life.sent == ["a", "b"]
    assert life.exchange.tries[1].turn.why is Why.GOES_ON
    life.answers(1, HEAD, word("two"), TAIL)

    assert life.text == "onetwo"
    assert life.finished.broken is None
    assert life.given.count(b"message_start") == 2  # its event's name and its type, once
    assert life.faults == [Fault.CUT, None]
    assert life.seams == [(1, 0, 3)]


def test_what_breaks_off_counts_against_its_upstream():
    desk = a_desk()
    for _ in range(2):
        life = begun(desk=desk)
        life.fails(0, Fault.CUT)
        life.answers(1, HEAD, word("two"), TAIL)

    assert Life(desk=desk, goes_on=True).sent == ["b"]


def test_an_error_event_in_the_middle_is_gone_on_with_too():
    life = begun()

    life.do(life.exchange.data(0, b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n', 1.0))
    life.answers(1, HEAD, word("two"), TAIL)

    assert (life.text, life.finished.broken) == ("onetwo", None)
    assert life.faults[0] is Fault.OVERLOADED
    assert b"overloaded" not in life.given


def test_a_filter_that_strikes_in_the_middle_is_the_clients_to_see():
    life = begun()

    words = b'{"type":"error","error":{"type":"content_filter","message":"not this"}}'
    life.do(life.exchange.data(0, b"event: error\ndata: " + words + b"\n\n", 1.0))

    assert life.sent == ["a"]
    assert life.finished.broken is Fault.FILTERED
    assert b"not this" in life.given


def test_a_silent_continuation_is_hedged_and_only_the_first_word_counts():
    life = begun(upstreams="abc")
    life.fails(0, Fault.CUT)

    life.at(3.0)
    assert life.sent == ["a", "b", "c"]
    life.do(life.exchange.head(1, 200, SSE, life.now, None))
    life.answers(2, HEAD, word("two"), TAIL)

    assert life.text == "onetwo"
    assert 1 in life.cancelled


def test_alone_the_same_upstream_is_asked_again_after_a_pause():
    life = begun(upstreams="a")
    life.fails(0, Fault.CUT)
    assert life.sent == ["a"]

    life.at(1.0)
    assert life.sent == ["a", "a"]
    life.answers(1, HEAD, word("two"), TAIL)

    assert (life.text, life.finished.broken) == ("onetwo", None)


def test_one_break_after_another_goes_round_the_chain():
    life = begun(upstreams="abc")
    life.fails(0, Fault.CUT)
    life.answers(1, HEAD, word("two"), end=False)
    life.fails(1, Fault.CUT)
    assert life.sent == ["a", "b", "c"]
    life.answers(2, HEAD, word("three"), TAIL)

    assert life.text == "onetwothree"
    assert life.seams == [(1, 0, 3), (2, 1, 6)]


def test_an_answer_in_more_parts_than_an_answer_has_is_given_up():
    life = begun(upstreams="a")
    for n in range(MOST_SEAMS + 3):
        life.fails(n, Fault.CUT)
        life.at(life.now + 2.0)
        if life.finished:
            break
        life.answers(n + 1, HEAD, word("more"), end=False)

    assert life.finished.broken is Fault.CUT
    assert len(life.sent) <= MOST_SEAMS + 1


def test_when_nobody_can_the_answer_ends_in_the_error_of_the_one_that_broke_off():
    life = begun()
    life.fails(0, Fault.CUT)
    life.answers(1, b'{"error":{"message":"no such parameter"}}', status=400, headers=())
    life.at(700.0)

    assert life.finished.broken is Fault.CUT
    assert life.refused is None
    assert b"a/m: its answer broke off; b/m: it refused the request" in life.given
    assert b"no such parameter" not in life.given


def test_the_deadline_ends_it_as_well():
    life = begun(deadline_s=5.0)
    life.fails(0, Fault.CUT)

    life.at(6.0)

    assert life.finished.broken is Fault.CUT
    assert life.exchange.is_over


def test_a_subscriptions_token_never_goes_on_with_anything():
    keys = {"a": KeyChoice(), "b": SUBSCRIPTION, "c": KeyChoice()}
    life = begun(upstreams="abc", keys=keys)

    life.fails(0, Fault.CUT)
    assert life.sent == ["a", "c"]
    life.fails(1, Fault.REFUSED)
    life.at(60.0)

    assert "b" not in life.sent


def test_a_break_behind_a_stop_reason_is_no_break():
    life = begun()

    life.do(life.exchange.data(0, TAIL.partition(b"event: message_stop")[0], 1.0))
    life.fails(0, Fault.CUT)

    assert life.sent == ["a"]
    assert life.finished.broken is None


def test_without_anybody_to_write_for_the_client_a_break_ends_in_an_error():
    life = Life()
    life.answers(0, HEAD, word("one"), end=False)

    life.fails(0, Fault.CUT)

    assert life.sent == ["a"]
    assert life.finished.broken is Fault.CUT


def test_the_gateways_own_end_finds_the_client_between_two_events_even_then():
    life = begun()
    life.fails(0, Fault.CUT)

    assert b"overloaded_error" in life.exchange.ending(Fault.OVERLOADED, "we stop")


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.STALL, Fault.RESET])
def test_what_came_before_the_break_is_not_lost(fault):
    life = begun()
    life.do(life.exchange.data(0, word("and ") + word("more")[:20], 1.0))
    life.fails(0, fault)
    life.answers(1, HEAD, word("two"), TAIL)

    assert life.text == "oneand two"


def test_a_client_that_leaves_while_somebody_is_asked_to_go_on_ends_it():
    life = begun()
    life.fails(0, Fault.CUT)

    life.do(life.exchange.client_gone())

    assert life.exchange.is_over
    assert 1 in life.cancelled


def test_who_failed_before_the_first_word_is_asked_again_only_when_nobody_else_is_left():
    life = Life(upstreams="abc", goes_on=True)
    life.fails(0, Fault.REFUSED)
    life.answers(1, HEAD, word("one"), end=False)

    life.fails(1, Fault.CUT)

    assert life.sent == ["a", "b", "c"]
    assert isinstance(life.exchange.going_on.broken, type(life.exchange.tries[1]))


def test_the_end_of_what_is_refused_is_as_ever():
    life = Life(goes_on=True)
    life.answers(0, b'{"error":{"message":"wrong"}}', status=400, headers=())
    assert life.refused.end is End.REQUEST_WRONG
