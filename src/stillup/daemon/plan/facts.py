"""What a plan for an outage is written from: what this configuration has, and what is known of it.

Nothing is asked but this machine: a plan is written on a quiet day, for one on which nothing answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.catalog.load import CapabilityFacts, Service, capabilities, catalogue
from stillup.catalog.models import Tier, models
from stillup.catalog.offers import ability, able, stand_ins
from stillup.catalog.providers import providers
from stillup.errors import UsageError
from stillup.gateway.local import find_local
from stillup.gateway.plan import resolve
from stillup.kit.folder import STARTER, read_file
from stillup.kit.last_resort import LastResort
from stillup.kit.places import filled, variables_of
from stillup.kit.toolkit import LOCAL, Backup, in_common, load_toolkit
from stillup.model.service import Capability
from stillup.risk.values import Alone, Downtimes, Subject, Together
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from pathlib import Path

    from stillup.config import Config
    from stillup.gateway.plan import GatewayPlan
    from stillup.gateway.upstreams import Known, Local
    from stillup.kit.index import Index, Row

_MOST_OTHERS = 3
_MOST_PROMPTS = 4
_NOTICE = "outage-notice"


class StandIn(Struct, frozen=True, kw_only=True):
    """A service that could do the task, in the order in which it is to be tried."""

    service: str
    name: str
    access: str = ""
    link: str = ""
    chosen: bool = False
    """It is in the user's own toolkit."""
    tested: Backup | None = None
    shares: tuple[str, ...] = ()
    """Names of what it and the service that is to be replaced both stand on."""


class Prompt(Struct, frozen=True):
    """An entry of the kit."""

    name: str
    title: str
    is_own: bool


class PlanFacts(Struct, frozen=True, kw_only=True):
    """Everything a plan says rests on this. What is not known is empty, or None."""

    name: str
    tasks: tuple[CapabilityFacts, ...]
    service: Service
    at: datetime
    stand_ins: tuple[StandIn, ...] = ()
    chain: tuple[str, ...] = ()
    """The gateway's upstreams that can be asked, first choice first; they do not all belong to the service."""
    reroutes_to: tuple[str, ...] = ()
    """Those of them that do not stand for the service."""
    local: tuple[str, ...] = ()
    """Models that answer on this machine."""
    has_last_resort: bool = False
    small: str = ""
    """A small model of the same maker."""
    prompts: tuple[Prompt, ...] = ()
    message: str = ""
    """What is told to those who wait, from the kit's notice; its gaps are named in capitals."""
    defers: bool | None = None
    tells: tuple[str, ...] = ()
    """The channels of the alerts that speak of the service."""
    alone: Alone | None = None
    together: Together | None = None
    """The service and every stand-in that is chosen, or in the chain."""


class Wanted(Struct, frozen=True):
    """What a plan is for: a workflow by name, what it needs an AI for, and the service it is done with.

    :raises UsageError: that service cannot do it.
    """

    name: str
    tasks: tuple[Capability, ...]
    service: Service

    def __post_init__(self) -> None:
        lacks = next((task for task in self.tasks if ability(self.service, task) is None), None)
        if lacks is not None:
            msg = f"{self.service.name} is not known for {lacks.value}; --without names the service that you do it with"
            raise UsageError(msg)


def service_for(config: Config, tasks: Sequence[Capability]) -> Service:
    """The service that the user most likely does these tasks with: the first that is watched and can.

    :raises UsageError: no service of the catalogue can do them all.
    """
    fit = [s for s in able(tasks[0]) if all(ability(s, task) for task in tasks)]
    watched = [catalogue()[name] for name in config.services if name in catalogue()]
    found = next((s for s in watched if s in fit), None) or next(iter(fit), None)
    if found is None:
        msg = f"no service of the catalogue does {' and '.join(tasks)}; write a plan for each"
        raise UsageError(msg)
    return found


def facts_for(
    wanted: Wanted,
    config: Config,
    environ: Mapping[str, str],
    kit: Index,
    own_kit: Path,
    now: datetime,
    figures: Callable[[Sequence[str]], Downtimes] | None = None,
) -> PlanFacts:
    """The facts for one plan. Blocks for a look at this machine's model servers.

    ``figures`` makes the figures of downtime for some services; without it the plan has none.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    :raises stillup.errors.BadDataError: the toolkit's file cannot be used.
    """
    tasks, service = wanted.tasks, wanted.service
    local = find_local(environ)
    plan = resolve(config, environ, () if config.gateway.upstreams else local)
    chain = _chain(plan, service)
    others = _stand_ins(service, tasks, config, [k.spec.service or "" for k in chain])
    subjects = _subjects(service, others, chain)
    downtimes = figures([s.service for s in subjects]) if figures else None
    return PlanFacts(
        name=wanted.name,
        tasks=tuple(capabilities()[task] for task in tasks),
        service=service,
        at=now,
        stand_ins=others,
        chain=tuple(k.spec.id for k in chain),
        reroutes_to=tuple(k.spec.id for k in chain if k.spec.service != service.id),
        local=_models(local, chain),
        has_last_resort=LastResort(config.data_folder / "offline").is_installed,
        small=_small_of(service),
        prompts=_prompts(kit.rows, tasks),
        message=_message(own_kit, service, others),
        defers=config.gateway.defer,
        tells=_tells(config, service),
        alone=downtimes.alone(Subject(service.id)) if downtimes else None,
        together=downtimes.together(subjects) if downtimes and len(subjects) > 1 else None,
    )


def _stand_ins(
    service: Service, tasks: Sequence[Capability], config: Config, chain: Sequence[str]
) -> tuple[StandIn, ...]:
    """What is chosen in the toolkit, in its order; then what the gateway can ask anyway; then the catalogue's first.

    Of the catalogue's those come first that share least with the service.
    """
    toolkit = load_toolkit(config.data_folder / "toolkit.json")
    chosen = {b.service: b for task in tasks for b in toolkit.tasks.get(task, ())}
    fit = [s for s in stand_ins(service, tasks[0]) if all(ability(s, task) for task in tasks)]
    by_sharing = sorted(fit, key=lambda s: (s.id not in chain, len(in_common(service, s))))
    more = [s for s in by_sharing if s.id not in chosen]
    rows = [_stand_in(name, tasks[0], service, backup) for name, backup in chosen.items()]
    return (*rows, *(_stand_in(s.id, tasks[0], service) for s in more[: max(0, _MOST_OTHERS - len(rows))]))


def _stand_in(name: str, task: Capability, instead_of: Service, backup: Backup | None = None) -> StandIn:
    chosen = backup is not None
    if name == LOCAL:
        return StandIn(service=name, name=name_of(Subject(LOCAL)), chosen=chosen, tested=backup)
    service = catalogue().get(name)
    if service is None:
        return StandIn(service=name, name=name, chosen=chosen, tested=backup)
    how = ability(service, task)
    return StandIn(
        service=name,
        name=service.name,
        access=how.access if how else "",
        link=how.link if how else service.home,
        chosen=chosen,
        tested=backup,
        shares=tuple(catalogue()[s].name if s in catalogue() else s for s in in_common(instead_of, service)),
    )


def _chain(plan: GatewayPlan, service: Service) -> list[Known]:
    """The chain that passes through the service, of those upstreams that more than a client's own key can open."""
    by_id = {k.spec.id: k for k in plan.known}
    chains = [[by_id[name] for name in dict.fromkeys(chain)] for chain in plan.upstream_chains]
    through = next((chain for chain in chains if any(k.spec.service == service.id for k in chain)), None)
    usable = through if through is not None else []
    return [k for k in usable if not k.is_bare or k.spec.service == service.id]


def name_of(subject: Subject) -> str:
    """A subject of the risk figures as people call it."""
    if subject.service == LOCAL:
        return "a model on this machine"
    return catalogue()[subject.service].name if subject.service in catalogue() else str(subject)


def _subjects(service: Service, others: Sequence[StandIn], chain: Sequence[Known]) -> list[Subject]:
    """What has to fail at once before nothing is left, as far as it has a name."""
    named = [o.service for o in others if o.chosen]
    named += [LOCAL if k.provider is not None and k.provider.is_local else k.spec.service or "" for k in chain]
    return [Subject(name) for name in dict.fromkeys((service.id, *filter(None, named)))]


def _models(local: Sequence[Local], chain: Sequence[Known]) -> tuple[str, ...]:
    found = [f"{providers()[s.provider].name}: {clean(model, 80)}" for s in local for model in s.models]
    found += [k.spec.id for k in chain if k.provider is not None and k.provider.is_local and not local]
    return tuple(dict.fromkeys(found))[:3]


def _small_of(service: Service) -> str:
    makers = {p.id for p in providers().values() if p.service == service.id}
    small = (m for m in models().values() if m.maker in makers and m.tier in (Tier.FAST, Tier.SMALL) and not m.legacy)
    return next((m.id for m in small), "")


def _prompts(rows: Sequence[Row], tasks: Sequence[Capability]) -> tuple[Prompt, ...]:
    """One's own first, then what is for fewest tasks: the nearest to this one."""
    fit = [row for row in rows if set(tasks) & set(row.tasks)]
    best = sorted(fit, key=lambda row: (not row.is_own, len(row.tasks), row.name))[:_MOST_PROMPTS]
    return tuple(Prompt(row.name, row.title, row.is_own) for row in best)


def _message(own_kit: Path, service: Service, others: Sequence[StandIn]) -> str:
    """The kit's notice, one's own before the starter, filled in as far as it can be today."""
    instead = " or ".join(o.name for o in others[:2]) or "nothing for now"
    known = {"service": service.name, "instead": instead}
    for folder in (own_kit, STARTER):
        path = folder / f"{_NOTICE}.md"
        entry = read_file(_NOTICE, str(path)) if path.is_file() else None
        text = getattr(entry, "text", "")
        if text:
            gaps = {v.name: known.get(v.name) or v.default or v.name.upper() for v in variables_of(text)}
            declared = {v.name: v.default for v in getattr(entry, "variables", ()) if v.default}
            return filled(text, gaps | declared | known).strip()
    return ""


def _tells(config: Config, service: Service) -> tuple[str, ...]:
    rules = (r for r in config.alerts.rules if not r.services or service.id in r.services)
    return tuple(dict.fromkeys(channel for rule in rules for channel in rule.channels))
