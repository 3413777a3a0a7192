"""What the gateway can say of a service in trouble: who answers in its place, by the tries it has made."""

import pytest

from stillup.config import parse_config
from stillup.daemon.places import Places
from stillup.daemon.rerouting import Rerouter
from stillup.gateway.core.values import Operation, Protocol, Target
from stillup.gateway.core.views import Try
from stillup.gateway.plan import resolve
from stillup.model.service import State
from stillup.secret import Secret

UPSTREAMS = "".join(
    f'[[gateway.upstreams]]\nid = "{name}"\nprotocol = "anthropic"\nbase_url = "http://127.0.0.1:1"\n'
    f'service = "{service}"\n'
    for name, service in (("a", "claude"), ("b", "bedrock"), ("c", "openrouter"))
)


class Clock:
    def __init__(self):
        self.at_s = 0.0

    def monotonic_s(self):
        return self.at_s


class Heard:
    def __init__(self):
        self.told = []

    def tried(self, result):
        self.told.append(result)


@pytest.fixture
def rerouter():
    def make(routes='[[gateway.routes]]\nchain = ["a", "b", "c"]\n'):
        config = parse_config(UPSTREAMS + routes)
        return Rerouter(resolve(config, {}), Clock(), Heard(), saves=True)

    return make


def tried(name, *, ok):
    return Try(
        target=Target(upstream=name, model="", protocol=Protocol.ANTHROPIC),
        model="x",
        operation=Operation.GENERATE,
        ok=ok,
    )


def unknown(_):
    return State.UNKNOWN


def test_before_anything_was_asked_those_are_ready_of_which_nothing_bad_is_known(rerouter):
    told = rerouter().rerouting("claude", lambda s: State.MAJOR_OUTAGE if s == "bedrock" else State.UNKNOWN)
    assert (told.ready, told.failing, told.answering) == (("c",), ("b",), ())


def test_who_answered_of_late_answers_and_who_failed_does_not(rerouter):
    there = rerouter()
    for name, ok in (("b", False), ("c", True), ("a", False)):
        there.tried(tried(name, ok=ok))
    told = there.rerouting("claude", unknown)
    assert (told.answering, told.failing, told.ready, told.saves) == (("c",), ("b",), (), True)
    assert len(there._then.told) == 3, "whoever else listens is told too"


def test_what_was_long_ago_says_nothing_of_now(rerouter):
    there = rerouter()
    there.tried(tried("b", ok=False))
    there._clock.at_s = 601.0
    assert there.rerouting("claude", unknown).ready == ("b", "c")


def test_routes_that_do_not_pass_through_the_service_are_of_no_use(rerouter):
    told = rerouter('[[gateway.routes]]\nchain = ["b", "c"]\n').rerouting("claude", unknown)
    assert not told.uses
    assert rerouter('[[gateway.routes]]\nchain = ["a"]\n').rerouting("claude", unknown).ready == ()


def test_without_routes_any_upstream_may_stand_in(rerouter):
    assert rerouter("").rerouting("claude", unknown).ready == ("b", "c")


def test_the_token_is_shown_where_secrets_may_be_and_nowhere_else():
    places = Places(
        services=("Claude",), data="/d", page="http://p", gateway="http://g", token=Secret("hush-hush-hush"),
        token_at="/d/web.token",
    )  # fmt: skip
    assert "hush-hush-hush" in dict(places.rows(secrets=True))["Chat"]
    assert not any("hush" in where for _, where in places.rows(secrets=False))
    assert "hush" not in repr(places)
