"""Gemini's generateContent in no dialect's words, and back: what its own names, numbers and forms mean."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Form, Operation, Protocol
from stillup.gateway.dialects.dialect import Losses, Stamp, Untranslatable
from stillup.gateway.dialects.gemini.answer_in import GeminiReader
from stillup.gateway.dialects.gemini.names import NO_SIGNATURE
from stillup.gateway.dialects.gemini.translation import DIALECT
from stillup.gateway.dialects.gemini.watch import GeminiArrayWatch
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Apart,
    Began,
    Cache,
    Call,
    Calls,
    Choose,
    Citation,
    Cites,
    Counted,
    Counts,
    Effort,
    Ended,
    Failed,
    Foreign,
    Gives,
    Kind,
    Media,
    Message,
    Prompt,
    Refused,
    Reply,
    Result,
    Role,
    Sampling,
    Schema,
    Seal,
    Stop,
    Text,
    Thinking,
    Thinks,
    Thought,
    ThoughtEnds,
    Tool,
    ToolChoice,
    Words,
)

GEMINI = Protocol.GEMINI
STAMP = Stamp(id="abc", created_s=1)
SEAL = Seal(origin=GEMINI, data="c2VhbA==")
USER, MODEL = Role.USER, Role.ASSISTANT


def ask(body=None, *, query="alt=sse", model="gemini-3-pro", operation=Operation.GENERATE):
    return Ask(
        protocol=GEMINI,
        operation=operation,
        method="POST",
        path=f"/v1beta/models/{model}:streamGenerateContent",
        query=query,
        body=json.dumps(body or {}).encode(),
        model=model,
        stream=True,
    )


def said(*parts, role="user"):
    return {"role": role, "parts": list(parts)}


def read(body=None, **more):
    return DIALECT.read_prompt(ask({"contents": [said({"text": "Hi"})], **(body or {}), **more}))


def write(prompt=None, **more):
    losses = Losses()
    prompt = prompt or Prompt(model="gemini-3-pro", messages=(Message(role=USER, parts=(Text(text="Hi"),)),), **more)
    return json.loads(DIALECT.write_prompt(prompt, losses)), list(losses)


def parts_read(*parts, role="user"):
    (message,) = DIALECT.read_prompt(ask({"contents": [said(*parts, role=role)]})).messages
    return message.parts


def parts_written(*parts, role=USER, model="gemini-3-pro"):
    body, losses = write(Prompt(model=model, messages=(Message(role=role, parts=parts),)))
    return body["contents"][0]["parts"], losses


def conversation(*messages, model="gemini-3-pro"):
    return write(Prompt(model=model, messages=tuple(Message(role=role, parts=parts) for role, parts in messages)))[0]


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


# --- requests, written


def test_a_foreign_models_calls_get_what_stands_for_a_signature_from_gemini_3_on():
    calls = (Call(id="a", name="f"), Call(id="b", name="g"))
    first, second = parts_written(*calls, role=MODEL)[0]
    assert first["thoughtSignature"] == NO_SIGNATURE
    assert "thoughtSignature" not in second  # the first of parallel calls has it
    assert "thoughtSignature" not in parts_written(*calls, role=MODEL, model="gemini-2.5-flash")[0][0]
    sealed = (Call(id="a", name="f", seal=SEAL),)
    assert parts_written(*sealed, role=MODEL)[0][0]["thoughtSignature"] == SEAL.data


def test_own_thoughts_go_back_and_others_do_not():
    foreign = Thought(text="x", seal=Seal(origin=Protocol.ANTHROPIC, data="y"))
    parts, losses = parts_written(
        Thought(text="Hm", seal=SEAL), Thought(seal=SEAL), foreign, Text(text="So"), role=MODEL
    )
    assert parts == [
        {"text": "Hm", "thought": True, "thoughtSignature": SEAL.data},
        {"text": "", "thoughtSignature": SEAL.data},
        {"text": "So"},
    ]
    assert losses == ["another model's thoughts"]
    body = conversation((USER, (Text(text="Hi"),)), (MODEL, (foreign,)), (USER, (Text(text="And?"),)))
    assert [content["role"] for content in body["contents"]] == ["user", "user"]  # nothing is left of the turn between


def test_calls_and_results_of_one_turn_stand_in_one_content_each():
    body = conversation(
        (USER, (Text(text="Hi"),)),
        (MODEL, (Text(text="Let me see"),)),
        (MODEL, (Call(id="a", name="f"),)),
        (MODEL, (Call(id="b", name="g"),)),
        (USER, (Result(id="a", parts=(Text(text="1"),)),)),
        (USER, (Result(id="b", parts=(Text(text="2"), Text(text="3")), is_error=True),)),
        (USER, (Text(text="Go on"),)),
    )
    assert [(c["role"], len(c["parts"])) for c in body["contents"]] == [
        ("user", 1),
        ("model", 3),
        ("user", 2),
        ("user", 1),
    ]
    assert body["contents"][2]["parts"] == [
        {"functionResponse": {"id": "a", "name": "f", "response": {"output": "1"}}},
        {"functionResponse": {"id": "b", "name": "g", "response": {"error": ["2", "3"]}}},
    ]


def test_an_image_in_a_result_stands_inside_it_or_for_older_models_behind_it():
    image = Media(kind=Kind.IMAGE, media_type="image/png", data="aa")
    result = Result(id="a", name="f", parts=(image,))
    inside = {"inlineData": {"mimeType": "image/png", "data": "aa"}}
    assert parts_written(result)[0][0]["functionResponse"]["parts"] == [inside]
    older = parts_written(result, model="models/gemini-2.5-pro")[0]
    assert ("parts" not in older[0]["functionResponse"], older[1]) == (True, inside)


def test_media_are_written_in_each_of_their_forms():
    parts, losses = parts_written(
        Media(kind=Kind.DOCUMENT, text="für", name="a", context="b", cited=True, detail="high", cache=Cache()),
        Media(kind=Kind.IMAGE, data="aa"),
        Media(kind=Kind.DOCUMENT, url="https://example.org/a.pdf"),
        Media(kind=Kind.IMAGE, url="https://example.org/a.png"),
        Media(kind=Kind.IMAGE, file_id="gs://a/b", origin=GEMINI, media_type="image/png"),
    )
    assert parts == [
        {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode("für".encode()).decode()}},
        {"inlineData": {"mimeType": "image/png", "data": "aa"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.org/a.pdf"}},
        {"fileData": {"fileUri": "https://example.org/a.png"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b"}},
    ]
    assert set(losses) == {
        "a document's name",
        "a document's context",
        "citations of documents",
        "image detail",
        "cache marker",
    }


def test_what_gemini_has_no_word_for_is_named_as_left_out():
    prompt = Prompt(
        model="gemini-3-pro",
        system=(Text(text="a", cache=Cache()),),
        messages=(
            Message(role=USER, name="Ann", parts=(Text(text="Hi"),)),
            Message(role=Role.SYSTEM, parts=(Text(text="Hush"),)),
            Message(role=MODEL, parts=(Text(text="x", citations=(Citation(url="u"),)), Refused(text="No"))),
        ),
        tools=(Tool(name="f", strict=True, cache=Cache()),),
        tool_choice=ToolChoice(parallel=False),
        thinking=Thinking(on=True, effort=Effort.MAX, budget_tokens=3),
        others={"user": b"1"},
    )
    _, losses = write(prompt)
    assert losses == [
        "a speaker's name",
        "the system's role of a message in mid-conversation",
        "citations of earlier answers",
        "cache marker",
        "strict tool arguments",
        "one call at a time",
        "effort max",
        "thinking budget",
        "user",
    ]


@pytest.mark.parametrize(
    ("thinking", "model", "config"),
    [
        (Thinking(on=True, effort=Effort.HIGH), "gemini-3-pro", {"thinkingLevel": "HIGH"}),
        (Thinking(on=True, effort=Effort.HIGH), "gemini-2.5-pro", {"thinkingBudget": 24576}),
        (Thinking(on=True, effort=Effort.HIGH, budget_tokens=7), "gemini-2.5-pro", {"thinkingBudget": 7}),
        (
            Thinking(on=True, budget_tokens=7, shown=True),
            "gemini-3-pro",
            {"includeThoughts": True, "thinkingBudget": 7},
        ),
        (Thinking(on=True), "gemini-3-pro", {"thinkingBudget": -1}),
        (Thinking(on=False), "gemini-2.5-flash", {"thinkingBudget": 0}),
        (Thinking(on=False), "gemini-3-flash", {"thinkingLevel": "MINIMAL"}),
        (Thinking(effort=Effort.NONE), "gemini-3-pro", {"thinkingLevel": "LOW"}),
        (Thinking(on=False), "a-model", {"thinkingBudget": 0}),
    ],
)
def test_thinking_is_asked_for_in_the_form_of_the_model(thinking, model, config):
    message = Message(role=USER, parts=(Text(text="Hi"),))
    body, _ = write(Prompt(model=model, messages=(message,), thinking=thinking))
    assert body["generationConfig"]["thinkingConfig"] == config


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ({"count": 2}, "n: "),
        ({"logprobs": 0}, "logprobs"),
        ({"previous": "resp_1"}, "previous_response_id"),
        ({"stop": tuple("abcdef")}, "6 stop sequences"),
        ({"server_tools": (Foreign(origin=Protocol.ANTHROPIC, what="web_search", raw=b"{}"),)}, "web_search: only"),
    ],
)
def test_what_would_mean_something_else_there_is_refused(prompt, says):
    with pytest.raises(Untranslatable, match=says):
        write(**prompt)


@pytest.mark.parametrize(
    "part",
    [
        Foreign(origin=Protocol.ANTHROPIC, what="server_tool_use", raw=b"{}"),
        Media(kind=Kind.IMAGE, file_id="file_1", origin=Protocol.OPENAI),
        Result(id="unheard of"),
    ],
)
def test_a_part_that_only_another_provider_has_is_refused_with_its_place(part):
    with pytest.raises(Untranslatable, match=r"messages\[0\].content\[0\]"):
        parts_written(part)


def test_going_on_appends_what_was_said_and_changes_nothing_else():
    body = b'{"contents": {"parts":{"text":"q"}}, "x":  1, "generation_config": {"max_output_tokens": 4, "seed":1}}'
    gone = json.loads(DIALECT.go_on(body, "So far", Form.INSTRUCTION, 77))
    assert [content.get("role") for content in gone["contents"]] == [None, "model", "user"]
    assert gone["contents"][1]["parts"] == [{"text": "So far"}]
    assert (gone["x"], gone["generation_config"]) == (1, {"seed": 1, "maxOutputTokens": 77})
    begun = json.loads(DIALECT.go_on(b'{"contents":[]}', "So far", Form.PREFILL, None))
    assert begun == {"contents": [{"role": "model", "parts": [{"text": "So far"}]}]}
    assert json.loads(DIALECT.go_on(b'{"contents":[]}', "So far", Form.NONE, 5)) == {
        "contents": [],
        "generationConfig": {"maxOutputTokens": 5},
    }


def test_marked_thoughts_are_taken_out_and_nothing_else():
    marked = {"text": "x", "thought": True, "thoughtSignature": UNSIGNED}
    body = {"contents": [said(marked, role="model"), said(marked, {"text": UNSIGNED}, role="model")], "a": 1}
    left = json.loads(DIALECT.cleaned(json.dumps(body).encode()))
    assert left == {"contents": [said({"text": UNSIGNED}, role="model")], "a": 1}
    assert DIALECT.cleaned(b'{"contents":[]}') == b'{"contents":[]}'


def test_addresses_and_counts():
    assert DIALECT.address("models/gemini-3", True) == ("/v1beta/models/gemini-3:streamGenerateContent", "alt=sse")
    assert DIALECT.address("a/b", False) == ("/v1beta/models/a%2Fb:generateContent", "")
    assert DIALECT.count_address("g") == ("/v1beta/models/g:countTokens", "")
    prompt = Prompt(model="g", system=(Text(text="s"),), messages=(Message(role=USER, parts=(Text(text="Hi"),)),))
    counted = json.loads(DIALECT.count_prompt(prompt, Losses()))["generateContentRequest"]
    assert (counted["model"], set(counted)) == ("models/g", {"model", "contents", "systemInstruction"})
    assert DIALECT.read_count(DIALECT.write_count(31)) == 31
    with pytest.raises(Untranslatable):
        DIALECT.read_count(b"{}")


# --- answers, read


def chunk(*parts, **more):
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    candidate |= {
        name: more.pop(name) for name in ("finishReason", "groundingMetadata", "citationMetadata") if name in more
    }
    return {"candidates": [candidate], "modelVersion": "gemini-3-pro", "responseId": "R_1", **more}


def sse(*chunks, end=b"\r\n\r\n"):
    return b"".join(b"data: " + json.dumps(c, ensure_ascii=False).encode() + end for c in chunks)


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
    with pytest.raises(Untranslatable, match="cannot be used"):
        DIALECT.read_reply(json.dumps(chunk(finishReason="MALFORMED_FUNCTION_CALL")).encode())


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
