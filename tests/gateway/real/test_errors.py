"""Errors come as each SDK's own exceptions, those that it would retry where that makes sense."""

import asyncio

import anthropic
import openai
import pytest
from google.genai import errors

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason

STATUS_ERRORS = (anthropic.APIStatusError, openai.APIStatusError, errors.APIError)
IN_A_STREAM = (anthropic.APIError, openai.APIError, errors.APIError)
"""Where the head went out before, there is no status any more."""


def status_of(error):
    return error.code if isinstance(error, errors.APIError) else error.status_code


def failing(status, **more):
    return Behaviour(failure=Failure.STATUS, status=status, **more)


TYPED = [
    (failing(529), "messages", anthropic.OverloadedError, 529),
    (failing(500), "messages", anthropic.InternalServerError, 500),
    (failing(429), "messages", anthropic.RateLimitError, 429),
    (failing(503), "chat", openai.InternalServerError, 503),
    (failing(429), "chat", openai.RateLimitError, 429),
    (failing(500), "responses", openai.InternalServerError, 500),
    (failing(429), "responses", openai.RateLimitError, 429),
    (failing(503), "gemini", errors.ServerError, 503),
    (failing(429), "gemini", errors.ClientError, 429),
    (Behaviour(failure=Failure.REFUSED), "messages", anthropic.InternalServerError, 502),
    (Behaviour(failure=Failure.REFUSED), "chat", openai.InternalServerError, 502),
    (Behaviour(failure=Failure.REFUSED), "responses", openai.InternalServerError, 502),
    (Behaviour(failure=Failure.REFUSED), "gemini", errors.ServerError, 502),
    (Behaviour(failure=Failure.HTML), "messages", anthropic.InternalServerError, 502),
    (Behaviour(failure=Failure.HTML), "chat", openai.InternalServerError, 502),
    (Behaviour(failure=Failure.EMPTY), "responses", openai.InternalServerError, 502),
    (Behaviour(failure=Failure.EMPTY), "gemini", errors.ServerError, 502),
]


@pytest.mark.parametrize(("mode", "protocol", "kind", "status"), TYPED)
@pytest.mark.parametrize("how", ["whole", "stream"])
async def test_when_everything_is_down_the_sdk_raises_its_own_retryable_error(
    mode, protocol, kind, status, how, ask, a, b, start
):
    gateway = await start(a, b, more="deadline_s = 0.2")
    a.set(mode)
    b.set(failing(500))

    with pytest.raises(kind) as caught:
        await ask(protocol, stream=how == "stream").ask(gateway.address)

    assert status_of(caught.value) == status


@pytest.mark.parametrize("retry_after", ["7", "3600"])
async def test_retry_after_of_the_first_choice_reaches_the_sdk(client, retry_after, a, b, start):
    gateway = await start(a, b, more="deadline_s = 0.2")
    a.set(failing(429, retry_after=retry_after))
    b.set(failing(500))

    with pytest.raises(STATUS_ERRORS) as caught:
        await client.ask(gateway.address)

    assert status_of(caught.value) == 429
    assert caught.value.response.headers["retry-after"] == retry_after


@pytest.mark.parametrize(
    ("protocol", "kind", "says"),
    [
        ("messages", anthropic.BadRequestError, "messages: at least one message is required"),
        ("chat", openai.BadRequestError, "Invalid value: 'messages'."),
        ("responses", openai.BadRequestError, "Invalid value: 'messages'."),
        ("gemini", errors.ClientError, "Request contains an invalid argument."),
    ],
)
@pytest.mark.parametrize("how", ["whole", "stream"])
async def test_a_wrong_request_is_the_clients_to_see_with_what_the_first_upstream_says(
    protocol, kind, says, how, ask, a, b, start
):
    gateway = await start(a, b)
    a.set(failing(400))

    with pytest.raises(kind, match=says):
        await ask(protocol, stream=how == "stream").ask(gateway.address)

    assert b.counts.requests == 0


async def test_a_refusal_by_a_content_filter_is_the_clients_to_see(client, a, b, start):
    gateway = await start(a, b)
    a.set(failing(400, reason=Reason.FILTER))

    with pytest.raises(STATUS_ERRORS) as caught:
        await client.ask(gateway.address)

    assert status_of(caught.value) == 400
    assert b.counts.requests == 0


# --- after the first words, when nobody can go on; test_going_on.py is about answers with which somebody can


NOBODY = {
    "the second is down": failing(529),
    "the second refuses": failing(400, reason=Reason.FILTER),
    "nobody is there": Behaviour(failure=Failure.REFUSED),
    "the second breaks off at its first word": Behaviour(failure=Failure.ERROR_FIRST),
    "all of them break off, again and again": Behaviour(failure=Failure.CUT, after=5),
}


@pytest.mark.parametrize("second", NOBODY)
async def test_an_answer_that_nobody_can_go_on_with_is_an_error_and_never_a_short_answer(
    stream_client, second, a, b, start
):
    gateway = await start(a, b, more="deadline_s = 0.2")
    a.script([Behaviour(failure=Failure.CUT, after=5)])
    a.set(NOBODY[second])
    b.set(NOBODY[second])

    with pytest.raises(IN_A_STREAM) as caught:
        await stream_client.ask(gateway.address)

    assert "a-" in str(caught.value), "it says who broke off"


# --- the gateway's own refusals


async def refused_by(gateway, request):
    claude = anthropic.AsyncAnthropic(base_url=gateway.address, api_key="dummy", max_retries=0)
    gpt = openai.AsyncOpenAI(base_url=f"{gateway.address}/v1", api_key="dummy", max_retries=0)
    async with claude, gpt:
        await request(claude, gpt)


MESSAGES = [{"role": "user", "content": "hello"}]
REFUSED = {
    "an unknown path, Anthropic": (
        lambda claude, gpt: claude.post("/v1/messages/nonsense", body={}, cast_to=object),
        anthropic.NotFoundError,
        "/v1/messages/nonsense is not served",
    ),
    "an unknown path, OpenAI": (
        lambda claude, gpt: gpt.post("/nonsense", body={}, cast_to=object),
        openai.NotFoundError,
        "/v1/nonsense is not served",
    ),
    "bad JSON, Anthropic": (
        lambda claude, gpt: claude.post("/v1/messages", content=b'{"model": "m', cast_to=object),
        anthropic.BadRequestError,
        "not valid JSON",
    ),
    "bad JSON, OpenAI": (
        lambda claude, gpt: gpt.post("/chat/completions", content=b"[" * 100_000, cast_to=object),
        openai.BadRequestError,
        "not valid JSON|must be a JSON object",
    ),
    "no model, Anthropic": (
        lambda claude, gpt: claude.messages.create(model="", max_tokens=1, messages=MESSAGES),
        anthropic.BadRequestError,
        "names no model",
    ),
    "no model, OpenAI": (
        lambda claude, gpt: gpt.chat.completions.create(model="", messages=MESSAGES),
        openai.BadRequestError,
        "names no model",
    ),
    "no model, Responses": (
        lambda claude, gpt: gpt.responses.create(model="", input="hello"),
        openai.BadRequestError,
        "names no model",
    ),
    "too large, Anthropic": (
        lambda claude, gpt: claude.messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "x" * 1_100_000}]
        ),
        anthropic.RequestTooLargeError,
        "passes 1 MiB",
    ),
    "too large, OpenAI": (
        lambda claude, gpt: gpt.responses.create(model="m", input="x" * 1_100_000),
        openai.APIStatusError,
        "passes 1 MiB",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_the_gateway_refuses_itself_is_the_sdks_own_error_with_a_sentence_that_helps(what, a, start):
    request, kind, says = REFUSED[what]
    gateway = await start(a, more="max_body_mb = 1")

    with pytest.raises(kind, match=says):
        await refused_by(gateway, request)

    assert a.counts.requests == 0


async def test_so_it_is_for_googles_sdk(ask, a, start):
    gateway = await start(a, more="max_body_mb = 1")
    gemini = ask("gemini").sdk

    def refused():
        with gemini.client(gateway.address) as client:
            client.models.generate_content(model=gemini.model, contents="x" * 1_100_000)

    with pytest.raises(errors.ClientError, match=r"413 INVALID_ARGUMENT.*passes 1 MiB"):
        await asyncio.to_thread(refused)
    assert a.counts.requests == 0


async def test_a_model_that_no_route_knows_is_not_found(ask, a, start):
    gateway = await start(a, match="claude-*")

    with pytest.raises(openai.NotFoundError, match=r"gpt-simulated-1.*no route matches"):
        await ask("chat").ask(gateway.address)
