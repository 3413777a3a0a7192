"""A neutral prompt as a request for Converse."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.converse.blocks_out import Blocks
from stillup.gateway.dialects.converse.names import checked_name
from stillup.gateway.dialects.converse.prompt_in import HINTS, NOT_THERE
from stillup.gateway.dialects.dialect import Losses
from stillup.gateway.dialects.lenient import as_object
from stillup.gateway.dialects.neutral import Call, Choose, Effort, Prompt, Thinking, Tool
from stillup.gateway.dialects.writing import Json, refuse_unshared

_FEW = {Effort.MINIMAL: Effort.LOW, Effort.XHIGH: Effort.HIGH, Effort.MAX: Effort.HIGH}
"""Where there are only low, medium and high."""
_BUDGETS = {Effort.LOW: 2048, Effort.MEDIUM: 8192, Effort.HIGH: 16384}
_ANYTHING = Raw(b'{"type":"object","properties":{}}')
_encode = msgspec.json.encode


def write_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The body, whose model is in the path. Raises Untranslatable."""
    refuse_unshared(prompt, Protocol.CONVERSE, "Converse")
    blocks = Blocks(prompt, losses)
    body: Json = {"messages": blocks.messages()}
    system = [part for text in prompt.system if text.text for part in ({"text": text.text}, *blocks.cache(text.cache))]
    if system:
        body["system"] = system
    body |= _inference(prompt, losses) | _tools(prompt, blocks, losses) | _schema(prompt)
    body |= _thinking(prompt.thinking, prompt.model, losses)
    for tool in prompt.server_tools:
        if tool.what != "systemTool":
            body |= as_object(tool.raw)
    for name, value in prompt.others.items():
        if name in HINTS and bytes(value)[:1] in {b"{", b"["}:  # Gemini's serviceTier is a word
            body[name] = value
        elif name != "store":
            losses.add(name)
    for name in prompt.unknown:
        losses.add(name)
    return _encode(body)


def _inference(prompt: Prompt, losses: Losses) -> Json:
    sampling = prompt.sampling
    said = {
        "maxTokens": prompt.max_tokens,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "stopSequences": prompt.stop or None,
    }
    for name in ("top_k", "frequency_penalty", "presence_penalty", "seed"):
        if getattr(sampling, name) is not None:
            losses.add(name)
    config = {name: value for name, value in said.items() if value is not None}
    return {"inferenceConfig": config} if config else {}


def count_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The body that has a prompt counted."""
    body = as_object(write_prompt(prompt, losses))
    counted = {name: body[name] for name in ("messages", "system", "toolConfig") if name in body}
    return _encode({"input": {"converse": counted}})


def _tools(prompt: Prompt, blocks: Blocks, losses: Losses) -> Json:
    """The tools. Bedrock has no word for calling none: they are left out then, which says the same.

    A history with calls is refused without their tools, so that those that are not offered are named all the same.
    """
    choice = prompt.tool_choice
    offered = () if choice is not None and choice.choose is Choose.NONE else prompt.tools
    rows: list[object] = []
    for n, tool in enumerate(offered):
        rows.append(_spec(tool, f"tools[{n}]", losses))
        rows += blocks.cache(tool.cache)
    names = {tool.name for tool in offered}
    if not rows:
        rows += ({"toolSpec": _stub(name)} for name in dict.fromkeys(_called(prompt)) if name not in names)
    rows += (Raw(tool.raw) for tool in prompt.server_tools if tool.what == "systemTool")
    if not rows:
        return {}
    config: Json = {"tools": rows}
    if choice is not None and offered:
        if choice.parallel is False:
            losses.add("one call at a time")
        config["toolChoice"] = {"tool": {"name": choice.name}} if choice.choose is Choose.ONE else {choice.choose: {}}
    return {"toolConfig": config}


def _spec(tool: Tool, where: str, losses: Losses) -> Json:
    if tool.strict:
        losses.add("strict tool arguments")
    spec: Json = {"name": checked_name(tool.name, where)}
    if tool.description:
        spec["description"] = tool.description
    return {"toolSpec": {**spec, "inputSchema": {"json": Raw(tool.schema) if tool.schema else _ANYTHING}}}


def _stub(name: str) -> Json:
    return {"name": name, "description": NOT_THERE, "inputSchema": {"json": _ANYTHING}}


def _called(prompt: Prompt) -> Iterator[str]:
    return (part.name for message in prompt.messages for part in message.parts if isinstance(part, Call))


def _schema(prompt: Prompt) -> Json:
    schema = prompt.schema
    if schema is None:
        return {}
    told: Json = {"schema": (schema.schema or b'{"type":"object"}').decode()}
    if schema.name:
        told["name"] = schema.name
    if schema.description:
        told["description"] = schema.description
    return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": told}}}}


def _thinking(thinking: Thinking, model: str, losses: Losses) -> Json:
    """Each maker's models have their own word for it, which Converse passes on to them."""
    off = thinking.on is False or thinking.effort is Effort.NONE
    if not off and not thinking.on and thinking.effort is None and thinking.budget_tokens is None:
        return {}
    effort = _FEW.get(thinking.effort, thinking.effort) if thinking.effort is not None else None
    more: Json = {}
    if "claude" in model:
        if not off:
            tokens = thinking.budget_tokens or _BUDGETS.get(effort or Effort.MEDIUM, 8192)
            more = {"thinking": {"type": "enabled", "budget_tokens": tokens}}
    elif "nova-2" in model:
        how: Json = {"type": "enabled", "maxReasoningEffort": effort or Effort.MEDIUM}
        more = {"reasoningConfig": {"type": "disabled"} if off else how}
    elif "gpt-" in model:
        more = {"reasoning_effort": Effort.LOW if off else effort or Effort.MEDIUM}
    elif not off:
        losses.add("thinking")
    return {"additionalModelRequestFields": more} if more else {}
