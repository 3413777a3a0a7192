"""Anthropic Messages: what a request there says, and how another dialect's is said there."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Cache,
    Call,
    Choose,
    Effort,
    Foreign,
    Kind,
    Media,
    Message,
    Result,
    Role,
    Seal,
    Text,
    Thinking,
    Thought,
    ToolChoice,
)
from tests.gateway.dialects.anthropic_bodies import ME, SCHEMA, read, read_raw, said, write, written

# --- read


def test_system_is_read_as_a_string_or_as_blocks():
    assert read(system="Be brief").system == (Text(text="Be brief"),)
    marked = [{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert read(system=marked).system == (Text(text="Be brief", cache=Cache(ttl="1h")),)
    assert read(system="").system == ()
    with pytest.raises(Untranslatable, match=r"system\[0\]: must be text"):
        read(system=[{"type": "image", "source": {"type": "url", "url": "https://a"}}])


def test_a_system_message_inside_the_conversation_is_read():
    prompt = read(messages=[{"role": "user", "content": "hi"}, {"role": "system", "content": "Be brief"}])
    assert prompt.messages[1] == Message(role=Role.SYSTEM, parts=(Text(text="Be brief"),))


@pytest.mark.parametrize(
    ("source", "media"),
    [
        ({"type": "base64", "media_type": "image/png", "data": "AA"}, {"media_type": "image/png", "data": "AA"}),
        ({"type": "url", "url": "https://a/b"}, {"url": "https://a/b"}),
        ({"type": "file", "file_id": "file_1"}, {"file_id": "file_1", "origin": ME}),
    ],
)
def test_images_are_read_from_each_source(source, media):
    assert said({"type": "image", "source": source}) == (Media(kind=Kind.IMAGE, **media),)


def test_documents_are_read_with_all_that_is_said_of_them():
    block = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "words"},
        "title": "T",
        "context": "C",
        "citations": {"enabled": True},
        "cache_control": {"type": "ephemeral"},
    }
    assert said(block) == (
        Media(
            kind=Kind.DOCUMENT, media_type="text/plain", text="words", name="T", context="C", cited=True, cache=Cache()
        ),
    )


def test_thoughts_keep_their_seals_and_those_that_were_never_sealed_have_none():
    redacted = {"type": "redacted_thinking", "data": "xyz"}
    parts = said(
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "thinking", "thinking": "So", "signature": UNSIGNED},
        redacted,
        role="assistant",
    )
    assert parts[0] == Thought(text="Hm", seal=Seal(origin=ME, data="sig"))
    assert parts[1] == Thought(text="So")
    assert json.loads(parts[2].seal.data) == redacted
    assert written(*parts, role=Role.ASSISTANT) == [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        redacted,
    ]


def test_a_result_is_named_after_its_call():
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "fine", "is_error": True}
    prompt = read(messages=[{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}])
    assert prompt.messages[0].parts == (Call(id="toolu_1", name="look", arguments='{"a": 1}'),)
    assert prompt.messages[1].parts == (Result(id="toolu_1", name="look", parts=(Text(text="fine"),), is_error=True),)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "container_upload", "file_id": "f"},
        {"type": "document", "source": {"type": "content", "content": "x"}},
        {"type": "tool_use", "id": "t", "name": "n", "input": {}, "caller": {"type": "code_execution_20250825"}},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "n"}]},
        {"type": "a_block_of_next_year", "text": 5} | {"text": "x"},
    ],
    ids=lambda block: block["type"],
)
def test_what_only_this_dialect_knows_stays_as_it_is_written(block):
    (part,) = said(block)
    assert isinstance(part, Foreign)
    assert json.loads(part.raw) == block
    assert written(part) == [block]


def test_tools_are_told_from_those_that_the_provider_runs():
    own = {"name": "look", "description": "Looks", "input_schema": SCHEMA, "strict": True}
    searches = {"type": "web_search_20250305", "name": "web_search"}
    from_code = {"name": "f", "input_schema": {}, "allowed_callers": ["code_execution_20260120"]}
    prompt = read(tools=[own, searches, from_code], mcp_servers=[{"type": "url", "url": "https://a", "name": "a"}])
    (tool,) = prompt.tools
    assert (tool.name, tool.description, json.loads(tool.schema), tool.strict) == ("look", "Looks", SCHEMA, True)
    assert [foreign.what for foreign in prompt.server_tools] == ["web_search_20250305", "custom", "mcp_servers"]
    body, _ = write(tools=prompt.tools, server_tools=prompt.server_tools)
    assert body["tools"] == [own, searches, from_code]
    assert body["mcp_servers"][0]["name"] == "a"


@pytest.mark.parametrize(
    ("choice", "neutral"),
    [
        ({"type": "auto"}, ToolChoice()),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice(choose=Choose.ANY, parallel=False)),
        ({"type": "tool", "name": "look"}, ToolChoice(choose=Choose.ONE, name="look")),
        ({"type": "none"}, ToolChoice(choose=Choose.NONE)),
    ],
)
def test_tool_choice_there_and_back(choice, neutral):
    prompt = read(tools=[{"name": "look", "input_schema": SCHEMA}], tool_choice=choice)
    assert prompt.tool_choice == neutral
    assert write(tools=prompt.tools, tool_choice=neutral)[0]["tool_choice"] == choice


@pytest.mark.parametrize("member", ["output_config", "output_format"])
def test_a_json_schema_is_read_from_either_member(member):
    wanted = {"type": "json_schema", "schema": SCHEMA}
    schema = read(**{member: {"format": wanted} if member == "output_config" else wanted}).schema
    assert json.loads(schema.schema) == SCHEMA
    assert schema.strict
    assert write(schema=schema) == (write()[0] | {"output_config": {"format": wanted}}, [])


@pytest.mark.parametrize(
    ("members", "thinking"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Thinking(on=True, budget_tokens=2000)),
        ({"thinking": {"type": "adaptive"}}, Thinking(on=True)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Thinking(on=True, shown=False)),
        ({"thinking": {"type": "disabled"}}, Thinking(on=False)),
        ({"output_config": {"effort": "max"}}, Thinking(effort=Effort.MAX)),
    ],
)
def test_thinking_there_and_back(members, thinking):
    assert read(**members).thinking == thinking
    body, losses = write(thinking=thinking, max_tokens=4000)
    assert losses == []
    assert {name: body[name] for name in members} == members


def test_hints_are_kept_by_name_and_members_nobody_knows_are_named():
    prompt = read(metadata={"user_id": "u"}, service_tier="auto", next_years_member=1)
    assert set(prompt.others) == {"metadata", "service_tier"}
    assert prompt.unknown == ("next_years_member",)
    assert write(others=prompt.others, unknown=prompt.unknown)[1] == [
        "metadata",
        "service tier",
        "next_years_member",
    ]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"messages": None}, "messages: must be an array"),
        ({"messages": "hi"}, "messages: expected `array"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"messages\[0\]\.role: must be user, assistant or system"),
        ({"messages": [{"role": "user", "content": 5}]}, r"messages\[0\]\.content: must be a string or an array"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            r"messages\[0\]\.content\[0\]\.text: must be a string",
        ),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, r"messages\[0\]\.content.*`type`"),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": []}]}
                ]
            },
            r"content\[0\]\.input: must be an object",
        ),
        ({"tool_choice": {"type": "maybe"}}, r"tool_choice\.type"),
        ({"thinking": {"type": "hard"}}, r"thinking\.type"),
        ({"output_config": {"effort": "some"}}, r"output_config\.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, r"output_config\.format"),
        ({"max_tokens": "many"}, "max_tokens: expected `int"),
        ({"tools": [{"name": 5}]}, r"tools\[0\]\.name: expected `str`"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(members, words):
    with pytest.raises(Untranslatable, match=words):
        read(**members)


def test_half_a_surrogate_pair_is_read_as_any_other_reader_reads_it():
    prompt = read_raw(b'{"model":"m","messages":[{"role":"user","content":"\\ud83e\\udd8a \\ud83e"}]}')
    assert prompt.messages[0].parts == (Text(text="🦊 �"),)
    with pytest.raises(NoJson):
        read_raw(b"{")
