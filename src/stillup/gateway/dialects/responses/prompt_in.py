"""A request of a Responses client, read into a neutral prompt."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Ask
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, as_list, as_object, as_string
from stillup.gateway.dialects.neutral import (
    Call,
    Effort,
    Foreign,
    Message,
    Part,
    Prompt,
    Role,
    Sampling,
    Schema,
    Text,
    Thinking,
)
from stillup.gateway.dialects.responses.items import OUTPUTS, message_parts, peek, result_in, said_in
from stillup.gateway.dialects.responses.named import LOADERS
from stillup.gateway.dialects.responses.tools_in import Tools
from stillup.gateway.dialects.typed import typed


class _Reasoning(Struct, gc=False):
    effort: str | None = None
    summary: str | None = None


class _Format(Struct, gc=False):
    type: str = "text"
    name: str | None = None
    description: str | None = None
    schema: Raw = NULL
    strict: bool | None = None


class _Text(Struct, gc=False):
    format: _Format | None = None
    verbosity: Raw = NULL


class _Body(Struct, gc=False):
    model: str = ""
    input: Raw = NULL
    instructions: str | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw = NULL
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    include: list[str] | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    previous_response_id: str | None = None
    conversation: Raw = NULL
    prompt: Raw = NULL
    background: bool | None = None
    stream: bool | None = None


_NULL = bytes(NULL)
_body = msgspec.json.Decoder(_Body).decode
_READ = frozenset((*_Body.__struct_fields__, "stream_options"))
HINTS = frozenset(
    [
        "metadata",
        "user",
        "safety_identifier",
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "store",
        "truncation",
        "max_tool_calls",
        "client_metadata",
        "context_management",
        "verbosity",
        "moderation",
        "access_programs",
        "image",
    ]
)
"""Members that change nothing of what is asked: where an answer is kept, how it is billed, what is cached."""
_AS_EVERYWHERE = (NULL, Raw(b"false"))
"""Values of a hint that ask for what happens unasked elsewhere (``store``)."""
_LOGPROBS = "message.output_text.logprobs"
_KEPT = {
    "conversation": "a conversation that is kept at one provider",
    "prompt": "a prompt that is kept at one provider",
}


def read_prompt(ask: Ask) -> Prompt:
    """The prompt in ``ask``, of which only the body is looked at. Raises NoJson and Untranslatable."""
    raw = ask.body.strip()
    if not raw.startswith(b"{"):
        msg = "the body: must be a JSON object"
        raise Untranslatable(msg)
    body = typed(_body, raw)
    members = typed(as_object, raw)
    _refuse_kept(body)
    tools = Tools()
    tools.add(body.tools or ())
    system, messages = _conversation(body, tools)
    choice = tools.choice(body.tool_choice, parallel=body.parallel_tool_calls)  # it may leave some tools out
    return Prompt(
        model=body.model or ask.model,
        system=system,
        messages=messages,
        tools=tools.functions,
        server_tools=tools.served,
        tool_choice=choice,
        schema=_schema(body.text),
        thinking=_thinking(body.reasoning),
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        max_tokens=body.max_output_tokens,
        logprobs=_logprobs(body),
        stream=ask.stream or bool(body.stream),
        previous=body.previous_response_id or "",
        others=_others(members, body) | tools.offers,
        unknown=tuple(name for name in members if name not in _READ and name not in HINTS),
    )


def _refuse_kept(body: _Body) -> None:
    for name, what in _KEPT.items():
        if getattr(body, name) != NULL:
            msg = f"{name}: {what} goes nowhere else"
            raise Untranslatable(msg)
    if body.background:
        msg = "background: an answer that is fetched later is kept at one provider"
        raise Untranslatable(msg)


def _conversation(body: _Body, tools: Tools) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    system = [Text(text=body.instructions)] if body.instructions else []
    turns: list[tuple[Role, list[Part]]] = []
    for message in _messages(body.input, tools):
        if message.role is Role.SYSTEM and not turns:
            system += [part for part in message.parts if isinstance(part, Text)]
        elif turns and turns[-1][0] is message.role is not Role.SYSTEM:
            # One answer comes in several items, and so do the results of one answer's calls.
            turns[-1][1].extend(message.parts)
        else:
            turns.append((message.role, list(message.parts)))
    return tuple(system), tuple(Message(role=role, parts=tuple(parts)) for role, parts in turns)


def _messages(raw: Raw, tools: Tools) -> Iterator[Message]:
    value = bytes(raw).strip()
    if value.startswith(b'"'):
        yield Message(role=Role.USER, parts=(Text(text=typed(as_string, value, "input")),))
        return
    if value == _NULL:
        return
    if not value.startswith(b"["):
        msg = "input: must be a string or an array of items"
        raise Untranslatable(msg)
    names: dict[str, str] = {}
    for n, one in enumerate(typed(as_list, value, "input")):
        message = _item(bytes(one), f"input[{n}]", names, tools)
        if message is not None:
            yield message


def _item(raw: bytes, where: str, names: dict[str, str], tools: Tools) -> Message | None:
    item = typed(peek, raw, where)
    kind = item.type or "message"
    if kind in OUTPUTS:
        return Message(role=Role.USER, parts=(result_in(raw, where, names),))
    if kind in LOADERS:
        found = tools.add_from(raw, where)
        return None if found is None else Message(role=Role.USER, parts=(found,))
    if kind != "message":
        parts = said_in(raw, where)
        if kind == "tool_search_call" and isinstance(parts[0], Foreign):
            return None  # the provider's own look for tools; they come with what it found
        names.update((part.id, part.name) for part in parts if isinstance(part, Call))
        return Message(role=Role.ASSISTANT, parts=parts)
    role = _role(item.role, where)
    return Message(role=role, parts=_told(role, message_parts(raw, where), where))


def _role(said: str | None, where: str) -> Role:
    match said:
        case "user":
            return Role.USER
        case "assistant":
            return Role.ASSISTANT
        case "system" | "developer":
            return Role.SYSTEM
    msg = f"{where}.role: must be user, assistant, system or developer"
    raise Untranslatable(msg)


def _told(role: Role, parts: tuple[Part, ...], where: str) -> tuple[Part, ...]:
    if role is Role.SYSTEM and not all(isinstance(part, Text) for part in parts):
        msg = f"{where}.content: must be text where a developer says it"
        raise Untranslatable(msg)
    return parts


def _schema(text: _Text | None) -> Schema | None:
    wanted = None if text is None else text.format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return Schema()
    if wanted.type != "json_schema" or wanted.schema == NULL:
        msg = "text.format: must be text, json_object or json_schema (with a schema)"
        raise Untranslatable(msg)
    return Schema(
        schema=bytes(wanted.schema),
        name=wanted.name or "",
        description=wanted.description or "",
        strict=wanted.strict,
    )


def _thinking(reasoning: _Reasoning | None) -> Thinking:
    if reasoning is None:
        return Thinking()
    shown = True if reasoning.summary else None
    if not reasoning.effort:
        return Thinking(shown=shown)
    try:
        effort = Effort(reasoning.effort)
    except ValueError:
        msg = f"reasoning.effort: must be one of {', '.join(Effort)}"
        raise Untranslatable(msg) from None
    if effort is Effort.NONE:
        return Thinking(on=False, shown=shown)
    return Thinking(on=True, effort=effort, shown=shown)


def _logprobs(body: _Body) -> int | None:
    if body.top_logprobs is not None:
        return body.top_logprobs
    return 0 if _LOGPROBS in (body.include or ()) else None


def _others(members: dict[str, Raw], body: _Body) -> dict[str, Raw]:
    others = {name: raw for name, raw in members.items() if name in HINTS and raw not in _AS_EVERYWHERE}
    if body.text is not None and body.text.verbosity != NULL:
        others["verbosity"] = body.text.verbosity
    return others
