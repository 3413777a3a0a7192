"""What ``stillup gateway status`` is told."""

from datetime import UTC, datetime

import msgspec
import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.lane import KEY_BLOCKED_S
from stillup.gateway.core.status import Condition, TargetStatus
from stillup.model.service import State


def only(p) -> TargetStatus:
    (status,) = p.desk.status(p.now)
    return status


def test_a_well_target_shows_its_counts_and_its_times_to_first_token(play):
    p = play("a")
    for took in (0.1, 0.2, 0.3, 0.4):
        p.ask(took=took)
    status = only(p)
    assert (status.upstream, status.model, status.condition, status.says) == ("a", "m", Condition.WELL, "It answers.")
    assert (status.ok, status.failed, status.last_fault, status.last_fault_ago_s) == (4, 0, None, None)
    assert round(status.first_token_p50_s, 3) == 0.2
    assert round(status.first_token_p95_s, 3) == 0.4


def test_each_condition_has_its_time(play):
    p = play("a")
    p.ask({"a": Fault.SERVER_ERROR}, took=0.0)
    assert (only(p).condition, only(p).last_fault) == (Condition.SUSPICIOUS, Fault.SERVER_ERROR)
    p.ask({"a": Fault.SERVER_ERROR}, took=0.0)
    assert (only(p).condition, only(p).open_for_s) == (Condition.OPEN, 1.0)
    p.wait(1.5)
    assert (only(p).condition, only(p).open_for_s, only(p).last_fault_ago_s) == (Condition.TRICKLE, None, 1.5)


def test_an_outage_known_from_outside_is_shown_with_its_sentence(play):
    p = play("a")
    p.view.out("a")
    p.ask(took=0.0)
    status = only(p)
    assert (status.condition, status.prior, status.prior_probability) == (Condition.OUT, State.MAJOR_OUTAGE, 0.99)
    assert status.prior_says == "all families agree"


def test_limits_are_shown_by_key(play):
    p = play("a")
    p.bad(p.start(), Fault.RATE_LIMITED, retry_after_s=30.0)
    assert (only(p).condition, only(p).open_for_s) == (Condition.LIMITED, 30)
    p.key = "k2"
    p.good(p.start())
    turn = p.start()
    headers = ((b"x-ratelimit-remaining-requests", b"7"), (b"x-ratelimit-reset-requests", b"20s"))
    p.desk.answered_headers(turn, headers, datetime(2026, 4, 7, tzinfo=UTC), p.now)
    status = only(p)
    assert status.condition is Condition.WELL
    assert [(left.key, left.of, left.remaining, left.reset_in_s) for left in status.headroom] == [
        ("k2", "requests", 7, 20)
    ]


def test_a_refused_key_is_shown_as_such(play):
    p = play("a")
    p.bad(p.start(), Fault.UNAUTHORIZED)
    assert only(p).condition is Condition.KEY_BLOCKED


@pytest.mark.parametrize(
    ("fault", "wait_s", "shown"),
    [(Fault.QUOTA, None, Condition.KEY_BLOCKED), (Fault.RATE_LIMITED, 90.0, Condition.LIMITED)],
    ids=["a blocked key", "a limit"],
)
def test_behind_a_breaker_that_may_trickle_a_shut_key_is_shown_for_no_request_goes_there(play, fault, wait_s, shown):
    p = play("a")
    first, second = p.start(), p.start()
    p.bad(first, Fault.OVERLOADED)
    p.bad(second, fault, retry_after_s=wait_s)
    p.wait(5.0)
    assert only(p).condition is shown
    assert only(p).open_for_s == (wait_s or KEY_BLOCKED_S) - 5.0


def test_configured_targets_are_shown_before_the_first_request_with_what_is_known_outside(play):
    p = play("ab")
    p.view.out("b")
    a, b = p.desk.status(p.now, p.chain())
    assert (a.condition, b.condition) == (Condition.UNTRIED, Condition.OUT)


def test_it_is_json_and_back(play):
    p = play("ab")
    p.ask({"a": Fault.OVERLOADED})
    said = p.desk.status(p.now)
    assert msgspec.json.decode(msgspec.json.encode(said), type=tuple[TargetStatus, ...]) == said
