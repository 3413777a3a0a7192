"""What a climb brings back: values for the judge, free of anything secret."""

from __future__ import annotations

from msgspec import Struct

from stillup.sources.ladder.faults import Stage


class Mark(Struct, frozen=True):
    """One stage passed, in so many ms."""

    stage: Stage
    ms: float


class Reply(Struct, frozen=True, kw_only=True):
    """An HTTP answer as far as it came: ``ms`` until its head was in, ``fault`` is what ended its body early.

    ``headers`` are in lower case; ``body`` is at most 64 KB, and ``is_whole`` says that this is all of it.
    """

    status: int
    ms: float
    headers: dict[str, str] = {}
    body: bytes = b""
    is_whole: bool = True
    fault: str = ""
    first_token_ms: float | None = None
    is_stream_whole: bool = False
    stream_error: str = ""


class Climb(Struct, frozen=True, kw_only=True):
    """One try: the stages passed, and either a reply or the ``fault`` that stopped it at ``stage``.

    ``total_ms`` is the time from the first step to the end; ``notes`` are for a person ("IPv6 refused").
    """

    marks: tuple[Mark, ...] = ()
    stage: Stage = Stage.DNS
    fault: str = ""
    total_ms: float = 0.0
    reply: Reply | None = None
    notes: tuple[str, ...] = ()

    @property
    def reach_ms(self) -> float:
        """How long it took to stand before the server, ready to ask."""
        return round(sum(mark.ms for mark in self.marks if mark.stage is not Stage.HTTP), 1)
