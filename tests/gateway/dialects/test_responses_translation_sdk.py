"""OpenAI's own SDK adds up what is written, wherever the answer broke off."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Stamp, dialect_of
from stillup.gateway.dialects.neutral import (
    Apart,
    Began,
    Call,
    Calls,
    Counted,
    Counts,
    Ended,
    Seal,
    Stop,
    Thinks,
    ThoughtEnds,
    Words,
)

openai = pytest.importorskip("openai")
httpx = pytest.importorskip("httpx")

RESPONSES = dialect_of(Protocol.RESPONSES)
TOOLS = [
    {"type": "function", "name": "f", "parameters": {}},
    {"type": "custom", "name": "patch"},
    {
        "type": "namespace",
        "name": "ns",
        "description": "",
        "tools": [{"type": "function", "name": "g", "parameters": {}}],
    },
]
ASK = Ask(
    protocol=Protocol.RESPONSES,
    operation=Operation.GENERATE,
    method="POST",
    path="/v1/responses",
    body=json.dumps({"model": "m", "input": "Hi", "tools": TOOLS, "stream": True}).encode(),
    model="m",
    stream=True,
)
PIECES = [
    Began("", "gpt-x"),
    Thinks("I think "),
    Thinks("so."),
    ThoughtEnds(Seal(origin=Protocol.RESPONSES, data="enc", id="rs_1")),
    Words("Hello "),
    Words("wörld 😀"),
    Apart(),
    Words(" And "),
    Words("more."),
    Calls(Call(id="c1", name="f", arguments='{"a":1}')),
    Calls(Call(id="c2", name="patch", arguments='{"input":"+x"}')),
    Calls(Call(id="c3", name="ns__g")),
    Counted(Counts(fresh=5, cache_read=2, output=9, thought=3)),
    Ended(Stop.TOOLS),
]


def added_up(data):
    """The response as the SDK's stream helper makes it, and the text that it told piece by piece."""
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=data)
    with (
        httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as http,
        openai.OpenAI(api_key="dummy", base_url="http://gateway.test/v1", max_retries=0, http_client=http) as client,
        client.responses.stream(model="m", input="Hi", tools=TOOLS) as stream,
    ):
        told = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        return stream.get_final_response(), told


def written(pieces, name="up"):
    return RESPONSES.writer(ASK, Stamp(id=name, created_s=5)).write(pieces)


def test_it_takes_a_translated_stream():
    response, told = added_up(written(PIECES))
    assert response.output_text == told == "Hello wörld 😀 And more."
    assert [item.type for item in response.output] == [
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
        "function_call",
    ]
    assert (response.output[3].input, response.output[4].namespace) == ("+x", "ns")
    assert (response.usage.input_tokens, response.usage.total_tokens) == (7, 16)


EVENTS = [event + b"\n\n" for event in written(PIECES).split(b"\n\n") if event]
FIRST_CALL = next(n for n, event in enumerate(EVENTS) if b"function_call" in event)


@pytest.mark.parametrize("cut", range(2, FIRST_CALL))
def test_it_sees_one_message_where_a_stream_broke_off_in_front_of_its_calls(cut):
    before = b"".join(EVENTS[:cut])
    going_on = RESPONSES.writer(ASK, Stamp(id="next", created_s=6))
    going_on.absorb(before)
    has = going_on.said.text
    rest = "Hello wörld 😀 And more."[len(has) :]
    pieces = [ThoughtEnds()] if going_on.said.is_thinking else []
    pieces += [] if has else [Thinks("again"), ThoughtEnds()]
    after = going_on.write([*pieces, Began("", "other"), Words(rest), *PIECES[9:]])
    response, told = added_up(before + after)
    assert response.output_text == told == "Hello wörld 😀 And more."
    assert [item.name for item in response.output if item.type.endswith("_call")] == ["f", "patch", "g"]
    items = [json.loads(line[6:]) for line in (before + after).splitlines() if line.startswith(b"data: ")]
    assert [item["sequence_number"] for item in items] == list(range(len(items)))
    assert response.id == "resp_up"


@pytest.mark.parametrize("cut", range(FIRST_CALL, len(EVENTS) - 1))
def test_it_sees_a_message_that_ends_where_a_stream_broke_off_in_its_calls(cut):
    before = b"".join(EVENTS[:cut])
    going_on = RESPONSES.writer(ASK, Stamp(id="next", created_s=6))
    going_on.absorb(before)
    response, _ = added_up(before + going_on.write([Ended(Stop.TOOLS)]))
    whole = [item for item in response.output if getattr(item, "status", "") == "completed" and "call" in item.type]
    assert len(whole) == len(going_on.said.calls)
