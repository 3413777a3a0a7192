"""The scripted workload: what is asked in each client protocol, and what the right answer is, word for word. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from stillup.drill.values import Shape
from stillup.gateway.core.values import Protocol
from stillup.sim.provider.behaviour import Behaviour

TEXT = (
    "This answer is part of a drill. It is said by a scripted provider on this machine, and by the one that stands in "
    "for it, word for word the same; so whoever reads it to its end can tell whether anything was lost, said twice, or "
    "put in the wrong place, when the first of them broke off in the middle and the second went on from there."
)
TOOL, CALLED = "get_weather", {"location": "Paris"}
SAYS_CITY = {"city": "Said of a city."}
CLIENTS = (Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI)
"""What clients of the gateway speak."""
SHAPES = (Shape.STREAM, Shape.WHOLE, Shape.TOOLS, Shape.SCHEMA)
_GAP_S = 0.004
_REPEATS = 30
_MOST_TOKENS = 400
_QUESTION = "This is a drill. Say what you were told to say."
_PLACE = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
_CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "a city"}},
    "required": ["city"],
}
_KEY = b"drill-client"
"""What a client shows where an upstream is opened by its clients' own keys; it opens nothing."""

WELL = Behaviour(text=TEXT, verbatim=True, follows_schema=True, repeats=_REPEATS, gap_s=_GAP_S)
"""How a scripted provider answers while all is well."""


class Question(Struct, frozen=True, kw_only=True):
    """One request of the workload."""

    protocol: Protocol
    shape: Shape
    model: str

    @property
    def streams(self) -> bool:
        """Whether its answer comes in pieces."""
        return self.shape in (Shape.STREAM, Shape.TOOLS)

    @property
    def path(self) -> str:
        """Where it is sent."""
        if self.protocol is Protocol.GEMINI:
            verb = "streamGenerateContent?alt=sse" if self.streams else "generateContent"
            return f"/v1beta/models/{self.model}:{verb}"
        return _PATHS[self.protocol]

    @property
    def headers(self) -> dict[str, str]:
        """Its header lines; the key in them opens nothing."""
        key = _KEY.decode()
        if self.protocol is Protocol.ANTHROPIC:
            return {"content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": key}
        if self.protocol is Protocol.GEMINI:
            return {"content-type": "application/json", "x-goog-api-key": key}
        return {"content-type": "application/json", "authorization": f"Bearer {key}"}

    @property
    def body(self) -> bytes:
        """What is sent."""
        said = _said(self)
        said |= _tools(self.protocol) if self.shape is Shape.TOOLS else {}
        if self.shape is Shape.SCHEMA:
            _merge(said, _schema(self.protocol))
        return msgspec.json.encode(said)

    @property
    def wanted_chars(self) -> int:
        """How many characters its whole answer has."""
        if self.shape is Shape.TOOLS:
            return len(msgspec.json.encode(CALLED))
        return len(msgspec.json.encode(SAYS_CITY)) if self.shape is Shape.SCHEMA else len(TEXT)

    def is_right(self, text: str, calls: Sequence[tuple[str, str]]) -> bool:
        """Whether that is the right answer; ``calls`` are tools with their arguments as JSON."""
        if self.shape is Shape.TOOLS:
            return len(calls) == 1 and calls[0][0] == TOOL and _json(calls[0][1]) == CALLED
        if calls:
            return False
        return _json(text) == SAYS_CITY if self.shape is Shape.SCHEMA else text == TEXT


_PATHS = {
    Protocol.ANTHROPIC: "/v1/messages",
    Protocol.OPENAI: "/v1/chat/completions",
    Protocol.RESPONSES: "/v1/responses",
}


def questions(models: Sequence[tuple[Protocol, str]], shapes: Sequence[Shape] = SHAPES) -> tuple[Question, ...]:
    """Every shape of each protocol and model."""
    return tuple(Question(protocol=p, shape=s, model=m) for p, m in dict.fromkeys(models) for s in shapes)


def _said(q: Question) -> dict[str, Any]:
    messages = [{"role": "user", "content": _QUESTION}]
    if q.protocol is Protocol.GEMINI:
        contents = [{"role": "user", "parts": [{"text": _QUESTION}]}]
        return {"contents": contents, "generationConfig": {"maxOutputTokens": _MOST_TOKENS}}
    common: dict[str, Any] = {"model": q.model, "stream": q.streams}
    if q.protocol is Protocol.RESPONSES:
        return {**common, "input": _QUESTION, "max_output_tokens": _MOST_TOKENS, "store": False}
    most = "max_tokens" if q.protocol is Protocol.ANTHROPIC else "max_completion_tokens"
    return {**common, "messages": messages, most: _MOST_TOKENS}


def _tools(protocol: Protocol) -> dict[str, Any]:
    about = {"name": TOOL, "description": "The weather of a place"}
    if protocol is Protocol.ANTHROPIC:
        return {"tools": [{**about, "input_schema": _PLACE}]}
    if protocol is Protocol.GEMINI:
        return {"tools": [{"functionDeclarations": [{**about, "parameters": _PLACE}]}]}
    function = {**about, "parameters": _PLACE}
    if protocol is Protocol.RESPONSES:
        return {"tools": [{"type": "function", **function}]}
    return {"tools": [{"type": "function", "function": function}]}


def _schema(protocol: Protocol) -> dict[str, Any]:
    closed = {**_CITY, "additionalProperties": False}
    if protocol is Protocol.ANTHROPIC:
        return {"output_config": {"format": {"type": "json_schema", "schema": closed}}}
    if protocol is Protocol.GEMINI:
        config = {"responseMimeType": "application/json", "responseJsonSchema": _CITY}
        return {"generationConfig": config}
    named = {"name": "city", "schema": closed, "strict": True}
    if protocol is Protocol.RESPONSES:
        return {"text": {"format": {"type": "json_schema", **named}}}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        into[name] = {**into[name], **value} if name in into else value


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
