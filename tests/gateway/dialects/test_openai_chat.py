"""What counts in a stream of Chat Completions, OpenAI's own and the many like it."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Usage
from stillup.gateway.dialects.base import CONTENT, END, ERROR
from stillup.gateway.dialects.chat.watch import ChatWatch

DONE = b"data: [DONE]\n\n"


def data(value):
    return f"data: {json.dumps(value)}\n\n".encode()


def chunk(finish=None, **delta):
    return data({"model": "gpt-x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


CONTENT_TABLE = [
    (chunk(role="assistant", content=""), False),
    (chunk(role="assistant", content=None), False),
    (chunk(content="a"), True),
    (chunk(refusal="I cannot"), True),
    (chunk(tool_calls=[{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]), True),
    (chunk(tool_calls=[]), False),
    (chunk(function_call={"name": "f"}), True),
    (chunk(reasoning="hm"), True),
    (chunk(reasoning_content="hm"), True),
    (chunk(reasoning_content="", content=None), False),
    (chunk(reasoning_details=[{"type": "reasoning.text"}]), True),
    (chunk(audio={"data": "abc"}), True),
    (chunk(finish="stop"), True),
    (chunk(finish=""), False),
    (data({"choices": [], "usage": {"prompt_tokens": 1}}), False),
    (data({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}), False),
    (b": OPENROUTER PROCESSING\n\n", False),
    (b": ping\n\n", False),
    (data({"model": None, "choices": None}), False),
]


@pytest.mark.parametrize(("event", "is_content"), CONTENT_TABLE)
def test_what_is_content_and_what_is_not(event, is_content):
    watch = ChatWatch()
    assert watch.feed(event) == (CONTENT if is_content else 0, event)


def test_the_second_of_several_choices_counts_as_well():
    watch = ChatWatch()
    choices = [{"index": 0, "delta": {}}, {"index": 1, "delta": {"content": "a"}}]
    assert watch.feed(data({"choices": choices}))[0] == CONTENT


ERROR_TABLE = [
    ({"error": {"message": "m", "type": "server_error", "code": None}}, Fault.SERVER_ERROR),
    ({"error": {"message": "m", "type": "tokens", "code": "rate_limit_exceeded"}}, Fault.RATE_LIMITED),
    ({"error": {"message": "m", "type": "insufficient_quota", "code": "insufficient_quota"}}, Fault.QUOTA),
    ({"error": {"message": "m", "code": 502}}, Fault.SERVER_ERROR),
    ({"error": {"message": "m", "code": 429}}, Fault.RATE_LIMITED),
    ({"error": {"message": "m", "code": 402}}, Fault.QUOTA),
    ({"error": "model runner has unexpectedly stopped"}, Fault.ERROR_EVENT),
    ({"error": {"message": "The server is overloaded"}}, Fault.OVERLOADED),
    ({"object": "error", "message": "This model's maximum context length is 9", "code": 400}, Fault.TOO_LONG),
    ({"error": {"message": "m", "type": "invalid_request_error", "code": "content_filter"}}, Fault.FILTERED),
    ({"error": {"message": "m", "type": "invalid_request_error", "code": "invalid_api_key"}}, Fault.UNAUTHORIZED),
]


@pytest.mark.parametrize(("error", "fault"), ERROR_TABLE)
@pytest.mark.parametrize("begun", [False, True])
def test_an_error_in_the_stream_is_the_fault_its_words_mean(error, fault, begun):
    watch = ChatWatch()
    if begun:
        watch.feed(chunk(content="a"))
    flags, ready = watch.feed(data(error))
    assert (flags & ERROR, ready, watch.fault) == (ERROR, b"", fault)


def test_openrouters_error_in_the_middle_of_an_answer_is_found_among_its_choices():
    watch = ChatWatch()
    watch.feed(chunk(content="a"))
    choices = [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
    watch.feed(data({"id": "x", "error": {"code": 503, "message": "Provider overloaded"}, "choices": choices}))
    assert (watch.fault, watch.error_message) == (Fault.OVERLOADED, "Provider overloaded")


def test_a_finish_reason_of_error_alone_is_an_error():
    watch = ChatWatch()
    assert watch.feed(chunk(finish="error"))[1] == b""
    assert watch.fault is Fault.ERROR_EVENT


def test_an_event_named_error_is_one_whatever_its_data():
    watch = ChatWatch()
    watch.feed(b'event: error\ndata: {"message": "slow down", "code": "rate_limit_exceeded"}\n\n')
    assert watch.fault is Fault.RATE_LIMITED


@pytest.mark.parametrize("nothing", [None, "", {}, []])
def test_an_error_with_nothing_in_it_is_none(nothing):
    watch = ChatWatch()
    event = data({"error": nothing, "choices": [{"delta": {"content": "a"}}]})
    assert watch.feed(event) == (CONTENT, event)


def test_done_without_content_is_an_empty_answer():
    watch = ChatWatch()
    assert watch.feed(chunk(role="assistant", content="") + DONE)[0] == ERROR
    assert watch.fault is Fault.EMPTY


def test_an_answer_with_a_finish_reason_is_whole_without_done_which_is_said_for_it():
    watch = ChatWatch()
    watch.feed(chunk(content="a"))
    assert watch.feed(chunk(finish="length"))[0] == CONTENT
    assert watch.finish() == (None, DONE)
    assert (watch.flags, watch.stop_reason) == (CONTENT | END, "length")


def test_half_a_usage_chunk_behind_the_finish_reason_is_left_out():
    watch = ChatWatch()
    watch.feed(chunk(content="a") + chunk(finish="stop") + b'data: {"choices":[],"usa')
    assert watch.finish() == (None, DONE)


def test_without_a_finish_reason_the_missing_done_is_a_cut():
    watch = ChatWatch()
    watch.feed(chunk(content="a"))
    assert watch.finish() == (Fault.CUT, b"")


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 3}, Usage(9, 3)),
        ({"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(9, 3, 4)),
        ({"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": None}, Usage(9, 3)),
        ({"prompt_tokens": 9, "completion_tokens": 3, "prompt_cache_hit_tokens": 2}, Usage(9, 3, 2)),
    ],
)
def test_usage_is_read_in_every_form(usage, read):
    watch = ChatWatch()
    watch.feed(chunk(content="a"))
    watch.feed(data({"choices": [], "usage": usage}))
    assert watch.usage == read


def test_groqs_usage_is_read():
    watch = ChatWatch()
    watch.feed(chunk(content="a"))
    watch.feed(data({"choices": [], "x_groq": {"usage": {"prompt_tokens": 9, "completion_tokens": 3}}}))
    assert watch.usage == Usage(9, 3)


def test_the_model_is_what_the_upstream_says_even_behind_azures_first_chunk_without_one():
    watch = ChatWatch()
    watch.feed(data({"model": "", "choices": [], "prompt_filter_results": []}))
    watch.feed(chunk(content="b"))
    assert watch.model == "gpt-x"


def test_what_follows_done_passes():
    watch = ChatWatch()
    watch.feed(chunk(content="a") + DONE)
    for more in (data({"error": {"message": "late"}}), DONE, b"data: rubbish\n\n"):
        assert watch.feed(more) == (CONTENT | END, more)
