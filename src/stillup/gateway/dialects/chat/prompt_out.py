"""A prompt as a request for a chat completion.

The limit is ``max_tokens``, which every server takes, but for OpenAI's newer models, which refuse it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.chat.calls import sent_id
from stillup.gateway.dialects.chat.makers import (
    has_switch,
    is_mistrals,
    is_newer_openais,
    is_openais,
    thought_instead,
    wants_thoughts,
)
from stillup.gateway.dialects.chat.media import parts_of, text_part
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.neutral import (
    Call,
    Choose,
    Effort,
    Foreign,
    Media,
    Message,
    Part,
    Prompt,
    Refused,
    Result,
    Role,
    Schema,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolChoice,
)
from stillup.gateway.dialects.writing import Json, own, refuse_unshared

_SHARED = ("prompt_cache_key", "safety_identifier", "user", "verbosity")
"""Hints that mean the same wherever they come from, and that OpenAI takes."""
_TIERS = frozenset({b'"auto"', b'"default"', b'"flex"', b'"priority"'})
_AS_USUAL = (b"null", b"false")
"""A hint that asks for what is so anyway: ``store: false``."""
_CHOICES = {Choose.AUTO: "auto", Choose.NONE: "none", Choose.ANY: "required"}
_FEW, _MANY = 2_048, 8_192
"""Tokens of thinking that are a low and a medium effort."""


def write_prompt(prompt: Prompt, losses: Losses) -> bytes:
    """The body. Raises Untranslatable where it would mean something else."""
    refuse_unshared(prompt, Protocol.OPENAI, "Chat Completions")
    model = prompt.model
    body: Json = {"model": model, "messages": _Conversation(model, losses).write(prompt)}
    if prompt.tools or prompt.server_tools:
        _put_tools(body, prompt, losses)
    if prompt.schema is not None:
        body["response_format"] = _format(prompt.schema)
    if prompt.max_tokens is not None:
        body["max_completion_tokens" if is_newer_openais(model) else "max_tokens"] = prompt.max_tokens
    _put_sampling(body, prompt, losses)
    _put_thinking(body, prompt.thinking, model, losses)
    if prompt.stream:
        body["stream"] = True
        if not is_mistrals(model):  # it always tells, and refuses to be asked
            body["stream_options"] = {"include_usage": True}
    for name, value in prompt.others.items():
        if is_openais(model) and (name in _SHARED or (name == "service_tier" and bytes(value) in _TIERS)):
            body[name] = value
        elif bytes(value) not in _AS_USUAL:
            losses.add(name)
    for name in prompt.unknown:
        losses.add(name)
    return msgspec.json.encode(body)


class _Conversation:
    """Writes messages. Results hold words only: their images follow in a user's message behind the last of them."""

    def __init__(self, model: str, losses: Losses) -> None:
        self._model = model
        self._losses = losses
        self._written: list[Json] = []
        self._late: list[Mapping[str, Any]] = []
        self._wants_thoughts = False

    def write(self, prompt: Prompt) -> list[Json]:
        """All messages."""
        self._wants_thoughts = wants_thoughts(self._model) and prompt.thinking.on is not False and _has_calls(prompt)
        if prompt.system:
            self._say("system", [self._words(text) for text in prompt.system])
        for n, message in enumerate(prompt.messages):
            place = f"messages[{n}]"
            if message.role is Role.ASSISTANT:
                self._flush()
                self._answer(message, place)
            else:
                self._ask(message, place)
        self._flush()
        return self._written

    def _say(self, role: str, content: list[Mapping[str, Any]], name: str = "") -> None:
        """One part of words is a plain string: there are servers that take nothing else."""
        is_plain = len(content) == 1 and content[0]["type"] == "text"
        said: Json = {"role": role, "content": content[0]["text"] if is_plain else content}
        if name:
            said["name"] = name
        self._written.append(said)

    def _flush(self, more: list[Mapping[str, Any]] | None = None, name: str = "") -> None:
        content = self._late + (more or [])
        self._late = []
        if content:
            self._say("user", content, name)

    def _ask(self, message: Message, place: str) -> None:
        content: list[Mapping[str, Any]] = []
        for n, part in enumerate(message.parts):
            where = f"{place}.content[{n}]"
            if isinstance(part, Result):
                self._result(part, where)
            else:
                content += self._content(part, where)
        if message.role is Role.SYSTEM:
            self._flush()
            if content:
                self._say("system", content, message.name)
        elif content:
            self._flush(content, message.name)

    def _content(self, part: Part, place: str) -> list[Mapping[str, Any]]:
        if isinstance(part, Text):
            return [self._words(part)]
        if isinstance(part, Media):
            self._mark(part)
            return parts_of(part, place, self._losses)
        if isinstance(part, Foreign):
            own(part, Protocol.OPENAI, place)
        msg = f"{place}: a {type(part).__name__.lower()} is no part of what a user says"
        raise Untranslatable(msg)

    def _words(self, text: Text) -> Mapping[str, Any]:
        self._mark(text)
        if text.citations:
            self._losses.add("citations")
        return text_part(text.text)

    def _mark(self, part: Text | Media | Call | Result | Tool) -> None:
        if part.cache is not None:
            self._losses.add("cache marker")

    def _result(self, result: Result, place: str) -> None:
        self._mark(result)
        call_id = sent_id(result.id, self._model)
        content: list[Mapping[str, Any]] = []
        for n, part in enumerate(result.parts):
            if isinstance(part, Text):
                content.append(self._words(part))
                continue
            self._mark(part)
            name = f" ({result.name})" if result.name else ""
            self._late.append(text_part(f"This is part of the result of {call_id}{name}:"))
            self._late += parts_of(part, f"{place}.content[{n}]", self._losses)
        if result.is_error:
            self._losses.add("error mark of a tool's result")
        if not content:
            empty = "The call failed." if result.is_error else ""
            content = [text_part("The result follows in the user's message." if result.parts else empty)]
        self._say("tool", content)
        self._written[-1]["tool_call_id"] = call_id

    def _answer(self, message: Message, place: str) -> None:
        said: Json = {"role": "assistant", "content": None}
        texts: list[Mapping[str, Any]] = []
        calls: list[Any] = []
        thoughts: list[str] = []
        for n, part in enumerate(message.parts):
            match part:
                case Text():
                    texts.append(self._words(part))
                    if calls:
                        self._losses.add("the order of words and calls")
                case Thought():
                    thoughts.append(part.text)
                case Refused():
                    said["refusal"] = said.get("refusal", "") + part.text
                case _:
                    calls.append(self._call(part, f"{place}.content[{n}]"))
        if texts:
            said["content"] = texts[0]["text"] if len(texts) == 1 else texts
        if calls:
            said["tool_calls"] = calls
        if message.name:
            said["name"] = message.name
        self._put_thoughts(said, thoughts)
        if texts or calls or "refusal" in said:
            self._written.append(said)

    def _put_thoughts(self, said: Json, thoughts: list[str]) -> None:
        """Some makers refuse a conversation whose thoughts are missing; the others one that has them."""
        if not self._wants_thoughts:
            if thoughts:
                self._losses.add("another model's thoughts")
            return
        content = said["content"] or ""
        text = content if isinstance(content, str) else content[0]["text"]
        calls = [call["id"] for call in said.get("tool_calls", ()) if isinstance(call, dict)]
        said["reasoning_content"] = "\n\n".join(filter(None, thoughts)) or thought_instead(text, calls)

    def _call(self, part: Part, place: str) -> Any:  # noqa: ANN401 - JSON
        if isinstance(part, Call):
            self._mark(part)
            function = {"name": part.name, "arguments": part.arguments}
            return {"id": sent_id(part.id, self._model), "type": "function", "function": function}
        if not isinstance(part, Foreign):
            msg = f"{place}: Chat Completions takes words only in what the assistant said"
            raise Untranslatable(msg)
        return own(part, Protocol.OPENAI, place)


def _has_calls(prompt: Prompt) -> bool:
    return any(isinstance(part, Call) for message in prompt.messages for part in message.parts)


def _put_tools(body: Json, prompt: Prompt, losses: Losses) -> None:
    tools: list[Any] = [_function(tool, losses) for tool in prompt.tools]
    for tool in prompt.server_tools:
        if tool.what == "web_search_options":
            body["web_search_options"] = Raw(tool.raw)
        else:
            tools.append(Raw(tool.raw))
    if not tools:
        return
    body["tools"] = tools
    if prompt.tool_choice is not None:
        _put_choice(body, prompt.tool_choice)


def _function(tool: Tool, losses: Losses) -> Json:
    if tool.cache is not None:
        losses.add("cache marker")
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.schema:
        function["parameters"] = Raw(tool.schema)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _put_choice(body: Json, choice: ToolChoice) -> None:
    if choice.choose is Choose.ONE:
        body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    else:
        body["tool_choice"] = _CHOICES[choice.choose]
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel


def _format(schema: Schema) -> Json:
    if not schema.schema:
        return {"type": "json_object"}
    given: Json = {"name": schema.name or "answer", "schema": Raw(schema.schema)}
    if schema.description:
        given["description"] = schema.description
    if schema.strict is not None:
        given["strict"] = schema.strict
    return {"type": "json_schema", "json_schema": given}


def _put_sampling(body: Json, prompt: Prompt, losses: Losses) -> None:
    sampling = prompt.sampling
    seed = "random_seed" if is_mistrals(prompt.model) else "seed"
    for name, value in (
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
        (seed, sampling.seed),
    ):
        if value is not None:
            body[name] = value
    if sampling.top_k is not None:
        losses.add("top_k")
    if prompt.stop:
        body["stop"] = prompt.stop


def _put_thinking(body: Json, thinking: Thinking, model: str, losses: Losses) -> None:
    effort = thinking.effort
    if thinking.on is False:
        if is_newer_openais(model):
            body["reasoning_effort"] = Effort.NONE
        elif has_switch(model):
            body["thinking"] = {"type": "disabled"}
        else:
            losses.add("thinking off")
        return
    if effort is None and thinking.budget_tokens is not None:
        budget = thinking.budget_tokens
        effort = Effort.LOW if budget <= _FEW else Effort.MEDIUM if budget <= _MANY else Effort.HIGH
        losses.add("thinking budget")
    if effort is not None:
        body["reasoning_effort"] = effort
    if thinking.shown is not None:
        losses.add("whether thoughts are shown")
