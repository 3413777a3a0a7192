"""Whatever bytes a stranger sends, a parser reads them or says what is wrong; and what once broke one is kept here."""

from __future__ import annotations

import msgspec
import pytest
from fuzz.targets import targets, tried
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_NO_ZONE = "2026-01-01T00:00:00"
_CALL = b'{"type":"tool_use","id":"t","name":"f","input":{"\xa4":1}}'
_CONVERSE_CALL = b'{"toolUseId":"t","name":"f","input":{"\xa4":1}}'
BROKE = [
    ("import-codex", b'\x01{"type":"session_meta","payloa\xf4":{"id":"a"}}\n{"role":"user"}\n'),
    ("import-codex", b'\x01{"type":"session_meta","payload":{"id":1}}\n'),
    ("prompt-anthropic", b'{"model":"m","messages":[{"role":"assistant","content":[%s]}]}' % _CALL),
    ("prompt-bedrock-converse", b'{"messages":[{"role":"assistant","content":[{"toolUse":%s}]}]}' % _CONVERSE_CALL),
    ("prompt-gemini", b'{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{"\xa4":1}}}]}]}'),
    ("reply-anthropic", b'{"type":"message","content":[%s]}' % _CALL),
    ("reply-gemini", b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"\xa4":1}}}]}}]}'),
    ("reply-bedrock-converse", b'{"output":{"message":{"content":[{"toolUse":%s}]}}}' % _CONVERSE_CALL),
    ("bus-words", msgspec.msgpack.encode({"at": _NO_ZONE, "service": "claude", "seq": 1, "fence": 1})),
    (
        "bus-beats",
        msgspec.msgpack.encode({"replica": "a", "life": "b", "role": "web", "since": _NO_ZONE, "version": "1"}),
    ),
]
_DIGITS = st.sampled_from(
    [b"0", b"-1", b"9" * 30, b"1e999", b"null", b"[]", b"{}", b'""', b'"\\ud83d"', b"\xff", b"\x00"]
)


@st.composite
def changed(draw, seeds):
    """A seed with a few places of it cut out, doubled or replaced."""
    data = draw(st.sampled_from(seeds))[:20_000]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(len(data), at + 12)))
        data = data[:at] + draw(st.one_of(st.just(b""), _DIGITS, st.just(data[at:end] * 2))) + data[end:]
    return data


@pytest.mark.parametrize(("name", "data"), BROKE, ids=str)
def test_what_broke_a_parser_once_does_not_again(name, data):
    tried(targets()[name](), data)


@pytest.mark.parametrize("name", sorted(targets()))
def test_what_a_seed_turns_into_is_read_or_refused(name):
    target = targets()[name]()
    for seed in target.seeds:
        tried(target, seed)

    @settings(max_examples=25, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=changed(target.seeds))
    def read(data):
        tried(target, data)

    read()
