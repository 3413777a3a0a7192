"""What counts in a stream of OpenAI's Responses."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Usage
from stillup.gateway.dialects.base import CONTENT, END, ERROR
from stillup.gateway.dialects.responses.watch import ResponsesWatch


def event(kind, **value):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **value})}\n\n".encode()


def response(status, **rest):
    return {"object": "response", "model": "gpt-x", "status": status, "error": None, **rest}


CONTENT_TABLE = [
    (event("response.created", response=response("in_progress")), 0),
    (event("response.in_progress", response=response("in_progress")), 0),
    (event("response.output_item.added", item={"type": "reasoning"}), 0),
    (event("response.output_text.delta", delta=""), 0),
    (event("response.output_text.delta", delta="a"), CONTENT),
    (event("response.reasoning_summary_text.delta", delta="a"), CONTENT),
    (event("response.function_call_arguments.delta", delta="{"), CONTENT),
    (event("response.refusal.delta", delta="no"), CONTENT),
    (event("response.completed", response=response("completed")), CONTENT | END),
    (event("response.incomplete", response=response("incomplete")), CONTENT | END),
    (event("keepalive", sequence_number=3), 0),
    (event("an.event.of.tomorrow"), 0),
    (b'data: {"error": null, "note": "error"}\n\n', 0),
    (b": ping\n\n", 0),
]


@pytest.mark.parametrize(("raw", "flags"), CONTENT_TABLE)
def test_what_is_content_and_what_is_the_end(raw, flags):
    assert ResponsesWatch().feed(raw) == (flags, raw)


ERROR_TABLE = [
    (event("error", code="server_error", message="m", param=None), Fault.SERVER_ERROR),
    (event("error", error={"type": "tokens", "code": "rate_limit_exceeded", "message": "m"}), Fault.RATE_LIMITED),
    (event("error", error={"type": "invalid_request_error", "code": "context_length_exceeded"}), Fault.TOO_LONG),
    (event("response.failed", response=response("failed", error={"code": "server_error"})), Fault.SERVER_ERROR),
    (event("response.failed", response=response("failed", error={"code": "rate_limit_exceeded"})), Fault.RATE_LIMITED),
    (event("response.failed", response=response("failed", error={"code": "insufficient_quota"})), Fault.QUOTA),
    (event("response.failed", response=response("failed", error={"code": "server_is_overloaded"})), Fault.OVERLOADED),
    (event("response.failed", response=response("failed", error={"code": "invalid_prompt"})), Fault.BAD_REQUEST),
    (event("response.failed", response=response("failed")), Fault.ERROR_EVENT),
    (b'data: {"error": {"code": "server_error", "message": "m"}}\n\n', Fault.SERVER_ERROR),
]


@pytest.mark.parametrize(("raw", "fault"), ERROR_TABLE)
def test_an_error_is_the_fault_its_code_means(raw, fault):
    watch = ResponsesWatch()
    assert watch.feed(raw) == (ERROR, b"")
    assert watch.fault is fault


def test_what_an_answer_said_before_it_failed_is_not_taken_for_its_error():
    watch = ResponsesWatch()
    output = [{"type": "message", "content": [{"type": "output_text", "text": "prompt is too long"}]}]
    failed = response("failed", error={"code": "server_error", "message": "m"}, output=output)
    watch.feed(event("response.failed", response=failed))
    assert watch.fault is Fault.SERVER_ERROR


def test_an_incomplete_answer_says_why_and_counts_its_tokens():
    watch = ResponsesWatch()
    usage = {"input_tokens": 9, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 4}}
    incomplete = response("incomplete", incomplete_details={"reason": "max_output_tokens"}, usage=usage)
    watch.feed(event("response.incomplete", response=incomplete))
    assert (watch.stop_reason, watch.usage, watch.model) == ("max_output_tokens", Usage(9, 3, 4), "gpt-x")


def test_an_error_of_our_own_has_the_next_sequence_number():
    watch = ResponsesWatch()
    watch.feed(event("response.created", sequence_number=0, response=response("in_progress")))
    watch.feed(event("response.output_text.delta", sequence_number=41, delta="a"))
    ending = watch.error_ending(Fault.CUT, "the upstream broke off")
    assert json.loads(ending.partition(b"data: ")[2])["sequence_number"] == 42


def test_done_behind_the_end_passes_and_before_it_is_malformed():
    watch = ResponsesWatch()
    watch.feed(event("response.completed", response=response("completed")))
    assert watch.feed(b"data: [DONE]\n\n") == (CONTENT | END, b"data: [DONE]\n\n")
    early = ResponsesWatch()
    early.feed(b"data: [DONE]\n\n")
    assert early.fault is Fault.MALFORMED
