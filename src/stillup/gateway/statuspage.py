"""``GET /stillup/status``: what a running gateway says of itself, to ``stillup gateway status``."""

from __future__ import annotations

from msgspec import Struct

from stillup.gateway.core.status import TargetStatus

PATH = "/stillup/status"


class GatewayStatus(Struct, frozen=True, kw_only=True):
    """A running gateway as it stands.

    ``spent_usd`` is by ``upstream/model`` since the start, by the price table; what has no price is not in it.
    """

    version: str
    up_s: float = 0.0
    in_flight: int = 0
    waiting: int = 0
    requests: int = 0
    journal: bool = False
    targets: tuple[TargetStatus, ...] = ()
    spent_usd: dict[str, float] = {}
