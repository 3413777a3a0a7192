"""What an agent sends again with every turn is stored once, and cutting never changes a byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Protocol
from stillup.gateway.journal import segment
from stillup.gateway.journal.pieces import cut
from stillup.gateway.journal.read import load

LONG = "a sentence that is long enough to be worth a name of its own, and then some more of it"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=120),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["content", "role", "a"]), inner),
    max_leaves=8,
)
KEYS = ["messages", "input", "contents", "system", "instructions", "tools", "model", "stream", "metadata"]
BODIES = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)


def pieces(body):
    return [body[start:stop] for start, stop in cut(body)]


@given(BODIES, st.sampled_from([None, 0, 1, 3]), st.booleans())
def test_the_spans_of_any_body_are_in_order_apart_and_inside(value, indent, ascii_only):
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    spans = cut(body)

    edges = [0, *(edge for span in spans for edge in span), len(body)]
    assert edges == sorted(edges)
    assert all(start < stop for start, stop in spans)


@given(st.lists(st.text(min_size=64, max_size=90), max_size=5), st.sampled_from([None, 0, 2]))
def test_each_turn_is_a_piece_however_the_body_is_written(words, indent):
    turns = [{"role": "user", "content": word} for word in words]
    body = json.dumps({"model": "m", "messages": turns, "stream": True}, indent=indent).encode()

    assert [json.loads(piece) for piece in pieces(body)] == (turns or [json.loads(body)])[: len(pieces(body))]
    assert len(pieces(body)) >= len(turns)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_request_are_one_piece_or_none(body):
    assert len(cut(body)) <= 1


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [{"role": "user", "content": LONG}], "system": LONG, "tools": [{"name": LONG}]},
        {"input": [{"role": "user", "content": LONG}], "instructions": LONG, "tools": [{"name": LONG}]},
        {"contents": [{"parts": [{"text": LONG}]}], "systemInstruction": {"t": LONG}, "tools": [{"name": LONG}]},
        {"input": LONG, "instructions": LONG, "tools": [LONG]},
    ],
    ids=["messages", "responses", "gemini", "a string as input"],
)
def test_turns_instructions_and_tools_of_every_protocol_are_pieces(value):
    expected = [turn for key in value for turn in (value[key] if key in KEYS[:3] else [value[key]])]
    if isinstance(value.get("input"), str):
        expected[: len(LONG)] = [LONG]

    assert [json.loads(piece) for piece in pieces(json.dumps(value).encode())] == expected


def test_a_key_s_name_inside_a_text_deceives_nobody():
    body = json.dumps({"system": f'"messages": [{LONG}', "messages": [{"role": "user", "content": LONG}]}).encode()

    assert [json.loads(piece) for piece in pieces(body)][1] == {"role": "user", "content": LONG}


def test_pieces_that_seem_to_lie_in_each_other_come_apart():
    body = json.dumps({"messages": [{"system": LONG, "content": LONG}], "system": LONG}).encode()

    assert [json.loads(piece) for piece in pieces(body)] == [{"system": LONG, "content": LONG}]


@pytest.mark.parametrize("decoys", [3, 63, 64, 200])
def test_a_key_that_stands_elsewhere_first_is_looked_for_a_bounded_number_of_times(decoys):
    turns = [{"role": "user", "content": LONG}, {"role": "user", "content": LONG + "2"}]
    body = json.dumps({"x": [{"messages": n} for n in range(decoys)], "messages": turns}).encode()

    assert [json.loads(piece) for piece in pieces(body)] == (turns if decoys < 64 else [json.loads(body)])


def test_a_place_that_only_begins_like_the_value_cuts_within_the_body():
    turns = [{"role": "user", "content": LONG}, {"role": "user", "content": LONG + "2"}]
    body = json.dumps({"messages": turns, "x": {"messages": turns[:1]}}).encode()
    twice = body[:-1] + b',"messages":' + json.dumps([*turns, turns[1], turns[1]]).encode() + b"}"

    assert all(0 <= start < stop <= len(twice) for start, stop in cut(twice))


def test_a_large_body_of_long_turns_is_cut_as_a_small_one_is():
    turns = [{"role": "user", "content": f"{n} " + "word " * 1_000} for n in range(300)]

    assert len(pieces(json.dumps({"messages": turns}).encode())) == 300


def test_a_large_list_of_numbers_is_one_piece():
    body = b'{"messages":[' + b"1," * 1_100_000 + b"1]}"

    assert cut(body) == [(0, len(body))]


def test_a_growing_history_costs_what_is_new(start, folder, ask, noon):
    journal, turns = start(), []
    naive = 0
    for n in range(50):
        turns += [f"question {n}: " + "word " * 200, f"answer {n}: " + "word " * 200]
        asked = ask(*turns)
        naive += len(asked.body)
        journal.ended(journal.begin(asked, f"turn{n}", noon), "answered", noon)
        journal.commit(noon)
    kept = sum(path.stat().st_size for path in segment.segments(folder))

    assert kept < naive / 10
    assert kept < 2 * len(asked.body)
    assert load(folder, "turn49").body() == asked.body


@given(BODIES)
def test_any_body_is_put_together_to_the_same_bytes(value):
    body = json.dumps(value).encode()
    rebuilt, at = b"", 0
    for start, stop in cut(body):
        rebuilt += body[at:start] + body[start:stop]
        at = stop

    assert rebuilt + body[at:] == body


def test_the_same_embedding_twice_is_stored_once(start, folder, ask, noon):
    journal = start()
    asked = ask(body=json.dumps({"input": [LONG] * 30}).encode(), protocol=Protocol.OPENAI)
    for id_ in ("a", "b"):
        journal.ended(journal.begin(asked, id_, noon), "answered", noon)
    journal.commit(noon)

    assert segment.segments(folder)[0].read_bytes().count(LONG.encode()) == 1
    assert load(folder, "b").body() == asked.body


def test_a_small_body_is_kept_as_it_came(start, folder, ask, noon):
    journal = start()
    for id_ in ("a", "b"):
        journal.ended(journal.begin(ask(LONG), id_, noon), "answered", noon)
    journal.commit(noon)

    assert segment.segments(folder)[0].read_bytes().count(LONG.encode()) == 2
    assert load(folder, "b").body() == ask(LONG).body


def test_a_body_of_very_many_pieces_is_one():
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 64}] * 10_001}).encode()
    assert cut(body) == [(0, len(body))]
