"""A call answered in its protocol's shape, before anything goes wrong on the way. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stillup.sim.provider import anthropic, chat, converse, deepl, errors, gemini, llamacpp, ollama, responses
from stillup.sim.provider.answer import Answer, Shape, answer_to
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.call import Call, Dialect, What
from stillup.sim.provider.heads import phrase
from stillup.sim.provider.rules import Refusal, refusal_of
from stillup.sim.provider.voices import Voice

JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_TYPES = {
    Dialect.ANTHROPIC: JSON,
    Dialect.GEMINI: f"{JSON}; charset=UTF-8",
    Dialect.OLLAMA: f"{JSON}; charset=utf-8",
    Dialect.LLAMACPP: f"{JSON}; charset=utf-8",
}
_STREAM = "text/event-stream; charset=utf-8"
_AMAZON = "application/vnd.amazon.eventstream"
_LINES = "application/x-ndjson"
_WHOLE: dict[Dialect, Callable[[Answer], bytes]] = {
    Dialect.ANTHROPIC: anthropic.whole,
    Dialect.CHAT: chat.whole,
    Dialect.RESPONSES: responses.whole,
    Dialect.GEMINI: gemini.whole,
    Dialect.LLAMACPP: llamacpp.whole,
    Dialect.CONVERSE: converse.whole,
}
_SHAPES: dict[Dialect, Callable[[Answer], Shape]] = {
    Dialect.RESPONSES: responses.shape,
    Dialect.LLAMACPP: llamacpp.shape,
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


def reply_to(call: Call, behaviour: Behaviour, name: str, request_id: str | None, voice: Voice) -> Whole | Stream:
    """What the server called ``name`` answers to a call, where it speaks with that voice."""
    if behaviour.failure is Failure.HTML:
        body = errors.page("Guest network", "Accept the terms of this network to go online.")
        return Whole(status=200, body=body, content_type=_HTML)
    refused = _refusal(call, behaviour, voice)
    if refused is not None:
        status, reason = refused.status, refused.reason
        if reason is Reason.EDGE:
            return Whole(status=status, body=errors.edge_page(status, phrase(status)), content_type="text/html")
        error = errors.said(
            voice,
            call.dialect,
            status,
            reason,
            text=refused.text,
            parameter=refused.parameter,
            request_id=request_id,
            wait=behaviour.retry_after,
        )
        return Whole(status=status, body=errors.body_of(error), content_type=_json(call))
    if call.what is What.GENERATE:
        return _generated(call, behaviour, name, request_id, voice)
    return Whole(status=200, body=msgspec.json.encode(_other(call, behaviour, name, voice)), content_type=_json(call))


def _refusal(call: Call, behaviour: Behaviour, voice: Voice) -> Refusal | None:
    if behaviour.needs_key and voice.no_key and not call.has_key:
        text = "x-api-key header is required" if call.dialect is Dialect.ANTHROPIC and not call.is_bedrock else ""
        return Refusal(status=voice.no_key, text=text)
    if behaviour.failure is Failure.STATUS:
        return Refusal(status=behaviour.status, reason=behaviour.reason)
    if call.problem:
        return Refusal(status=405 if call.problem.endswith("not allowed here") else 400, text=call.problem)
    if call.is_lost:
        return Refusal(status=404, text=f"Unknown request URL: {call.method} {call.path}")
    return refusal_of(call, behaviour, voice.vendor)


def _json(call: Call) -> str:
    return _TYPES.get(call.dialect, JSON)


def _generated(call: Call, behaviour: Behaviour, name: str, request_id: str | None, voice: Voice) -> Whole | Stream:
    answer = answer_to(call, behaviour, name)
    is_chat = call.path.endswith("/chat")
    if call.dialect is Dialect.OLLAMA and not ollama.is_question(call.body):
        return Whole(status=200, body=ollama.loaded(answer, is_chat=is_chat), content_type=_json(call))
    if not call.stream:
        if call.dialect is Dialect.DEEPL:
            body = deepl.whole(answer, call.body)
        elif call.dialect is Dialect.OLLAMA:
            body = ollama.whole(answer, is_chat=is_chat)
        else:
            body = _WHOLE[call.dialect](answer)
        return Whole(status=200, body=body, content_type=_json(call))
    stream = _streamed(call, answer, voice)
    broken = _broken_off(call, behaviour, answer, request_id, voice, stream.shape)
    return replace(stream, shape=replace(stream.shape, error=broken))


def _streamed(call: Call, answer: Answer, voice: Voice) -> Stream:
    """The stream, without what breaks it off."""
    if call.dialect is Dialect.ANTHROPIC:
        shape = anthropic.shape(answer, is_bedrock=call.is_bedrock)
        return Stream(shape=shape, content_type=_AMAZON if call.is_bedrock else _STREAM)
    if call.dialect is Dialect.CONVERSE:
        return Stream(shape=converse.shape(answer), content_type=_AMAZON)
    if call.dialect is Dialect.GEMINI:
        shape = gemini.shape(answer, is_array=call.is_array)
        return Stream(shape=shape, content_type=_json(call) if call.is_array else "text/event-stream")
    if call.dialect is Dialect.OLLAMA:
        return Stream(shape=ollama.shape(answer, is_chat=call.path.endswith("/chat")), content_type=_LINES)
    if call.dialect in _SHAPES:
        return Stream(shape=_SHAPES[call.dialect](answer))
    shape = chat.shape(answer)
    if voice.ping:
        shape = replace(shape, ping=voice.ping.encode())
    # Without [DONE] the chunk that says why it ended is the end.
    return Stream(shape=shape if voice.has_done else replace(shape, closing=(), end=shape.closing))


def _broken_off(
    call: Call, behaviour: Behaviour, answer: Answer, request_id: str | None, voice: Voice, shape: Shape
) -> bytes:
    """The event that breaks a stream off."""
    error = errors.said(
        voice, call.dialect, behaviour.status, behaviour.reason, request_id=request_id, wait=behaviour.retry_after
    )
    if call.dialect is Dialect.RESPONSES:
        number = sum(map(len, (shape.opening, shape.tokens, shape.closing, shape.end)))
        is_failed = behaviour.failure is Failure.FAILED_EVENT
        return responses.error_event(answer, error, number, is_failed=is_failed)
    if call.is_array:
        return b",\r\n" + errors.body_of(error) + b"\n]\n"
    return errors.event_of(error, answer.key, answer.model)


def _other(call: Call, behaviour: Behaviour, name: str, voice: Voice) -> object:
    answer = answer_to(call, behaviour, name)
    if call.what is What.STORED:
        return responses.stored(answer, call.model, call.method, call.path)
    if call.what is What.EMBED:
        return _embedded(call, answer)
    if call.what is What.COUNT:  # Bedrock counts for every model alike
        count = converse.count if call.is_counted_at_bedrock else _COUNTED[call.dialect]
        return count(answer)
    if call.what is What.SHOW:
        return ollama.show(call.model)
    if call.what is What.ABOUT:
        return _about(call, behaviour, voice)
    return _listed(call, voice)


def _embedded(call: Call, answer: Answer) -> object:
    if call.dialect is Dialect.GEMINI:
        return gemini.embeddings(call.path, call.body)
    embeddings = ollama.embeddings if call.dialect is Dialect.OLLAMA else chat.embeddings
    return embeddings(answer, call.body)


def _about(call: Call, behaviour: Behaviour, voice: Voice) -> object:
    if call.dialect is Dialect.DEEPL:
        return deepl.about(call.path, behaviour.left)
    about = ollama.about if call.dialect is Dialect.OLLAMA else llamacpp.about
    return about(call.path, voice.models)


def _listed(call: Call, voice: Voice) -> object:
    if call.dialect is Dialect.ANTHROPIC:
        return anthropic.model(call.model) if call.model else anthropic.models(voice.models)
    if call.dialect is Dialect.GEMINI:
        return gemini.model(call.model) if call.model else gemini.models(voice.models)
    return chat.model(call.model) if call.model else chat.models(voice.models)
