"""A request that moves to another model is put as that model takes it, and goes to none that cannot take it."""

import json

import pytest

from stillup.catalog.models import cost_usd
from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.gateway.app.conftest import Client, Speech, words
from tests.gateway.app.test_going_on import ask_with, whole

MESSAGES = Speech("messages", stream=True)
DOWN = Behaviour(failure=Failure.STATUS, status=529)


def asked(server):
    """The body of the newest request."""
    return json.loads(server.requests[-1].body)


async def test_what_a_model_is_known_to_refuse_is_left_out_and_named(a, b, start):
    a.set(DOWN)
    b.set(Behaviour(refuses=("temperature", "thinking")))
    gateway = await start(a, b, chain=["a-anthropic", "b-anthropic/claude-opus-5-5"])

    reply = await ask_with(
        Client(gateway), MESSAGES, temperature=0.2, thinking={"type": "disabled"}, max_tokens=200_000
    )

    assert whole(MESSAGES, reply) == words("B")
    assert b.counts.requests == 1
    assert asked(b)["max_tokens"] == 128_000
    for change in ("temperature left out", "thinking cannot be turned off", "max_tokens lowered to 128000"):
        assert change in reply.header("x-stillup-reason")


@pytest.mark.parametrize("other", ["openai", "anthropic", "gemini"])
async def test_what_a_model_nobody_knows_refuses_is_learnt_for_the_session(other, a, b, start):
    name = "generationConfig.temperature" if other == "gemini" else "temperature"
    a.set(DOWN)
    b.set(Behaviour(refuses=(name,)))
    gateway = await start(a, b, chain=["a-anthropic", f"b-{other}/nobody-knows-it"])

    for _ in range(2):
        assert whole(MESSAGES, await ask_with(Client(gateway), MESSAGES, temperature=0.2)) == words("B")

    assert b.counts.requests == 3  # the first was refused and asked again at once; the second was not refused


async def test_the_first_choice_gets_what_its_client_sent_even_what_it_will_refuse(a, b, start):
    a.set(Behaviour(refuses=("temperature",)))
    gateway = await start(a, b, chain=["a-anthropic", "b-anthropic/claude-opus-5-5"])

    reply = await ask_with(Client(gateway), MESSAGES, temperature=0.2)

    assert reply.status == 400
    assert "temperature" in reply.error["message"]
    assert (asked(a)["temperature"], b.counts.requests) == (0.2, 0)


PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


async def test_a_picture_never_goes_to_a_model_without_sight(a, b, c, start):
    a.set(DOWN)
    gateway = await start(a, b, c, chain=["a-anthropic", "b-openai/codestral-latest", "c-anthropic/claude-opus-5-5"])
    shown = [{"role": "user", "content": [PICTURE, {"type": "text", "text": "what is it?"}]}]

    assert whole(MESSAGES, await ask_with(Client(gateway), MESSAGES, messages=shown)) == words("C")
    assert b.counts.requests == 0
    assert whole(MESSAGES, await Client(gateway).ask(MESSAGES)) == words("B")


async def test_where_nobody_sees_the_client_is_told_who_could_not_and_why(b, start):
    gateway = await start(b, chain=["b-openai/codestral-latest"])
    shown = [{"role": "user", "content": [PICTURE]}]

    reply = await ask_with(Client(gateway), MESSAGES, messages=shown)

    assert (reply.status, b.counts.requests) == (404, 0)
    assert "b-openai/codestral-latest: it does not see images" in reply.error["message"]


async def test_when_the_days_budget_for_standins_is_used_up_only_the_first_is_asked(a, b, clock, start):
    chain = ["a-anthropic", "b-anthropic/claude-opus-5-5"]
    gateway = await start(a, b, chain=chain, more="standin_usd_per_day = 0.0001")
    gateway.seen._price = cost_usd
    client = Client(gateway)

    assert whole(MESSAGES, await client.ask(MESSAGES)) == words("A")
    a.set(DOWN)
    assert whole(MESSAGES, await client.ask(MESSAGES)) == words("B")  # it costs more than the whole budget
    assert (await client.ask(MESSAGES)).status == 529
    clock.skip(86_400)
    assert whole(MESSAGES, await client.ask(MESSAGES)) == words("B")


async def test_a_standin_over_the_price_limit_is_not_asked(a, b, c, start):
    a.set(DOWN)
    chain = ["a-anthropic", "b-anthropic/claude-opus-5-5", "c-openai/mistral-small-2603"]
    gateway = await start(a, b, c, chain=chain, more="standin_max_usd_per_million = 5")

    assert whole(MESSAGES, await Client(gateway).ask(MESSAGES)) == words("C")
    assert b.counts.requests == 0
