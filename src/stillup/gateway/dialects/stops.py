"""Stop sequences kept by the gateway, for an upstream that has none (Responses) or a model that refuses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from stillup.gateway.dialects.neutral import Ended, Part, Piece, Reply, Stop, Text, Words

MOST_STOPS = 64
LONGEST_STOP = 256
"""Characters. No provider takes so many, or such; each piece of an answer is compared with all of them."""


def can_be_kept(stops: Sequence[str]) -> bool:
    """Whether these can be looked for here."""
    return len(stops) <= MOST_STOPS and all(len(stop) <= LONGEST_STOP for stop in stops)


class Stops:
    """Ends a streamed answer before whichever is whole first, wherever it is cut up; what may be one is held back."""

    __slots__ = ("_held", "_stops", "is_over")

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.is_over = False

    def pass_on(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What the client is to get of these pieces."""
        for piece in pieces:
            if self.is_over:
                return
            if isinstance(piece, Words):
                yield from self._words(self._held + piece.text)
                continue
            if self._held:
                held, self._held = self._held, ""
                yield Words(held)
            yield piece

    def _words(self, text: str) -> Iterator[Piece]:
        found = _first(text, self._stops)
        if found is not None:
            at, stop = found
            self._held, self.is_over = "", True
            yield from (Words(text[:at]),) if at else ()
            yield Ended(Stop.SEQUENCE, stop)
            return
        kept = _may_begin(text, self._stops)
        self._held = text[len(text) - kept :]
        if len(text) > kept:
            yield Words(text[: len(text) - kept])


def cut_at(reply: Reply, stops: Sequence[str]) -> Reply:
    """A whole answer up to the first of these."""
    parts: list[Part] = []
    for part in reply.parts:
        found = _first(part.text, stops) if isinstance(part, Text) else None
        if found is not None and isinstance(part, Text):
            at, stop = found
            parts.append(replace(part, text=part.text[:at]))
            return replace(reply, parts=tuple(parts), stop=Stop.SEQUENCE, sequence=stop)
        parts.append(part)
    return reply


def _first(text: str, stops: Sequence[str]) -> tuple[int, str] | None:
    """The one that is whole first, as a model that says one letter after the other meets them, and where it begins."""
    found = [(text.find(stop), stop) for stop in stops if stop and stop in text]
    return min(found, key=lambda one: (one[0] + len(one[1]), one[0])) if found else None


def _may_begin(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end could be the beginning of one."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for kept in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-kept:]) and len(stop) > kept for stop in stops):
            return kept
    return 0
