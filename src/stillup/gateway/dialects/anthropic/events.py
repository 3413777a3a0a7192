"""The events of Anthropic's streams, typed as far as they are read."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import believable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson
from stillup.gateway.dialects.neutral import Counts, Stop
from stillup.gateway.dialects.typed import mended

T = TypeVar("T")

STOPS = {
    "end_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "tool_use": Stop.TOOLS,
    "refusal": Stop.REFUSED,
    "pause_turn": Stop.PAUSED,
    "model_context_window_exceeded": Stop.CONTEXT,
}


class _Details(Struct, gc=False):
    thinking_tokens: int | None = None


class Usage(Struct, gc=False):
    """Anthropic's counts: the cached ones stand beside ``input_tokens``."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _Details | None = None

    def counts(self) -> Counts:
        """As neutral counts."""
        details = self.output_tokens_details
        return Counts(
            fresh=believable(self.input_tokens),
            cache_read=believable(self.cache_read_input_tokens),
            cache_write=believable(self.cache_creation_input_tokens),
            output=believable(self.output_tokens),
            thought=None if details is None else believable(details.thinking_tokens),
        )


class StopDetails(Struct, gc=False):
    """Why it refused."""

    explanation: str | None = None


class Message(Struct, gc=False):
    """A message, whole or at its start."""

    id: str = ""
    model: str = ""
    content: Raw = NULL
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Usage | None = None


class Start(Struct, gc=False):
    """A block at its start."""

    type: str = ""
    id: str | None = None
    name: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    input: Raw = NULL


class Delta(Struct, gc=False):
    """A piece of a block."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: Raw = NULL


class DeltaEvent(Struct, gc=False):
    """``content_block_delta``."""

    delta: Delta | None = None


class End(Struct, gc=False):
    """Why the message ended."""

    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class EndEvent(Struct, gc=False):
    """``message_delta``."""

    delta: End | None = None
    usage: Usage | None = None


class StartEvent(Struct, gc=False):
    """``message_start`` and ``content_block_start``."""

    message: Message | None = None
    content_block: Raw = NULL


class _Error(Struct, gc=False):
    message: str = ""


class ErrorEvent(Struct, gc=False):
    """``error``."""

    error: _Error | None = None


class Kind(Struct, gc=False):
    """Any event."""

    type: str = ""


KIND = msgspec.json.Decoder(Kind)
DELTA = msgspec.json.Decoder(DeltaEvent)
DECODE_DELTA = DELTA.decode
END = msgspec.json.Decoder(EndEvent)
START = msgspec.json.Decoder(StartEvent)
ERROR = msgspec.json.Decoder(ErrorEvent)
BLOCK = msgspec.json.Decoder(Start)
MESSAGE = msgspec.json.Decoder(Message)


def decoded(decoder: msgspec.json.Decoder[T], data: bytes) -> T | None:
    """None for what is no JSON, or of another shape: it is passed over."""
    try:
        return decoder.decode(data)
    except UNREADABLE:
        pass
    try:
        return decoder.decode(mended(data))
    except (*UNREADABLE, NoJson):
        return None
