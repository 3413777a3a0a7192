"""What a look gives: frozen values, whose fields mean what the documentation says."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from stillup.model.service import Capability, Confidence, Scope, State


class Part(Struct, frozen=True, kw_only=True):
    """One component of a service; ``state`` is unknown where nobody says anything of it."""

    id: str
    name: str
    state: State


class Back(Struct, frozen=True, kw_only=True):
    """When it is likely to be back, counted from the look: half of such faults are over within ``median``."""

    median: timedelta
    soonest: timedelta
    """One in ten is over by then."""
    latest: timedelta
    """Nine in ten are."""


class Check(Struct, frozen=True, kw_only=True):
    """How a service is. Unknown is a value of its own: it is neither up nor down."""

    service: str
    name: str
    at: datetime
    state: State
    confidence: Confidence | None
    """``confirmed``: the official page says so, or two independent sides do. None while nothing is wrong."""
    probability: float | None
    """That something is wrong."""
    scope: Scope | None
    """Who is hit; ``you`` and ``your_quota`` are no outage."""
    since: datetime | None
    headline: str
    """``Claude: partial outage, confirmed``"""
    reason: str
    """Why that is said, in a sentence."""
    parts: tuple[Part, ...] = ()
    works: tuple[str, ...] = ()
    """Names of parts that are known to work while others are broken."""
    problems: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """Those that are hit, where it is not all of them."""
    back: Back | None = None

    @property
    def is_up(self) -> bool | None:
        """True: operational; False: something is wrong with it; None: unknown, or maintenance."""
        return True if self.state is State.OPERATIONAL else False if self.state.is_fault else None

    @property
    def is_down(self) -> bool:
        """A confirmed outage, partial or major: worth going elsewhere for."""
        return self.state.is_outage and self.confidence is Confidence.CONFIRMED

    @property
    def is_yours(self) -> bool:
        """Your network, limit or key, and nobody else's."""
        return self.scope in (Scope.YOU, Scope.YOUR_QUOTA)

    def part(self, part_id: str) -> Part:
        """The component of that id, as ``api``.

        :raises KeyError: the service has none of that id.
        """
        found = next((p for p in self.parts if p.id == part_id), None)
        if found is None:
            raise KeyError(part_id)
        return found


class Alternative(Struct, frozen=True, kw_only=True):
    """Another service that could do it; ``state`` unknown where it was not looked at."""

    service: str
    name: str
    state: State
    why: str
    advantage: str
    access: str
    free: bool
    link: str
    shares: tuple[str, ...] = ()
    """Ids of services whose fault would most likely hit both."""
    chosen: bool = False
    """It is in your own backup toolkit for the task."""


class Alternatives(Struct, frozen=True, kw_only=True):
    """What to use instead, best first: what is known to be up, then what was not looked at; never what is down."""

    service: str
    at: datetime
    state: State
    task: Capability
    works: tuple[str, ...]
    """Names of parts of the service itself that are known to work while others are broken."""
    choices: tuple[Alternative, ...]

    @property
    def best(self) -> Alternative | None:
        """The first that is known to be up; None where none is."""
        return next((c for c in self.choices if c.state is State.OPERATIONAL), None)
