"""What the scripted provider understands of a request: tools, limits, envelopes; and that it can serve TLS."""

from __future__ import annotations

import ssl
from binascii import crc32

import aiohttp
import msgspec
import pytest
import trustme

from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider.call import Call, read_call
from stillup.sim.provider_server import ProviderServer

ANY = {"name": "look_up", "input_schema": {}}
WEATHER = {"name": "get_weather", "input_schema": {}}


def call(**body) -> Call:
    return read_call("POST", "/v1/messages", {}, msgspec.json.encode({"model": "m", **body}))


@pytest.mark.parametrize(
    ("tools", "choice", "called"),
    [
        ([], None, None),
        ([ANY], None, None),
        ([ANY, WEATHER], None, "get_weather"),
        ([ANY, WEATHER], {"type": "none"}, None),
        ([ANY], {"type": "any"}, "look_up"),
        ([ANY], "required", "look_up"),
        ([{"type": "web_search"}], {"type": "any"}, None),
        ("nonsense", None, None),
    ],
)
def test_a_tool_for_the_weather_is_called_and_any_other_only_when_one_must_be(tools, choice, called):
    found = call(tools=tools, tool_choice=choice).tool
    assert (found and found.name) == called


@pytest.mark.parametrize(("mode", "called"), [("ANY", "look_up"), ("NONE", None), ("AUTO", None)])
def test_gemini_has_a_word_of_its_own_for_a_tool_that_must_be_called(mode, called):
    tools = [{"functionDeclarations": [{"name": "look_up"}]}]
    body = {"contents": [], "tools": tools, "toolConfig": {"functionCallingConfig": {"mode": mode}}}
    found = read_call("POST", "/v1beta/models/m:generateContent", {}, msgspec.json.encode(body)).tool
    assert (found and found.name) == called


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ({"type": "string"}, "Paris"),
        ({"type": "STRING"}, "Paris"),
        ({"type": "integer"}, 1),
        ({"type": "boolean"}, True),
        ({"enum": ["c", "f"]}, "c"),
        ("nonsense", "Paris"),
    ],
)
def test_every_argument_that_is_required_gets_something(field, given):
    schema = {"properties": {"a": field, "b": {"type": "string"}}, "required": ["a"]}
    assert call(tools=[WEATHER | {"input_schema": schema}]).tool.arguments == {"a": given}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/v1/messages", {"messages": [{"role": "user", "content": [{"type": "tool_result"}]}], "tools": [WEATHER]}),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "tool"}], "tools": [{"type": "function", "function": {"name": "weather"}}]},
        ),
        ("/v1/responses", {"input": [{"type": "function_call_output"}], "tools": [{"name": "weather"}]}),
        (
            "/v1beta/models/m:generateContent",
            {
                "contents": [{"parts": [{"functionResponse": {}}]}],
                "tools": [{"functionDeclarations": [{"name": "weather"}]}],
            },
        ),
    ],
)
def test_no_tool_is_called_once_one_has_answered(target, said):
    body = {"model": "m", **said}
    assert read_call("POST", target, {}, msgspec.json.encode(body)).tool is None
    key = next(k for k in ("messages", "input", "contents") if k in body)
    assert read_call("POST", target, {}, msgspec.json.encode(body | {key: []})).tool is not None


@pytest.mark.parametrize(
    "more", [{"max_tokens": 3}, {"max_completion_tokens": 3}, {"generationConfig": {"maxOutputTokens": 3}}]
)
def test_the_clients_limit_is_read_in_every_protocol(more):
    assert call(**more).most_tokens == 3


async def test_an_event_stream_of_aws_may_be_broken_at_its_checksum(provider, client):
    provider.set(Behaviour(failure=Failure.MALFORMED, after=1))
    url = f"{provider.url}/model/anthropic.claude-1/invoke-with-response-stream"
    async with client.post(url, json={"messages": []}) as answer:
        rest, good = await answer.read(), []
    while rest:
        length = int.from_bytes(rest[:4])
        message, rest = rest[:length], rest[length:]
        good.append(crc32(message[:-4]) == int.from_bytes(message[-4:]))
    assert good.count(False) == 1


async def test_it_serves_tls_with_the_authority_it_is_given():
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust = ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(trust)
    async with ProviderServer("A", tls=context) as server, aiohttp.ClientSession() as session:
        assert server.url.startswith("https://127.0.0.1:")
        async with session.get(f"{server.url}/v1/models", ssl=trust) as answer:
            assert answer.status == 200
        server.set(Behaviour(failure=Failure.RESET))
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{server.url}/v1/models", ssl=trust)
