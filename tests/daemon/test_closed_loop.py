"""The loop closed over real connections: what a page says moves requests; what they meet is said of the service."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest

from stillup.config import parse_config
from stillup.daemon.gateway import build
from stillup.daemon.jobs import profile_of
from stillup.daemon.live import Listeners, Live
from stillup.daemon.traffic import TrafficObserver
from stillup.daemon.view import MonitorView
from stillup.gateway.plan import resolve
from stillup.gateway.seen.make import labels_for
from stillup.model.service import Confidence, Scope, State
from stillup.model.signal import Declared
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider_server import ProviderServer
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

START = datetime(2026, 4, 7, 12, 0, 0, 1000, tzinfo=UTC)
OPUS, SONNET = "claude-opus-4-5", "claude-sonnet-4-5"

CONFIG = """
[gateway]
listen = "127.0.0.1:0"
journal = false
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{a}"
service = "claude"
component = "api"
[[gateway.upstreams]]
id = "b"
protocol = "anthropic"
base_url = "{b}"
service = "aws"
[[gateway.routes]]
chain = ["a", "b"]
"""


class Heard:
    def __init__(self):
        self.changes = []

    def heard(self, report): ...

    def trouble(self, why): ...

    def judged(self, now, changes):
        self.changes += changes


class Loop:
    """A gateway before two providers, a monitor beside it, and a client; time passes only when told to."""

    def __init__(self, a, b):
        self.a, self.b = a, b
        self.clock = FakeClock(START)
        config = parse_config(CONFIG.format(a=a.url, b=b.url))
        self.monitor = Monitor(profile_of)
        self.view = MonitorView(self.monitor, self.clock, ["claude", "aws"])
        self.observer = TrafficObserver(self.clock, labels_for([]))
        self.heard = Heard()
        self.live = Live(self.monitor, self.clock, Listeners(self.view, self.heard), feeds=[self.observer.due])
        self.gateway = build(
            config, resolve(config, {}), self.clock, view=self.view, observer=self.observer, say=pytest.fail
        )

    async def ask(self, model=OPUS):
        """Ask once, on a connection of its own; the status, and who answered why."""
        body = {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": "hello"}]}
        headers = {"anthropic-version": "2023-06-01", "x-api-key": "dummy"}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as client,
            client.post(f"{self.gateway.address}/v1/messages", json=body, headers=headers) as answer,
        ):
            await answer.read()
            return answer.status, answer.headers.get("x-stillup-upstream"), answer.headers.get("x-stillup-reason")

    async def minute(self, *signals):
        """A minute ends, in which somebody said these things too."""
        self.live.take(signals)
        await self.clock.advance(60 - (self.clock.now() - START).total_seconds() % 60)
        await self.live.judge(self.clock.now())

    def page(self, state, **rest):
        """The official page says this of Claude's API."""
        about = {"service": "claude", "source": "statuspage", "component": "api", "incident": "i"}
        return Declared(at=self.clock.now(), state=state, **about, **rest)

    def of_claude(self):
        return [c for c in self.heard.changes if c.service == "claude" and c.component is None]


@pytest.fixture
def looped():
    @asynccontextmanager
    async def make():
        async with ProviderServer("A") as a, ProviderServer("B") as b:
            loop = Loop(a, b)
            await loop.gateway.start()
            try:
                yield loop
            finally:
                await loop.gateway.stop(0.0)

    return make


async def test_an_outage_confirmed_elsewhere_reroutes_before_the_first_request_fails(looped):
    async with looped() as loop:
        loop.a.set(Behaviour(failure=Failure.HANG))  # whoever asks it waits for ever
        await loop.minute(loop.page(State.MAJOR_OUTAGE))
        assert await loop.ask() == (200, "b", "outage_confirmed")
        assert loop.a.counts.requests == 0


async def test_an_outage_of_another_model_moves_nothing(looped):
    async with looped() as loop:
        await loop.minute(loop.page(State.MAJOR_OUTAGE, model="sonnet"))
        assert (await loop.ask(OPUS))[1] == "a"
        assert (await loop.ask(SONNET))[1:] == ("b", "outage_confirmed")


async def test_when_the_page_is_green_again_requests_go_back(looped):
    async with looped() as loop:
        await loop.minute(loop.page(State.MAJOR_OUTAGE))
        assert (await loop.ask())[1] == "b"
        await loop.minute(loop.page(State.OPERATIONAL))
        assert (await loop.ask())[1] == "a"


async def test_what_requests_meet_is_suspected_and_no_request_was_lost_over_it(looped):
    async with looped() as loop:
        for _ in range(20):
            assert (await loop.ask())[:2] == (200, "a")
            await loop.minute()
        loop.a.set(Behaviour(failure=Failure.STATUS, status=529))
        for _ in range(30):
            assert (await loop.ask())[:2] == (200, "b")
            await loop.minute()
        fault = loop.of_claude()[-1]
        assert (fault.state.is_outage, fault.confidence) == (True, Confidence.SUSPECTED)
        assert loop.view.prior("claude", "api", OPUS).state is State.UNKNOWN  # nobody but the gateway says so
        await loop.minute(loop.page(State.MAJOR_OUTAGE))
        assert loop.of_claude()[-1].confidence is Confidence.CONFIRMED
        assert loop.view.prior("claude", "api", OPUS).is_out
        assert not any(c.state.is_fault for c in loop.heard.changes if c.service == "aws")


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(failure=Failure.STATUS, status=429),
        Behaviour(failure=Failure.STATUS, status=429, retry_after="20"),
        Behaviour(failure=Failure.STATUS, status=429, reason=Reason.QUOTA),
        Behaviour(failure=Failure.STATUS, status=402),
        Behaviour(failure=Failure.STATUS, status=401),
    ],
    ids=["429", "429 with Retry-After", "quota", "402", "401"],
)
async def test_the_users_own_limit_bill_or_key_never_alarms_and_moves_only_what_it_must(looped, behaviour):
    async with looped() as loop:
        for _ in range(10):
            await loop.ask()
            await loop.minute()
        loop.a.set(behaviour)
        for _ in range(60):
            await loop.ask()
            await loop.minute()
        assert not any(c.state.is_fault for c in loop.heard.changes)
        assert loop.of_claude()[-1].scope in (Scope.YOUR_QUOTA, None)
        assert not loop.view.prior("claude", "api", OPUS).is_out


async def test_a_wrong_request_of_the_clients_is_nobodys_fault(looped):
    async with looped() as loop:
        loop.a.set(Behaviour(failure=Failure.STATUS, status=400))
        for _ in range(30):
            assert (await loop.ask())[0] == 400
            await loop.minute()
        assert loop.heard.changes == []
        assert loop.monitor.evidence("claude") == []


async def test_the_gateway_goes_on_when_nobody_judges_any_more(looped):
    async with looped() as loop:
        await loop.minute(loop.page(State.MAJOR_OUTAGE))
        await loop.clock.advance(600)
        assert (await loop.ask())[1] == "a"
