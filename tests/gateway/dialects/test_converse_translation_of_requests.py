"""Requests for Bedrock's Converse, read and written."""

from __future__ import annotations

import json
import re

import pytest
from msgspec import Raw

from stillup.gateway.core.values import Operation, Protocol
from stillup.gateway.dialects.converse.names import SEE
from stillup.gateway.dialects.converse.prompt_in import NOT_THERE
from stillup.gateway.dialects.converse.translation import DIALECT
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.neutral import (
    Cache,
    Call,
    Choose,
    Citation,
    Effort,
    Foreign,
    Kind,
    Media,
    Message,
    Prompt,
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
from tests.gateway.dialects.converse_bodies import (
    CONVERSE,
    IMAGE,
    MODEL,
    NESTED,
    NOVA,
    ON,
    PNG,
    REDACTED,
    SEAL,
    USER,
    ask,
    blocks_written,
    parts_read,
    read,
    said,
    write,
)

# --- requests


def test_blocks_are_read_as_what_they_are():
    assert parts_read(
        {"text": "Look"},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        PNG,
        {"document": {"format": "pdf", "name": "a b", "source": {"bytes": "bb"}, "context": "c", "citations": ON}},
        {"document": {"format": "txt", "name": "document 2", "source": {"bytes": "YWI="}}},
        {"document": {"name": "x", "source": {"text": "ab"}}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://a/b"}}}},
        {"guardContent": {"text": {"text": "x"}}},
    ) == (
        Text(text="Look", cache=Cache(ttl="1h")),
        IMAGE,
        Media(kind=Kind.DOCUMENT, media_type="application/pdf", data="bb", name="a b", context="c", cited=True),
        Media(kind=Kind.DOCUMENT, media_type="text/plain", text="ab"),
        Media(kind=Kind.DOCUMENT, media_type="text/plain", text="ab", name="x"),
        Media(kind=Kind.VIDEO, media_type="video/mp4", file_id="s3://a/b", origin=CONVERSE),
        Foreign(origin=CONVERSE, what="guardContent", raw=b'{"guardContent":{"text": {"text": "x"}}}'),
    )


def test_a_conversation_with_calls_is_read():
    answered = [{"json": {"a": 1}}, {"text": "b"}, PNG]
    body = {
        "messages": [
            said(
                {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}},
                {"reasoningContent": {"redactedContent": "cmVk"}},
                {"reasoningContent": {"reasoningText": {"text": "Hm"}}},
                {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}},
                {"toolUse": {"toolUseId": "t2", "name": "web", "input": {}, "type": "server_tool_use"}},
                {"citationsContent": {"content": [{"text": "Yes"}], "citations": [{"title": "T"}]}},
                role="assistant",
            ),
            said(
                {"toolResult": {"toolUseId": "t1", "content": answered, "status": "error"}},
                {"toolResult": {"toolUseId": "t2", "content": [], "type": "web"}},
            ),
        ]
    }
    first, second = DIALECT.read_prompt(ask(body)).messages
    assert first.parts == (
        Thought(text="Hm", seal=SEAL),
        Thought(seal=REDACTED),
        Thought(text="Hm"),
        Call(id="t1", name="f", arguments='{"a": 1}'),
        Foreign(
            origin=CONVERSE,
            what="server_tool_use",
            raw=b'{"toolUse":{"toolUseId": "t2", "name": "web", "input": {}, "type": "server_tool_use"}}',
        ),
        Text(text="Yes", citations=(Citation(title="T", origin=CONVERSE, raw=b'{"title": "T"}'),)),
    )
    assert second.parts[0] == Result(
        id="t1", name="f", parts=(Text(text='{"a": 1}'), Text(text="b"), IMAGE), is_error=True
    )
    assert isinstance(second.parts[1], Foreign)


def test_the_rest_of_a_request_is_read():
    schema = {"jsonSchema": {"schema": '{"type":"array"}', "name": "n", "description": "d"}}
    prompt = read(
        system=[{"text": "Be brief"}, {"cachePoint": {"type": "default"}}],
        inferenceConfig={"maxTokens": 9, "temperature": 0.5, "topP": 0.25, "stopSequences": ["X"]},
        toolConfig={
            "tools": [
                {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": {"type": "object"}}}},
                {"toolSpec": {"name": "g"}},
                {"toolSpec": {"name": "gone", "description": NOT_THERE}},
                {"systemTool": {"name": "nova_grounding"}},
                {"cachePoint": {"type": "default"}},
            ],
            "toolChoice": {"tool": {"name": "f"}},
        },
        outputConfig={"textFormat": {"type": "json_schema", "structure": schema}},
        guardrailConfig={"guardrailIdentifier": "g"},
        serviceTier={"type": "flex"},
        additionalModelRequestFields={"top_k": 4},
        news=1,
    )
    assert prompt.system == (Text(text="Be brief", cache=Cache()),)
    assert (prompt.max_tokens, prompt.stop, prompt.stream, prompt.model) == (9, ("X",), True, NOVA)
    assert prompt.sampling == Sampling(temperature=0.5, top_p=0.25, top_k=4)
    assert prompt.tools == (Tool(name="f", description="d", schema=b'{"type": "object"}'), Tool(name="g"))
    assert prompt.tool_choice == ToolChoice(choose=Choose.ONE, name="f")
    assert prompt.schema == Schema(schema=b'{"type":"array"}', name="n", description="d", strict=True)
    assert [tool.what for tool in prompt.server_tools] == ["systemTool", "guardrailConfig"]
    assert (set(prompt.others), prompt.unknown) == ({"serviceTier"}, ("news",))
    again = json.loads(DIALECT.write_prompt(prompt, Losses()))
    assert again["guardrailConfig"] == {"guardrailIdentifier": "g"}
    assert {"systemTool": {"name": "nova_grounding"}} in again["toolConfig"]["tools"]


@pytest.mark.parametrize(
    ("more", "thinking"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 7}}, Thinking(on=True, budget_tokens=7)),
        ({"thinking": {"type": "disabled"}}, Thinking(on=False)),
        ({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, Thinking(on=True, effort=Effort.LOW)),
        ({"reasoningConfig": {"type": "disabled"}}, Thinking(on=False)),
        ({"reasoning_effort": "none"}, Thinking(on=False)),
        ({"reasoning_effort": "vast"}, Thinking()),
    ],
)
def test_thinking_is_read_in_each_makers_words(more, thinking):
    assert read(additionalModelRequestFields=more).thinking == thinking


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "messages"),
        ({"messages": [said(role="robot")]}, "messages[0].role"),
        ({"messages": [said({"text": 1})]}, "messages[0].content[0].text"),
        ({"messages": [said({"riddle": 1})]}, "messages[0].content[0].riddle"),
        ({"messages": [said({"image": {"source": {}}})]}, "messages[0].content[0].image.source"),
        ({"messages": [said({"document": {"format": "txt", "source": {"bytes": "!"}}})]}, "source.bytes"),
        ({"messages": [said({"toolResult": {"toolUseId": "a", "content": [NESTED]}})]}, "toolResult.content[0]"),
        ({"messages": [], "system": [PNG]}, "system[0]"),
        ({"messages": [], "toolConfig": {"tools": [{}]}}, "toolConfig.tools[0]"),
        ({"messages": [], "inferenceConfig": {"maxTokens": "many"}}, "inferenceConfig.maxTokens"),
    ],
)
def test_a_body_that_is_none_is_refused_with_the_place(body, place):
    with pytest.raises(Untranslatable, match=re.escape(place)):
        DIALECT.read_prompt(ask(body))


def test_users_and_the_assistant_take_turns():
    body, losses = write(
        (USER, (Text(text="a"), Text(text=""))),
        (Role.SYSTEM, (Text(text="b"),)),
        (MODEL, (Thought(text="x"),)),
        (USER, (Text(text="c"),)),
        (MODEL, (Text(text="d"), Refused(text="e"))),
    )
    assert body["messages"] == [
        said({"text": "a"}, {"text": "b"}, {"text": "c"}),
        said({"text": "d"}, {"text": "e"}, role="assistant"),
    ]
    assert losses == ["the system's role inside the conversation", "another model's thoughts"]


def test_calls_results_and_thoughts_are_written():
    body, losses = write(
        (MODEL, (Thought(text="Hm", seal=SEAL), Thought(seal=REDACTED), Call(id="a b", name="f", arguments="no"))),
        (USER, (Result(id="a b", parts=(Text(text="1"), Text(text=""), IMAGE), is_error=True),)),
    )
    blocks = body["messages"][0]["content"]
    made = blocks[2]["toolUse"]["toolUseId"]
    assert re.fullmatch(r"call_[0-9a-f]+", made)
    assert blocks == [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "cmVk"}},
        {"toolUse": {"toolUseId": made, "name": "f", "input": {"arguments": "no"}}},
    ]
    assert body["messages"][1]["content"] == [
        {"toolResult": {"toolUseId": made, "content": [{"text": "1"}, PNG], "status": "error"}}
    ]
    # A history with calls is refused without their tools.
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["f"]
    assert body["toolConfig"]["tools"][0]["toolSpec"]["description"] == NOT_THERE
    assert losses == []


def test_media_are_written_with_names_that_are_allowed_and_differ():
    blocks, losses = blocks_written(
        Media(kind=Kind.DOCUMENT, media_type="application/pdf", data="bb", name="a/ü.pdf", context="c", cited=True),
        Media(kind=Kind.DOCUMENT, text="ab"),
        Media(kind=Kind.DOCUMENT, data="bb"),
        Media(kind=Kind.IMAGE, media_type="image/jpeg", data="aa", name="n", detail="low"),
        Media(kind=Kind.VIDEO, media_type="video/mp4", file_id="s3://a", origin=CONVERSE),
    )
    assert [block.get("document", {}).get("name") for block in blocks[:3]] == ["a-pdf", "document", "document 2"]
    assert blocks[0]["document"]["citations"] == {"enabled": True}
    assert blocks[1]["document"] == {"format": "txt", "source": {"bytes": "YWI="}, "name": "document"}
    assert blocks[3:5] == [
        {"image": {"format": "jpeg", "source": {"bytes": "aa"}}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://a"}}}},
    ]
    assert losses == ["image detail", "an image's name"]
    # Beside a document a message must have words.
    assert blocks.pop() == {"text": SEE}
    assert len(parts_read(*blocks, {"text": SEE})) == 5


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (Media(kind=Kind.IMAGE, url="https://a"), "fetches nothing from a URL"),
        (Media(kind=Kind.IMAGE, media_type="image/bmp", data="a"), "takes no image"),
        (Media(kind=Kind.AUDIO, media_type="image/png", data="a"), "takes no audio"),
        (Media(kind=Kind.IMAGE, file_id="f", origin=Protocol.OPENAI), "kept at another provider"),
        (Foreign(origin=Protocol.ANTHROPIC, what="server_tool_use", raw=b"{}"), "server_tool_use"),
        (Call(id="a", name="a.b"), "a tool's name"),
    ],
)
def test_a_part_that_bedrock_cannot_take_is_refused_with_its_place(part, says):
    with pytest.raises(Untranslatable, match=rf"messages\[0\].content\[0\].*{says}"):
        blocks_written(part)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ({"count": 2}, "n: "),
        ({"logprobs": 0}, "logprobs"),
        ({"previous": "resp_1"}, "previous_response_id"),
        ({"server_tools": (Foreign(origin=Protocol.GEMINI, what="googleSearch", raw=b"{}"),)}, "tools: googleSearch"),
    ],
)
def test_what_would_mean_something_else_there_is_refused(prompt, says):
    with pytest.raises(Untranslatable, match=says):
        write(**prompt)


def test_tools_and_the_choice_among_them_are_written():
    tools = (Tool(name="f", description="d", schema=b'{"type":"object"}', cache=Cache()), Tool(name="g", strict=True))

    def config(choice):
        body, losses = write(tools=tools, tool_choice=choice)
        return body.get("toolConfig", {}), losses

    written, losses = config(ToolChoice(choose=Choose.ANY, parallel=False))
    assert written["toolChoice"] == {"any": {}}
    assert [next(iter(row)) for row in written["tools"]] == ["toolSpec", "cachePoint", "toolSpec"]
    assert losses == ["strict tool arguments", "one call at a time"]
    assert config(ToolChoice(choose=Choose.ONE, name="f"))[0]["toolChoice"] == {"tool": {"name": "f"}}
    assert config(ToolChoice())[0]["toolChoice"] == {"auto": {}}
    assert "toolChoice" not in config(None)[0]
    assert config(ToolChoice(choose=Choose.NONE))[0] == {}  # there is no word for it


def test_what_converse_has_no_word_for_is_named_as_left_out():
    losses = Losses()
    prompt = Prompt(
        model="meta.llama4",
        system=(Text(text="s", cache=Cache()),),
        messages=(Message(role=USER, name="Ann", parts=(Text(text="Hi", citations=(Citation(),)),)),),
        sampling=Sampling(top_k=1, seed=2, frequency_penalty=0.5, presence_penalty=0.5),
        thinking=Thinking(on=True),
        others={
            "user": Raw(b"1"),
            "store": Raw(b"false"),
            "requestMetadata": Raw(b'"x"'),
            "serviceTier": Raw(b'{"type":"flex"}'),
        },
        unknown=("news",),
    )
    body = json.loads(DIALECT.write_prompt(prompt, losses))
    assert body["serviceTier"] == {"type": "flex"}
    assert list(losses) == [
        "citations",
        "a speaker's name",
        "cache marker",
        "top_k",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "thinking",
        "user",
        "requestMetadata",
        "news",
    ]


@pytest.mark.parametrize(
    ("thinking", "model", "more"),
    [
        (Thinking(), NOVA, None),
        (Thinking(on=False), NOVA, None),
        (
            Thinking(on=True, budget_tokens=9),
            "anthropic.claude-4",
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
        ),
        (Thinking(effort=Effort.MAX), "anthropic.claude-4", {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        (Thinking(on=False), "anthropic.claude-4", None),
        (
            Thinking(on=True),
            "amazon.nova-2-lite",
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
        ),
        (Thinking(on=False), "amazon.nova-2-lite", {"reasoningConfig": {"type": "disabled"}}),
        (Thinking(effort=Effort.MINIMAL), "openai.gpt-oss-120b", {"reasoning_effort": "low"}),
        (Thinking(effort=Effort.NONE), "openai.gpt-oss-120b", {"reasoning_effort": "low"}),
    ],
)
def test_thinking_is_asked_for_in_each_makers_words(thinking, model, more):
    body, _ = write(model=model, thinking=thinking)
    assert body.get("additionalModelRequestFields") == more


def test_a_schema_is_written_as_text_and_json_without_one_as_any_object():
    body, _ = write(schema=Schema(schema=b'{"type":"array"}', name="n", description="d"))
    inside = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert inside == {"schema": '{"type":"array"}', "name": "n", "description": "d"}
    body, _ = write(schema=Schema())
    assert body["outputConfig"]["textFormat"]["structure"]["jsonSchema"] == {"schema": '{"type":"object"}'}


def test_addresses_and_counts():
    assert DIALECT.address("arn:aws:bedrock:x/y", False) == ("/model/arn:aws:bedrock:x%2Fy/converse", "")
    assert DIALECT.count_address(NOVA) == (f"/model/{NOVA}/count-tokens", "")
    prompt = Prompt(model=NOVA, max_tokens=4, messages=(Message(role=USER, parts=(Text(text="Hi"),)),))
    body = json.loads(DIALECT.count_prompt(prompt, Losses()))
    assert body == {"input": {"converse": {"messages": [said({"text": "Hi"})]}}}
    assert DIALECT.read_prompt(ask(body, Operation.COUNT_TOKENS)).messages == prompt.messages
    assert DIALECT.read_count(DIALECT.write_count(31)) == 31
