"""A call answered in its protocol's shape, before anything goes wrong on the way. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from stillup.sim.provider import anthropic, chat, errors, gemini, responses
from stillup.sim.provider.answer import Shape, answer_to
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.call import Call, Dialect, What

JSON = "application/json"
_TYPES = {Dialect.ANTHROPIC: JSON, Dialect.GEMINI: f"{JSON}; charset=UTF-8"}
_STREAM = "text/event-stream; charset=utf-8"
_MODELS = {
    Dialect.ANTHROPIC: ("claude-simulated-1",),
    Dialect.GEMINI: ("gemini-simulated-1",),
    Dialect.CHAT: ("gpt-simulated-1",),
}
_WHOLE = {
    Dialect.ANTHROPIC: anthropic.whole,
    Dialect.CHAT: chat.whole,
    Dialect.RESPONSES: responses.whole,
    Dialect.GEMINI: gemini.whole,
}


_COUNTED = {
    Dialect.ANTHROPIC: anthropic.count,
    Dialect.RESPONSES: responses.count,
    Dialect.GEMINI: gemini.count,
}


class Whole(Struct, frozen=True, kw_only=True):
    """An answer in one piece."""

    status: int
    body: bytes
    content_type: str = JSON


class Stream(Struct, frozen=True, kw_only=True):
    """An answer in events."""

    shape: Shape
    content_type: str = _STREAM


def reply_to(call: Call, behaviour: Behaviour, name: str, request_id: str) -> Whole | Stream:
    """What the server called ``name`` answers to a call."""
    if behaviour.failure is Failure.HTML:
        body = errors.page("Guest network", "Accept the terms of this network to go online.")
        return Whole(status=200, body=body, content_type="text/html; charset=utf-8")
    refused = _refusal(call, behaviour)
    if refused is not None:
        status, reason, text = refused
        body = errors.error_body(call.dialect, status, reason, text, request_id)
        return Whole(status=status, body=body, content_type=_json(call))
    if call.what is What.GENERATE:
        return _generated(call, behaviour, name)
    return Whole(status=200, body=msgspec.json.encode(_other(call, behaviour, name)), content_type=_json(call))


def _refusal(call: Call, behaviour: Behaviour) -> tuple[int, Reason, str] | None:
    if behaviour.needs_key and not call.has_key:
        return 401, Reason.PLAIN, "x-api-key header is required" if call.dialect is Dialect.ANTHROPIC else ""
    if behaviour.failure is Failure.STATUS:
        return behaviour.status, behaviour.reason, ""
    if call.problem:
        return 405 if call.problem.endswith("not allowed here") else 400, Reason.PLAIN, call.problem
    if call.what is What.NOTHING:
        return 404, Reason.PLAIN, f"Unknown request URL: {call.method} {call.path}"
    return None


def _json(call: Call) -> str:
    return _TYPES.get(call.dialect, JSON)


def _generated(call: Call, behaviour: Behaviour, name: str) -> Whole | Stream:
    answer = answer_to(call, behaviour, name)
    if not call.stream:
        return Whole(status=200, body=_WHOLE[call.dialect](answer), content_type=_json(call))
    if call.dialect is Dialect.ANTHROPIC:
        shape = anthropic.shape(answer, is_bedrock=call.is_bedrock)
        return Stream(shape=shape, content_type="application/vnd.amazon.eventstream" if call.is_bedrock else _STREAM)
    if call.dialect is Dialect.GEMINI:
        shape = gemini.shape(answer, is_array=call.is_array)
        return Stream(shape=shape, content_type=_json(call) if call.is_array else "text/event-stream")
    return Stream(shape=responses.shape(answer) if call.dialect is Dialect.RESPONSES else chat.shape(answer))


def _other(call: Call, behaviour: Behaviour, name: str) -> object:
    answer = answer_to(call, behaviour, name)
    if call.what is What.STORED:
        return responses.stored(answer, call.model, call.method, call.path)
    if call.what is What.EMBED:
        return (
            gemini.embeddings(call.path, call.body)
            if call.dialect is Dialect.GEMINI
            else chat.embeddings(answer, call.body)
        )
    if call.what is What.COUNT:
        return _COUNTED[call.dialect](answer)
    return _listed(call)


def _listed(call: Call) -> object:
    names = _MODELS[call.dialect]
    if call.dialect is Dialect.ANTHROPIC:
        return anthropic.model(call.model) if call.model else anthropic.models(names)
    if call.dialect is Dialect.GEMINI:
        return gemini.model(call.model) if call.model else gemini.models(names)
    return chat.model(call.model) if call.model else chat.models(names)
