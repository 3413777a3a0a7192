"""Claude on Bedrock, for a client of Anthropic's protocol: what comes in another envelope arrives in its own."""

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.gateway.app.conftest import CLOUD, MESSAGES, SPEECHES, WHOLES, Client, words

MODEL = "cloud/anthropic.claude-simulated-1"
messages = pytest.mark.parametrize("speech", [s for s in SPEECHES if s.protocol == "messages"], ids=repr)


async def before(a, start, *others):
    return Client(await start(*others, more=CLOUD.format(url=a.url), chain=[MODEL, *others_in(others)]))


def others_in(others):
    return [f"{server.name.lower()}-anthropic" for server in others]


@messages
async def test_its_answers_arrive_as_anthropics(speech, a, b, start):
    client = await before(a, start, b)
    reply = await client.ask(speech)
    assert (speech.text(reply), speech.ended(reply)) == (words("A"), True)
    kind = "text/event-stream" if speech.stream else "application/json"
    assert reply.header("content-type").partition(";")[0] == kind
    assert reply.header("x-stillup-upstream") == "cloud"


@messages
async def test_it_fails_over_like_any_other(speech, a, b, start):
    client = await before(a, start, b)
    a.set(Behaviour(failure=Failure.ERROR_FIRST))
    reply = await client.ask(speech)
    assert (speech.text(reply), speech.ended(reply)) == (words("B"), True)


@messages
async def test_its_errors_arrive_in_anthropics_shape(speech, raw, b, start):
    async def answer(writer, head, body):
        says = b'{"message":"Too many requests, please wait before trying again."}'
        kind = b"x-amzn-errortype: ThrottlingException\r\nretry-after: 40"
        writer.write(b"HTTP/1.1 429 Oops\r\n%b\r\ncontent-length: %d\r\n\r\n" % (kind, len(says)) + says)

    client = await before(await raw(answer), start, b)
    b.set(Behaviour(failure=Failure.STATUS, status=500))
    reply = await client.ask(speech)
    assert (reply.status, reply.header("retry-after")) == (429, "40")
    assert reply.error["type"] == "rate_limit_error"
    assert reply.error["message"].startswith("Too many requests")


async def test_tokens_are_counted_there_too(a, b, start):
    client = await before(a, start, b)
    counted = await client.send("POST", "/v1/messages/count_tokens", [MESSAGES.key], WHOLES[0].body())
    assert (counted.status, counted.header("x-stillup-upstream")) == (200, "cloud")
    assert b"input_tokens" in counted.body


async def test_models_are_not_asked_of_it(a, b, start):
    client = await before(a, start, b)
    reply = await client.send("GET", "/v1/models", [MESSAGES.key, ("anthropic-version", "2023-06-01")])
    assert (reply.status, reply.header("x-stillup-upstream")) == (200, "b-anthropic")
