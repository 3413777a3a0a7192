"""What is needed here: the gateway's chains as they are resolved, and tasks with what was chosen for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from stillup.catalog.load import Service, capabilities, catalogue
from stillup.catalog.models import Tier, find_model, models
from stillup.catalog.offers import ability
from stillup.config.kinds import stays_here
from stillup.daemon.advice import usual_task
from stillup.daemon.risk.used import Usage
from stillup.gateway.core.values import Protocol
from stillup.gateway.plan import GatewayPlan
from stillup.gateway.standin import Link
from stillup.gateway.upstreams import Known, Local
from stillup.kit.toolkit import FRESH, Backup, Toolkit
from stillup.model.service import Capability
from stillup.risk.need import Kind, Need, Way
from stillup.risk.points import name_of
from stillup.risk.values import LOCAL, Subject

_SPOKEN = (Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI)
_HOMES = ((Protocol.ANTHROPIC, "anthropic"), (Protocol.OPENAI, "openai"), (Protocol.GEMINI, "gemini"))
MOST_CHAINS = 10
"""So many are looked at; a gateway of many routes has them all in `stillup gateway plan`."""
_MOST_ASKED = 4


def subject_of(known: Known) -> Subject:
    """Whose downtime counts for an upstream."""
    spec, provider = known.spec, known.provider
    if spec.service:
        return Subject(spec.service, spec.component or None)
    if (provider is not None and provider.is_local) or stays_here(spec.base_url):
        return Subject(LOCAL)
    return Subject(f"provider:{provider.id}" if provider is not None else f"upstream:{spec.id}")


def is_unwatched(subject: Subject) -> bool:
    """Whether it is nobody's whose downtime is known."""
    return subject.service.startswith(("upstream:", "provider:"))


# -- chains of the gateway --------------------------------------------------------------------------------------------


def routes_needed(plan: GatewayPlan, usage: Usage, services: Collection[str]) -> list[Need]:
    """A need for each route; without routes for the models that were asked most, else for the usual ones.

    Chains that lead the same way are told once. Those of the most used come first.
    """
    found: dict[tuple[object, ...], Need] = {}
    for protocol, name, used in _asked(plan, usage, services):
        links = plan.links(protocol, name)
        need = _route(plan, name, protocol, links, usage.likeliest(name, used))
        if need.ways or need.lacking:
            used_by = usage.matching(name, used) if plan.routes else usage.of(name.__eq__)
            need = Need(id=need.id, kind=need.kind, title=need.title, ways=need.ways, lacking=need.lacking,
                        used=used_by)  # fmt: skip
            found.setdefault(tuple((way.name, way.model) for way in need.ways) or (name,), need)
    return sorted(found.values(), key=lambda need: -(need.used.asked if need.used else 0))


def _asked(
    plan: GatewayPlan, usage: Usage, services: Collection[str]
) -> Iterator[tuple[Protocol, str, tuple[str, ...]]]:
    """What to ask the plan for: protocol, name, and the patterns that take a name before it."""
    if plan.routes:
        before: list[str] = []
        for route in plan.routes:
            protocol = _spoken(plan, route.match)
            if protocol is not None:
                yield protocol, route.match, tuple(before)
            before.append(route.match)
        return
    most = usage.most_asked(_MOST_ASKED)
    if most:
        yield from ((protocol, name, ()) for protocol, name in most)
        return
    for protocol, maker in _HOMES:
        service = next((k.spec.service for k in plan.known if k.provider and k.provider.id == maker), "")
        if service in services:
            usual = (m.id for m in models().values() if m.maker == maker and not m.legacy and m.tier is Tier.STRONG)
            yield from ((protocol, name, ()) for name in list(usual)[:1])


def _spoken(plan: GatewayPlan, pattern: str) -> Protocol | None:
    """The protocol in which that route's first is asked as it is; None where another route takes the pattern itself."""
    found = [(p, plan.links(p, pattern)) for p in _SPOKEN]
    usable = [(p, links) for p, links in found if any(link.target for link in links)]
    as_it_is = (p for p, links in usable if not links[0].translated)
    return next(as_it_is, usable[0][0] if usable else found[0][0])


def _route(plan: GatewayPlan, name: str, protocol: Protocol, links: Sequence[Link], asked: str) -> Need:
    """``asked`` is what the journal saw asked most of what the name stands for."""
    by_id = {known.spec.id: known for known in plan.known}
    ways: list[Way] = []
    lacking: list[Way] = []
    for link in links:
        known = by_id[link.upstream]
        why = known.missing.partition(": ")[2] if known.is_bare and known.missing else link.says
        missing = "" if link.target is not None else why
        way = Way(
            name=link.upstream,
            title=f"{link.upstream}/{link.model}" if link.model and link.model != name else link.upstream,
            subject=subject_of(known),
            model=link.model if find_model(link.model) else asked if link.model == name else "",
            key=known.key_from,
            by_gateway=True,
            note=_note(known, link),
            missing=missing,
        )
        (lacking if missing else ways).append(way)
    title = f"{name} through the gateway" if name != "*" else "Everything through the gateway"
    return Need(id=f"route:{protocol.value}:{name}", kind=Kind.ROUTE, title=title, ways=tuple(ways),
                lacking=tuple(lacking))  # fmt: skip


def _note(known: Known, link: Link) -> str:
    if known.missing:
        return f"{link.says}; {known.missing.partition(': ')[2]}"
    if known.is_bare:
        return f"{link.says}; no key of yours is there: only clients that bring their own reach it"
    return link.says


# -- tasks ------------------------------------------------------------------------------------------------------------


def tasks_needed(
    wanted: Iterable[Capability],
    services: Sequence[str],
    toolkit: Toolkit,
    local: Sequence[Local],
    plan: GatewayPlan,
    now: datetime,
) -> list[Need]:
    """A need for each task: the first service that is watched and can do it, then what the toolkit has for it."""
    found = []
    for task in wanted:
        first = next((s for s in services if (one := catalogue().get(s)) and ability(one, task)), None)
        backups = [b for b in toolkit.tasks.get(task, ()) if b.service != first]
        ways = [_first(catalogue()[first], task)] if first else []
        ways += [_backup(backup, task, local, plan, now) for backup in backups]
        found.append(
            Need(
                id=f"task:{task.value}",
                kind=Kind.TASK,
                title=capabilities()[task].title,
                ways=tuple(w for w in ways if not w.missing),
                lacking=tuple(w for w in ways if w.missing),
            )
        )
    return found


def tasks_here(services: Sequence[str], toolkit: Toolkit) -> list[Capability]:
    """The tasks that were given backups, else what the first service that is watched is mostly used for."""
    if toolkit.tasks:
        return list(toolkit.tasks)
    usual = (usual_task(catalogue()[s]) for s in services if s in catalogue())
    return [task for task in (next((t for t in usual if t is not None), None),) if task is not None]


def _first(service: Service, task: Capability) -> Way:
    how = ability(service, task)
    return Way(name=service.id, title=service.name, subject=Subject(service.id),
               note=f"you watch it; {how.access}" if how else "you watch it")  # fmt: skip


def _backup(backup: Backup, task: Capability, local: Sequence[Local], plan: GatewayPlan, now: datetime) -> Way:
    subject, name = Subject(backup.service), name_of(backup.service)
    service = catalogue().get(backup.service)
    missing = ""
    if backup.service == LOCAL:
        missing = "" if any(one.models for one in local) else "no model answers on this machine now"
    elif service is None:
        missing = "the catalogue does not have it any more"
    elif ability(service, task) is None:
        missing = "the catalogue does not know it for this any more"
    trial = backup.trial
    if not missing and trial is not None and trial.works is False:
        missing = f"its last test failed: {trial.says}"
    return Way(name=backup.service, title=name, subject=subject, note=_tested(backup, now), missing=missing,
               key=_key_of(plan, backup.service))  # fmt: skip


def _tested(backup: Backup, now: datetime) -> str:
    trial = backup.trial
    if trial is None:
        return "in your toolkit, never tested (`stillup alternatives --test`)"
    if now - trial.at >= FRESH:
        return f"in your toolkit, last tested {trial.at:%Y-%m-%d}, which is long ago"
    return f"in your toolkit, tested {trial.at:%Y-%m-%d}: {trial.says}"


def _key_of(plan: GatewayPlan, service: str) -> str:
    return next((k.key_from for k in plan.known if k.spec.service == service and k.key_from), "")
