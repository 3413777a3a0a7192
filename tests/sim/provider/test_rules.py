"""What a scripted provider refuses of a request it understands, in its vendor's words."""

from __future__ import annotations

import pytest

from stillup.sim.provider.behaviour import Behaviour
from stillup.sim.provider.voices import voices
from stillup.sim.provider_server import ProviderServer
from tests.sim.provider.test_going_on import PATHS, PROTOCOLS, conversation

RULES = Behaviour(keeps_rules=True, tokens=3)


async def answer(client, server, protocol, body):
    async with client.post(f"{server.url}{PATHS[protocol]}", json=body) as got:
        return got.status, await got.text()


@PROTOCOLS
async def test_a_model_that_takes_no_beginning_says_so_and_takes_an_instruction(protocol, provider, client):
    provider.set(Behaviour(rejects_prefix=True))
    words = {
        "messages": "This model does not support assistant message prefill.",
        "gemini": "Please ensure that multiturn requests end with a user role.",
    }
    status, text = await answer(client, provider, protocol, conversation(protocol, "hi", "A0 "))
    assert (status, words.get(protocol, "The last message must be from the user.") in text) == (400, True)
    assert (await answer(client, provider, protocol, conversation(protocol, "hi", "A0 ", "on")))[0] == 200
    assert (await answer(client, provider, protocol, conversation(protocol, "hi")))[0] == 200


@PROTOCOLS
async def test_one_model_may_refuse_it_and_another_take_it(protocol, provider, client):
    provider.set(Behaviour(), model="m")
    provider.set(Behaviour(rejects_prefix=True), model="other")
    body = conversation(protocol, "hi", "A0 ")
    assert (await answer(client, provider, protocol, body))[0] == 200
    if protocol != "gemini":
        assert (await answer(client, provider, protocol, body | {"model": "other"}))[0] == 400


@pytest.mark.parametrize("vendor", sorted(voices()))
async def test_a_parameter_is_refused_by_its_name(vendor, client):
    async with ProviderServer("A", vendor=vendor) as server:
        server.set(Behaviour(refuses=("temperature", "generationConfig.topK")))
        for protocol in PATHS:
            path = "/model/m/invoke" if (vendor, protocol) == ("bedrock", "messages") else PATHS[protocol]
            asked = conversation(protocol, "hi")
            body = asked | ({"generationConfig": {"topK": 1}} if protocol == "gemini" else {"temperature": 0})
            async with client.post(server.url + path, json=body) as got:
                name = "generationConfig.topK" if protocol == "gemini" else "temperature"
                assert (got.status, name in await got.text()) == (400, True)
            assert (await answer(client, server, protocol, asked))[0] == 200


async def test_anthropic_takes_no_white_space_at_the_end_and_no_beginning_of_a_thinking_model(provider, client):
    provider.set(RULES)
    body = conversation("messages", "hi", "A0 ")
    status, text = await answer(client, provider, "messages", body)
    assert (status, "cannot end with trailing whitespace" in text) == (400, True)
    assert (await answer(client, provider, "messages", conversation("messages", "hi", "A0")))[0] == 200
    thinks = conversation("messages", "hi", "A0") | {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    status, text = await answer(client, provider, "messages", thinks)
    assert (status, "messages.1.content.0.type: Expected `thinking`" in text) == (400, True)


async def test_in_chat_completions_a_beginning_has_to_be_called_one(client):
    begun = conversation("chat", "hi", "A0 A1 ")
    marked = conversation("chat", "hi", "A0 A1 ")
    marked["messages"][-1]["prefix"] = True
    final = begun | {"continue_final_message": True}
    for vendor, body, said in (
        ("", begun, '"A0 A1 A2 "'),
        ("", final | {"add_generation_prompt": False}, '"A2 "'),
        ("", final, "Cannot set both"),
        ("deepseek", begun, '"A0 A1 A2 "'),
        ("deepseek", marked, '"A2 "'),
        ("mistral", begun, "Assistant with prefix True"),
        ("mistral", marked, '"A2 "'),
    ):
        async with ProviderServer("A", vendor=vendor) as server:
            server.set(RULES)
            assert said in (await answer(client, server, "chat", body))[1]
