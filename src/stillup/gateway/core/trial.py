"""One try under way, as its exchange sees it."""

from __future__ import annotations

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.turn import Turn
from stillup.gateway.core.values import Headers
from stillup.gateway.dialects.base import Watch


class Trial:
    """State only. Times are the exchange's steady seconds; ``body`` is that of an error answer."""

    __slots__ = (
        "body", "ended_s", "fault", "first_s", "headers", "held", "held_bytes", "is_late", "is_over", "last_s",
        "longest_gap_s", "n", "started_s", "status", "turn", "watch",
    )  # fmt: skip

    def __init__(self, n: int, turn: Turn, now: float) -> None:
        self.n, self.turn, self.started_s = n, turn, now
        self.status: int | None = None
        self.headers: Headers = ()
        self.watch: Watch | None = None
        self.held: list[bytes] = []
        self.held_bytes = 0
        self.body = b""
        self.is_late = self.is_over = False
        self.fault: Fault | None = None
        self.first_s: float | None = None
        self.last_s = now
        self.longest_gap_s = 0.0
        self.ended_s: float | None = None
        """When the end marker came."""
