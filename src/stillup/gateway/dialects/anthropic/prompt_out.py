"""A neutral prompt as a request to an Anthropic upstream."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw

from stillup.gateway.dialects.anthropic.blocks_out import ME, Ids, block_out, marked
from stillup.gateway.dialects.anthropic.thinking_out import thinking_out
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.neutral import (
    Choose,
    Message,
    Prompt,
    Result,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)
from stillup.gateway.dialects.writing import Json, refuse_unshared

DEFAULT_MAX_TOKENS = 32_000
"""Anthropic wants a limit, others do not. It is lowered to what the model can write (``adapting``)."""
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NO_SCHEMA = Raw(b'{"type":"object","properties":{}}')
_CHOICES = {Choose.AUTO: "auto", Choose.ANY: "any", Choose.ONE: "tool", Choose.NONE: "none"}
_HINTS = {"metadata": "metadata", "user": "user id", "service_tier": "service tier", "safety_identifier": "user id"}
_FALSE = Raw(b"false")
_encode = msgspec.json.encode


def write_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The body. Raises Untranslatable where its meaning would change."""
    body = _shared(prompt, losses)
    body["max_tokens"] = DEFAULT_MAX_TOKENS if prompt.max_tokens is None else prompt.max_tokens
    _sample(prompt.sampling, body, losses)
    if prompt.stop:
        body["stop_sequences"] = _stop(prompt.stop)
    thinking_out(prompt, body, losses)
    if prompt.stream:
        body["stream"] = True
    return _encode(body)


def count_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The request that counts the prompt's tokens: what would be read, without what bounds the answer."""
    body = _shared(prompt, losses)
    thinking_out(prompt, body, losses)
    return _encode(body)


def _shared(prompt: Prompt, losses: Losses) -> Json:
    refuse_unshared(prompt, ME, "Anthropic")
    body: Json = {"model": prompt.model}
    ids = Ids()
    messages = _turns(prompt, ids, losses)
    system = [block_out(text, f"system[{n}]", ids, losses) for n, text in enumerate(prompt.system) if text.text]
    if len(system) == 1 and prompt.system[0].cache is None:
        body["system"] = prompt.system[0].text
    elif system:
        body["system"] = system
    body["messages"] = messages
    _tools(prompt, body)
    if prompt.schema is not None:
        if not prompt.schema.schema:
            msg = "JSON of any shape cannot be asked of Anthropic; a JSON schema can"
            raise Untranslatable(msg)
        if prompt.schema.name or prompt.schema.description:
            losses.add("name of the JSON schema")
        body["output_config"] = {"format": {"type": "json_schema", "schema": Raw(prompt.schema.schema)}}
    for name, value in prompt.others.items():
        if name == "anthropic_version" or (name == "store" and value == _FALSE):  # nothing is kept here
            continue
        losses.add(_HINTS.get(name, name))
    for name in prompt.unknown:
        losses.add(name)
    return body


def _turns(prompt: Prompt, ids: Ids, losses: Losses) -> list[Json]:
    """Messages in turns: neighbours of one role become one, and results stand first in theirs, as they must."""
    turns: list[tuple[str, list[Any]]] = []
    for n, message in enumerate(prompt.messages):
        blocks = _blocks(message, f"messages[{n}]", ids, losses)
        if not blocks:
            continue
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, blocks))
    if turns and turns[-1][0] == "assistant":
        _strip_end(turns[-1][1])
    return [{"role": role, "content": _content(role, blocks)} for role, blocks in turns]


def _strip_end(blocks: list[Any]) -> None:
    """A beginning that the answer goes on from must not end in white space there."""
    last = blocks[-1]
    if isinstance(last, dict) and last.get("type") == "text" and last["text"].strip():
        last["text"] = last["text"].rstrip()


def _content(role: str, blocks: list[Any]) -> object:
    if role == "user" and len(blocks) > 1:
        blocks.sort(key=lambda block: not _is_result(block))
    only = blocks[0]
    if len(blocks) == 1 and isinstance(only, dict) and only.keys() == {"type", "text"}:
        return only["text"]
    return blocks


def _is_result(block: object) -> bool:
    if isinstance(block, dict):
        return block.get("type") == "tool_result"
    return isinstance(block, Raw) and b'"tool_result"' in bytes(block)


def _blocks(message: Message, where: str, ids: Ids, losses: Losses) -> list[Json | Raw]:
    if message.name:
        losses.add("a speaker's name")
    if message.role is Role.SYSTEM:
        # Only some models take the role inside a conversation. All of them read its words where they stand.
        losses.add("the system's role inside the conversation")
        said = "\n\n".join(part.text for part in message.parts if isinstance(part, Text))
        return [{"type": "text", "text": f"<system>\n{said}\n</system>"}] if said else []
    blocks = []
    for n, part in enumerate(message.parts):
        if isinstance(part, Result) and message.role is Role.ASSISTANT:
            msg = f"{where}.content[{n}]: a tool's result is the user's to give"
            raise Untranslatable(msg)
        block = block_out(part, f"{where}.content[{n}]", ids, losses)
        if block is not None:
            blocks.append(block)
    return blocks


def _tools(prompt: Prompt, body: Json) -> None:
    tools: list[object] = [_tool(tool, n) for n, tool in enumerate(prompt.tools)]
    for foreign in prompt.server_tools:
        if foreign.what in {"mcp_servers", "container"}:
            body[foreign.what] = Raw(foreign.raw)
        else:
            tools.append(Raw(foreign.raw))
    if tools:
        body["tools"] = tools
    choice = prompt.tool_choice
    if choice is not None and (tools or choice.choose in {Choose.ANY, Choose.ONE}):
        body["tool_choice"] = _choice(choice)


def _tool(tool: Tool, n: int) -> Json:
    if not _TOOL_NAME.fullmatch(tool.name):
        msg = f"tools[{n}].name: Anthropic takes 1 to 128 letters, digits, _ and - as a name"
        raise Untranslatable(msg)
    written: Json = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["input_schema"] = Raw(tool.schema) if tool.schema else _NO_SCHEMA
    if tool.strict is not None:
        written["strict"] = tool.strict
    return marked(written, tool.cache)


def _choice(choice: ToolChoice) -> Json:
    written: Json = {"type": _CHOICES[choice.choose]}
    if choice.choose is Choose.ONE:
        written["name"] = choice.name
    if choice.parallel is not None and choice.choose is not Choose.NONE:
        written["disable_parallel_tool_use"] = not choice.parallel
    return written


def _sample(sampling: Sampling, body: Json, losses: Losses) -> None:
    if sampling.temperature is not None:
        if sampling.temperature > 1:
            losses.add("temperature above 1")
        body["temperature"] = min(sampling.temperature, 1.0)
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        body["top_k"] = sampling.top_k
    for name in ("frequency_penalty", "presence_penalty", "seed"):
        if getattr(sampling, name) is not None:
            losses.add(name)


def _stop(stop: tuple[str, ...]) -> list[str]:
    for n, sequence in enumerate(stop):
        if not sequence.strip():
            msg = f"stop[{n}]: Anthropic takes no stop sequence of white space alone"
            raise Untranslatable(msg)
    return list(stop)
