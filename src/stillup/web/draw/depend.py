"""What depends on what: needs at left, the services that answer them in the middle, what those stand on at right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.risk.lean import leans
from stillup.risk.points import LIKELY, What, name_of
from stillup.risk.survey import Surveyed
from stillup.risk.values import LOCAL
from stillup.web.draw.paint import NOTHING, paint

if TYPE_CHECKING:
    from markupsafe import Markup

_ROW = 30
_TOP = 34
_MOST = 14
_LEAST = 0.3
"""What is less sure than that is in the tables only: a picture of guesses would be a net."""


class Node(Struct, frozen=True):
    """A name at a height; ``bare`` where something hangs on it alone."""

    name: str
    y: float
    bare: bool = False


class Edge(Struct, frozen=True):
    """From a height on the left to one on the right."""

    y1: float
    y2: float
    kind: str
    says: str


def dependencies(surveyed: Sequence[Surveyed]) -> Markup:
    """The picture; nothing where nothing is depended on."""
    shown = [one for one in surveyed if one.need.ways][:_MOST]
    services = list(dict.fromkeys(s for one in shown for s in one.need.services))[:_MOST]
    if not services:
        return NOTHING
    stands = {s: [x for x in leans(s).values() if x.confidence >= _LEAST] for s in services}
    clouds = list(dict.fromkeys(x.service for s in services for x in stands[s] if x.service not in services))[:_MOST]
    rows = max(len(shown), len(services), len(clouds))
    left, middle, right = (_heights(len(c), rows) for c in (shown, services, clouds))
    at_service, at_cloud = dict(zip(services, middle, strict=True)), dict(zip(clouds, right, strict=True))
    bare = {s for one in shown if len(one.need.services) == 1 for s in one.need.services}
    likely = {p.id for one in shown for p in one.points if p.what is What.CLOUD and p.sure >= LIKELY}
    return paint(
        "depend.svg",
        height=_TOP + rows * _ROW,
        needs=[Node(_need(o), y, len(o.need.services) == 1) for o, y in zip(shown, left, strict=True)],
        services=[Node(_short(s), y, s in bare) for s, y in at_service.items()],
        clouds=[Node(name_of(c), y, c in likely) for c, y in at_cloud.items()],
        ways=list(_ways(shown, left, at_service)),
        under=[
            Edge(y, at_cloud[x.service], "sure" if x.confidence >= LIKELY else "maybe",
                 f"{_short(s)} stands on {name_of(x.service)}, how sure: {x.confidence:.2g}")
            for s, y in at_service.items() for x in stands[s] if x.service in at_cloud
        ],
    )  # fmt: skip


def _ways(shown: Sequence[Surveyed], left: Sequence[float], at_service: dict[str, float]) -> list[Edge]:
    edges = []
    for one, y in zip(shown, left, strict=True):
        for place, service in enumerate(one.need.services):
            if service in at_service:
                kind = "backup" if place else "first"
                says = f"{one.need.title}: {_short(service)} is {f'number {place + 1}' if place else 'first'}"
                edges.append(Edge(y, at_service[service], kind, says))
    return sorted(edges, key=lambda edge: edge.kind == "first")


def _heights(count: int, rows: int) -> list[float]:
    """Spread over the whole height."""
    return [_TOP + (place + 0.5) * rows * _ROW / count for place in range(count)] if count else []


def _need(one: Surveyed) -> str:
    return one.need.title.replace(" through the gateway", " (gateway)")


def _short(service: str) -> str:
    return "This machine" if service == LOCAL else name_of(service)
