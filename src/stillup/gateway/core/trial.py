"""One try under way, as its exchange sees it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.turn import Turn
from stillup.gateway.core.values import Headers, Operation, Protocol, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.dialects.base import KeyChoice, KeyKind, Watch
from stillup.gateway.dialects.coding import CannotDecode, coding_of, decoded

MAX_ERROR_BYTES = 1_048_576
_NO_USAGE = Usage()
_NOT_SAID = (None, Fault.MALFORMED, Fault.CUT, Fault.EMPTY)
"""What a watch finds itself: the event in which it did is no error of the upstream's."""

Reader = Callable[[int, int, Headers], "Watch | Fault"]
"""Who reads the answer of a try (by number) with this status and head; a fault where no answer has such a head."""
Learn = Callable[[int, int, bytes], bool]
"""Whether a try's error, by status and body, taught what its model does not take: it is sent again without."""
Classify = Callable[[Turn, int, Headers, bytes], Fault]
"""What an error answer means; its body without content coding."""


class Trial(Struct, eq=False):
    """State only. Times are the exchange's steady seconds; ``body`` is that of an error answer."""

    n: int
    turn: Turn
    key: KeyChoice
    started_s: float
    last_s: float
    status: int | None = None
    headers: Headers = ()
    watch: Watch | None = None
    held: list[bytes] = []
    held_bytes: int = 0
    body: bytes = b""
    says: str = ""
    """Why it was not asked, for the client."""
    drill: str = ""
    """The mode of the drill that stands in its upstream's place; empty for a real try."""
    changes: tuple[str, ...] = ()
    """What it was asked does not share with what the client asked, in a few words each."""
    is_late: bool = False
    is_over: bool = False
    fault: Fault | None = None
    first_s: float | None = None
    longest_gap_s: float = 0.0
    ended_s: float | None = None
    """When the end marker came."""
    is_open: bool = False
    """The client has something of it."""

    def __repr__(self) -> str:
        return f"Trial({self.n}, {self.turn!r})"

    @property
    def is_borrowed(self) -> bool:
        """It is made with the client's own key."""
        return self.key.kind is KeyKind.CLIENT

    def readable(self) -> bytes:
        """The body of an error answer without its content coding; as it came where that cannot be taken off."""
        coding = coding_of(self.headers)
        if not coding:
            return self.body
        try:
            return decoded(self.body, coding, MAX_ERROR_BYTES)
        except CannotDecode:
            return self.body

    def ending(self, watch: Watch, protocol: Protocol, fault: Fault) -> bytes:
        """What ends a begun answer as broken: the upstream's own error event where it sent one, else one of ours."""
        sent = b"" if watch.fault in _NOT_SAID else watch.error_event
        if protocol is Protocol.RESPONSES and b'"error":' not in sent.replace(b" ", b""):
            sent = b""  # the reference's own flat event: the official SDKs look into "error" and find nothing
        said = "" if fault is Fault.CUT else watch.error_message  # of a cut it is ours, and names nobody
        words = said or f"{self.turn.name}: {fault.says}"
        return sent or watch.error_ending(fault, words)

    def result(self, operation: Operation, fault: Fault | None, now: float, *, ok: bool) -> Try:
        """What came of it."""
        return Try(
            target=self.turn.target,
            model=self.turn.model,
            operation=operation,
            ok=ok,
            fault=fault,
            status=self.status,
            first_token_s=None if self.first_s is None else self.first_s - self.started_s,
            total_s=now - self.started_s,
            usage=_NO_USAGE if self.watch is None else self.watch.usage.believable(),
            borrowed_key=self.is_borrowed,
            changes=self.changes,
            drill=self.drill,
        )
