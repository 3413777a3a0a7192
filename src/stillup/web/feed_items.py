"""What the feeds tell: changes of verdict and incidents, each once, newest first. Pure.

A change is told once and never altered. An incident is one entry that grows: its id stays, its time of change moves,
and readers show it anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from msgspec import Struct

from stillup.catalog.load import catalogue
from stillup.model.incident import Incident
from stillup.model.service import Family
from stillup.model.verdict import Verdict, iso
from stillup.sources.decode import clean
from stillup.verdict.telling.explain import FAMILY_WORDS, STATE_WORDS, because, headline, who
from stillup.verdict.telling.units import span
from stillup.web.regions import region_name

MOST = 50
_TITLE = 200


class Item(Struct, frozen=True, kw_only=True):
    """One entry. ``key`` is its own for ever; ``path`` is its page, below the base address."""

    key: str
    path: str
    title: str
    paragraphs: tuple[str, ...]
    published: datetime
    updated: datetime
    tags: tuple[str, ...]


def items(changes: Iterable[Verdict], incidents: Iterable[Incident]) -> list[Item]:
    """The newest fifty. Of changes those of services as a whole: their components would drown them."""
    told = [*(_change(v) for v in changes if v.component is None), *(_incident(i) for i in incidents)]
    return sorted(told, key=lambda item: (item.updated, item.key), reverse=True)[:MOST]


def _change(verdict: Verdict) -> Item:
    name = service_name(verdict.service)
    title = headline(verdict, name)
    hit = who(verdict, lambda c: _part(verdict.service, c), region_name)
    parts = [_sentence(because(verdict)), _sentence(hit)]
    if verdict.state.is_fault and verdict.since is not None:
        parts.append(f"Since {_clock(verdict.since)}.")
    if verdict.forecast is not None:
        left = verdict.forecast
        parts.append(
            f"Back in about {span(left.p50_s)}, four times in five between {span(left.p10_s)} and {span(left.p90_s)}."
        )
    return Item(
        key=f"change/{verdict.service}/{iso(verdict.at)}",
        path=f"/incidents/{verdict.incident}" if verdict.incident else f"/{verdict.service}",
        title=clean(title, _TITLE),
        paragraphs=tuple(p for p in parts if p),
        published=verdict.at,
        updated=verdict.at,
        tags=(verdict.service, verdict.state.value),
    )


def _incident(found: Incident) -> Item:
    name = service_name(found.service)
    about = clean(found.title or "", _TITLE) or STATE_WORDS[found.state]
    return Item(
        key=f"incident/{found.id}",
        path=f"/incidents/{found.id}",
        title=clean(f"{name}: {about}" + (" (over)" if found.recovered_at else ""), _TITLE),
        paragraphs=tuple(_course(found)),
        published=found.opened_at,
        updated=max([found.opened_at, *(t for t in (found.confirmed_at, found.recovered_at, _official(found)) if t)]),
        tags=(found.service, found.state.value),
    )


def _official(found: Incident) -> datetime | None:
    return dict(found.first_seen).get(Family.OFFICIAL)


def _course(found: Incident) -> Iterator[str]:
    """The incident's course, the newest first."""
    if found.recovered_at is not None:
        yield f"Over at {_clock(found.recovered_at)}, after {span((found.recovered_at - found.since).total_seconds())}."
    if found.confirmed_at is not None:
        yield f"Confirmed at {_clock(found.confirmed_at)}: {STATE_WORDS[found.state]}."
    if found.components:
        yield f"Hit: {', '.join(_part(found.service, c) for c in found.components)}."
    seen = [f"{FAMILY_WORDS[f]} at {_clock(at)}" for f, at in sorted(found.first_seen, key=lambda each: each[1])]
    if seen:
        yield f"First seen by: {'; '.join(seen)}."
    lead = found.lead()
    if lead is not None and lead.total_seconds() >= 60:
        yield f"Seen {span(lead.total_seconds())} before the official page."
    yield f"Began at about {_clock(found.since)}."


def service_name(service: str) -> str:
    """What people call a service."""
    known = catalogue().get(service)
    return known.name if known else clean(service, 80)


def _part(service: str, component: str) -> str:
    known = catalogue().get(service)
    part = known.component(component) if known else None
    return part.name if part else clean(component, 80)


def _clock(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def _sentence(text: str) -> str:
    """With a capital at its beginning and a full stop at its end."""
    text = clean(text, 500)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
