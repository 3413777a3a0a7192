"""Chunks and completions in typed shapes: what is read of OpenAI's, and of those of the many like it."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol, believable
from stillup.gateway.dialects.chat.asked import Annotation
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, plain
from stillup.gateway.dialects.neutral import Citation, Counts, Stop
from stillup.gateway.dialects.typed import mended

T = TypeVar("T", bound=Struct)


class _PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Struct, gc=False):
    reasoning_tokens: int | None = None


class Usage(Struct, gc=False):
    """OpenAI's count: what was read from a cache is inside ``prompt_tokens``."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's word for what others put into the details."""

    def counts(self) -> Counts:
        """As neutral counts."""
        details = self.prompt_tokens_details or _PromptDetails()
        read = believable(self.prompt_cache_hit_tokens if details.cached_tokens is None else details.cached_tokens)
        write = believable(details.cache_write_tokens)
        total = believable(self.prompt_tokens)
        fresh = None if total is None else max(0, total - (read or 0) - (write or 0))
        output = self.completion_tokens_details
        return Counts(
            fresh=fresh,
            cache_read=read,
            cache_write=write or None,
            output=believable(self.completion_tokens),
            thought=None if output is None else believable(output.reasoning_tokens),
        )


class _XGroq(Struct, gc=False):
    usage: Usage | None = None


class Function(Struct, gc=False):
    """A piece of a call, or all of it."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(Struct, gc=False):
    """The same, with where it belongs; index and id may be missing, or come again with each piece."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Inner(Struct, gc=False):
    """Words inside one of Mistral's pieces."""

    text: str | None = None


class Piece(Struct, gc=False):
    """Mistral's content of a model that thinks."""

    type: str | None = None
    text: str | None = None
    thinking: str | list[Inner] | None = None

    @property
    def thought(self) -> str:
        """Its thought."""
        if isinstance(self.thinking, list):
            return "".join(inner.text or "" for inner in self.thinking)
        return self.thinking or ""


class Delta(Struct, gc=False):
    """What is new in a choice; in a completion, its message."""

    content: str | list[Piece] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None
    annotations: list[Annotation] | None = None


class Choice(Struct, gc=False):
    """One of the answers. ``stop_reason`` is vLLM's: the sequence that ended it."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None


class Chunk(Struct, gc=False):
    """A chunk of a stream, or a completion."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    x_groq: _XGroq | None = None
    error: Raw = NULL
    object: str | None = None

    @property
    def counted(self) -> Usage | None:
        """What it counts, if anything."""
        return self.usage or (None if self.x_groq is None else self.x_groq.usage)


_chunk = msgspec.json.Decoder(Chunk).decode


def read_chunk(data: bytes) -> Chunk:
    """The chunk; of one that breaks its own protocol, what can be read. Raises NoJson."""
    try:
        return _chunk(data)
    except UNREADABLE:
        pass
    whole = mended(data)
    try:
        return msgspec.json.decode(whole, type=Chunk, strict=False)
    except msgspec.ValidationError:
        return _salvaged(plain(whole), Chunk)
    except UNREADABLE as refused:
        msg = "no JSON"
        raise NoJson(msg) from refused


def _salvaged(value: object, shape: type[T]) -> T:
    """Member by member: one that does not fit is left out, not all that stands beside it."""
    found = shape()
    if not isinstance(value, dict):
        return found
    for field in msgspec.structs.fields(shape):
        given = value.get(field.encode_name)
        if given is None or field.type is Raw:
            continue
        try:
            setattr(found, field.name, msgspec.convert(given, field.type, strict=False))
        except msgspec.ValidationError:
            inner = _INNER.get((shape, field.name))
            if inner is not None:
                setattr(found, field.name, _salvaged_inner(given, inner, is_list=field.name in _LISTS))
    return found


def _salvaged_inner(given: object, shape: type[Struct], *, is_list: bool) -> list[Struct] | Struct | None:
    if is_list:
        return [_salvaged(one, shape) for one in given if isinstance(one, dict)] if isinstance(given, list) else None
    return _salvaged(given, shape) if isinstance(given, dict) else None


_INNER: dict[tuple[type[Struct], str], type[Struct]] = {
    (Chunk, "choices"): Choice,
    (Choice, "delta"): Delta,
    (Choice, "message"): Delta,
    (Delta, "tool_calls"): ToolCall,
    (ToolCall, "function"): Function,
    (Chunk, "usage"): Usage,
}
_LISTS = frozenset({"choices", "tool_calls"})

_STOPS = {
    "stop": Stop.END,
    "length": Stop.LENGTH,
    "model_length": Stop.LENGTH,
    "max_tokens": Stop.LENGTH,
    "tool_calls": Stop.TOOLS,
    "function_call": Stop.TOOLS,
    "content_filter": Stop.REFUSED,
}
BROKEN = frozenset({"error", "insufficient_system_resource"})
"""Reasons that are failures: OpenRouter's and DeepSeek's."""


def stop_of(choice: Choice, *, calls: bool, refused: bool) -> tuple[Stop, str]:
    """Why it ended, and the stop sequence where the server tells. Many say ``stop`` behind calls."""
    stop = _STOPS.get(choice.finish_reason or "", Stop.END)
    if stop is Stop.LENGTH:
        return stop, ""
    if calls:
        return Stop.TOOLS, ""
    if refused:
        return Stop.REFUSED, ""
    if stop is Stop.END and isinstance(choice.stop_reason, str) and choice.stop_reason:
        return Stop.SEQUENCE, choice.stop_reason
    return (Stop.END if stop is Stop.TOOLS else stop), ""


def citation_of(annotation: Annotation) -> Citation | None:
    """An address that is cited; there are no other citations here."""
    found = annotation.url_citation
    if found is None:
        return None
    return Citation(
        url=found.url or "",
        title=found.title or "",
        start=found.start_index,
        end=found.end_index,
        origin=Protocol.OPENAI,
    )
