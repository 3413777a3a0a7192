"""A stand-in's signatures, told as none: they are good for its own model and prompt, and nobody else takes them.

What a client brings back with the mark is taken out again; a real signature would be refused by its first choice, and
with it the whole conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw

from stillup.gateway.core.fault import Fault
from stillup.gateway.dialects.base import Watch, Wrapping
from stillup.gateway.dialects.lenient import UNREADABLE
from stillup.gateway.dialects.neutral import UNSIGNED, Piece, ThoughtEnds
from stillup.gateway.dialects.splice import members

_SIGNED = b"signature_delta"
_SIGNATURE = re.compile(rb'("signature"\s*:\s*)"[^"\\]*"')
_EVENT = re.compile(rb"(?:^|(?<=\r))data:[^\r\n]*signature_delta[^\r\n]*", re.MULTILINE)
"""From a line's beginning only: looked for anywhere, a line of nothing but ``data:`` would take for ever."""
_UNSIGNED = UNSIGNED.encode()
_blocks = msgspec.json.Decoder(list[dict[str, Raw]]).decode


class Unsealed:
    """The same for pieces."""

    is_over = False

    def pass_on(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What the client is to get of these pieces."""
        for piece in pieces:
            yield ThoughtEnds() if isinstance(piece, ThoughtEnds) else piece


class UnsealingWatch(Wrapping):
    """Anthropic's answers, streamed or whole; every other byte passes as it came."""

    __slots__ = ()

    def __init__(self, inner: Watch) -> None:
        super().__init__(inner)
        self.flags = inner.flags

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        self.flags, ready = self._inner.feed(chunk)
        self._copy()
        return self.flags, _EVENT.sub(_without, ready) if _SIGNED in ready else ready

    def finish(self) -> tuple[Fault | None, bytes]:
        fault, rest = self._inner.finish()
        self.flags = self._inner.flags
        self._copy()
        if fault is None and not self.is_stream:
            rest = _whole(rest)
        return fault, rest


def _without(event: re.Match[bytes]) -> bytes:
    return _SIGNATURE.sub(rb'\1"' + _UNSIGNED + b'"', event[0])


def _whole(body: bytes) -> bytes:
    """A whole message; as it came where it is none, or is coded."""
    if b'"thinking"' not in body:
        return body
    try:
        message = members(body)
        blocks = _blocks(message["content"])
    except (KeyError, ValueError, *UNREADABLE):
        return body
    for block in blocks:
        if bytes(block.get("type", b"")) == b'"thinking"' and "signature" in block:
            block["signature"] = Raw(b'"' + _UNSIGNED + b'"')
    return msgspec.json.encode({**message, "content": blocks})
