"""Answers of Gemini's generateContent, read into pieces, in both forms of its stream and whole."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.dialects.gemini.answer_in import GeminiReader
from stillup.gateway.dialects.gemini.translation import DIALECT
from stillup.gateway.dialects.lenient import NoJson
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
    Foreign,
    Gives,
    Kind,
    Media,
    Reply,
    Stop,
    Text,
    Thinks,
    ThoughtEnds,
    Words,
)
from tests.gateway.dialects.gemini_bodies import GEMINI, SEAL, chunk, sse

# --- answers, read


def pieces_of(*chunks):
    reader = DIALECT.reader()
    return [*reader.feed(sse(*chunks)), *reader.finish()][1:]


def test_a_stream_is_read_into_pieces():
    got = pieces_of(
        chunk({"text": "Hm", "thought": True}),
        chunk({"text": "Hel"}),
        chunk({"text": "lo"}, usageMetadata={"promptTokenCount": 9}),
        chunk({"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2VhbA=="}),
        chunk(
            {"text": "", "thoughtSignature": "c2VhbA=="},
            finishReason="STOP",
            usageMetadata={
                "promptTokenCount": 9,
                "cachedContentTokenCount": 4,
                "toolUsePromptTokenCount": 2,
                "candidatesTokenCount": 3,
                "thoughtsTokenCount": 5,
            },
        ),
    )
    assert got == [
        Thinks("Hm"),
        ThoughtEnds(),
        Words("Hel"),
        Words("lo"),
        Counted(Counts(fresh=9)),
        Calls(Call(id="call_R_1_0", name="f", arguments='{"a": 1}', seal=SEAL)),
        ThoughtEnds(SEAL),
        Counted(Counts(fresh=7, cache_read=4, output=8, thought=5)),
        Ended(Stop.TOOLS),
    ]


def test_a_sealed_thought_ends_with_its_seal():
    got = pieces_of(chunk({"text": "Hm", "thought": True, "thoughtSignature": "c2VhbA=="}, {"text": "So"}))
    assert got == [Thinks("Hm"), ThoughtEnds(SEAL), Words("So"), Ended(Stop.END)]


def test_made_up_ids_are_the_same_for_the_same_answer_and_differ_between_calls():
    called = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}] * 2}}]}
    one, two = (piece.call for piece in pieces_of(called) if isinstance(piece, Calls))
    assert (one.id, one.arguments) == (pieces_of(called)[0].call.id, "{}")
    assert one.id != two.id


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", Stop.END),
        ("MAX_TOKENS", Stop.LENGTH),
        ("SAFETY", Stop.REFUSED),
        ("RECITATION", Stop.REFUSED),
        ("A_NEW_ONE", Stop.END),
    ],
)
def test_the_reason_of_the_end_is_understood(reason, stop):
    assert pieces_of(chunk({"text": "a"}, finishReason=reason))[-1] == Ended(stop)


def test_a_blocked_prompt_is_a_refusal():
    assert pieces_of({"promptFeedback": {"blockReason": "SAFETY"}}) == [Ended(Stop.REFUSED)]


def test_a_call_the_model_could_not_make_is_a_failure_and_no_end():
    *_, last = pieces_of(chunk({"text": "a"}, finishReason="MALFORMED_FUNCTION_CALL"), chunk({"text": "b"}))
    assert last == Failed("the model made a call that cannot be read")


def test_an_error_in_the_stream_is_a_failure():
    assert DIALECT.reader().feed(sse({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}})) == [
        Failed("busy")
    ]


def test_half_a_call_is_no_call():
    part = {"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.a"}], "willContinue": True}}
    (gives, _) = pieces_of(chunk(part))
    assert isinstance(gives, Gives)


def test_media_and_code_of_the_server_are_given_whole():
    got = pieces_of(
        chunk(
            {"inlineData": {"mimeType": "image/png", "data": "-_8="}},
            {"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}},
            {"executableCode": {"code": "1"}},
            {"codeExecutionResult": {"output": "1"}, "thoughtSignature": "c2VhbA=="},
            {"inlineData": {}},
        )
    )
    assert [piece.part for piece in got if isinstance(piece, Gives)] == [
        Media(kind=Kind.IMAGE, media_type="image/png", data="+/8="),
        Media(kind=Kind.IMAGE, media_type="image/png", file_id="gs://x", origin=GEMINI),
        Foreign(origin=GEMINI, what="executableCode", raw=b'{"executableCode":{"code": "1"}}'),
        Foreign(origin=GEMINI, what="codeExecutionResult", raw=b'{"codeExecutionResult":{"output": "1"}}'),
    ]
    assert ThoughtEnds(SEAL) in got


GROUNDING = {
    "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"retrievedContext": {"uri": "https://b"}}],
    "groundingSupports": [
        {"segment": {"endIndex": 6, "text": "Grüße"}, "groundingChunkIndices": [0, 1, 7]},
        {"segment": {"startIndex": 8, "endIndex": 10}, "groundingChunkIndices": [0]},
    ],
}


def test_citations_count_characters_and_are_told_once():
    cited = [
        Citation(url="https://a", title="A", start=0, end=4),
        Citation(url="https://b", start=0, end=4),
        Citation(url="https://a", title="A", start=6, end=8),
    ]
    got = pieces_of(
        chunk({"text": "Grüße"}),
        chunk({"text": " an dich"}, groundingMetadata=GROUNDING),
        chunk({"text": "."}, {"functionCall": {"name": "f"}}, finishReason="STOP", groundingMetadata=GROUNDING),
    )
    assert [piece.citation for piece in got if isinstance(piece, Cites)] == cited
    assert [type(piece) for piece in got[1:3]] == [Words, Cites]  # before the part that follows


def test_citations_of_the_other_kind_are_read_too_and_broken_ones_passed_over():
    listed = {"citationSources": [{"startIndex": 1, "endIndex": 2, "uri": "u"}]}
    assert Cites(Citation(url="u", start=1, end=2)) in pieces_of(chunk({"text": "abc"}, citationMetadata=listed))
    for broken in ({"groundingMetadata": 1}, {"citationMetadata": {"citations": 1}}):
        assert pieces_of(chunk({"text": "abc"}, **broken)) == [Words("abc"), Ended(Stop.END)]


def test_a_citation_behind_a_call_has_no_place_in_the_words_before_it():
    got = pieces_of(
        chunk({"text": "abc"}, {"functionCall": {"name": "f"}}, {"text": "def"}),
        chunk(
            {"text": "!"},
            citationMetadata={"citations": [{"startIndex": 0, "uri": "u"}, {"startIndex": 4, "uri": "v"}]},
        ),
    )
    assert [piece.citation for piece in got if isinstance(piece, Cites)] == [
        Citation(url="u"),
        Citation(url="v", start=1),
    ]


def test_a_character_that_is_cut_into_two_escapes_is_whole_again():
    events = b'data: {"candidates":[{"content":{"parts":[{"text":"a\\ud83e"}]}}]}\n\n'
    events += b'data: {"candidates":[{"content":{"parts":[{"text":"\\udd8a b"}]},"finishReason":"STOP"}]}\n\n'
    reader = DIALECT.reader()
    got = [*reader.feed(events), *reader.finish()]
    assert "".join(piece.text for piece in got if isinstance(piece, Words)) == "a🦊 b"


@pytest.mark.parametrize(
    "broken",
    [
        b"data: {\n\n",
        b"data: 1\n\n",
        b": nothing\n\n",
        b"data: [1]\n\n",
        b'data: {"candidates": 7}\n\n',
        b'data: {"candidates": [{"content": {"parts": [{"text": 5}, {"text": {}}, 3]}}]}\n\n',
        b'data: {"usageMetadata": {"promptTokenCount": "many"}, "modelVersion": 4}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":[1]}}]},"index":1}]}\n\n',
    ],
)
def test_what_is_broken_costs_no_more_than_itself(broken):
    reader = DIALECT.reader()
    got = [*reader.feed(sse(chunk({"text": "a"})) + broken + sse(chunk({"text": "b"}, finishReason="STOP")))]
    assert [piece for piece in [*got, *reader.finish()] if isinstance(piece, Words | Ended)] == [
        Words("a"),
        Words("b"),
        Ended(Stop.END),
    ]
    assert reader.finish() == []


def test_a_member_of_another_type_costs_only_itself():
    odd = {
        "candidates": [
            {"content": {"parts": [{"text": "a"}, {"text": 5}]}, "finishReason": "MAX_TOKENS", "index": "x"}
        ],
        "modelVersion": "m",
        "error": None,
    }
    reader = DIALECT.reader()
    assert [*reader.feed(sse(odd)), *reader.finish()] == [Began("", "m"), Words("a"), Ended(Stop.LENGTH)]
    with_error = DIALECT.reader().feed(sse({"error": {"message": "x"}, "modelVersion": 4}))
    assert with_error == [Failed("x")]


def test_both_forms_of_a_stream_are_read_alike():
    chunks = [chunk({"text": "a"}), chunk({"text": 'b "],'}), chunk({"text": ""}, finishReason="STOP")]
    array = GeminiReader()
    raw = json.dumps(chunks).encode()
    got = [piece for at in range(0, len(raw), 5) for piece in array.feed(raw[at : at + 5])]
    assert [*got, *array.finish()][1:] == pieces_of(*chunks)
    assert array.is_closed
    assert GeminiReader().feed(b"[1,") == []
    assert GeminiReader().feed(b"[{}] x") != [Failed("")]


def test_a_whole_answer_keeps_its_parts_apart_and_its_citations_with_them():
    whole = chunk(
        {"text": "abc"},
        {"text": "def"},
        {"functionCall": {"name": "f", "id": "x"}},
        finishReason="STOP",
        citationMetadata={"citations": [{"startIndex": 4, "endIndex": 5, "uri": "u"}]},
        usageMetadata={"promptTokenCount": 1, "candidatesTokenCount": 2},
    )
    reply = DIALECT.read_reply(json.dumps(whole).encode())
    assert reply == Reply(
        id="R_1",
        model="gemini-3-pro",
        parts=(
            Text(text="abc"),
            Text(text="def", citations=(Citation(url="u", start=1, end=2),)),
            Call(id="x", name="f"),
        ),
        stop=Stop.TOOLS,
        counts=Counts(fresh=1, output=2),
    )
    in_parts = json.dumps([chunk({"text": "abc"}), chunk({"text": "def"}, finishReason="STOP")]).encode()
    assert DIALECT.read_reply(in_parts).parts == (Text(text="abcdef"),)


def test_an_answer_nobody_can_use_is_none():
    with pytest.raises(NoJson):
        DIALECT.read_reply(b"{")
    with pytest.raises(NoJson, match="a call that cannot be read"):
        DIALECT.read_reply(json.dumps(chunk(finishReason="MALFORMED_FUNCTION_CALL")).encode())
