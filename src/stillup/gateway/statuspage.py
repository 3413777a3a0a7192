"""``GET /stillup/status``: what a running gateway says of itself, as ``stillup gateway status`` reads it."""

from __future__ import annotations

from msgspec import Struct

from stillup.gateway.core.status import TargetStatus

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
