"""The words people look for: what was asked last, and what was answered."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.journal.words import answered, asked, told

HELLO = "Is it down?"


def sse(*events):
    return b"".join(b"event: e\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [{"role": "user", "content": HELLO}]},
        {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": HELLO}]}]},
        {"messages": [{"role": "user", "content": HELLO}, {"role": "assistant", "content": "Let me see."}]},
        {
            "messages": [
                {"role": "user", "content": HELLO},
                {"role": "assistant", "content": [{"type": "tool_use"}]},
                {"role": "user", "content": [{"type": "tool_result", "content": "a file"}]},
            ]
        },
        {"messages": [{"role": "user", "content": HELLO}, {"role": "tool", "content": "a file"}]},
        {"input": HELLO},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": HELLO}]}]},
        {"input": ["other", HELLO]},
        {"contents": [{"parts": [{"text": HELLO}]}]},
        {"contents": [{"role": "user", "parts": [{"text": HELLO}]}, {"role": "model", "parts": [{"text": "Hm."}]}]},
        {"prompt": HELLO},
    ],
)
def test_the_last_thing_a_person_said_is_found_in_every_protocol(value):
    body = json.dumps(value).encode()

    assert asked(body) == HELLO
    assert asked(gzip.compress(body), "gzip") == HELLO


@pytest.mark.parametrize(
    "answer",
    [
        sse(
            {"type": "message_start", "message": {}},
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "It "}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "is."}},
        ),
        sse({"choices": [{"delta": {"role": "assistant"}}]}, {"choices": [{"delta": {"content": "It is."}}]}),
        sse({"choices": [{"delta": {"content": "It is."}}]}) + b"data: [DONE]\n\n",
        sse({"choices": [{"delta": {"content": "It is."}}]}) + b'data: {"choices": [{"delta": {"con',
        sse({"choices": [{"delta": {"content": "It is."}}]}).replace(b"\n", b"\r\n"),
        sse(*({"type": "response.output_text.delta", "delta": part} for part in ("It ", "is."))),
        sse({"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "It is."}]}}]}),
        json.dumps([{"candidates": [{"content": {"parts": [{"text": p}]}}]} for p in ("It ", "is.")]).encode(),
        json.dumps({"type": "message", "content": [{"type": "text", "text": "It is."}]}).encode(),
        json.dumps({"choices": [{"message": {"content": "It is."}}]}).encode(),
        json.dumps(
            {
                "object": "response",
                "output": [
                    {"type": "reasoning"},
                    {"type": "message", "content": [{"type": "output_text", "text": "It is."}]},
                ],
            }
        ).encode(),
        json.dumps({"candidates": [{"content": {"parts": [{"text": "It is."}]}}]}).encode(),
    ],
)
def test_the_text_of_an_answer_is_found_in_every_protocol_streamed_or_whole(answer):
    assert answered(answer) == "It is."
    assert answered(zlib.compress(answer), "deflate") == "It is."


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"type": "error", "error": {"type": "api_error", "message": "It is out."}}).encode(),
        json.dumps({"error": {"message": "It is out.", "code": None}}).encode(),
        json.dumps({"error": "It is out."}).encode(),
        json.dumps([{"candidates": []}, {"error": {"code": 503, "message": "It is out."}}]).encode(),
        sse({"choices": [{"delta": {"content": "It"}}]}, {"error": {"message": "It is out."}}),
        sse({"type": "error", "code": "x", "message": "It is out."}),
        sse({"type": "response.failed", "response": {"error": {"code": "x", "message": "It is out."}}}),
    ],
)
def test_what_an_error_says_is_found_in_every_protocol_alone_or_behind_an_answer(answer):
    assert told(answer) == "It is out."
    assert told(zlib.compress(answer), "deflate") == "It is out."


def test_a_whole_answer_tells_of_no_error():
    assert told(json.dumps({"object": "response", "output": [], "error": None}).encode()) == ""
    assert told(sse({"choices": [{"delta": {"content": "an error"}}]})) == ""


def test_a_compressed_answer_that_was_cut_gives_what_came():
    packed = gzip.compress(sse(*({"choices": [{"delta": {"content": f"A{n} "}}]} for n in range(2_000))))

    assert answered(packed[: len(packed) // 2], "gzip").startswith("A0 A1 A2 ")


@pytest.mark.parametrize(
    "odd", [b"", b"null", b"3", b"\xff\xfe", b'{"messages": 3}', b'{"input": [[]]}', b"[" * 100_000]
)
def test_what_is_no_request_and_no_answer_has_no_words(odd):
    assert asked(odd) == ""
    assert answered(odd) == ""
    assert told(odd) == ""
    assert asked(odd, "gzip") == ""
    assert asked(odd, "br") == ""


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["content", "parts", "text", "role"]), inner),
        max_leaves=10,
    )
)
def test_requests_and_answers_of_any_shape_are_read_without_an_error(inner):
    for key in ("messages", "input", "contents", "choices", "candidates", "output"):
        body = json.dumps({key: [inner], "object": "response"}).encode("utf-8", "surrogatepass")

        assert isinstance(asked(body), str)
        assert isinstance(answered(body), str)
