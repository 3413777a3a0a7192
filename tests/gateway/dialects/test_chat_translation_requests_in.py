"""A Chat Completions request read into a prompt."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.chat.translation import DIALECT
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    Cache,
    Call,
    Choose,
    Citation,
    Effort,
    Kind,
    Media,
    Message,
    Refused,
    Result,
    Role,
    Sampling,
    Schema,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolChoice,
)
from tests.gateway.dialects.chat_bodies import HELLO, PNG, SCHEMA, assistant, raw_ask, user, write

FUNCTION = {"name": "f", "description": "does f", "parameters": {"type": "object"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def read(*messages, **more):
    return DIALECT.read_prompt(
        raw_ask(json.dumps({"model": "gpt-4o", "messages": messages or [HELLO], **more}).encode())
    )


# --- messages in


def test_system_and_developer_messages_at_the_front_are_the_system_prompt():
    prompt = read(
        {"role": "system", "content": "a"}, {"role": "developer", "content": [{"type": "text", "text": "b"}]}, HELLO
    )
    assert prompt.system == (Text(text="a"), Text(text="b"))
    assert prompt.messages == (user(Text(text="hello")),)


def test_what_a_developer_says_later_stays_where_it_was_said():
    prompt = read(HELLO, {"role": "developer", "content": "now in French"})
    assert prompt.messages[1] == Message(role=Role.SYSTEM, parts=(Text(text="now in French"),))


def test_results_that_follow_each_other_are_one_message_with_the_names_of_their_calls():
    answer = {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]}
    results = [{"role": "tool", "tool_call_id": f"call_{n}", "content": str(n)} for n in (1, 2)]
    prompt = read(HELLO, answer, *results, {"role": "user", "content": "and?"})
    assert prompt.messages[2] == user(
        Result(id="call_1", name="f", parts=(Text(text="1"),)), Result(id="call_2", name="f", parts=(Text(text="2"),))
    )
    assert prompt.messages[3] == user(Text(text="and?"))


PART_TABLE = [
    ({"type": "text", "text": "a"}, Text(text="a")),
    ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text(text="a", cache=Cache())),
    (
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        Text(text="a", cache=Cache(ttl="1h")),
    ),
    (
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
        Media(kind=Kind.IMAGE, media_type="image/png", data=PNG, detail="low"),
    ),
    ({"type": "image_url", "image_url": "https://a/b.png"}, Media(kind=Kind.IMAGE, url="https://a/b.png")),
    (
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}},
        Media(kind=Kind.IMAGE, url="data:image/svg+xml,<svg/>"),
    ),
    ({"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}, Media(kind=Kind.VIDEO, url="https://a/b.mp4")),
    (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        Media(kind=Kind.AUDIO, media_type="audio/mpeg", data="AAAA"),
    ),
    (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        Media(kind=Kind.DOCUMENT, media_type="application/pdf", data="AAAA", name="a.pdf"),
    ),
    (
        {"type": "file", "file": {"file_data": "AAAA"}},
        Media(kind=Kind.DOCUMENT, media_type="application/pdf", data="AAAA"),
    ),
    (
        {"type": "file", "file": {"file_id": "file-1"}},
        Media(kind=Kind.DOCUMENT, file_id="file-1", origin=Protocol.OPENAI),
    ),
]


@pytest.mark.parametrize(("part", "read_as"), PART_TABLE)
def test_each_kind_of_part_is_read(part, read_as):
    assert read({"role": "user", "content": [part]}).messages == (user(read_as),)


def test_an_answer_of_before_is_read_with_its_thought_its_refusal_its_citations_and_its_calls():
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://a", "title": "A", "start_index": 0, "end_index": 2},
    }
    answer = {"role": "assistant", "content": "so", "reasoning_content": "hm", "refusal": "no", "tool_calls": [CALL]}
    prompt = read(HELLO, {**answer, "annotations": [cited], "audio": None, "function_call": None})
    citation = Citation(url="https://a", title="A", start=0, end=2, origin=Protocol.OPENAI)
    assert prompt.messages[1] == assistant(
        Thought(text="hm"),
        Text(text="so", citations=(citation,)),
        Refused(text="no"),
        Call(id="call_1", name="f", arguments='{"a": 1}'),
    )


def test_a_refusal_and_mistrals_thoughts_may_be_parts_of_the_content():
    content = [{"type": "thinking", "thinking": []}, {"type": "refusal", "refusal": "no"}]
    assert read(HELLO, {"role": "assistant", "content": content}).messages[1] == assistant(Refused(text="no"))


ARGUMENTS_TABLE = [
    ("", "{}"),
    ("  ", "{}"),
    ("null", "{}"),
    (None, "{}"),
    ({"a": 1}, '{"a": 1}'),
    ('{"a": 1 }', '{"a": 1 }'),
    ('"{\\"a\\": 1}"', '{"a": 1}'),
    ('{"a": "x\ny"}', '{"a": "x\\ny"}'),
    ('{"a": ', '{"INVALID_JSON": "{\\"a\\": "}'),
    ("[1]", '{"INVALID_JSON": "[1]"}'),
]


@pytest.mark.parametrize(("given_as", "read_as"), ARGUMENTS_TABLE)
def test_the_arguments_of_a_call_are_a_json_object_whatever_a_model_made_of_them(given_as, read_as):
    call = {**CALL, "function": {"name": "f", "arguments": given_as}}
    (read_call,) = read(HELLO, {"role": "assistant", "tool_calls": [call]}).messages[1].parts
    assert read_call.arguments == read_as


def test_functions_of_before_there_were_tools_are_read_as_tools():
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    result = {"role": "function", "name": "f", "content": "1"}
    prompt = read(HELLO, call, result, functions=[FUNCTION], function_call={"name": "f"})
    assert prompt.tools == (Tool(name="f", description="does f", schema=b'{"type": "object"}'),)
    assert prompt.tool_choice == ToolChoice(choose=Choose.ONE, name="f", parallel=False)
    assert prompt.messages[1].parts[0].id == prompt.messages[2].parts[0].id
    assert prompt.messages[2].parts[0].name == "f"


@pytest.mark.parametrize(("word", "choose"), [(None, Choose.AUTO), ("none", Choose.NONE), ("auto", Choose.AUTO)])
def test_functions_are_called_one_at_a_time(word, choose):
    more = {} if word is None else {"function_call": word}
    assert read(functions=[FUNCTION], **more).tool_choice == ToolChoice(choose=choose, parallel=False)


def test_a_message_that_says_nothing_is_none():
    assert len(read(HELLO, {"role": "assistant", "content": ""}, {"role": "user", "content": []}).messages) == 1


# --- the rest of a request in

CHOICE_TABLE = [
    ({}, None),
    ({"tool_choice": "auto"}, ToolChoice()),
    ({"tool_choice": "none"}, ToolChoice(choose=Choose.NONE)),
    ({"tool_choice": "required"}, ToolChoice(choose=Choose.ANY)),
    ({"tool_choice": "any"}, ToolChoice(choose=Choose.ANY)),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, ToolChoice(choose=Choose.ONE, name="f")),
    ({"parallel_tool_calls": False}, ToolChoice(parallel=False)),
    ({"parallel_tool_calls": True, "tool_choice": "required"}, ToolChoice(choose=Choose.ANY, parallel=True)),
]


@pytest.mark.parametrize(("more", "choice"), CHOICE_TABLE)
def test_each_choice_of_tools_is_read(more, choice):
    assert read(tools=[{"type": "function", "function": FUNCTION}], **more).tool_choice == choice


def test_of_allowed_tools_only_those_are_left():
    tools = [{"type": "function", "function": {"name": name}} for name in "abc"]
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]}
    prompt = read(tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool.name for tool in prompt.tools] == ["b"]
    assert prompt.tool_choice == ToolChoice(choose=Choose.ANY)


THINKING_TABLE = [
    ({}, Thinking()),
    ({"reasoning_effort": "high"}, Thinking(on=True, effort=Effort.HIGH)),
    ({"reasoning_effort": "none"}, Thinking(on=False)),
    ({"reasoning": {"effort": "low", "exclude": True}}, Thinking(on=True, effort=Effort.LOW, shown=False)),
    ({"reasoning": {"max_tokens": 99}}, Thinking(on=True, budget_tokens=99)),
    ({"reasoning": {"enabled": False}}, Thinking(on=False)),
    ({"thinking": {"type": "enabled"}}, Thinking(on=True)),
    ({"thinking": {"type": "disabled"}}, Thinking(on=False)),
]


@pytest.mark.parametrize(("more", "thinking"), THINKING_TABLE)
def test_each_word_for_thinking_is_read(more, thinking):
    assert read(**more).thinking == thinking


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, Schema()),
        (SCHEMA, Schema(schema=b'{"a": 1}', name="n", description="d", strict=True)),
    ],
)
def test_each_form_of_an_answer_is_read(form, schema):
    assert read(response_format=form).schema == schema


def test_numbers_and_switches_are_read_and_null_is_nothing():
    prompt = read(
        max_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=7,
        stop="END",
        n=2,
        logprobs=True,
        top_logprobs=3,
        stream=True,
        user=None,
    )
    assert prompt.sampling == Sampling(
        temperature=0.5, top_p=0.9, top_k=4, frequency_penalty=0.1, presence_penalty=0.2, seed=7
    )
    assert (prompt.max_tokens, prompt.stop, prompt.count, prompt.logprobs) == (5, ("END",), 2, 3)
    assert (prompt.stream, prompt.wants_usage, prompt.others) == (True, False, {})
    assert read(max_completion_tokens=6, max_tokens=5).max_tokens == 6
    assert read(stream=True, stream_options={"include_usage": True}).wants_usage
    assert read(stop=["a", "b"]).stop == ("a", "b")


def test_hints_are_kept_by_name_and_what_is_unknown_is_named():
    prompt = read(user="u", metadata={"a": "b"}, min_p=0.1, **{"a\nb": 1})
    assert {name: bytes(value) for name, value in prompt.others.items()} == {"user": b'"u"', "metadata": b'{"a": "b"}'}
    assert prompt.unknown == ("min_p", "no known name")


def test_tools_that_only_openai_runs_are_foreign_parts():
    custom = {"type": "custom", "custom": {"name": "sql"}}
    prompt = read(tools=[custom], web_search_options={})
    assert [tool.what for tool in prompt.server_tools] == ["tool of type custom", "web_search_options"]
    body, _ = write(prompt)
    assert body["tools"] == [custom]
    assert body["web_search_options"] == {}


REFUSED_TABLE = [
    ([{"role": "user", "content": [{"type": "hologram"}]}], {}, "messages[0].content[0]"),
    ([{"role": "user", "content": [{"type": "image_url"}]}], {}, "messages[0].content[0]"),
    ([{"role": "wizard", "content": "a"}], {}, "messages[0].role"),
    ([{"role": "user", "content": 5}], {}, "messages[0].content"),
    ([HELLO, {"role": "tool", "content": "a"}], {}, "messages[1].tool_call_id"),
    ([HELLO, {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}], {}, "messages[1].tool_calls[0].id"),
    ([HELLO, {"role": "assistant", "audio": {"id": "audio_1"}}], {}, "messages[1].audio"),
    ([HELLO], {"modalities": ["text", "audio"]}, "modalities"),
    ([HELLO], {"tool_choice": "sometimes"}, "tool_choice"),
    ([HELLO], {"tool_choice": {"type": "custom", "custom": {"name": "a"}}}, "tool_choice"),
    ([HELLO], {"response_format": {"type": "grammar"}}, "response_format"),
    ([HELLO], {"reasoning_effort": "enormous"}, "reasoning_effort"),
    ([HELLO], {"guided_regex": "a+"}, "guided_regex"),
    ([HELLO], {"tools": [{"type": "function", "function": {"name": 5}}]}, "tools[0].function.name"),
]


@pytest.mark.parametrize(("messages", "more", "place"), REFUSED_TABLE)
def test_what_cannot_be_read_is_refused_with_its_place(messages, more, place):
    with pytest.raises(Untranslatable) as refused:
        read(*messages, **more)
    assert str(refused.value).startswith(f"{place}: ")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"messages": [{"role": "user", "content": "\xff"}]}',
        b'{"messages": [], "x": ' + b"[" * 9999,
    ],
)
def test_what_is_no_json_is_said_to_be_none(body):
    with pytest.raises(NoJson):
        DIALECT.read_prompt(raw_ask(body))


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b"{}", b'{"messages": null}', b'{"messages": {}}'])
def test_json_of_another_shape_is_refused(body):
    with pytest.raises(Untranslatable):
        DIALECT.read_prompt(raw_ask(body))


def test_half_a_surrogate_pair_becomes_one_replacement_character():
    body = b'{"messages": [{"role": "user", "content": "a\\ud83d b \\ud83d\\ude00"}]}'
    assert DIALECT.read_prompt(raw_ask(body)).messages[0].parts[0].text == "a\ufffd b \U0001f600"
