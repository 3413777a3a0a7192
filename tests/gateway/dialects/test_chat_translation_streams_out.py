"""Pieces written as chunks, and behind chunks that went out as they came."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.chat.translation import DIALECT
from stillup.gateway.dialects.dialect import Stamp
from stillup.gateway.dialects.neutral import (
    Apart,
    Began,
    Call,
    Calls,
    Citation,
    Cites,
    Counted,
    Counts,
    Ended,
    Failed,
    Foreign,
    Gives,
    Kind,
    Media,
    Refuses,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.said import Said
from tests.gateway.dialects.chat_bodies import DONE, END, call, chunk, data


def read(*events):
    reader = DIALECT.reader()
    pieces = [piece for event in events for piece in reader.feed(event)]
    pieces += reader.finish()
    assert reader.finish() == []
    return pieces


def ask(**more):
    body = json.dumps({"model": "m", "stream": True, "messages": [], **more}).encode()
    return Ask(
        protocol=Protocol.OPENAI,
        operation=Operation.GENERATE,
        method="POST",
        path="/v1/chat/completions",
        body=body,
        model="asked",
        stream=True,
    )


COUNTING = {"stream_options": {"include_usage": True}}


def writer(**more):
    return DIALECT.writer(ask(**more), Stamp(id="s", created_s=7))


def chunks(written):
    events = written.split(b"\n\n")[:-1]
    return [json.loads(event.removeprefix(b"data: ")) for event in events if event != b"data: [DONE]"]


def deltas(written):
    return [choice["delta"] for one in chunks(written) for choice in one["choices"]]


def test_every_chunk_has_one_id_one_time_and_the_true_model():
    first = writer()
    out = first.write([Began("x", "true"), Words("a")]) + first.write([Began("y", "other"), Words("b"), END])
    assert {(one["id"], one["created"], one["model"], one["object"]) for one in chunks(out)} == {
        ("chatcmpl-s", 7, "true", "chat.completion.chunk")
    }
    assert deltas(out) == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "a"},
        {"content": "b"},
        {},
    ]
    assert out.endswith(DONE)


def test_without_a_beginning_the_model_is_the_one_asked_for():
    assert {one["model"] for one in chunks(writer().write([Words("a")]))} == {"asked"}


def test_usage_is_sent_in_a_chunk_of_its_own_to_a_client_that_asked():
    counts = Counts(fresh=3, cache_read=5, cache_write=1, output=2, thought=1)
    pieces = [Words("a"), Counted(counts), END]
    *others, last = chunks(writer(**COUNTING).write(pieces))
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0, "cache_write_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 0},
    }
    assert all(one["usage"] is None for one in others)
    assert all("usage" not in one for one in chunks(writer().write(pieces)))
    assert all(one["choices"] for one in chunks(writer(**COUNTING).write([Words("a"), END])))


def test_a_call_is_written_as_its_beginning_and_its_arguments():
    out = writer().write([Calls(Call(id="a", name="f", arguments='{"x":1}')), Calls(Call(id="b", name="g")), END])
    assert [delta["tool_calls"][0] for delta in deltas(out)[1:-1]] == [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x":1}'}},
        {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 1, "function": {"arguments": "{}"}},
    ]
    assert chunks(out)[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_client_that_knows_functions_only_gets_a_function_call():
    out = writer(functions=[{"name": "f"}]).write([Calls(Call(id="a", name="f")), Ended(Stop.TOOLS)])
    assert deltas(out)[1:-1] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
    ]
    assert chunks(out)[-1]["choices"][0]["finish_reason"] == "function_call"


REASONS_TABLE = [
    ([Words("a"), END], "stop"),
    ([Words("a"), Ended(Stop.LENGTH)], "length"),
    ([Words("a"), Ended(Stop.CONTEXT)], "length"),
    ([Words("a"), Ended(Stop.SEQUENCE, "x")], "stop"),
    ([Words("a"), Ended(Stop.PAUSED)], "stop"),
    ([Words("a"), Ended(Stop.REFUSED)], "content_filter"),
    ([Refuses("no"), Ended(Stop.REFUSED)], "stop"),
    ([Calls(Call(id="a", name="f")), Ended(Stop.LENGTH)], "length"),
]


@pytest.mark.parametrize(("pieces", "reason"), REASONS_TABLE)
def test_each_end_is_written(pieces, reason):
    assert chunks(writer().write(pieces))[-1]["choices"][0]["finish_reason"] == reason


def test_two_thoughts_on_end_are_set_apart():
    pieces = [Thinks("h"), Thinks("m"), ThoughtEnds(), Thinks("anew"), ThoughtEnds(), Words("a"), Thinks("b")]
    assert [delta.get("reasoning_content") for delta in deltas(writer().write(pieces))[1:]] == [
        "h",
        "m",
        "\n\nanew",
        None,
        "b",
    ]


def test_citations_and_images_are_numbered_and_count_from_the_beginning_of_all_content():
    cited = Cites(Citation(url="https://a", title="A", start=0, end=2))
    image = Gives(Media(kind=Kind.IMAGE, media_type="image/png", data="AAAA"))
    pieces = [Words("abc"), cited, Apart(), Words("de"), cited, Cites(Citation(quote="no address")), image]
    found = deltas(writer().write(pieces))
    marks = [delta["annotations"][0] for delta in found if "annotations" in delta]
    assert [mark["index"] for mark in marks] == [0, 1]
    assert [mark["url_citation"]["start_index"] for mark in marks] == [0, 3]
    assert found[-1] == {
        "images": [{"index": 0, "type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    }


def test_what_a_client_cannot_take_and_what_says_nothing_is_not_written():
    nothing = [
        Words(""),
        Thinks(""),
        Refuses(""),
        Failed(),
        Gives(Foreign(origin=Protocol.GEMINI, what="x", raw=b"{}")),
    ]
    assert len(chunks(writer().write(nothing))) == 1
    assert writer().write([]) == b""


def test_after_its_end_nothing_is_written():
    done = writer()
    done.write([Words("a"), END])
    assert done.write([Words("b")]) == b""
    assert done.write([END]) == b""
    assert done.said.text == "a"


def test_an_error_ends_the_answer_in_words_that_the_sdk_raises():
    broken = writer()
    broken.write([Words("a")])
    told = json.loads(broken.error(Fault.CUT, "gone").removeprefix(b"data: "))
    assert told["error"]["message"] == "gone"
    assert broken.write([Words("b")]) == b""


# --- and going on with what went out as it came

STREAM = [
    chunk(role="assistant", content=""),
    chunk(reasoning_content="hm"),
    chunk(content="Hello"),
    chunk(content=" wor"),
]


@pytest.mark.parametrize("n", range(1, 5))
def test_what_is_written_goes_on_with_what_went_out_as_it_came(n):
    going_on = writer(**COUNTING)
    sent = b"".join(STREAM[:n])
    going_on.absorb(sent)
    out = sent + going_on.write([Began("z", "other"), Words("ld"), Counted(Counts(fresh=1, output=2)), END])
    assert {(one["id"], one["created"], one["model"]) for one in chunks(out)} == {("c1", 5, "m")}
    whole = Said()
    for piece in read(out):
        whole.add(piece)
    assert whole.text == "".join(["", "", "Hello", " wor"][:n]) + "ld"
    assert going_on.said.text == whole.text
    assert out.count(b'"role"') == 1
    assert out.count(b"[DONE]") == 1


def test_a_thought_that_is_open_is_known_to_be():
    going_on = writer()
    going_on.absorb(b"".join(STREAM[:2]))
    assert going_on.said.is_thinking
    out = going_on.write([ThoughtEnds(), Thinks("anew"), ThoughtEnds(), Words("a"), END])
    assert deltas(out)[0] == {"reasoning_content": "\n\nanew"}
    assert going_on.said.parts == (Thought(text="hm"), Thought(text="anew"), Text(text="a"))


def test_calls_that_went_out_whole_are_known_and_the_next_has_the_next_index():
    going_on = writer()
    going_on.absorb(STREAM[0] + chunk(tool_calls=[call(0, "a", "f", "{}")]) + chunk("tool_calls"))
    assert going_on.said.calls == (Call(id="a", name="f"),)
    assert going_on.write([END]) == DONE
    other = writer()
    other.write([Calls(Call(id="a", name="f"))])
    assert deltas(other.write([Calls(Call(id="b", name="f"))]))[0]["tool_calls"][0]["index"] == 1


def test_where_only_the_end_marker_is_missing_only_that_is_written():
    counted = data({"id": "c1", "model": "m", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    going_on = writer(**COUNTING)
    going_on.absorb(b"".join(STREAM) + chunk("stop"))
    rest = going_on.write([Counted(Counts(fresh=1, output=2)), END])
    assert [one["choices"] for one in chunks(rest)] == [[]]
    told = writer(**COUNTING)
    told.absorb(b"".join(STREAM) + chunk("stop") + counted)
    assert told.write([END]) == DONE
    over = writer()
    over.absorb(b"".join(STREAM) + chunk("stop") + DONE)
    assert over.write([Words("a"), END]) == b""
    assert over.said.ended == END


def test_what_went_out_before_any_chunk_is_no_beginning():
    going_on = writer()
    going_on.absorb(b": ping\n\ndata: x\n\n" + data({"choices": []}))
    assert len(chunks(going_on.write([Words("a")]))) == 2


PIECE = st.one_of(
    st.builds(Words, st.text(min_size=1)),
    st.builds(Thinks, st.text(min_size=1)),
    st.builds(lambda name: Calls(Call(id=name, name="f", arguments='{"a": "b"}')), st.text(min_size=1, max_size=5)),
)


@given(
    pieces=st.lists(PIECE, max_size=8),
    counts=st.none() | st.builds(Counts, fresh=st.integers(0, 99), output=st.integers(0, 99)),
)
def test_pieces_written_and_read_again_say_the_same(pieces, counts):
    seen = set()
    told = []
    for piece in pieces:  # a thought ends before anything else, and ids are unique
        if isinstance(piece, Calls):
            if piece.call.id in seen:
                continue
            seen.add(piece.call.id)
        if told and isinstance(told[-1], Thinks) and not isinstance(piece, Thinks):
            told.append(ThoughtEnds())
        told.append(piece)
    if told and isinstance(told[-1], Thinks):
        told.append(ThoughtEnds())
    told += [] if counts is None else [Counted(counts)]
    told.append(Ended(Stop.TOOLS if seen else Stop.END))
    before, after = Said(), Said()
    one = writer(**COUNTING)
    out = b"".join(one.write([piece]) for piece in told)
    for piece in told:
        before.add(piece)
    for piece in read(out):
        after.add(piece)
    assert after.text == before.text
    assert after.calls == before.calls
    assert after.ended == before.ended
    assert (after.counts.input, after.counts.output) == (before.counts.input, before.counts.output)
