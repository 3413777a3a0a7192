"""Amazon Bedrock's Converse: its event stream, and its answers that come whole."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol, Usage
from stillup.gateway.dialects.answer import NO_ANSWER, Answer
from stillup.gateway.dialects.base import CONTENT, END, ERROR, Watch
from stillup.gateway.dialects.errors import error_event
from stillup.gateway.dialects.eventstream import BadMessage, Message, Messages
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, plain, read
from stillup.gateway.dialects.trouble import fault_in_stream, said


class Counts(Struct, frozen=True, gc=False, rename="camel"):
    """Converse's usage: what was read from a cache is not among the input tokens."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None

    def usage(self) -> Usage:
        """The same as all watches tell it."""
        return Usage(self.input_tokens, self.output_tokens, self.cache_read_input_tokens, self.cache_write_input_tokens)


class _Delta(Struct, gc=False, rename="camel"):
    text: str | None = None
    tool_use: Raw = NULL
    reasoning_content: Raw = NULL
    citation: Raw = NULL
    image: Raw = NULL


class _Event(Struct, gc=False, rename="camel"):
    delta: _Delta | None = None
    start: Raw = NULL
    stop_reason: str | None = None
    usage: Counts | None = None


class _Whole(Struct, gc=False, rename="camel"):
    output: Raw = NULL
    stop_reason: str | None = None
    usage: Counts | None = None


_event = msgspec.json.Decoder(_Event).decode
_whole = msgspec.json.Decoder(_Whole).decode
_DELTA = "contentBlockDelta"


class ConverseWatch(Watch):
    """Watches Amazon's event stream and hands out its events as server-sent events, which the reader takes.

    The end is the event with the counts; where it never comes, a stop reason and a clean end of the body will do.
    """

    content_type = b"text/event-stream; charset=utf-8"
    __slots__ = ("_messages",)

    def __init__(self) -> None:
        super().__init__()
        self._messages = Messages()

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        if self.flags & ERROR:
            return self.flags, b""
        ready = []
        try:
            for message in self._messages.feed(chunk):
                event = event_of(message)
                if not self._see(message, event):
                    break
                ready.append(event)
        except (BadMessage, NoJson) as broken:
            if not self.flags & END:
                self._fail(Fault.MALFORMED, message=str(broken))
        return self.flags, b"".join(ready)

    def _see(self, message: Message, event: bytes) -> bool:
        """Read one message; False when the answer fails with it."""
        if self.flags & END:
            return True
        name = message.headers.get(":event-type", "")
        if message.headers.get(":message-type", "event") != "event" or name.endswith("Exception"):
            error = said(event.partition(b"\ndata: ")[2])
            self._fail(fault_in_stream(error), event, error.message)
            return False
        data = message.payload
        if name == _DELTA and self.flags & CONTENT:
            _check(data)
        elif data:
            self._see_event(name, read(_event, data, _Event))
        if name == "metadata" and self.stop_reason:
            self.flags |= END
        return True

    def _see_event(self, name: str, event: _Event) -> None:
        if event.usage is not None:
            self.usage = event.usage.usage()
        if event.stop_reason and name == "messageStop":
            self.stop_reason = event.stop_reason
            self.flags |= CONTENT
        delta = event.delta
        if event.start != NULL or (delta is not None and (delta.text or delta != _NOTHING)):
            self.flags |= CONTENT

    def finish(self) -> tuple[Fault | None, bytes]:
        if self.flags & ERROR:
            return self.fault, b""
        if self.flags & END or (self.stop_reason and not self._messages.held):
            self.flags |= END
            return None, b""
        self._fail(Fault.CUT if self.flags & CONTENT else Fault.EMPTY, message="the stream ended early")
        return self.fault, b""

    def error_ending(self, fault: Fault, message: str) -> bytes:
        return error_event(Protocol.CONVERSE, fault, message)


_NOTHING = _Delta(text="")


def _check(data: bytes) -> None:
    """It is only seen to be JSON: what it says is for the reader."""
    try:
        msgspec.json.decode(data, type=Raw)
    except UNREADABLE:
        plain(data)


def event_of(message: Message) -> bytes:
    """One message as a server-sent event; an exception becomes an ``error`` event that names it. Raises NoJson."""
    headers, payload = message.headers, message.payload
    name = headers.get(":event-type", "")
    if headers.get(":message-type", "event") != "event" or name.endswith("Exception"):
        code = headers.get(":exception-type") or headers.get(":error-code") or name or "internalServerException"
        text = headers.get(":error-message", "")
        if payload:
            told = plain(payload)
            text = str(told.get("message") or text) if isinstance(told, dict) else text
        error = {"error": {"type": code, "message": text.encode("utf-8", "replace").decode()}}
        return b"event: error\ndata: " + msgspec.json.encode(error) + b"\n\n"
    if b"\n" in payload or b"\r" in payload:
        payload = payload.replace(b"\r", b" ").replace(b"\n", b" ")
    label = name.encode() if name.isascii() and name.isalnum() else b"unknown"
    return b"event: " + label + b"\ndata: " + payload + b"\n\n"


def read_converse(data: bytes) -> Answer:
    """A whole answer. Raises NoJson."""
    found = read(_whole, data, _Whole)
    if not bytes(found.output).startswith(b"{"):
        return NO_ANSWER
    usage = Usage() if found.usage is None else found.usage.usage()
    return Answer(usage=usage, stop_reason=found.stop_reason or "")
