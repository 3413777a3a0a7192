"""Who is asked beside, instead of and after whom, on a clock moved by hand."""

from __future__ import annotations

import gzip

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.retry import End
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.base import KeyChoice, KeyKind
from tests.gateway.core.life import ANSWER, AT, ERROR_EVENT, HEAD, JSON, SSE, TAIL, WHOLE, Life, a_desk, word

INVALID = b'{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: too many"}}'
FILTERED = b'{"error":{"code":"content_filter","message":"The prompt was flagged."}}'
OAUTH = KeyChoice(kind=KeyKind.CLIENT, subscription=True)


def limited(after_s: str) -> tuple[tuple[bytes, bytes], ...]:
    return (*JSON, (b"retry-after", after_s.encode()))


def test_a_stand_in_that_fails_is_replaced_at_once_while_the_first_is_still_silent() -> None:
    life = Life("abc")
    life.at(2.0)
    life.answers(1, b"{}", status=500, headers=JSON)
    assert life.sent == ["a", "b", "c"]
    life.answers(2, *ANSWER)
    assert life.given == b"".join(ANSWER)


def test_while_the_newest_is_not_late_yet_a_failure_beside_it_starts_nobody() -> None:
    life = Life("abc")
    life.at(2.0)
    life.fails(0, Fault.RESET)
    assert life.sent == ["a", "b"]


def test_law_2_the_firsts_wrong_request_is_shown_at_once_though_another_is_still_asked() -> None:
    life = Life()
    life.at(2.0)
    life.answers(0, INVALID, status=400, headers=JSON)
    assert life.refused is not None
    assert (life.refused.status, life.refused.body) == (400, INVALID)
    assert life.cancelled == [1]
    assert life.exchange.is_over


def test_law_2_a_content_filter_is_shown_at_once_though_another_is_still_asked() -> None:
    life = Life()
    life.at(2.0)
    life.answers(1, FILTERED, status=400, headers=JSON)
    assert life.refused is not None
    assert life.refused.end is End.FILTERED
    assert life.cancelled == [0]


def test_beside_a_silent_one_a_limited_one_is_asked_as_soon_as_its_limit_has_passed() -> None:
    desk = a_desk()
    Life("b", desk=desk).answers(0, b"{}", status=429, headers=limited("40"))
    life = Life(desk=desk)
    life.at(39.0)
    assert life.sent == ["a"]
    life.at(41.0)
    assert life.sent == ["a", "b"]


def test_the_only_one_is_given_time_and_then_asked_once_more_beside_its_silence() -> None:
    """A lost connection looks like this, but so does a model that thinks for minutes."""
    life = Life("a")
    life.at(59.0)
    assert life.sent == ["a"]
    life.at(61.0)
    assert (life.sent, life.cancelled) == (["a", "a"], [])
    life.answers(0, *ANSWER)
    assert life.given == b"".join(ANSWER)


def test_law_10_a_subscriptions_token_is_not_used_twice_at_once_however_long_the_silence() -> None:
    life = Life("a", keys={"a": OAUTH}, deadline_s=300.0)
    life.at(299.0)
    assert (life.sent, life.cancelled) == (["a"], [])
    life.at(301.0)
    assert life.refused is not None
    assert life.refused.end is End.DEADLINE


def test_law_10_a_subscription_takes_over_from_a_failed_stand_in_only_when_nobody_else_is_asked() -> None:
    life = Life("abc", keys={"a": KeyChoice(), "b": KeyChoice(), "c": OAUTH})
    life.at(2.0)
    life.fails(1, Fault.RESET)
    assert life.cancelled == [0]
    assert life.sent == ["a", "b", "c"]


def test_law_5_without_budget_a_silent_one_is_left_instead_of_doubled() -> None:
    desk = a_desk()
    while desk.may_spend():
        pass
    life = Life(desk=desk)
    life.at(2.0)
    assert (life.cancelled, life.sent) == ([0], ["a", "b"])
    assert life.faults == [Fault.SLOW_FIRST_TOKEN]


def test_in_a_second_round_a_fallbacks_400_does_not_pass_for_the_firsts() -> None:
    life = Life()
    life.answers(0, b"{}", status=500, headers=JSON)
    life.answers(1, b"{}", status=500, headers=JSON)
    life.at(1.0)
    assert life.sent == ["a", "b", "a"]
    life.answers(2, b"{}", status=500, headers=JSON)
    assert life.sent == ["a", "b", "a", "b"]
    life.answers(3, INVALID, status=400, headers=JSON)
    life.at(5.0)
    assert life.refused is None or life.refused.status == 500


def test_a_limit_that_is_set_meanwhile_holds_in_the_second_round_too() -> None:
    life = Life("a")
    life.answers(0, b"{}", status=429, headers=JSON)  # without Retry-After: about a second
    life.at(0.7)
    assert life.sent == ["a"]
    life.at(1.5)
    assert life.sent == ["a", "a"]


def test_only_who_was_asked_before_is_asked_again() -> None:
    desk = a_desk()
    other = Life("b", desk=desk)
    other.answers(0, b"{}", status=429, headers=limited("5"))
    other.do(other.exchange.client_gone())
    life = Life("ab", desk=desk)
    life.answers(0, b"{}", status=500, headers=JSON)
    for n, at_s in ((1, 0.5), (2, 1.5)):
        life.at(at_s)
        life.answers(n, b"{}", status=500, headers=JSON)
    life.at(6.0)
    whys = [(t.turn.target.upstream, t.turn.why) for t in life.exchange.tries]
    assert whys == [("a", Why.FIRST_CHOICE), ("a", Why.AGAIN), ("a", Why.AGAIN), ("b", Why.LAST_RESORT)]


def test_a_slow_client_is_no_stall_of_its_upstream() -> None:
    life = Life()
    life.answers(0, HEAD, word("one"), end=False)
    life.exchange.paused()
    life.at(100.0)
    assert life.finished is None
    life.exchange.resumed(100.0)
    life.at(119.0)
    assert life.finished is None
    life.do(life.exchange.data(0, TAIL, 119.0))
    life.do(life.exchange.end(0, 119.0, AT))
    assert life.finished is not None
    assert life.finished.broken is None


def test_a_stall_after_a_slow_client_has_caught_up_is_one() -> None:
    life = Life()
    life.answers(0, HEAD, word("one"), end=False)
    life.exchange.paused()
    life.at(100.0)
    life.exchange.resumed(100.0)
    life.at(121.0)
    assert life.finished is not None
    assert life.finished.broken is Fault.STALL


@pytest.mark.parametrize("junk", [ERROR_EVENT, b"data: {]\n\n", word("more")])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_follows_the_end_marker_breaks_nothing(junk: bytes, at_once: bool) -> None:
    life = Life()
    life.answers(0, *([b"".join(ANSWER) + junk] if at_once else [*ANSWER, junk]))
    assert life.finished is not None
    assert life.finished.broken is None
    assert life.given.startswith(b"".join(ANSWER))
    assert b"broke off" not in life.given
    assert life.faults == [None]


def test_s11_an_answer_that_ends_after_its_stop_reason_is_given_the_end_marker_it_lacks() -> None:
    life = Life()
    whole = b"".join(ANSWER)
    stop = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    life.answers(0, whole.removesuffix(stop))
    assert life.given == whole
    assert life.faults == [None]


def test_a_whole_answer_for_a_client_that_reads_a_stream_already_is_no_answer() -> None:
    """It was pinged, so it can make nothing of a JSON object."""
    life = Life("a")
    life.at(16.0)
    assert life.pings == 1
    life.answers(0, WHOLE, headers=JSON)
    assert WHOLE not in life.given
    assert life.faults == [Fault.MALFORMED]


def test_what_an_upstream_says_in_an_error_event_reaches_the_client() -> None:
    life = Life("a")
    event = b'event: error\ndata: {"type":"error","error":{"type":"invalid_request_error","message":"bad tool"}}\n\n'
    life.answers(0, HEAD, event, headers=SSE)
    assert life.refused is not None
    assert (life.refused.end, life.refused.says) == (End.REQUEST_WRONG, "bad tool")


def test_a_coded_error_is_read_decoded() -> None:
    life = Life()
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8"}}'
    life.answers(0, gzip.compress(body), status=400, headers=(*JSON, (b"content-encoding", b"gzip")))
    assert life.sent == ["a", "b"]
    assert life.faults == [Fault.TOO_LONG]


def test_a_client_that_leaves_while_its_request_waits_for_a_limit_ends_it() -> None:
    life = Life("a")
    life.answers(0, b"{}", status=429, headers=limited("5"))
    life.do(life.exchange.client_gone())
    life.at(20.0)
    assert life.sent == ["a"]
    assert life.exchange.is_over


def test_limits_beyond_what_is_worth_waiting_for_are_told_with_their_time() -> None:
    life = Life()
    for n in (0, 1):
        life.answers(n, b"{}", status=429, headers=limited("31"))
    assert life.refused is not None
    assert (life.refused.end, life.refused.status) == (End.ALL_FAILED, 429)
    assert life.refused.retry_after_s == pytest.approx(31.0)


def test_law_10_where_all_are_silent_a_subscriptions_token_is_not_sent_again_beside_the_others() -> None:
    life = Life("ab", keys={"a": OAUTH, "b": KeyChoice()}, deadline_s=600.0)
    life.at(2.0)
    assert life.sent == ["a", "b"]
    life.at(599.0)
    assert life.sent == ["a", "b", "b", "b"]
