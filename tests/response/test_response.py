"""Alternatives: only what is up."""

from datetime import UTC, datetime

from stillup.model.service import State
from stillup.response.alternatives import Offer, choose, healthy_parts

NOW = datetime(2026, 4, 7, tzinfo=UTC)


def offer(service, *depends_on):
    return Offer(service=service, name=service, advantage="a", access="web", free=True, link="l", depends_on=depends_on)


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
