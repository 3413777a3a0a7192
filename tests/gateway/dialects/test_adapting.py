"""A body as a model takes it: every change named, everything else byte for byte as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.catalog.models import models
from stillup.gateway.core.values import Form, Protocol
from stillup.gateway.dialects.adapting import STOPS_LEFT_OUT, Learned, adapted
from stillup.gateway.dialects.neutral import UNSIGNED

A, O, R, G, C = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI, Protocol.CONVERSE  # noqa: E741
HI = [{"role": "user", "content": "hi"}]


def told(body: dict[str, Any], protocol: Protocol, model: str, learned: Learned = Learned(), **more: Any) -> Any:  # noqa: B008
    out, changes = adapted(json.dumps(body).encode(), protocol, model, learned, **more)
    return json.loads(out), list(changes)


# --- sampling and lengths


@pytest.mark.parametrize(
    ("protocol", "model", "body", "left", "changes"),
    [
        (A, "claude-opus-4-7", {"temperature": 0.2, "top_p": 0.9, "top_k": 4}, {}, ["temperature", "top_p", "top_k"]),
        (A, "claude-haiku-4-5", {"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2}, ["top_p"]),
        (A, "claude-haiku-4-5", {"temperature": 0.2}, {"temperature": 0.2}, []),
        (A, "claude-opus-4-0", {"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2, "top_p": 0.9}, []),
        (O, "o3", {"temperature": 1, "stop": ["x"], "seed": 1}, {"seed": 1}, ["temperature", "stop sequences"]),
        (O, "gpt-4.1", {"temperature": 1, "stop": ["x"]}, {"temperature": 1, "stop": ["x"]}, []),
        (O, "gpt-5.2", {"temperature": 1}, {"temperature": 1}, []),
        (O, "gpt-5.2", {"temperature": 1, "reasoning_effort": "low"}, {"reasoning_effort": "low"}, ["temperature"]),
        (R, "gpt-6.2-sol", {"temperature": 1, "top_p": 1}, {}, ["temperature", "top_p"]),
        (O, "grok-4.7", {"presence_penalty": 1, "temperature": 1}, {"temperature": 1}, ["presence_penalty"]),
        (O, "nobody-knows-it", {"temperature": 1, "stop": "x"}, {"temperature": 1, "stop": "x"}, []),
    ],
)
def test_a_model_gets_the_sampling_it_takes(protocol, model, body, left, changes):
    assert told(body, protocol, model) == (left, [f"{name} left out" for name in changes])


def test_sampling_goes_where_thinking_is_on():
    body = {
        "temperature": 0.2,
        "top_k": 4,
        "max_tokens": 9_000,
        "thinking": {"type": "enabled", "budget_tokens": 2_000},
    }
    out, changes = told(body, A, "claude-sonnet-4-5")
    assert "temperature" not in out
    assert "top_k" not in out
    assert changes == ["temperature left out", "top_k left out"]


@pytest.mark.parametrize(
    ("protocol", "model", "body", "out"),
    [
        (A, "claude-haiku-4-5", {"max_tokens": 128_000}, {"max_tokens": 64_000}),
        (A, "claude-haiku-4-5", {"max_tokens": 64_000}, {"max_tokens": 64_000}),
        (O, "gpt-4o", {"max_completion_tokens": 99_999}, {"max_completion_tokens": 16_384}),
        (R, "gpt-4o", {"max_output_tokens": 99_999}, {"max_output_tokens": 16_384}),
        (
            G,
            "gemini-4-neon",
            {"generationConfig": {"maxOutputTokens": 99_999, "seed": 1}},
            {"generationConfig": {"maxOutputTokens": 65_536, "seed": 1}},
        ),
        (O, "nobody-knows-it", {"max_tokens": 10**7}, {"max_tokens": 10**7}),
        (O, "gpt-4o", {"max_tokens": "many"}, {"max_tokens": "many"}),
    ],
)
def test_an_answers_length_is_lowered_to_what_the_model_gives(protocol, model, body, out):
    assert told(body, protocol, model)[0] == out


@pytest.mark.parametrize(
    ("model", "body", "out"),
    [
        ("gpt-6.2-sol", {"max_tokens": 9_000}, {"max_completion_tokens": 9_000}),
        ("gpt-6.2-sol", {"max_tokens": 5_000, "max_completion_tokens": 9_000}, {"max_completion_tokens": 9_000}),
        ("mistral-large-4-0", {"max_completion_tokens": 9_000}, {"max_tokens": 9_000}),
        ("gpt-4o", {"max_tokens": 9_000}, {"max_tokens": 9_000}),
        ("nobody-knows-it", {"max_tokens": 9_000}, {"max_tokens": 9_000}),
    ],
)
def test_the_limit_of_an_answer_has_the_name_the_model_knows(model, body, out):
    assert told(body, O, model)[0] == out


# --- thinking, Claude's


@pytest.mark.parametrize(
    ("model", "body", "out", "change"),
    [
        (
            "claude-opus-5-5",
            {"thinking": {"type": "enabled", "budget_tokens": 3_000, "display": "summarized"}},
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
            "thinking: adaptive in place of a budget",
        ),
        (
            "claude-opus-5-5",
            {"thinking": {"type": "disabled"}},
            {"output_config": {"effort": "low"}},
            "thinking cannot be turned off",
        ),
        (
            "claude-sonnet-5-5",
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}},
            {"thinking": {"type": "between_tools"}, "output_config": {"effort": "high"}},
            "thinking: between_tools",
        ),
        (
            "claude-opus-5",
            {"thinking": {"type": "between_tools"}},
            {"thinking": {"type": "disabled"}},
            "thinking: disabled",
        ),
        ("claude-opus-4-7", {"thinking": {"type": "disabled"}}, {}, None),
        ("claude-opus-4-8", {"thinking": {"type": "between_tools"}}, {}, None),
        (
            "claude-opus-4-5",
            {"thinking": {"type": "between_tools"}},
            {"thinking": {"type": "disabled"}},
            "thinking: disabled",
        ),
        (
            "claude-opus-4-5",
            {"thinking": {"type": "enabled", "budget_tokens": 2_000}, "max_tokens": 9_000},
            {"thinking": {"type": "enabled", "budget_tokens": 2_000}, "max_tokens": 9_000},
            None,
        ),
        (
            "claude-opus-5-5",
            {"thinking": {"type": "enabled"}, "output_config": {"effort": "max"}},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            "thinking: adaptive in place of a budget",
        ),
        (
            "claude-opus-5-5",
            {"thinking": {"type": "enabled"}},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            "thinking: adaptive in place of a budget",
        ),
        ("claude-opus-5-5", {"thinking": "on", "output_config": 1}, {"thinking": "on", "output_config": 1}, None),
        (
            "claude-sonnet-4-5",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}, "max_tokens": 9_000},
            {"thinking": {"type": "enabled", "budget_tokens": 2_048}, "max_tokens": 9_000},
            "thinking: a budget of 2048 in place of adaptive",
        ),
        (
            "claude-opus-4-5",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}, "max_tokens": 60_000},
            {
                "thinking": {"type": "enabled", "budget_tokens": 30_000},
                "output_config": {"effort": "high"},
                "max_tokens": 60_000,
            },
            "effort high",
        ),
        (
            "claude-sonnet-4-5",
            {"thinking": {"type": "adaptive"}, "max_tokens": 1_000},
            {"max_tokens": 1_000},
            "thinking off: the answer has no room for it",
        ),
        (
            "claude-sonnet-4-5",
            {"thinking": {"type": "enabled", "budget_tokens": 60_000}, "max_tokens": 64_000},
            {"thinking": {"type": "enabled", "budget_tokens": 31_000}, "max_tokens": 64_000},
            "thinking budget of 31000",
        ),
        ("claude-3-5-sonnet-20241022", {"thinking": {"type": "enabled", "budget_tokens": 2_000}}, {}, "thinking off"),
        ("claude-sonnet-4-5", {"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}, None),
        ("nobody-knows-it", {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}, None),
        ("deepseek-flash", {"output_config": {"effort": "medium"}}, {"output_config": {"effort": "low"}}, "effort low"),
    ],
)
def test_claude_is_asked_to_think_in_its_own_form(model, body, out, change):
    found, changes = told(body, A, model)
    assert found == out
    assert change in changes if change else not changes


CALLED = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]}


@pytest.mark.parametrize(
    ("first", "still_thinks"),
    [
        ([], False),
        ([{"type": "thinking", "thinking": "x", "signature": "abc"}], True),
        ([{"type": "redacted_thinking", "data": "abc"}], True),
        ([{"type": "thinking", "thinking": "x", "signature": UNSIGNED}], False),
        ([{"type": "thinking", "thinking": "x"}], False),
        ([{"type": "text", "text": "x"}], False),
    ],
)
def test_a_turn_with_a_tools_call_and_no_signed_thought_is_gone_on_with_without_thinking(first, still_thinks):
    messages = [*HI, {"role": "assistant", "content": [*first, CALLED]}, RESULT]
    body = {"thinking": {"type": "enabled", "budget_tokens": 2_000}, "max_tokens": 9_000, "messages": messages}
    out, changes = told(body, A, "claude-sonnet-4-5")
    assert ("thinking" in out) is still_thinks
    assert bool(changes) is not still_thinks
    assert out["messages"] == messages


def test_a_beginning_of_an_answer_goes_without_thinking():
    body = {"thinking": {"type": "enabled", "budget_tokens": 2_000}, "max_tokens": 9_000}
    out, changes = told(body, A, "claude-sonnet-4-5", goes_on=Form.PREFILL)
    assert "thinking" not in out
    assert changes == ["thinking off: it goes on with an answer"]


def test_a_model_that_thinks_unasked_leaves_room_for_a_short_answer():
    out, changes = told({"max_tokens": 20, "messages": HI}, A, "claude-opus-5-5")
    assert out["output_config"] == {"effort": "low"}
    assert changes == ["effort low: the answer has little room"]
    assert told({"max_tokens": 20, "output_config": {"effort": "high"}}, A, "claude-opus-5-5")[1] == []
    assert told({"max_output_tokens": 20}, R, "gpt-6.2-sol")[0]["reasoning"] == {"effort": "low"}
    same = {"model": "claude-opus-5-5", "max_tokens": 20}
    assert told(same, A, "us.anthropic.claude-opus-5-5") == (same, [])


# --- thinking, others'


@pytest.mark.parametrize(
    ("protocol", "model", "body", "out"),
    [
        (O, "gpt-5", {"reasoning_effort": "none"}, {"reasoning_effort": "minimal"}),
        (O, "gpt-6.2-sol", {"reasoning_effort": "none"}, {"reasoning_effort": "low"}),
        (O, "gpt-5.1", {"reasoning_effort": "xhigh"}, {"reasoning_effort": "high"}),
        (
            R,
            "gpt-5.1",
            {"reasoning": {"effort": "minimal", "summary": "auto"}},
            {"reasoning": {"effort": "none", "summary": "auto"}},
        ),
        (O, "gpt-4o", {"reasoning_effort": "high"}, {}),
        (O, "deepseek-flash", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (O, "deepseek-flash", {"reasoning_effort": "xhigh"}, {"reasoning_effort": "high"}),
        (O, "gpt-6-luna", {"tools": [{}]}, {"tools": [{}]}),
        (O, "gpt-6-luna", {"tools": []}, {"tools": []}),
        (O, "nobody-knows-it", {"reasoning_effort": "ultra"}, {"reasoning_effort": "ultra"}),
        (O, "gpt-5", {"reasoning_effort": "ultra"}, {"reasoning_effort": "ultra"}),
    ],
)
def test_an_effort_is_the_nearest_the_model_knows(protocol, model, body, out):
    assert told(body, protocol, model)[0] == out


@pytest.mark.parametrize(
    ("model", "config", "out"),
    [
        (
            "gemini-4-neon",
            {"thinkingBudget": 20_000, "includeThoughts": True},
            {"thinkingLevel": "high", "includeThoughts": True},
        ),
        ("gemini-4-neon", {"thinkingBudget": 0}, {"thinkingLevel": "low"}),
        ("gemini-3.8-flash", {"thinkingBudget": 0}, {"thinkingLevel": "minimal"}),
        ("gemini-4-neon", {"thinkingBudget": -1}, None),
        ("gemini-4-neon", {"thinkingLevel": "MINIMAL"}, {"thinkingLevel": "low"}),
        ("gemini-4-neon", {"thinkingLevel": "HIGH"}, {"thinkingLevel": "HIGH"}),
        ("gemini-2.5-pro", {"thinkingLevel": "low"}, {"thinkingBudget": 2_048}),
        ("gemini-2.5-pro", {"thinkingBudget": 0}, {"thinkingBudget": 128}),
        ("gemini-2.5-flash", {"thinkingBudget": 0}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"thinkingBudget": 99_999}, {"thinkingBudget": 24_576}),
        ("gemini-2.5-pro", {"thinkingBudget": -1}, {"thinkingBudget": -1}),
        ("gemini-4-neon", {"thinkingBudget": 5, "thinkingLevel": "low"}, {"thinkingLevel": "low"}),
        ("gemini-4-neon", {"includeThoughts": True}, {"includeThoughts": True}),
    ],
)
def test_gemini_is_asked_to_think_by_a_level_or_a_budget(model, config, out):
    found, _ = told({"contents": [], "generationConfig": {"thinkingConfig": config}}, G, model)
    assert found.get("generationConfig", {}).get("thinkingConfig") == out


# --- tools that must be called, and JSON


@pytest.mark.parametrize(
    ("system", "after"),
    [
        (None, "Call the tool f now; do not answer in words."),
        ("Be brief.", "Be brief.\n\nCall the tool f now; do not answer in words."),
        (
            [{"type": "text", "text": "Be brief."}],
            [
                {"type": "text", "text": "Be brief."},
                {"type": "text", "text": "Call the tool f now; do not answer in words."},
            ],
        ),
    ],
)
def test_a_model_that_cannot_be_made_to_call_a_tool_is_asked_to(system, after):
    body = {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}, "messages": HI}
    out, changes = told({**body, **({"system": system} if system else {})}, A, "claude-opus-5-5")
    assert out["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert out["system"] == after
    assert out["messages"] == HI
    assert changes == ["the tool's call asked for in words"]


def test_a_tool_that_must_be_called_turns_thinking_off_where_that_is_enough():
    body = {"tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}, "messages": HI}
    out, changes = told(body, A, "claude-opus-5")
    assert (out["tool_choice"], out["thinking"]) == ({"type": "any"}, {"type": "disabled"})
    assert changes == ["thinking off: a tool must be called"]
    out, changes = told(body, A, "claude-fable-5")
    assert out["tool_choice"] == {"type": "auto"}
    assert out["system"].startswith("Call one of the tools")
    out, changes = told({"tool_choice": {"type": "any"}}, A, "claude-sonnet-4-5")
    assert (out, changes) == ({"tool_choice": {"type": "any"}}, [])


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("protocol", "model", "body", "left", "where"),
    [
        (
            O,
            "deepseek-flash",
            {
                "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
                "messages": HI,
            },
            {"response_format": {"type": "json_object"}},
            "messages",
        ),
        (A, "claude-opus-4-0", {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, {}, "system"),
        (A, "claude-opus-4-0", {"output_format": {"type": "json_schema", "schema": SCHEMA}}, {}, "system"),
        (R, "deepseek-flash", {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}, {}, "instructions"),
    ],
)
def test_a_schema_that_a_model_does_not_take_is_asked_for_in_words(protocol, model, body, left, where):
    out, changes = told(body, protocol, model)
    said = json.dumps(out.pop(where))
    assert "JSON schema" in said
    assert "properties" in said
    assert out == left
    assert changes == ["the JSON schema asked for in words"]


def test_json_of_any_kind_is_asked_for_in_words_where_a_model_has_no_word_for_it():
    learned = Learned(schema=False)
    out, changes = told({"response_format": {"type": "json_object"}, "messages": []}, O, "nobody-knows-it", learned)
    assert out["messages"] == [
        {
            "role": "system",
            "content": "Answer with one JSON object and nothing else: no words around it, no code fence.",
        }
    ]
    assert changes == ["JSON asked for in words"]
    out, _ = told({"response_format": {"type": "json_schema", "json_schema": 1}}, O, "nobody-knows-it", learned)
    assert out == {}
    out, _ = told(
        {"text": {"format": {"type": "json_object"}}, "instructions": "Be brief."}, R, "nobody-knows-it", learned
    )
    assert out["instructions"].startswith("Be brief.\n\nAnswer with one JSON object")


@pytest.mark.parametrize("name", ["responseSchema", "responseJsonSchema"])
def test_gemini_is_asked_for_json_in_words_where_it_refused_a_schema(name):
    config = {name: SCHEMA, "responseMimeType": "application/json", "seed": 1}
    body = {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "generationConfig": config}
    out, _ = told(body, G, "gemini-4-neon", Learned(schema=False))
    assert out["generationConfig"] == {"responseMimeType": "application/json", "seed": 1}
    assert len(out["systemInstruction"]["parts"]) == 2
    out, _ = told(body, G, "nobody-knows-it", Learned(schema=False))
    assert out["generationConfig"] == {"seed": 1}
    assert told({"contents": []}, G, "nobody-knows-it", Learned(schema=False)) == ({"contents": []}, [])


def test_gemini_that_does_not_think_is_not_asked_to():
    body = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 5}}, "contents": []}
    assert told(body, G, "nobody-knows-it", Learned(thinking="never")) == ({"contents": []}, ["thinking off"])


def test_a_schema_that_a_model_takes_stays():
    body = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}
    assert told(body, O, "gpt-4o") == (body, [])


# --- what was learnt


@pytest.mark.parametrize(
    ("protocol", "learned", "body", "out"),
    [
        (O, Learned(without=("seed", "reasoningEffort")), {"seed": 1, "reasoning_effort": "low", "n": 1}, {"n": 1}),
        (A, Learned(without=("effort",)), {"output_config": {"effort": "low"}}, {}),
        (
            G,
            Learned(without=("topK",)),
            {"generationConfig": {"topK": 1, "topP": 1}},
            {"generationConfig": {"topP": 1}},
        ),
        (O, Learned(completion_tokens=True), {"max_tokens": 5}, {"max_completion_tokens": 5}),
        (O, Learned(max_output=4_000), {"max_tokens": 5_000}, {"max_tokens": 4_000}),
        (
            O,
            Learned(chat_tools=False),
            {"reasoning_effort": "high", "tools": [{}]},
            {"reasoning_effort": "none", "tools": [{}]},
        ),
        (A, Learned(only_one=True), {"temperature": 1, "top_p": 1}, {"temperature": 1}),
        (A, Learned(thinking="never"), {"thinking": {"type": "adaptive"}}, {}),
        (
            A,
            Learned(thinking="adaptive"),
            {"thinking": {"type": "enabled", "budget_tokens": 2_000}},
            {"thinking": {"type": "adaptive"}},
        ),
        (O, Learned(efforts=("low", "high")), {"reasoning_effort": "medium"}, {"reasoning_effort": "low"}),
        (A, Learned(forced_tools="no"), {"tool_choice": {"type": "any"}}, {"tool_choice": {"type": "auto"}}),
    ],
)
def test_what_was_learnt_of_a_model_nobody_knows_is_heeded(protocol, learned, body, out):
    found, changes = told(body, protocol, "nobody-knows-it", learned)
    found.pop("system", None)
    assert found == out
    assert changes


# --- earlier thoughts

THOUGHT = {"type": "thinking", "thinking": "x", "signature": "abc"}


def conversation() -> list[dict[str, Any]]:
    return [
        *HI,
        {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "a"}]},
        {"role": "user", "content": 'the word "thinking"'},
        {"role": "assistant", "content": [THOUGHT]},
        {"role": "user", "content": [{"type": "text", "text": "b"}]},
    ]


def test_another_claude_model_does_not_get_the_first_ones_signed_thoughts():
    body = {"model": "claude-opus-5-5", "messages": conversation()}
    out, changes = told(body, A, "claude-opus-5")
    assert [m["content"] for m in out["messages"]] == [
        "hi",
        [{"type": "text", "text": "a"}],
        'the word "thinking"',
        [{"type": "text", "text": "b"}],
    ]
    assert changes == ["earlier thoughts left out"]


@pytest.mark.parametrize("model", ["claude-opus-5-5", "us.anthropic.claude-opus-5-5", "anthropic/claude-opus-5.5"])
def test_the_same_model_elsewhere_gets_its_own_thoughts_back(model):
    body = {"model": "claude-opus-5-5", "messages": conversation()}
    assert told(body, A, model) == (body, [])
    assert told(body, A, model, Learned(thoughts=False))[1] == ["earlier thoughts left out"]


@pytest.mark.parametrize(
    "messages", ['"thinking"', '[{"role": "assistant", "content": "\\"thinking\\""}]', '[1, "thinking"]']
)
def test_thoughts_are_left_alone_in_a_conversation_of_another_shape(messages):
    body = b'{"model": "a", "messages": ' + messages.encode() + b"}"
    assert adapted(body, A, "claude-opus-5", Learned())[0] == body


def test_another_makers_model_does_not_get_openais_encrypted_thoughts():
    reasoning = {"type": "reasoning", "id": "rs_1", "encrypted_content": "abc", "summary": []}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": '"reasoning"'}]}
    body = {"model": "gpt-6.2-sol", "input": [{"role": "user", "content": "hi"}, reasoning, said]}
    out, changes = told(body, R, "grok-4.7")
    assert out["input"] == [{"role": "user", "content": "hi"}, said]
    assert changes == ["earlier thoughts left out"]
    assert told(body, R, "gpt-6.1-sol")[0] == body
    assert told(body, R, "gpt-6.2-sol", Learned(thoughts=False))[1] == ["earlier thoughts left out"]


def test_gemini_is_given_the_documented_stand_in_for_a_signature_that_it_refused():
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "abc"}
    contents = [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"text": "x", "thought": True, "thoughtSignature": "a"}, call]},
        {"role": "model", "parts": [{"text": "y", "thought_signature": "a"}]},
        {"role": "model", "parts": [{"text": "z", "thought": True, "thoughtSignature": "a"}]},
    ]
    out, _ = told({"contents": contents}, G, "gemini-4-neon", Learned(thoughts=False))
    assert out["contents"] == [
        contents[0],
        {"role": "model", "parts": [{**call, "thoughtSignature": "skip_thought_signature_validator"}]},
        {"role": "model", "parts": [{"text": "y"}]},
    ]
    assert told(out, G, "gemini-4-neon", Learned(thoughts=False)) == (out, [])


# --- always


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"a":', b"\xff", b"[" * 3_000])
def test_what_is_no_object_goes_out_as_it_came(body):
    for protocol in (A, O, R, G, C):
        assert adapted(body, protocol, "claude-opus-5-5", Learned(without=("stop",)))[0] == body


@pytest.mark.parametrize(
    ("body", "protocol", "model"),
    [
        (rb'{"system":"a\ud800","tool_choice":{"type":"tool","name":"\udc00"}}', A, "claude-opus-5-5"),
        (rb'{"output_format":{"schema":{"a":"\udc00"}}}', A, "claude-opus-4-0"),
        (
            (
                rb'{"model":"claude-opus-4-8","messages":[{"role":"user","content":"\ud800"},'
                rb'{"role":"assistant","content":[{"type":"thinking","thinking":"\ud800"},{"type":"text","text":"x"}]}]}'
            ),
            A,
            "claude-opus-5",
        ),
    ],
)
def test_half_an_emoji_in_a_text_that_is_edited_is_no_stumbling_block(body, protocol, model):
    out, changes = adapted(body, protocol, model, Learned())
    assert changes
    assert isinstance(json.loads(out), dict)


@pytest.mark.parametrize(
    ("protocol", "name", "body"),
    [
        (O, "stop", {"model": "x", "messages": [], "stop": ["END"]}),
        (A, "stop_sequences", {"model": "x", "messages": [], "stop_sequences": ["END"]}),
        (G, "stopSequences", {"contents": [], "generationConfig": {"stopSequences": ["END"]}}),
    ],
)
def test_stop_sequences_that_a_model_refused_by_name_are_left_out_as_such_so_that_the_gateway_keeps_them(
    protocol, name, body
):
    assert told(body, protocol, "nobodys-model", Learned(without=(name,)))[1] == [STOPS_LEFT_OUT]


def test_a_body_that_fits_keeps_its_very_bytes():
    body = b'{ "model":"claude-opus-5-5" ,"max_tokens": 9000, "messages" : [ {"role":"user","content":"\\u00e9"} ]}'
    assert adapted(body, A, "claude-opus-5-5", Learned()) == (body, ())


def test_the_messages_keep_their_very_bytes_where_only_parameters_change():
    messages = b'[ {"role":"user","content":"\\u00e9 \\/ 1.0e3"} ]'
    out, _ = adapted(b'{"temperature":1,"messages":' + messages + b"}", A, "claude-opus-5-5", Learned())
    assert messages in out


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 10**6)
    | st.text(max_size=5)
    | st.sampled_from(["enabled", "adaptive", "any", "json_schema"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "effort", "name", "schema", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    (
        *("model", "messages", "system", "thinking", "output_config", "tool_choice", "max_tokens", "temperature"),
        *("max_completion_tokens", "top_p", "stop", "tools", "reasoning_effort", "reasoning", "response_format"),
        *("output_format", "text", "instructions", "generationConfig", "generation_config", "inferenceConfig"),
        *("systemInstruction", "additionalModelRequestFields"),
    )
)


@given(
    st.dictionaries(MEMBERS, JSON, max_size=6),
    st.sampled_from([A, Protocol.BEDROCK, Protocol.VERTEX, O, R, G, C]),
    st.sampled_from([*models(), "nobody-knows-it", ""]),
    st.sampled_from(
        [
            Learned(),
            Learned(without=("effort", "type")),
            Learned(thinking="never"),
            Learned(schema=False),
            Learned(forced_tools="no"),
        ]
    ),
    st.sampled_from([None, *Form]),
)
def test_whatever_a_body_holds_adapting_it_gives_json_and_doing_it_twice_changes_nothing_more(
    body, protocol, model, learned, form
):
    raw = json.dumps(body).encode()
    out, changes = adapted(raw, protocol, model, learned, goes_on=form)
    assert isinstance(json.loads(out), dict)
    assert bool(changes) or json.loads(out) == body or "thinking" in body
    again, _ = adapted(out, protocol, model, learned, goes_on=form)
    assert json.loads(again) == json.loads(out)
