"""The smallest request of each inference protocol that makes a model say a word, and how to read what comes back."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from stillup.secret import Secret
from stillup.sources.ladder.faults import Fault
from stillup.sources.ladder.kinds import kind_in, names_error
from stillup.sources.ladder.sse import Event, Framing, reader_of

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


def _as_it_is(path: str, _model: str) -> str:
    return path


def _any_key(_key: Secret, _url: str) -> str:
    return ""


class Dialect(Struct, frozen=True):
    """One protocol: how the key travels, the body that asks a model for a word, and the meaning of an event.

    ``path`` puts the model into the path where the protocol has it there. ``refuses`` says in words why a key cannot
    be for an address of the catalogue; empty where it may be. A protocol of local servers needs no key.
    """

    headers: Callable[[Secret], Headers]
    body: Callable[[str], bytes]
    read: Callable[[Event], Beat]
    framing: Framing = Framing.EVENTS
    path: Callable[[str, str], str] = _as_it_is
    refuses: Callable[[Secret, str], str] = _any_key
    needs_key: bool = True
    needs_model: bool = True


class Tally:
    """What was heard of one stream: when its first token came, whether its end marker did, and any error in it."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._events = reader_of(dialect.framing)
        self.first_token_ms: float | None = None
        self.is_whole = False
        self.error = ""

    def feed(self, piece: bytes, elapsed_ms: float) -> bool:
        """Take the next bytes, come ``elapsed_ms`` after the request; True when nothing more is worth waiting for."""
        return self._take(self._events.feed(piece), elapsed_ms)

    def end(self, elapsed_ms: float) -> None:
        """The body is complete."""
        if not (self.error or self.is_whole):
            self._take(self._events.end(), elapsed_ms)

    def _take(self, events: list[Event], elapsed_ms: float) -> bool:
        for event in events:
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
    return (("authorization", key.bearer()),)


def _anthropic_body(model: str) -> bytes:
    return msgspec.json.encode({"model": model, "max_tokens": _MAX_TOKENS, "stream": True, "messages": _ASK})


def _openai_body(model: str) -> bytes:
    return msgspec.json.encode({"model": model, "max_completion_tokens": _MAX_TOKENS, "stream": True, "messages": _ASK})


class _Part(Struct):
    text: str | None = None


class _Content(Struct):
    parts: tuple[_Part, ...] = ()


class _Candidate(Struct):
    content: _Content | None = None
    finish: str | None = msgspec.field(name="finishReason", default=None)


class _Generated(Struct):
    candidates: tuple[_Candidate, ...] = ()


def _read_gemini(event: Event) -> Beat:
    data = event.data.encode()
    if names_error(data):
        return _error_beat(data)
    try:
        candidates = msgspec.json.decode(data, type=_Generated).candidates
    except (msgspec.MsgspecError, RecursionError):
        return _GARBAGE
    # Here too a model may spend all it is given on thinking and say no more than why it stopped.
    said = any(c.finish or any(part.text for part in (c.content or _Content()).parts) for c in candidates)
    return _WHOLE if said else _GARBAGE


class _Translation(Struct):
    text: str


class _Translated(Struct):
    translations: tuple[_Translation, ...]


def _read_deepl(event: Event) -> Beat:
    try:
        found = msgspec.json.decode(event.data.encode(), type=_Translated).translations
    except (msgspec.MsgspecError, RecursionError):
        return _GARBAGE
    return _WHOLE if any(row.text for row in found) else _GARBAGE


class _Line(Struct):
    response: str = ""
    done: bool = False


def _read_ollama(event: Event) -> Beat:
    """An error comes at HTTP 200 too, and then no line is ``done``."""
    data = event.data.encode()
    if names_error(data):
        return _error_beat(data)
    try:
        line = msgspec.json.decode(data, type=_Line)
    except (msgspec.MsgspecError, RecursionError):
        return _GARBAGE
    # The last line stands for a word too: all sixteen may have gone into thinking.
    return Beat(is_token=bool(line.response) or line.done, is_end=line.done)


_WHOLE = Beat(is_token=True, is_end=True)
_GEMINI_MODEL = re.compile(r"(?<=/models/)[^/:]+(?=:)")
_FREE_HOST = "api-free.deepl.com"


def _google_key(key: Secret) -> Headers:
    return (("x-goog-api-key", key),)


def _gemini_body(_model: str) -> bytes:
    ask = [{"role": "user", "parts": [{"text": _ASK[0]["content"]}]}]
    return msgspec.json.encode({"contents": ask, "generationConfig": {"maxOutputTokens": _MAX_TOKENS}})


def _gemini_path(path: str, model: str) -> str:
    return _GEMINI_MODEL.sub(lambda _: quote(model, safe=""), path) if model else path


def _deepl_key(key: Secret) -> Headers:
    return (("authorization", Secret(f"DeepL-Auth-Key {key.reveal()}")),)


def _deepl_body(_model: str) -> bytes:
    return msgspec.json.encode({"text": ["Hi"], "source_lang": "EN", "target_lang": "DE"})


def _deepl_refuses(key: Secret, url: str) -> str:
    """A key of the free API ends in ``:fx``, and neither API takes the other's."""
    is_free, host = key.reveal().endswith(":fx"), urlsplit(url).hostname
    if is_free is (host == _FREE_HOST):
        return ""
    return "the key is one of the free API" if is_free else "the key is one of the paid API"


def _no_key(_key: Secret) -> Headers:
    return ()


def _ollama_body(model: str) -> bytes:
    return msgspec.json.encode({"model": model, "prompt": _ASK[0]["content"], "options": {"num_predict": _MAX_TOKENS}})


DIALECTS: dict[str, Dialect] = {
    "anthropic": Dialect(_anthropic_headers, _anthropic_body, _read_anthropic),
    "openai": Dialect(_bearer, _openai_body, _read_openai),
    "gemini": Dialect(_google_key, _gemini_body, _read_gemini, Framing.WHOLE, _gemini_path),
    "deepl": Dialect(_deepl_key, _deepl_body, _read_deepl, Framing.WHOLE, refuses=_deepl_refuses, needs_model=False),
    "ollama": Dialect(_no_key, _ollama_body, _read_ollama, Framing.LINES, needs_key=False),
}
