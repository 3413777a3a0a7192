"""Whatever JSON a client sends, a scripted provider answers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stillup.sim.provider.behaviour import Behaviour, Called, Turn
from stillup.sim.provider.call import read_call
from stillup.sim.provider.steps import Send, steps
from tests.sim.provider.test_going_on import PATHS

NAMES = st.sampled_from(
    ["role", "content", "parts", "text", "type", "tool_calls", "functionCall", "prefix", "url", "image_url", "data",
     "media_type", "mimeType", "$ref", "anyOf", "enum", "const", "properties", "items", "schema", "format", "bytes"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["assistant", "model", "user", "tool", "tool_result", "A0 ", "A0 A1 ", "data:,", "#/a", "array"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=24,
)
TOPS = st.sampled_from(
    ["messages", "input", "contents", "tools", "stop", "stop_sequences", "generationConfig", "response_format", "text",
     "output_config", "format", "thinking", "tool_choice", "max_tokens"]
)  # fmt: skip
BEHAVIOURS = st.sampled_from(
    [
        Behaviour(repeats=3),
        Behaviour(follows_schema=True),
        Behaviour(tells_media=True),
        Behaviour(keeps_rules=True, refuses=("thinking.type", "text")),
        Behaviour(rejects_prefix=True),
        Behaviour(turns=(Turn(text="a"), Turn(calls=(Called("x", {"a": 1}),))), knows_its_end=True, thoughts="hm"),
    ]
)


@given(st.sampled_from(sorted(PATHS)), st.dictionaries(TOPS, VALUES, max_size=5), BEHAVIOURS, st.booleans())
def test_it_always_answers(protocol, body, behaviour, stream):
    raw = msgspec.json.encode(body | {"model": "m", "stream": stream})
    call = read_call("POST", PATHS[protocol], {}, raw)
    sent = [
        s.data for s in steps(call, behaviour, "A", "req_1", datetime(2026, 1, 1, tzinfo=UTC)) if isinstance(s, Send)
    ]
    assert sent[0].startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))


def test_a_body_as_deep_as_json_may_be_is_looked_through():
    deep = b'{"model":"m","messages":[{"role":"user","content":' + b"[" * 900 + b"]" * 900 + b"}]}"
    call = read_call("POST", "/v1/messages", {}, deep)
    behaviour = Behaviour(tells_media=True)
    assert list(steps(call, behaviour, "A", "req_1", datetime(2026, 1, 1, tzinfo=UTC)))
