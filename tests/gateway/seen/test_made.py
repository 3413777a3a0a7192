"""What a broken answer came to, before anybody had counted it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Usage
from stillup.gateway.seen.made import made_of
from stillup.gateway.seen.passage import Ending
from tests.gateway.seen.conftest import try_


def event(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


TWENTY = "x" * 20
SAID = {
    "text": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TWENTY}},
    "thought": {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": TWENTY}},
    "tool": {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": TWENTY}},
    "chat": {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": TWENTY}}]},
    "responses": {"type": "response.output_text.delta", "item_id": "i", "delta": TWENTY},
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": TWENTY}]}}]},
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_token_is_four_bytes_of_what_was_said_in_every_protocol(said):
    stream = event({"type": "ping"}) + event(said) * 4 + event({"type": "error", "error": {"message": "late words"}})
    assert made_of(stream, len(stream)) == 20


def test_what_follows_the_sample_is_as_dense():
    stream = event(SAID["text"])
    assert made_of(stream, 1000 * len(stream)) == 5000


@given(st.binary(max_size=200), st.integers(0, 10**9))
def test_nothing_sent_makes_it_raise_and_nothing_said_is_no_token(sample, sent_bytes):
    assert made_of(sample, sent_bytes) >= 0
    assert made_of(b"event: ping\n\n", sent_bytes) == 0


async def test_a_broken_answer_is_counted_and_paid_by_the_estimate_where_that_is_more(told):
    begun = try_(ok=False, usage=Usage(input_tokens=10, output_tokens=1))
    one = told(price=lambda _model, usage: float(usage.output_tokens))
    broken = await one.request(ending=Ending.BROKEN, by=begun, made_tokens=12)
    assert (broken.usage, broken.usd) == (Usage(input_tokens=10, output_tokens=12), 12.0)
    counted = await one.request(ending=Ending.BROKEN, by=begun, made_tokens=0)
    assert (counted.usage.output_tokens, counted.usd) == (1, 1.0)
