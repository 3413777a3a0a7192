"""Who reads an upstream's answer, and what its errors mean: the exchange's view of the dialects."""

from __future__ import annotations

import re

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.turn import Turn
from stillup.gateway.core.values import Ask, Headers, Protocol
from stillup.gateway.dialects.base import END, Watch, Wrapping
from stillup.gateway.dialects.coding import CannotDecode, Decoder, coding_of
from stillup.gateway.dialects.trouble import classify
from stillup.gateway.dialects.whole import watch_for
from stillup.gateway.wire.hops import end_to_end

_TYPE_SIZE = len("content-type")
_PREVIOUS = re.compile(rb'"previous_response_id"\s*:\s*"')
_LARGE_BYTES = 1_048_576
_MOST_ENDS = 100_000


def _is_bomb(decoded: bytes) -> bool:
    """Whether a few coded bytes became more events than anybody sends at once: each takes some time to look at."""
    return len(decoded) > _LARGE_BYTES and sum(map(decoded.count, (b"\n\n", b"\r", b"}"))) > _MOST_ENDS


class Decoding(Wrapping):
    """A stream in a content coding: what goes to the client is decoded, for events can only be told apart so."""

    __slots__ = ("_decoder",)

    def __init__(self, watch: Watch, decoder: Decoder) -> None:
        super().__init__(watch)
        self.decodes = True
        self._decoder = decoder

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        try:
            decoded = self._decoder.feed(chunk)
        except CannotDecode:
            decoded = None
        if decoded is None or _is_bomb(decoded):
            if not self.flags & END:
                self._fail(Fault.MALFORMED)
            return self.flags, b""
        if not decoded:
            return self.flags, b""
        self.flags, ready = self._inner.feed(decoded)
        self._copy()
        return self.flags, ready

    def finish(self) -> tuple[Fault | None, bytes]:
        was_over = self.flags & END > 0
        if self.fault is not None and not was_over:
            return self.fault, b""
        fault, rest = self._inner.finish()
        self._copy()
        if fault is None and not was_over and not self._decoder.ended:
            fault = Fault.CUT
        return fault, rest


def reader(ask: Ask, protocol: Protocol, status: int, headers: Headers) -> Watch | Fault:
    """Who reads an answer of an upstream of ``protocol`` with this head; a fault where none has such a head."""
    kind, coding = content_of(headers)
    watch = watch_for(ask, protocol, status, kind, coding)
    if isinstance(watch, Fault) or watch.reads_coded or not coding:
        return watch
    try:
        return Decoding(watch, Decoder(coding))
    except CannotDecode:
        return Fault.NOT_API


def is_bound(ask: Ask) -> bool:
    """Whether only the provider that is asked first can answer it; others would without what was said before.

    It names a response that is stored there, or wants a conversation compacted in that provider's own way.
    """
    body = ask.body
    return b'"compaction_trigger"' in body or (b'"previous_response_id"' in body and _PREVIOUS.search(body) is not None)


def head_for_client(watch: Watch | None, headers: Headers) -> Headers:
    """The lines of an answer's head as they are true of what its watch hands out."""
    kept = end_to_end(headers, decoded=watch is not None and watch.decodes)
    if watch is not None and watch.content_type:
        kept = [line for line in kept if line[0].lower() != b"content-type"]
        kept.append((b"content-type", watch.content_type))
    return tuple(kept)


def classified(turn: Turn, status: int, headers: Headers, body: bytes) -> Fault:
    """See :data:`stillup.gateway.core.trial.Classify`."""
    return classify(turn.target.protocol, status, headers, body)


def content_of(headers: Headers) -> tuple[str, str]:
    """Content type and content coding; empty where a head does not say."""
    kinds = (value for name, value in headers if len(name) == _TYPE_SIZE and name.lower() == b"content-type" and value)
    return next(kinds, b"").decode("latin-1"), coding_of(headers)
