"""Limits are a key's: they reroute that key and never touch health."""

from datetime import UTC, datetime

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation
from stillup.gateway.core.why import Why

AT = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)


def limit(p, fault: Fault = Fault.RATE_LIMITED, **more: object) -> None:
    p.bad(p.start(), fault, **more)


def told(p, **headers: str) -> None:
    lines = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    turn = p.start()
    p.desk.answered_headers(turn, lines, AT, p.now)
    p.good(turn)


def test_s01_an_upstream_is_not_asked_before_its_retry_after_and_at_once_after_it(play):
    p = play()
    limit(p, retry_after_s=20.0)
    assert p.first() == ("b", "retry_after")
    assert p.wait(19.9).first() == ("b", "retry_after")
    assert p.wait(0.2).first() == ("a", "first_choice")


def test_s02_without_retry_after_pauses_double_from_a_second_to_a_minute(play):
    p, pauses = play(), []
    for _ in range(8):
        limit(p)
        start = p.now
        while p.first()[0] != "a":
            p.wait(0.25)
        pauses.append(p.now - start)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_fifty_that_are_refused_together_are_one_refusal(play):
    p = play()
    turns = [p.start() for _ in range(50)]
    p.wait(0.5)
    for turn in turns:
        p.bad(turn, Fault.RATE_LIMITED)
    assert p.wait(1.1).first()[0] == "a"


def test_an_answer_begins_the_pauses_anew(play):
    p = play()
    limit(p)
    p.wait(1.1)
    limit(p)
    p.wait(2.1)
    p.good(p.start(), 0.5)
    limit(p)
    assert p.wait(1.1).first()[0] == "a"


def test_an_answer_to_what_was_asked_before_the_refusal_lifts_nothing(play):
    p = play()
    early = p.start()
    p.wait(0.1)
    limit(p, retry_after_s=20.0)
    p.good(early, 0.1)
    assert p.first()[0] == "b"


@pytest.mark.parametrize("fault", [Fault.QUOTA, Fault.UNAUTHORIZED])
def test_a_refused_key_or_used_up_credit_is_left_alone_for_five_minutes(play, fault):
    p = play()
    limit(p, fault)
    assert p.first() == ("b", "key_blocked")
    assert p.wait(299.0).first() == ("b", "key_blocked")
    assert p.wait(2.0).first() == ("a", "first_choice")


def test_law_6_just_this_key_is_limited_and_no_other(play):
    p = play()
    limit(p, retry_after_s=60.0)
    p.key = "k2"
    assert p.first() == ("a", "first_choice")


def test_a_limit_of_one_model_is_none_of_another(play):
    p = play()
    p.bad(p.start(model="opus"), Fault.RATE_LIMITED, retry_after_s=60.0)
    assert p.first(model="haiku")[0] == "a"
    assert p.first(model="opus")[0] == "b"


def test_a_thousand_limits_are_no_evidence_against_health(play):
    p = play()
    for fault in (Fault.RATE_LIMITED, Fault.QUOTA, Fault.UNAUTHORIZED) * 100:
        limit(p, fault)
    turn = p.start("a")
    assert turn.cell.breaker.closed
    assert turn.cell.breaker.evidence == 0


def test_a_clients_own_key_that_is_refused_is_told_to_the_client_every_time(play):
    p = play()
    limit(p, Fault.UNAUTHORIZED, borrowed_key=True, status=401)
    assert p.first() == ("a", "first_choice")


def test_a_limit_that_has_not_passed_comes_last_with_its_time(play):
    p = play("abc")
    limit(p, retry_after_s=20.0)
    p.ask({"b": Fault.OVERLOADED}, names="b")
    p.bad(p.start("c"), Fault.UNAUTHORIZED)
    choice = p.choose()
    assert [(turn.target.upstream, turn.not_before) for turn in choice.turns] == [
        ("b", None),
        ("c", None),
        ("a", 1020.0),
    ]
    assert [skip.why for skip in choice.skipped] == [Why.RETRY_AFTER, Why.BREAKER_OPEN, Why.KEY_BLOCKED]


def test_with_two_limits_the_sooner_to_pass_is_asked_first(play):
    p = play()
    limit(p, retry_after_s=20.0)
    p.bad(p.start("b"), Fault.RATE_LIMITED, retry_after_s=5.0)
    assert [turn.target.upstream for turn in p.choose().turns] == ["b", "a"]


def test_an_overloaded_upstream_that_says_when_is_asked_then_as_a_trickle(play):
    p = play()
    limit(p, Fault.OVERLOADED, retry_after_s=17.0)
    assert p.wait(16.9).first()[0] == "b"
    p.wait(0.2)
    assert p.start().trickle


def test_a_nearly_spent_limit_reroutes_before_the_429(play):
    p = play()
    told(p, x_ratelimit_limit_requests="60", x_ratelimit_remaining_requests="1", x_ratelimit_reset_requests="30s")
    assert p.first() == ("b", "nearly_spent")
    assert p.wait(30.1).first() == ("a", "first_choice")


def test_a_nearly_spent_one_is_still_asked_when_it_is_the_only_one(play):
    p = play("a")
    told(p, x_ratelimit_limit_requests="60", x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="30s")
    choice = p.choose()
    assert [(turn.target.upstream, turn.not_before) for turn in choice.turns] == [("a", None)]
    assert choice.why is Why.LAST_RESORT


def test_two_percent_are_enough_and_less_is_not(play):
    p = play()
    told(p, x_ratelimit_limit_requests="1000", x_ratelimit_remaining_requests="21", x_ratelimit_reset_requests="30s")
    assert p.first()[0] == "a"
    told(p, x_ratelimit_limit_requests="1000", x_ratelimit_remaining_requests="19", x_ratelimit_reset_requests="30s")
    assert p.first()[0] == "b"


def test_a_request_larger_than_what_is_left_goes_elsewhere_and_a_small_one_stays(play):
    p = play()
    told(p, x_ratelimit_limit_tokens="100000", x_ratelimit_remaining_tokens="9000", x_ratelimit_reset_tokens="30s")
    assert p.first(tokens=10_000) == ("b", "nearly_spent")
    assert p.first(tokens=500) == ("a", "first_choice")


def test_a_long_cached_prompt_is_not_sent_away_from_anthropic(play):
    p = play()
    told(
        p,
        anthropic_ratelimit_input_tokens_limit="400000",
        anthropic_ratelimit_input_tokens_remaining="100000",
        anthropic_ratelimit_input_tokens_reset="2026-04-07T14:00:30Z",
        anthropic_ratelimit_tokens_limit="480000",
        anthropic_ratelimit_tokens_remaining="120000",
        anthropic_ratelimit_tokens_reset="2026-04-07T14:00:30Z",
    )
    assert p.first(tokens=150_000)[0] == "a"


def test_requests_under_way_are_counted_before_their_answers_say_so(play):
    p = play()
    told(p, x_ratelimit_limit_requests="10", x_ratelimit_remaining_requests="3", x_ratelimit_reset_requests="30s")
    assert [p.start().target.upstream for _ in range(4)] == ["a", "a", "a", "b"]


def test_headers_without_limits_are_not_remembered(play):
    p = play()
    told(p, content_type="text/event-stream", request_id="req_1")
    assert not p.start().host.lanes


def test_a_limit_on_counting_tokens_is_none_on_generating(play):
    p = play()
    turn = p.start(operation=Operation.COUNT_TOKENS, stream=False)
    p.bad(turn, Fault.RATE_LIMITED, retry_after_s=60.0)
    assert p.first(operation=Operation.COUNT_TOKENS, stream=False) == ("b", "retry_after")
    assert p.first() == ("a", "first_choice")


def test_a_retry_after_of_nothing_is_no_invitation_to_hammer(play):
    p = play()
    limit(p, retry_after_s=0.0)
    assert p.first() == ("b", "retry_after")
    p.wait(1.1)
    limit(p, Fault.OVERLOADED, retry_after_s=0.0)
    assert p.first() == ("b", "breaker_open")
