"""What the gateway can say of a service in trouble: who answers in its place, by the tries it has made."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec import structs

from stillup.catalog.load import find_service
from stillup.cli.answer.steps import steps_of
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.ask import FirstAnswer
from stillup.daemon.gateway import build
from stillup.daemon.places import Places
from stillup.daemon.rerouting import Neighbour, Rerouter, neighbour
from stillup.gateway.core.desk import Desk
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.turn import Facts
from stillup.gateway.core.values import Operation, Protocol, Target
from stillup.gateway.core.views import Try
from stillup.gateway.plan import resolve
from stillup.gateway.statuspage import GatewayStatus
from stillup.model.service import Family, State
from stillup.model.verdict import Verdict
from stillup.response.playbook import Done
from stillup.secret import Secret

NOW = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)

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


@pytest.fixture
async def beside(tmp_path):
    """A gateway that runs here, and the configuration by which it is found."""
    routes = '[[gateway.routes]]\nchain = ["a", "b", "c"]\n'
    listen = '[gateway]\nlisten = "127.0.0.1:{}"\n'
    config = parse_config(f'data = "{tmp_path}"\n{listen.format(0)}{UPSTREAMS}{routes}')
    gateway = build(config, resolve(config, {}), SystemClock(), say=pytest.fail)
    await gateway.start()
    try:
        yield parse_config(listen.format(gateway.address.rpartition(":")[2]))
    finally:
        await gateway.stop(0.0)


async def test_a_gateway_beside_says_whether_it_saves_and_who_is_next(beside):
    told = (await neighbour(beside, {}, 30.0)).rerouting("claude", lambda s: _down("bedrock", s))
    assert (told.saves, told.uses, told.ready, told.failing, told.answering) == (True, True, ("c",), ("b",), ())
    assert not (await neighbour(beside, {}, 30.0)).rerouting("chatgpt", unknown).uses


async def test_one_look_ticks_off_what_a_gateway_beside_has_done(beside):
    verdict = Verdict(at=NOW, service="claude", state=State.MAJOR_OUTAGE, families=(Family.OFFICIAL,))
    look = FirstAnswer(
        service=find_service("claude"), at=NOW, verdict=verdict, components={}, evidence=(), reports=(),
        gateway=await neighbour(beside, {}, 30.0),
    )  # fmt: skip
    done = {step.says: step.note for step in steps_of(look, None) if step.done is Done.DONE}
    assert "What went through the gateway is saved." in done
    assert done["Requests through the gateway are rerouted."] == "the next one goes to b"


def test_an_upstream_beside_that_is_left_alone_is_failing():
    said = {
        "version": "1", "upstreams": [{"id": u, "service": s} for u, s in (("a", "claude"), ("b", "bedrock"))],
        "chains": [["a", "b"]],
        "targets": [structs.asdict(s) for s in _left_alone("b")],
    }  # fmt: skip
    told = Neighbour(msgspec.convert(msgspec.to_builtins(said), GatewayStatus)).rerouting("claude", unknown)
    assert (told.saves, told.ready, told.failing) == (False, (), ("b",))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", None])
async def test_whoever_else_listens_there_is_no_gateway(answer):
    heard = []

    async def take(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await reader.read()  # until the asker has had enough
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        config = parse_config(f'[gateway]\nlisten = "127.0.0.1:{server.sockets[0].getsockname()[1]}"\n')
        assert await neighbour(config, {"STILLUP_TOKEN": "hush"}) is None
    assert await neighbour(config, {}) is None, "nobody listens any more"
    assert not any(b"hush" in head for head in heard)


def _down(name, service):
    return State.MAJOR_OUTAGE if service == name else State.UNKNOWN


def _left_alone(name):
    """How a desk tells of an upstream whose keys are refused."""
    desk, target = Desk(), Target(upstream=name, model="m", protocol=Protocol.ANTHROPIC)
    for at_s in range(1, 40):
        chosen = desk.choose((target,), Facts(Operation.GENERATE, "m", stream=True), {}, float(at_s)).turns
        for turn in chosen:
            desk.begin(turn, float(at_s))
            desk.settled(
                turn, structs.replace(tried(name, ok=False), target=target, fault=Fault.SERVER_ERROR), at_s + 0.5
            )
    return desk.status(40.0)


def test_the_token_is_shown_where_secrets_may_be_and_nowhere_else():
    places = Places(
        services=("Claude",), data="/d", page="http://p", gateway="http://g", token=Secret("hush-hush-hush"),
        token_at="/d/web.token",
    )  # fmt: skip
    assert "hush-hush-hush" in dict(places.rows(secrets=True))["Chat"]
    assert not any("hush" in where for _, where in places.rows(secrets=False))
    assert "hush" not in repr(places)
