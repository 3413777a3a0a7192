"""A real answer in its events, so that it can be broken between two of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stillup.gateway.core.values import Headers, Protocol

MOST_HELD_BYTES = 1_048_576
"""What is longer is passed on as if it were an event."""
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_NAMES_DELTAS = (Protocol.ANTHROPIC, Protocol.VERTEX, Protocol.OPENAI, Protocol.RESPONSES)


class Events:
    """Cuts a stream behind each event; ``is_stream`` is False of a whole answer, which is one event at its end."""

    def __init__(self, headers: Headers) -> None:
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"").lower()
        self._is_binary = b"amazon.eventstream" in kind
        self.is_stream = self._is_binary or b"event-stream" in kind
        self._held = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The events that are whole now."""
        self._held += chunk
        while self.is_stream:
            end = self._end()
            if not end:
                break
            event, self._held = self._held[:end], self._held[end:]
            yield event

    def rest(self) -> bytes:
        """What is left at the end."""
        rest, self._held = self._held, b""
        return rest

    @property
    def is_full(self) -> bool:
        """More is held than any event has."""
        return len(self._held) > MOST_HELD_BYTES

    def _end(self) -> int:
        if self._is_binary:
            size = int.from_bytes(self._held[:4], "big") if len(self._held) >= 4 else 0
            return size if 0 < size <= len(self._held) else 0
        found = _BLANK_LINE.search(self._held)
        return found.end() if found else 0


def is_content(event: bytes, protocol: Protocol) -> bool:
    """Whether an event brings a piece of the answer, as far as that can be told cheaply."""
    return b"delta" in event if protocol in _NAMES_DELTAS else True


def is_ping(event: bytes) -> bool:
    """Whether an event is a sign of life and nothing else."""
    return event.startswith((b":", b"event: ping"))


def broken(event: bytes) -> bytes:
    """An event whose JSON stops in the middle, or whose checksum is wrong."""
    if event.startswith(b"\0"):
        return event[:-1] + bytes([event[-1] ^ 0xFF])
    whole = event.rstrip()
    return whole[: len(whole) * 2 // 3] + event[len(whole) :]
