"""What the dialects write is read by the makers' own SDKs: one flawless message, however it came about.

The SDKs ask a server on loopback that answers with the bytes of the writers.
"""

from __future__ import annotations

import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import MappingProxyType

import anthropic
import openai
import pydantic
import pytest
from google import genai
from google.genai import errors, types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Stamp, dialect_of
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Began,
    Call,
    Calls,
    Citation,
    Cites,
    Counted,
    Counts,
    Ended,
    Refuses,
    Reply,
    Seal,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)

KEY = "dummy-key"
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
STAMP = Stamp(id="abc123", created_s=1_700_000_000)
HELLO = [{"role": "user", "content": "hello"}]


class Got:
    """What an SDK's user has at the end."""

    def __init__(self, *, text, stop, thoughts="", calls=(), tokens=(None, None), model=""):
        self.text, self.stop, self.thoughts, self.calls = text, stop, thoughts, list(calls)
        self.tokens, self.model = tokens, model

    def __repr__(self):
        return f"Got({vars(self)})"


class Maker(ThreadingHTTPServer):
    """Answers every request with the same bytes, in pieces of so many."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.data, self.size, self.kind = b"", 1, ""

    def answers(self, data, *, stream=True, size=7):
        self.data, self.size = data, size
        self.kind = "text/event-stream" if stream else "application/json"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        maker = self.server
        self.send_response(200)
        self.send_header("content-type", maker.kind)
        self.send_header("content-length", str(len(maker.data)))
        self.end_headers()
        for at in range(0, len(maker.data), maker.size):
            self.wfile.write(maker.data[at : at + maker.size])

    def log_message(self, *_):
        """Nothing is logged."""


@pytest.fixture(scope="module")
def maker():
    with Maker() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def sdks(maker):
    """Each SDK with a client of its own, and no proxy before it."""
    options = types.HttpOptions(base_url=maker.url, client_args={"verify": TLS, "trust_env": False})
    claude = anthropic.Anthropic(
        base_url=maker.url,
        api_key=KEY,
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(verify=TLS, trust_env=False),
    )
    gpt = openai.OpenAI(
        base_url=f"{maker.url}/v1",
        api_key=KEY,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=TLS, trust_env=False),
    )
    gemini = genai.Client(api_key=KEY, http_options=options)
    with claude, gpt, gemini:
        yield {"messages": Anthropic(claude), "chat": Chat(gpt), "responses": Responses(gpt), "gemini": Gemini(gemini)}


@pytest.fixture(params=["messages", "chat", "responses", "gemini"])
def sdk(request, sdks):
    return sdks[request.param]


class Sdk:
    """One SDK, of which a user asks for an answer; the names that its answers have for their ends."""

    def __init__(self, client):
        self.client = client


class Anthropic(Sdk):
    protocol = Protocol.ANTHROPIC
    body = MappingProxyType({"model": "m", "max_tokens": 9, "messages": HELLO})
    stops = MappingProxyType(
        {Stop.END: "end_turn", Stop.TOOLS: "tool_use", Stop.LENGTH: "max_tokens", Stop.REFUSED: "refusal"}
    )
    error = anthropic.APIError

    def stream(self):
        with self.client.messages.stream(**self.body) as events:
            told = "".join(event.text for event in events if event.type == "text")
            got = self.read(events.get_final_message())
        assert told == got.text
        return got

    def whole(self):
        return self.read(self.client.messages.create(**self.body))

    def read(self, message):
        assert message.type == "message"
        blocks = message.content
        return Got(
            text="".join(block.text for block in blocks if block.type == "text"),
            thoughts="".join(block.thinking for block in blocks if block.type == "thinking"),
            calls=[(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"],
            stop=message.stop_reason,
            tokens=(
                message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0),
                message.usage.output_tokens,
            ),
            model=message.model,
        )


class Chat(Sdk):
    protocol = Protocol.OPENAI
    body = MappingProxyType({"model": "m", "messages": HELLO, "stream_options": {"include_usage": True}})
    stops = MappingProxyType({Stop.END: "stop", Stop.TOOLS: "tool_calls", Stop.LENGTH: "length", Stop.REFUSED: "stop"})
    error = openai.APIError

    def stream(self, **more):
        with self.client.chat.completions.stream(**self.body, **more) as events:
            told = "".join(event.delta for event in events if event.type == "content.delta")
            # The final one is refused where the limit was reached.
            got = self.read(events.current_completion_snapshot)
        assert told == got.text
        return got

    def whole(self):
        asked = {name: value for name, value in self.body.items() if name != "stream_options"}
        return self.read(self.client.chat.completions.create(**asked))

    def read(self, completion):
        (choice,) = completion.choices
        message = choice.message
        calls = message.tool_calls or ()
        usage = completion.usage
        return Got(
            text=message.content or "",
            thoughts=(message.model_extra or {}).get("reasoning_content", ""),
            calls=[(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls],
            stop=choice.finish_reason,
            tokens=(usage.prompt_tokens, usage.completion_tokens) if usage else (None, None),
            model=completion.model,
        )


class Responses(Sdk):
    protocol = Protocol.RESPONSES
    body = MappingProxyType({"model": "m", "input": "hello"})
    stops = MappingProxyType(
        {Stop.END: "completed", Stop.TOOLS: "completed", Stop.LENGTH: "incomplete", Stop.REFUSED: "completed"}
    )
    error = openai.APIError

    def stream(self, **more):
        with self.client.responses.stream(**self.body, **more) as events:
            seen = list(events)
        assert seen[-1].type in {"response.completed", "response.incomplete"}
        got = self.read(seen[-1].response)
        assert [event.sequence_number for event in seen] == list(range(len(seen)))
        assert "".join(event.delta for event in seen if event.type == "response.output_text.delta") == got.text
        return got

    def whole(self):
        return self.read(self.client.responses.create(**self.body))

    def read(self, response):
        thoughts = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
        calls = [item for item in response.output if item.type == "function_call"]
        usage = response.usage
        return Got(
            text=response.output_text,
            thoughts="".join(thoughts),
            calls=[(call.call_id, call.name, json.loads(call.arguments)) for call in calls],
            stop=response.status,
            tokens=(usage.input_tokens, usage.output_tokens) if usage else (None, None),
            model=response.model,
        )


class Gemini(Sdk):
    protocol = Protocol.GEMINI
    body = MappingProxyType({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})
    stops = MappingProxyType({Stop.END: "STOP", Stop.TOOLS: "STOP", Stop.LENGTH: "MAX_TOKENS"})
    error = errors.APIError

    def stream(self):
        return self.read(list(self.client.models.generate_content_stream(model="m", contents="hello")))

    def whole(self):
        return self.read([self.client.models.generate_content(model="m", contents="hello")])

    def read(self, pieces):
        contents = [piece.candidates[0].content for piece in pieces if piece.candidates]
        parts = [part for content in contents if content for part in content.parts or ()]
        calls = [part.function_call for part in parts if part.function_call]
        usage = next((piece.usage_metadata for piece in reversed(pieces) if piece.usage_metadata), None)
        stop = [piece.candidates[0].finish_reason for piece in pieces if piece.candidates][-1]
        return Got(
            text="".join(part.text for part in parts if part.text and not part.thought),
            thoughts="".join(part.text for part in parts if part.text and part.thought),
            calls=[(None, call.name, call.args) for call in calls],
            stop=stop and stop.value,
            tokens=(
                usage and usage.prompt_token_count,
                usage and (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            ),
            model=pieces[-1].model_version,
        )


def ask_of(sdk, *, stream):
    dialect = dialect_of(sdk.protocol)
    path, query = dialect.address("m", stream)
    body = dict(sdk.body) if sdk.protocol is Protocol.GEMINI else {**sdk.body, "stream": stream}
    return Ask(
        protocol=sdk.protocol,
        operation=Operation.GENERATE,
        method="POST",
        path=path,
        query=query,
        body=json.dumps(body).encode(),
        model="m",
        stream=stream,
    )


def writer_for(sdk):
    return dialect_of(sdk.protocol).writer(ask_of(sdk, stream=True), STAMP)


def streamed(sdk, maker, data, size=7, **more):
    """What the SDK makes of these events."""
    maker.answers(data, size=size)
    return sdk.stream(**more)


def whole(sdk, maker, data):
    """What the SDK makes of this answer."""
    maker.answers(data, stream=False)
    return sdk.whole()


COUNTS = Counts(fresh=9, cache_read=2, output=7, thought=0)
BEGAN = Began("upstream-1", "true-model")
COUNTED = Counted(COUNTS)
SUNNY = Call(id="call_a", name="get_weather", arguments='{"place": "Zürich", "deep": {"a": [1, null]}}')
EMPTY = Call(id="call_b", name="now")

STREAMS = {
    "words": ([Words("Grüezi, "), Words("😀 wörld"), Ended(Stop.END)], "Grüezi, 😀 wörld", "", []),
    "a thought and words": (
        [Thinks("let me "), Thinks("see"), ThoughtEnds(), Words("So."), Ended(Stop.END)],
        "So.",
        "let me see",
        [],
    ),
    "a thought that was cut, and another": (
        [Thinks("let me s"), ThoughtEnds(), Thinks("I see"), ThoughtEnds(), Words("So."), Ended(Stop.END)],
        "So.",
        "let me sI see",
        [],
    ),
    "words and two calls": (
        [Words("I look."), Calls(SUNNY), Calls(EMPTY), Ended(Stop.TOOLS)],
        "I look.",
        "",
        [SUNNY, EMPTY],
    ),
    "nothing but a call": ([Calls(EMPTY), Ended(Stop.TOOLS)], "", "", [EMPTY]),
    "a thought and a call": (
        [Thinks("hm"), ThoughtEnds(), Calls(SUNNY), Ended(Stop.TOOLS)],
        "",
        "hm",
        [SUNNY],
    ),
    "words up to the limit": ([Words("I was about t"), Ended(Stop.LENGTH)], "I was about t", "", []),
}
each_stream = pytest.mark.parametrize("name", list(STREAMS))


def check(sdk, got, name):
    pieces, text, thoughts, calls = STREAMS[name]
    assert got.text == text
    assert got.thoughts.replace("\n\n", "") == thoughts
    assert [call[1:] for call in got.calls] == [(call.name, json.loads(call.arguments)) for call in calls]
    if sdk.protocol is not Protocol.GEMINI:  # it has no ids
        assert [call[0] for call in got.calls] == [call.id for call in calls]
    assert got.stop == sdk.stops[pieces[-1].stop]
    assert got.tokens == (11, 7)
    assert got.model == "true-model"


@each_stream
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_stream_is_one_flawless_message_however_its_bytes_come(sdk, maker, name, size):
    *pieces, ended = STREAMS[name][0]
    data = writer_for(sdk).write([BEGAN, *pieces, COUNTED, ended])
    check(sdk, streamed(sdk, maker, data, size=size), name)


@each_stream
def test_a_stream_that_broke_off_anywhere_and_was_gone_on_with_is_one_flawless_message(sdk, maker, name):
    *pieces, ended = STREAMS[name][0]
    upstream = dialect_of(sdk.protocol).writer(ask_of(sdk, stream=True), Stamp(id="upstream", created_s=5))
    events = [upstream.write([piece]) for piece in [BEGAN, *pieces]]
    for cut in range(len(events) + 1):
        writer = writer_for(sdk)
        sent = b"".join(events[:cut])
        if sent:
            writer.absorb(sent)
        again = [Began("other", "true-model")] if cut else [BEGAN]
        rest = writer.write([*again, *pieces[max(cut - 1, 0) :], COUNTED, ended])
        check(sdk, streamed(sdk, maker, sent + rest), name)


@each_stream
def test_a_whole_answer_is_read(sdk, maker, name):
    pieces, text, thoughts, calls = STREAMS[name]
    parts = (
        *((Thought(text=thoughts),) if thoughts else ()),
        *((Text(text=text),) if text else ()),
        *calls,
    )
    reply = Reply(id="x", model="true-model", parts=parts, stop=pieces[-1].stop, counts=COUNTS)
    data = dialect_of(sdk.protocol).write_reply(reply, ask_of(sdk, stream=False), STAMP)
    check(sdk, whole(sdk, maker, data), name)


def test_an_error_behind_words_is_raised_as_the_sdks_own(sdk, maker):
    writer = writer_for(sdk)
    data = writer.write([BEGAN, Words("half a sen")]) + writer.error(Fault.CUT, "the upstream broke off")
    with pytest.raises(sdk.error, match="broke off"):
        streamed(sdk, maker, data)


def test_a_refusal_is_read_as_the_sdk_knows_it(sdk, maker):
    data = writer_for(sdk).write([BEGAN, Refuses("I will not."), COUNTED, Ended(Stop.REFUSED)])
    if sdk.protocol is Protocol.GEMINI:
        (*_, stop) = [streamed(sdk, maker, data).stop]
        assert stop in {"SAFETY", "PROHIBITED_CONTENT", "OTHER"}
        return
    got = streamed(sdk, maker, data)
    assert got.stop == sdk.stops[Stop.REFUSED]


def test_citations_of_addresses_do_not_trouble_the_sdk(sdk, maker):
    cited = [Cites(Citation(url=f"https://example.org/{n}", title="T", start=0, end=3)) for n in (1, 2)]
    data = writer_for(sdk).write([BEGAN, Words("abc"), *cited, Words("def"), COUNTED, Ended(Stop.END)])
    assert streamed(sdk, maker, data).text == "abcdef"


def test_a_thought_without_proof_is_marked_for_anthropics_client_and_a_foreign_proof_is_none(sdks, maker):
    sdk = sdks["messages"]
    seal = Seal(origin=Protocol.RESPONSES, data="secret")
    pieces = [BEGAN, Thinks("hm"), ThoughtEnds(seal), Words("So."), COUNTED, Ended(Stop.END)]
    maker.answers(writer_for(sdk).write(pieces))
    with sdk.client.messages.stream(**sdk.body) as events:
        thinking, _ = events.get_final_message().content
    assert (thinking.thinking, thinking.signature) == ("hm", UNSIGNED)


class Weather(pydantic.BaseModel):
    """What a model is to answer with."""

    place: str
    degrees: int


WEATHER = [Words('{"place": "Zü'), Words('rich", "degr'), Words('ees": 21}')]


@pytest.mark.parametrize(("name", "more"), [("chat", "response_format"), ("responses", "text_format")])
def test_a_structured_answer_is_parsed_by_openais_helpers(name, more, sdks, maker):
    sdk = sdks[name]
    data = writer_for(sdk).write([BEGAN, *WEATHER, COUNTED, Ended(Stop.END)])
    got = streamed(sdk, maker, data, **{more: Weather})
    assert Weather.model_validate_json(got.text) == Weather(place="Zürich", degrees=21)


def test_the_arguments_of_a_strict_tool_are_parsed_by_openais_helper(sdks, maker):
    sdk = sdks["chat"]
    call = Call(id="call_1", name="Weather", arguments='{"place": "Zürich", "degrees": 21}')
    maker.answers(writer_for(sdk).write([BEGAN, Calls(call), COUNTED, Ended(Stop.TOOLS)]))
    with sdk.client.chat.completions.stream(**sdk.body, tools=[openai.pydantic_function_tool(Weather)]) as events:
        (parsed,) = events.get_final_completion().choices[0].message.tool_calls
    assert parsed.function.parsed_arguments == Weather(place="Zürich", degrees=21)


ON_LOOPBACK = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
ARGUMENTS = st.dictionaries(TEXT, st.none() | st.integers(-(2**40), 2**40) | TEXT, max_size=3)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)
@given(texts=st.lists(TEXT, min_size=1, max_size=5), arguments=st.lists(ARGUMENTS, max_size=2), size=st.integers(1, 99))
def test_any_text_and_any_arguments_arrive_as_they_are(sdk, maker, texts, arguments, size):
    calls = [Call(id=f"call_{n}", name="f", arguments=json.dumps(one)) for n, one in enumerate(arguments)]
    ended = Ended(Stop.TOOLS if calls else Stop.END)
    data = writer_for(sdk).write([BEGAN, *map(Words, texts), *map(Calls, calls), COUNTED, ended])
    got = streamed(sdk, maker, data, size=size)
    assert got.text == "".join(texts)
    assert [call[2] for call in got.calls] == arguments
