"""What every watch of a stream promises, for every protocol and every way its bytes may be divided."""

from __future__ import annotations

import base64
import itertools
import json
import re
import struct
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Usage
from stillup.gateway.dialects.anthropic.watch import AnthropicWatch
from stillup.gateway.dialects.base import CONTENT, END, ERROR
from stillup.gateway.dialects.bedrock import BedrockWatch
from stillup.gateway.dialects.chat.watch import ChatWatch
from stillup.gateway.dialects.gemini.watch import GeminiArrayWatch, GeminiWatch
from stillup.gateway.dialects.responses.watch import ResponsesWatch

WORDS = ("The", " müde", " 🦊", ' said "x\\n"', "\u2028", " end")


def dumps(value):
    return json.dumps(value, ensure_ascii=False).encode()


def data(value):
    return b"data: " + dumps(value) + b"\n\n"


def named(value):
    return b"event: " + value["type"].encode() + b"\n" + data(value)


def anthropic_events():
    usage = {"input_tokens": 25, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 3, "output_tokens": 1}
    yield {"type": "message_start", "message": {"id": "m", "model": "claude-x", "content": [], "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    for word in WORDS:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}}
    yield {"type": "message_stop"}


def chat_events():
    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c", "object": "chat.completion.chunk", "model": "gpt-x", "choices": [choice], "usage": None}

    yield chunk({"role": "assistant", "content": ""})
    for word in WORDS:
        yield chunk({"content": word})
    yield chunk({}, "stop")
    details = {"cached_tokens": 7}
    usage = {"prompt_tokens": 25, "completion_tokens": 15, "prompt_tokens_details": details}
    yield {"id": "c", "object": "chat.completion.chunk", "model": "gpt-x", "choices": [], "usage": usage}


def responses_events():
    def response(status, **rest):
        return {"id": "r", "object": "response", "model": "gpt-x", "status": status, "error": None, **rest}

    yield {"type": "response.created", "sequence_number": 0, "response": response("in_progress", output=[])}
    yield {"type": "response.output_item.added", "sequence_number": 1, "item": {"type": "message", "content": []}}
    for n, word in enumerate(WORDS):
        yield {"type": "response.output_text.delta", "sequence_number": 2 + n, "delta": word}
    details = {"cached_tokens": 7}
    usage = {"input_tokens": 25, "output_tokens": 15, "input_tokens_details": details}
    yield {
        "type": "response.completed",
        "sequence_number": 2 + len(WORDS),
        "response": response("completed", output=[{"type": "message"}], usage=usage),
    }


def gemini_events():
    def chunk(text, **rest):
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **rest}
        return {"candidates": [candidate], "modelVersion": "gemini-x"}

    yield chunk("")
    for word in WORDS[:-1]:
        yield chunk(word)
    counts = {"promptTokenCount": 25, "candidatesTokenCount": 10, "thoughtsTokenCount": 5, "cachedContentTokenCount": 7}
    yield {**chunk(WORDS[-1], finishReason="STOP"), "usageMetadata": counts}


def amazon(payload, kind="event", name="chunk"):
    def header(key, value):
        return bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()

    which = ":event-type" if kind == "event" else ":exception-type"
    headers = header(which, name) + header(":content-type", "application/json") + header(":message-type", kind)
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", crc32(head)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def in_amazons_envelope(event):
    return amazon(dumps({"bytes": base64.b64encode(dumps(event)).decode(), "p": "abcd"}))


def array_parts():
    events = list(gemini_events())
    for n, event in enumerate(events):
        end = b"\n]\n" if n == len(events) - 1 else b""
        yield (b"[" if n == 0 else b",\r\n") + json.dumps(event, indent=2).encode() + end


SPLIT_USAGE = Usage(input_tokens=25, output_tokens=15, cache_read_tokens=7)
CLAUDE_USAGE = Usage(input_tokens=25, output_tokens=15, cache_read_tokens=7, cache_write_tokens=3)
CRLF = [data(event).replace(b"\n", b"\r\n") for event in gemini_events()]
CASES = {
    # name: watch, events on the wire, events as the client gets them, usage, model, stop reason
    "anthropic": (AnthropicWatch, [named(e) for e in anthropic_events()], None, CLAUDE_USAGE, "claude-x", "end_turn"),
    "chat": (ChatWatch, [*map(data, chat_events()), b"data: [DONE]\n\n"], None, SPLIT_USAGE, "gpt-x", "stop"),
    "responses": (ResponsesWatch, [named(e) for e in responses_events()], None, SPLIT_USAGE, "gpt-x", "completed"),
    "gemini": (GeminiWatch, CRLF, None, SPLIT_USAGE, "gemini-x", "STOP"),
    "gemini-array": (GeminiArrayWatch, list(array_parts()), None, SPLIT_USAGE, "gemini-x", "STOP"),
    "bedrock": (
        BedrockWatch,
        [in_amazons_envelope(e) for e in anthropic_events()],
        [named(e) for e in anthropic_events()],
        CLAUDE_USAGE,
        "claude-x",
        "end_turn",
    ),
}
ERRORS = {
    "anthropic": named({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    "chat": data({"error": {"message": "Overloaded", "type": "server_error", "code": "overloaded"}}),
    "responses": named({"type": "error", "code": "server_is_overloaded", "message": "Overloaded"}),
    "gemini": data({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}),
    "gemini-array": b",\n" + dumps({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}),
    "bedrock": amazon(dumps({"message": "Overloaded"}), "exception", "serviceUnavailableException"),
}
BROKEN = {
    "anthropic": b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"te\n\n',
    "chat": b'data: {"choices":[{"delta":{"content":"x"}\n\n',
    "responses": b'event: x\ndata: {"type":"response.output_text.delta","delta":\n\n',
    "gemini": b'data: {"candidates": nope}\r\n\r\n',
    "gemini-array": b',{"candidates": nope}',
    "bedrock": amazon(dumps({"bytes": "e3g="})),
}
every_protocol = pytest.mark.parametrize("name", CASES)
cuts = st.lists(st.integers(0, 4000), max_size=30)


def divided(body, at):
    edges = sorted({0, len(body), *(cut for cut in at if cut < len(body))})
    return [body[a:b] for a, b in itertools.pairwise(edges)]


def parts(name):
    make, wire, out, *_ = CASES[name]
    return make(), wire, out or wire


def boundaries(out):
    """The places between two events, where alone a client may stand."""
    places, at = {0}, 0
    for event in out:
        at += len(event)
        places.add(at)
    if out[-1].endswith(b"}\n]\n"):
        places |= {at - 3, at - 1}  # behind the last element of an array, and behind the array
    return places


@every_protocol
@given(at=cuts)
def test_what_is_handed_out_is_what_the_upstream_sent_however_it_is_divided(name, at):
    watch, wire, out = parts(name)
    ready = [watch.feed(chunk)[1] for chunk in divided(b"".join(wire), at)]
    fault, rest = watch.finish()
    assert fault is None
    assert b"".join([*ready, rest]) == b"".join(out)
    assert watch.flags == CONTENT | END
    assert (watch.usage, watch.model, watch.stop_reason) == CASES[name][3:]


@every_protocol
@given(at=cuts)
def test_the_client_always_stands_between_two_events(name, at):
    watch, wire, out = parts(name)
    places, stands = boundaries(out), 0
    for chunk in divided(b"".join(wire), at):
        stands += len(watch.feed(chunk)[1])
        assert stands in places


def tight(stream):
    return stream.replace(b'": "', b'":"')


@every_protocol
@given(cut=st.integers(0, 4000), at=cuts)
def test_a_stream_cut_anywhere_is_told_and_nothing_of_half_an_event_is_handed_out(name, cut, at):
    watch, wire, out = parts(name)
    body = b"".join(wire)
    ready = b"".join(watch.feed(chunk)[1] for chunk in divided(body[:cut], at))
    seen = watch.flags
    fault, rest = watch.finish()
    # An end marker that was missing may be written our way.
    assert tight(b"".join(out)).startswith(tight(ready + rest).removesuffix(b"data: [DONE]\n\n"))
    if fault is None:
        assert watch.flags & END
        # Nothing but blank space or what says no more is missing.
        assert body[cut:].strip() in {b"", b"]"} or watch.stop_reason
    else:
        assert fault is (Fault.CUT if seen & CONTENT else Fault.EMPTY)
        assert len(ready) in boundaries(out)
        assert rest == b""


@every_protocol
@given(where=st.integers(0, 20), at=cuts)
def test_an_error_event_anywhere_before_the_end_is_the_fault_it_names_and_is_not_handed_out(name, where, at):
    watch, wire, out = parts(name)
    where = min(where, len(wire) - 1)
    first = where == 0 and name == "gemini-array"
    error = b"[" + ERRORS[name][2:] if first else ERRORS[name]
    body = b"".join([*wire[:where], error, *wire[where:]])
    ready = b"".join(watch.feed(chunk)[1] for chunk in divided(body, at))
    assert watch.fault is Fault.OVERLOADED
    assert watch.flags & ERROR
    assert ready == b"".join(out[:where])
    assert b"Overloaded" in watch.error_event
    assert watch.error_message == "Overloaded"
    assert watch.feed(wire[-1]) == (watch.flags, b"")
    assert watch.finish() == (Fault.OVERLOADED, b"")


@every_protocol
@given(where=st.integers(0, 20), at=cuts)
def test_a_malformed_event_is_a_fault_and_never_reaches_the_client(name, where, at):
    watch, wire, out = parts(name)
    where = min(where, len(wire) - 1)
    broken = b"[" + BROKEN[name][1:] if where == 0 and name == "gemini-array" else BROKEN[name]
    body = b"".join([*wire[:where], broken, *wire[where:]])
    ready = b"".join(watch.feed(chunk)[1] for chunk in divided(body, at))
    assert watch.fault is Fault.MALFORMED
    assert ready == b"".join(out[:where])
    assert watch.finish() == (Fault.MALFORMED, b"")


@every_protocol
def test_content_is_seen_with_the_first_word_and_not_before(name):
    watch, wire, _ = parts(name)
    until = [n for n, event in enumerate(wire) if not watch.feed(event)[0] & CONTENT]
    first = len(until)
    assert until == list(range(first))
    assert 0 < first < 4
    shown = b"".join(CASES[name][2][first : first + 1] if CASES[name][2] else wire[first : first + 1])
    assert b"The" in shown


@every_protocol
@pytest.mark.parametrize("begun", [0, 1, 4])
def test_an_ending_of_our_own_is_read_as_its_fault_by_whoever_is_next(name, begun):
    watch, wire, _ = parts(name)
    sent = b"".join(watch.feed(event)[1] for event in wire[:begun])
    client = AnthropicWatch() if name == "bedrock" else CASES[name][0]()
    client.feed(sent + watch.error_ending(Fault.OVERLOADED, "Overloaded"))
    assert (client.fault, client.error_message) == (Fault.OVERLOADED, "Overloaded")


@every_protocol
def test_one_byte_at_a_time_is_no_different(name):
    watch, wire, out = parts(name)
    body = b"".join(wire)
    ready = b"".join(watch.feed(body[n : n + 1])[1] for n in range(len(body)))
    assert ready + watch.finish()[1] == b"".join(out)


@pytest.mark.parametrize("name", ["anthropic", "chat", "responses", "gemini"])
def test_a_chunk_of_whole_events_is_handed_on_as_the_very_same_object(name):
    watch, wire, _ = parts(name)
    for event in [*wire[:-2], b"".join(wire[-2:])]:
        assert watch.feed(event)[1] is event


@every_protocol
def test_an_empty_body_is_an_empty_answer(name):
    watch, _, _ = parts(name)
    assert watch.finish() == (Fault.EMPTY, b"")


@pytest.mark.parametrize("name", ["anthropic", "chat", "responses", "gemini"])
@given(
    ends=st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=20, max_size=20),
    at=cuts,
    bom=st.booleans(),
)
def test_any_line_ends_comments_and_a_byte_order_mark_are_read(name, ends, at, bom):
    watch, wire, _ = parts(name)
    events = [(b": a comment\n" + event).replace(b"\n", ends[n % len(ends)]) for n, event in enumerate(wire)]
    body = (b"\xef\xbb\xbf" if bom else b"") + b"".join(events)
    ready = b"".join(watch.feed(chunk)[1] for chunk in divided(body, at))
    fault, rest = watch.finish()
    assert (fault, ready + rest) == (None, body)
    assert watch.stop_reason == CASES[name][5]


@pytest.mark.parametrize("name", ["anthropic", "chat", "responses", "gemini"])
def test_data_over_several_lines_is_one_event(name):
    watch, wire, _ = parts(name)
    body = b"".join(event.replace(b', "', b',\ndata: "') for event in wire)
    assert watch.feed(body)[1] == body
    assert watch.finish() == (None, b"")
    assert watch.stop_reason == CASES[name][5]


@pytest.mark.parametrize("name", ["anthropic", "chat", "responses", "gemini", "gemini-array"])
def test_an_event_without_end_is_refused_before_it_fills_the_memory(name):
    watch, wire, _ = parts(name)
    watch.feed(wire[0])
    megabyte = b'data: "' + b"x" * 1024 * 1024
    for _ in range(17):
        flags, ready = watch.feed(megabyte)
    assert (flags & ERROR, ready, watch.fault) == (ERROR, b"", Fault.MALFORMED)


@pytest.mark.parametrize("name", ["anthropic", "chat", "responses", "gemini"])
def test_deep_nesting_is_malformed_and_no_crash(name):
    watch, wire, _ = parts(name)
    watch.feed(wire[0])
    watch.feed(b'data: {"type":"x","a":' + b"[" * 200_000 + b"]" * 200_000 + b"}\n\n")
    assert watch.fault is Fault.MALFORMED


@pytest.mark.parametrize("name", ["anthropic", "chat", "responses", "gemini"])
def test_half_a_surrogate_pair_passes_as_every_sdk_takes_it(name):
    watch, wire, _ = parts(name)
    where = next(n for n, event in enumerate(wire) if b"The" in event)
    event = wire[where].replace(b"The", b"\\ud83e")
    ready = b"".join(watch.feed(event)[1] for event in [*wire[:where], event, *wire[where + 1 :]])
    assert event in ready
    assert watch.finish()[0] is None


@pytest.mark.parametrize("name", ["anthropic", "chat", "responses", "gemini"])
def test_bytes_that_are_no_text_are_malformed(name):
    watch, wire, _ = parts(name)
    where = next(n for n, event in enumerate(wire) if b"The" in event)
    for event in [*wire[: where + 1], wire[where].replace(b"The", b"\xff\xfe")]:
        watch.feed(event)
    assert watch.fault is Fault.MALFORMED


@given(st.binary(max_size=300), cuts)
def test_no_bytes_whatever_make_a_watch_raise_or_hand_out_what_was_not_sent(noise, at):
    for name in CASES:
        watch, wire, _ = parts(name)
        ready = b"".join(watch.feed(chunk)[1] for chunk in [wire[0], *divided(noise, at)])
        fault, rest = watch.finish()
        assert fault is not None or watch.flags & END
        if name != "bedrock":
            assert (wire[0] + noise).startswith(ready + rest)


VALUE = re.compile(rb'(?<=:)\s?("[^"]*"|[0-9]+|null)')


@pytest.mark.parametrize("name", [name for name in CASES if name != "bedrock"])
def test_a_number_too_large_for_any_float_in_any_place_breaks_the_answer_at_most(name):
    """Whoever skips it does not notice, whoever reads it does."""
    body = b"".join(parts(name)[1])
    for value in VALUE.finditer(body):
        watch = parts(name)[0]
        flags, _ = watch.feed(body[: value.start()] + b"1e+350" + body[value.end() :])
        fault, _ = watch.finish()
        assert fault is None or flags & ERROR or fault in (Fault.CUT, Fault.EMPTY)
