"""A neutral prompt as a request for generateContent."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.gemini.names import BUDGETS, LEVELS, is_early
from stillup.gateway.dialects.gemini.parts_out import Contents
from stillup.gateway.dialects.gemini.prompt_in import HINTS
from stillup.gateway.dialects.lenient import as_object
from stillup.gateway.dialects.neutral import (
    Choose,
    Effort,
    Foreign,
    Prompt,
    Schema,
    Thinking,
    Tool,
    ToolChoice,
)
from stillup.gateway.dialects.writing import Json, refuse_unshared

_MOST_STOPS = 5
_LEVEL_OF = {effort: level for level, effort in LEVELS.items()} | {Effort.XHIGH: "HIGH", Effort.MAX: "HIGH"}
_IN_BODY = frozenset({"safetySettings", "labels", "serviceTier"})
_encode = msgspec.json.encode


def write_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The body. Raises Untranslatable."""
    _refuse(prompt)
    body: Json = {"contents": Contents(prompt, losses).write()}
    if prompt.system:
        body["systemInstruction"] = {"parts": [{"text": text.text} for text in prompt.system]}
        if any(text.cache for text in prompt.system):
            losses.add("cache marker")
    body |= _tools(prompt, losses)
    options = _options(prompt, losses)
    for name, value in prompt.others.items():
        if name == "store":
            continue
        if name not in HINTS:
            losses.add(name)
        elif name in _IN_BODY:
            body[name] = value
        else:
            options[name] = value
    for tool in filter(_is_of_form, prompt.server_tools):
        (body if tool.what == "cachedContent" else options).update(as_object(tool.raw))
    for name in prompt.unknown:
        losses.add(name)
    if options:
        body["generationConfig"] = options
    return _encode(body)


def _is_of_form(tool: Foreign) -> bool:
    """It is no tool, and stands elsewhere in the body."""
    return tool.what == "cachedContent" or tool.what.startswith("generationConfig.")


def count_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The body that has a prompt counted: all of it, not only its contents."""
    request = as_object(write_prompt(prompt, losses))
    return _encode({"generateContentRequest": {"model": f"models/{prompt.model}", **request}})


def _refuse(prompt: Prompt) -> None:
    refuse_unshared(prompt, Protocol.GEMINI, "Gemini")
    if len(prompt.stop) > _MOST_STOPS:
        msg = f"stop: Gemini takes {_MOST_STOPS} stop sequences, not {len(prompt.stop)}"
        raise Untranslatable(msg)


def _tools(prompt: Prompt, losses: Losses) -> Json:
    tools = [_declared(tool, losses) for tool in prompt.tools]
    rows: list[object] = [{"functionDeclarations": tools}] if tools else []
    rows += [Raw(tool.raw) for tool in prompt.server_tools if not _is_of_form(tool)]
    written: Json = {"tools": rows} if rows else {}
    if prompt.tool_choice is not None and tools:
        written["toolConfig"] = {"functionCallingConfig": _calling(prompt.tool_choice, losses)}
    return written


def _declared(tool: Tool, losses: Losses) -> Json:
    declared: Json = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.schema:
        declared["parametersJsonSchema"] = Raw(tool.schema)
    if tool.cache is not None:
        losses.add("cache marker")
    if tool.strict:
        losses.add("strict tool arguments")
    return declared


def _calling(choice: ToolChoice, losses: Losses) -> Json:
    if choice.parallel is False:
        losses.add("one call at a time")
    if choice.choose is Choose.ONE:
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    return {"mode": {Choose.ANY: "ANY", Choose.NONE: "NONE"}.get(choice.choose, "AUTO")}


def _options(prompt: Prompt, losses: Losses) -> Json:
    sampling = prompt.sampling
    found: Json = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "frequencyPenalty": sampling.frequency_penalty,
        "presencePenalty": sampling.presence_penalty,
        "seed": sampling.seed,
        "maxOutputTokens": prompt.max_tokens,
        "stopSequences": prompt.stop or None,
        "thinkingConfig": _thinking(prompt.thinking, prompt.model, losses) or None,
    }
    options = {name: value for name, value in found.items() if value is not None}
    if prompt.schema is not None:
        options |= _schema(prompt.schema)
    return options


def _schema(schema: Schema) -> Json:
    written: Json = {"responseMimeType": "application/json"}
    if schema.schema:
        written["responseJsonSchema"] = Raw(schema.schema)
    return written


def _thinking(thinking: Thinking, model: str, losses: Losses) -> Json:
    """A budget or a level: Gemini refuses both at once, and models before 3 know no level."""
    config: Json = {} if thinking.shown is None else {"includeThoughts": thinking.shown}
    early = is_early(model)
    effort = thinking.effort
    if thinking.on is False or effort is Effort.NONE:
        if early or "gemini-" not in model:
            return config | {"thinkingBudget": 0}
        losses.add("thinking off")
        return config | {"thinkingLevel": "MINIMAL" if "flash" in model else "LOW"}
    if effort in {Effort.XHIGH, Effort.MAX}:
        losses.add(f"effort {effort}")
        effort = Effort.HIGH
    if effort is not None and not (early and thinking.budget_tokens):
        if early:
            return config | {"thinkingBudget": BUDGETS[effort]}
        if thinking.budget_tokens is not None:
            losses.add("thinking budget")
        return config | {"thinkingLevel": _LEVEL_OF[effort]}
    if thinking.budget_tokens is not None:
        return config | {"thinkingBudget": thinking.budget_tokens}
    return config | {"thinkingBudget": -1} if thinking.on else config
