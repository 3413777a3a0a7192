"""The smallest streaming request of each inference protocol, and how to read what comes back."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from stillup.secret import Secret
from stillup.sources.ladder.faults import Fault
from stillup.sources.ladder.kinds import kind_in, names_error
from stillup.sources.ladder.sse import Event, EventReader

Headers = tuple[tuple[str, str | Secret], ...]

_MAX_TOKENS = 16
_ASK = [{"role": "user", "content": "Reply with: ok"}]


class Beat(Struct, frozen=True):
    """What one event of a stream means to us."""

    is_token: bool = False
    is_end: bool = False
    error: str = ""


_NOTHING, _TOKEN, _END = Beat(), Beat(is_token=True), Beat(is_end=True)
_GARBAGE = Beat(error=Fault.WRONG_CONTENT.value)


class Dialect(Struct, frozen=True):
    """One protocol: how the key travels, the body that asks a model for a word, and the meaning of an event."""

    headers: Callable[[Secret], Headers]
    body: Callable[[str], bytes]
    read: Callable[[Event], Beat]


class Tally:
    """What was heard of one stream: when its first token came, whether its end marker did, and any error in it."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._events = EventReader()
        self.first_token_ms: float | None = None
        self.is_whole = False
        self.error = ""

    def feed(self, piece: bytes, elapsed_ms: float) -> bool:
        """Take the next bytes, come ``elapsed_ms`` after the request; True when nothing more is worth waiting for."""
        for event in self._events.feed(piece):
            beat = self._dialect.read(event)
            if beat.is_token and self.first_token_ms is None:
                self.first_token_ms = elapsed_ms
            self.error = beat.error
            self.is_whole = beat.is_end
            if self.error or self.is_whole:
                return True
        return False


def _error_beat(data: bytes) -> Beat:
    kind = kind_in(data)
    # An error event whose kind we do not know is still an error of the other side.
    return Beat(error=(kind or Fault.SERVER_ERROR).value)


class _AnthropicEvent(Struct):
    type: str


def _read_anthropic(event: Event) -> Beat:
    data = event.data.encode()
    try:
        kind = msgspec.json.decode(data, type=_AnthropicEvent).type
    except (msgspec.MsgspecError, RecursionError):
        return _GARBAGE
    if kind == "error":
        return _error_beat(data)
    return {"content_block_delta": _TOKEN, "message_stop": _END}.get(kind, _NOTHING)


class _Delta(Struct, frozen=True):
    content: str | None = None


class _Choice(Struct):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: tuple[_Choice, ...] = ()


def _read_openai(event: Event) -> Beat:
    data = event.data.encode()
    if event.data.strip() == "[DONE]":
        return _END
    if names_error(data):
        return _error_beat(data)
    try:
        chunk = msgspec.json.decode(data, type=_Chunk)
    except (msgspec.MsgspecError, RecursionError):
        return _GARBAGE
    # A model that spends all its tokens on hidden reasoning says nothing but why it stopped: that is an answer too.
    said = any(choice.delta.content or choice.finish_reason for choice in chunk.choices)
    return _TOKEN if said else _NOTHING


def _anthropic_headers(key: Secret) -> Headers:
    return (("x-api-key", key), ("anthropic-version", "2023-06-01"))


def _bearer(key: Secret) -> Headers:
    return (("authorization", Secret(f"Bearer {key.reveal()}")),)


def _anthropic_body(model: str) -> bytes:
    return msgspec.json.encode({"model": model, "max_tokens": _MAX_TOKENS, "stream": True, "messages": _ASK})


def _openai_body(model: str) -> bytes:
    return msgspec.json.encode({"model": model, "max_completion_tokens": _MAX_TOKENS, "stream": True, "messages": _ASK})


DIALECTS: dict[str, Dialect] = {
    "anthropic": Dialect(_anthropic_headers, _anthropic_body, _read_anthropic),
    "openai": Dialect(_bearer, _openai_body, _read_openai),
}
