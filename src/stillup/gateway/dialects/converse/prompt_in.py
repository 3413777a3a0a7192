"""A request for Converse, read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.converse.blocks_in import Blocks
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, as_object
from stillup.gateway.dialects.neutral import (
    Choose,
    Effort,
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
from stillup.gateway.dialects.typed import typed

NOT_THERE = "It was called earlier in this conversation and is not there any more. Do not call it."
"""Describes a tool that is only named because its calls stand in the history, which must have them declared."""
HINTS = frozenset({"requestMetadata", "serviceTier", "performanceConfig", "additionalModelResponseFieldPaths"})
_KNOWN = frozenset(
    {"messages", "system", "inferenceConfig", "toolConfig", "outputConfig", "additionalModelRequestFields", "modelId"}
)
_ONLY_HERE = ("guardrailConfig", "promptVariables")
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}


class _Message(Struct, gc=False):
    role: str
    content: list[dict[str, Raw]]


class _Inference(Struct, gc=False, rename="camel"):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None


class _InputSchema(Struct, gc=False):
    json: Raw = NULL


class _Spec(Struct, gc=False, rename="camel"):
    name: str
    description: str | None = None
    input_schema: _InputSchema | None = None
    strict: bool | None = None


class _Named(Struct, gc=False):
    name: str = ""


class _Choice(Struct, gc=False):
    auto: Raw = NULL
    any: Raw = NULL
    tool: _Named | None = None


class _ToolConfig(Struct, gc=False, rename="camel"):
    tools: list[dict[str, Raw]] = []
    tool_choice: _Choice | None = None


class _JsonSchema(Struct, gc=False):
    schema: str
    name: str | None = None
    description: str | None = None


class _Structure(Struct, gc=False, rename="camel"):
    json_schema: _JsonSchema | None = None


class _Format(Struct, gc=False):
    structure: _Structure | None = None


class _Output(Struct, gc=False, rename="camel"):
    text_format: _Format | None = None
    effort: str | None = None


class _Claude(Struct, gc=False):
    type: str = ""
    budget_tokens: int | None = None


class _Nova(Struct, gc=False, rename="camel"):
    type: str = ""
    max_reasoning_effort: str | None = None


class _More(Struct, gc=False):
    """What models take beside what Converse has for all of them."""

    thinking: _Claude | None = None
    reasoning_config: _Nova | None = msgspec.field(name="reasoningConfig", default=None)
    reasoning_effort: str | None = None
    top_k: int | None = None


_messages = msgspec.json.Decoder(list[_Message]).decode
_blocks = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_inference = msgspec.json.Decoder(_Inference).decode
_tool_config = msgspec.json.Decoder(_ToolConfig).decode
_spec = msgspec.json.Decoder(_Spec).decode
_output = msgspec.json.Decoder(_Output).decode
_more = msgspec.json.Decoder(_More).decode
_encode = msgspec.json.encode


def read_prompt(ask: Ask) -> Prompt:
    """What is asked of Converse, or counted. Raises Untranslatable and NoJson."""
    body = _body(ask)
    if "messages" not in body:
        msg = "messages: must be an array"
        raise Untranslatable(msg)
    inference = typed(_inference, _of(body, "inferenceConfig"), "inferenceConfig")
    output = typed(_output, _of(body, "outputConfig"), "outputConfig")
    more = typed(_more, _of(body, "additionalModelRequestFields"), "additionalModelRequestFields")
    tools, server_tools, choice = _tools(body)
    server_tools += tuple(
        Foreign(origin=Protocol.CONVERSE, what=name, raw=_encode({name: body[name]}))
        for name in _ONLY_HERE
        if name in body
    )
    return Prompt(
        model=ask.model,
        system=_system(body),
        messages=_read_messages(body),
        tools=tools,
        server_tools=server_tools,
        tool_choice=choice,
        schema=_schema(output),
        thinking=_thinking(output, more),
        sampling=Sampling(temperature=inference.temperature, top_p=inference.top_p, top_k=more.top_k),
        max_tokens=inference.max_tokens,
        stop=tuple(inference.stop_sequences or ()),
        stream=ask.stream,
        others={name: body[name] for name in body if name in HINTS},
        unknown=tuple(name for name in body if name not in _KNOWN and name not in HINTS and name not in _ONLY_HERE),
    )


def _body(ask: Ask) -> dict[str, Raw]:
    body = _present(typed(as_object, ask.body))
    if ask.operation is Operation.COUNT_TOKENS and "input" in body:
        inner = _present(typed(as_object, bytes(body["input"]), "input"))
        body = _present(typed(as_object, _of(inner, "converse"), "input.converse"))
    return body


def _present(found: Mapping[str, Raw]) -> dict[str, Raw]:
    return {name: value for name, value in found.items() if value != NULL}


def _of(body: Mapping[str, Raw], name: str) -> bytes:
    return bytes(body.get(name, b"{}"))


def _read_messages(body: Mapping[str, Raw]) -> tuple[Message, ...]:
    reader = Blocks()
    messages = []
    for n, message in enumerate(typed(_messages, bytes(body["messages"]), "messages")):
        if message.role not in _ROLES:
            msg = f"messages[{n}].role: must be user or assistant"
            raise Untranslatable(msg)
        parts = reader.read_all(message.content, f"messages[{n}].content")
        messages.append(Message(role=_ROLES[message.role], parts=parts))
    return tuple(messages)


def _system(body: Mapping[str, Raw]) -> tuple[Text, ...]:
    if "system" not in body:
        return ()
    parts = Blocks().read_all(typed(_blocks, bytes(body["system"]), "system"), "system")
    for n, part in enumerate(parts):
        if not isinstance(part, Text):
            msg = f"system[{n}]: must be text"
            raise Untranslatable(msg)
    return tuple(part for part in parts if isinstance(part, Text))


def _tools(body: Mapping[str, Raw]) -> tuple[tuple[Tool, ...], tuple[Foreign, ...], ToolChoice | None]:
    config = typed(_tool_config, _of(body, "toolConfig"), "toolConfig")
    tools, foreign = [], []
    for n, one in enumerate(config.tools):
        where = f"toolConfig.tools[{n}]"
        if "toolSpec" in one:
            spec = typed(_spec, bytes(one["toolSpec"]), f"{where}.toolSpec")
            if spec.description != NOT_THERE:
                tools.append(_tool(spec))
        elif "systemTool" in one:
            foreign.append(Foreign(origin=Protocol.CONVERSE, what="systemTool", raw=_encode(one)))
        elif "cachePoint" not in one:
            msg = f"{where}: must be a toolSpec"
            raise Untranslatable(msg)
    choice = config.tool_choice
    if choice is None:
        return tuple(tools), tuple(foreign), None
    if choice.tool is not None:
        return tuple(tools), tuple(foreign), ToolChoice(choose=Choose.ONE, name=choice.tool.name)
    return tuple(tools), tuple(foreign), ToolChoice(choose=Choose.ANY if choice.any != NULL else Choose.AUTO)


def _tool(spec: _Spec) -> Tool:
    schema = spec.input_schema.json if spec.input_schema is not None else NULL
    return Tool(
        name=spec.name,
        description=spec.description or "",
        schema=b"" if schema == NULL else bytes(schema),
        strict=spec.strict,
    )


def _schema(output: _Output) -> Schema | None:
    form = output.text_format
    if form is None or form.structure is None or form.structure.json_schema is None:
        return None
    found = form.structure.json_schema
    schema = found.schema.encode("utf-8", "replace")
    typed(as_object, schema, "outputConfig.textFormat.structure.jsonSchema.schema")
    return Schema(schema=schema, name=found.name or "", description=found.description or "", strict=True)


def _thinking(output: _Output, more: _More) -> Thinking:
    if more.thinking is not None and more.thinking.type:
        return Thinking(on=more.thinking.type != "disabled", budget_tokens=more.thinking.budget_tokens)
    said = output.effort or more.reasoning_effort
    if more.reasoning_config is not None:
        if more.reasoning_config.type == "disabled":
            return Thinking(on=False)
        said = more.reasoning_config.max_reasoning_effort
    if said not in set(Effort):
        return Thinking()
    effort = Effort(said)
    return Thinking(on=False) if effort is Effort.NONE else Thinking(on=True, effort=effort)
