"""Who reads an upstream's answer, and what its errors mean: the exchange's view of the dialects."""

from __future__ import annotations

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.turn import Turn
from stillup.gateway.core.values import Ask, Headers
from stillup.gateway.dialects.base import Watch
from stillup.gateway.dialects.coding import CannotDecode, Decoder
from stillup.gateway.dialects.trouble import classify
from stillup.gateway.dialects.whole import watch_for


class Decoding(Watch):
    """A stream in a content coding: what goes to the client is decoded, for events can only be told apart so."""

    __slots__ = ("_decoder", "_watch")

    def __init__(self, watch: Watch, decoder: Decoder) -> None:
        super().__init__()
        self._watch = watch
        self._decoder = decoder

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        try:
            decoded = self._decoder.feed(chunk)
        except CannotDecode:
            self._fail(Fault.MALFORMED)
            return self.flags, b""
        if not decoded:
            return self.flags, b""
        self.flags, ready = self._watch.feed(decoded)
        self._copy()
        return self.flags, ready

    def finish(self) -> tuple[Fault | None, bytes]:
        if self.fault is not None:
            return self.fault, b""
        fault, rest = self._watch.finish()
        self._copy()
        return fault or (None if self._decoder.ended else Fault.CUT), rest

    def error_ending(self, fault: Fault, message: str) -> bytes:
        return self._watch.error_ending(fault, message)

    def _copy(self) -> None:
        inner = self._watch
        self.fault, self.error_event, self.error_message = inner.fault, inner.error_event, inner.error_message
        self.usage, self.model, self.stop_reason = inner.usage, inner.model, inner.stop_reason


def reader(ask: Ask, turn: Turn, status: int, headers: Headers) -> Watch | Fault:
    """See :data:`stillup.gateway.core.exchange.Reader`."""
    kind, coding = _value(headers, b"content-type"), _value(headers, b"content-encoding")
    watch = watch_for(ask, turn.target.protocol, status, kind, coding)
    if isinstance(watch, Fault) or watch.reads_coded or not coding:
        return watch
    try:
        return Decoding(watch, Decoder(coding))
    except CannotDecode:
        return Fault.NOT_API


def is_decoded(ask: Ask, headers: Headers) -> bool:
    """Whether the answer's content coding was taken off on the way."""
    return ask.stream and b"event-stream" in _value(headers, b"content-type").lower().encode("latin-1")


def classified(turn: Turn, status: int, headers: Headers, body: bytes) -> Fault:
    """See :data:`stillup.gateway.core.exchange.Classify`."""
    return classify(turn.target.protocol, status, headers, body)


def _value(headers: Headers, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == wanted), "")
