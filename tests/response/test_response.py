"""Alternatives and playbook: only what is up, and only what helps."""

from datetime import UTC, datetime

from stillup.model.service import Confidence, Scope, State
from stillup.model.verdict import Verdict
from stillup.response.alternatives import Offer, choose, healthy_parts
from stillup.response.playbook import steps

NOW = datetime(2026, 4, 7, tzinfo=UTC)


def offer(service, *depends_on):
    return Offer(service=service, name=service, advantage="a", access="web", free=True, link="l", depends_on=depends_on)


def verdict(**rest):
    return Verdict(at=NOW, service="claude", **rest)


def test_services_that_are_up_come_before_those_not_checked_and_those_down_are_left_out():
    choices = choose(
        [offer("a"), offer("b"), offer("c")], {"a": State.UNKNOWN, "b": State.MAJOR_OUTAGE, "c": State.OPERATIONAL}, []
    )
    assert [c.offer.service for c in choices] == ["c", "a"]


def test_a_service_on_the_same_failed_ground_is_not_offered():
    assert [c.offer.service for c in choose([offer("a", "aws"), offer("b", "gcp")], {}, ["aws"])] == ["b"]


def test_only_parts_known_to_work_are_named_and_only_while_others_are_broken():
    names = {"web": "claude.ai", "api": "API", "code": "Code"}
    states = {"api": State.OPERATIONAL, "code": State.UNKNOWN}
    assert healthy_parts(names, ["web"], states) == ("API",)
    assert healthy_parts(names, [], states) == ()


def test_an_operational_service_needs_no_steps():
    assert steps(verdict(state=State.OPERATIONAL), ("x",), ()) == ()


def test_in_an_outage_work_is_saved_first_and_what_still_works_comes_next():
    told = steps(verdict(state=State.MAJOR_OUTAGE, confidence=Confidence.CONFIRMED), ("wait",), ("API",))
    assert "unsent text" in told[0]
    assert "API" in told[1]
    assert told[2] == "wait"


def test_your_own_trouble_gets_your_own_steps():
    assert "connection" in steps(verdict(scope=Scope.YOU), ("wait",), ())[0]
    assert "limit" in steps(verdict(scope=Scope.YOUR_QUOTA), ("wait",), ())[0]


def test_unknown_points_to_the_doctor():
    assert "stillup doctor" in steps(verdict(), (), ())[0]
