"""Whole completions read and written; bodies that ask for the rest of an answer; bodies without marked thoughts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Ask, Form, Operation, Protocol
from stillup.gateway.dialects.chat.translation import DIALECT
from stillup.gateway.dialects.continuing import GO_ON
from stillup.gateway.dialects.dialect import Stamp, Untranslatable
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Call,
    Citation,
    Counts,
    Kind,
    Media,
    Refused,
    Reply,
    Stop,
    Text,
    Thought,
)

STAMP = Stamp(id="s", created_s=7)
CITED = {"type": "url_citation", "url_citation": {"url": "https://a", "title": "A", "start_index": 0, "end_index": 2}}
CITATION = Citation(url="https://a", title="A", start=0, end=2, origin=Protocol.OPENAI)


def completion(finish="stop", **message):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"id": "c1", "created": 5, "model": "m", "choices": [choice]}).encode()


def read(finish="stop", **message):
    return DIALECT.read_reply(completion(finish, **message))


def ask(**more):
    body = json.dumps({"model": "asked", "messages": [], **more}).encode()
    return Ask(
        protocol=Protocol.OPENAI,
        operation=Operation.GENERATE,
        method="POST",
        path="/v1/chat/completions",
        body=body,
        model="asked",
    )


def write(*parts, stop=Stop.END, counts=None, model="m", **more):
    reply = Reply(id="x", model=model, parts=parts, stop=stop, counts=counts or Counts())
    return json.loads(DIALECT.write_reply(reply, ask(**more), STAMP))


def tool_call(call_id="a", arguments="{}"):
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


READ_TABLE = [
    ({"content": "a"}, "stop", (Text(text="a"),), Stop.END),
    ({"content": "a", "reasoning_content": "hm"}, "stop", (Thought(text="hm"), Text(text="a")), Stop.END),
    ({"content": "a", "reasoning": "hm"}, "length", (Thought(text="hm"), Text(text="a")), Stop.LENGTH),
    ({"content": "ab", "annotations": [CITED]}, "stop", (Text(text="ab", citations=(CITATION,)),), Stop.END),
    ({"content": None, "refusal": "no"}, "stop", (Refused(text="no"),), Stop.REFUSED),
    ({"content": "", "tool_calls": [tool_call()]}, "stop", (Call(id="a", name="f"),), Stop.TOOLS),
    ({"content": None, "tool_calls": [tool_call(arguments='{"x"')]}, "length", (), Stop.LENGTH),
    (
        {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "text"}]},
        "stop",
        (Thought(text="hm"), Text(text="a")),
        Stop.END,
    ),
]


@pytest.mark.parametrize(("message", "finish", "parts", "stop"), READ_TABLE)
def test_each_completion_is_read(message, finish, parts, stop):
    reply = read(finish, **message)
    assert (reply.parts, reply.stop) == (parts, stop)
    assert (reply.id, reply.model) == ("c1", "m")


def test_a_function_call_of_old_gets_an_id():
    (call,) = read("function_call", content=None, function_call={"name": "f", "arguments": "{}"}).parts
    assert call.name == "f"
    assert call.id.startswith("call_")


@pytest.mark.parametrize("body", [b"{}", b"[]", b"5", b'{"choices": null}', b'{"choices": [{}]}'])
def test_json_of_another_shape_is_an_empty_reply(body):
    assert DIALECT.read_reply(body) == Reply()


def test_what_is_no_json_is_said_to_be_none():
    with pytest.raises(NoJson):
        DIALECT.read_reply(b"{")


def test_a_reply_is_written_as_a_completion():
    counts = Counts(fresh=3, output=2)
    whole = write(Thought(text="hm"), Text(text="ab"), Text(text="cd", citations=(CITATION,)), counts=counts)
    assert whole["id"] == "chatcmpl-s"
    assert (whole["object"], whole["created"], whole["model"]) == ("chat.completion", 7, "m")
    assert whole["usage"]["total_tokens"] == 5
    (choice,) = whole["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"] == {
        "role": "assistant",
        "content": "abcd",
        "refusal": None,
        "reasoning_content": "hm",
        "annotations": [
            {**CITED, "url_citation": {**CITED["url_citation"], "start_index": 2, "end_index": 4}},
        ],
    }


def test_calls_are_written_and_what_nobody_counted_is_not():
    whole = write(Call(id="a", name="f"), stop=Stop.TOOLS, model="")
    assert whole["choices"][0]["message"]["tool_calls"] == [tool_call()]
    assert whole["choices"][0]["message"]["content"] is None
    assert whole["choices"][0]["finish_reason"] == "tool_calls"
    assert whole["model"] == "asked"
    assert "usage" not in whole


def test_a_client_that_knows_functions_only_gets_a_function_call():
    (choice,) = write(Call(id="a", name="f"), stop=Stop.TOOLS, functions=[{"name": "f"}])["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"


def test_refusals_and_images_are_written():
    assert write(Refused(text="no"), stop=Stop.REFUSED)["choices"][0]["message"]["refusal"] == "no"
    image = Media(kind=Kind.IMAGE, url="https://a")
    assert write(image)["choices"][0]["message"]["images"] == [{"type": "image_url", "image_url": {"url": "https://a"}}]


TEXT = st.builds(lambda text: Text(text=text), st.text(min_size=1))
CALL = st.builds(lambda name: Call(id="c", name=name, arguments='{"a":1}'), st.text(min_size=1, max_size=9))


@given(text=st.none() | TEXT, call=st.none() | CALL, thought=st.none() | st.builds(Thought, text=st.text(min_size=1)))
def test_a_reply_written_and_read_again_is_the_same(text, call, thought):
    parts = tuple(part for part in (thought, text, call) if part is not None)
    counts = Counts(fresh=3, cache_read=1, output=2, thought=0)
    reply = Reply(id="chatcmpl-s", model="m", parts=parts, stop=Stop.TOOLS if call else Stop.END, counts=counts)
    assert DIALECT.read_reply(DIALECT.write_reply(reply, ask(), STAMP)) == reply


# --- going on

ASSISTANT = {"role": "assistant", "content": "Hello wor"}
ON = {"role": "user", "content": GO_ON}


def go_on(form, *messages, limit=None, **more):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}, *messages], **more}
    return json.loads(DIALECT.go_on(json.dumps(body).encode(), "Hello wor", form, limit))


FORM_TABLE = [
    (Form.PREFILL, [ASSISTANT], {}),
    (Form.PREFIX, [{**ASSISTANT, "prefix": True}], {}),
    (Form.FINAL, [ASSISTANT], {"add_generation_prompt": False, "continue_final_message": True}),
    (Form.INSTRUCTION, [ASSISTANT, ON], {}),
]


@pytest.mark.parametrize(("form", "messages", "more"), FORM_TABLE)
def test_each_form_asks_for_the_rest_and_changes_nothing_else(form, messages, more):
    asked = go_on(form, temperature=0.5, tools=[{"x": 1}])
    assert asked.pop("messages")[1:] == messages
    assert asked == {"model": "m", "temperature": 0.5, "tools": [{"x": 1}], **more}


@pytest.mark.parametrize(("form", "messages", "more"), FORM_TABLE)
def test_a_beginning_that_the_client_gave_is_gone_on_with(form, messages, more):
    begun = {"role": "assistant", "content": "Oh! ", "prefix": True}
    whole = [{**message, "content": "Oh! Hello wor"} if message is not ON else ON for message in messages]
    assert go_on(form, begun)["messages"][1:] == [
        {**message, "content": message["content"].replace("Oh! Oh! ", "Oh! ")} for message in whole
    ]
    begun_there = go_on(form, {"role": "assistant", "content": "Oh! "}, continue_final_message=True)
    assert begun_there["messages"][1]["content"] == "Oh! Hello wor"
    assert begun_there.get("continue_final_message") == more.get("continue_final_message")


def test_deepseek_gets_a_thought_with_the_beginning_where_there_were_calls():
    called = {"role": "assistant", "content": None, "tool_calls": [tool_call()]}
    asked = go_on(Form.PREFIX, called, {"role": "tool", "tool_call_id": "a", "content": "1"}, model="deepseek-chat")
    assert asked["messages"][-1]["reasoning_content"] == "I answer: Hello wor"
    assert "reasoning_content" not in go_on(Form.PREFIX, model="deepseek-chat")["messages"][-1]


def test_an_answer_of_the_assistants_that_was_whole_stays():
    assert len(go_on(Form.PREFIX, {"role": "assistant", "content": "whole"})["messages"]) == 3
    flagged = {"role": "assistant", "content": [{"type": "text", "text": "a"}], "prefix": True}
    assert len(go_on(Form.PREFIX, flagged)["messages"]) == 3


@pytest.mark.parametrize(
    ("given_as", "member"),
    [
        ({"max_tokens": 9}, "max_tokens"),
        ({"max_completion_tokens": 9}, "max_completion_tokens"),
        ({}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"model": "gpt-5"}, "max_completion_tokens"),
    ],
)
def test_the_limit_shrinks_where_it_stands(given_as, member):
    asked = go_on(Form.INSTRUCTION, limit=4, **given_as)
    assert asked[member] == 4
    assert "max_tokens" in asked or "max_completion_tokens" in asked


def test_where_a_model_cannot_go_on_or_nothing_was_asked_that_is_said():
    with pytest.raises(Untranslatable):
        go_on(Form.NONE)
    with pytest.raises(Untranslatable):
        DIALECT.go_on(b"{}", "a", Form.PREFIX, None)
    with pytest.raises(NoJson):
        DIALECT.go_on(b"{", "a", Form.PREFIX, None)


def test_every_other_byte_of_the_messages_stays_as_it_was():
    body = b'{"messages": [ {"role":"user",  "content":"\\u00e9"} ], "x": 1.0}'
    assert b'{"role":"user",  "content":"\\u00e9"}' in DIALECT.go_on(body, "a", Form.PREFILL, None)


# --- cleaning


def test_marked_thoughts_are_taken_out_and_nothing_else():
    marked, proven = {"signature": UNSIGNED, "text": "hm"}, {"signature": "x"}
    messages = [
        {"role": "user", "content": UNSIGNED},
        {"role": "assistant", "content": "a", "reasoning_content": "hm", "reasoning_details": [marked, proven]},
        {"role": "assistant", "content": "b", "thinking_blocks": [marked]},
    ]
    body = json.dumps({"model": "m", "messages": messages}).encode()
    cleaned = json.loads(DIALECT.cleaned(body))["messages"]
    assert cleaned == [
        messages[0],
        {**messages[1], "reasoning_details": [proven]},
        {"role": "assistant", "content": "b"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": 5, "x": "stillup_unsigned"}',
        b'{"messages": ["stillup_unsigned"]}',
        b'{"messages": [{"reasoning_details": "stillup_unsigned"}]}',
        b'{"messages": [{"content": "stillup_unsigned"}]}',
    ],
)
def test_where_there_is_none_the_body_means_the_same(body):
    assert json.loads(DIALECT.cleaned(body)) == json.loads(body)


def test_the_address_is_the_same_for_every_model():
    assert DIALECT.address("m", False) == DIALECT.address("m", True) == ("/v1/chat/completions", "")
