"""The chunks of generateContent's answers, as they are decoded; and what can still be read of one that is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import believable
from stillup.gateway.dialects.array import BadArray, Elements
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson
from stillup.gateway.dialects.neutral import Counts
from stillup.gateway.dialects.sse import events
from stillup.gateway.dialects.typed import mended

T = TypeVar("T", bound=Struct)


class Called(Struct, gc=False, rename="camel"):
    """A function call. With ``partial_args`` it comes in parts, which only those get who ask for it."""

    name: str | None = None
    args: Raw = NULL
    id: str | None = None
    partial_args: Raw = NULL
    will_continue: bool | None = None


class Blob(Struct, gc=False, rename="camel"):
    """Bytes in base64, or where they are."""

    mime_type: str | None = None
    data: str | None = None
    file_uri: str | None = None


class Part(Struct, gc=False, rename="camel"):
    """One part of an answer."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: Called | None = None
    inline_data: Blob | None = None
    file_data: Blob | None = None
    executable_code: Raw = NULL
    code_execution_result: Raw = NULL


class Content(Struct, gc=False):
    """What a candidate says."""

    parts: list[Part] | None = None


class Candidate(Struct, gc=False, rename="camel"):
    """One of the answers; only the first is read."""

    content: Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    grounding_metadata: Raw = NULL
    citation_metadata: Raw = NULL


class UsageMetadata(Struct, gc=False, rename="camel"):
    """Tokens: thoughts are not among the candidates', what was cached is among the prompt's."""

    prompt_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None

    def counts(self) -> Counts:
        """As neutral counts."""
        prompt, tools = believable(self.prompt_token_count), believable(self.tool_use_prompt_token_count)
        out, thoughts = believable(self.candidates_token_count), believable(self.thoughts_token_count)
        cached = believable(self.cached_content_token_count)
        all_in = None if prompt is None else prompt + (tools or 0)
        return Counts(
            fresh=None if all_in is None else max(0, all_in - (cached or 0)),
            cache_read=cached,
            output=None if out is None and thoughts is None else (out or 0) + (thoughts or 0),
            thought=thoughts,
        )


class Feedback(Struct, gc=False, rename="camel"):
    """Why a prompt is not answered."""

    block_reason: str | None = None


class Chunk(Struct, gc=False, rename="camel"):
    """A chunk of a stream, or a whole answer."""

    candidates: list[Candidate] | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: Feedback | None = None
    error: Raw = NULL


_chunk = msgspec.json.Decoder(Chunk).decode
_any = msgspec.json.Decoder(object).decode
_HALF_AT_END = re.compile(rb'(?<!\\)\\u[dD][89abAB][0-9a-fA-F]{2}(?=")')
_HALF_AT_START = re.compile(rb'(?<=")\\u[dD][c-fC-F][0-9a-fA-F]{2}')


class Chunks:
    """Decodes the events of one stream, whichever of the two forms it has. It is only ever fed whole ones."""

    __slots__ = ("_elements", "_half")

    def __init__(self) -> None:
        self._elements: Elements | None = None
        self._half = b""

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """The chunks; what is none is passed over."""
        for one in self._events(data):
            try:
                chunk = _chunk(one)
            except UNREADABLE:
                found = self._carefully(one)
                if found is None:
                    continue
                chunk = found
            yield chunk

    def _events(self, data: bytes) -> Iterator[bytes]:
        if data.startswith(b"data: ") and data.find(b"\n") >= len(data) - 3:
            yield data[6:]  # one event of one line
            return
        if self._elements is not None or data.lstrip()[:1] == b"[":
            yield from self._of_array(data)
            return
        for _, inside in events(data):
            yield inside

    def _of_array(self, data: bytes) -> Iterator[bytes]:
        self._elements = self._elements or Elements()
        try:
            for piece in self._elements.feed(data):
                element = piece.lstrip(b"[, \t\r\n")
                if element.startswith(b"{"):
                    yield element
        except BadArray:
            return

    @property
    def is_closed(self) -> bool:
        """The array has ended."""
        return self._elements is not None and self._elements.closed

    def _carefully(self, data: bytes) -> Chunk | None:
        """A character may be cut into two escapes of two chunks, and a member may be of another type than it should."""
        if self._half:
            data = _HALF_AT_START.sub(lambda found: self._half + found[0], data, count=1)
            self._half = b""
        half = _HALF_AT_END.search(data)
        if half is not None:
            self._half = half[0]
            data = data[: half.start()] + data[half.end() :]
        try:
            return _salvaged(mended(data))
        except NoJson:
            return None


def decode_whole(data: bytes) -> Chunk:
    """A whole answer. Raises NoJson."""
    try:
        return _chunk(data)
    except UNREADABLE:
        return _salvaged(mended(data))


def _salvaged(data: bytes) -> Chunk:
    try:
        return _chunk(data)
    except UNREADABLE:
        value = _any(data)
    if not isinstance(value, dict):
        return Chunk()
    chunk = Chunk()
    for name, attribute in _ATTRIBUTES.items():
        if isinstance(value.get(name), str):
            setattr(chunk, attribute, value[name])
    chunk.usage_metadata = _one(value.get("usageMetadata"), UsageMetadata)
    chunk.prompt_feedback = _one(value.get("promptFeedback"), Feedback)
    listed = value.get("candidates")
    chunk.candidates = [_candidate(c) for c in listed[:1] if isinstance(c, dict)] if isinstance(listed, list) else None
    if value.get("error") is not None:
        chunk.error = Raw(msgspec.json.encode(value["error"]))
    return chunk


_ATTRIBUTES = {"modelVersion": "model_version", "responseId": "response_id"}


def _candidate(value: dict[str, object]) -> Candidate:
    content, reason = value.get("content"), value.get("finishReason")
    parts = content.get("parts") if isinstance(content, dict) else None
    found = [part for p in parts if (part := _one(p, Part)) is not None] if isinstance(parts, list) else []
    return Candidate(content=Content(found), finish_reason=reason if isinstance(reason, str) else None)


def _one(value: object, shape: type[T]) -> T | None:
    if value is None:
        return None
    try:
        return msgspec.json.decode(msgspec.json.encode(value), type=shape, strict=False)
    except UNREADABLE:
        return None
