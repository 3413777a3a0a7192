"""OpenAI Responses: its stream of events, and its answers that come whole."""

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


class _Kind(Struct, gc=False):
    type: str = ""
    sequence_number: int = -1


class _Delta(Struct, gc=False):
    delta: Raw = NULL


class _Details(Struct, gc=False):
    cached_tokens: int | None = None


class _Counts(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None

    def usage(self) -> Usage:
        details = self.input_tokens_details
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=None if details is None else details.cached_tokens,
        )


class _Incomplete(Struct):
    reason: str | None = None


class _Response(Struct):
    """A response as events and whole answers carry it. ``error`` is null in a healthy one."""

    object: str = ""
    status: str = ""
    model: str | None = None
    output: Raw = NULL
    error: Raw = NULL
    usage: _Counts | None = None
    incomplete_details: _Incomplete | None = None

    @property
    def stop_reason(self) -> str:
        """Why it is incomplete, else its status."""
        details = self.incomplete_details
        return (details.reason if details is not None else None) or self.status


class _Event(Struct):
    response: _Response | None = None
    error: Raw = NULL


_kind = msgspec.json.Decoder(_Kind).decode
_delta = msgspec.json.Decoder(_Delta).decode
_event = msgspec.json.Decoder(_Event).decode
_response = msgspec.json.Decoder(_Response).decode


class ResponsesWatch(SseWatch):
    """Watches a stream of Responses; ``next_sequence`` is the number that an event of our own would have."""

    __slots__ = ("next_sequence",)

    def __init__(self) -> None:
        super().__init__()
        self.next_sequence = 0

    def _see(self, name: bytes, data: bytes) -> bool:
        try:
            kind = _kind(data)
            if not data.isascii():
                data.decode()
        except UNREADABLE:
            if self.flags & END:
                return True  # some servers add [DONE]
            try:
                kind = shaped(data, _Kind)
            except NoJson:
                return self._malformed()
        if kind.sequence_number >= 0:
            self.next_sequence = kind.sequence_number + 1
        event = kind.type or name.decode("latin-1")
        if event.endswith(".delta"):
            if not self.flags & CONTENT and read(_delta, data, _Delta).delta not in NOTHING:
                self.flags |= CONTENT
            return True
        return self.flags & END > 0 or self._see_event(event, data)

    def _see_event(self, kind: str, data: bytes) -> bool:
        if kind in {"response.completed", "response.incomplete"}:
            self._see_response(read(_event, data, _Event).response)
            self.flags |= CONTENT
            return self._end()
        if kind == "response.created":
            self._see_response(read(_event, data, _Event).response)
        elif kind in {"error", "response.failed"} or (kind == "" and b'"error"' in data):
            return self._see_error(kind, data)
        return True

    def _see_response(self, response: _Response | None) -> None:
        if response is not None:
            self.model = response.model or self.model
            self.stop_reason = "" if response.status in {"in_progress", "queued"} else response.stop_reason
            if response.usage is not None:
                self.usage = response.usage.usage()

    def _see_error(self, kind: str, data: bytes) -> bool:
        event = read(_event, data, _Event)
        self._see_response(event.response)
        # The service nests the error, the reference has its members beside the type.
        error = event.error if event.response is None else event.response.error
        if kind == "" and error in NOTHING:
            return True
        words = said(data if kind == "error" and error in NOTHING else bytes(error))
        self._fail(fault_in_stream(words), message=words.message)
        return False

    def error_ending(self, fault: Fault, message: str) -> bytes:
        return error_event(Protocol.RESPONSES, fault, message, sequence_number=self.next_sequence)


def read_response(data: bytes) -> Answer:
    """A whole response. Raises NoJson."""
    response = read(_response, data, _Response)
    if response.status == "failed" or (response.error not in NOTHING and response.status != "completed"):
        return failed(response.error)
    if response.output == NULL and response.status not in {"queued", "in_progress"}:
        return NO_ANSWER
    usage = Usage() if response.usage is None else response.usage.usage()
    return Answer(usage=usage, model=response.model or "", stop_reason=response.stop_reason)
