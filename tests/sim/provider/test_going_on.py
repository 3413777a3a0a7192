"""A scripted provider that is shown the beginning of its answer says the rest, in every protocol."""

from __future__ import annotations

import json

import pytest

from stillup.sim.provider.behaviour import Behaviour, Called, Turn
from stillup.sim.provider.call import read_call
from stillup.sim.provider.script import script_for

TEXT = "The first line.\n\n  And the second – with ümlauts, 日本語 and 👩‍🚀 in it,\tto the end.\n"
SCRIPT = Behaviour(text=TEXT, verbatim=True)
PATHS = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
}
PROTOCOLS = pytest.mark.parametrize("protocol", PATHS)


def conversation(protocol, *turns):
    """A body with these turns, the user's first."""
    who = [("user", "model" if protocol == "gemini" else "assistant")[i % 2] for i in range(len(turns))]
    if protocol == "gemini":
        return {"contents": [{"role": role, "parts": [{"text": t}]} for role, t in zip(who, turns, strict=True)]}
    rows = [{"role": role, "content": text} for role, text in zip(who, turns, strict=True)]
    return {"model": "m", "input" if protocol == "responses" else "messages": rows}


def said(protocol, body, behaviour=SCRIPT):
    return script_for(read_call("POST", PATHS[protocol], {}, json.dumps(body).encode()), behaviour, "A")


def text(script):
    return "".join(script.words)


@PROTOCOLS
def test_without_a_beginning_it_says_all_to_the_letter(protocol):
    assert text(said(protocol, conversation(protocol, "hi"))) == TEXT


@PROTOCOLS
@pytest.mark.parametrize("more", [(), ("Go on exactly there.",)], ids=["prefix", "instruction"])
def test_from_every_character_it_says_exactly_the_rest(protocol, more):
    for at in range(1, len(TEXT.rstrip())):
        assert text(said(protocol, conversation(protocol, "hi", TEXT[:at], *more))) == TEXT[at:]


@PROTOCOLS
@pytest.mark.parametrize("other", ["Something else.", TEXT, TEXT.rstrip(), TEXT + "more", ""])
def test_what_is_no_beginning_or_all_of_it_before_a_question_makes_it_start_anew(protocol, other):
    assert text(said(protocol, conversation(protocol, "hi", other, "and?"))) == TEXT


@PROTOCOLS
def test_with_all_said_a_beginning_gets_what_is_missing_if_anything_and_a_message_only_from_who_knows_its_end(protocol):
    knows = Behaviour(text=TEXT, verbatim=True, knows_its_end=True, repeats=5)
    for done, rest in ((TEXT, ""), (TEXT.rstrip(), "\n")):
        assert text(said(protocol, conversation(protocol, "hi", done))) == rest
        assert text(said(protocol, conversation(protocol, "hi", done, "on"), knows)) == done[-5:] + rest


@PROTOCOLS
def test_the_end_is_said_again_only_where_a_user_asks_to_go_on(protocol):
    again = Behaviour(text=TEXT, verbatim=True, repeats=7)
    assert text(said(protocol, conversation(protocol, "hi", TEXT[:30]), again)) == TEXT[30:]
    assert text(said(protocol, conversation(protocol, "hi", TEXT[:30], "on"), again)) == TEXT[23:]
    assert text(said(protocol, conversation(protocol, "hi", TEXT[:3], "on"), again)) == TEXT[3:]


def test_tokens_keep_their_boundaries_and_the_one_in_the_middle_is_cut():
    counted = Behaviour(tokens=4)
    assert said("chat", conversation("chat", "hi", "A0 A"), counted).words == ("1 ", "A2 ", "A3 ")
    assert said("chat", conversation("chat", "hi", "A0 A1"), counted).words == (" ", "A2 ", "A3 ")
    assert said("chat", conversation("chat", "hi", "A0 A1 "), counted).words == ("A2 ", "A3 ")


def test_a_beginning_in_parts_is_read_without_its_thoughts():
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "A0 "}, {"type": "text", "text": "A1 "}]
    body = {"model": "m", "messages": [{"role": "assistant", "content": parts}]}
    assert said("messages", body, Behaviour(tokens=3)).words == ("A2 ",)
    parts = [{"text": "hm", "thought": True}, {"text": "A0 "}]
    body = {"contents": [{"role": "model", "parts": parts}, {"role": "model", "parts": [{"text": "A1 "}]}]}
    assert said("gemini", body, Behaviour(tokens=3)).words == ("A2 ",)
    items = [{"type": "reasoning"}, {"role": "assistant", "content": [{"type": "output_text", "text": "A0 "}]}]
    assert said("responses", {"model": "m", "input": items}, Behaviour(tokens=2)).words == ("A1 ",)


def test_calls_come_behind_the_rest_of_the_words_and_alone_behind_all_of_them():
    both = Behaviour(text="Let me look.", verbatim=True, calls=(Called("one", {"a": 1}), Called("two")))
    for begun, rest in (("", "Let me look."), ("Let me", " look."), ("Let me look.", "")):
        found = said("messages", conversation("messages", "hi", begun, "on"), both)
        assert (text(found), [call.name for call in found.calls]) == (rest, ["one", "two"])


def test_a_conversation_with_tools_has_a_turn_for_each_round_of_results():
    turns = Behaviour(
        turns=(Turn(text="Wait.", calls=(Called("look"),)), Turn(calls=(Called("act"),)), Turn(text="Ok."))
    )
    call = {"role": "assistant", "content": "Wait. ", "tool_calls": [{"id": "1"}]}
    rows = [{"role": "user", "content": "hi"}]
    for wanted in (("Wait. ", "look"), ("", "act"), ("Ok. ", ""), ("Ok. ", "")):
        found = said("chat", {"model": "m", "messages": rows}, turns)
        assert (text(found), "".join(c.name for c in found.calls)) == wanted
        # Two results of one round, as an answer with two calls gets them.
        rows += [call, {"role": "tool", "content": "x"}, {"role": "tool", "content": "y"}]


def test_it_ends_before_a_stop_sequence_and_calls_nothing_behind_it():
    both = Behaviour(text="one two three", calls=(Called("x"),))
    found = said("messages", conversation("messages", "hi") | {"stop_sequences": ["ee", " th"]}, both)
    assert (text(found), found.stopped_by, found.calls) == ("one two", " th", ())
    assert text(said("chat", conversation("chat", "hi") | {"stop": "one"}, both)) == ""


def test_what_was_said_before_counts_as_a_part_of_the_question():
    assert said("chat", conversation("chat", "hi", "A0 A1 A"), Behaviour(tokens=6)).before == 2
    assert said("chat", conversation("chat", "hi"), Behaviour(tokens=6)).before == 0


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "the name"},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "kind": {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]},
        "deep": {"type": "object", "properties": {"n": {"type": ["integer", "null"]}, "c": {"const": 7}}},
    },
    "$defs": {"tag": {"type": "boolean"}},
}
ASKED = {
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}},
    "responses": {"text": {"format": {"type": "json_schema", "name": "s", "schema": SCHEMA}}},
    "gemini": {"generationConfig": {"responseJsonSchema": SCHEMA}},
}


@PROTOCOLS
def test_json_of_the_schema_that_is_asked_for(protocol):
    found = said(protocol, conversation(protocol, "hi") | ASKED[protocol], Behaviour(follows_schema=True))
    deep = {"n": 1, "c": 7}
    assert json.loads(text(found)) == {"name": "Said of the name.", "tags": [True, True], "kind": "a", "deep": deep}
    assert text(said(protocol, conversation(protocol, "hi"), Behaviour(follows_schema=True, tokens=1))) == "A0 "


def test_a_schema_that_refers_to_itself_ends():
    loop = {"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"next": {"$ref": "#/$defs/x"}}}}}
    body = conversation("chat", "hi") | {"response_format": {"json_schema": {"schema": loop}}}
    assert json.loads(text(said("chat", body, Behaviour(follows_schema=True))))


@pytest.mark.parametrize(
    ("protocol", "part"),
    [
        ("messages", {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "abcd"}}),
        ("chat", {"type": "image_url", "image_url": {"url": "data:image/png;base64,abcd"}}),
        ("responses", {"type": "input_image", "image_url": "data:image/png;base64,abcd"}),
        ("gemini", {"inlineData": {"mimeType": "image/png", "data": "abcd"}}),
    ],
)
def test_it_tells_which_media_it_got(protocol, part):
    sees = Behaviour(tells_media=True)
    body = conversation(protocol, "hi")
    row = next(iter(v for v in body.values() if isinstance(v, list)))[0]
    row["parts" if protocol == "gemini" else "content"] = [part]
    assert text(said(protocol, body, sees)) == "I see image/png of 4."
    assert text(said(protocol, conversation(protocol, "hi"), sees)) == "I see nothing."
