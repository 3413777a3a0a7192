"""What every dialect's translation of a stream promises, wherever it is divided or breaks off."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.dialects.base import ERROR
from stillup.gateway.dialects.dialect import Stamp, dialect_of
from stillup.gateway.dialects.neutral import (
    Apart,
    Began,
    Call,
    Calls,
    Counted,
    Ended,
    Failed,
    Seal,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.whole import watch_for
from tests.gateway.dialects.conversations import (
    STAMP,
    P,
    each,
    each_client,
    few,
    reply_of,
    same_reply,
    streamed_to,
    streams,
    through,
)

# --- streams


@each
def test_a_stream_there_and_back_is_the_same(protocol):
    @few
    @given(streams(), st.integers(1, 4))
    def check(stream, at_once):
        reply, pieces = stream
        writer = dialect_of(protocol).writer(streamed_to(protocol), STAMP)
        data = b"".join(writer.write(pieces[n : n + at_once]) for n in range(0, len(pieces), at_once))
        read = through(protocol, data)
        assert same_reply(reply_of(read), protocol) == same_reply(reply, protocol)
        assert same_reply(reply_of([writer.said.began, *pieces]), protocol) == same_reply(reply, protocol)
        assert not any(isinstance(piece, Failed) for piece in read)
        assert sum(isinstance(piece, Ended) for piece in read) == 1

    check()


@each_client
def test_the_watch_takes_what_is_written_however_it_is_divided(protocol):
    @few
    @given(streams(), st.data())
    def check(stream, data):
        reply, pieces = stream
        dialect = dialect_of(protocol)
        ask = streamed_to(protocol)
        raw = dialect.writer(ask, STAMP).write(pieces)
        at = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=12)))
        watch = watch_for(ask, protocol, 200, "text/event-stream")
        reader = dialect.reader()
        read = []
        handed = b""
        for a, b in pairwise([0, *at, len(raw)]):
            flags, ready = watch.feed(raw[a:b])
            assert not flags & ERROR, watch.error_message
            handed += ready
            read += reader.feed(ready)
        fault, rest = watch.finish()
        assert fault is None
        assert handed + rest == raw
        read += [*reader.feed(rest), *reader.finish()]
        assert same_reply(reply_of(read), protocol) == same_reply(reply, protocol)
        assert reader.finish() == []

    check()


@each_client
def test_a_stream_that_breaks_off_anywhere_is_gone_on_with_as_one_message(protocol):
    @few
    @given(streams(), st.data())
    def check(stream, data):
        reply, pieces = stream
        dialect = dialect_of(protocol)
        upstream = dialect.writer(streamed_to(protocol), Stamp(id="upstream", created_s=5))
        events = [upstream.write([piece]) for piece in pieces[:-2]]
        cut = data.draw(st.integers(0, len(events)))
        before = b"".join(events[:cut])
        writer = dialect.writer(streamed_to(protocol), STAMP)
        writer.absorb(before)
        has = writer.said
        had = [piece for piece in pieces[:cut] if isinstance(piece, Words | Thinks)]
        assert "".join(p.text for p in has.parts if not isinstance(p, Call)) == "".join(p.text for p in had)
        after = writer.write(pieces[cut:])
        whole = before + after
        assert same_reply(reply_of(through(protocol, whole)), protocol) == same_reply(reply, protocol)
        assert same_reply(
            reply_of([has.began, *_pieces_of(has), Counted(has.counts), has.ended]), protocol
        ) == same_reply(reply, protocol)
        is_one_message(protocol, whole)

    check()


def _pieces_of(said):
    for part in said.parts:
        if isinstance(part, Call):
            yield Calls(part)
        elif isinstance(part, Thought):
            yield from (Thinks(part.text), ThoughtEnds(part.seal))
        else:
            yield from (Apart(), Words(part.text))


@each
def test_a_thought_that_is_cut_ends_and_the_next_one_begins_anew(protocol):
    dialect = dialect_of(protocol)
    before = dialect.writer(streamed_to(protocol), STAMP).write([Began("", "a-model"), Thinks("half a tho")])
    writer = dialect.writer(streamed_to(protocol), STAMP)
    writer.absorb(before)
    assert writer.said.is_thinking
    rest = [
        ThoughtEnds(),
        Thinks("a whole thought"),
        ThoughtEnds(Seal(origin=P.BEDROCK, data="x")),
        Words("So."),
        Ended(Stop.END),
    ]
    whole = before + writer.write(rest)
    read = reply_of(through(protocol, whole))
    assert "".join(part.text for part in read.parts if isinstance(part, Text)) == "So."
    assert [line for part in read.parts if isinstance(part, Thought) for line in part.text.split("\n") if line] in (
        ["half a tho", "a whole thought"],
        ["half a thoa whole thought"],
    )
    assert all(part.seal is None for part in read.parts if isinstance(part, Thought))
    is_one_message(protocol, whole)


@each_client
def test_an_error_behind_content_is_one_to_the_watch(protocol):
    dialect = dialect_of(protocol)
    writer = dialect.writer(streamed_to(protocol), STAMP)
    data = writer.write([Began("", "a-model"), Words("So far")])
    data += writer.error(Fault.OVERLOADED, "busy")
    watch = watch_for(streamed_to(protocol), protocol, 200, "text/event-stream")
    flags, _ = watch.feed(data)
    assert flags & ERROR
    assert any(isinstance(piece, Failed) for piece in dialect.reader().feed(data))


@each
def test_nothing_is_written_behind_the_end(protocol):
    writer = dialect_of(protocol).writer(streamed_to(protocol), STAMP)
    assert writer.write([Words("All"), Ended(Stop.END)])
    assert writer.write([Words(" more"), Ended(Stop.END)]) == b""
    assert writer.write([]) == b""


@each
def test_failing_writes_nothing(protocol):
    assert dialect_of(protocol).writer(streamed_to(protocol), STAMP).write([Failed("boom")]) == b""


def is_one_message(protocol, data):
    """What an SDK that adds the events up holds against them."""
    if protocol is P.CONVERSE:
        return
    events = [
        json.loads(line[6:]) for line in data.splitlines() if line.startswith(b"data: ") and line != b"data: [DONE]"
    ]
    if protocol is P.ANTHROPIC:
        kinds = [event["type"] for event in events]
        assert kinds.count("message_start") == kinds.count("message_stop") == kinds.count("message_delta") == 1
        opened = [event["index"] for event in events if event["type"] == "content_block_start"]
        assert opened == list(range(len(opened)))
        assert [event["index"] for event in events if event["type"] == "content_block_stop"] == opened
    elif protocol is P.OPENAI:
        assert len({event["id"] for event in events}) == 1
        assert sum(choice.get("finish_reason") is not None for event in events for choice in event["choices"]) == 1
        assert data.endswith(b"data: [DONE]\n\n")
    elif protocol is P.RESPONSES:
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert len({event["response"]["id"] for event in events if "response" in event}) == 1
        done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        assert events[-1]["response"]["output"] == done
        added = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
        assert added == list(range(len(done)))
    elif protocol is P.GEMINI:
        assert len({event["responseId"] for event in events if "responseId" in event}) <= 1
