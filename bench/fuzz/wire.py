"""Targets on the gateway's wires: requests, headers, dialects, streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from stillup.gateway.core.values import Ask, Form, Operation, Protocol

if TYPE_CHECKING:
    from fuzz.targets import Target
    from stillup.gateway.dialects.base import Watch

SPOKEN = (Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI, Protocol.CONVERSE)
PROMPTS = tuple(
    json.dumps(body).encode()
    for body in (
        {
            "model": "m",
            "max_tokens": 9,
            "system": "s",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]},
            ],
            "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}],
        },
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "hi"},
                {"role": "assistant", "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "t", "content": "x"},
            ],
            "stop": ["a"],
            "response_format": {"type": "json_object"},
        },
        {
            "model": "m",
            "instructions": "s",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "t", "output": "x"},
            ],
        },
        {
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            ],
            "systemInstruction": {"parts": [{"text": "s"}]},
            "generationConfig": {"maxOutputTokens": 9},
        },
    )
)
EVENTS = tuple(
    b"".join(b"event: %b\ndata: %b\n\n" % (str(e.get("type", "x")).encode(), json.dumps(e).encode()) for e in events)
    for events in (
        (
            {"type": "message_start", "message": {"id": "m", "model": "x", "usage": {"input_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ),
        (
            {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}}]},
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ),
        (
            {"type": "response.created", "response": {"id": "r", "model": "m"}},
            {"type": "response.output_text.delta", "delta": "hi"},
            {"type": "response.completed", "response": {"id": "r", "output": []}},
        ),
        ({"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}]},),
    )
)
REPLIES = (
    b'{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn"}',
    b'{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}',
    b'{"id":"r","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"hi"}]}]}',
    b'{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}],"usageMetadata":{}}',
    b'{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{}}',
)


def ask_of(protocol: Protocol, body: bytes, *, stream: bool = False) -> Ask:
    """A request with that body."""
    from stillup.gateway.dialects.dialect import dialect_of

    path, query = dialect_of(protocol).address("m", stream)
    return Ask(
        protocol=protocol, operation=Operation.GENERATE, method="POST", path=path, query=query, body=body, model="m",
        stream=stream,
    )  # fmt: skip


def _refusals() -> tuple[type[BaseException], ...]:
    from stillup.gateway.dialects.dialect import Untranslatable
    from stillup.gateway.dialects.lenient import NoJson

    return NoJson, Untranslatable


def _prompts(protocol: Protocol) -> Target:
    from fuzz.targets import Target
    from stillup.gateway.dialects.adapting import Learned, adapted
    from stillup.gateway.dialects.dialect import Losses, dialect_of
    from stillup.gateway.dialects.needs import needs

    owed = _refusals()
    spoken = dialect_of(protocol)

    def run(data: bytes) -> None:
        ask = ask_of(protocol, data)
        _ = needs(ask)
        for model in ("claude-opus-4-1", "gpt-4.1", "gemini-2.5-pro"):
            _ = adapted(data, protocol, model, Learned(), goes_on=Form.PREFILL)
        with suppress(*owed):
            _ = spoken.go_on(data, "half", next(iter(Form)), 5)
        with suppress(*owed):
            _ = spoken.cleaned(data)
        prompt = spoken.read_prompt(ask)
        for other in SPOKEN:
            with suppress(*owed):
                _ = dialect_of(other).write_prompt(prompt, Losses())

    return Target(run, owed, PROMPTS)


def _replies(protocol: Protocol) -> Target:
    from fuzz.targets import Target
    from stillup.gateway.dialects.dialect import Stamp, dialect_of

    stamp = Stamp(id="abc", created_s=1)

    def run(data: bytes) -> None:
        reply = dialect_of(protocol).read_reply(data)
        for other in SPOKEN:
            _ = dialect_of(other).write_reply(reply, ask_of(other, b"{}"), stamp)

    return Target(run, _refusals(), REPLIES)


def _streams(protocol: Protocol) -> Target:
    from fuzz.targets import Target
    from stillup.gateway.core.fault import Fault
    from stillup.gateway.dialects.dialect import Stamp, dialect_of
    from stillup.gateway.dialects.whole import watch_for

    stamp = Stamp(id="abc", created_s=1)
    kind = "application/vnd.amazon.eventstream" if protocol is Protocol.CONVERSE else "text/event-stream"

    def run(data: bytes) -> None:
        watch: Watch | Fault = watch_for(ask_of(protocol, b"{}", stream=True), protocol, 200, kind)
        if isinstance(watch, Fault):
            return
        step = 1 + len(data) // 3
        reader = dialect_of(protocol).reader()
        writers = [dialect_of(p).writer(ask_of(p, b"{}", stream=True), stamp) for p in SPOKEN]
        for at in range(0, len(data), step):
            _, ready = watch.feed(data[at : at + step])
            pieces = reader.feed(ready)
            for writer in writers:
                _ = writer.write(pieces)
        _ = watch.finish()
        for writer in writers:
            _ = writer.write(reader.finish())
            _ = writer.error(Fault.CUT, "x")

    return Target(run, (), EVENTS)


def _http() -> Target:
    from fuzz.targets import Target
    from stillup.gateway.core.door import Door
    from stillup.gateway.dialects.requests import read_request
    from stillup.gateway.wire.requests import Reader

    door = Door(is_loopback=True)

    def run(data: bytes) -> None:
        reader = Reader(100_000)
        step = 1 + len(data) // 3
        for at in range(0, len(data), step):
            reader.feed(data[at : at + step])
        for request in reader.ready:
            path, _, query = request.target.decode("latin-1").partition("?")
            _ = door.admit(request.headers, query)
            _ = read_request(request.method, path, query, request.headers, request.body)

    head = b"POST /v1/messages?a=b HTTP/1.1\r\nHost: localhost\r\n"
    return Target(
        run,
        (),
        (
            head + b"Content-Length: 13\r\n\r\n" + b'{"model":"m"}',
            head + b"Transfer-Encoding: chunked\r\nContent-Type: x\r\n\r\nd\r\n" + b'{"model":"m"}\r\n0\r\n\r\n',
        ),
    )


def _eventstream() -> Target:
    from fuzz.targets import Target
    from stillup.gateway.dialects.eventstream import BadMessage, Messages

    def run(data: bytes) -> None:
        for _ in Messages().feed(data):
            pass

    return Target(run, (BadMessage,), (b"\0\0\0\x10\0\0\0\0\x05\xc2H\xeb}\x98\xc8\xff",))


def _headers() -> Target:
    from datetime import UTC, datetime

    from fuzz.targets import Target
    from stillup.gateway.core.limits import retry_after_s
    from stillup.net.refusals import retry_after_s as of_sources
    from stillup.web.access import client_address

    at = datetime(2026, 4, 28, tzinfo=UTC)

    def run(data: bytes) -> None:
        _ = retry_after_s([(b"retry-after", data), (b"retry-after-ms", data)], data, at)
        text = data.decode("latin-1")
        _ = of_sources({"retry-after": text, "date": text}, at)
        scope: dict[str, object] = {"type": "http", "client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", data)]}
        _ = client_address(scope, ("10.0.0.0/8",))  # type: ignore[arg-type]

    return Target(run, (), (b"1.5s", b"6m0s", b"Wed, 21 Oct 2026 07:28:00 GMT", b"1.2.3.4, [2001:db8::1]:80"))


def _errors() -> Target:
    from fuzz.targets import Target
    from stillup.gateway.dialects.trouble import said

    return Target(lambda data: _ignored(said(data)), (), (b'{"error":{"type":"overloaded_error","message":"x"}}',))


def _ignored(_: object) -> None:
    """Reading is all that is wanted."""


def wires() -> Iterator[tuple[str, Callable[[], Target]]]:
    """Every target of the gateway."""
    for protocol in SPOKEN:
        yield f"prompt-{protocol.value}", partial(_prompts, protocol)
        yield f"reply-{protocol.value}", partial(_replies, protocol)
        yield f"stream-{protocol.value}", partial(_streams, protocol)
    yield "http", _http
    yield "eventstream", _eventstream
    yield "headers", _headers
    yield "error-body", _errors
