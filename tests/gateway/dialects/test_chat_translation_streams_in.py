"""Chunks read into pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.chat import answer_in
from stillup.gateway.dialects.chat.translation import DIALECT
from stillup.gateway.dialects.neutral import (
    Began,
    Call,
    Calls,
    Citation,
    Cites,
    Counted,
    Counts,
    Ended,
    Failed,
    Refuses,
    Stop,
    Thinks,
    ThoughtEnds,
    Words,
)
from tests.gateway.dialects.chat_bodies import DONE, END, call, chunk, data


def read(*events):
    reader = DIALECT.reader()
    pieces = [piece for event in events for piece in reader.feed(event)]
    pieces += reader.finish()
    assert reader.finish() == []
    return pieces


def body_of(*events):
    """What was said, without the beginning."""
    return read(*events)[1:]


def calls_of(*events):
    return [
        (p.call.id, p.call.name, p.call.arguments)
        for p in read(*events, chunk("tool_calls"), DONE)
        if isinstance(p, Calls)
    ]


def test_an_answer_begins_with_the_first_chunk_that_says_whose_it_is():
    filters = data({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
    assert read(filters, chunk(role="assistant", content=""), chunk(content="a"), chunk("stop"), DONE) == [
        Began("c1", "m"),
        Words("a"),
        END,
    ]


def test_the_end_is_told_behind_the_counts():
    counted = data({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
    assert body_of(chunk(content="a"), chunk("stop"), counted, DONE) == [
        Words("a"),
        Counted(Counts(fresh=9, output=2)),
        END,
    ]


def test_the_end_is_told_where_the_server_has_no_end_marker():
    assert body_of(chunk(content="a"), chunk("stop")) == [Words("a"), END]
    assert body_of(chunk(content="a")) == [Words("a"), END]
    assert read() == []


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning"])
def test_a_thought_ends_where_words_begin(member):
    events = [chunk(**{member: "h"}), chunk(**{member: "m"}, content=""), chunk(content="so"), chunk("stop"), DONE]
    assert body_of(*events) == [Thinks("h"), Thinks("m"), ThoughtEnds(), Words("so"), END]


def test_a_thought_in_the_same_chunk_comes_before_the_words():
    both = chunk(reasoning_content="hm", content="so")
    assert body_of(both, DONE) == [Thinks("hm"), ThoughtEnds(), Words("so"), END]
    assert body_of(chunk(reasoning="h"), both, DONE) == [Thinks("h"), Thinks("hm"), ThoughtEnds(), Words("so"), END]


def test_a_thought_ends_with_the_answer():
    assert body_of(chunk(reasoning="h"), DONE) == [Thinks("h"), ThoughtEnds(), END]


def test_mistrals_content_in_pieces_is_read():
    thinks = chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}])
    says = chunk(content=[{"type": "text", "text": "so"}, {"type": "reference"}])
    assert body_of(thinks, says, DONE) == [Thinks("hm"), ThoughtEnds(), Words("so"), END]
    assert body_of(chunk(content=[{"type": "thinking", "thinking": "hm"}]), DONE)[0] == Thinks("hm")


CALLS_TABLE = [
    (
        "by the book",
        [
            [call(0, "a", "f", "")],
            [call(0, arguments='{"x"')],
            [call(0, arguments=":1}")],
            [call(1, "b", "g", "{}")],
        ],
        [("a", "f", '{"x":1}'), ("b", "g", "{}")],
    ),
    (
        "by turns",
        [
            [call(0, "a", "f")],
            [call(1, "b", "g")],
            [call(0, arguments="{"), call(1, arguments="{")],
            [call(1, arguments="}")],
            [call(0, arguments="}")],
        ],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    (
        "without an index",
        [[call(None, "a", "f", "{")], [call(arguments="}")], [call(None, "b", "g", "{}")]],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    (
        "without an index, with the id in each piece",
        [[call(None, "a", "f", "{")], [call(None, "a", arguments="}")]],
        [("a", "f", "{}")],
    ),
    (
        "always with index 0",
        [[call(0, "a", "f", "{}")], [call(0, "b", "g", "{}")], [call(0, "b", arguments=" ")]],
        [("a", "f", "{}"), ("b", "g", "{} ")],
    ),
    ("with id and name in each piece", [[call(0, "a", "f", "{")], [call(0, "a", "f", "}")]], [("a", "f", "{}")]),
    ("with the id behind", [[call(0, None, "f", "{")], [call(0, "a", None, "}")]], [("a", "f", "{}")]),
    (
        "in the wrong order",
        [[call(1, "b", "g", "{}")], [call(0, "a", "f", "{}")]],
        [("a", "f", "{}"), ("b", "g", "{}")],
    ),
    ("without arguments", [[call(0, "a", "f")]], [("a", "f", "{}")]),
    ("without a name", [[call(0, "a", None, "{}")]], []),
    ("without anything", [[{}]], []),
    ("with null", [[{"index": 0, "id": "a", "function": None}], [call(0, name="f")]], [("a", "f", "{}")]),
]


@pytest.mark.parametrize(("pieces", "calls"), [row[1:] for row in CALLS_TABLE], ids=[row[0] for row in CALLS_TABLE])
def test_calls_are_put_together_however_their_pieces_are_marked(pieces, calls):
    assert calls_of(*(chunk(tool_calls=some) for some in pieces)) == calls


def test_calls_without_ids_or_with_the_same_get_ids_of_their_own():
    without = calls_of(chunk(tool_calls=[call(name="f", arguments="{}"), call(name="f", arguments="{}")]))
    same = calls_of(chunk(tool_calls=[call(0, "a", "f", "{}"), call(1, "a", "f", "{}")]))
    assert len({call_id for call_id, *_ in without}) == 2
    assert same[0][0] == "a"
    assert same[1][0].startswith("call_")
    assert without == calls_of(chunk(tool_calls=[call(name="f", arguments="{}"), call(name="f", arguments="{}")]))


def test_a_function_call_of_old_is_a_call():
    events = [chunk(function_call={"name": "f", "arguments": "{"}), chunk(function_call={"arguments": "}"})]
    pieces = body_of(*events, chunk("function_call"), DONE)
    assert [(piece.call.name, piece.call.arguments) for piece in pieces[:1]] == [("f", "{}")]
    assert pieces[-1] == Ended(Stop.TOOLS)


def test_half_a_call_is_never_told_of():
    reader = DIALECT.reader()
    assert reader.feed(chunk(tool_calls=[call(0, "a", "f", "{")]))[1:] == []
    whole_and_half = [call(0, "a", "f", "{}"), call(1, "b", "f", '{"x":')]
    pieces = body_of(chunk(tool_calls=whole_and_half), chunk("length"), DONE)
    assert pieces == [Calls(Call(id="a", name="f")), Ended(Stop.LENGTH)]


def test_more_calls_and_longer_ones_than_anyone_makes_are_not_held(monkeypatch):
    many = [call(n, f"c{n}", "f", "{}") for n in range(answer_in.MOST_CALLS + 5)]
    assert len(calls_of(chunk(tool_calls=many))) == answer_in.MOST_CALLS
    monkeypatch.setattr(answer_in, "MAX_HELD_BYTES", 10)
    events = [chunk(tool_calls=[call(0, "a", "f", "{" * 11)]), chunk("tool_calls"), DONE]
    assert body_of(*events) == [Failed("the upstream failed")]


STOP_TABLE = [
    ("stop", END),
    ("length", Ended(Stop.LENGTH)),
    ("model_length", Ended(Stop.LENGTH)),
    ("content_filter", Ended(Stop.REFUSED)),
    ("tool_calls", END),
    ("eos", END),
]


@pytest.mark.parametrize(("reason", "ended"), STOP_TABLE)
def test_each_reason_is_read(reason, ended):
    assert body_of(chunk(content="a"), chunk(reason), DONE)[-1] == ended


def test_what_comes_behind_the_reason_is_not_lost():
    behind = [chunk("stop", content="a"), chunk("null", content="b"), chunk("length", content="c"), DONE]
    assert body_of(*behind) == [Words("a"), Words("b"), Words("c"), Ended(Stop.LENGTH)]
    called = [chunk("stop"), chunk(tool_calls=[call(0, "a", "f", "{}")]), DONE]
    assert body_of(*called) == [Calls(Call(id="a", name="f")), Ended(Stop.TOOLS)]


def test_a_stop_behind_calls_is_an_end_for_tools():
    assert body_of(chunk(tool_calls=[call(0, "a", "f", "{}")]), chunk("stop"), DONE)[-1] == Ended(Stop.TOOLS)
    assert body_of(chunk(tool_calls=[call(0, "a", "f", "{}")]), DONE)[-1] == Ended(Stop.TOOLS)


def test_the_stop_sequence_is_read_where_the_server_tells_it():
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "END"}
    assert body_of(chunk(content="a"), data({"choices": [choice]}), DONE)[-1] == Ended(Stop.SEQUENCE, "END")


def test_a_refusal_in_words_is_one():
    assert body_of(chunk(refusal="I "), chunk(refusal="won't"), chunk("stop"), DONE) == [
        Refuses("I "),
        Refuses("won't"),
        Ended(Stop.REFUSED),
    ]
    assert body_of(chunk(refusal="no"), DONE)[-1] == Ended(Stop.REFUSED)


def test_citations_of_addresses_are_read():
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://a", "title": "A", "start_index": 0, "end_index": 1},
    }
    pieces = body_of(chunk(content="a"), chunk(annotations=[cited, {"type": "file"}]), DONE)
    assert pieces[1] == Cites(Citation(url="https://a", title="A", start=0, end=1, origin=Protocol.OPENAI))


USAGE_TABLE = [
    (
        {
            "prompt_tokens": 10,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        Counts(fresh=3, cache_read=6, cache_write=1, output=4, thought=3),
    ),
    ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 6}, Counts(fresh=4, cache_read=6)),
    ({"prompt_tokens": -1, "completion_tokens": 10**12, "prompt_cache_hit_tokens": 1}, Counts(cache_read=1)),
]


@pytest.mark.parametrize(("usage", "counts"), USAGE_TABLE)
def test_counts_are_disjoint_and_believable(usage, counts):
    assert Counted(counts) in body_of(chunk(content="a", usage=usage), DONE)
    assert Counted(counts) in body_of(chunk(content="a"), data({"choices": [], "x_groq": {"usage": usage}}), DONE)


def test_counts_in_every_chunk_are_told_when_they_change():
    usages = [{"prompt_tokens": 1, "completion_tokens": n} for n in (1, 1, 2)]
    pieces = body_of(*(chunk(content="a", usage=usage) for usage in usages), DONE)
    assert [piece.counts.output for piece in pieces if isinstance(piece, Counted)] == [1, 2]


FAILED = [
    data({"error": {"message": "m"}}),
    data({"object": "error", "message": "m"}),
    b'event: error\ndata: {"message": "m"}\n\n',
    chunk("error"),
    chunk("insufficient_system_resource"),
]


@pytest.mark.parametrize("event", FAILED)
def test_after_a_failure_nothing_more_is_told(event):
    assert body_of(chunk(content="a"), event, chunk(content="b"), DONE) == [Words("a"), Failed("the upstream failed")]


def test_what_breaks_the_protocol_costs_only_what_it_broke():
    choice = {"index": "0", "delta": {"content": "a", "tool_calls": 7, "new": {}}, "finish_reason": None, "logprobs": 5}
    odd = data({"id": 7, "model": "m", "choices": [choice, None], "usage": {"prompt_tokens": "many"}, "new": 1})
    assert read(odd, b": ping\n\n", b"data: [1]\n\n", b"data: {\n\n", DONE, chunk(content="late")) == [
        Began("", "m"),
        Words("a"),
        END,
    ]


JSON = (
    st.none() | st.booleans() | st.integers() | st.just("1") | st.just([]) | st.just({}) | st.just([{}]) | st.just([5])
)


@given(choices=JSON, choice=JSON, delta=JSON, calls=JSON, function=JSON, usage=JSON, error=JSON)
def test_no_member_of_another_shape_makes_the_reader_raise(choices, choice, delta, calls, function, usage, error):
    inner = {"index": 0, "delta": {"content": "a", "tool_calls": [{"index": choice, "function": function}]}}
    for value in (
        {"choices": choices, "usage": usage, "error": error},
        {"choices": [choice], "id": usage, "created": usage},
        {"choices": [{"delta": delta, "finish_reason": usage}]},
        {"choices": [{"delta": {"tool_calls": calls, "annotations": calls, "content": delta}}]},
        {"choices": [inner, {"index": choice}], "usage": {"prompt_tokens_details": usage}},
    ):
        read(data(value), DONE)
        DIALECT.read_reply(json.dumps(value).encode())


def test_other_choices_than_the_first_are_passed_over():
    two = {"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]}
    assert body_of(data(two), DONE) == [Words("a"), END]


def test_half_a_surrogate_pair_becomes_one_replacement_character():
    assert body_of(b'data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n\n', DONE) == [Words("a\ufffd"), END]


def test_events_of_every_shape_are_read():
    lines = chunk(content="a").replace(b"\n", b"\r\n") + b": x\nevent: message\n" + chunk(content="b")
    assert body_of(lines + b'data: {"choices":\ndata: []}\n\n' + DONE.rstrip()) == [Words("a"), Words("b"), END]


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"data: ", b"\n\n", b'{"choices":[{"delta":{"content":', b"}"]))
)
def test_no_bytes_make_the_reader_raise(some):
    reader = DIALECT.reader()
    for event in some:
        reader.feed(event)
        reader.feed(b"data: " + event + b"\n\n")
    reader.finish()
