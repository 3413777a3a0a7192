"""What counts in Gemini's streams: of events, and as one JSON array."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Usage
from stillup.gateway.dialects.array import Elements
from stillup.gateway.dialects.base import CONTENT, END, ERROR
from stillup.gateway.dialects.gemini.watch import GeminiArrayWatch, GeminiWatch


def parts(*given, **rest):
    return {"candidates": [{"content": {"parts": list(given)}, "index": 0, **rest}]}


CONTENT_TABLE = [
    (parts({"text": ""}), 0),
    (parts(), 0),
    (parts({"text": "a"}), CONTENT),
    (parts({"text": "hm", "thought": True}), CONTENT),
    (parts({"text": "", "thought": True}), 0),
    (parts({"text": "", "thoughtSignature": "abc"}), CONTENT),
    (parts({"functionCall": {"name": "f", "args": {}}}), CONTENT),
    (parts({"inlineData": {"mimeType": "image/png", "data": "abc"}}), CONTENT),
    (parts({"text": "a"}, finishReason="STOP"), CONTENT | END),
    ({"candidates": [{"finishReason": "SAFETY"}]}, CONTENT | END),
    ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, CONTENT | END),
    ({"promptFeedback": {"safetyRatings": []}}, 0),
    ({"usageMetadata": {"promptTokenCount": 3}}, 0),
    ({}, 0),
]


@pytest.mark.parametrize(("value", "flags"), CONTENT_TABLE)
def test_what_is_content_and_what_is_the_end(value, flags):
    raw = f"data: {json.dumps(value)}\r\n\r\n".encode()
    assert GeminiWatch().feed(raw) == (flags, raw)
    element = json.dumps(value).encode()
    assert GeminiArrayWatch().feed(b"[" + element) == (flags, b"[" + element)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}, Fault.OVERLOADED),
        ({"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}, Fault.RATE_LIMITED),
        ({"code": 500, "message": "m", "status": "INTERNAL"}, Fault.SERVER_ERROR),
        ({"code": 504, "message": "m", "status": "DEADLINE_EXCEEDED"}, Fault.SERVER_ERROR),
        ({"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}, Fault.BAD_REQUEST),
        ({"code": 403, "message": "m", "status": "PERMISSION_DENIED"}, Fault.UNAUTHORIZED),
        ({"code": 599, "message": "m"}, Fault.SERVER_ERROR),
    ],
)
def test_an_error_is_the_fault_its_status_means(error, fault):
    watch = GeminiWatch()
    assert watch.feed(f"data: {json.dumps({'error': error})}\n\n".encode()) == (ERROR, b"")
    assert (watch.fault, watch.error_message) == (fault, error["message"])


def test_usage_behind_the_finish_reason_is_read_and_thoughts_are_output():
    watch = GeminiWatch()
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 4, "cachedContentTokenCount": 2}
    watch.feed(f"data: {json.dumps(parts({'text': 'a'}, finishReason='STOP'))}\n\n".encode())
    watch.feed(f"data: {json.dumps({'usageMetadata': counts})}\n\n".encode())
    assert watch.usage == Usage(9, 7, 2)
    assert watch.finish() == (None, b"")


def test_what_is_wrong_behind_the_finish_reason_takes_nothing_back():
    watch = GeminiWatch()
    watch.feed(f"data: {json.dumps(parts({'text': 'a'}, finishReason='STOP'))}\n\n".encode())
    watch.feed(b"data: rubbish\n\n")
    watch.feed(b'data: {"error": {"code": 500}}\n\n')
    assert watch.finish() == (None, b"")


def test_an_array_that_is_no_array_is_malformed():
    watch = GeminiArrayWatch()
    assert watch.feed(b'  {"candidates": []}') == (ERROR, b"")
    assert watch.fault is Fault.MALFORMED


def test_behind_the_end_of_an_array_nothing_can_be_said():
    watch = GeminiArrayWatch()
    watch.feed(b"[" + json.dumps(parts({"text": "a"}, finishReason="STOP")).encode() + b"]")
    assert watch.error_ending(Fault.CUT, "m") == b""
    assert watch.feed(b"\n") == (CONTENT | END, b"")
    assert watch.finish() == (None, b"\n")


def test_an_array_that_never_closes_is_a_cut_even_with_a_finish_reason():
    watch = GeminiArrayWatch()
    watch.feed(b"[" + json.dumps(parts({"text": "a"}, finishReason="STOP")).encode())
    assert watch.finish() == (Fault.CUT, b"")


@pytest.mark.parametrize("elements", [0, 1, 3])
def test_an_error_of_our_own_closes_the_array_where_the_client_stands(elements):
    watch = GeminiArrayWatch()
    one = json.dumps(parts({"text": "a"})).encode()
    _, sent = watch.feed(b"[" + b",".join([one] * elements) + (b',{"candi' if elements else b'{"candi'))
    array = json.loads(sent + watch.error_ending(Fault.STALL, "the upstream fell silent"))
    assert len(array) == elements + 1
    assert array[-1]["error"]["status"] == "DEADLINE_EXCEEDED"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), json_values, max_size=3), max_size=5), st.lists(st.integers(0, 600)))
def test_elements_are_cut_apart_wherever_the_array_is_divided(values, at):
    body = json.dumps(values, indent=1, ensure_ascii=False).encode()
    edges = sorted({0, len(body), *(cut for cut in at if cut < len(body))})
    elements = Elements()
    pieces = [piece for a, b in itertools.pairwise(edges) for piece in elements.feed(body[a:b])]
    assert elements.closed
    assert b"".join(pieces) == body
    assert [json.loads(piece.lstrip(b"[, \n")) for piece in pieces[:-1]] == values
