"""Claude on Amazon Bedrock: Anthropic's messages in another envelope, the answers in Amazon's event stream."""

from __future__ import annotations

import base64
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation
from stillup.gateway.dialects.anthropic.watch import AnthropicWatch
from stillup.gateway.dialects.base import CONTENT, END, ERROR
from stillup.gateway.dialects.eventstream import BadMessage, Message, Messages
from stillup.gateway.dialects.lenient import NoJson, shaped
from stillup.gateway.dialects.splice import members

_VERSION = Raw(b'"bedrock-2023-05-31"')
_TYPES = {
    "throttlingException": "rate_limit_error",
    "serviceUnavailableException": "overloaded_error",
    "internalServerException": "api_error",
    "modelStreamErrorException": "api_error",
    "modelTimeoutException": "timeout_error",
    "validationException": "invalid_request_error",
}
"""Bedrock's exceptions in Anthropic's words."""


def bedrock_path(model: str, operation: Operation, *, stream: bool) -> str:
    """The path for one model, whose id may be an ARN."""
    place = f"/model/{quote(model, safe=':')}"
    if operation is Operation.COUNT_TOKENS:
        return f"{place}/count-tokens"
    return f"{place}/invoke-with-response-stream" if stream else f"{place}/invoke"


def bedrock_body(body: bytes, operation: Operation, betas: str) -> bytes:
    """The body without model and stream, with Bedrock's version and the betas of the header in it."""
    inside = members(body)
    inside.pop("model", None)
    inside.pop("stream", None)
    inside.setdefault("anthropic_version", _VERSION)
    named = [beta.strip() for beta in betas.split(",") if beta.strip()]
    if named:
        inside.setdefault("anthropic_beta", Raw(msgspec.json.encode(named)))
    if operation is not Operation.COUNT_TOKENS:
        return msgspec.json.encode(inside)
    inside.setdefault("max_tokens", Raw(b"1"))  # asked for in every body of a model, also in one that is only counted
    coded = base64.b64encode(msgspec.json.encode(inside)).decode()
    return msgspec.json.encode({"input": {"invokeModel": {"body": coded}}})


class _Chunk(Struct):
    """The payload of a chunk: an event of Anthropic's in base64, and padding that is left out."""

    bytes: str = ""


class _Kind(Struct):
    type: str = ""


class _Refused(Struct):
    message: str = ""


class BedrockWatch(AnthropicWatch):
    """Watches Amazon's event stream and hands out the Anthropic stream of events that is in it."""

    content_type = b"text/event-stream; charset=utf-8"
    __slots__ = ("_messages",)

    def __init__(self) -> None:
        super().__init__()
        self._messages = Messages()

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        if self.flags & ERROR:
            return self.flags, b""
        events, broken = [], None
        try:
            for message in self._messages.feed(chunk):
                events.append(event_of(message))  # noqa: PERF401 - those before a broken one count
        except (BadMessage, NoJson) as refused:
            broken = refused
        flags, ready = super().feed(b"".join(events)) if events else (self.flags, b"")
        if broken is not None and not flags & (ERROR | END):
            self._fail(Fault.MALFORMED, message=str(broken))
        return self.flags, ready

    def finish(self) -> tuple[Fault | None, bytes]:
        if self._messages.held and not self.flags & (END | ERROR):
            fault = Fault.CUT if self.flags & CONTENT else Fault.EMPTY
            self._fail(fault, message="the stream ended inside a message")
        return super().finish()


def event_of(message: Message) -> bytes:
    """One message as an event of Anthropic's stream; an exception becomes its error event. Raises NoJson."""
    headers = message.headers
    if headers.get(":message-type", "event") != "event":
        code = headers.get(":exception-type") or headers.get(":error-code") or "api_error"
        text = shaped(message.payload, _Refused).message if message.payload else headers.get(":error-message", "")
        error = {"type": "error", "error": {"type": _TYPES.get(code, code), "message": text}}
        return b"event: error\ndata: " + msgspec.json.encode(error) + b"\n\n"
    if headers.get(":event-type") != "chunk":
        return b""
    try:
        data = base64.b64decode(shaped(message.payload, _Chunk).bytes, validate=True)
    except ValueError as broken:
        msg = "a chunk is no base64"
        raise NoJson(msg) from broken
    name = shaped(data, _Kind).type
    return (
        b"event: " + (name.encode() if name.isprintable() else b"") + b"\ndata: " + data.replace(b"\n", b" ") + b"\n\n"
    )
