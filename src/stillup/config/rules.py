"""What must hold between keys: each rule reads the typed document and tells what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stillup.catalog.load import catalogue
from stillup.config import alert_rules, cluster, sla
from stillup.config.kinds import stays_here
from stillup.config.merge import merged, own_floor_s
from stillup.config.schema import FLOOR_S, Document, Upstream
from stillup.config.source_options import ProbeOptions, SourceOptions
from stillup.config.words import Complaint, KeyPath, near, show

_ON_LOOPBACK = "or any from 1 when `base_url` is on this machine (127.0.0.1, [::1], localhost)"


def complaints(document: Document, already: list[Complaint]) -> Iterator[Complaint]:
    """Everything the rules refuse; a section that could not be read whole is not judged further."""
    broken = {c.path[0] for c in already}
    for section, rule in _RULES:
        if section not in broken:
            yield from rule(document)


def _floor(document: Document) -> Iterator[Complaint]:
    """No public address more often than every 60 s: it is other people's machine, and it would not know more sooner."""
    for source_id, source in document.sources.items():
        hurried: dict[KeyPath, list[str]] = {}
        for service_id in dict.fromkeys((*document.services, *source.services)):
            options = merged(source, service_id)
            if options.interval_s and options.interval_s < own_floor_s(source_id, service_id, options):
                there = source.services.get(service_id)
                where = (service_id,) if there and there.interval_s else ()
                hurried.setdefault(("sources", source_id, *where), []).append(service_id)
        for path, services in hurried.items():
            interval_s = merged(source, services[0]).interval_s
            whom = f"{source_id} of {' and '.join(services)} would be asked at a public address"
            says = f"is {interval_s}, and {whom}; allowed: {FLOOR_S} or more, {_ON_LOOPBACK}"
            yield Complaint((*path, "interval_s"), says)


def _endpoints(document: Document) -> Iterator[Complaint]:
    source = document.sources.get("probe")
    if source is None:
        return
    everywhere = sorted({e.id for s in catalogue().values() for e in s.endpoints})
    places: list[tuple[KeyPath, SourceOptions, list[str]]] = [((), source.everywhere, everywhere)]
    places += [((s,), o, [e.id for e in catalogue()[s].endpoints]) for s, o in source.services.items()]
    for where, options, known in places:
        named = (options.endpoints if isinstance(options, ProbeOptions) else None) or {}
        for unknown in named.keys() - set(known):
            says = f"no endpoint is called {show(unknown)}{near(unknown, known)}; allowed: {', '.join(known)}"
            yield Complaint(("sources", "probe", *where, "endpoints", unknown), says)


def _upstreams(document: Document) -> Iterator[Complaint]:
    seen: dict[str, int] = {}
    for number, upstream in enumerate(document.gateway.upstreams):
        path: KeyPath = ("gateway", "upstreams", number)
        first = seen.setdefault(upstream.id, number)
        if first != number:
            yield Complaint(
                (*path, "id"), f"{show(upstream.id)} is taken by gateway.upstreams[{first}]; allowed: a new id"
            )
        yield from _component(upstream, path)
        yield from _place(upstream, path)


def _place(upstream: Upstream, path: KeyPath) -> Iterator[Complaint]:
    if upstream.region and upstream.protocol not in ("bedrock", "vertex"):
        yield Complaint((*path, "region"), f"{upstream.protocol} has no regions; allowed: with bedrock and vertex only")
    if upstream.project and upstream.protocol != "vertex":
        yield Complaint((*path, "project"), f"{upstream.protocol} has no projects; allowed: with vertex only")


def _component(upstream: Upstream, path: KeyPath) -> Iterator[Complaint]:
    if upstream.component is None:
        return
    if upstream.service is None:
        yield Complaint((*path, "component"), "has no `service` beside it; allowed: together with `service` only")
        return
    known = [c.id for c in catalogue()[upstream.service].components]
    if upstream.component not in known:
        says = f"{upstream.service} has no component {show(upstream.component)}{near(upstream.component, known)}"
        yield Complaint((*path, "component"), f"{says}; allowed: {', '.join(known)}")


def _routes(document: Document) -> Iterator[Complaint]:
    known = list(dict.fromkeys(u.id for u in document.gateway.upstreams))
    for number, route in enumerate(document.gateway.routes):
        for place, hop in enumerate(route.chain):
            name = hop.partition("/")[0]
            if name not in known:
                says = (
                    f"no upstream is called {show(name)}{near(name, known)}; allowed: {', '.join(known) or 'none yet'}"
                )
                yield Complaint(("gateway", "routes", number, "chain", place), says)


def _users(document: Document) -> Iterator[Complaint]:
    """Beyond this machine a token is required: an open gateway would spend its owner's keys for anyone."""
    gateway = document.gateway
    if not gateway.users and not stays_here(f"http://{gateway.listen}"):
        says = f"{show(gateway.listen)} can be reached from other machines, and nobody is told to need a token"
        yield Complaint(("gateway", "listen"), f"{says}; allowed: a loopback address, or `[[gateway.users]]` beside it")
    seen: dict[str, int] = {}
    for number, user in enumerate(gateway.users):
        path: KeyPath = ("gateway", "users", number)
        first = seen.setdefault(user.id, number)
        if first != number:
            yield Complaint((*path, "id"), f"{show(user.id)} is taken by gateway.users[{first}]; allowed: a new id")
        if not (user.token_env or user.token_file):
            yield Complaint(path, "has no token; allowed: with `token_env` or `token_file`")
    known = list(seen)
    for number, name in enumerate(gateway.drill_users):
        if name not in seen:
            says = f"no user is called {show(name)}{near(name, known)}; allowed: {', '.join(known) or 'none yet'}"
            yield Complaint(("gateway", "drill_users", number), says)


def _pool(document: Document) -> Iterator[Complaint]:
    if document.pool.share and document.pool.url is None:
        yield Complaint(("pool", "share"), "is true, and nobody is named to share with; allowed: with `url` beside it")


def _drill(document: Document) -> Iterator[Complaint]:
    known = [channel.id for channel in document.alerts.channels]
    for place, name in enumerate(document.drill.remind_to):
        if name not in known:
            says = f"no channel is called {show(name)}{near(name, known)}; allowed: {', '.join(known) or 'none yet'}"
            yield Complaint(("drill", "remind_to", place), says)


def _cluster(document: Document) -> Iterator[Complaint]:
    channels = [channel.id for channel in document.alerts.channels]
    return cluster.complaints(document.cluster, document.watchdog, channels)


_RULES: tuple[tuple[str, Callable[[Document], Iterator[Complaint]]], ...] = (
    ("sources", _floor),
    ("sources", _endpoints),
    ("gateway", _upstreams),
    ("gateway", _routes),
    ("gateway", _users),
    ("pool", _pool),
    ("alerts", lambda document: alert_rules.complaints(document.alerts, document.services)),
    ("drill", _drill),
    ("sla", lambda document: sla.complaints(document.sla)),
    ("cluster", _cluster),
)
