"""A gateway before two scripted providers, and the official SDKs to ask it with."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider_server import ProviderServer

HERE = Path(__file__).parent
KEY = "dummy-key-of-the-client"
KEYS = {"A_KEY": "dummy-key-of-a", "B_KEY": "dummy-key-of-b"}
PATIENCE_S = 30.0
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here is encrypted; one that trusts nobody is made once, where each SDK would read all authorities anew."""

UPSTREAM = """
[[gateway.upstreams]]
id = "{name}-{protocol}"
protocol = "{protocol}"
base_url = "{url}"
"""
PATHS = {"anthropic": "", "openai": "/v1", "openai-responses": "/v1", "gemini": ""}
MODELS = {"claude*": "anthropic", "gemini*": "gemini", "*": "openai"}
"""Whose models are asked of which upstreams: each request stays in its own dialect, where no other one is named."""
OTHERS = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "gpt-4.1",
    "openai-responses": "gpt-4.1",
    "gemini": "gemini-2.5-pro",
}
"""What a stand-in of that protocol is asked for."""


def config_of(servers, *, hedge_after_s, match="*", more="", last="", other=""):
    """Each server in every protocol, the first of them first.

    ``last`` is an OpenAI-compatible one without a key; ``other`` is the protocol that all but the first are asked in.
    """
    lines = ["[gateway]", 'listen = "127.0.0.1:0"', f"hedge_after_s = {hedge_after_s}", more]
    for server in servers:
        for protocol, path in PATHS.items():
            name, key = server.name.lower(), f"{server.name}_KEY"
            lines.append(UPSTREAM.format(name=name, protocol=protocol, url=server.url + path) + f'key_env = "{key}"')
    if last:
        lines.append(UPSTREAM.format(name="last", protocol="openai", url=f"{last}/v1"))
    for pattern, protocol in MODELS.items():
        first, *others = (server.name.lower() for server in servers)
        spoken = f"{other}/{OTHERS[other]}" if other else protocol
        chain = [f"{first}-{protocol}", *(f"{name}-{spoken}" for name in others)] + ["last-openai/smollm2"] * bool(last)
        lines += ["[[gateway.routes]]", f'match = "{pattern if match == "*" else match}"', f"chain = {chain}"]
    return "\n".join(lines)


def pytest_collection_modifyitems(items):
    """Google's SDK subclasses aiohttp's session, of which aiohttp warns: a matter between the two."""
    theirs = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(theirs)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """A proxy has no business on loopback."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def a():
    async with ProviderServer("A") as server:
        yield server


@pytest.fixture
async def b():
    async with ProviderServer("B") as server:
        yield server


@pytest.fixture
async def start():
    """Start a gateway before these servers; all are stopped behind the test.

    ``hedge_after_s`` is long: what is tested without saying so never hangs on how busy the machine is.
    """
    async with AsyncExitStack() as stack:

        async def started(*servers, hedge_after_s=PATIENCE_S, patience=None, **more):
            config = parse_config(config_of(servers, hedge_after_s=hedge_after_s, **more))
            clock = SystemClock()
            gateway = Gateway(
                resolve(config, KEYS), config.gateway, seen=Seen(clock), clock=clock, patience=patience, environ={}
            )
            await gateway.start()
            stack.push_async_callback(gateway.stop, 0.0)
            return gateway

        yield started


def words(name, count=10):
    """What the server of that name says."""
    return "".join(f"{name}{i} " for i in range(count))


@pytest.fixture(name="words")
def words_fixture():
    return words


class Said:
    """What an SDK's user got: the text, how it ended, the tools to be called with their arguments, and the count.

    ``parts`` are the blocks, items or parts that the text is in; none where a protocol's chunks are parts.
    """

    def __init__(self, text, stop, tools, tokens, parts=None):
        self.text, self.stop, self.tools = text, stop, tools
        self.tokens, self.parts = tokens, parts

    def __repr__(self):
        return f"Said({self.text!r}, {self.stop!r}, {self.tools!r})"


HELLO = "hello"
WEATHER = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
TOOL = "get_weather"


class Anthropic:
    """The Anthropic SDK: Messages."""

    model = "claude-simulated-1"
    ends = "end_turn"
    calls = "tool_use"

    @staticmethod
    def client(url):
        http = anthropic.DefaultHttpxClient(verify=TLS, timeout=PATIENCE_S)
        return anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, http_client=http)

    @staticmethod
    def aclient(url):
        http = anthropic.DefaultAsyncHttpxClient(verify=TLS, timeout=PATIENCE_S)
        return anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0, http_client=http)

    def asked(self, tools):
        asked = {"model": self.model, "max_tokens": 64, "messages": [{"role": "user", "content": HELLO}]}
        return asked | ({"tools": [{"name": TOOL, "input_schema": WEATHER}]} if tools else {})

    def whole(self, client, *, tools=False):
        return self.read(client.messages.create(**self.asked(tools)))

    def stream(self, client, *, tools=False):
        with client.messages.stream(**self.asked(tools)) as events:
            return self.read(events.get_final_message())

    async def awhole(self, client, *, tools=False):
        return self.read(await client.messages.create(**self.asked(tools)))

    async def astream(self, client, *, tools=False):
        async with client.messages.stream(**self.asked(tools)) as events:
            return self.read(await events.get_final_message())

    def read(self, message):
        text = "".join(block.text for block in message.content if block.type == "text")
        tools = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
        parts = sum(block.type == "text" for block in message.content)
        return Said(text, message.stop_reason, tools, message.usage.output_tokens, parts)


class OpenAI:
    """The OpenAI SDK, of which two protocols have the clients in common."""

    model = "gpt-simulated-1"

    @staticmethod
    def client(url):
        http = openai.DefaultHttpxClient(verify=TLS, timeout=PATIENCE_S)
        return openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, http_client=http)

    @staticmethod
    def aclient(url):
        http = openai.DefaultAsyncHttpxClient(verify=TLS, timeout=PATIENCE_S)
        return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, http_client=http)


class Chat(OpenAI):
    """Chat Completions."""

    ends = "stop"
    calls = "tool_calls"

    def asked(self, tools):
        asked = {"model": self.model, "messages": [{"role": "user", "content": HELLO}]}
        function = {"name": TOOL, "parameters": WEATHER}
        return asked | ({"tools": [{"type": "function", "function": function}]} if tools else {})

    def whole(self, client, *, tools=False):
        return self.read(client.chat.completions.create(**self.asked(tools)))

    def stream(self, client, *, tools=False):
        with client.chat.completions.stream(**self.asked(tools)) as events:
            return self.read(events.get_final_completion())

    async def awhole(self, client, *, tools=False):
        return self.read(await client.chat.completions.create(**self.asked(tools)))

    async def astream(self, client, *, tools=False):
        async with client.chat.completions.stream(**self.asked(tools)) as events:
            return self.read(await events.get_final_completion())

    def read(self, completion):
        choice = completion.choices[0]
        functions = [call.function for call in choice.message.tool_calls or ()]
        tools = [(function.name, json.loads(function.arguments)) for function in functions]
        tokens = completion.usage and completion.usage.completion_tokens
        return Said(choice.message.content or "", choice.finish_reason, tools, tokens, len(completion.choices))


class Responses(OpenAI):
    """Responses."""

    ends = "completed"
    calls = "completed"

    def asked(self, tools):
        asked = {"model": self.model, "input": HELLO}
        return asked | ({"tools": [{"type": "function", "name": TOOL, "parameters": WEATHER}]} if tools else {})

    def whole(self, client, *, tools=False):
        return self.read(client.responses.create(**self.asked(tools)))

    def stream(self, client, *, tools=False):
        with client.responses.stream(**self.asked(tools)) as events:
            return self.read(events.get_final_response())

    async def awhole(self, client, *, tools=False):
        return self.read(await client.responses.create(**self.asked(tools)))

    async def astream(self, client, *, tools=False):
        async with client.responses.stream(**self.asked(tools)) as events:
            return self.read(await events.get_final_response())

    def read(self, response):
        tools = [(item.name, json.loads(item.arguments)) for item in response.output if item.type == "function_call"]
        parts = sum(len(item.content) for item in response.output if item.type == "message")
        return Said(response.output_text, response.status, tools, response.usage.output_tokens, parts)


class Gemini:
    """The Google Gen AI SDK: generateContent."""

    model = "gemini-simulated-1"
    ends = "STOP"
    calls = "STOP"

    @staticmethod
    def client(url):
        options = types.HttpOptions(
            base_url=url,
            timeout=int(PATIENCE_S * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),
            client_args={"verify": TLS},
            async_client_args={"ssl": TLS},
        )
        return genai.Client(api_key=KEY, http_options=options)

    def aclient(self, url):
        return self.client(url).aio

    def asked(self, tools):
        asked = {"model": self.model, "contents": HELLO}
        declared = types.FunctionDeclaration(name=TOOL, parameters_json_schema=WEATHER)
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
        return asked | ({"config": config} if tools else {})

    def whole(self, client, *, tools=False):
        return self.read([client.models.generate_content(**self.asked(tools))])

    def stream(self, client, *, tools=False):
        return self.read(list(client.models.generate_content_stream(**self.asked(tools))))

    async def awhole(self, client, *, tools=False):
        return self.read([await client.models.generate_content(**self.asked(tools))])

    async def astream(self, client, *, tools=False):
        return self.read([piece async for piece in await client.models.generate_content_stream(**self.asked(tools))])

    def read(self, pieces):
        parts = [part for piece in pieces for part in piece.candidates[0].content.parts or ()]
        stop = pieces[-1].candidates[0].finish_reason
        tools = [(part.function_call.name, part.function_call.args) for part in parts if part.function_call]
        text = "".join(part.text or "" for part in parts)
        return Said(text, stop and stop.value, tools, pieces[-1].usage_metadata.candidates_token_count)


SDKS = {"messages": Anthropic(), "chat": Chat(), "responses": Responses(), "gemini": Gemini()}


class Client:
    """One SDK in one of its four ways to ask for an answer."""

    def __init__(self, protocol, *, stream, is_async):
        self.sdk = SDKS[protocol]
        self.protocol, self.is_stream, self._is_async = protocol, stream, is_async

    async def ask(self, url, *, tools=False):
        """Ask once, with clients of its own."""
        name = "stream" if self.is_stream else "whole"
        if self._is_async:
            async with self.sdk.aclient(url) as client:
                return await getattr(self.sdk, f"a{name}")(client, tools=tools)
        return await asyncio.to_thread(self._ask, getattr(self.sdk, name), url, tools)

    def _ask(self, ask, url, tools):
        with self.sdk.client(url) as client:
            return ask(client, tools=tools)


WAYS = [f"{protocol}-{how}" for protocol in SDKS for how in ("whole", "stream")]


@pytest.fixture(params=WAYS)
def client(request):
    """Every protocol's SDK, streaming and not, asynchronous."""
    protocol, _, how = request.param.partition("-")
    return Client(protocol, stream=how == "stream", is_async=True)


@pytest.fixture(params=WAYS)
def sync_client(request):
    """The same, synchronous."""
    protocol, _, how = request.param.partition("-")
    return Client(protocol, stream=how == "stream", is_async=False)


@pytest.fixture(params=SDKS)
def whole_client(request):
    """Every protocol's SDK, asking for answers in one piece."""
    return Client(request.param, stream=False, is_async=True)


@pytest.fixture(params=SDKS)
def stream_client(request):
    """Every protocol's SDK, streaming."""
    return Client(request.param, stream=True, is_async=True)


@pytest.fixture
def ask():
    """Make a client of a protocol."""

    def made(protocol, *, stream=False):
        return Client(protocol, stream=stream, is_async=True)

    return made
