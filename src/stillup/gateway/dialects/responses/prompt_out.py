"""A neutral prompt as a request of Responses."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from stillup.gateway.dialects.dialect import Losses
from stillup.gateway.dialects.neutral import Choose, Effort, Prompt, Schema, Text, Thinking, Tool, ToolChoice
from stillup.gateway.dialects.responses.items_out import ME, items_of
from stillup.gateway.dialects.responses.tools_in import SEARCH
from stillup.gateway.dialects.writing import Json, refuse_unshared

LEAST_TOKENS = 16
"""A lower ``max_output_tokens`` is refused by OpenAI (``integer_below_min_value``)."""
_TIERS = frozenset({b'"auto"', b'"default"', b'"flex"', b'"priority"', b'"scale"'})
_CARRIED = frozenset({"user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"})
"""Hints that are the same wherever they are called so: Chat has most of them too."""
_MAX_PAIRS = 16
_COUNTED = frozenset(
    {"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text"}
)
"""What a request to count tokens may hold."""
_EFFORT_BY_BUDGET = ((2_048, Effort.LOW), (12_288, Effort.MEDIUM))
_pairs = msgspec.json.Decoder(dict[str, str]).decode
_encode = msgspec.json.encode


def write_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The body. Raises Untranslatable."""
    return _encode(_body(prompt, losses))


def count_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The body of a request to count the prompt's tokens. Raises Untranslatable."""
    body = _body(prompt, losses)
    return _encode({name: value for name, value in body.items() if name in _COUNTED})


def _body(prompt: Prompt, losses: Losses) -> Json:
    refuse_unshared(prompt, ME, "Responses")
    body: Json = {"model": prompt.model}
    items = items_of(prompt.messages, losses)
    if prompt.system:
        _add_system(body, items, prompt.system, losses)
    body["input"] = items
    if prompt.max_tokens is not None:
        body["max_output_tokens"] = max(prompt.max_tokens, LEAST_TOKENS)
        if prompt.max_tokens < LEAST_TOKENS:
            losses.add(f"a limit below {LEAST_TOKENS} tokens")
    _add_tools(body, prompt, losses)
    _add_thinking(body, prompt.thinking, losses)
    _add_text(body, prompt)
    _add_sampling(body, prompt, losses)
    if prompt.stream:
        body["stream"] = True
    _add_others(body, prompt, losses)
    return body


def _add_system(body: Json, items: list[Any], system: tuple[Text, ...], losses: Losses) -> None:
    if any(text.cache is not None for text in system):
        losses.add("cache marker")
    if len(system) == 1:
        body["instructions"] = system[0].text
    else:
        content = [{"type": "input_text", "text": text.text} for text in system]
        items.insert(0, {"type": "message", "role": "developer", "content": content})


def _add_tools(body: Json, prompt: Prompt, losses: Losses) -> None:
    tools: list[Any] = [_tool(tool, losses) for tool in prompt.tools]
    tools += [Raw(tool.raw) for tool in prompt.server_tools]
    if SEARCH in prompt.others and bytes(prompt.others[SEARCH]).startswith(b"{"):
        tools.append(prompt.others[SEARCH])
    if tools:
        body["tools"] = tools
    choice = prompt.tool_choice
    if choice is None:
        return
    if tools or choice.choose is not Choose.NONE:
        body["tool_choice"] = _choice(choice)
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel


def _tool(tool: Tool, losses: Losses) -> Json:
    if tool.cache is not None:
        losses.add("cache marker")
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": Raw(tool.schema) if tool.schema else {"type": "object", "properties": {}},
        "strict": bool(tool.strict),  # here, and only here, a tool is strict where nothing is said
    }


def _choice(choice: ToolChoice) -> Any:  # noqa: ANN401 - JSON
    match choice.choose:
        case Choose.ONE:
            return {"type": "function", "name": choice.name}
        case Choose.ANY:
            return "required"
    return choice.choose.value


def _add_thinking(body: Json, thinking: Thinking, losses: Losses) -> None:
    reasoning: dict[str, str] = {}
    effort = thinking.effort
    if thinking.on is False:
        effort = Effort.NONE
    elif effort is None and thinking.budget_tokens is not None:
        effort = next((word for most, word in _EFFORT_BY_BUDGET if thinking.budget_tokens <= most), Effort.HIGH)
        losses.add("thinking budget")
    if effort is not None:
        reasoning["effort"] = effort.value
    if thinking.shown:
        reasoning["summary"] = "auto"
    if reasoning:
        body["reasoning"] = reasoning


def _add_text(body: Json, prompt: Prompt) -> None:
    text: Json = {}
    if prompt.schema is not None:
        text["format"] = _format(prompt.schema)
    if "verbosity" in prompt.others:
        text["verbosity"] = prompt.others["verbosity"]
    if text:
        body["text"] = text


def _format(schema: Schema) -> Json:
    if not schema.schema:
        return {"type": "json_object"}
    wanted: Json = {"type": "json_schema", "name": schema.name or "answer", "schema": Raw(schema.schema)}
    if schema.description:
        wanted["description"] = schema.description
    if schema.strict is not None:
        wanted["strict"] = schema.strict
    return wanted


def _add_sampling(body: Json, prompt: Prompt, losses: Losses) -> None:
    sampling = prompt.sampling
    for name in ("temperature", "top_p"):
        if getattr(sampling, name) is not None:
            body[name] = getattr(sampling, name)
    for name in ("top_k", "frequency_penalty", "presence_penalty", "seed"):
        if getattr(sampling, name) is not None:
            losses.add(name)


def _add_others(body: Json, prompt: Prompt, losses: Losses) -> None:
    # Nobody but a client of OpenAI's has asked for its answers to be kept there, which is what happens unasked.
    body["store"] = prompt.others.get("store", False)
    for name, value in prompt.others.items():
        if name in {"store", "verbosity", SEARCH}:
            continue
        if (
            name in _CARRIED
            or (name == "service_tier" and bytes(value) in _TIERS)
            or (name == "metadata" and _is_kept(prompt) and _is_metadata(value))
        ):
            body[name] = value
        else:
            losses.add(name)
    for name in prompt.unknown:
        losses.add(name)


def _is_kept(prompt: Prompt) -> bool:
    """Metadata is for finding an answer again where it is kept."""
    return bytes(prompt.others.get("store", b"")) == b"true"


def _is_metadata(value: Raw) -> bool:
    try:
        return len(_pairs(value)) <= _MAX_PAIRS
    except msgspec.DecodeError:
        return False
