"""Who could be one more way: providers the gateway knows, services of the catalogue, a model on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from stillup.catalog.models import Tier, find_model, models
from stillup.catalog.offers import ability, able
from stillup.catalog.providers import Provider, providers
from stillup.daemon.risk.needs import subject_of
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import UpstreamSpec
from stillup.gateway.plan import GatewayPlan
from stillup.gateway.standin import Place
from stillup.gateway.upstreams import Known, Local
from stillup.model.service import Capability
from stillup.risk.gain import Candidate
from stillup.risk.need import Need
from stillup.risk.values import LOCAL, Subject
from stillup.secret import Secret

_MOST_UPSTREAMS = 20
_NO_KEY = Secret("none, nothing is asked")


class Standing(Struct, frozen=True, kw_only=True):
    """An upstream that is there already, as far as one more way is concerned."""

    id: str
    subject: Subject
    provider: str = ""
    """The catalogue's, where it knows it."""
    missing: str = ""
    """What is to be done before it can be used; empty: nothing."""


def standing(plan: GatewayPlan) -> list[Standing]:
    """Those of a gateway; who only passes clients' own keys on is none."""
    found: dict[Subject, Standing] = {}
    for known in plan.known:
        if known.missing or not known.is_bare:
            provider = known.provider.id if known.provider else ""
            missing = known.missing.partition(": ")[2]
            subject = subject_of(known)
            found[subject] = Standing(id=known.spec.id, subject=subject, provider=provider, missing=missing)
    return list(found.values())[:_MOST_UPSTREAMS]


def for_route(
    need: Need,
    there: Sequence[Standing],
    environ: Mapping[str, str],
    local: Sequence[Local],
    asked: Sequence[str],
) -> list[Candidate]:
    """Every upstream that is there already, then every provider that has a model for what a route is asked.

    ``asked`` are the names that the journal saw, the most asked first: they say what a pattern stands for.
    """
    protocol, _, name = need.id.removeprefix("route:").partition(":")
    model = next((a for a in asked if fnmatchcase(a, name)), "") if "*" in name else name
    model = model or (need.ways[0].model if need.ways else "")
    found = [_upstream(one, Protocol(protocol), model) for one in there]
    subjects = {one.subject for one in there}
    found += [] if Subject(LOCAL) in subjects else [_local(local)]
    have = {subject.service for subject in subjects}
    for provider in providers().values():
        if provider.is_local or provider.service in have:
            continue
        at_it = _model_at(provider, Protocol(protocol), model)
        if at_it is not None:
            found.append(_provider(provider, at_it, environ))
    return found


def _upstream(one: Standing, protocol: Protocol, model: str) -> Candidate:
    provider = providers().get(one.provider)
    at_it = _model_at(provider, protocol, model) if provider and not provider.is_local else None
    return Candidate(
        model=at_it or "",
        id=f"upstream:{one.id}",
        title=one.id,
        subject=one.subject,
        ready=not one.missing,
        access=one.missing,
        at_hand="an upstream of yours" if one.missing else "an upstream of yours: it is only not in this chain",
    )


def _model_at(provider: Provider, protocol: Protocol, model: str) -> str | None:
    """What the gateway would ask there; None where it has nothing for it."""
    if not provider.bases or provider.named_by_user:
        return "" if provider.named_by_user else None
    spoken = Protocol(next(iter(provider.bases)))
    spec = UpstreamSpec(id=provider.id, protocol=spoken, key=_NO_KEY, region=provider.region)
    if not find_model(model):
        some = (m for m in models().values() if m.id_at(provider.id) and m.tier is Tier.STRONG and not m.legacy)
        return next((m.id_at(provider.id, provider.region) for m in some), None)
    link = Place(Known(spec=spec, provider=provider), protocol, model).others()[0]
    return (link.model or model) if link.target is not None else None


def _provider(provider: Provider, model: str, environ: Mapping[str, str]) -> Candidate:
    key = next((k for k in provider.key_env if environ.get(k, "").strip()), "")
    first = next(iter((*provider.key_env, *provider.on_env)), "")
    subject = Subject(provider.service, provider.component or None) if provider.service else None
    return Candidate(
        id=provider.id,
        title=provider.name,
        subject=subject or Subject(f"provider:{provider.id}"),
        access=f"set {first} ({provider.get_key})" if first not in provider.get_key else provider.get_key,
        model=model,
        ready=bool(key),
        at_hand=f"its key is there ({key})" if key else "",
    )


def for_task(
    task: Capability, services: Collection[str], environ: Mapping[str, str], local: Sequence[Local]
) -> Iterator[Candidate]:
    """Every service that can do a task, in the catalogue's order, and a model on this machine."""
    for service in able(task):
        how = ability(service, task)
        if how is not None:
            keys = (k for p in providers().values() if p.service == service.id for k in p.key_env)
            key = next((k for k in keys if environ.get(k, "").strip()), "")
            near = "you watch it" if service.id in services else ""
            yield Candidate(
                id=service.id,
                title=service.name,
                subject=Subject(service.id),
                access=how.access,
                advantage=how.advantage,
                link=how.link,
                free=how.free,
                at_hand=", ".join(filter(None, (near, f"its key is there ({key})" if key else ""))),
            )
    yield _local(local)


def _local(local: Sequence[Local]) -> Candidate:
    found = next((one for one in local if one.models), None)
    return Candidate(
        id=LOCAL,
        title="A model on this machine",
        subject=Subject(LOCAL),
        access="Ollama, LM Studio or llama.cpp with a good model; `stillup offline install` sets up a small one",
        advantage="needs no network and no account; does less than a provider's",
        free=True,
        ready=found is not None,
        at_hand=f"{found.models[0]} answers here" if found is not None else "",
    )
