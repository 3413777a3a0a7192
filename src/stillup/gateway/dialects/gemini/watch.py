"""Gemini generateContent: its stream of events, its stream as one JSON array, and its answers that come whole."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol, Usage
from stillup.gateway.dialects.answer import NO_ANSWER, NOTHING, Answer, failed
from stillup.gateway.dialects.array import BadArray, Elements
from stillup.gateway.dialects.base import CONTENT, END, ERROR, MAX_HELD_BYTES, Watch
from stillup.gateway.dialects.errors import error_event
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, as_list, read, shaped
from stillup.gateway.dialects.sse import SseWatch
from stillup.gateway.dialects.trouble import fault_in_stream, said


class _Counts(Struct, gc=False, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None

    def usage(self) -> Usage:
        """Thoughts are paid as output, and are not among the candidates' tokens."""
        out, thoughts = self.candidates_token_count, self.thoughts_token_count
        return Usage(
            input_tokens=self.prompt_token_count,
            output_tokens=None if out is None and thoughts is None else (out or 0) + (thoughts or 0),
            cache_read_tokens=self.cached_content_token_count,
        )


class _Candidate(Struct, gc=False, rename="camel"):
    finish_reason: str | None = None


class _Feedback(Struct, gc=False, rename="camel"):
    block_reason: str | None = None


class _Chunk(Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Counts | None = None
    model_version: str = ""
    prompt_feedback: _Feedback | None = None
    error: Raw = NULL


class _Content(Struct):
    parts: list[dict[str, object]] | None = None


class _EarlyCandidate(Struct):
    content: _Content | None = None


class _EarlyChunk(Struct):
    candidates: list[_EarlyCandidate] | None = None


_chunk = msgspec.json.Decoder(_Chunk).decode
_early = msgspec.json.Decoder(_EarlyChunk).decode


class _GeminiReader(Watch):
    """What a chunk says, however chunks are divided."""

    __slots__ = ()

    def _see_chunk(self, data: bytes) -> bool:
        try:
            chunk = _chunk(data)
            if not data.isascii():
                data.decode()
        except UNREADABLE:
            try:
                chunk = shaped(data, _Chunk)
            except NoJson:
                if not self.flags & END:
                    self._fail(Fault.MALFORMED, message="an event of the stream is no JSON")
                return self.flags & END > 0
        if chunk.usage_metadata is not None:
            self.usage = chunk.usage_metadata.usage()
        if chunk.error is not NULL and not self.flags & END and chunk.error not in NOTHING:
            words = said(bytes(chunk.error))
            self._fail(fault_in_stream(words), message=words.message)
            return False
        if not self.flags & CONTENT:
            self._see_early(chunk, data)
        for candidate in chunk.candidates or ():
            if candidate.finish_reason is not None:
                self._stopped(candidate.finish_reason)
        return True

    def _see_early(self, chunk: _Chunk, data: bytes) -> None:
        self.model = chunk.model_version or self.model
        if _has_content(read(_early, data, _EarlyChunk)):
            self.flags |= CONTENT
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason is not None:
            self._stopped(chunk.prompt_feedback.block_reason)  # no candidate follows

    def _stopped(self, reason: str) -> None:
        self.stop_reason = reason
        self.flags |= CONTENT | END


class GeminiWatch(_GeminiReader, SseWatch):
    """Watches ``alt=sse``. The end is a finish reason; there is no other marker, and usage may follow it."""

    __slots__ = ()

    def _see(self, name: bytes, data: bytes) -> bool:  # noqa: ARG002
        return self._see_chunk(data)

    def error_ending(self, fault: Fault, message: str) -> bytes:
        return error_event(Protocol.GEMINI, fault, message)


class GeminiArrayWatch(_GeminiReader):
    """Watches the form without ``alt=sse``: one JSON array whose elements come as they are made.

    The client always stands behind an element, never behind a comma.
    """

    __slots__ = ("_elements", "_ready_any")

    def __init__(self) -> None:
        super().__init__()
        self._elements = Elements()
        self._ready_any = False

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        if self.flags & ERROR:
            return self.flags, b""
        try:
            pieces = self._elements.feed(chunk)
        except BadArray as broken:
            self._fail(Fault.MALFORMED, bytes(self._elements.held[:1024]), str(broken))
            return self.flags, b""
        ready = []
        for piece in pieces:
            element = piece.lstrip(b"[, \t\r\n")
            try:
                is_well = not element.startswith(b"{") or self._see_chunk(element)
            except NoJson as broken:
                self._fail(Fault.MALFORMED, message=str(broken))
                is_well = False
            if not is_well:
                self.error_event = element
                break
            ready.append(piece)
        if len(self._elements.held) > MAX_HELD_BYTES and not self.flags & ERROR:
            self._fail(Fault.MALFORMED, bytes(self._elements.held[:1024]), "an element is too long")
        self._ready_any = self._ready_any or bool(ready)
        return self.flags, b"".join(ready)

    def finish(self) -> tuple[Fault | None, bytes]:
        if self.flags & ERROR:
            return self.fault, b""
        if self.flags & END and self._elements.closed:
            return None, bytes(self._elements.held)
        fault = Fault.CUT if self.flags & CONTENT else Fault.EMPTY
        self._fail(fault, message="the stream ended early")
        return fault, b""

    def error_ending(self, fault: Fault, message: str) -> bytes:
        error = error_event(Protocol.GEMINI, fault, message).removeprefix(b"data: ").strip()
        if self._elements.closed:
            return b""
        return (b",\n" if self._ready_any else b"[") + error + b"\n]"


def _has_content(chunk: _EarlyChunk) -> bool:
    return any(
        value and name != "thought"
        for candidate in chunk.candidates or ()
        if candidate.content is not None
        for part in candidate.content.parts or ()
        for name, value in part.items()
    )


def read_generated(data: bytes) -> Answer:
    """A whole answer, or the array of all its parts. Raises NoJson."""
    try:
        chunks = [read(_chunk, bytes(raw), _Chunk) for raw in as_list(data)]
    except UNREADABLE:
        chunks = [read(_chunk, data, _Chunk)]
    usage, model, stop_reason, known = Usage(), "", "", False
    for chunk in chunks:
        if chunk.error not in NOTHING:
            return failed(chunk.error)
        blocked = chunk.prompt_feedback.block_reason if chunk.prompt_feedback is not None else None
        known = known or bool(chunk.candidates or blocked)
        usage = usage if chunk.usage_metadata is None else chunk.usage_metadata.usage()
        model = chunk.model_version or model
        stop_reason = next((c.finish_reason for c in chunk.candidates or () if c.finish_reason), blocked or stop_reason)
    return Answer(usage=usage, model=model, stop_reason=stop_reason) if known else NO_ANSWER
