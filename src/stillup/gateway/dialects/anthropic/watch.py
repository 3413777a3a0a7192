"""Anthropic Messages: its stream of events."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol, Usage
from stillup.gateway.dialects.answer import NO_ANSWER, NOTHING, Answer, failed
from stillup.gateway.dialects.base import CONTENT, END
from stillup.gateway.dialects.errors import error_event
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, read, shaped
from stillup.gateway.dialects.sse import SseWatch
from stillup.gateway.dialects.trouble import fault_in_stream, said


class Counts(Struct, frozen=True):
    """Anthropic's usage. A later one overrules an earlier one where it speaks."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None

    def over(self, before: Usage) -> Usage:
        """These counts, and those of ``before`` where these are silent."""
        read, written = self.cache_read_input_tokens, self.cache_creation_input_tokens
        return Usage(
            input_tokens=before.input_tokens if self.input_tokens is None else self.input_tokens,
            output_tokens=before.output_tokens if self.output_tokens is None else self.output_tokens,
            cache_read_tokens=before.cache_read_tokens if read is None else read,
            cache_write_tokens=before.cache_write_tokens if written is None else written,
        )


class _Kind(Struct, gc=False):
    """All that is read of a delta once content was seen: the rest is only checked to be JSON."""

    type: str = ""


class _Message(Struct):
    model: str = ""
    usage: Counts | None = None


class _Begun(Struct):
    message: _Message | None = None


class _Block(Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    data: str | None = None
    content: Raw = NULL


class _Delta(Struct):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: Raw = NULL
    stop_reason: str | None = None
    type: str = ""


class _Event(Struct):
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: Counts | None = None


class _Failed(Struct):
    error: Raw = NULL


class _Whole(Struct):
    type: str = ""
    content: Raw = NULL
    model: str = ""
    stop_reason: str | None = None
    usage: Counts | None = None
    error: Raw = NULL


_kind = msgspec.json.Decoder(_Kind).decode
_begun = msgspec.json.Decoder(_Begun).decode
_event = msgspec.json.Decoder(_Event).decode
_whole = msgspec.json.Decoder(_Whole).decode
_failed = msgspec.json.Decoder(_Failed).decode

_TOOL_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_PLAIN_DELTAS = frozenset({"text_delta", "thinking_delta", "input_json_delta", "signature_delta", "citations_delta"})


_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class AnthropicWatch(SseWatch):
    """Watches a stream of Messages. An empty delta is no content: a gate that opened for it would open for nothing."""

    __slots__ = ("_stopped", "_tool_open")

    def __init__(self) -> None:
        super().__init__()
        self._tool_open = self._stopped = False

    def _see(self, name: bytes, data: bytes) -> bool:
        try:
            kind = _kind(data).type
            if not data.isascii():
                data.decode()
        except UNREADABLE:
            try:
                kind = shaped(data, _Kind).type
            except NoJson:
                # Its SDK skips an event whose data is empty.
                return self.flags & END > 0 or not data.strip() or self._malformed()
        if self.flags & CONTENT and kind == "content_block_delta":
            return True
        return self.flags & END > 0 or self._see_kind(kind or name.decode("latin-1"), data)

    def _see_kind(self, kind: str, data: bytes) -> bool:
        if kind == "message_stop":
            self._stopped = True
            return self._end()
        if kind == "error" or (kind == "" and b'"error"' in data):
            return self._see_error(kind, data)
        if kind == "message_start":
            self._see_start(data)
        elif kind == "content_block_stop":
            if self._tool_open:
                self.flags |= CONTENT  # a call without arguments is whole now
        elif kind in {"content_block_start", "content_block_delta", "message_delta"}:
            self._see_event(kind, data)
        return True

    def _see_error(self, kind: str, data: bytes) -> bool:
        raw = bytes(read(_failed, data, _Failed).error)
        if kind == "" and raw == b"null":
            return True
        error = said(raw)
        self._fail(fault_in_stream(error), message=error.message)
        return False

    def _see_start(self, data: bytes) -> None:
        message = read(_begun, data, _Begun).message
        if message is not None:
            self.model = message.model or self.model
            if message.usage is not None:
                self.usage = message.usage.over(self.usage)

    def _see_event(self, kind: str, data: bytes) -> None:
        event = read(_event, data, _Event)
        if event.usage is not None:
            self.usage = event.usage.over(self.usage)
        delta, block = event.delta, event.content_block
        if kind == "message_delta":
            if delta is not None and delta.stop_reason:
                self.stop_reason = delta.stop_reason
                self.flags |= CONTENT
        elif kind == "content_block_delta":
            if delta is None or _is_content(delta):
                self.flags |= CONTENT
        elif block is not None:
            self._tool_open = block.type in _TOOL_CALLS
            if block.text or block.thinking or block.data or block.content != NULL:
                self.flags |= CONTENT

    def _ended_kindly(self) -> bool:
        return bool(self.stop_reason)

    def finish(self) -> tuple[Fault | None, bytes]:
        knew = bool(self.stop_reason)
        fault, rest = super().finish()
        if fault is not None or self._stopped:
            return fault, rest
        # All was said but the last word, which clients wait for; and perhaps the blank line before it.
        return None, _STOP if knew else rest.rstrip(b"\r\n") + b"\n\n" + _STOP

    def error_ending(self, fault: Fault, message: str) -> bytes:
        return error_event(Protocol.ANTHROPIC, fault, message)


def _is_content(delta: _Delta) -> bool:
    return bool(
        delta.text
        or delta.thinking
        or delta.partial_json
        or delta.signature
        or delta.citation != NULL
        or delta.type not in _PLAIN_DELTAS  # a kind we do not know yet
    )


def read_message(data: bytes) -> Answer:
    """A whole message. Raises NoJson."""
    message = read(_whole, data, _Whole)
    if message.type == "error" or message.error not in NOTHING:
        return failed(message.error)
    if not bytes(message.content).startswith(b"["):
        return NO_ANSWER
    usage = Usage() if message.usage is None else message.usage.over(Usage())
    return Answer(usage=usage, model=message.model, stop_reason=message.stop_reason or "")
