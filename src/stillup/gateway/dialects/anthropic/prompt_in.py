"""A request of an Anthropic client, read into a neutral prompt."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from stillup.gateway.core.values import Ask
from stillup.gateway.dialects.anthropic.blocks_in import ME, Marker, cache_of, parts_in
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, as_object
from stillup.gateway.dialects.neutral import (
    Call,
    Choose,
    Effort,
    Foreign,
    Message,
    Part,
    Prompt,
    Result,
    Role,
    Sampling,
    Schema,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from stillup.gateway.dialects.typed import typed


class _Message(Struct, gc=False):
    role: str
    content: Raw


class _Thinking(Struct, gc=False):
    type: str = ""
    budget_tokens: int | None = None
    display: str | None = None


class _Format(Struct, gc=False):
    type: str = ""
    schema: Raw = NULL


class _Output(Struct, gc=False):
    effort: str | None = None
    format: _Format | None = None


class _Choice(Struct, gc=False):
    type: str = ""
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Tool(Struct, gc=False):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: Raw = NULL
    strict: bool | None = None
    cache_control: Marker | None = None
    allowed_callers: list[str] | None = None
    input_examples: Raw = NULL
    defer_loading: bool | None = None


class _Body(Struct, gc=False):
    model: str = ""
    system: Raw = NULL
    messages: list[_Message] | None = None
    tools: list[Raw] | None = None
    tool_choice: _Choice | None = None
    thinking: _Thinking | None = None
    output_config: _Output | None = None
    output_format: _Format | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stream: bool | None = None
    mcp_servers: Raw = NULL
    container: Raw = NULL


_body = msgspec.json.Decoder(_Body).decode
_tool = msgspec.json.Decoder(_Tool).decode
_KNOWN = frozenset(_Body.__struct_fields__)
_HINTS = frozenset(
    {
        "metadata",
        "service_tier",
        "speed",
        "inference_geo",
        "cache_control",
        "context_management",
        "diagnostics",
        "user_profile_id",
        "workspace_id",
        "anthropic_version",
        "anthropic_beta",
        "betas",
    }
)
"""Members without which the answer means the same."""
_CHOICES = {"auto": Choose.AUTO, "any": Choose.ANY, "tool": Choose.ONE, "none": Choose.NONE}
_EFFORTS = {effort.value: effort for effort in Effort}


def read_prompt(ask: Ask) -> Prompt:
    """What is asked. Raises Untranslatable with the place of what is wrong, NoJson."""
    body = typed(_body, ask.body)
    if body.messages is None:
        msg = "messages: must be an array"
        raise Untranslatable(msg)
    names: dict[str, str] = {}
    messages = tuple(_message(message, n, names) for n, message in enumerate(body.messages))
    tools, server_tools, unknown = _tools(body)
    others = {}
    for name, value in typed(as_object, ask.body).items():
        if name in _HINTS:
            others[name] = value
        elif name not in _KNOWN:
            unknown.append(name)
    return Prompt(
        model=body.model or ask.model,
        system=_system(body.system),
        messages=messages,
        tools=tools,
        server_tools=server_tools,
        tool_choice=_choice(body.tool_choice),
        schema=_schema(body),
        thinking=_thinking(body),
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p, top_k=body.top_k),
        max_tokens=body.max_tokens,
        stop=tuple(body.stop_sequences or ()),
        stream=bool(body.stream),
        others=others,
        unknown=tuple(unknown),
    )


def _system(raw: Raw) -> tuple[Text, ...]:
    if raw == NULL:
        return ()
    texts = []
    for n, part in enumerate(parts_in(bytes(raw), "system")):
        if not isinstance(part, Text):
            msg = f"system[{n}]: must be text"
            raise Untranslatable(msg)
        texts.append(part)
    return tuple(texts)


def _message(message: _Message, n: int, names: dict[str, str]) -> Message:
    """``names`` are the tools by the ids of the calls before: a result says only the id."""
    try:
        role = Role(message.role)
    except ValueError:
        msg = f"messages[{n}].role: must be user, assistant or system"
        raise Untranslatable(msg) from None
    parts = parts_in(bytes(message.content), f"messages[{n}].content")
    named: list[Part] | None = None
    for at, part in enumerate(parts):
        if isinstance(part, Call):
            names[part.id] = part.name
        elif isinstance(part, Result) and part.id in names:
            named = named or list(parts)
            named[at] = replace(part, name=names[part.id])
    return Message(role=role, parts=parts if named is None else tuple(named))


def _tools(body: _Body) -> tuple[tuple[Tool, ...], tuple[Foreign, ...], list[str]]:
    """The client's tools, the provider's own, and members of tools that no other dialect knows."""
    tools: list[Tool] = []
    foreign: list[Foreign] = []
    unknown: dict[str, None] = {}
    for n, raw in enumerate(body.tools or ()):
        tool = typed(_tool, raw, f"tools[{n}]")
        is_called = tool.allowed_callers is None or "direct" in tool.allowed_callers
        if tool.type not in {None, "custom"} or not is_called:
            foreign.append(Foreign(origin=ME, what=(tool.type or "custom")[:60], raw=bytes(raw)))
            continue
        if tool.input_examples != NULL:
            unknown["tools[].input_examples"] = None
        if tool.defer_loading:
            unknown["tools[].defer_loading"] = None
        tools.append(
            Tool(
                name=tool.name,
                description=tool.description or "",
                schema=b"" if tool.input_schema == NULL else bytes(tool.input_schema),
                strict=tool.strict,
                cache=cache_of(tool.cache_control),
            )
        )
    for name in ("mcp_servers", "container"):
        raw = getattr(body, name)
        if bytes(raw) not in {b"null", b"[]"}:
            foreign.append(Foreign(origin=ME, what=name, raw=bytes(raw)))
    return tuple(tools), tuple(foreign), list(unknown)


def _choice(choice: _Choice | None) -> ToolChoice | None:
    if choice is None:
        return None
    if choice.type not in _CHOICES:
        msg = "tool_choice.type: must be auto, any, tool or none"
        raise Untranslatable(msg)
    parallel = choice.disable_parallel_tool_use
    return ToolChoice(
        choose=_CHOICES[choice.type],
        name=choice.name or "",
        parallel=None if parallel is None else not parallel,
    )


def _schema(body: _Body) -> Schema | None:
    """What is asked for is also kept to: the provider checks it word by word, so it is strict."""
    wanted = (body.output_config and body.output_config.format) or body.output_format
    if wanted is None:
        return None
    if wanted.type != "json_schema" or bytes(wanted.schema)[:1] != b"{":
        msg = "output_config.format: must be json_schema, with its schema"
        raise Untranslatable(msg)
    return Schema(schema=bytes(wanted.schema), strict=True)


def _thinking(body: _Body) -> Thinking:
    thinking = body.thinking
    effort = None
    if body.output_config is not None and body.output_config.effort is not None:
        effort = _EFFORTS.get(body.output_config.effort)
        if effort is None:
            msg = f"output_config.effort: must be one of {', '.join(_EFFORTS)}"
            raise Untranslatable(msg)
    if thinking is None:
        return Thinking(effort=effort)
    if thinking.type not in {"enabled", "adaptive", "disabled", "between_tools"}:
        msg = "thinking.type: must be enabled, adaptive or disabled"
        raise Untranslatable(msg)
    return Thinking(
        on=thinking.type != "disabled",
        budget_tokens=thinking.budget_tokens,
        effort=effort,
        shown=None if thinking.display is None else thinking.display != "omitted",
    )
