"""What types alone cannot refuse in a scenario: names that do not exist, failures that cannot come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import fields

from stillup.catalog.load import Service
from stillup.config.words import Complaint, KeyPath, near
from stillup.registry import usable_sources
from stillup.sim.failing import BELOW_HTTP
from stillup.sim.modes import LASTING, OF_SITES, Mode
from stillup.sim.scenario import (
    CONTROLS,
    ENDPOINTS,
    EVERYTHING,
    REQUESTS,
    SOURCES,
    STAND_IN,
    Fault,
    Mix,
    Part,
    Scenario,
)
from stillup.sim.wire.routes import fails_by_service, site_of

_FIRST_YEAR, _LAST_YEAR = 1970, 9998
"""Years in which a day can be added or taken and every clock still has a name for it."""
_LONGEST = timedelta(days=370)
LONG = timedelta(days=7)
"""Longer ones are recorded at each source's own pace, and played in part."""


def complaints(scenario: Scenario, services: Mapping[str, Service]) -> Iterator[Complaint]:
    """Everything that is wrong with it."""
    yield from _of_times(scenario)
    yield from _of_sources(scenario, services)
    told: set[str] = set()
    for place, part in places(scenario):
        service = services.get(part.service)
        if service is None:
            yield _unknown((*place, "service"), "service", part.service, services)
        elif part.service in told:
            yield Complaint((*place, "service"), f"{part.service!r} has a part already; allowed: one for each service")
        else:
            told.add(part.service)
            yield from _of_part(scenario, part, service, place)


def _of_sources(scenario: Scenario, services: Mapping[str, Service]) -> Iterator[Complaint]:
    sites = [spec.id for spec in usable_sources() if site_of(spec.id) is not None]
    for i, fault in enumerate(scenario.sources):
        place: KeyPath = ("sources", i)
        if fault.source not in sites:
            yield _unknown((*place, "source"), "source with a site", fault.source, sites)
        elif fault.service is not None and not fails_by_service(fault.source):
            by_service = ", ".join(s for s in sites if fails_by_service(s))
            says = f"{fault.source} fails for all services or none; allowed: only with {by_service}"
            yield Complaint((*place, "service"), says)
        elif fault.service is not None and fault.service not in services:
            yield _unknown((*place, "service"), "service", fault.service, services)
        if fault.mode not in OF_SITES:
            allowed = ", ".join(m.value for m in Mode if m in OF_SITES)
            yield Complaint((*place, "mode"), f"one site alone cannot fail by {fault.mode.value!r}; allowed: {allowed}")


def places(scenario: Scenario) -> Iterator[tuple[KeyPath, Part]]:
    """Every service's part, with where it stands."""
    yield (), scenario
    yield from ((("also", i), part) for i, part in enumerate(scenario.also))


def _of_part(scenario: Scenario, part: Part, service: Service, place: KeyPath) -> Iterator[Complaint]:
    targets = [ENDPOINTS, *(e.id for e in service.endpoints)]
    if part is scenario:  # what belongs to no service stands once, at the top
        targets = [EVERYTHING, CONTROLS, SOURCES, REQUESTS, STAND_IN, *targets]
    found = (
        *_of_faults(scenario, part, targets),
        *_of_reactions(part),
        *_of_titles(part),
        *_of_components(part, service),
    )
    yield from (Complaint((*place, *c.path), c.says) for c in found)


def _of_times(scenario: Scenario) -> Iterator[Complaint]:
    for path, at in _times(scenario):
        if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            yield Complaint(path, f"a time in the year {at.year}; allowed: {_FIRST_YEAR} to {_LAST_YEAR}")
    if scenario.ends - scenario.starts > _LONGEST:
        yield Complaint(("ends",), f"more than {_LONGEST.days} days after `starts`; allowed: at most that")


def _times(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, datetime]]:
    """Every time in a scenario, with its place."""
    if isinstance(value, datetime):
        yield path, value
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _times(item, (*path, i))
    elif isinstance(value, Struct):
        for field in fields(value):
            yield from _times(getattr(value, field.name), (*path, field.encode_name))


def _unknown(path: KeyPath, what: str, name: str, known: Iterable[str]) -> Complaint:
    names = list(known)
    return Complaint(path, f"no {what} is called {name!r}{near(name, names)}; allowed: {', '.join(names) or 'none'}")


def _of_faults(scenario: Scenario, part: Part, targets: list[str]) -> Iterator[Complaint]:
    times = Counter(f.id for f in part.faults)
    for i, fault in enumerate(part.faults):
        if times[fault.id] > 1:
            yield Complaint(("faults", i, "id"), f"{times[fault.id]} faults are called {fault.id!r}; allowed: one")
        for target, mode in fault.targets.items():
            path = ("faults", i, "targets", target)
            if target not in targets:
                yield _unknown(path, "target", target, targets)
            if mode is Mode.STALE:
                yield Complaint(path, "only a source can be 'stale'; allowed: in `[[sources]]`")
            if fault.models and mode in BELOW_HTTP | LASTING:
                says = f"{mode.value!r} comes before anybody can ask for a model; allowed: without `models`"
                yield Complaint(path, says)
            if mode in LASTING and not _is_whole(fault, scenario):
                yield Complaint(
                    path,
                    f"{mode.value!r} is part of an address and cannot come and go; "
                    "allowed: in a fault that lasts from `starts` to `ends` with share 1",
                )


def _is_whole(fault: Fault, scenario: Scenario) -> bool:
    return fault.from_ <= scenario.starts and fault.to >= scenario.ends and fault.share >= 1


def _of_reactions(part: Part) -> Iterator[Complaint]:
    known = [f.id for f in part.faults]
    for i, reaction in enumerate(part.reactions):
        if reaction.fault and reaction.fault not in known:
            yield _unknown(("reactions", i, "fault"), "fault", reaction.fault, known)


def _of_titles(part: Part) -> Iterator[Complaint]:
    titled: set[str] = set()
    for i, update in sorted(enumerate(part.official), key=lambda row: row[1].posted_at):
        if not update.title and update.incident not in titled:
            yield Complaint(("official", i), f"the first update of incident {update.incident!r} has no `title`")
        titled.add(update.incident)


def _of_components(part: Part, service: Service) -> Iterator[Complaint]:
    known = [c.id for c in service.components]
    used: list[tuple[KeyPath, Iterable[str]]] = [(("usual", "components"), part.usual.components if part.usual else ())]
    used += [(("faults", i, "components"), f.components) for i, f in enumerate(part.faults)]
    used += [
        (("faults", i, "by_region", region, "components"), mix.components)
        for i, f in enumerate(part.faults)
        for region, mix in f.by_region.items()
    ]
    used += [(("reactions", i, "components"), r.components) for i, r in enumerate(part.reactions)]
    used += [(("expect", "components"), part.expect.components), (("expect", "calm"), part.expect.calm)]
    mixes: list[tuple[KeyPath, Mix | None]] = [(("usual",), part.usual)]
    mixes += [(("faults", i), f) for i, f in enumerate(part.faults)]
    mixes += [(("reactions", i), r) for i, r in enumerate(part.reactions)]
    for path, mix in mixes:
        for name in mix.models if mix else ():
            if name not in service.models:
                yield _unknown((*path, "models"), "model", name, service.models)
    for name in part.expect.models:
        if name not in service.models:
            yield _unknown(("expect", "models"), "model", name, service.models)
    for path, names in used:
        yield from (_unknown(path, "component", n, known) for n in names if n not in known)
    shown = [c.id for c in service.components if c.page_ids] or known
    for i, update in enumerate(part.official):
        path = ("official", i, "components")
        yield from (_unknown(path, "component of the page", n, shown) for n in update.components if n not in shown)
