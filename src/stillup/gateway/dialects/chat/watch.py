"""OpenAI Chat Completions, and the many servers that speak it: the stream of chunks."""

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


class _Details(Struct, gc=False):
    cached_tokens: int | None = None


class Counts(Struct, gc=False):
    """OpenAI's usage. ``prompt_cache_hit_tokens`` is DeepSeek's word for what others put into the details."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None

    def usage(self) -> Usage:
        """In our words."""
        details = self.prompt_tokens_details
        cached = self.prompt_cache_hit_tokens if details is None else details.cached_tokens
        return Usage(input_tokens=self.prompt_tokens, output_tokens=self.completion_tokens, cache_read_tokens=cached)


class _XGroq(Struct, gc=False):
    usage: Counts | None = None


class _Choice(Struct, gc=False):
    finish_reason: str | None = None


class _Chunk(Struct, gc=False):
    """What is read of a chunk once content was seen; ``object``, ``message`` and ``detail`` tell an error's shape."""

    choices: list[_Choice] | None = None
    error: Raw = NULL
    usage: Counts | None = None
    object: str = ""
    x_groq: _XGroq | None = None


class _Delta(Struct):
    content: Raw = NULL
    refusal: Raw = NULL
    tool_calls: Raw = NULL
    function_call: Raw = NULL
    reasoning: Raw = NULL
    reasoning_content: Raw = NULL
    reasoning_details: Raw = NULL
    audio: Raw = NULL
    images: Raw = NULL

    @property
    def is_content(self) -> bool:
        """Anything in it that a client could show or use."""
        parts = (self.content, self.tool_calls, self.reasoning_content, self.reasoning, self.reasoning_details)
        others = (self.refusal, self.function_call, self.audio, self.images)
        return any(part not in NOTHING for part in parts + others)


class _EarlyChoice(Struct):
    delta: _Delta | None = None
    message: _Delta | None = None


class _EarlyChunk(Struct):
    model: str | None = None
    choices: list[_EarlyChoice] | None = None


_chunk = msgspec.json.Decoder(_Chunk).decode
_early = msgspec.json.Decoder(_EarlyChunk).decode


_DONE = b"data: [DONE]\n\n"


class ChatWatch(SseWatch):
    """Watches a stream of Chat Completions."""

    __slots__ = ()

    def _see(self, name: bytes, data: bytes) -> bool:
        try:
            chunk = _chunk(data)
            if not data.isascii():
                data.decode()
        except UNREADABLE:
            return self._see_unusual(name, data)
        # The usual chunk of an answer that has begun says nothing but more content.
        if self.flags & CONTENT and chunk.usage is None and chunk.error is NULL and not name and chunk.x_groq is None:
            choices = chunk.choices
            if choices and len(choices) == 1 and choices[0].finish_reason is None:
                return True
        return self.flags & END > 0 or self._see_chunk(name, chunk, data)

    def _see_unusual(self, name: bytes, data: bytes) -> bool:
        if self.flags & END:
            return True
        if data.startswith(b"[DONE]"):
            return self._end()
        try:
            return self._see_chunk(name, shaped(data, _Chunk), data)
        except NoJson:
            return self._malformed()

    def _see_chunk(self, name: bytes, chunk: _Chunk, data: bytes) -> bool:
        counts = chunk.usage or (chunk.x_groq.usage if chunk.x_groq is not None else None)
        if counts is not None:
            self.usage = counts.usage()
        if chunk.error not in NOTHING or chunk.object == "error" or name == b"error":
            return self._see_error(chunk, data)
        if not self.flags & CONTENT:
            self._see_early(data)
        reasons = [choice.finish_reason for choice in chunk.choices or () if choice.finish_reason]
        return not reasons or self._see_finish(reasons[0])

    def _see_early(self, data: bytes) -> None:
        early = read(_early, data, _EarlyChunk)
        self.model = early.model or self.model
        for choice in early.choices or ():
            delta = choice.delta or choice.message
            if delta is not None and delta.is_content:
                self.flags |= CONTENT

    def _see_finish(self, reason: str) -> bool:
        if reason == "error":  # OpenRouter's, should the error itself be missing
            self._fail(Fault.ERROR_EVENT, message="the upstream finished with an error")
            return False
        self.stop_reason = reason
        self.flags |= CONTENT
        return True

    def _see_error(self, chunk: _Chunk, data: bytes) -> bool:
        error = said(data if chunk.error in NOTHING else bytes(chunk.error))
        self._fail(fault_in_stream(error), message=error.message)
        return False

    def _ended_kindly(self) -> bool:
        # Many compatible servers never send [DONE]; a choice that says why it stopped is whole.
        return bool(self.stop_reason)

    def finish(self) -> tuple[Fault | None, bytes]:
        was_over = self.flags & END > 0
        fault, rest = super().finish()
        if fault is not None or was_over or _DONE in rest:
            return fault, rest
        return None, rest + _DONE  # the last word, which some clients wait for

    def error_ending(self, fault: Fault, message: str) -> bytes:
        return error_event(Protocol.OPENAI, fault, message)


def read_completion(data: bytes) -> Answer:
    """A whole completion. Raises NoJson."""
    chunk = read(_chunk, data, _Chunk)
    if chunk.error not in NOTHING:
        return failed(chunk.error)
    if chunk.object == "error":
        return failed(Raw(data))
    if not chunk.choices:
        return NO_ANSWER
    usage = Usage() if chunk.usage is None else chunk.usage.usage()
    model = read(_early, data, _EarlyChunk).model or ""
    return Answer(usage=usage, model=model, stop_reason=chunk.choices[0].finish_reason or "")
