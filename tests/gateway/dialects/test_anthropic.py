"""What counts in a stream of Anthropic's Messages."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Usage
from stillup.gateway.dialects.anthropic.watch import AnthropicWatch
from stillup.gateway.dialects.base import CONTENT, END, ERROR


def event(**value):
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def block(**content):
    return event(type="content_block_start", index=0, content_block=content)


def delta(**content):
    return event(type="content_block_delta", index=0, delta=content)


STOP = event(type="content_block_stop", index=0)
ENDED = event(type="message_stop")

CONTENT_TABLE = [
    ([block(type="text", text="")], False),
    ([block(type="text", text="already")], True),
    ([block(type="thinking", thinking="", signature="")], False),
    ([block(type="redacted_thinking", data="abc")], True),
    ([block(type="tool_use", id="t", name="f", input={})], False),
    ([block(type="tool_use", id="t", name="f", input={}), STOP], True),
    ([block(type="tool_use", id="t", name="f", input={}), delta(type="input_json_delta", partial_json="{")], True),
    ([block(type="server_tool_use", id="t", name="web_search", input={})], False),
    ([block(type="web_search_tool_result", tool_use_id="t", content=[])], True),
    ([block(type="text", text=""), STOP], False),
    ([delta(type="text_delta", text="")], False),
    ([delta(type="input_json_delta", partial_json="")], False),
    ([delta(type="text_delta", text="a")], True),
    ([delta(type="thinking_delta", thinking="hm")], True),
    ([delta(type="signature_delta", signature="xyz")], True),
    ([delta(type="citations_delta", citation={"type": "page_location"})], True),
    ([delta(type="a_delta_of_tomorrow")], True),
    ([event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={})], True),
    ([event(type="message_delta", delta={"stop_reason": None}, usage={})], False),
    ([event(type="ping")], False),
    ([event(type="an_event_of_tomorrow")], False),
    ([b": a comment\n\n"], False),
    ([b"event: ping\n\n"], False),
    ([b"event: ping\ndata: \n\n"], False),
    ([b'data: "a text"\n\n'], False),
    ([b"data: 5\n\n"], False),
]


@pytest.mark.parametrize(("events", "is_content"), CONTENT_TABLE)
def test_what_is_content_and_what_is_not(events, is_content):
    watch = AnthropicWatch()
    for one in events:
        flags, ready = watch.feed(one)
        assert ready == one
    assert flags == (CONTENT if is_content else 0)
    assert bool(watch.flags & CONTENT) is is_content


@pytest.mark.parametrize(
    ("kind", "message", "fault"),
    [
        ("overloaded_error", "Overloaded", Fault.OVERLOADED),
        ("rate_limit_error", "slow down", Fault.RATE_LIMITED),
        ("api_error", "Internal server error", Fault.SERVER_ERROR),
        ("timeout_error", "took too long", Fault.SERVER_ERROR),
        ("invalid_request_error", "messages.0: wrong", Fault.BAD_REQUEST),
        ("invalid_request_error", "prompt is too long: 3 tokens > 2 maximum", Fault.TOO_LONG),
        ("invalid_request_error", "Your credit balance is too low to access the Anthropic API.", Fault.QUOTA),
        ("authentication_error", "invalid x-api-key", Fault.UNAUTHORIZED),
        ("permission_error", "no", Fault.UNAUTHORIZED),
        ("billing_error", "pay", Fault.QUOTA),
        ("request_too_large", "too large", Fault.TOO_LONG),
        ("an_error_of_tomorrow", "what?", Fault.ERROR_EVENT),
    ],
)
def test_an_error_event_is_the_fault_its_type_means(kind, message, fault):
    watch = AnthropicWatch()
    error = event(type="error", error={"type": kind, "message": message})
    assert watch.feed(error) == (ERROR, b"")
    assert (watch.fault, watch.error_message, watch.error_event) == (fault, message, error)


def test_an_error_without_the_name_of_its_event_is_one_all_the_same():
    watch = AnthropicWatch()
    watch.feed(b'data: {"error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n')
    assert watch.fault is Fault.OVERLOADED


def test_the_word_error_inside_an_unknown_event_is_none():
    watch = AnthropicWatch()
    assert watch.feed(b'data: {"note": {"error": 1}, "error": null}\n\n')[0] == 0


def test_an_event_without_a_type_in_its_data_is_told_by_its_name():
    watch = AnthropicWatch()
    watch.feed(delta(type="text_delta", text="a"))
    assert watch.feed(b"event: message_stop\ndata: {}\n\n")[0] == CONTENT | END


def test_an_end_without_any_content_is_an_empty_answer():
    watch = AnthropicWatch()
    assert watch.feed(ENDED) == (ERROR, b"")
    assert watch.fault is Fault.EMPTY


def test_an_answer_may_be_empty_if_it_says_why_it_stopped():
    watch = AnthropicWatch()
    watch.feed(event(type="message_delta", delta={"stop_reason": "refusal"}, usage={"output_tokens": 0}) + ENDED)
    assert watch.flags == CONTENT | END
    assert watch.stop_reason == "refusal"
    assert watch.finish() == (None, b"")


def test_what_ends_after_its_stop_reason_is_whole_and_gets_the_end_marker_it_lacks():
    watch = AnthropicWatch()
    watch.feed(event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={}))
    assert watch.finish() == (None, b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def test_a_stop_reason_that_lacks_its_blank_line_is_handed_out_with_it():
    last = event(type="message_delta", delta={"stop_reason": "end_turn"})
    watch = AnthropicWatch()
    watch.feed(event(type="content_block_delta", delta={"type": "text_delta", "text": "a"}))
    assert watch.feed(last[:-2])[1] == b""
    assert watch.finish() == (None, last + b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert watch.stop_reason == "end_turn"


def test_later_counts_overrule_earlier_ones_only_where_they_speak():
    watch = AnthropicWatch()
    start = {"model": "claude-x", "usage": {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 4}}
    watch.feed(event(type="message_start", message=start))
    assert watch.usage == Usage(9, 1, 4, None)
    watch.feed(event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 30}))
    assert watch.usage == Usage(9, 30, 4, None)


def test_what_follows_the_end_passes():
    watch = AnthropicWatch()
    watch.feed(delta(type="text_delta", text="a") + ENDED)
    for more in (event(type="error", error={"type": "api_error", "message": "late"}), b"data: [DONE]\n\n", b"\n"):
        assert not watch.feed(more)[0] & ERROR
    assert watch.finish() == (None, b"\n")


def test_the_last_event_may_lack_its_blank_line_and_gets_it():
    watch = AnthropicWatch()
    watch.feed(delta(type="text_delta", text="a"))
    last = ENDED.rstrip()
    assert watch.feed(last) == (CONTENT, b"")
    assert watch.finish() == (None, last + b"\n\n")
    assert watch.flags == CONTENT | END


def test_an_error_event_that_lacks_its_blank_line_is_still_told():
    watch = AnthropicWatch()
    watch.feed(event(type="error", error={"type": "overloaded_error", "message": "Overloaded"}).rstrip())
    assert watch.finish() == (Fault.OVERLOADED, b"")


def test_counts_of_a_strange_shape_hide_nothing_else():
    watch = AnthropicWatch()
    watch.feed(event(type="message_start", message={"model": "claude-x", "usage": {"input_tokens": "many"}}))
    flags, _ = watch.feed(delta(type="text_delta", text="a") + ENDED)
    assert flags == CONTENT | END
