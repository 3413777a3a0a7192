"""Answers written as Gemini's generateContent gives them, also behind a break."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.gemini.names import NO_SIGNATURE
from stillup.gateway.dialects.gemini.translation import DIALECT
from stillup.gateway.dialects.gemini.watch import GeminiArrayWatch
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
    Foreign,
    Gives,
    Kind,
    Media,
    Refused,
    Reply,
    Result,
    Seal,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from tests.gateway.dialects.gemini_bodies import GEMINI, SEAL, STAMP, ask, chunk, sse

# --- answers, written

STREAM = [
    Began("x", "gpt-5"),
    Thinks("Hm"),
    ThoughtEnds(Seal(origin=Protocol.OPENAI, data="no")),
    Words("Hel"),
    Words("lö"),
    Cites(Citation(url="https://a", title="A", start=1, end=5)),
    Calls(Call(id="c1", name="f", arguments='{"a":\n1}')),
    Calls(Call(id="c2", name="g", arguments="no object")),
    Counted(Counts(fresh=5, cache_read=2, output=7, thought=3)),
    Ended(Stop.TOOLS),
]


def test_a_stream_is_written_as_events_of_one_line():
    writer = DIALECT.writer(ask(), STAMP)
    out = b"".join(writer.write([piece]) for piece in STREAM)
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in out.split(b"\n\n")[:-1]]
    assert {(c["modelVersion"], c["responseId"]) for c in chunks} == {("gpt-5", "abc")}
    parts = [part for c in chunks for part in c["candidates"][0]["content"]["parts"] if part != {"text": ""}]
    assert parts == [
        {"text": "Hm", "thought": True},
        {"text": "Hel"},
        {"text": "lö"},
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": NO_SIGNATURE},
        {"functionCall": {"id": "c2", "name": "g", "args": {"arguments": "no object"}}},
    ]
    cited = [c["candidates"][0]["citationMetadata"] for c in chunks if "citationMetadata" in c["candidates"][0]]
    assert cited == [{"citations": [{"startIndex": 1, "endIndex": 6, "uri": "https://a", "title": "A"}]}]
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks[-1]["usageMetadata"] == {
        "promptTokenCount": 7,
        "cachedContentTokenCount": 2,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 14,
    }


def test_gemini_2_gets_no_stand_in_and_own_seals_go_out():
    writer = DIALECT.writer(ask(model="gemini-2.5-pro"), STAMP)
    out = writer.write(
        [Thinks("Hm"), ThoughtEnds(SEAL), Words("a"), ThoughtEnds(SEAL), Calls(Call(id="a", name="f")), Words("")]
    )
    assert json.loads(out.removeprefix(b"data: "))["candidates"][0]["content"]["parts"] == [
        {"text": "Hm", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": SEAL.data},
        {"text": "a"},
        {"text": "", "thoughtSignature": SEAL.data},
        {"functionCall": {"id": "a", "name": "f", "args": {}}},
    ]


def test_given_parts_are_written_as_far_as_the_dialect_has_them():
    writer = DIALECT.writer(ask(), STAMP)
    out = writer.write(
        [
            Gives(Media(kind=Kind.IMAGE, media_type="image/png", data="aa")),
            Gives(Media(kind=Kind.IMAGE, media_type="image/png", url="https://a")),
            Gives(Media(kind=Kind.IMAGE, file_id="f", origin=Protocol.OPENAI)),
            Gives(Foreign(origin=GEMINI, what="executableCode", raw=b'{"executableCode":{"code":"1"}}')),
            Gives(Foreign(origin=Protocol.ANTHROPIC, what="x", raw=b'{"x":1}')),
        ]
    )
    assert json.loads(out.removeprefix(b"data: "))["candidates"][0]["content"]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "aa"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://a"}},
        {"executableCode": {"code": "1"}},
    ]


@given(st.integers(0, 6), st.booleans(), st.data())
def test_an_array_is_valid_whatever_went_out_before_the_break(cut, closes, data):
    upstream = [chunk({"text": f"{n} "}) for n in range(6)]
    whole = json.dumps(upstream, indent=1).encode()
    watch = GeminiArrayWatch()
    upto = data.draw(st.integers(0, len(whole) - 1))
    out = watch.feed(whole[:upto])[1]
    writer = DIALECT.writer(ask(query=""), STAMP)
    if out:
        writer.absorb(out)
    had = writer.said.text
    out += b"".join(writer.write([Words(f"x{n}")]) for n in range(cut))
    out += writer.write([Ended(Stop.END)]) if closes else writer.error(Fault.CUT, "broke off")
    assert writer.write([Words("late")]) == b"" or not closes
    elements = json.loads(out)
    assert ("error" in elements[-1]) is not closes
    text = "".join(part["text"] for e in elements for c in e.get("candidates", ()) for part in c["content"]["parts"])
    assert text == had + "".join(f"x{n}" for n in range(cut))


def test_nothing_follows_an_array_that_has_ended():
    writer = DIALECT.writer(ask(query=""), STAMP)
    writer.absorb(json.dumps([chunk({"text": "a"}, finishReason="STOP")]).encode())
    assert writer.said.ended == Ended(Stop.END)
    assert writer.write([Words("b")]) == writer.error(Fault.CUT, "x") == b""


def test_what_follows_a_break_goes_on_under_the_same_names():
    writer = DIALECT.writer(ask(), STAMP)
    writer.absorb(sse(chunk({"text": "Hm", "thought": True}), chunk({"text": "Hel"})))
    assert (writer.said.text, writer.said.is_thinking) == ("Hel", False)
    rest = writer.write([Began("other", "gpt-5"), Words("lo"), Apart(), Counted(Counts(output=3)), Ended(Stop.LENGTH)])
    last = json.loads(rest.removeprefix(b"data: "))
    assert (last["responseId"], last["modelVersion"]) == ("R_1", "gemini-3-pro")
    assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert last["usageMetadata"] == {"candidatesTokenCount": 3, "totalTokenCount": 3}
    assert b'"status":"UNAVAILABLE"' in DIALECT.writer(ask(), STAMP).error(Fault.OVERLOADED, "busy")


def test_a_whole_answer_is_written():
    reply = Reply(
        parts=(
            Thought(text="Hm"),
            Thought(text="Hm", seal=SEAL),
            Thought(seal=SEAL),
            Thought(seal=Seal(origin=Protocol.OPENAI, data="x")),
            Text(text="ü", citations=(Citation(url="u"),)),
            Text(text="b", citations=(Citation(title="t", start=0),)),
            Refused(text="No"),
            Media(kind=Kind.DOCUMENT, text="a"),
            Call(id="c", name="f"),
            Result(id="c"),
        ),
        stop=Stop.REFUSED,
    )
    candidate = json.loads(DIALECT.write_reply(reply, ask(), STAMP))["candidates"][0]
    assert candidate["finishReason"] == "SAFETY"
    assert candidate["citationMetadata"]["citations"] == [{"uri": "u"}, {"startIndex": 2, "title": "t"}]
    assert candidate["content"]["parts"] == [
        {"text": "Hm", "thought": True},
        {"text": "Hm", "thought": True, "thoughtSignature": SEAL.data},
        {"text": "", "thoughtSignature": SEAL.data},
        {"text": "ü"},
        {"text": "b"},
        {"text": "No"},
        {"inlineData": {"mimeType": "text/plain", "data": "YQ=="}},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": NO_SIGNATURE},
    ]
