"""The events of a stream of Responses, as far as anyone here looks into them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import believable
from stillup.gateway.dialects import sse
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, as_string
from stillup.gateway.dialects.neutral import Counts
from stillup.gateway.dialects.typed import mended


class Event(Struct, gc=False):
    """One event; of all its kinds each member is read where it has the right type, and only then."""

    type: str = ""
    delta: str = ""
    output_index: int = -1
    content_index: int = 0
    summary_index: int = 0
    sequence_number: int = -1
    text: str = ""
    refusal: str = ""
    item_id: str = ""
    item: Raw = NULL
    part: Raw = NULL
    annotation: Raw = NULL
    response: Raw = NULL
    error: Raw = NULL
    message: str | None = None


class _Loose(Struct, gc=False):
    """The same of any types: a stream is not broken by a member that is."""

    type: Raw = NULL
    delta: Raw = NULL
    output_index: Raw = NULL
    content_index: Raw = NULL
    summary_index: Raw = NULL
    sequence_number: Raw = NULL
    text: Raw = NULL
    refusal: Raw = NULL
    item_id: Raw = NULL
    item: Raw = NULL
    part: Raw = NULL
    annotation: Raw = NULL
    response: Raw = NULL
    error: Raw = NULL
    message: Raw = NULL


class _Cached(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Thought(Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Cached | None = None
    output_tokens_details: _Thought | None = None

    def counts(self) -> Counts:
        """As neutral counts: here what was cached is a part of the input."""
        cached, thought = self.input_tokens_details or _Cached(), self.output_tokens_details or _Thought()
        read, write = believable(cached.cached_tokens), believable(cached.cache_write_tokens)
        total = believable(self.input_tokens)
        return Counts(
            fresh=None if total is None else max(0, total - (read or 0) - (write or 0)),
            cache_read=read,
            cache_write=write,
            output=believable(self.output_tokens),
            thought=believable(thought.reasoning_tokens),
        )


class Why(Struct, gc=False):
    """Why a response is incomplete."""

    reason: str | None = None


class Response(Struct, gc=False):
    """A response, as events and whole answers carry it."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: _Usage | None = None
    incomplete_details: Why | None = None


class _Model(Struct, gc=False):
    id: str | None = None
    model: str | None = None


_event = msgspec.json.Decoder(Event).decode
_loose = msgspec.json.Decoder(_Loose).decode
_response = msgspec.json.Decoder(Response).decode
_model = msgspec.json.Decoder(_Model).decode
_strings = frozenset({"type", "delta", "text", "refusal", "item_id", "message"})
_numbers = frozenset({"output_index", "content_index", "summary_index", "sequence_number"})
_number = msgspec.json.Decoder(int).decode


def events(data: bytes) -> Iterator[Event]:
    """The events in ``data``, which holds whole ones; what is no JSON object is passed over."""
    for name, inside in sse.events(data):
        event = _read(name, inside)
        if event is not None:
            yield event


def _read(name: bytes, data: bytes) -> Event | None:
    try:
        event = _event(data)
    except UNREADABLE:
        found = _read_loosely(data)
        if found is None:
            return None
        event = found
    if not event.type:
        event.type = name.decode("latin-1")
    return event


def _read_loosely(data: bytes) -> Event | None:
    try:
        whole = mended(data)
        loose = _loose(whole)
    except (*UNREADABLE, NoJson):
        return None
    event = Event()
    for name in _Loose.__struct_fields__:
        raw = getattr(loose, name)
        if raw == NULL:
            continue
        if name in _strings or name in _numbers:
            _set(event, name, raw)
        else:
            setattr(event, name, Raw(bytes(raw)))
    return event


def _set(event: Event, name: str, raw: Raw) -> None:
    with suppress(*UNREADABLE):
        setattr(event, name, (as_string if name in _strings else _number)(raw))


def response_in(raw: bytes) -> Response:
    """The response in an event, as far as it is one."""
    try:
        return _response(raw)
    except UNREADABLE:
        pass
    try:
        model = _model(raw)
    except UNREADABLE:
        return Response()
    return Response(id=model.id, model=model.model)
