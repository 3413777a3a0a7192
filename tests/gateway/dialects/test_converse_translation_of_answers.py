"""Answers of Bedrock's Converse, read and written."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.converse.translation import DIALECT
from stillup.gateway.dialects.lenient import NoJson
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
    Reply,
    Seal,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from tests.gateway.dialects.converse_bodies import CONVERSE, IMAGE, REDACTED, SEAL, STAMP, ask

# --- answers


def event(kind, **inside):
    return b"event: " + kind.encode() + b"\ndata: " + json.dumps(inside, ensure_ascii=False).encode() + b"\n\n"


def delta(n, **inside):
    return event("contentBlockDelta", delta=inside, contentBlockIndex=n)


def stopped(n):
    return event("contentBlockStop", contentBlockIndex=n)


def use(n, **inside):
    return event("contentBlockStart", start={"toolUse": inside}, contentBlockIndex=n)


def ended(reason):
    return event("messageStop", stopReason=reason)


def pieces_of(*events):
    reader = DIALECT.reader()
    got = [*reader.feed(event("messageStart", role="assistant") + b"".join(events)), *reader.finish()]
    assert reader.finish() == []
    return got[1:]


def test_a_stream_is_read_into_pieces():
    got = pieces_of(
        delta(0, reasoningContent={"text": "Hm"}),
        delta(0, reasoningContent={"signature": "si"}),
        delta(0, reasoningContent={"signature": "g"}),
        stopped(0),
        delta(1, reasoningContent={"redactedContent": "cmVk"}),
        stopped(1),
        delta(2, text="Hel"),
        delta(2, text="lö"),
        delta(2, citation={"title": "T", "sourceContent": [{"text": "q"}], "location": {"web": {"url": "u"}}}),
        stopped(2),
        delta(3, text="More"),
        stopped(3),
        use(4, toolUseId="t1", name="f"),
        delta(4, toolUse={"input": '{"a":'}),
        delta(4, toolUse={"input": "1}"}),
        stopped(4),
        use(5, toolUseId="t2", name="g"),
        stopped(5),
        ended("tool_use"),
        event("metadata", usage={"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 2}),
    )
    raw = b'{"title": "T", "sourceContent": [{"text": "q"}], "location": {"web": {"url": "u"}}}'
    assert got == [
        Thinks("Hm"),
        ThoughtEnds(SEAL),
        ThoughtEnds(REDACTED),
        Words("Hel"),
        Words("lö"),
        Cites(Citation(title="T", quote="q", url="u", origin=CONVERSE, raw=raw)),
        Apart(),
        Words("More"),
        Calls(Call(id="t1", name="f", arguments='{"a":1}')),
        Calls(Call(id="t2", name="g")),
        Counted(Counts(fresh=5, output=7, cache_read=2)),
        Ended(Stop.TOOLS),
    ]


def test_missing_ends_and_indices_cost_nothing():
    free = event("contentBlockDelta", delta={"text": "a"})
    thought = event("contentBlockDelta", delta={"reasoningContent": {"text": "Hm"}})
    called = event("contentBlockStart", start={"toolUse": {"name": "f"}})
    assert pieces_of(thought, free, called, free, ended("end_turn")) == [
        Thinks("Hm"),
        ThoughtEnds(),
        Words("a"),
        Calls(Call(id="call_0", name="f")),
        Words("a"),
        Ended(Stop.END),
    ]


@pytest.mark.parametrize(
    "events",
    [
        (use(0, toolUseId="t", name="f"), delta(0, toolUse={"input": '{"a":'}), stopped(0)),
        (use(0, toolUseId="t", name="f"), delta(0, toolUse={"input": '{"a":'})),
        (use(0, toolUseId="t"), stopped(0)),
        (delta(0, text="a"), ended("malformed_tool_use")),
    ],
)
def test_a_call_that_cannot_be_read_is_a_failure_and_no_end(events):
    *_, last = pieces_of(*events)
    assert isinstance(last, Failed)


def test_an_exception_is_a_failure():
    *_, last = pieces_of(event("error", error={"type": "throttlingException", "message": "slow"}), delta(0, text="a"))
    assert last == Failed("slow")


def test_images_and_server_tools_are_given_whole():
    got = pieces_of(
        event("contentBlockStart", start={"image": {"format": "png"}}, contentBlockIndex=0),
        delta(0, image={"source": {"bytes": "a"}}),
        delta(0, image={"source": {"bytes": "a"}}),
        use(1, toolUseId="t", name="web", type="server_tool_use"),
        stopped(1),
    )
    assert got[0] == Gives(IMAGE)
    assert isinstance(got[1].part, Foreign)


BROKEN = [
    b"event: x\ndata: {\n\n",
    b"data: 1\n\n",
    b": ping\n\n",
    b"\n\n",
    b'data: {"usage": 7}\n\n',
    b"event: contentBlockStop\r\ndata: {}\r\n\r\n",
    delta(0, citation=1),
    delta(0, toolUse={"input": "stray"}),
    delta(0, news=1),
]
HALF = b'event: contentBlockDelta\ndata: {"delta":{"text":"\\ud83d"}}\n\n'


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_what_is_broken_costs_no_more_than_itself(broken):
    got = pieces_of(delta(0, text="a"), broken, HALF, ended("max_tokens"))
    assert "".join(piece.text for piece in got if isinstance(piece, Words)) == "a\ufffd"
    assert got[-1] == Ended(Stop.LENGTH)


def test_a_whole_answer_is_read():
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "a"}, {"text": "b"}]}},
        "stopReason": "content_filtered",
        "usage": {"inputTokens": 1, "outputTokens": 2, "cacheWriteInputTokens": 3},
    }
    assert DIALECT.read_reply(json.dumps(answer).encode()) == Reply(
        parts=(Text(text="a"), Text(text="b")),
        stop=Stop.REFUSED,
        counts=Counts(fresh=1, output=2, cache_write=3),
    )
    assert DIALECT.read_reply(b"{}") == Reply()
    for broken in (b"{", b'{"output": 1}', json.dumps({**answer, "stopReason": "malformed_tool_use"}).encode()):
        with pytest.raises(NoJson):
            DIALECT.read_reply(broken)


STREAM = [
    Thinks("Hm"),
    ThoughtEnds(SEAL),
    ThoughtEnds(REDACTED),
    Words("Hel"),
    Words("lö"),
    Apart(),
    Words("More"),
    Calls(Call(id="t1", name="f", arguments='{"a":1}')),
    Gives(IMAGE),
    Counted(Counts(fresh=5, output=7, cache_read=2, cache_write=1)),
    Ended(Stop.TOOLS),
]


def test_what_is_written_is_read_again():
    writer = DIALECT.writer(ask(), STAMP)
    out = b"".join(writer.write([piece]) for piece in STREAM)
    reader = DIALECT.reader()
    assert [*reader.feed(out), *reader.finish()] == [Began(), *STREAM]
    assert writer.write([Words("late")]) == b""


def test_what_follows_a_break_goes_on_with_its_indices():
    for cut in range(1, 5):
        first, second = DIALECT.writer(ask(), STAMP), DIALECT.writer(ask(), STAMP)
        before = b"".join(first.write([piece]) for piece in STREAM[: 2 * cut])
        second.absorb(before)
        after = second.write([Words("on"), Ended(Stop.END)])
        read_again = DIALECT.reader()
        got = [*read_again.feed(before + after), *read_again.finish()]
        assert Words("on") in got
        lines = [line for line in (before + after).splitlines() if line.startswith(b"data: ")]
        indices = [json.loads(line[6:]).get("contentBlockIndex") for line in lines]
        assert indices.count(None) == 3
        numbers = [n for n in indices if n is not None]
        assert numbers == sorted(numbers)


def test_other_providers_things_are_not_written():
    writer = DIALECT.writer(ask(), STAMP)
    foreign = Seal(origin=Protocol.ANTHROPIC, data="x")
    out = writer.write(
        [ThoughtEnds(foreign), Gives(Foreign(origin=Protocol.GEMINI, what="x", raw=b"{}")), Failed(), Refuses("No")]
    )
    assert [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: ")] == [
        {"role": "assistant"},
        {"delta": {"text": "No"}, "contentBlockIndex": 0},
    ]
    cites = writer.write([Cites(Citation(url="u", title="t", quote="q"))])
    assert b'"citation":{"title":"t","sourceContent":[{"text":"q"}],"location":{"web":{"url":"u"}}}' in cites
    assert b'"citation":{"x":1}' in writer.write([Cites(Citation(origin=CONVERSE, raw=b'{"x":1}'))])
    assert DIALECT.writer(ask(), STAMP).error(Fault.CUT, "gone").startswith(b"event: error\ndata: ")


def test_a_whole_answer_is_written_and_read_again():
    parts = (
        Thought(text="Hm", seal=SEAL),
        Thought(text="Hm"),
        Thought(),
        Text(text="a"),
        Text(text="b", citations=(Citation(title="t", origin=CONVERSE, raw=b'{"title":"t"}'),)),
        IMAGE,
        Call(id="t", name="f"),
    )
    reply = Reply(parts=parts, counts=Counts(fresh=1, output=2))
    left_out = (Media(kind=Kind.IMAGE, url="u"), Foreign(origin=CONVERSE, what="x", raw=b"{}"), Text(text=""))
    raw = DIALECT.write_reply(replace(reply, parts=(*parts, *left_out)), ask(), STAMP)
    kept = tuple(part for part in parts if part != Thought())
    assert DIALECT.read_reply(raw) == replace(reply, parts=kept, stop=Stop.TOOLS)
