"""OpenRouter: a percentage becomes counts that cannot say more than it does, for one provider and one model."""

import json
from datetime import timedelta

import pytest

from stillup.daemon.jobs import profile_of
from stillup.errors import Malformed, Refused
from stillup.model.service import Confidence, Scope, State
from stillup.model.signal import Alive, Outcome
from stillup.sources.openrouter import SOURCE
from stillup.verdict.monitor import Monitor

MODEL = "anthropic/claude-sonnet-5.5"


def answer_of(*endpoints, model=MODEL):
    return json.dumps({"data": {"id": model, "endpoints": list(endpoints)}}).encode()


def endpoint(five=99.9, thirty=99.9, tag="anthropic", p50=1400):
    return {
        "tag": tag,
        "uptime_last_5m": five,
        "uptime_last_30m": thirty,
        "latency_last_30m": None if p50 is None else {"p50": p50},
    }


@pytest.fixture
def read(context):
    return lambda *endpoints, model=MODEL, **ctx: SOURCE.parse(answer_of(*endpoints, model=model), context(**ctx))


def outcomes(reading):
    return [s for s in reading.signals if isinstance(s, Outcome)]


@pytest.mark.parametrize(
    ("percent", "failed"), [(100, 0), (99.2, 0), (95.1, 0), (95, 1), (94, 1), (50, 10), (3, 19), (0, 20)]
)
def test_a_percentage_is_told_as_twenty_assumed_tries_with_failures_rounded_down(read, percent, failed):
    (line,) = outcomes(read(endpoint(percent)))
    assert (line.n_ok, line.n_failed, line.window_s) == (20 - failed, failed, 300)
    assert (line.component, line.model) == ("api", "sonnet")


def test_only_the_makers_own_endpoint_speaks_for_a_service(read):
    (line,) = outcomes(read(endpoint(0, tag="amazon-bedrock"), endpoint(100), endpoint(0, tag="google-vertex/global")))
    assert line.n_failed == 0


def test_another_provider_of_the_same_model_speaks_for_its_own_service(read):
    bedrock = endpoint(50, tag="amazon-bedrock/us")
    (line,) = outcomes(read(bedrock, endpoint(100), service="bedrock"))
    assert (line.service, line.n_failed) == ("bedrock", 10)


@pytest.mark.parametrize(("five", "thirty", "window_s"), [(None, 80, 1800), (80, None, 300), (None, None, None)])
def test_where_five_minutes_say_nothing_the_half_hour_does_and_nothing_is_no_data(read, five, thirty, window_s):
    reading = read(endpoint(five, thirty))
    assert [line.window_s for line in outcomes(reading)] == ([window_s] if window_s else [])
    assert any(isinstance(s, Alive) for s in reading.signals)


def test_a_window_read_twice_is_one(read, now):
    first, again, next_one = (
        outcomes(read(endpoint(), now=now.replace(second=1) + timedelta(seconds=s)))[0].id for s in (0, 60, 300)
    )
    assert first == again != next_one


def test_the_latency_of_a_half_hour_is_told_once_in_it(read, now):
    told = [outcomes(read(endpoint(), now=now + timedelta(minutes=5 * n)))[0].latency_ms for n in range(12)]
    assert [ms for ms in told if ms is not None] == [1400, 1400]


@pytest.mark.parametrize("body", [answer_of(endpoint(), model="openai/gpt-5"), answer_of(endpoint(tag="azure"))])
def test_an_answer_about_something_else_is_refused(context, body):
    with pytest.raises(Malformed):
        SOURCE.parse(body, context())


async def test_a_model_that_is_gone_takes_no_other_with_it(site, context):
    server, net = await site({f"/models/{MODEL}/endpoints": answer_of(endpoint(97.4))})
    reading = await SOURCE.read(context(base_url=server.url("")), net)
    assert reading.says == "sonnet: 97.4 % of requests worked"


async def test_where_no_model_can_be_read_the_first_failure_says_why(site, context):
    server, net = await site({})
    with pytest.raises(Refused, match="404"):
        await SOURCE.read(context(base_url=server.url("")), net)


def judged(read, now, shares):
    """What a monitor says of a service of which OpenRouter alone is heard, a reading every five minutes."""
    monitor, said = Monitor(profile_of), []
    for n, share in enumerate(shares):
        at = now + timedelta(minutes=5 * n)
        said += monitor.step(at, read(endpoint(share), now=at).signals)
    said += monitor.step(now + timedelta(minutes=5 * len(shares)))
    return [v for v in said if v.component is None]


def test_days_at_99_percent_are_calm(read, now):
    assert {v.state for v in judged(read, now, [99.2] * 600)} == {State.OPERATIONAL}


def test_half_of_all_requests_failing_is_suspected_of_that_model_and_no_more(read, now):
    last = judged(read, now, [99.6] * 100 + [45.0] * 8)[-1]
    assert last.state.is_outage
    assert (last.confidence, last.scope, last.models) == (Confidence.SUSPECTED, Scope.MODEL, ("sonnet",))


def test_all_models_failing_is_not_some_models(context, now):
    models = ("anthropic/claude-opus-5.5", MODEL, "anthropic/claude-haiku-5.5")
    monitor = Monitor(profile_of)
    for n in range(108):
        at = now + timedelta(minutes=5 * n)
        for model in models:
            body = answer_of(endpoint(99.6 if n < 100 else 45.0), model=model)
            monitor.step(at, SOURCE.parse(body, context(now=at)).signals)
    monitor.step(at + timedelta(minutes=5))
    assert monitor.verdicts("claude")[None].scope is Scope.COMPONENT
