"""Stay or switch: the records, prices and what would move, put together for one service. It blocks for a second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, capabilities, catalogue
from stillup.catalog.models import Model, Tier, find_model, models
from stillup.catalog.offers import LEANS
from stillup.catalog.providers import providers
from stillup.daemon.advice import usual_task
from stillup.daemon.past import Past, reading
from stillup.daemon.risk.assess import downtimes_for
from stillup.daemon.risk.candidates import for_task
from stillup.daemon.risk.used import read_usage
from stillup.errors import StillupError, UsageError
from stillup.gateway.local import find_local
from stillup.kit.toolkit import load_toolkit
from stillup.model.service import Capability, Confidence
from stillup.risk.downtimes import Figures
from stillup.risk.gain import LEAST_HOURS, Candidate, cost, difference
from stillup.risk.need import Used
from stillup.risk.shipped import shipped
from stillup.risk.switch import Comparison, Lengths, Rival, advise, likelier_down_less
from stillup.risk.values import Basis, Downtimes, Subject

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.model.incident import Incident

_LOOKED_BACK = timedelta(days=3 * 365)
_MOST_INCIDENTS = 2_000
_MOST_RIVALS = 6
_MOST_COUNTED = 10_000
_ALWAYS_BEHIND = (
    "The wording of prompts: what was tuned for one model is to be tried anew with another.",
    "Fine-tuned models, and files, projects, memories and artifacts kept at the vendor.",
)


def compare(
    config: Config,
    environ: Mapping[str, str],
    service: Service,
    now: datetime,
    *,
    incident: str | None = None,
    task: Capability | None = None,
    past: Past | None = None,
) -> Comparison:
    """Everything of one service. Blocks. ``past`` is for who has the database open.

    :raises UsageError: no incident of that service has that id; it does nothing another could do.
    :raises stillup.errors.StillupError: a key's file, the toolkit's, or the database cannot be used.
    """
    wanted = usual_task(service, task)
    if wanted is None or (task is not None and wanted is not task):
        msg = f"{service.name} does nothing{f' of {task.value}' if task else ''} that another could do in its place"
        raise UsageError(msg)
    told, known = _incidents(config, environ, service, now, incident, past)
    candidates = [c for c in for_task(wanted, config.services, environ, find_local(environ)) if c.id != service.id]
    candidates = candidates[:_MOST_RIVALS] + [c for c in candidates[_MOST_RIVALS:] if c.at_hand]
    those = [service.id, *(c.subject.service for c in candidates)]
    figures, trouble = downtimes_for(config, environ, those, now, past)
    used = _used(config, service, now)
    backups = {b.service for b in load_toolkit(config.data_folder / "toolkit.json").tasks.get(wanted, ())}
    this = figures.alone(Subject(service.id))
    rivals = tuple(_rival(figures, service, one, used, backups) for one in candidates)
    advice, because = advise(this, rivals)
    return Comparison(
        service=service.id,
        name=service.name,
        task=capabilities()[wanted].title,
        alone=this,
        rivals=tuple(sorted(rivals, key=lambda r: (r.alone.basis is Basis.ASSUMED, -r.saved.mid))),
        advice=advice,
        because=because,
        incident=told.id if told else None,
        title=(told.title or "") if told else "",
        lengths=_lengths(service, told, known, now) if told else None,
        precedence=service.precedence,
        moves=tuple(_moves(config, environ, service)),
        stays_behind=(*_ALWAYS_BEHIND, *_caches(used)),
        unknown=tuple(_unknown(used, trouble, told)),
    )


# -- this incident ----------------------------------------------------------------------------------------------------


def _incidents(
    config: Config,
    environ: Mapping[str, str],
    service: Service,
    now: datetime,
    wanted: str | None,
    past: Past | None,
) -> tuple[Incident | None, list[Incident]]:
    """The incident that is meant, else the newest; and all that were seen from here."""
    with reading(config, environ, past) as store:
        if store is None:
            if wanted is not None:
                msg = "no incident is kept here: nothing was watched yet"
                raise UsageError(msg)
            return None, []
        known = store.incidents(service.id, now - _LOOKED_BACK, _MOST_INCIDENTS)
        if wanted is None:
            sure = [i for i in known if i.confidence is Confidence.CONFIRMED]
            return (sure[-1] if sure else None), known
        found = store.incident(wanted)
    if found is None or found.service != service.id:
        msg = f"no incident of {service.name} is called {wanted[:60]!r}; `stillup history {service.id}` lists them"
        raise UsageError(msg)
    return found, known


def _lengths(service: Service, told: Incident, past: list[Incident], now: datetime) -> Lengths:
    own = [
        (i.recovered_at - i.since).total_seconds()
        for i in past
        if i.id != told.id and i.recovered_at is not None and i.confidence is Confidence.CONFIRMED
    ]
    found = shipped().figure(Subject(service.id))
    return Lengths(
        this_s=((told.recovered_at or now) - told.since).total_seconds(),
        is_over=told.recovered_at is not None,
        own_s=tuple(own),
        usual_h=found[1].lengths_h if found else None,
    )


# -- the others -------------------------------------------------------------------------------------------------------


def _rival(figures: Downtimes, service: Service, one: Candidate, used: Used | None, backups: set[str]) -> Rival:
    this, alone = figures.alone(Subject(service.id)), figures.alone(one.subject)
    both = figures.together((Subject(service.id), one.subject)).hours
    better, saved = None, difference(this.hours, both)
    if isinstance(figures, Figures):
        saved = figures.saved((Subject(service.id),), one.subject)
        if Basis.ASSUMED not in (this.basis, alone.basis):
            mine, theirs = figures.possible_shares(Subject(service.id)), figures.possible_shares(one.subject)
            better = likelier_down_less(mine, theirs)
    other = catalogue().get(one.subject.service)
    return Rival(
        candidate=one,
        alone=alone,
        better=better,
        both=both,
        saved=saved,
        cost=cost(used, _model_of(one.subject.service), _model_of(service.id), this.hours.mid),
        falls_too=tuple(_common(service, other)) if other is not None else (),
        precedence=other.precedence if other is not None else (),
        is_backup=one.id in backups,
    )


def _common(service: Service, other: Service) -> Iterator[str]:
    """What probably takes both down."""
    mine = {d.service for d in service.dependencies if d.confidence >= LEANS}
    for dependency in other.dependencies:
        if dependency.confidence >= LEANS and dependency.service in mine:
            known = catalogue().get(dependency.service)
            yield known.name if known is not None else dependency.service


def _model_of(service: str) -> Model | None:
    """The newest strong model that a service's vendor makes itself: what its price is told by."""
    makers = {p.id for p in providers().values() if p.service == service and p.kind == "maker"}
    those = [m for m in models().values() if m.maker in makers and not m.legacy]
    return next((m for m in those if m.tier is Tier.STRONG), those[0] if those else None)


def _used(config: Config, service: Service, now: datetime) -> Used | None:
    """What the journal says was asked of this vendor's models."""
    makers = {p.id for p in providers().values() if p.service == service.id}

    def is_theirs(name: str) -> bool:
        found = find_model(name)
        return found is not None and found.maker in makers

    return read_usage(config.data_folder / "journal", now).of(is_theirs)


# -- what moves -------------------------------------------------------------------------------------------------------


def _moves(config: Config, environ: Mapping[str, str], service: Service) -> Iterator[str]:
    """What goes along, with how much of it there is."""
    kept = _in_vault(config, environ, service.id)
    if kept:
        more = " or more" if kept == _MOST_COUNTED else ""
        yield f"{kept:,}{more} conversations in the vault: `stillup vault continue ID --with MODEL` goes on with each."
    else:
        yield "Conversations, once they are in the vault (`stillup vault import` reads exports and transcripts)."
    yield "Prompts and templates of the kit: plain text, though to be tried with the other model."
    yield "Programs that ask through the gateway: it speaks their protocol, and translates messages and tools."


def _in_vault(config: Config, environ: Mapping[str, str], service: str) -> int:
    from stillup.daemon.vault import open_kept

    try:
        with open_kept(config, environ) as vault:
            return sum(1 for _ in islice(vault.every(service=service), _MOST_COUNTED))
    except (StillupError, OSError):
        return 0


def _caches(used: Used | None) -> Iterator[str]:
    if used is None:
        return
    tokens = used.tokens
    read, whole = tokens.cache_read_tokens, tokens.input_tokens + tokens.cache_read_tokens + tokens.cache_write_tokens
    if read and whole:
        share = f"{100 * read / whole:.0f} % of the input came from one"
        yield f"Caches: {share}; elsewhere it is paid in full until one is filled."


def _unknown(used: Used | None, trouble: str, told: Incident | None) -> Iterator[str]:
    if trouble:
        yield f"What was seen from here is left out: {trouble}"
    if used is None:
        yield "What a switch would cost: the gateway's journal has no requests to this vendor's models."
    elif used.hours < LEAST_HOURS:
        yield "What a switch would cost: the gateway's journal has less than a day, which says nothing of a year."
    else:
        yield "Subscriptions are not in these costs: they are requests' prices by tokens, from the catalogue."
    if told is None:
        yield "No confirmed incident was seen from here: there is none to set beside the usual."
    yield "Whether the answers would be as good: no record of outages says that. Try it on work of your own."
