"""Converse's events as its watch hands them out, and as they are written."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import believable
from stillup.gateway.dialects import sse
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson
from stillup.gateway.dialects.neutral import Counts
from stillup.gateway.dialects.typed import mended


class ToolUse(Struct, gc=False, rename="camel"):
    """The begin of a call (id and name), or a piece of its input."""

    tool_use_id: str | None = None
    name: str | None = None
    input: str | None = None
    type: str | None = None


class Reasoned(Struct, gc=False, rename="camel"):
    """A piece of a thought."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class ImageSource(Struct, gc=False):
    """Bytes of an image in base64."""

    bytes: str | None = None


class Image(Struct, gc=False):
    """An image begins (format), or comes."""

    format: str | None = None
    source: ImageSource | None = None


class Start(Struct, gc=False, rename="camel"):
    """What a block is that begins; text and thoughts begin without a word."""

    tool_use: ToolUse | None = None
    image: Image | None = None


class Delta(Struct, gc=False, rename="camel"):
    """A piece of a block."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: Reasoned | None = None
    citation: Raw = NULL
    image: Image | None = None


class Usage(Struct, gc=False, rename="camel"):
    """Tokens; what was cached is beside the input."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None

    def counts(self) -> Counts:
        """As neutral counts."""
        return Counts(
            fresh=believable(self.input_tokens),
            cache_read=believable(self.cache_read_input_tokens),
            cache_write=believable(self.cache_write_input_tokens),
            output=believable(self.output_tokens),
        )


class Event(Struct, gc=False, rename="camel"):
    """One event of any kind."""

    delta: Delta | None = None
    content_block_index: int | None = None
    start: Start | None = None
    stop_reason: str | None = None
    usage: Usage | None = None
    error: Raw = NULL


_event = msgspec.json.Decoder(Event).decode


def events(data: bytes) -> Iterator[tuple[bytes, Event]]:
    """The names and what is in them; what is no event is passed over."""
    for name, inside in sse.events(data):
        event = _decoded(inside)
        if event is not None:
            yield name, event


def _decoded(data: bytes) -> Event | None:
    try:
        return _event(data)
    except UNREADABLE:
        pass
    try:
        return msgspec.json.decode(mended(data), type=Event, strict=False)
    except (NoJson, *UNREADABLE):
        return None


def event(name: str, **inside: object) -> bytes:
    """One event as bytes."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(inside) + b"\n\n"
