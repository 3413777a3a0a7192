"""Requests for Gemini's generateContent, read into no dialect's words: its own names, numbers and forms."""

from __future__ import annotations

import base64
import json
import re

import pytest
from msgspec.structs import replace

from stillup.gateway.core.values import Operation
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.gemini.names import NO_SIGNATURE
from stillup.gateway.dialects.gemini.translation import DIALECT
from stillup.gateway.dialects.neutral import (
    Call,
    Choose,
    Effort,
    Foreign,
    Kind,
    Media,
    Message,
    Sampling,
    Schema,
    Text,
    Thinking,
    Thought,
    ToolChoice,
)
from tests.gateway.dialects.gemini_bodies import GEMINI, SEAL, USER, ask, parts_read, read, said, write

# --- requests, read


def test_members_are_read_under_both_of_their_names():
    one = {
        "systemInstruction": {"parts": [{"text": "Be brief"}]},
        "generationConfig": {"maxOutputTokens": 9, "topP": 0.5, "topK": 3, "stopSequences": ["X"], "seed": 4},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
    }
    other = {
        "system_instruction": {"parts": {"text": "Be brief"}},
        "generation_config": {"max_output_tokens": 9, "top_p": 0.5, "top_k": 3, "stop_sequences": ["X"], "seed": 4},
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]},
    }
    assert read(one) == read(other)
    prompt = read(one)
    assert prompt.system == (Text(text="Be brief"),)
    assert (prompt.max_tokens, prompt.stop, prompt.stream) == (9, ("X",), True)
    assert prompt.sampling == Sampling(top_p=0.5, top_k=3, seed=4)
    assert prompt.tool_choice == ToolChoice(choose=Choose.ONE, name="f")
    assert prompt.tools[0].schema.replace(b" ", b"") == b'{"type":"object"}'


def test_a_single_content_and_a_text_as_instruction_are_taken_too():
    prompt = DIALECT.read_prompt(ask({"contents": {"parts": {"text": "Hi"}}, "systemInstruction": "Be brief"}))
    assert prompt.messages == (Message(role=USER, parts=(Text(text="Hi"),)),)
    assert prompt.system == (Text(text="Be brief"),)


def test_parts_are_read_as_what_they_are():
    assert parts_read(
        {"text": "Look"},
        {"inline_data": {"mime_type": "image/png", "data": "-_8="}},
        {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode("für dich".encode()).decode()}},
        {"fileData": {"fileUri": "https://example.org/a.pdf"}},
        {"fileData": {"fileUri": "https://example.org/a"}},
        {"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}},
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x", "mimeType": "audio/wav"}},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"thoughtSignature": "c2VhbA=="},
        {},
    ) == (
        Text(text="Look"),
        Media(kind=Kind.IMAGE, media_type="image/png", data="+/8="),
        Media(kind=Kind.DOCUMENT, media_type="text/plain", text="für dich"),
        Media(kind=Kind.DOCUMENT, url="https://example.org/a.pdf"),
        Media(kind=Kind.IMAGE, url="https://example.org/a"),
        Media(kind=Kind.VIDEO, url="https://www.youtube.com/watch?v=1"),
        Media(
            kind=Kind.AUDIO,
            media_type="audio/wav",
            file_id="https://generativelanguage.googleapis.com/v1beta/files/x",
            origin=GEMINI,
        ),
        Foreign(origin=GEMINI, what="executableCode", raw=b'{"executableCode":{"language": "PYTHON", "code": "1"}}'),
        Thought(seal=SEAL),
    )


def test_thoughts_keep_their_signature_and_a_stand_in_for_one_is_none():
    assert parts_read(
        {"text": "Hm", "thought": True, "thought_signature": "c2VhbA=="},
        {"text": "So", "thoughtSignature": "c2VhbA=="},
        {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2VhbA=="},
        {"functionCall": {"name": "g"}, "thoughtSignature": NO_SIGNATURE.replace("_", "/")},
        role="model",
    ) == (
        Thought(text="Hm", seal=SEAL),
        Text(text="So"),
        Thought(seal=SEAL),
        Call(id="call_0", name="f", arguments='{"a": 1}', seal=SEAL),
        Call(id="call_1", name="g"),
    )


def test_results_find_their_calls_by_id_or_by_name_and_order():
    calls = [{"name": "f"}, {"name": "f"}, {"name": "g", "id": "x"}]
    image = {"inlineData": {"mimeType": "image/png", "data": "aa"}}
    responses = [
        {"id": "x", "response": {"error": "gone"}},
        {"name": "f", "response": {"output": "one"}},
        {"name": "f", "response": {"rows": [1, 2]}},
        {"name": "h", "response": {"output": ["a", "b"]}},
        {"name": "f", "response": {"output": {"a": 1}}, "parts": [image]},
        {"name": "f", "response": {}},
        {"name": "f", "response": [1]},
    ]
    body = {
        "contents": [
            said(*({"functionCall": call} for call in calls), role="model"),
            said(*({"functionResponse": response} for response in responses), role="function"),
        ]
    }
    results = DIALECT.read_prompt(ask(body)).messages[1].parts
    assert [(r.id, r.name, r.is_error) for r in results[:3]] == [
        ("x", "g", True),
        ("call_0", "f", False),
        ("call_1", "f", False),
    ]
    assert [tuple(getattr(p, "text", "") or p.media_type for p in r.parts) for r in results] == [
        ("gone",),
        ("one",),
        ('{"rows": [1, 2]}',),
        ("a", "b"),
        ('{"a": 1}', "image/png"),
        (),
        ("[1]",),
    ]


@pytest.mark.parametrize(
    ("config", "thinking"),
    [
        ({}, Thinking()),
        ({"includeThoughts": True}, Thinking(shown=True)),
        ({"thinkingBudget": 0}, Thinking(on=False)),
        ({"thinkingBudget": -1}, Thinking(on=True)),
        ({"thinking_budget": 512}, Thinking(on=True, budget_tokens=512)),
        ({"thinkingLevel": "low"}, Thinking(on=True, effort=Effort.LOW)),
    ],
)
def test_thinking_is_read_in_both_of_its_forms(config, thinking):
    assert read(generationConfig={"thinkingConfig": config}).thinking == thinking


def test_a_schema_of_googles_own_becomes_a_json_schema():
    own = {
        "type": "OBJECT",
        "propertyOrdering": ["a"],
        "properties": {
            "a": {"type": "STRING", "nullable": True, "enum": ["x"], "example": "x"},
            "b": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1"},
            "c": {"any_of": [{"type": "NUMBER"}], "nullable": True},
            "d": {"ref": "#/$defs/e", "nullable": True, "type": "TYPE_UNSPECIFIED"},
        },
        "required": ["a"],
    }
    as_json = {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "enum": ["x", None], "examples": ["x"]},
            "b": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "c": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "d": {"$ref": "#/$defs/e"},
        },
        "required": ["a"],
    }
    declared = read(tools=[{"functionDeclarations": [{"name": "f", "parameters": own}]}]).tools[0]
    asked = read(generationConfig={"responseMimeType": "application/json", "responseSchema": own}).schema
    assert json.loads(declared.schema) == json.loads(asked.schema) == as_json
    plain = read(tools=[{"functionDeclarations": [{"name": "f", "parameters": {"type": "object"}}]}]).tools[0]
    assert plain.schema == b'{"type": "object"}'  # to the letter


def test_json_is_asked_for_with_and_without_a_schema():
    options = {"responseMimeType": "application/json", "response_json_schema": {"type": "array"}}
    assert read(generationConfig=options).schema == Schema(schema=b'{"type": "array"}', strict=True)
    assert read(generationConfig={"responseMimeType": "application/json"}).schema == Schema()
    assert read(generationConfig={"responseMimeType": "text/plain"}).schema is None


def test_what_only_gemini_knows_is_said_to_be_its_own():
    body = {
        "cachedContent": "cachedContents/1",
        "tools": [{"googleSearch": {}}, {"codeExecution": {}}],
        "generationConfig": {"responseModalities": ["IMAGE"], "responseMimeType": "text/x.enum", "responseFormat": []},
    }
    prompt = read(body)
    assert {tool.what for tool in prompt.server_tools} == {
        "googleSearch",
        "codeExecution",
        "cachedContent",
        "generationConfig.responseModalities",
        "generationConfig.responseMimeType",
        "generationConfig.responseFormat",
    }
    assert all(tool.origin is GEMINI for tool in prompt.server_tools)
    again = json.loads(DIALECT.write_prompt(prompt, Losses()))
    assert {name: again[name] for name in body} == body


def test_hints_and_unknown_members_are_named():
    prompt = read(
        safetySettings=[{"category": "X"}],
        labels={"a": "b"},
        news=1,
        generationConfig={"mediaResolution": "HIGH", "x": 1},
    )
    assert set(prompt.others) == {"safetySettings", "labels", "mediaResolution"}
    assert prompt.unknown == ("news", "generationConfig.x")
    body, losses = write(prompt)
    assert body["safetySettings"] == [{"category": "X"}]
    assert body["generationConfig"] == {"mediaResolution": "HIGH"}
    assert losses == ["news", "generationConfig.x"]


def test_only_tools_that_may_be_called_are_left():
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}, {"name": "h"}]}]

    def chosen(**config):
        prompt = read(tools=tools, toolConfig={"functionCallingConfig": config})
        return "".join(tool.name for tool in prompt.tools), prompt.tool_choice

    assert chosen(mode="ANY", allowedFunctionNames=["f", "h"]) == ("fh", ToolChoice(choose=Choose.ANY))
    assert chosen(mode="VALIDATED", allowedFunctionNames=["g"]) == ("g", ToolChoice())
    assert chosen(mode="NONE") == ("fgh", ToolChoice(choose=Choose.NONE))
    assert chosen(mode="MODE_UNSPECIFIED") == ("fgh", None)
    assert read(tools=tools, toolConfig={"retrievalConfig": {}}).tool_choice is None


def test_a_prompt_to_count_is_read_in_both_of_its_forms():
    contents = [said({"text": "Hi"})]
    for body in ({"contents": contents}, {"generateContentRequest": {"model": "models/m", "contents": contents}}):
        prompt = DIALECT.read_prompt(ask(body, operation=Operation.COUNT_TOKENS))
        assert prompt.messages[0].parts == (Text(text="Hi"),)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "the body"),
        ({}, "contents"),
        ({"contents": 1}, "contents"),
        ({"contents": [said({"text": "a"}, role="robot")]}, "contents[0].role"),
        ({"contents": [said({"text": "a"}), said({"text": 1})]}, "contents[1].parts[0].text"),
        ({"contents": [said({"riddle": 1})]}, "contents[0].parts[0]"),
        ({"contents": [said({"functionCall": {}})]}, "contents[0].parts[0].functionCall"),
        ({"contents": [said({"functionCall": {"name": "f", "args": []}})]}, "contents[0].parts[0].functionCall.args"),
        ({"contents": [said({"functionResponse": {"name": "f", "parts": [{}]}})]}, "functionResponse.parts"),
        ({"contents": [said({"inlineData": {"mimeType": "text/plain", "data": "!"}})]}, "inlineData.data"),
        ({"contents": [], "systemInstruction": said({"inlineData": {"data": "a"}})}, "systemInstruction.parts[0]"),
        ({"contents": [], "generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
        ({"contents": [], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0]"),
        ({"contents": [], "toolConfig": {"functionCallingConfig": {"mode": "X"}}}, "functionCallingConfig.mode"),
    ],
)
def test_a_body_that_is_none_is_refused_with_the_place(body, place):
    with pytest.raises(Untranslatable, match=re.escape(place)):
        DIALECT.read_prompt(replace(ask(), body=json.dumps(body).encode()))


def test_a_schema_that_is_nested_without_end_is_refused():
    schema: dict = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(Untranslatable, match="nested"):
        read(tools=[{"functionDeclarations": [{"name": "f", "parameters": schema}]}])


def test_half_a_surrogate_in_a_request_is_read_as_a_replacement():
    raw = b'{"contents":[{"parts":[{"text":"a\\ud83d"}]}]}'
    assert DIALECT.read_prompt(replace(ask(), body=raw)).messages[0].parts == (Text(text="a\ufffd"),)
