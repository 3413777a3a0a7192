"""What to do and what to use instead, put together from the verdict and the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from stillup.catalog.load import ClassFacts, Service, catalogue, outage_classes
from stillup.catalog.offers import LEANS
from stillup.model.service import Capability, Family, Layer, OutageClass, State
from stillup.model.signal import Outcome
from stillup.model.verdict import Verdict
from stillup.response.alternatives import healthy_parts
from stillup.response.workarounds import Workaround, best
from stillup.sources.report import Report

CLEAR = 0.5
"""From this probability on a class is named alone and its advice given."""
_OF_LATE = timedelta(minutes=10)


def likely_class(verdict: Verdict) -> ClassFacts | None:
    """Facts of the likeliest outage class, of the unknown one while none is clear; None when nothing is wrong."""
    if not verdict.diagnosis:
        return None
    likeliest = verdict.diagnosis[0]
    return outage_classes()[likeliest.class_ if likeliest.p >= CLEAR else OutageClass.UNKNOWN]


class Parts(Struct, frozen=True):
    """Names of the parts of a service that are not broken while others are."""

    up: tuple[str, ...] = ()
    """Known to work."""
    page_only: tuple[str, ...] = ()
    """Of these only the page says so, which knows nothing of what is broken either."""


def other_parts(
    service: Service, verdict: Verdict, components: Mapping[str, Verdict], reports: Sequence[Report]
) -> Parts:
    """The parts of the service that work while others are broken, and how far that is known.

    A page that does not know of the fault cannot vouch for the other parts: then those count that were tried.
    """
    names = {c.id: c.name for c in service.components}
    states = {c: v.state for c, v in components.items()}
    if not verdict.state.is_fault or Family.OFFICIAL in verdict.families:
        return Parts(healthy_parts(names, verdict.components, states))
    tried = _tried(reports, verdict.at)
    up = healthy_parts({c: name for c, name in names.items() if tried.get(c)}, verdict.components, states)
    return Parts(up, healthy_parts({c: n for c, n in names.items() if c not in tried}, verdict.components, states))


def _tried(reports: Sequence[Report], now: datetime) -> dict[str, bool]:
    """The components that were tried of late, and whether every step of their newest tries went well.

    A front door that opens is not a sign-in that works: one layer that fails is enough for *does not work*.
    """
    newest: dict[tuple[str, str, Layer, str | None, str | None], tuple[datetime, bool]] = {}
    for report in reports:
        for line in report.reading.signals if report.reading else ():
            if not isinstance(line, Outcome) or not line.component or now - line.at >= _OF_LATE or not any(line.tally):
                continue
            key = (line.source, line.component, line.layer, line.model, line.region)
            before = newest.get(key)
            if before is None or before[0] <= line.at:
                newest[key] = (line.at, _works(line) or (before is not None and before == (line.at, True)))
    return {part: all(ok for (_, c, *_), (_, ok) in newest.items() if c == part) for _, part, *_ in newest}


def _works(line: Outcome) -> bool:
    worked, failed = line.tally
    return worked > failed


def bases(service: Service) -> list[Service]:
    """What most of a service probably fails with, as far as the catalogue knows it, the surest first."""
    sure = sorted((d for d in service.dependencies if d.confidence >= LEANS), key=lambda d: -d.confidence)
    return [catalogue()[d.service] for d in sure if d.service in catalogue()]


class Base(Struct, frozen=True, kw_only=True):
    """Something a service stands on that is in trouble."""

    service: str
    name: str
    state: State
    page_only: bool
    """Whether only its official page was read."""
    confidence: float
    """How sure it is that the service stands on it."""


def shaken(service: Service, verdict: Verdict, states: Mapping[str, State], by_page: Collection[str]) -> list[Base]:
    """What the service stands on and is in trouble, the surest first.

    While nothing is wrong with the service only outages are told: something of a cloud is degraded on most days.
    """
    known = {d.service: d.confidence for d in service.dependencies}
    found = ((base, states.get(base.id, State.UNKNOWN)) for base in bases(service))
    return [
        Base(service=b.id, name=b.name, state=state, page_only=b.id in by_page, confidence=known[b.id])
        for b, state in found
        if state.is_outage or (state.is_fault and verdict.state.is_fault)
    ]


def usual_task(service: Service, task: Capability | None = None) -> Capability | None:
    """What a stand-in would be needed for: the task asked for, else conversation, else what the service can do.

    None where the service does nothing that another could do in its place.
    """
    can = [a.capability for a in service.abilities]
    for wanted in (task, Capability.CHAT):
        if wanted in can:
            return wanted
    return can[0] if can else None


def workarounds(
    reports: Sequence[Report], verdict: Verdict, components: Mapping[str, Verdict], now: datetime
) -> tuple[Workaround, ...]:
    """What other people's posts offer for a fault of the service, best first."""
    tips = [tip for report in reports if report.reading for tip in report.reading.tips]
    return best(tips, verdict, {c: v.state for c, v in components.items()}, now)
