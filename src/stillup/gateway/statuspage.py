"""``GET /stillup/status``: what a running gateway says of itself, as ``stillup gateway status`` reads it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from stillup.gateway.core.status import TargetStatus
from stillup.gateway.faults.drill import DrillStatus
from stillup.gateway.later.item import Item, State

PATH = "/stillup/status"


class JournalStatus(Struct, frozen=True, kw_only=True):
    """Whether exchanges are kept; ``trouble`` says why not where they should be."""

    on: bool = False
    folder: str | None = None
    written_bytes: int = 0
    trouble: str | None = None


class UpstreamStatus(Struct, frozen=True, kw_only=True):
    """A provider that the gateway can ask; ``service`` is the catalogue's name of it, None for a stranger."""

    id: str
    service: str | None = None


class LaterStatus(Struct, frozen=True, kw_only=True):
    """How many requests that were put off there are, by state; ``trouble`` says why none can be."""

    waiting: int = 0
    answered: int = 0
    failed: int = 0
    unsure: int = 0
    """Nobody can know whether they were answered: they wait for a word."""
    trouble: str | None = None


def counts(items: Iterable[Item], trouble: str) -> LaterStatus:
    """Counted; one that is being asked still waits."""
    states = [item.state for item in items]
    return LaterStatus(
        waiting=states.count(State.WAITING) + states.count(State.RUNNING),
        answered=states.count(State.ANSWERED),
        failed=states.count(State.FAILED),
        unsure=states.count(State.UNSURE),
        trouble=trouble or None,
    )


class ReplicaStatus(Struct, frozen=True, kw_only=True):
    """One of several gateways: its name, who else is there, and whether they hear of each other."""

    name: str
    others: tuple[str, ...] = ()
    hears: bool = True
    """Whether the bus answers; without it each works on its own, by what it knows."""
    judged_at: dict[str, datetime] = {}
    """The minute of the newest verdict on each service that was heard of."""
    leaving: bool = False


class GatewayStatus(Struct, frozen=True, kw_only=True):
    """A running gateway as it stands.

    ``chains`` are the upstreams of each route, first choice first. ``spent_usd`` is by ``upstream/model`` since the
    start, by the price table; what has no price is not in it.
    """

    version: str
    address: str = ""
    in_flight: int = 0
    waiting: int = 0
    upstreams: tuple[UpstreamStatus, ...] = ()
    chains: tuple[tuple[str, ...], ...] = ()
    targets: tuple[TargetStatus, ...] = ()
    journal: JournalStatus = JournalStatus()
    missing: tuple[str, ...] = ()
    spent_usd: dict[str, float] = {}
    drills: tuple[DrillStatus, ...] = ()
    later: LaterStatus = LaterStatus()
    replica: ReplicaStatus | None = None
