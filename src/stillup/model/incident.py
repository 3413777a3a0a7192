"""An incident: one stretch of trouble of one service, with who saw it when."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from stillup.model.service import Confidence, Family, State
from stillup.model.signal import At


class Incident(Struct, frozen=True, kw_only=True):
    """From the first suspicion to recovery. ``id`` follows from the service and the opening tick alone."""

    id: str
    service: str
    opened_at: At
    since: At
    state: State
    confidence: Confidence
    first_seen: tuple[tuple[Family, At], ...] = ()
    confirmed_at: At | None = None
    recovered_at: At | None = None
    components: tuple[str, ...] = ()
    title: str | None = None

    def lead(self) -> timedelta | None:
        """How long before the official page the first independent family saw it; negative when it came after."""
        seen = dict(self.first_seen)
        official = seen.pop(Family.OFFICIAL, None)
        if official is None or not seen:
            return None
        return official - min(seen.values())
