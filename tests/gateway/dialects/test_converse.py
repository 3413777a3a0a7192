"""Bedrock's Converse as an upstream: its event stream is watched, its path, key and errors are known."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Form, Operation, Protocol, Target, Usage
from stillup.gateway.dialects.address import address
from stillup.gateway.dialects.base import CONTENT, END, ERROR, KeyChoice, KeyKind, UpstreamSpec
from stillup.gateway.dialects.converse.translation import DIALECT
from stillup.gateway.dialects.converse.watch import ConverseWatch
from stillup.gateway.dialects.neutral import UNSIGNED, Ended, Stop, Words
from stillup.gateway.dialects.trouble import classify
from stillup.gateway.dialects.whole import WholeWatch, watch_for
from stillup.secret import Secret
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider.call import read_call
from stillup.sim.provider.eventstream import message
from stillup.sim.provider.reply import reply_to
from stillup.sim.provider.voices import voice_for

CONVERSE = Protocol.CONVERSE
MODEL = "amazon.nova-pro-v1:0"
BODY = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
AMAZON = "application/vnd.amazon.eventstream"


def said(*blocks):
    return {"role": "user", "content": list(blocks)}


def ask(stream=True, operation=Operation.GENERATE, body=BODY):
    path, query = DIALECT.address(MODEL, stream)
    if operation is Operation.COUNT_TOKENS:
        path, query = DIALECT.count_address(MODEL)
    raw = json.dumps(body).encode()
    return Ask(
        protocol=CONVERSE,
        operation=operation,
        method="POST",
        path=path,
        query=query,
        headers=((b"content-type", b"application/json"),),
        body=raw,
        model=MODEL,
        stream=stream,
    )


def answered(behaviour=None, stream=True, operation=Operation.GENERATE, body=BODY):
    """What the scripted provider answers."""
    behaviour = behaviour or Behaviour()
    asked = ask(stream, operation, body)
    call = read_call("POST", asked.path, {"authorization": "Bearer x"}, asked.body)
    return reply_to(call, behaviour, "A", "req", voice_for(call))


def frames(behaviour=None):
    shape = answered(behaviour).shape
    return [*shape.opening, *shape.tokens, *shape.closing, *shape.end]


def frame(kind, payload):
    headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    return message(headers, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def watched(*chunks):
    watch = ConverseWatch()
    out = b"".join(watch.feed(chunk)[1] for chunk in chunks)
    fault, rest = watch.finish()
    return watch, fault, out + rest


@given(st.lists(st.integers(1, 200), max_size=30))
def test_any_division_gives_the_same_events(sizes):
    raw = b"".join(frames(Behaviour(text="Grüße 🦊 an dich", verbatim=True)))
    chunks, at = [], 0
    for size in [*sizes, len(raw)]:
        chunks.append(raw[at : at + size])
        at += size
    watch, fault, out = watched(*chunks)
    assert (fault, watch.flags, watch.stop_reason) == (None, CONTENT | END, "end_turn")
    assert watch.usage == Usage(10, watch.usage.output_tokens)
    reader = DIALECT.reader()
    pieces = [*reader.feed(out), *reader.finish()]
    assert "".join(piece.text for piece in pieces if isinstance(piece, Words)) == "Grüße 🦊 an dich"
    assert pieces[-1] == Ended(Stop.END)


def test_content_is_the_first_thing_said_and_the_end_the_counts():
    opening, first, *_, stop, counts = frames()
    watch = ConverseWatch()
    assert watch.feed(opening)[0] == 0
    assert watch.feed(frame("contentBlockDelta", {"delta": {"text": ""}}))[0] == 0
    assert watch.feed(first)[0] == CONTENT
    assert watch.feed(stop)[0] == CONTENT
    assert watch.feed(counts)[0] == CONTENT | END
    assert watch.feed(frame("error", b"{")) == (CONTENT | END, b"event: error\ndata: {\n\n")


def test_without_its_counts_a_stream_that_gave_its_reason_is_whole():
    _, fault, _ = watched(*frames()[:-1])
    assert fault is None


@pytest.mark.parametrize(("left_out", "fault"), [(2, Fault.CUT), (12, Fault.EMPTY)])
def test_a_stream_that_ends_before_its_reason_is_cut_or_empty(left_out, fault):
    watch, told, _ = watched(*frames()[:-left_out])
    assert (told, watch.fault) == (fault, fault)


def test_a_stream_that_ends_inside_a_message_is_cut():
    *rest, last = frames()
    assert watched(*rest, last[:-3])[1] is Fault.CUT


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("throttlingException", Fault.RATE_LIMITED),
        ("serviceUnavailableException", Fault.OVERLOADED),
        ("internalServerException", Fault.SERVER_ERROR),
        ("modelStreamErrorException", Fault.SERVER_ERROR),
        ("validationException", Fault.BAD_REQUEST),
    ],
)
def test_an_exception_inside_the_stream_is_what_its_name_says(kind, fault):
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    opening, first, *_ = frames()
    watch, told, out = watched(opening, first, message(headers, b'{"message":"Wait a bit"}'), frames()[-1])
    assert (told, watch.error_message, watch.flags & ERROR) == (fault, "Wait a bit", ERROR)
    assert kind.encode() in watch.error_event
    assert b"error" not in out


def test_an_exception_may_come_as_an_event_or_in_headers_alone():
    watch, fault, _ = watched(frame("throttlingException", {"message": "m"}))
    assert (fault, watch.error_message) == (Fault.RATE_LIMITED, "m")
    headers = {":message-type": "error", ":error-code": "InternalServerException", ":error-message": "m"}
    watch, fault, _ = watched(message(headers, b""))
    assert (fault, watch.error_message) == (Fault.SERVER_ERROR, "m")


def test_the_scripted_providers_error_event_is_understood():
    shape = answered(Behaviour(failure=Failure.ERROR_EVENT, status=503)).shape
    assert watched(*shape.opening, *shape.tokens[:2], shape.error)[1] is Fault.OVERLOADED


@pytest.mark.parametrize("broken", [b"\0" * 16, frame("contentBlockDelta", b"{"), frame("messageStop", b"\xff")])
def test_what_is_no_message_or_no_json_breaks_the_answer(broken):
    opening, first, *_ = frames()
    watch, fault, out = watched(opening, first, broken)
    assert (fault, watch.fault) == (Fault.MALFORMED, Fault.MALFORMED)
    assert out.count(b"\n\n") == 2


def test_unknown_events_and_line_ends_in_json_are_taken():
    odd = frame("trace?", b'{"a":\r\n1}')
    out = watched(odd, *frames())[2]
    assert out.startswith(b'event: unknown\ndata: {"a":  1}\n\n')


def test_the_watch_of_each_answer_is_found_by_its_head():
    assert isinstance(watch_for(ask(), CONVERSE, 200, AMAZON), ConverseWatch)
    assert isinstance(watch_for(ask(), CONVERSE, 200, ""), ConverseWatch)
    assert isinstance(watch_for(ask(stream=False), CONVERSE, 200, "application/json"), WholeWatch)
    assert watch_for(ask(), CONVERSE, 200, "text/event-stream") is Fault.NOT_API
    assert watch_for(ask(stream=False), CONVERSE, 200, AMAZON) is Fault.NOT_API


def test_a_whole_answer_is_checked_and_counted():
    watch = watch_for(ask(stream=False), CONVERSE, 200, "application/json")
    body = answered(stream=False).body
    watch.feed(body)
    assert watch.finish() == (None, body)
    assert (watch.stop_reason, watch.usage.input_tokens) == ("end_turn", 10)
    assert DIALECT.read_reply(body).parts[0].text.startswith("A0 ")
    other = watch_for(ask(stream=False), CONVERSE, 200, "application/json")
    other.feed(b'{"message":"hello"}')
    assert other.finish()[0] is Fault.NOT_API


def test_tokens_are_counted():
    counted = {"input": {"converse": BODY}}
    watch = watch_for(ask(False, Operation.COUNT_TOKENS), CONVERSE, 200, "application/json")
    body = answered(stream=False, operation=Operation.COUNT_TOKENS, body=counted).body
    watch.feed(body)
    assert watch.finish() == (None, body)
    assert DIALECT.read_count(body) == 10


@pytest.mark.parametrize(("stream", "verb"), [(True, "converse-stream"), (False, "converse")])
def test_a_bedrock_upstream_is_asked_at_converses_path_with_its_own_key(stream, verb):
    spec = UpstreamSpec(id="aws", protocol=Protocol.BEDROCK, region="eu-west-1", key=Secret("k"))
    key = KeyChoice(kind=KeyKind.OWN, secret=spec.key)
    asked = ask(stream)
    out = address(asked, Target("aws", MODEL, CONVERSE), spec, key)
    assert out.origin == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert out.target == f"/model/amazon.nova-pro-v1:0/{verb}"
    assert (out.body, dict(out.headers)[b"authorization"]) == (asked.body, b"Bearer k")


def test_the_header_that_names_an_error_is_read():
    headers = ((b"x-amzn-errortype", b"ServiceQuotaExceededException:http://internal.amazon.com/"),)
    assert classify(CONVERSE, 429, headers, b'{"message":"no"}') is Fault.QUOTA


def test_an_ending_of_ours_is_an_error():
    assert b"error" in ConverseWatch().error_ending(Fault.CUT, "gone")


def test_the_scripted_provider_calls_tools_and_keeps_to_limits():
    spec = {"name": "get_weather", "inputSchema": {"json": {"type": "object", "properties": {"city": {}}}}}
    offered = {**BODY, "toolConfig": {"tools": [{"toolSpec": spec}], "toolChoice": {"any": {}}}}
    reply = DIALECT.read_reply(answered(stream=False, body=offered).body)
    assert (reply.stop, reply.parts[0].name) == (Stop.TOOLS, "get_weather")
    short = DIALECT.read_reply(answered(stream=False, body={**BODY, "inferenceConfig": {"maxTokens": 3}}).body)
    assert (short.stop, short.parts[0].text) == (Stop.LENGTH, "A0 A1 A2 ")


# --- a request that is changed


def test_going_on_appends_what_was_said_and_changes_nothing_else():
    body = b'{"messages": [], "x": 1, "inferenceConfig": {"maxTokens": 4, "topP": 0.5}}'
    gone = json.loads(DIALECT.go_on(body, "So far ", Form.INSTRUCTION, 77))
    assert [message["role"] for message in gone["messages"]] == ["assistant", "user"]
    assert gone["messages"][0]["content"] == [{"text": "So far "}]
    assert (gone["x"], gone["inferenceConfig"]) == (1, {"maxTokens": 77, "topP": 0.5})
    begun = json.loads(DIALECT.go_on(b'{"messages":[]}', "So far ", Form.PREFILL, None))
    assert begun == {"messages": [{"role": "assistant", "content": [{"text": "So far"}]}]}
    assert json.loads(DIALECT.go_on(b"{}", "x", Form.NONE, None)) == {}


def test_marked_thoughts_are_taken_out_and_nothing_else():
    marked = {"reasoningContent": {"reasoningText": {"text": "x", "signature": UNSIGNED}}}
    body = {"messages": [said(marked), said(marked, {"text": UNSIGNED})], "a": 1}
    left = json.loads(DIALECT.cleaned(json.dumps(body).encode()))
    assert left == {"messages": [said({"text": UNSIGNED})], "a": 1}
    assert DIALECT.cleaned(b"{}") == b"{}"
