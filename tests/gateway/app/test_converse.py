"""Models on Bedrock that are not Claude, for clients of every protocol: they are asked by Converse."""

import json

import pytest

from stillup.sim.provider.behaviour import Behaviour, Called, Failure
from tests.gateway.app.conftest import CLOUD, SPEECHES, STREAMS, WHOLES, Client, words

NOVA = "cloud/amazon.nova-simulated-1"
TEXT = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."
SCRIPT = {"text": TEXT, "verbatim": True}
each = pytest.mark.parametrize("speech", SPEECHES, ids=repr)
each_stream = pytest.mark.parametrize("speech", STREAMS, ids=repr)


async def before(a, start, b, speech, *, is_first=True):
    other = f"b-{speech.upstream}"
    chain = [NOVA, other] if is_first else [other, NOVA]
    return Client(await start(b, more=CLOUD.format(url=a.url), chain=chain))


@each
async def test_every_client_is_answered_in_its_own_words(speech, a, b, start):
    client = await before(a, start, b, speech)
    reply = await client.ask(speech)
    assert (reply.status, speech.text(reply), speech.ended(reply)) == (200, words("A"), True)
    assert reply.header("x-stillup-upstream") == "cloud"
    assert "nova" in reply.header("x-stillup-model")
    path = a.requests[-1].target
    assert path.endswith("/converse-stream" if speech.stream else "/converse")


@each
async def test_its_failures_before_the_first_word_are_not_seen(speech, a, b, start):
    client = await before(a, start, b, speech)
    for failure in (Failure.ERROR_FIRST, Failure.RESET, Failure.STATUS, Failure.EMPTY):
        a.set(Behaviour(failure=failure))
        reply = await client.ask(speech)
        assert (speech.text(reply), speech.ended(reply)) == (words("B"), True)


@each_stream
@pytest.mark.parametrize("failure", [Failure.CUT, Failure.CUT_RESET, Failure.ERROR_EVENT, Failure.MALFORMED])
async def test_where_its_stream_breaks_another_goes_on(speech, failure, a, b, start):
    client = await before(a, start, b, speech)
    a.set(Behaviour(failure=failure, after=7, **SCRIPT))
    b.set(Behaviour(**SCRIPT))
    reply = await client.ask(speech)
    assert (speech.text(reply), speech.ended(reply)) == (TEXT, True)


@each_stream
async def test_it_goes_on_where_another_breaks(speech, a, b, start):
    client = await before(a, start, b, speech, is_first=False)
    b.set(Behaviour(failure=Failure.CUT, after=7, **SCRIPT))
    a.set(Behaviour(**SCRIPT))
    reply = await client.ask(speech)
    assert (speech.text(reply), speech.ended(reply)) == (TEXT, True)
    assert a.requests[-1].target.endswith("/converse-stream")


@pytest.mark.parametrize("speech", WHOLES[:2], ids=repr)
async def test_it_calls_the_clients_tools(speech, a, b, start):
    client = await before(a, start, b, speech)
    a.set(Behaviour(calls=(Called("get_weather", {"city": "Paris"}),)))
    reply = json.loads((await client.ask(speech)).body)
    if speech.protocol == "messages":
        call = reply["content"][-1]
        assert (call["name"], call["input"], reply["stop_reason"]) == ("get_weather", {"city": "Paris"}, "tool_use")
    else:
        call = reply["choices"][0]["message"]["tool_calls"][0]["function"]
        assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Paris"})
