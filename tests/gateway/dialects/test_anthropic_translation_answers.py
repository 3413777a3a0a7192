"""Anthropic Messages: answers read from there and written for clients there, streamed and whole."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.base import MAX_HELD_BYTES
from stillup.gateway.dialects.dialect import Stamp, dialect_of
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
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
from tests.gateway.dialects.anthropic_bodies import ME

DIALECT = dialect_of(ME)
STAMP = Stamp(id="abc", created_s=1)
ASK = Ask(
    protocol=ME, operation=Operation.GENERATE, method="POST", path="/v1/messages", model="claude-asked", stream=True
)
CHAR = {
    "type": "char_location",
    "cited_text": "it is",
    "document_index": 0,
    "document_title": "T",
    "start_char_index": 0,
}


def event(kind, **members):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, ensure_ascii=False)}\n\n".encode()


def start(block, index=0):
    return event("content_block_start", index=index, content_block=block)


def delta(kind, index=0, **members):
    return event("content_block_delta", index=index, delta={"type": kind, **members})


STOP = event("content_block_stop", index=0)
END = event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 9})
LAST = event("message_stop")


def ended(reason, **members):
    return event("message_delta", delta={"stop_reason": reason, **members}, usage={"output_tokens": 9})


def read(*events):
    reader = DIALECT.reader()
    return [*reader.feed(b"".join(events)), *reader.finish()]


def write(*pieces, writer=None):
    data = (writer or DIALECT.writer(ASK, STAMP)).write(pieces)
    return [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: ")]


def content(*pieces):
    """The blocks that a client puts together."""
    blocks = []
    for e in write(Began("", "m"), *pieces):
        if e["type"] == "content_block_start":
            blocks.append(e["content_block"])
        elif e["type"] == "content_block_delta":
            for name, value in e["delta"].items():
                if name == "citation":
                    blocks[-1].setdefault("citations", []).append(value)
                elif name == "partial_json":
                    blocks[-1]["input"] = json.loads(value)
                elif name != "type":
                    blocks[-1][name] += value
    return blocks


# --- read


def test_a_stream_is_read_with_its_counts():
    usage = {"input_tokens": 3, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1, "output_tokens": 1}
    begun = event("message_start", message={"id": "msg_1", "model": "claude-x", "usage": usage})
    pieces = read(
        begun, start({"type": "text", "text": ""}), event("ping"), delta("text_delta", text="So"), STOP, END, LAST
    )
    assert pieces == [
        Began("msg_1", "claude-x"),
        Counted(Counts(fresh=3, cache_read=2, cache_write=1, output=1)),
        Words("So"),
        Counted(Counts(output=9)),
        Ended(Stop.END),
    ]


def test_a_call_is_told_of_when_it_is_whole():
    call = start({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}})
    half = delta("input_json_delta", partial_json='{"ci')
    reader = DIALECT.reader()
    assert reader.feed(call + half) == []
    assert reader.feed(delta("input_json_delta", partial_json='ty":"Bern"}') + STOP) == [
        Calls(Call(id="toolu_1", name="look", arguments='{"city":"Bern"}'))
    ]
    assert reader.feed(ended("tool_use") + LAST)[-1] == Ended(Stop.TOOLS)


@pytest.mark.parametrize("reason", ["max_tokens", "tool_use"])
def test_half_a_call_is_never_told_of(reason):
    call = start({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}})
    pieces = read(call, delta("input_json_delta", partial_json='{"ci'), STOP, ended(reason), LAST)
    assert not any(isinstance(piece, Calls) for piece in pieces)
    assert pieces[-1] == Ended(Stop.LENGTH if reason == "max_tokens" else Stop.END)


def test_a_call_without_arguments_has_an_empty_object():
    assert read(start({"type": "tool_use", "id": "a", "name": "b", "input": {}}), STOP)[0] == Calls(
        Call(id="a", name="b")
    )
    whole = start({"type": "tool_use", "id": "a", "name": "b", "input": {"x": 1}})
    assert read(whole, STOP)[0] == Calls(Call(id="a", name="b", arguments='{"x": 1}'))


def test_arguments_longer_than_any_honest_ones_are_not_held():
    reader = DIALECT.reader()
    reader.feed(start({"type": "tool_use", "id": "a", "name": "b", "input": {}}))
    piece = delta("input_json_delta", partial_json=" " * (MAX_HELD_BYTES // 4))
    for _ in range(6):
        assert reader.feed(piece) == []
    assert reader.feed(STOP) == []


@pytest.mark.parametrize(
    ("signature", "seal"),
    [("sig", Seal(origin=ME, data="sig")), ("", None), (UNSIGNED, None)],
)
def test_a_thought_is_read_with_its_seal(signature, seal):
    block = start({"type": "thinking", "thinking": "", "signature": ""})
    pieces = read(block, delta("thinking_delta", thinking="Hm"), delta("signature_delta", signature=signature), STOP)
    assert pieces[:2] == [Thinks("Hm"), ThoughtEnds(seal)]


def test_a_thought_may_be_kept_from_sight():
    omitted = [start({"type": "thinking", "thinking": ""}), delta("signature_delta", signature="sig"), STOP]
    assert read(*omitted)[0] == ThoughtEnds(Seal(origin=ME, data="sig"))
    (redacted, _) = read(start({"type": "redacted_thinking", "data": "xyz"}), STOP)
    assert json.loads(redacted.seal.data) == {"type": "redacted_thinking", "data": "xyz"}
    assert read(start({"type": "redacted_thinking"}), STOP) == [Ended(Stop.END)]


def test_two_texts_stay_two():
    text = start({"type": "text", "text": ""})
    pieces = read(text, delta("text_delta", text="a"), STOP, text, delta("text_delta", text="b"), STOP)
    assert pieces == [Words("a"), Apart(), Words("b"), Ended(Stop.END)]


def test_citations_come_behind_the_first_words_of_their_text():
    text = start({"type": "text", "text": "", "citations": []})
    early = read(text, delta("citations_delta", citation=CHAR), delta("text_delta", text="a"), STOP)
    late = read(text, delta("text_delta", text="a"), delta("citations_delta", citation=CHAR), STOP)
    cites = Cites(Citation(title="T", quote="it is", origin=ME, raw=json.dumps(CHAR).encode()))
    assert early == late == [Words("a"), cites, Ended(Stop.END)]
    assert read(text, delta("citations_delta", citation=5), delta("text_delta", text="a"), STOP)[0] == Words("a")


def test_what_only_this_dialect_knows_is_given_whole():
    block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    (gives, _) = read(start(block), delta("input_json_delta", partial_json='{"query":"x"}'), STOP)
    assert gives.part.what == "server_tool_use"
    assert json.loads(gives.part.raw) == {**block, "input": {"query": "x"}}
    assert content(gives) == [{**block, "input": {"query": "x"}}]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("max_tokens", Stop.LENGTH),
        ("pause_turn", Stop.PAUSED),
        ("refusal", Stop.REFUSED),
        ("model_context_window_exceeded", Stop.CONTEXT),
        ("a_reason_of_next_year", Stop.END),
    ],
)
def test_why_it_stopped_is_read(reason, stop):
    assert read(ended(reason), LAST)[-1] == Ended(stop)


def test_the_stop_sequence_is_named():
    assert read(ended("stop_sequence", stop_sequence="END"), LAST)[-1] == Ended(Stop.SEQUENCE, "END")
    assert write(Ended(Stop.SEQUENCE, "END"))[1]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


def test_an_error_inside_the_stream_is_the_end_of_it():
    error = event("error", error={"type": "overloaded_error", "message": "busy"})
    assert read(start({"type": "text", "text": "a"}), error, LAST) == [Words("a"), Failed("busy")]
    assert read(b'data: {"error": {"message": "busy"}}\n\n') == [Failed("busy")]
    assert read(b'data: {"error": 5}\n\n') == [Failed("")]


@pytest.mark.parametrize(
    "odd",
    [
        b"\xef\xbb\xbf" + delta("text_delta", text="a"),
        delta("text_delta", text="a").replace(b"\n", b"\r\n"),
        b": a comment\n\n" + delta("text_delta", text="a"),
        b'data: {"type": "content_block_delta",\ndata: "delta": {"type": "text_delta", "text": "a"}}\n\n',
        b'data: {"type": "content_block_delta", "delta": {"text": "a"}}\n\n',
        b'event: content_block_delta\ndata: {"index": "x", "delta": {"text": "a"}}\n\n',
        event("an_event_of_next_year", x=1) + delta("text_delta", text="a"),
        event("content_block_delta", index=0) + delta("text_delta", text="a"),
        b"event: content_block_delta\ndata: no json\n\n" + delta("text_delta", text="a"),
        b"event: message_start\ndata: {}\n\nevent: content_block_start\ndata: {}\n\n" + delta("text_delta", text="a"),
        b'event: content_block_start\ndata: {"content_block": {"type": 5}}\n\n' + delta("text_delta", text="a"),
        b"event: message_delta\ndata: []\n\n" + delta("text_delta", text="a"),
        delta("text_delta", text="") + delta("text_delta", text="a"),
    ],
    ids=range(13),
)
def test_a_stream_of_unusual_shape_is_read_all_the_same(odd):
    assert read(odd, LAST) == [Words("a"), Ended(Stop.END)]


def test_half_a_surrogate_pair_in_a_stream_is_a_replacement_character():
    assert read(b'event: content_block_delta\ndata: {"delta":{"text":"a\\ud83e"}}\n\n')[0] == Words("a�")


def test_a_refusal_is_read_with_its_words():
    details = {"type": "refusal", "category": "bio", "explanation": "No."}
    assert read(ended("refusal", stop_details=details), LAST)[-2:] == [Refuses("No."), Ended(Stop.REFUSED)]


# --- written


def test_a_refusal_stands_where_anthropics_do():
    end = write(Refuses("I will "), Refuses("not."), Ended(Stop.END))[1]
    assert end["delta"]["stop_reason"] == "refusal"
    assert end["delta"]["stop_details"]["explanation"] == "I will not."


def test_counts_that_are_known_at_the_beginning_stand_in_it():
    events = write(
        Began("", "m"), Counted(Counts(fresh=5, cache_read=2)), Counted(Counts(output=7, thought=3)), Ended(Stop.END)
    )
    assert events[0]["message"]["usage"] == {"input_tokens": 5, "output_tokens": 0, "cache_read_input_tokens": 2}
    assert events[1]["usage"] == {
        "input_tokens": 5,
        "output_tokens": 7,
        "cache_read_input_tokens": 2,
        "output_tokens_details": {"thinking_tokens": 3},
    }


def test_an_answer_without_a_beginning_has_ours():
    message = write(Words("a"))[0]["message"]
    assert (message["id"], message["model"]) == ("msg_abc", "claude-asked")
    assert write(Began("x", "m"), Words("a"))[0]["message"]["model"] == "m"


def test_only_a_seal_of_anthropics_goes_out():
    assert content(Thinks("Hm"), ThoughtEnds(Seal(origin=ME, data="sig")))[0]["signature"] == "sig"
    assert content(Thinks("Hm"), ThoughtEnds(Seal(origin=Protocol.GEMINI, data="x")))[0]["signature"] == UNSIGNED
    assert content(Thinks("Hm"), Words("So"))[0]["signature"] == UNSIGNED
    assert content(Thinks(""), ThoughtEnds(Seal(origin=Protocol.GEMINI, data="x"))) == []
    assert content(ThoughtEnds(Seal(origin=ME, data="sig"))) == [
        {"type": "thinking", "thinking": "", "signature": "sig"}
    ]
    redacted = Seal(origin=ME, data='{"type":"redacted_thinking","data":"x"}')
    assert content(ThoughtEnds(redacted)) == [{"type": "redacted_thinking", "data": "x"}]


def test_calls_have_ids_that_anthropics_clients_may_bring_back():
    ids = [block["id"] for block in content(*(Calls(Call(id=i, name="a")) for i in ("", "", "call:1", "call_1")))]
    assert ids[:2] == ["toolu_abc_1", "toolu_abc_2"]
    assert ids[2].startswith("toolu_")
    assert ids[3] == "call_1"


def test_a_citation_of_another_provider_is_that_of_a_web_page():
    (block,) = content(Words("a"), Cites(Citation(url="https://a", title="A", quote="q")))
    assert block["citations"] == [
        {
            "type": "web_search_result_location",
            "cited_text": "q",
            "encrypted_index": UNSIGNED,
            "title": "A",
            "url": "https://a",
        }
    ]
    assert content(Cites(Citation(origin=ME, raw=b'{"x":1}')))[0]["citations"] == [{"x": 1}]


def test_what_no_client_can_have_asked_for_is_left_out():
    given = Gives(Media(kind=Kind.IMAGE, data="AA")), Gives(Foreign(origin=Protocol.OPENAI, what="x", raw=b"{}"))
    assert content(*given, Words("a")) == [{"type": "text", "text": "a"}]


def test_a_stream_that_an_upstream_left_inside_a_text_goes_on_in_it():
    begun = event("message_start", message={"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 3}})
    thought = [start({"type": "thinking", "thinking": ""}), delta("thinking_delta", thinking="Hm"), STOP]
    text = [start({"type": "text", "text": ""}, 1), delta("text_delta", 1, text="So ")]
    writer = DIALECT.writer(ASK, STAMP)
    writer.absorb(begun + b"".join(thought))
    writer.absorb(b"".join(text))
    assert writer.said.text == "So "
    assert writer.said.counts == Counts(fresh=3)
    events = write(Began("x", "other"), Words("far"), Apart(), Words("more"), Ended(Stop.END), writer=writer)
    assert [(e["type"], e.get("index")) for e in events] == [
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert [part.text for part in writer.said.parts] == ["Hm", "So far", "more"]


def test_an_error_is_written_in_anthropics_words():
    data = DIALECT.writer(ASK, STAMP).error(Fault.OVERLOADED, "busy")
    assert data.startswith(b"event: error\n")
    assert b"overloaded_error" in data


# --- whole


def test_a_whole_answer_is_read_block_by_block():
    body = {
        "id": "msg_1",
        "type": "message",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "sig"},
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "text", "text": "So.", "citations": [CHAR]},
            {"type": "text"},
            {"type": "image", "source": {"type": "url", "url": "https://a"}},
            5,
            {"type": "tool_use", "id": "a", "name": "b", "input": {}},
        ],
        "stop_reason": None,
        "usage": {"input_tokens": 3, "output_tokens": 10**30},
    }
    reply = DIALECT.read_reply(json.dumps({**body, "usage": {"input_tokens": 3, "output_tokens": 10**12}}).encode())
    thought, text, call = reply.parts
    assert thought == Thought(text="Hm", seal=Seal(origin=ME, data="sig"))
    assert (text.text, text.citations[0].quote) == ("So.", "it is")
    assert call == Call(id="a", name="b")
    assert (reply.stop, reply.counts) == (Stop.TOOLS, Counts(fresh=3))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"content":5}', b'{"content":[],"usage":5}'])
def test_what_is_no_message_is_no_json(body):
    with pytest.raises(NoJson):
        DIALECT.read_reply(body)


def test_a_whole_answer_is_written_as_anthropic_would():
    parts = (
        Thought(text="Hm"),
        Text(text=""),
        Text(text="So.", citations=(Citation(url="https://a"),)),
        Call(id="", name="b"),
        Foreign(origin=Protocol.OPENAI, what="x", raw=b"{}"),
        Foreign(origin=ME, what="x", raw=b'{"type":"x"}'),
        Media(kind=Kind.IMAGE, data="AA"),
    )
    message = json.loads(DIALECT.write_reply(Reply(parts=parts, counts=Counts(cache_write=2)), ASK, STAMP))
    assert message["id"] == "msg_abc"
    assert message["model"] == "claude-asked"
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use", "x"]
    assert message["content"][0]["signature"] == UNSIGNED
    assert message["stop_reason"] == "tool_use"
    assert message["usage"] == {"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 2}
