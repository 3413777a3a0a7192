"""One request's life, on a clock moved by hand: each test tells a timeline."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.actions import (
    Whole,
)
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.retry import End
from stillup.gateway.core.values import Headers
from stillup.gateway.dialects.base import KeyChoice, KeyKind
from tests.gateway.core.life import (
    ANSWER,
    AT,
    ERROR_EVENT,
    HEAD,
    JSON,
    OVERLOADED,
    SSE,
    TAIL,
    WHOLE,
    Life,
    a_desk,
    word,
)


def test_an_answer_reaches_the_client_byte_for_byte() -> None:
    life = Life()
    life.answers(0, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.sent == ["a"]
    assert life.faults == [None]
    assert life.settled[0].result.usage.output_tokens == 2


def test_law_4_nothing_reaches_the_client_before_the_first_content() -> None:
    life = Life()
    life.answers(0, HEAD, end=False)
    assert life.head is None
    assert life.given == b""
    life.do(life.exchange.data(0, word("one"), 0.5))
    assert life.given == HEAD + word("one")


BEFORE_CONTENT: dict[str, tuple[tuple[bytes, ...], int, Headers, Fault]] = {
    "529": ((OVERLOADED,), 529, JSON, Fault.OVERLOADED),
    "500": ((b"{}",), 500, JSON, Fault.SERVER_ERROR),
    "HTML with 200": ((b"<html>",), 200, ((b"content-type", b"text/html"),), Fault.NOT_API),
    "an unknown content type": ((b"\x00",), 200, ((b"content-type", b"image/png"),), Fault.NOT_API),
    "an error event first": ((HEAD, ERROR_EVENT), 200, SSE, Fault.OVERLOADED),
    "an empty stream": ((), 200, SSE, Fault.EMPTY),
    "a stream of pings alone": ((HEAD,), 200, SSE, Fault.EMPTY),
    "garbage": ((b"data: {]\n\n",), 200, SSE, Fault.MALFORMED),
}


@pytest.mark.parametrize("case", BEFORE_CONTENT.values(), ids=BEFORE_CONTENT.keys())
def test_law_3_a_fault_before_the_first_content_moves_on_cleanly(
    case: tuple[tuple[bytes, ...], int, Headers, Fault],
) -> None:
    pieces, status, headers, fault = case
    life = Life()
    life.answers(0, *pieces, status=status, headers=headers)
    life.answers(1, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.sent == ["a", "b"]
    assert life.faults == [fault, None]


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.DNS, Fault.TLS, Fault.CONNECT_TIMEOUT, Fault.RESET])
def test_a_broken_connection_moves_on(fault: Fault) -> None:
    life = Life()
    life.fails(0, fault)
    life.answers(1, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.faults == [fault, None]


def test_a_silent_upstream_is_hedged_and_the_first_content_wins() -> None:
    life = Life()
    life.at(1.9)
    assert life.sent == ["a"]
    life.at(2.0)
    assert life.sent == ["a", "b"]
    life.answers(1, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.cancelled == [0]
    assert life.faults == [Fault.SLOW_FIRST_TOKEN, None]


def test_a_late_primary_may_still_win_and_its_hedge_is_no_failure() -> None:
    life = Life()
    life.at(2.5)
    life.answers(0, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.cancelled == [1]
    assert life.faults == [None, None]
    assert [s.result.ok for s in life.settled] == [False, True]


def test_a_hang_costs_the_first_request_its_hedge_delay_and_the_next_one_nothing() -> None:
    desk = a_desk()
    first = Life(desk=desk)
    first.at(2.0)
    first.answers(1, *ANSWER)
    second = Life(desk=desk, now=2.1)
    assert second.sent == ["b"]


def test_while_one_request_hangs_others_do_not_wait_for_the_same() -> None:
    desk = a_desk()
    first = Life(desk=desk)
    first.at(2.0)  # late: its breaker opens now, not when the hedge has won
    assert Life(desk=desk, now=2.0).sent == ["b"]


def test_every_upstream_silent_is_borne_until_the_deadline_and_then_said() -> None:
    life = Life(deadline_s=100.0)
    life.at(101.0)
    assert life.refused is not None
    assert life.refused.end is End.DEADLINE
    assert life.pings > 0


def test_law_2_when_all_fail_the_client_gets_the_first_ones_error() -> None:
    life = Life()
    life.answers(0, OVERLOADED, status=529, headers=(*JSON, (b"retry-after", b"40")))
    life.answers(1, b"{}", status=400, headers=JSON)
    assert life.refused is not None
    assert (life.refused.status, life.refused.body) == (529, OVERLOADED)


def test_law_2_a_wrong_request_is_the_clients_to_see_at_once() -> None:
    life = Life()
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens"}}'
    life.answers(0, body, status=400, headers=JSON)
    assert life.sent == ["a"]
    assert life.refused is not None
    assert (life.refused.status, life.refused.body) == (400, body)


def test_law_3_a_wrong_key_of_ours_moves_on_and_the_clients_own_does_not() -> None:
    body = b'{"type":"error","error":{"type":"authentication_error","message":"no"}}'
    ours = Life()
    ours.answers(0, body, status=401, headers=JSON)
    assert ours.sent == ["a", "b"]
    theirs = Life(keys={"a": KeyChoice(kind=KeyKind.CLIENT), "b": KeyChoice()})
    theirs.answers(0, body, status=401, headers=JSON)
    assert theirs.sent == ["a"]
    assert theirs.refused is not None
    assert theirs.refused.status == 401


def test_law_5_retry_after_never_delays_the_next_upstream() -> None:
    life = Life()
    life.answers(0, b"{}", status=429, headers=(*JSON, (b"retry-after", b"20")))
    assert life.sent == ["a", "b"]
    life.answers(1, *ANSWER)
    desk = life.desk
    assert Life(desk=desk, now=10.0).sent == ["b"]
    assert Life(desk=desk, now=25.0).sent == ["a"]


def test_one_upstream_alone_is_asked_again_after_its_retry_after() -> None:
    life = Life("a")
    life.answers(0, b"{}", status=429, headers=(*JSON, (b"retry-after", b"2")))
    life.at(1.9)
    assert life.sent == ["a"]
    life.at(2.1)
    assert life.sent == ["a", "a"]
    life.answers(1, *ANSWER)
    assert life.given == b"".join(ANSWER)


def test_law_10_a_subscriptions_token_is_never_used_for_a_hedge() -> None:
    oauth = KeyChoice(kind=KeyKind.CLIENT, subscription=True)
    life = Life(keys={"a": KeyChoice(), "b": oauth})
    life.at(2.0)
    assert life.cancelled == [0]  # it moves along instead: nothing runs beside it
    assert life.sent == ["a", "b"]


@pytest.mark.parametrize("how", ["fin", "reset", "stall", "error", "garbage"])
def test_law_4_after_the_first_content_a_fault_ends_in_the_protocols_error_never_cleanly(how: str) -> None:
    life = Life()
    life.answers(0, HEAD, word("one"), end=False)
    match how:
        case "fin":
            life.do(life.exchange.end(0, 1.0, AT))
        case "reset":
            life.fails(0, Fault.CUT)
        case "stall":
            life.at(60.0)
        case "error":
            life.do(life.exchange.data(0, ERROR_EVENT, 1.0))
        case "garbage":
            life.do(life.exchange.data(0, b"data: {]\n\n", 1.0))
    assert life.sent == ["a"]
    assert life.finished is not None
    assert life.finished.broken is not None
    assert life.given.startswith(HEAD + word("one") + b"event: error\ndata: ")
    assert b"message_stop" not in life.given
    assert life.exchange.is_over


def test_half_an_event_never_reaches_the_client() -> None:
    life = Life()
    life.answers(0, HEAD, word("one") + word("two")[:20], end=False)
    life.fails(0, Fault.CUT)
    assert life.given.startswith(HEAD + word("one") + b"event: error")


def test_a_body_that_does_not_end_after_its_end_marker_is_taken_for_ended() -> None:
    life = Life()
    life.answers(0, *ANSWER, end=False)
    life.at(3.0)
    assert life.finished is not None
    assert life.finished.broken is None
    assert life.faults == [None]


def test_an_answer_that_is_no_stream_is_given_when_it_is_whole() -> None:
    life = Life(stream=False)
    life.answers(0, WHOLE[:20], headers=JSON, end=False)
    assert life.head is None
    life.do(life.exchange.data(0, WHOLE[20:], 0.2))
    life.do(life.exchange.end(0, 0.3, AT))
    assert isinstance(life.head, Whole)
    assert life.given == WHOLE


@pytest.mark.parametrize("broken", [b"", WHOLE[:50], b'{"error":{"message":"no"}}', b"[]", b"null"])
def test_a_whole_answer_that_is_broken_moves_on(broken: bytes) -> None:
    life = Life(stream=False)
    life.answers(0, broken, headers=JSON)
    life.answers(1, WHOLE, headers=JSON)
    assert life.given == WHOLE
    assert life.sent == ["a", "b"]


def test_a_waiting_client_is_pinged_and_then_told_of_failure_inside_the_stream() -> None:
    life = Life("a")
    life.at(16.0)
    assert life.pings == 1
    assert life.exchange.is_open


def test_a_client_that_leaves_says_nothing_of_any_upstream() -> None:
    desk = a_desk()
    life = Life(desk=desk)
    life.at(3.0)
    life.do(life.exchange.client_gone())
    assert life.cancelled == [0, 1]
    assert [s.result.fault for s in life.settled] == [None, None]


def test_what_comes_after_the_end_is_ignored() -> None:
    life = Life()
    life.answers(0, *ANSWER)
    before = life.given
    life.do(life.exchange.data(0, word("more"), 5.0))
    life.do(life.exchange.end(0, 5.0, AT))
    life.fails(0, Fault.CUT)
    life.do(life.exchange.tick(50.0))
    assert life.given == before


@given(st.lists(st.integers(0, len(b"".join(ANSWER))), max_size=12))
def test_however_the_bytes_come_the_client_gets_the_same(cuts: list[int]) -> None:
    whole = b"".join(ANSWER)
    edges = sorted({0, len(whole), *cuts})
    life = Life()
    life.answers(0, *(whole[i:j] for i, j in pairwise(edges)))
    assert life.given == whole


@given(st.integers(0, len(b"".join(ANSWER)) - 1))
def test_wherever_a_stream_is_cut_the_client_has_a_whole_answer_or_an_error(where: int) -> None:
    whole = b"".join(ANSWER)
    life = Life()
    life.answers(0, whole[:where], end=False)
    life.fails(0, Fault.CUT)
    if life.sent == ["a", "b"]:
        life.answers(1, *ANSWER)
        assert life.given == whole
    elif life.finished is not None and life.finished.broken is None:
        assert life.given.endswith(TAIL)
    else:
        assert b"event: error" in life.given
        assert whole.startswith(life.given.partition(b"event: error")[0])
