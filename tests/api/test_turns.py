"""Functions in turn: who is asked when, what counts as a failure, and what is raised when nobody answers."""

import asyncio

import pytest

import stillup
from stillup.api.turns import in_turn, is_failure
from stillup.daemon.jobs import profile_of
from stillup.daemon.live import Live
from stillup.errors import ConfigError, UsageError
from stillup.model.service import State
from stillup.model.signal import Declared
from stillup.store import Report, open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor


class OfSdk(Exception):
    def __init__(self, **fields):
        super().__init__("words of a request that nobody may see elsewhere")
        self.__dict__.update(fields)


class Answering:
    """A function that raises what it is told to, else answers with its name; counts its calls."""

    def __init__(self, name, error=None):
        self.name, self.error, self.calls = name, error, 0

    async def __call__(self):
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self.name


@pytest.fixture
def turns(tmp_path):
    config = tmp_path / "stillup.toml"
    config.write_text(f'data = "{tmp_path / "data"}"\n')

    def make(*services, **more):
        return stillup.failover(*(services or ("claude", "chatgpt")), config=config, environ={}, **more)

    return make


@pytest.mark.parametrize(
    ("last", "order"),
    [
        ([], []),
        ([False, False], [0, 1]),
        ([True, False, False], [1, 2, 0]),
        ([True, False, True], [1, 0, 2]),
        ([True, True], [0, 1]),
    ],
)
def test_who_is_down_is_asked_last_and_nobody_is_left_out(last, order):
    assert in_turn(last) == order


@pytest.mark.parametrize(
    ("error", "from_first", "from_another"),
    [
        (ConnectionError(), True, True),
        (TimeoutError(), True, True),
        (OfSdk(status_code=529), True, True),
        (OfSdk(status_code=401), True, True),
        (OfSdk(status_code=400), False, True),
        (OfSdk(code=404), False, True),
        (OfSdk(code="not_found", status_code=500), True, True),
        (OfSdk(status="INVALID_ARGUMENT", code=400), False, True),
        (OfSdk(status_code=True), True, True),
        (OfSdk(response=OfSdk(status_code=422)), False, True),
        (TypeError(), False, False),
        (UsageError(), False, False),
        (ConfigError(), False, False),
        (KeyError("choices"), True, True),
    ],
)
def test_what_another_provider_would_not_mend_is_no_failure(error, from_first, from_another):
    assert is_failure(error, first=True) is from_first
    assert is_failure(error, first=False) is from_another


async def test_the_first_that_answers_is_the_answer_and_each_try_is_told(turns):
    told = []
    one, two, three = Answering("one", OfSdk(status_code=503)), Answering("two"), Answering("three")
    async with turns("claude/api", "chatgpt", "gemini", told=told.append) as f:
        assert await f.call(one, two, three) == "two"
    assert [(t.service, t.error) for t in told] == [("claude/api", "OfSdk"), ("chatgpt", "")]
    assert all(t.took_s >= 0 for t in told)
    assert three.calls == 0


async def test_who_failed_a_moment_ago_is_asked_last_until_it_has_rested(turns):
    clock = FakeClock()
    one, two = Answering("one", ConnectionError()), Answering("two")
    async with turns(rest_s=30, clock=clock) as f:
        assert await f.call(one, two) == "two"
        one.error = None
        assert await f.call(one, two) == "two"
        assert one.calls == 1
        await clock.advance(30)
        assert await f.call(one, two) == "one"
        one.error = two.error = ConnectionError()
        with pytest.raises(ConnectionError):
            await f.call(one, two)
        one.error = two.error = None
        assert await f.call(one, two) == "one", "where all have failed the order stands"


async def test_when_all_fail_the_first_choices_error_is_raised_with_the_kinds_of_the_others(turns):
    first = OfSdk(status_code=529)
    async with turns("claude", "chatgpt", "gemini") as f:
        with pytest.raises(OfSdk) as caught:
            await f.call(
                Answering("a", first), Answering("b", OSError("secret")), Answering("c", OfSdk(status_code=400))
            )
    assert caught.value is first
    assert caught.value.__notes__ == ["chatgpt failed too: OSError", "gemini failed too: OfSdk"]


async def test_a_wrong_request_is_raised_at_once_and_says_nothing_of_who_was_asked(turns):
    one, two = Answering("one", OfSdk(status_code=400)), Answering("two")
    async with turns() as f:
        with pytest.raises(OfSdk):
            await f.call(one, two)
        one.error = None
        assert await f.call(one, two) == "one"
    assert two.calls == 0


async def test_the_caller_may_decide_what_a_failure_is(turns):
    two = Answering("two")
    async with turns() as f:
        with pytest.raises(ConnectionError):
            await f.call(Answering("one", ConnectionError()), two, fails=lambda _: False)
        assert await f.call(Answering("one", TypeError()), two, fails=lambda _: True) == "two"


async def test_a_function_that_takes_too_long_has_failed(turns):
    async def silent():
        await asyncio.Event().wait()

    async with turns() as f:
        assert await f.call(silent, Answering("two"), timeout_s=0.01) == "two"


async def test_whoever_cancels_the_call_is_obeyed_and_nobody_else_is_asked(turns):
    begun, two = asyncio.Event(), Answering("two")

    async def silent():
        begun.set()
        await asyncio.Event().wait()

    async with turns() as f:
        call = asyncio.create_task(f.call(silent, two))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert two.calls == 0
        assert await f.call(Answering("one"), two) == "one", "nothing failed"


class Quiet:
    def heard(self, report): ...

    def judged(self, now, changes): ...

    def trouble(self, why): ...


@pytest.mark.parametrize("first", ["claude", "claude/api"])
async def test_what_a_monitor_on_this_machine_knows_to_be_down_is_asked_last(turns, tmp_path, first):
    clock = FakeClock()
    (tmp_path / "data").mkdir(mode=0o700)
    with open_store(tmp_path / "data" / "stillup.db") as store:
        live = Live(Monitor(profile_of), clock, Quiet(), store)
        await clock.advance(60)
        about = {"at": clock.now(), "service": "claude", "source": "statuspage", "incident": "i"}
        live.take([Declared(**about, state=State.MAJOR_OUTAGE, component=part) for part in ("api", "web", "code")])
        store.save_reports([Report(source="statuspage", service="claude", at=clock.now(), ok=True)])
        await live.judge(clock.now())
    one, two = Answering("one"), Answering("two")
    async with turns(first, "chatgpt", clock=clock) as f:
        assert await f.call(one, two) == "two"
        two.error = ConnectionError()
        assert await f.call(one, two) == "one", "it is still asked, when nobody else is left"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nobody",), "no service called 'nobody'"),
        (("claude/nowhere",), "no component 'nowhere'; known: web"),
        (("",), "no service"),
    ],
)
def test_services_that_are_none_are_refused(turns, words, why):
    with pytest.raises(UsageError, match=why):
        turns(*words)


async def test_functions_that_do_not_match_the_services_are_refused(turns):
    async with turns() as f:
        with pytest.raises(UsageError, match="1 functions for 2 services"):
            await f.call(Answering("one"))
    with pytest.raises(UsageError, match="inside the context only"):
        await f.call(Answering("one"), Answering("two"))


def test_arguments_that_mean_nothing_together_are_refused(turns):
    with pytest.raises(UsageError, match="`own` is for a gateway"):
        turns("claude", own=True)
    with pytest.raises(UsageError, match="`told` hears"):
        stillup.failover(told=print)
