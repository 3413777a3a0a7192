"""One try of one target: planned by the desk, performed by the exchange, told of to the desk."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from stillup.gateway.core.breaker import Breaker
from stillup.gateway.core.health import Cell, Host
from stillup.gateway.core.outage import Outage
from stillup.gateway.core.values import Operation, Target
from stillup.gateway.core.why import Why


class Facts(Struct, frozen=True):
    """What selection needs to know of a request; ``tokens`` is a rough estimate of its input."""

    operation: Operation
    model: str
    stream: bool = False
    body_bytes: int = 0
    tokens: int = 0


class Turn(Struct, eq=False):
    """One try.

    ``target``, ``model`` (as asked on the wire), ``key`` (a fingerprint), ``why`` and ``trickle`` are the exchange's to
    read; ``place`` is the target's place in its chain, 0 for the first, and ``first_model`` what that one is asked as.

    ``not_before`` is the monotonic time before which the upstream or its limit forbids to ask, None when it may be
    asked at once. ``hurried`` says that its hedge is due early, for it may find nobody at home: so it is with a
    trickle and with a last resort. The rest is the desk's own book-keeping.
    """

    target: Target
    model: str
    key: str
    place: int
    host: Host
    cell: Cell
    stream: bool
    body_bytes: int
    began: float
    cell_epoch: int
    host_epoch: int
    outage_epoch: int
    why: Why = Why.FIRST_CHOICE
    trickle: bool = False
    hurried: bool = False
    not_before: float | None = None
    held: tuple[tuple[Breaker | Outage, int], ...] = ()
    content: bool = False
    done: bool = False
    late_epoch: int = -1
    first_model: str = ""

    @property
    def name(self) -> str:
        """Who is asked for what, for a person."""
        return f"{self.target.upstream}/{self.model}" if self.model else self.target.upstream

    def __repr__(self) -> str:
        return f"Turn({self.target.name}, {self.why})"


class Skipped(Struct, frozen=True):
    """A target that is not asked in its place in the chain; ``until`` is monotonic, None where no time is known."""

    target: Target
    why: Why
    until: float | None = None


class Choice(Struct, frozen=True):
    """Whom to ask, in this order, and who was passed over: those come among the turns again, as last resort.

    ``chain`` is the whole that was chosen from, for a second round.
    """

    turns: tuple[Turn, ...]
    skipped: tuple[Skipped, ...] = ()
    chain: Sequence[Target] = ()

    @property
    def why(self) -> Why:
        """Why the first turn is the first: what keeps the chain's own first from it, or the turn's own reason."""
        first = self.turns[0] if self.turns else None
        if first is not None and (first.place == 0 or not self.skipped):
            return first.why
        return self.skipped[0].why if self.skipped else Why.LAST_RESORT
