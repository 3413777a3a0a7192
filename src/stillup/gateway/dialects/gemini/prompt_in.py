"""A request for generateContent, read: every member under its camelCase or its snake_case name."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.gemini.names import LEVELS, camel, members, read
from stillup.gateway.dialects.gemini.parts_in import Parts
from stillup.gateway.dialects.gemini.schemas import json_schema
from stillup.gateway.dialects.lenient import NULL
from stillup.gateway.dialects.neutral import (
    Choose,
    Foreign,
    Message,
    Prompt,
    Role,
    Sampling,
    Schema,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)

_HINTS = frozenset({"safetySettings", "labels", "serviceTier", "store"})
_CONFIG_HINTS = frozenset(
    {"mediaResolution", "speechConfig", "audioTimestamp", "enableEnhancedCivicAnswers", "routingConfig", "imageConfig"}
    | {"modelSelectionConfig", "enableAffectiveDialog"}
)
HINTS = _HINTS | _CONFIG_HINTS
"""What only says how, and is left out elsewhere."""
_KNOWN = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "cachedContent", "model"}
)
_ROLES = {
    "": Role.USER,
    "user": Role.USER,
    "function": Role.USER,
    "tool": Role.USER,
    "model": Role.ASSISTANT,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
}
_MODES = {"AUTO": Choose.AUTO, "VALIDATED": Choose.AUTO, "ANY": Choose.ANY, "NONE": Choose.NONE}


class _Content(Struct, gc=False):
    role: str | None = None
    parts: list[dict[str, Raw]] | dict[str, Raw] | None = None


class _Config(Struct, gc=False, rename="camel"):
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    candidate_count: int | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    response_mime_type: str | None = None
    response_schema: Raw = NULL
    response_json_schema: Raw = NULL
    response_modalities: list[str] | None = None
    response_format: Raw = NULL
    thinking_config: Raw = NULL


class _Thinking(Struct, gc=False, rename="camel"):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


class _Declared(Struct, gc=False, rename="camel"):
    name: str
    description: str | None = None
    parameters: Raw = NULL
    parameters_json_schema: Raw = NULL


class _Calling(Struct, gc=False, rename="camel"):
    mode: str | None = None
    allowed_function_names: list[str] | None = None


_contents = msgspec.json.Decoder(list[_Content] | _Content).decode
_content = msgspec.json.Decoder(_Content | str).decode
_objects = msgspec.json.Decoder(list[Raw] | dict[str, Raw]).decode
_config = msgspec.json.Decoder(_Config).decode
_thinking = msgspec.json.Decoder(_Thinking).decode
_declared = msgspec.json.Decoder(_Declared).decode
_calling = msgspec.json.Decoder(_Calling).decode
_encode = msgspec.json.encode
_KNOWN_CONFIG = frozenset(camel(name) for name in _Config.__struct_fields__)


def read_prompt(ask: Ask) -> Prompt:
    """What a client asks of generateContent, or has counted. Raises Untranslatable and NoJson."""
    body = members(ask.body)
    if ask.operation is Operation.COUNT_TOKENS and "generateContentRequest" in body:
        body = members(body["generateContentRequest"], "generateContentRequest")
    if "contents" not in body:
        msg = "contents: must be an array"
        raise Untranslatable(msg)
    options = members(body.get("generationConfig", Raw(b"{}")), "generationConfig")
    config = read(_config, _encode(options), "generationConfig")
    schema, only_here = _schema(config, options)
    if "cachedContent" in body:
        only_here.append(Foreign(origin=Protocol.GEMINI, what="cachedContent", raw=_only(body, "cachedContent")))
    tools, server_tools = _tools(body.get("tools"))
    tools, choice = _choice(body.get("toolConfig"), tools)
    others = {name: body[name] for name in body if name in _HINTS}
    return Prompt(
        model=ask.model.removeprefix("models/"),
        system=_system(body.get("systemInstruction")),
        messages=_messages(body["contents"]),
        tools=tools,
        server_tools=(*server_tools, *only_here),
        tool_choice=choice,
        schema=schema,
        thinking=_thinking_of(config.thinking_config),
        sampling=_sampling(config),
        max_tokens=config.max_output_tokens,
        stop=tuple(config.stop_sequences or ()),
        count=config.candidate_count or 1,
        logprobs=(config.logprobs or 0) if config.response_logprobs else None,
        stream=ask.stream,
        others=others | {name: options[name] for name in options if name in _CONFIG_HINTS},
        unknown=(
            *(name for name in body if name not in _KNOWN | _HINTS),
            *(f"generationConfig.{name}" for name in options if name not in _KNOWN_CONFIG | _CONFIG_HINTS),
        ),
    )


def _messages(raw: Raw) -> tuple[Message, ...]:
    found = read(_contents, raw, "contents")
    reader = Parts()
    messages = []
    for n, content in enumerate(found if isinstance(found, list) else [found]):
        role = _ROLES.get(content.role or "")
        if role is None:
            msg = f"contents[{n}].role: must be user or model"
            raise Untranslatable(msg)
        parts = content.parts if isinstance(content.parts, list) else [content.parts or {}]
        where = f"contents[{n}].parts"
        read_parts = tuple(p for i, part in enumerate(parts) for p in reader.read(part, f"{where}[{i}]"))
        if read_parts:
            messages.append(Message(role=role, parts=read_parts))
    return tuple(messages)


def _system(raw: Raw | None) -> tuple[Text, ...]:
    if raw is None:
        return ()
    found = read(_content, raw, "systemInstruction")
    if isinstance(found, str):
        return (Text(text=found),)
    parts = found.parts if isinstance(found.parts, list) else [found.parts or {}]
    texts = []
    reader = Parts()
    for n, part in enumerate(parts):
        for read_part in reader.read(part, f"systemInstruction.parts[{n}]"):
            if not isinstance(read_part, Text):
                msg = f"systemInstruction.parts[{n}]: must be text"
                raise Untranslatable(msg)
            texts.append(read_part)
    return tuple(texts)


def _tools(raw: Raw | None) -> tuple[tuple[Tool, ...], tuple[Foreign, ...]]:
    tools: list[Tool] = []
    foreign = []
    for n, one in enumerate(_listed(raw, "tools")):
        for name, value in members(one, f"tools[{n}]").items():
            where = f"tools[{n}].{name}"
            if name == "functionDeclarations":
                tools += (_tool(d, f"{where}[{i}]") for i, d in enumerate(_listed(value, where)))
            else:
                foreign.append(Foreign(origin=Protocol.GEMINI, what=name, raw=_encode({name: value})))
    return tuple(tools), tuple(foreign)


def _listed(raw: Raw | None, where: str) -> Iterator[Raw]:
    """The elements of a list; a single object counts as a list of one, as it does there."""
    if raw is not None:
        found = read(_objects, raw, where)
        yield from found if isinstance(found, list) else [raw]


def _tool(raw: Raw, where: str) -> Tool:
    found = read(_declared, _encode(members(raw, where)), where)
    schema = b""
    if found.parameters_json_schema != NULL:
        schema = bytes(found.parameters_json_schema)
    elif found.parameters != NULL:
        schema = json_schema(found.parameters, f"{where}.parameters")
    return Tool(name=found.name, description=found.description or "", schema=schema)


def _choice(raw: Raw | None, tools: tuple[Tool, ...]) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The choice, and the tools that may be chosen."""
    inner = members(raw, "toolConfig").get("functionCallingConfig") if raw is not None else None
    if inner is None:
        return tools, None
    where = "toolConfig.functionCallingConfig"
    found = read(_calling, _encode(members(inner, where)), where)
    mode = (found.mode or "MODE_UNSPECIFIED").upper()
    if mode not in _MODES and mode != "MODE_UNSPECIFIED":
        msg = f"{where}.mode: must be AUTO, ANY, NONE or VALIDATED"
        raise Untranslatable(msg)
    if mode not in _MODES:
        return tools, None
    return _allowed(tools, _MODES[mode], found.allowed_function_names or [])


def _allowed(tools: tuple[Tool, ...], choose: Choose, names: list[str]) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Where only some may be called the others are left out, which says the same in every dialect."""
    if choose is Choose.ANY and len(names) == 1:
        return tools, ToolChoice(choose=Choose.ONE, name=names[0])
    if names and choose is not Choose.NONE:
        tools = tuple(tool for tool in tools if tool.name in names)
    return tools, ToolChoice(choose=choose)


def _schema(config: _Config, options: dict[str, Raw]) -> tuple[Schema | None, list[Foreign]]:
    """The schema, and what of the answer's form only Gemini knows."""
    only_here = []
    if config.response_format != NULL:
        only_here.append(_option("responseFormat", options))
    if {mode.upper() for mode in config.response_modalities or ()} - {"TEXT", "MODALITY_UNSPECIFIED"}:
        only_here.append(_option("responseModalities", options))
    kind = config.response_mime_type
    if kind in {None, "", "text/plain"}:
        return None, only_here
    if kind != "application/json":
        return None, [*only_here, _option("responseMimeType", options, "responseSchema", "responseJsonSchema")]
    if config.response_json_schema != NULL:
        return Schema(schema=bytes(config.response_json_schema), strict=True), only_here
    if config.response_schema != NULL:
        schema = json_schema(config.response_schema, "generationConfig.responseSchema")
        return Schema(schema=schema, strict=True), only_here
    return Schema(), only_here


def _option(name: str, options: dict[str, Raw], *with_it: str) -> Foreign:
    raw = _only(options, name, *with_it)
    return Foreign(origin=Protocol.GEMINI, what=f"generationConfig.{name}", raw=raw)


def _only(inside: dict[str, Raw], *names: str) -> bytes:
    return _encode({name: inside[name] for name in names if name in inside})


def _thinking_of(raw: Raw) -> Thinking:
    if raw == NULL:
        return Thinking()
    where = "generationConfig.thinkingConfig"
    found = read(_thinking, _encode(members(raw, where)), where)
    effort = LEVELS.get((found.thinking_level or "").upper())
    budget = found.thinking_budget
    on = None if effort is None and budget is None else budget != 0
    tokens = budget if budget is not None and budget > 0 else None  # -1: as many as it likes
    return Thinking(on=on, budget_tokens=tokens, effort=effort, shown=found.include_thoughts)


def _sampling(config: _Config) -> Sampling:
    return Sampling(
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=None if config.top_k is None else round(config.top_k),
        frequency_penalty=config.frequency_penalty,
        presence_penalty=config.presence_penalty,
        seed=config.seed,
    )
