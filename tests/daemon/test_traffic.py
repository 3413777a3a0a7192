"""What the gateway tells of its requests: failures that are the service's, nothing of the user's own, and bounded."""

from datetime import UTC, datetime, timedelta
from random import Random
from threading import Thread

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.clock import SystemClock
from stillup.daemon.jobs import profile_of
from stillup.daemon.live import Live
from stillup.daemon.traffic import HELD_S, SINGLES, TrafficObserver
from stillup.daemon.view import MonitorView
from stillup.gateway.core.fault import MEANINGS, Fault, Whose
from stillup.gateway.core.values import Operation, Protocol, Target
from stillup.gateway.core.views import Try
from stillup.gateway.seen import Labels
from stillup.model.service import Confidence, Family, Layer, Scope, State
from stillup.model.signal import Alive, Declared
from stillup.store import open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor
from stillup.verdict.outcomes.stream import ErrorKind, kind_of
from stillup.verdict.replay import Replay

START = datetime(2026, 4, 7, 12, 0, 0, 1000, tzinfo=UTC)
OPUS, SONNET = "claude-opus-4-5", "claude-sonnet-4-5"
CLAUDE = Target("anthropic", "", Protocol.ANTHROPIC, "claude", "api")
CHATGPT = Target("openai", "gpt-5", Protocol.OPENAI, "chatgpt", "api")
LOCAL = Target("ollama", "qwen3", Protocol.OPENAI)
OURS = [f for f, m in MEANINGS.items() if m.whose is Whose.KEY]
REQUESTS = [f for f, m in MEANINGS.items() if m.whose is Whose.REQUEST]
PROVIDERS = [f for f in Fault if f not in OURS + REQUESTS]


def known(name):
    return name if name in (OPUS, SONNET, "gpt-5") else None


def observer(clock=None):
    return TrafficObserver(clock or FakeClock(START), Labels(known))


def try_(fault=None, target=CLAUDE, model=OPUS, **rest):
    status = 200 if fault is None else None
    said = {"operation": Operation.GENERATE, "ok": fault is None, "status": status, "total_s": 9.0} | rest
    return Try(target=target, model=model, fault=fault, **said)


def told(watcher, *tries, seconds=60):
    for result in tries:
        watcher.tried(result)
    return watcher.due(START + timedelta(seconds=seconds))


# -- what is told, and what is not ------------------------------------------------------------------------------------


def test_an_answer_is_a_success_of_its_service_component_and_model():
    (signal,) = told(observer(), try_(first_token_s=0.8))
    assert (signal.service, signal.source, signal.component, signal.model) == ("claude", "gateway", "api", OPUS)
    assert (signal.ok, signal.layer, signal.latency_ms, signal.error) == (True, Layer.INFERENCE, 800.0, None)


def test_how_long_a_whole_answer_took_says_how_long_it_is_and_is_no_latency():
    (signal,) = told(observer(), try_(first_token_s=9.0, total_s=9.0))
    assert signal.latency_ms is None


@pytest.mark.parametrize("fault", PROVIDERS)
def test_every_fault_of_a_provider_is_told_as_a_failure_that_votes(fault):
    signals = told(observer(), try_(fault), try_(target=CHATGPT, model="gpt-5"))
    (failed,) = [s for s in signals if not s.ok]
    assert failed.service == "claude"
    assert failed.layer not in (Layer.LOCAL, Layer.NETWORK)  # there it would be a word about this machine
    assert kind_of(failed.error) is ErrorKind.PROVIDER
    assert failed.model == (None if MEANINGS[fault].whole else OPUS)


@pytest.mark.parametrize("fault", OURS)
def test_a_limit_bill_or_key_of_the_users_is_told_in_words_that_never_vote(fault):
    (signal,) = told(observer(), try_(fault, status=429))
    assert signal.ok is False
    assert kind_of(signal.error) is ErrorKind.YOURS


@pytest.mark.parametrize("fault", REQUESTS)
def test_what_is_wrong_with_a_request_is_no_word_about_the_service(fault):
    assert told(observer(), try_(fault, status=400)) == []


def test_a_try_given_up_because_another_was_quicker_is_no_word_about_the_service():
    assert told(observer(), try_(ok=False)) == []


def test_a_key_that_some_client_made_up_is_no_word_about_the_users_key():
    assert told(observer(), try_(Fault.UNAUTHORIZED, status=401, borrowed_key=True)) == []


def test_an_upstream_without_a_service_is_nobodys_business():
    assert told(observer(), try_(target=LOCAL), try_(Fault.SERVER_ERROR, target=LOCAL)) == []


def test_a_list_of_models_or_a_count_of_tokens_says_nothing_of_inference():
    signals = told(
        observer(), try_(operation=Operation.COUNT_TOKENS), try_(Fault.OVERLOADED, operation=Operation.MODELS)
    )
    assert {s.layer for s in signals} == {Layer.API_GATEWAY}


def test_a_model_that_a_client_made_up_is_not_named():
    (signal,) = told(observer(), try_(model="claude-opus-999-" + "x" * 500))
    assert signal.model is None


# -- a failed connection ----------------------------------------------------------------------------------------------


async def test_a_failed_connection_counts_once_another_upstream_is_reached_after_it():
    clock = FakeClock(START)
    watcher = observer(clock)
    watcher.tried(try_(target=CHATGPT, model="gpt-5"))
    await clock.advance(1)
    watcher.tried(try_(Fault.REFUSED))
    assert [s.service for s in watcher.due(clock.now())] == ["chatgpt"]
    await clock.advance(1)
    watcher.tried(try_(target=CHATGPT, model="gpt-5"))
    failed = next(s for s in watcher.due(clock.now()) if s.service == "claude")
    assert (failed.layer, failed.error, failed.model, failed.at) == (
        Layer.EDGE,
        "refused",
        None,
        START + timedelta(seconds=1),
    )


@pytest.mark.parametrize("fault", [Fault.DNS, Fault.CONNECT_TIMEOUT, Fault.REFUSED, Fault.RESET, Fault.NOT_API])
async def test_a_laptop_without_a_network_blames_nobody(fault):
    clock = FakeClock(START)
    watcher = observer(clock)
    for _ in range(20):
        watcher.tried(try_(fault))
        watcher.tried(try_(fault, target=CHATGPT, model="gpt-5"))
        watcher.tried(try_(target=LOCAL, model="qwen3"))  # on this machine: it shows nothing of the network
        await clock.advance(60)
        assert watcher.due(clock.now()) == []
    await clock.advance(HELD_S + 1)
    watcher.due(clock.now())
    watcher.tried(try_())
    watcher.tried(try_(target=CHATGPT, model="gpt-5"))
    assert all(s.ok for s in watcher.due(clock.now()))


def test_a_silence_does_not_show_that_the_network_works():
    signals = told(observer(), try_(Fault.REFUSED), try_(Fault.STALL, target=CHATGPT, model="gpt-5", status=200))
    assert [s.service for s in signals] == ["chatgpt"]


# -- rates and bounds -------------------------------------------------------------------------------------------------


def test_an_answer_counts_as_a_success_wherever_a_failure_was_counted():
    watcher = observer()
    told(watcher, try_(Fault.REFUSED), try_(Fault.SERVER_ERROR), try_(target=CHATGPT, model="gpt-5"))
    signals = told(watcher, try_(), try_(model=SONNET))
    assert {(s.layer, s.model) for s in signals} == {
        (Layer.INFERENCE, OPUS),
        (Layer.INFERENCE, SONNET),
        (Layer.EDGE, None),
        (Layer.API_GATEWAY, OPUS),
        (Layer.API_GATEWAY, SONNET),
    }
    assert sum(s.layer is Layer.EDGE for s in signals) == 2


def test_a_limit_of_the_users_makes_no_place_where_answers_are_counted():
    watcher = observer()
    told(watcher, try_(Fault.RATE_LIMITED, status=429))
    assert {s.layer for s in told(watcher, try_())} == {Layer.INFERENCE}


async def test_a_busy_minute_is_told_in_windows_that_lose_no_try():
    clock = FakeClock(START)
    watcher = observer(clock)
    for n in range(5_000):
        watcher.tried(try_(Fault.OVERLOADED if n % 5 == 0 else None, status=529, first_token_s=1.0))
    first = watcher.due(clock.now())
    await clock.advance(60)
    rest = watcher.due(clock.now())
    assert len(first) == SINGLES
    assert all(s.ok is None and s.window_s == 60 and s.at == START.replace(microsecond=0, minute=1) for s in rest)
    assert sum(s.tally[0] for s in first + rest) == 4_000
    assert sum(s.tally[1] for s in first + rest) == 1_000
    assert {s.latency_ms for s in rest if s.n_ok} == {1_000.0}


async def test_nothing_is_told_twice_and_nothing_grows_while_nobody_listens():
    clock = FakeClock(START)
    watcher = observer(clock)
    for n in range(3_000):
        watcher.tried(try_(model=f"made-up-{n}"))
        if n % 10 == 0:
            await clock.advance(60)
    assert len(watcher.due(clock.now())) <= 10_000
    assert watcher.due(clock.now()) == []


def test_tries_of_one_thread_and_their_telling_in_another_lose_and_double_nothing():
    watcher, tries, signals = TrafficObserver(SystemClock(), Labels(known)), 20_000, []

    def serve():
        for n in range(tries):
            watcher.tried(try_(Fault.OVERLOADED if n % 4 == 0 else None, model=(OPUS, SONNET)[n % 2]))

    serving = Thread(target=serve)
    serving.start()
    while serving.is_alive():
        signals += watcher.due(datetime.now(UTC))
    signals += watcher.due(datetime.now(UTC) + timedelta(minutes=2))
    assert sum(s.tally[0] for s in signals) == tries * 3 // 4
    assert sum(s.tally[1] for s in signals) == tries // 4


WHAT = st.sampled_from([None, *Fault])
WHO = st.sampled_from([(CLAUDE, OPUS), (CLAUDE, SONNET), (CHATGPT, "gpt-5"), (LOCAL, "qwen3")])


@given(st.lists(st.tuples(st.floats(0, 90), WHAT, WHO), max_size=60))
def test_signals_are_in_time_well_formed_and_never_more_than_the_tries_give(steps):
    now = [START]

    class Moved(FakeClock):
        def now(self):
            return now[0]

    watcher = observer(Moved())
    signals = []
    for seconds, fault, (target, model) in steps:
        watcher.tried(try_(fault, target=target, model=model))
        now[0] += timedelta(seconds=seconds)
        signals += watcher.due(now[0])
    signals += watcher.due(now[0] + timedelta(seconds=60))
    assert sum(s.tally[1] for s in signals) <= sum(fault is not None for _, fault, _ in steps)
    for signal in signals:
        assert msgspec.json.decode(msgspec.json.encode(signal), type=type(signal)) == signal
        assert START <= signal.at <= now[0] + timedelta(seconds=60)
        assert "x-api-key" not in str(signal)


# -- the loop ---------------------------------------------------------------------------------------------------------


class Loop:
    """A gateway's tries, judged as they come and recorded; the view that goes back to the gateway."""

    def __init__(self, store):
        self.clock = FakeClock(START)
        self.observer = observer(self.clock)
        self.monitor = Monitor(profile_of)
        self.view = MonitorView(self.monitor, self.clock, ["claude", "chatgpt"])
        self.changes = []
        self.live = Live(self.monitor, self.clock, self, store, feeds=[self.observer.due])

    def heard(self, report): ...

    def trouble(self, why): ...

    def judged(self, now, changes):
        self.changes += changes
        self.view.judged(now, changes)

    async def minute(self, *tries, page=None):
        for result in tries:
            self.clock.set(self.clock.now() + timedelta(seconds=50 / len(tries)))
            self.observer.tried(result)
        if page is not None:
            about = {"at": self.clock.now(), "service": "claude", "source": "statuspage", "component": "api"}
            self.live.take([Declared(**about, incident="i", state=page)])
        await self.clock.advance(60 - (self.clock.now() - START).total_seconds() % 60)
        await self.live.judge(self.clock.now())

    @property
    def said(self):
        return [(c.at, c.service, c.component, c.essence) for c in self.changes]


def replayed(store, services=("claude", "chatgpt")):
    lines = sorted((s for name in services for s in store.signals(name)), key=lambda s: s.at)
    changes = Replay(Monitor(profile_of)).run([msgspec.json.encode(s) for s in lines])
    return [(c.at, c.service, c.component, c.essence) for c in changes]


@pytest.mark.parametrize("rate", [1, 4, 60])
@pytest.mark.parametrize("fault", [Fault.OVERLOADED, Fault.REFUSED, Fault.SLOW_FIRST_TOKEN, Fault.RATE_LIMITED])
async def test_what_a_gateway_emitted_recorded_and_replayed_gives_the_same_verdicts(tmp_path, fault, rate):
    random = Random(f"{fault} {rate}")
    with open_store(tmp_path / "s.db") as store:
        loop = Loop(store)
        for minute in range(120):
            out = 60 <= minute < 90
            tries = []
            for _ in range(rate):
                failed = out and random.random() < 0.9
                tries.append(try_(fault if failed else None, model=random.choice([OPUS, SONNET]), first_token_s=0.5))
                tries += [try_(target=CHATGPT, model="gpt-5", first_token_s=0.7)] * failed
            await loop.minute(*tries)
        assert replayed(store) == loop.said
    states = {c.state for c in loop.changes if c.service == "claude"}
    assert any(s.is_fault for s in states) is (fault is not Fault.RATE_LIMITED)
    assert not any(c.state.is_fault for c in loop.changes if c.service == "chatgpt")


async def test_an_outage_the_gateway_sees_is_suspected_and_confirmed_by_the_page(tmp_path):
    with open_store(tmp_path / "s.db") as store:
        loop = Loop(store)
        for _ in range(40):
            await loop.minute(try_(), page=State.OPERATIONAL)
        for _ in range(10):
            await loop.minute(try_(Fault.OVERLOADED, status=529), page=State.OPERATIONAL)
        assert loop.monitor.verdicts("claude")["api"].confidence is Confidence.SUSPECTED
        assert loop.view.prior("claude", "api", OPUS).state is State.UNKNOWN  # its own echo
        await loop.minute(try_(Fault.OVERLOADED, status=529), page=State.MAJOR_OUTAGE)
        assert loop.view.prior("claude", "api", OPUS).is_out
        assert not loop.view.prior("chatgpt", "api", "gpt-5").is_out


@pytest.mark.parametrize("fault", OURS)
async def test_the_users_own_quota_never_alarms_however_long_it_stands(tmp_path, fault):
    with open_store(tmp_path / "s.db") as store:
        loop = Loop(store)
        for _ in range(30):
            await loop.minute(try_(), try_())
        for _ in range(240):
            await loop.minute(*[try_(fault, status=429)] * 3)
        assert not any(c.state.is_fault for c in loop.changes)
        assert loop.monitor.verdicts("claude")[None].scope is Scope.YOUR_QUOTA
        for model in (OPUS, SONNET, ""):
            assert not loop.view.prior("claude", "api", model).is_out


def evidence(loop):
    return next(e for e in loop.monitor.evidence("claude") if e.family is Family.TRAFFIC)


async def test_a_day_without_requests_is_no_calm(tmp_path):
    with open_store(tmp_path / "s.db") as store:
        loop = Loop(store)
        for _ in range(10):
            await loop.minute(try_())
        assert loop.monitor.verdicts("claude")[None].state is State.OPERATIONAL
        assert evidence(loop).standing.value == "calm"
        for _ in range(30):
            loop.live.take([Alive(at=loop.clock.now(), service="claude", source="hackernews")])
            await loop.minute(try_(target=CHATGPT, model="gpt-5"))
        assert evidence(loop).standing.value == "no_data"
