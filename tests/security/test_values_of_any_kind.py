"""Every value of a request replaced by one of another kind: refused or passed on, and never a mistake of ours."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from stillup.gateway.core.values import Ask, Form, Operation, Protocol
from stillup.gateway.dialects.adapting import Learned, adapted
from stillup.gateway.dialects.dialect import Losses, Stamp, Untranslatable, dialect_of
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.needs import needs
from stillup.gateway.dialects.tool_names import fitted

ODD = [[], [{}], {"type": []}, -1.5, True, None, "x"]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "enum": ["b"]}}, "required": ["a"]}
CALL = {"name": "f", "arguments": "{}"}
TEXT = {"type": "text", "text": "x"}
PNG, PDF = "data:image/png;base64,AA==", "data:application/pdf;base64,AA=="
BODIES = {
    Protocol.ANTHROPIC: {
        "model": "claude-opus-4-5",
        "max_tokens": 900,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "output_config": {"effort": "max", "format": {"type": "json_schema", "schema": SCHEMA}},
        "tool_choice": {"type": "tool", "name": "f"},
        "stop_sequences": ["a"],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                    {"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": True}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "x"},
                    {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [TEXT]}]},
        ],
        "tools": [{"name": "f", "input_schema": SCHEMA}, {"type": "web_search_20250305", "name": "web_search"}],
        "metadata": {"user_id": "u"},
    },
    Protocol.OPENAI: {
        "model": "gpt-5.4",
        "max_tokens": 9,
        "reasoning_effort": "high",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}]},
            {"role": "user", "content": [{"type": "file", "file": {"filename": "a", "file_data": PDF}}]},
            {"role": "assistant", "tool_calls": [{"id": "t", "type": "function", "function": CALL}]},
            {"role": "tool", "tool_call_id": "t", "content": "x"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
        "stream_options": {"include_usage": True},
        "stop": ["a"],
    },
    Protocol.RESPONSES: {
        "model": "gpt-5.4",
        "instructions": "s",
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        "tool_choice": {"type": "function", "name": "f"},
        "include": ["reasoning.encrypted_content"],
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": PNG}]},
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text"}], "encrypted_content": "x"},
            {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "t", "output": [{"type": "input_text", "text": "x"}]},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}, {"type": "web_search"}],
    },
    Protocol.GEMINI: {
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}, {"text": "a"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "x"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": 1}}}]},
        ],
        "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": SCHEMA}]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "responseMimeType": "application/json",
            "responseSchema": SCHEMA,
            "thinkingConfig": {"thinkingLevel": "high", "includeThoughts": True},
            "stopSequences": ["a"],
        },
    },
}  # fmt: skip
OTHERS = [*BODIES, Protocol.CONVERSE]
MODELS = {
    Protocol.ANTHROPIC: ["claude-opus-4-1", "claude-opus-4-6"],
    Protocol.OPENAI: ["gpt-4.1", "o3"],
    Protocol.RESPONSES: ["gpt-4.1", "o3"],
    Protocol.GEMINI: ["gemini-2.5-pro", "gemini-3-pro"],
}
TAUGHT = [
    Learned(),
    Learned(thinking="never", schema=False, forced_tools="no", chat_tools=False, thoughts=False),
    Learned(thinking="adaptive", efforts=("low", "high"), forced_tools="not_thinking", without=("effort", "stop")),
    Learned(thinking="enabled", only_one=True, completion_tokens=True, max_output=5),
]


def changed(value):
    """``value`` with each of its places taken by something odd, one at a time."""
    yield from ODD
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        for odd in changed(inner):
            copy = value.copy()
            copy[key] = odd
            yield copy


def walked(protocol, body):
    """All that is done with a request whatever it holds."""
    ask = Ask(
        protocol=protocol, operation=Operation.GENERATE, method="POST", path="/", body=body, model="m", stream=True
    )
    needs(ask)
    dialect = dialect_of(protocol)
    for act in (lambda: dialect.go_on(body, "half", Form.PREFILL, 5), lambda: dialect.cleaned(body)):
        with suppress(NoJson, Untranslatable):
            act()
    for model in MODELS[protocol]:
        for learned in TAUGHT:
            adapted(body, protocol, model, learned, goes_on=Form.PREFILL)
    with suppress(NoJson, Untranslatable):
        dialect.writer(ask, Stamp(id="a", created_s=1))
        prompt = dialect.read_prompt(ask)
        for other in OTHERS:
            with suppress(NoJson, Untranslatable):
                dialect_of(other).write_prompt(fitted(prompt, other)[0], Losses())


@pytest.mark.parametrize("protocol", BODIES, ids=str)
def test_a_value_of_another_kind_in_any_place_is_no_mistake_of_ours(protocol):
    wrong = {}
    for body in changed(BODIES[protocol]):
        try:
            walked(protocol, json.dumps(body).encode())
        except Exception as exc:  # noqa: BLE001 - each kind is shown once
            at = exc.__traceback__
            while at.tb_next is not None:
                at = at.tb_next
            wrong.setdefault(f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno} {exc!r}", body)
    assert wrong == {}
