"""A client's request for a chat completion, read into a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.chat import asked
from stillup.gateway.dialects.chat.calls import arguments_of
from stillup.gateway.dialects.chat.media import file, image, recording
from stillup.gateway.dialects.chat.told import citation_of
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, NoJson, as_string
from stillup.gateway.dialects.neutral import (
    Cache,
    Call,
    Choose,
    Citation,
    Effort,
    Foreign,
    Kind,
    Media,
    Message,
    Part,
    Prompt,
    Refused,
    Result,
    Role,
    Sampling,
    Schema,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolChoice,
)
from stillup.gateway.dialects.splice import members
from stillup.gateway.dialects.typed import typed

_body = msgspec.json.Decoder(asked.Body).decode
_tool_call = msgspec.json.Decoder(asked.ToolCall).decode
_tool = msgspec.json.Decoder(asked.Tool).decode
_SYSTEM = ("system", "developer")
_A_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
_EFFORTS = {effort.value: effort for effort in Effort}


def read_prompt(ask: Ask) -> Prompt:
    """The prompt. Raises Untranslatable for a body that is none of this dialect, NoJson for no JSON."""
    if not ask.body.isascii():
        _check_utf8(ask.body)
    body = typed(_body, ask.body)
    system, messages = _Conversation().read(body.messages)
    others, unknown = _rest(members(ask.body))
    tools, server_tools, choice = _tools(body)
    if body.modalities and set(body.modalities) - {"text"}:
        msg = "modalities: an answer in anything but text goes to no other kind of API"
        raise Untranslatable(msg)
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return Prompt(
        model=body.model or ask.model,
        system=system,
        messages=messages,
        tools=tools,
        server_tools=server_tools,
        tool_choice=choice,
        schema=_schema(body.response_format),
        thinking=_thinking(body),
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            frequency_penalty=body.frequency_penalty,
            presence_penalty=body.presence_penalty,
            seed=body.random_seed if body.seed is None else body.seed,
        ),
        max_tokens=body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens,
        stop=stop,
        count=1 if body.n is None else body.n,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        stream=bool(body.stream),
        wants_usage=not body.stream or bool(body.stream_options and body.stream_options.include_usage),
        others=others,
        unknown=unknown,
    )


def _check_utf8(body: bytes) -> None:
    """What is taken over as it is written was not looked at by the decoder."""
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        msg = "no UTF-8"
        raise NoJson(msg) from broken


class _Conversation:
    """Reads messages; knows the names of the calls so far, which the results are of."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._last_id: dict[str, str] = {}

    def read(self, given: list[asked.Message]) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
        """What the system says before all else, and the messages. One that says nothing is none."""
        system: list[Text] = []
        messages: list[Message] = []
        results: list[Result] = []
        for n, message in enumerate(given):
            place = f"messages[{n}]"
            if message.role in {"tool", "function"}:
                results.append(self._result(message, place, n))
                continue
            if results:
                messages.append(Message(role=Role.USER, parts=tuple(results)))
                results = []
            if message.role in _SYSTEM and not messages:
                system += (part for part in _contents(message, place) if isinstance(part, Text))
                continue
            read = self._message(message, place, n)
            if read.parts:
                messages.append(read)
        if results:
            messages.append(Message(role=Role.USER, parts=tuple(results)))
        return tuple(system), tuple(messages)

    def _message(self, message: asked.Message, place: str, n: int) -> Message:
        name = message.name or ""
        if message.role == "assistant":
            return Message(role=Role.ASSISTANT, parts=tuple(self._answer(message, place, n)), name=name)
        if message.role != "user" and message.role not in _SYSTEM:
            msg = f"{place}.role: must be system, developer, user, assistant or tool"
            raise Untranslatable(msg)
        role = Role.USER if message.role == "user" else Role.SYSTEM
        return Message(role=role, parts=tuple(_contents(message, place)), name=name)

    def _answer(self, message: asked.Message, place: str, n: int) -> Iterator[Part]:
        if message.audio is not NULL and bytes(message.audio) != b"null":
            msg = f"{place}.audio: the recording is kept at another provider, which alone can read it"
            raise Untranslatable(msg)
        thought = message.reasoning_content or _text_of(message.reasoning)
        if thought:
            yield Thought(text=thought)
        yield from _contents(message, place)
        if message.refusal:
            yield Refused(text=message.refusal)
        for m, raw in enumerate(message.tool_calls or ()):
            yield self._call(raw, f"{place}.tool_calls[{m}]")
        if message.function_call is not None:
            call = _called(f"call_{n}", message.function_call)
            self._remember(call)
            yield call

    def _call(self, raw: Raw, place: str) -> Call | Foreign:
        call = typed(_tool_call, bytes(raw), place)
        if call.function is None:
            return Foreign(origin=Protocol.OPENAI, what=f"{_plain(call.type)} call", raw=bytes(raw))
        if not call.id:
            msg = f"{place}.id: must be a string"
            raise Untranslatable(msg)
        read = _called(call.id, call.function)
        self._remember(read)
        return read

    def _remember(self, call: Call) -> None:
        self._names[call.id] = call.name
        self._last_id[call.name] = call.id

    def _result(self, message: asked.Message, place: str, n: int) -> Result:
        parts = tuple(part for part in _contents(message, place) if isinstance(part, Text | Media))
        if message.role == "function":  # before tools had ids
            name = message.name or ""
            return Result(id=self._last_id.get(name, f"call_{n}"), name=name, parts=parts)
        if not message.tool_call_id:
            msg = f"{place}.tool_call_id: must be a string"
            raise Untranslatable(msg)
        call_id = message.tool_call_id
        return Result(id=call_id, name=self._names.get(call_id, "") or message.name or "", parts=parts)


def _called(call_id: str, function: asked.Function) -> Call:
    raw = bytes(function.arguments)
    text = _text_of(function.arguments) if raw[:1] == b'"' else "" if raw == b"null" else raw.decode()
    return Call(id=call_id, name=function.name, arguments=arguments_of(text))


def _text_of(raw: Raw) -> str:
    """A string as written, where it is one."""
    return typed(as_string, bytes(raw)) if bytes(raw)[:1] == b'"' else ""


def _contents(message: asked.Message, place: str) -> Iterator[Part]:
    content = message.content
    if isinstance(content, str):
        if content:
            yield Text(text=content, citations=_citations(message))
        return
    for n, part in enumerate(content or ()):
        read = _part(part, f"{place}.content[{n}]")
        if read is not None:
            yield read


def _part(part: asked.Part, place: str) -> Part | None:
    marker = part.cache_control
    cache = None if marker is None else Cache(ttl=marker.ttl or "")
    match part:
        case asked.Part(type="text" | "input_text" | "output_text"):
            return Text(text=part.text, cache=cache) if part.text else None
        case asked.Part(type="refusal"):
            return Refused(text=part.refusal or "")
        case asked.Part(type="thinking"):  # Mistral's thoughts, which nobody takes back
            return None
    media = _media(part, cache)
    if media is None:
        msg = f"{place}: a part of type {_plain(part.type)} goes to no other kind of API"
        raise Untranslatable(msg)
    return media


def _media(part: asked.Part, cache: Cache | None) -> Media | None:
    if part.type == "image_url" and part.image_url is not None:
        return image(part.image_url, Kind.IMAGE, cache)
    if part.type == "video_url" and part.video_url is not None:
        return image(part.video_url, Kind.VIDEO, cache)
    if part.type == "input_audio" and part.input_audio is not None:
        return recording(part.input_audio, cache)
    if part.type == "file" and part.file is not None:
        return file(part.file, cache)
    return None


def _citations(message: asked.Message) -> tuple[Citation, ...]:
    return tuple(filter(None, map(citation_of, message.annotations or ())))


def _tools(body: asked.Body) -> tuple[tuple[Tool, ...], tuple[Foreign, ...], ToolChoice | None]:
    tools: list[Tool] = []
    server: list[Foreign] = []
    for n, raw in enumerate(body.tools or ()):
        tool = typed(_tool, bytes(raw), f"tools[{n}]")
        if tool.function is None:
            server.append(Foreign(origin=Protocol.OPENAI, what=f"tool of type {_plain(tool.type)}", raw=bytes(raw)))
        else:
            marker = tool.cache_control
            tools.append(_function(tool.function, None if marker is None else Cache(ttl=marker.ttl or "")))
    if bytes(body.web_search_options) != b"null":
        server.append(Foreign(origin=Protocol.OPENAI, what="web_search_options", raw=bytes(body.web_search_options)))
    if body.functions and not tools:  # before they were called tools
        legacy = tuple(_function(function, None) for function in body.functions)
        return legacy, tuple(server), _of_function_call(body.function_call)
    allowed, choice = _chosen(body, tuple(tools))
    return allowed, tuple(server), choice


def _function(function: asked.FunctionTool, cache: Cache | None) -> Tool:
    schema = bytes(function.parameters)
    return Tool(
        name=function.name,
        description=function.description or "",
        schema=b"" if schema == b"null" else schema,
        strict=function.strict,
        cache=cache,
    )


def _chosen(body: asked.Body, tools: tuple[Tool, ...]) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The tools that may be called, and whether one must be."""
    choice, parallel = body.tool_choice, body.parallel_tool_calls
    if choice is None:
        return tools, None if parallel is None else ToolChoice(parallel=parallel)
    if isinstance(choice, str):
        return tools, ToolChoice(choose=_word(choice), parallel=parallel)
    if choice.allowed_tools is not None:
        names = {tool.function.name for tool in choice.allowed_tools.tools if tool.function is not None}
        allowed = tuple(tool for tool in tools if tool.name in names)
        return allowed, ToolChoice(choose=_word(choice.allowed_tools.mode), parallel=parallel)
    if choice.function is None:
        msg = f"tool_choice: one of type {_plain(choice.type)} goes to no other kind of API"
        raise Untranslatable(msg)
    return tools, ToolChoice(choose=Choose.ONE, name=choice.function.name, parallel=parallel)


def _of_function_call(given: str | asked.Named | None) -> ToolChoice:
    """Functions were called one at a time."""
    if isinstance(given, asked.Named):
        return ToolChoice(choose=Choose.ONE, name=given.name, parallel=False)
    return ToolChoice(choose=Choose.AUTO if given is None else _word(given), parallel=False)


def _word(choice: str) -> Choose:
    words = {"auto": Choose.AUTO, "none": Choose.NONE, "required": Choose.ANY, "any": Choose.ANY}
    if choice not in words:
        msg = "tool_choice: must be auto, none, required or a tool"
        raise Untranslatable(msg)
    return words[choice]


def _schema(given: asked.Format | None) -> Schema | None:
    if given is None or given.type == "text":
        return None
    if given.type == "json_object":
        return Schema()
    found = given.json_schema
    if given.type != "json_schema" or found is None:
        msg = f"response_format: one of type {_plain(given.type)} goes to no other kind of API"
        raise Untranslatable(msg)
    schema = bytes(found.schema)
    return Schema(
        schema=b"" if schema == b"null" else schema,
        name=found.name or "",
        description=found.description or "",
        strict=found.strict,
    )


def _thinking(body: asked.Body) -> Thinking:
    reasoning = body.reasoning or asked.Reasoning()
    said = body.reasoning_effort or reasoning.effort
    on = reasoning.enabled
    if body.thinking is not None and body.thinking.type in {"enabled", "disabled", "adaptive"}:
        on = body.thinking.type != "disabled"
    effort = _EFFORTS.get(said) if said else None
    if said and effort is None:
        msg = f"reasoning_effort: must be one of {', '.join(_EFFORTS)}"
        raise Untranslatable(msg)
    if effort is Effort.NONE:
        return Thinking(on=False)
    if effort is not None or reasoning.max_tokens is not None:
        on = True if on is None else on
    shown = None if reasoning.exclude is None else not reasoning.exclude
    return Thinking(on=on, budget_tokens=reasoning.max_tokens, effort=effort, shown=shown)


def _rest(given: dict[str, Raw]) -> tuple[dict[str, Raw], tuple[str, ...]]:
    """The hints, and the names of what is not known."""
    hints: dict[str, Raw] = {}
    unknown: list[str] = []
    for name, value in given.items():
        if name in asked.READ or name in asked.ABOUT_GOING_ON or bytes(value) == b"null":
            continue
        if name in asked.HINTS:
            hints[name] = value
        elif name in asked.MEANS:
            msg = f"{name}: goes to no other kind of API"
            raise Untranslatable(msg)
        else:
            unknown.append(_plain(name))
    return hints, tuple(unknown)


def _plain(name: str | None) -> str:
    """A name that may be told: it may be anything that a client wrote."""
    return name if name and _A_NAME.fullmatch(name) else "no known name"
