"""Answers that come whole are checked before one byte of them goes out, and the right watch is chosen for each."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Operation, Protocol, Usage
from stillup.gateway.dialects.anthropic.watch import AnthropicWatch
from stillup.gateway.dialects.base import CONTENT, END, ERROR, MAX_WHOLE_BYTES
from stillup.gateway.dialects.bedrock import BedrockWatch
from stillup.gateway.dialects.chat.watch import ChatWatch
from stillup.gateway.dialects.gemini.watch import GeminiArrayWatch, GeminiWatch
from stillup.gateway.dialects.responses.watch import ResponsesWatch
from stillup.gateway.dialects.whole import WholeWatch, watch_for

A, O, R, G = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI  # noqa: E741
BEDROCK, VERTEX = Protocol.BEDROCK, Protocol.VERTEX
COUNT, EMBED, MODELS, STORED = Operation.COUNT_TOKENS, Operation.EMBED, Operation.MODELS, Operation.STORED

MESSAGE = {
    "type": "message",
    "model": "claude-x",
    "content": [{"type": "text", "text": "ü"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 9, "output_tokens": 3, "cache_read_input_tokens": 4},
}
COMPLETION = {
    "object": "chat.completion",
    "model": "gpt-x",
    "choices": [{"message": {"content": "ü"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}},
}
RESPONSE = {
    "object": "response",
    "status": "completed",
    "model": "gpt-x",
    "error": None,
    "output": [],
    "usage": {"input_tokens": 9, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 4}},
}
GENERATED = {
    "candidates": [{"content": {"parts": [{"text": "ü"}]}, "finishReason": "STOP"}],
    "modelVersion": "gemini-x",
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "cachedContentTokenCount": 4},
}
ANSWERS = [
    (A, MESSAGE, "claude-x", "end_turn"),
    (BEDROCK, MESSAGE, "claude-x", "end_turn"),
    (VERTEX, MESSAGE, "claude-x", "end_turn"),
    (O, COMPLETION, "gpt-x", "stop"),
    (R, RESPONSE, "gpt-x", "completed"),
    (G, GENERATED, "gemini-x", "STOP"),
]


def finished(watch, body, size=7):
    for at in range(0, len(body), size):
        flags, ready = watch.feed(body[at : at + size])
        assert (flags, ready) == (0, b"")
    return watch.finish()


def dumps(value, **how):
    return json.dumps(value, **how).encode()


@pytest.mark.parametrize(("protocol", "answer", "model", "reason"), ANSWERS)
def test_a_whole_answer_goes_out_as_it_came_and_is_understood(protocol, answer, model, reason):
    watch = WholeWatch(protocol)
    body = b"\n" + dumps(answer, indent=2) + b"\n"
    assert finished(watch, body) == (None, body)
    assert watch.flags == CONTENT | END
    assert (watch.usage, watch.model, watch.stop_reason) == (Usage(9, 3, 4), model, reason)


@pytest.mark.parametrize(("coding", "code"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_coded_answer_is_read_decoded_and_goes_out_coded(coding, code):
    watch = WholeWatch(A, coding=coding)
    body = code(dumps(MESSAGE))
    assert finished(watch, body) == (None, body)
    assert watch.model == "claude-x"


@pytest.mark.parametrize("body", [gzip.compress(dumps(MESSAGE))[:-10], b"no gzip", gzip.compress(b"{")])
def test_a_coded_answer_that_is_broken_is_malformed(body):
    assert finished(WholeWatch(A, coding="gzip"), body) == (Fault.MALFORMED, b"")


@pytest.mark.parametrize(("protocol", "answer"), [row[:2] for row in ANSWERS])
def test_an_answer_cut_anywhere_is_malformed_and_nothing_of_it_goes_out(protocol, answer):
    body = dumps(answer)
    for cut in range(1, len(body)):
        assert finished(WholeWatch(protocol), body[:cut], size=1000) == (Fault.MALFORMED, b"")


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_empty_body_is_an_empty_answer(body):
    assert finished(WholeWatch(O), body) == (Fault.EMPTY, b"")


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("body", [b"{}", b"[]", b"5", b'"text"', b"null", b'{"status":"logged out"}', b"[1]"])
def test_json_of_another_kind_is_no_answer_of_this_api(protocol, body):
    assert finished(WholeWatch(protocol), body)[0] is Fault.NOT_API


@pytest.mark.parametrize(
    ("protocol", "body", "fault"),
    [
        (A, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Fault.OVERLOADED),
        (A, {"error": "boom"}, Fault.ERROR_EVENT),
        (O, {"error": {"message": "m", "code": "insufficient_quota"}}, Fault.QUOTA),
        (O, {"object": "error", "message": "m", "type": "BadRequestError", "code": 400}, Fault.BAD_REQUEST),
        (O, {"error": {"message": "m", "code": 502}, "choices": []}, Fault.SERVER_ERROR),
        (R, {**RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "m"}}, Fault.SERVER_ERROR),
        (R, {**RESPONSE, "status": "failed"}, Fault.ERROR_EVENT),
        (R, {"error": {"code": "rate_limit_exceeded", "message": "m"}}, Fault.RATE_LIMITED),
        (G, {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}, Fault.OVERLOADED),
        (G, [{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}], Fault.RATE_LIMITED),
    ],
)
def test_an_error_with_a_status_of_success_is_an_error(protocol, body, fault):
    watch = WholeWatch(protocol)
    assert finished(watch, dumps(body)) == (fault, b"")
    assert watch.flags == ERROR
    assert watch.error_event == dumps(body)
    assert watch.error_ending(fault, "m") == b""


@pytest.mark.parametrize("status", ["queued", "in_progress", "incomplete"])
def test_a_response_that_is_not_completed_is_an_answer_too(status):
    incomplete = {"incomplete_details": {"reason": "max_output_tokens"}} if status == "incomplete" else {}
    assert finished(WholeWatch(R), dumps({**RESPONSE, "status": status, **incomplete}))[0] is None


def test_geminis_refusal_of_a_prompt_is_an_answer():
    watch = WholeWatch(G)
    assert finished(watch, dumps({"promptFeedback": {"blockReason": "SAFETY"}}))[0] is None
    assert watch.stop_reason == "SAFETY"


def test_geminis_array_of_parts_is_one_answer():
    watch = WholeWatch(G)
    parts = [{**GENERATED, "candidates": [{"content": {"parts": [{"text": "a"}]}}]}, GENERATED]
    assert finished(watch, dumps(parts))[0] is None
    assert (watch.usage, watch.stop_reason) == (Usage(9, 3, 4), "STOP")


@pytest.mark.parametrize(
    ("protocol", "operation", "body", "usage"),
    [
        (A, COUNT, {"input_tokens": 5}, Usage(5)),
        (VERTEX, COUNT, {"input_tokens": 5}, Usage(5)),
        (G, COUNT, {"totalTokens": 5}, Usage(5)),
        (O, EMBED, {"data": [], "model": "e", "usage": {"prompt_tokens": 5, "total_tokens": 5}}, Usage(5)),
        (G, EMBED, {"embedding": {"values": [0.5]}}, Usage()),
        (G, EMBED, {"embeddings": []}, Usage()),
        (O, MODELS, {"object": "list", "data": []}, Usage()),
        (O, MODELS, [{"id": "m"}], Usage()),
        (A, MODELS, {"id": "claude-x", "type": "model"}, Usage()),
        (G, MODELS, {"models": []}, Usage()),
        (R, STORED, {"id": "r", "object": "response.deleted", "deleted": True}, Usage()),
        (R, STORED, {"object": "list", "data": []}, Usage()),
        (R, STORED, {**RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "m"}}, Usage()),
    ],
)
def test_answers_that_generate_nothing_are_known_by_their_own_shape(protocol, operation, body, usage):
    watch = WholeWatch(protocol, operation)
    assert finished(watch, dumps(body)) == (None, dumps(body))
    assert watch.usage == usage


@pytest.mark.parametrize("operation", [COUNT, EMBED])
def test_a_count_without_a_count_is_none(operation):
    assert finished(WholeWatch(O, operation), b'{"ok":true}') == (Fault.NOT_API, b"")


@pytest.mark.parametrize("operation", [COUNT, EMBED, MODELS, STORED])
def test_an_error_is_one_whatever_was_asked(operation):
    assert finished(WholeWatch(O, operation), b'{"error":{"code":"server_error"}}') == (Fault.SERVER_ERROR, b"")


def test_bedrocks_count_of_tokens_becomes_anthropics():
    assert finished(WholeWatch(BEDROCK, COUNT), b'{"inputTokens":5}') == (None, b'{"input_tokens":5}')


def test_an_answer_beyond_the_bound_is_refused_and_let_go():
    watch = WholeWatch(O)
    quarter = b" " * (MAX_WHOLE_BYTES // 4)
    for _ in range(5):
        flags, _ = watch.feed(quarter)
    assert flags == ERROR
    assert watch.feed(quarter) == (ERROR, b"")
    assert watch.finish() == (Fault.MALFORMED, b"")


def ask(protocol, *, stream, query="", operation=Operation.GENERATE):
    return Ask(protocol=protocol, operation=operation, method="POST", path="/", query=query, stream=stream)


SSE, JSON, AMAZON = "text/event-stream; charset=utf-8", "application/json", "application/vnd.amazon.eventstream"


@pytest.mark.parametrize(
    ("protocol", "stream", "query", "content_type", "kind"),
    [
        (A, True, "", SSE, AnthropicWatch),
        (VERTEX, True, "", SSE, AnthropicWatch),
        (BEDROCK, True, "", AMAZON, BedrockWatch),
        (O, True, "", "TEXT/Event-Stream", ChatWatch),
        (R, True, "", SSE, ResponsesWatch),
        (G, True, "alt=sse", SSE, GeminiWatch),
        (G, True, "", JSON, GeminiArrayWatch),
        (G, True, "alt=sse", JSON, WholeWatch),
        (O, True, "", JSON, WholeWatch),
        (O, False, "", JSON, WholeWatch),
        (O, False, "", "application/problem+json", WholeWatch),
        (O, True, "", "", ChatWatch),
        (BEDROCK, True, "", "", BedrockWatch),
        (O, False, "", "", WholeWatch),
    ],
)
def test_each_answer_gets_the_watch_that_reads_it(protocol, stream, query, content_type, kind):
    watch = watch_for(ask(protocol, stream=stream, query=query), protocol, 200, content_type, "gzip")
    assert type(watch) is kind
    assert watch.reads_coded is (kind is WholeWatch)


@pytest.mark.parametrize(
    ("protocol", "stream", "status", "content_type", "coding"),
    [
        (A, True, 200, "text/html", ""),
        (A, False, 200, "text/html; charset=utf-8", ""),
        (O, True, 200, "text/plain", ""),
        (O, True, 200, "application/x-ndjson", ""),
        (O, False, 200, "application/octet-stream", ""),
        (O, False, 200, SSE, ""),
        (O, True, 200, AMAZON, ""),
        (BEDROCK, True, 200, SSE, ""),
        (O, True, 200, SSE, "br"),
        (O, False, 302, JSON, ""),
        (O, False, 101, JSON, ""),
    ],
)
def test_an_answer_that_no_such_api_gives_is_none(protocol, stream, status, content_type, coding):
    assert watch_for(ask(protocol, stream=stream), protocol, status, content_type, coding) is Fault.NOT_API


def test_what_was_deleted_need_not_be_shown():
    assert WholeWatch(R, STORED).finish() == (None, b"")


def test_an_openai_upstream_answers_in_the_protocol_it_was_asked_in():
    assert type(watch_for(ask(R, stream=True), O, 200, SSE)) is ResponsesWatch
    assert type(watch_for(ask(O, stream=True), R, 200, SSE)) is ChatWatch


def test_a_stream_that_was_asked_for_may_come_whole():
    watch = watch_for(ask(O, stream=True), O, 200, JSON)
    assert finished(watch, dumps(COMPLETION)) == (None, dumps(COMPLETION))
