"""Requests for Gemini's generateContent, written; gone on with; without marked thoughts; to count."""

from __future__ import annotations

import base64
import json

import pytest

from stillup.gateway.core.values import Form, Protocol
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.gemini.names import NO_SIGNATURE
from stillup.gateway.dialects.gemini.translation import DIALECT
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
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
    Schema,
    Seal,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolChoice,
)
from tests.gateway.dialects.gemini_bodies import GEMINI, MODEL, SEAL, USER, conversation, parts_written, said, write

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
        "citations",
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
        others={"user": b"1", "store": b"false"},
    )
    _, losses = write(prompt)
    assert losses == [
        "a speaker's name",
        "the system's role inside the conversation",
        "citations",
        "cache marker",
        "strict tool arguments",
        "one call at a time",
        "effort max",
        "thinking budget",
        "user",
    ]


def test_tools_and_the_choice_among_them_are_written():
    tools = (Tool(name="f", description="d", schema=b'{"$schema":"x"}'), Tool(name="g"))
    search = Foreign(origin=GEMINI, what="googleSearch", raw=b'{"googleSearch":{}}')

    def choice(chosen):
        return write(tools=tools, tool_choice=chosen)[0]["toolConfig"]["functionCallingConfig"]

    body, losses = write(tools=tools, server_tools=(search,))
    declared = [{"name": "f", "description": "d", "parametersJsonSchema": {"$schema": "x"}}, {"name": "g"}]
    assert body["tools"] == [{"functionDeclarations": declared}, {"googleSearch": {}}]
    assert (losses, "toolConfig" in body) == ([], False)
    assert choice(ToolChoice()) == {"mode": "AUTO"}
    assert choice(ToolChoice(choose=Choose.NONE)) == {"mode": "NONE"}
    assert choice(ToolChoice(choose=Choose.ANY)) == {"mode": "ANY"}
    assert choice(ToolChoice(choose=Choose.ONE, name="f")) == {"mode": "ANY", "allowedFunctionNames": ["f"]}


def test_a_schema_goes_out_as_it_is_written():
    options = write(schema=Schema(schema=b'{"$defs":{}}'))[0]["generationConfig"]
    assert options == {"responseMimeType": "application/json", "responseJsonSchema": {"$defs": {}}}
    assert write(schema=Schema())[0]["generationConfig"] == {"responseMimeType": "application/json"}


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
        ({"stop": tuple("abcdef")}, "5 stop sequences, not 6"),
        ({"server_tools": (Foreign(origin=Protocol.ANTHROPIC, what="web_search", raw=b"{}"),)}, "tools: web_search"),
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
    with pytest.raises(NoJson):
        DIALECT.read_count(b"{}")
