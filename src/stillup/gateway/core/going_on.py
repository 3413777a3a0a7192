"""Law 4 behind the commit point: what can be done with an answer that broke off, and where the client stands then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from stillup.gateway.core.fault import MEANINGS, Fault
from stillup.gateway.core.given import Given
from stillup.gateway.core.retry import Failed
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import Watch
from stillup.gateway.dialects.dialect import Writer
from stillup.gateway.dialects.neutral import Counted, Counts, Ended, Stop, ThoughtEnds
from stillup.gateway.dialects.said import Said

MOST_SEAMS = 12
"""An answer in more parts than that is no answer."""
_MOST_TOKENS = 2_000_000
"""Nor is a longer one: no model takes it to go on with."""

ThinkingCut = Literal["restart", "hold", "error"]


class Continuable(Struct, frozen=True):
    """What of a request decides whether its answer can be gone on with.

    ``writer`` makes what writes to this client.
    """

    writer: Callable[[], Writer]
    thinking_cut: ThinkingCut = "restart"


class Standing(Struct, frozen=True):
    """Where the client stands behind a break, after these bytes.

    ``is_over``: its answer has ended, in the protocol's error for ``fault`` where that is set, else properly. Otherwise
    another upstream may go on.
    """

    data: bytes
    is_over: bool = False
    fault: Fault | None = None


class GoingOn:
    """One request's. Without a ``continuable`` an answer that breaks off ends in an error."""

    __slots__ = ("_continuable", "_protocol", "broken", "characters", "given", "seams")

    def __init__(self, protocol: Protocol, continuable: Continuable | None) -> None:
        self._protocol = protocol
        self._continuable = continuable
        self.given = None if continuable is None else Given(continuable.writer)
        self.broken: Trial | None = None
        """The try whose answer is to be gone on with; None while nothing has broken off."""
        self.seams = 0
        self.characters = 0
        """How much of the text the client had when it broke off."""

    def keeper(self, watch: Watch) -> Callable[[bytes], None] | None:
        """Who is to be told what this watch hands out; None where it is written here anyway, or need not be known."""
        if self.given is None:
            return None
        if watch.writer is None:
            return self.given.passed
        self.given.written_by(watch.writer)
        return None

    def after(self, t: Trial, watch: Watch, fault: Fault) -> Standing:
        """Try ``t`` broke off; the client has whole events of it."""
        if self._continuable is None or self.given is None or self.given.is_lost:
            return Standing(t.ending(watch, self._protocol, fault), is_over=True, fault=fault)
        writer = self.given.writer()
        said = writer.said
        if said.ended is not None:
            return Standing(b"", is_over=True)  # all was said but the last word
        if said.calls:
            # An upstream counts at its end; what it told at the beginning is one token.
            counted = Counted(Counts(output=max(said.tokens, said.counts.output or 0)))
            return Standing(writer.write([counted, Ended(Stop.TOOLS)]), is_over=True)
        if not self._may_go_on(said, fault):
            return Standing(self._error(t, watch, fault), is_over=True, fault=fault)
        self.broken, self.seams, self.characters = t, self.seams + 1, len(said.text)
        return Standing(writer.write([ThoughtEnds()]) if said.is_thinking else b"")

    def _may_go_on(self, said: Said, fault: Fault) -> bool:
        cut = self._continuable.thinking_cut if self._continuable else "error"
        if said.is_thinking and cut == "error":
            return False
        return MEANINGS[fault].moves_on and self.seams < MOST_SEAMS and said.is_plain and said.tokens < _MOST_TOKENS

    def _error(self, t: Trial, watch: Watch, fault: Fault) -> bytes:
        if self.broken is None:
            return t.ending(watch, self._protocol, fault)
        return watch.error_ending(fault, f"{t.turn.name}: {fault.says}")

    def in_vain(self, fault: Fault, failed: list[Failed]) -> bytes:
        """Nobody could go on: the protocol's own error, behind what the client has."""
        words = "; ".join(dict.fromkeys(f"{each.turn.name}: {each.fault.says}" for each in failed))
        return self.given.writer().error(fault, words) if self.given else b""
