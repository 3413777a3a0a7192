"""``GET /stillup/models``: which models can be talked to here, and whom the gateway would ask for each, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from msgspec import Struct

from stillup.catalog.models import find_model, models
from stillup.gateway.core.values import Protocol
from stillup.gateway.plan import GatewayPlan
from stillup.gateway.upstreams import Known

PATH = "/stillup/models"
_MOST = 60
_ASKED_IN = {
    Protocol.BEDROCK: Protocol.ANTHROPIC,
    Protocol.VERTEX: Protocol.ANTHROPIC,
    Protocol.RESPONSES: Protocol.OPENAI,
}
"""What a client speaks to be answered by them with the least translation."""
_CLOUDS = (Protocol.BEDROCK, Protocol.VERTEX)
_TALKS = (Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.GEMINI)
"""The protocols a conversation can be held in."""
_WILD = frozenset("*?[")


class Hop(Struct, frozen=True):
    """One upstream's place in the chain of a model: what it is asked for, and why it stands there."""

    upstream: str
    model: str
    says: str = ""
    translated: bool = False
    """It is asked in another dialect than the chain's first."""


class Choice(Struct, frozen=True, kw_only=True):
    """One model as a client names it. ``protocol`` is what the first of its chain is asked in.

    ``vision`` and ``max_output`` are None where they are not known.
    """

    model: str
    protocol: Protocol
    name: str = ""
    chain: tuple[Hop, ...] = ()
    vision: bool | None = None
    max_output: int | None = None


class Offered(Struct, frozen=True, kw_only=True):
    """All of them, first choice first. ``missing`` says what could be added; ``kept``: a journal of exchanges is."""

    choices: tuple[Choice, ...] = ()
    missing: tuple[str, ...] = ()
    kept: bool = False


def choices(plan: GatewayPlan) -> tuple[Choice, ...]:
    """The models that somebody without a key of their own can talk to, in the order of routes or upstreams."""
    open_ones = {k.spec.id for k in plan.known if not k.is_bare}
    found: dict[str, Choice] = {}
    for model, protocol in _names(plan):
        facts = find_model(model)
        which = facts.id if facts else model  # a router's own name for a model that is there already adds nothing
        if which not in found and len(found) < _MOST:
            choice = _choice(plan, model, protocol, open_ones)
            if choice is not None:
                found[which] = choice
    return tuple(found.values())


def _choice(plan: GatewayPlan, model: str, protocol: Protocol, open_ones: set[str]) -> Choice | None:
    links = [link for link in plan.links(protocol, model) if link.target is not None]
    if not any(link.upstream in open_ones for link in links):
        return None
    facts = find_model(model)
    return Choice(
        model=model,
        protocol=protocol,
        name=facts.name if facts else model,
        chain=tuple(Hop(link.upstream, link.model, link.says, link.translated) for link in links),
        vision=facts.vision if facts else None,
        max_output=facts.max_output if facts else None,
    )


def _names(plan: GatewayPlan) -> Iterator[tuple[str, Protocol]]:
    """Names a client could send, and the protocol to ask in. Some of them may lead nowhere."""
    if not plan.routes:
        for known in plan.known:
            if (spoken := _spoken(known)) is not None and not known.is_bare:
                yield from ((name, spoken) for name in _at(known))
        return
    by_id = {known.spec.id: known for known in plan.known}
    for route in plan.routes:
        for known, model in ((by_id[name], model) for name, _, model in (hop.partition("/") for hop in route.chain)):
            if (spoken := _spoken(known)) is not None:
                yield from ((name, spoken) for name in _fit(route.match, [model] if model else _at(known)))


def _fit(match: str, names: Iterable[str]) -> Iterator[str]:
    """Names that a route's pattern lets through; where it is for one name only, or none fits, what fits it for sure."""
    if not _WILD & set(match):
        yield match
        return
    fits = [name for name in names if fnmatchcase(name, match)]
    bare = "".join(c for c in match if c not in _WILD).strip("-./:")
    yield from fits or ([bare] if bare and fnmatchcase(bare, match) else [])


def _spoken(known: Known) -> Protocol | None:
    spoken = _ASKED_IN.get(known.spec.protocol, known.spec.protocol)
    return spoken if spoken in _TALKS else None


def _at(known: Known) -> Iterator[str]:
    """The names under which clients ask this upstream for its current models."""
    yield from (name for name in known.models if "embed" not in name.lower())
    provider = known.provider.id if known.provider else ""
    for model in models().values():
        there = model.id_at(provider) if provider else ""
        if there and not model.legacy:
            yield model.id if known.spec.protocol in _CLOUDS else there
    if not provider and known.spec.protocol in (Protocol.ANTHROPIC, *_CLOUDS):
        yield from (m.id for m in models().values() if m.maker == "anthropic" and not m.legacy)
