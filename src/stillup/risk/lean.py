"""What a service stands on, directly and through others, and how sure that is. Pure."""

from __future__ import annotations

from msgspec import Struct

from stillup.catalog.load import Service, catalogue

LEAST = 0.1
"""Less sure than that says nothing."""
_MOST_STEPS = 4


class Lean(Struct, frozen=True, kw_only=True):
    """Something a service stands on.

    ``confidence`` is how sure it is that most of the service fails when that one does: along a way through others the
    product of each step's, as if each were known apart.
    """

    service: str
    confidence: float
    why: str
    source: str = ""
    through: tuple[str, ...] = ()
    """The services between the two, the nearest first."""


def leans(service_id: str, services: dict[str, Service] | None = None) -> dict[str, Lean]:
    """All of it by id, the surest way to each, the surest first; empty for a service the catalogue does not have."""
    known = catalogue() if services is None else services
    found: dict[str, Lean] = {}
    rim = [Lean(service=service_id, confidence=1.0, why="")]
    for _ in range(_MOST_STEPS):
        rim = [one for at in rim for one in _under(known, at, service_id)]
        rim = [one for one in rim if one.confidence > found.get(one.service, _NONE).confidence]
        for one in sorted(rim, key=lambda one: one.confidence):
            found[one.service] = one
    return {one.service: one for one in sorted(found.values(), key=lambda one: (-one.confidence, one.service))}


_NONE = Lean(service="", confidence=0.0, why="")


def _under(known: dict[str, Service], at: Lean, beginning: str) -> list[Lean]:
    service = known.get(at.service)
    between = (*at.through, at.service) if at.why else ()
    return [
        Lean(
            service=d.service,
            confidence=at.confidence * d.confidence,
            why=d.why,
            source=d.source,
            through=between,
        )
        for d in (service.dependencies if service else ())
        if d.service not in (beginning, *between) and at.confidence * d.confidence >= LEAST
    ]
