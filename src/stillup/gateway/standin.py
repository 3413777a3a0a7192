"""What stands in for what: which upstream and model answer a request, best first, each with its reason. Pure.

The same model elsewhere comes before another model: a caller notices the least of it. Then another model of the same
maker and tier (outages often hit one model), then the same tier of other makers, and the models of this machine last.
Among equals, who speaks the client's dialect comes before whom the request must be translated for.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.models import Model, find_model, kin_of, models
from stillup.catalog.providers import maker_of
from stillup.gateway.core.values import Protocol, Target
from stillup.gateway.dialects.dialect import is_same_dialect
from stillup.gateway.upstreams import Known

DEARER_MAX = 2.0
"""A stand-in may cost so many times what the asked model costs; beyond that only a route of the user's takes it."""
CHEAP_USD = 5.0
"""For ten million tokens in and one out: what costs no more than this is never too dear."""


class Reason(StrEnum):
    """Why a link is where it is in a chain, in the chain's order; the last ones say why an upstream is not in it."""

    ROUTE = "route"
    ASKED = "asked"
    ELSEWHERE = "elsewhere"
    SIBLING = "sibling"
    SAME_TIER = "same_tier"
    LESSER = "lesser"
    LOCAL = "local"
    NO_ROUTE = "no_route"
    NO_MODEL = "no_model"
    DEARER = "dearer"
    OVER_LIMIT = "over_limit"
    NO_KEY = "no_key"
    STAYS = "stays_here"

    @property
    def says(self) -> str:
        """The reason as half a sentence."""
        return _SAYS[self]

    @property
    def is_used(self) -> bool:
        """Whether the link is in the chain."""
        return self not in _UNUSED


_SAYS = {
    Reason.ROUTE: "your route says so",
    Reason.ASKED: "the model that was asked for",
    Reason.ELSEWHERE: "the same model at another provider",
    Reason.SIBLING: "another model of the same maker and tier",
    Reason.SAME_TIER: "a model of the same tier",
    Reason.LESSER: "a lesser model; nothing of the same tier is there",
    Reason.LOCAL: "on this machine, when nothing else is left",
    Reason.NO_ROUTE: "another protocol, and nobody knows its models: a route of yours can take it",
    Reason.NO_MODEL: "has no model that could stand in",
    Reason.DEARER: "its model of this tier costs too much more; a route of yours can take it",
    Reason.OVER_LIMIT: "its model costs more than your limit for stand-ins",
    Reason.NO_KEY: "has no key of yours, and the client's belongs elsewhere",
    Reason.STAYS: "a model of this machine: what is asked of it goes nowhere else without a route of yours",
}
_UNHEARD_OF = "no provider is known to have a model of that name; the first upstream is asked for it as it is"
_UNUSED = frozenset({Reason.NO_ROUTE, Reason.NO_MODEL, Reason.DEARER, Reason.OVER_LIMIT, Reason.NO_KEY, Reason.STAYS})
_ORDER = tuple(Reason)
_SAME_MODEL = (Reason.ASKED, Reason.ELSEWHERE)


class Link(Struct, frozen=True, kw_only=True):
    """One upstream's place for one model: what it would be asked, and why. ``target`` is None where it is not used."""

    upstream: str
    reason: Reason
    target: Target | None = None
    model: str = ""
    """What is asked there; the client's own name where the target keeps it."""
    says: str = ""
    translated: bool = False
    """It is asked in another dialect than the client's."""


def links(protocol: Protocol, name: str, upstreams: Sequence[Known]) -> tuple[Link, ...]:
    """Every upstream's place for a model as the client names it, in the order in which they are tried.

    Without a name (a list of models) every upstream of the protocol is in the chain, in the configured order.
    """
    have = {k.provider.id for k in upstreams if k.provider and not k.is_foreign(protocol)}
    seen: list[Known] = []
    for known in upstreams:
        # One address of a provider is enough, that of the client's dialect if it has one.
        if known.provider is None or not known.is_foreign(protocol) or known.provider.id not in have:
            seen.append(known)
            if known.provider is not None:
                have.add(known.provider.id)
    here = any(name in k.models for k in upstreams)
    found = [link for known in seen for link in _places(protocol, name, known, here=here)]
    if not any(link.reason in _SAME_MODEL for link in found):
        found = _first_asked(protocol, name, seen, found)
    return tuple(sorted(found, key=_rank))


def within(found: tuple[Link, ...], limit_usd: float | None) -> tuple[Link, ...]:
    """The same without those whose model costs more for a million output tokens; the first stays, and the unpriced."""
    if limit_usd is None:
        return found
    first = next((link for link in found if link.target), None)
    return tuple(_over(link) if link is not first and _costs(link) > limit_usd else link for link in found)


def _costs(link: Link) -> float:
    model = find_model(link.model) if link.target else None
    return model.price.output if model and model.price else 0.0


def _over(link: Link) -> Link:
    return replace(link, target=None, reason=Reason.OVER_LIMIT, says=Reason.OVER_LIMIT.says)


def _rank(link: Link) -> tuple[int, bool, int]:
    same = link.reason in _SAME_MODEL
    order = _ORDER.index(link.reason)
    return _ORDER.index(Reason.ASKED) if same else order, link.translated, order


def _first_asked(protocol: Protocol, name: str, upstreams: Sequence[Known], found: list[Link]) -> list[Link]:
    """Nobody is known to have the model: the first upstream says so itself, no other model is slipped in before."""
    for known in upstreams:
        if not known.is_foreign(protocol):
            kept = [link for link in found if link.upstream != known.spec.id]
            return [Place(known, protocol, name).link(Reason.ASKED, "", _UNHEARD_OF), *kept]
    return found


def _places(protocol: Protocol, name: str, known: Known, *, here: bool) -> list[Link]:
    place = Place(known, protocol, name)
    if known.is_foreign(protocol):
        if not name or known.provider is None:
            return [place.link(Reason.NO_ROUTE, "")]
        if known.is_bare:  # law 10: a client's key is for its own protocol
            return [place.link(Reason.NO_KEY, "")]
    if not name or known.provider is None or _is_asked(name, known, here=here):
        return [place.link(Reason.ASKED, "", "" if name else "speaks this protocol"), *place.sibling()]
    return [place.link(Reason.STAYS, "")] if here and not known.provider.is_local else place.others()


def _is_asked(name: str, known: Known, *, here: bool) -> bool:
    """Whether the client's name is one that this upstream itself uses; ``here``: a local server has it."""
    provider = known.provider
    if provider is None or provider.is_local:
        return name in known.models
    asked, maker = find_model(name), maker_of(name)
    if asked is not None:
        if asked.maker == provider.id:
            return "/" not in name
        there = (asked.at.get(provider.id), asked.id_at(provider.id, known.spec.region))
        return name != asked.id and name in there  # a name as only this provider writes it
    if maker is None and not here:
        return provider.kind == "router" and "/" in name
    return maker is provider


class Place:
    """One upstream looked at for one name."""

    def __init__(self, known: Known, asked_in: Protocol, name: str) -> None:
        self._known = known
        self._asked_in = asked_in
        self._name = name
        self._exact = find_model(name)
        self._asked = self._exact or kin_of(name)
        self._provider = known.provider

    def link(self, reason: Reason, model: str, says: str = "") -> Link:
        spec = self._known.spec
        spoken = self._known.speaks(self._asked_in, model or self._name)
        target = Target(upstream=spec.id, model=model, protocol=spoken, service=spec.service, component=spec.component)
        return Link(
            upstream=spec.id,
            reason=reason,
            target=target if reason.is_used else None,
            model=model or self._name,
            says=says or reason.says,
            translated=not is_same_dialect(self._asked_in, spoken),
        )

    def sibling(self) -> list[Link]:
        """After the asked model, another one of the same maker and tier: of the same line first, then the newest."""
        asked, provider = self._asked, self._provider
        if asked is None or provider is None or asked.maker != provider.id or _is_alone(self._name):
            return []
        others = [m for m in models().values() if m.maker == asked.maker and m.tier is asked.tier]
        others = [m for m in others if m is not self._exact]
        fit = [m for m in others if _can(m, asked) and not _too_dear(m, asked)]
        best = min(fit, key=lambda m: (_line(m) != _line(asked), m.legacy), default=None)
        return [self._of(Reason.SIBLING, best)] if best else []

    def instead(self) -> str:
        """What this upstream would be asked for; empty for the client's own name."""
        found = self.others()[0]
        return found.target.model if found.target else ""

    def others(self) -> list[Link]:
        """What an upstream that does not know the client's name has for it."""
        provider, asked = self._provider, self._asked
        if provider is None:
            return []
        if provider.is_local:
            return [self._local()]
        if self._known.is_bare:
            return [self.link(Reason.NO_KEY, "")]
        if self._exact is not None and self._exact.id_at(provider.id):
            return [self._of(Reason.ELSEWHERE, self._exact)]
        if asked is None or _is_alone(self._name):
            return [self.link(Reason.NO_MODEL, "")]
        return [self._stand_in(asked, provider.id)]

    def _stand_in(self, asked: Model, provider: str) -> Link:
        fit = [m for m in _fit(asked, provider) if m is not self._exact]
        equal = [m for m in fit if m.tier is asked.tier]
        affordable = [m for m in equal if not _too_dear(m, asked)]
        lesser = [m for m in fit if m.tier.rank > asked.tier.rank and not _too_dear(m, asked)]
        if affordable:
            return self._of(Reason.SAME_TIER, affordable[0])
        if lesser:
            return self._of(Reason.LESSER, min(lesser, key=lambda m: m.tier.rank))
        return self.link(Reason.DEARER if equal else Reason.NO_MODEL, "")

    def _local(self) -> Link:
        chat = [m for m in self._known.models if not _is_alone(m)]
        if not chat or _is_alone(self._name):
            return self.link(Reason.NO_MODEL, "")
        return self.link(Reason.LOCAL, chat[0])

    def _of(self, reason: Reason, model: Model) -> Link:
        spec, provider = self._known.spec, self._provider
        there = model.id_at(provider.id if provider else "", spec.region)
        says = "" if reason is Reason.ELSEWHERE else f"{reason.says}: {model.name}"
        return self.link(reason, "" if there == self._name else there, says)


def _is_alone(name: str) -> bool:
    """Embeddings of two models do not compare: nothing may stand in for the one that was asked for."""
    return "embed" in name.lower()


def _fit(asked: Model, provider: str) -> list[Model]:
    """A provider's models that could stand in: those first that see images and hold prompts as the asked one does."""
    there = [m for m in models().values() if m.id_at(provider) and not m.legacy and _can(m, asked)]
    room = asked.context or 0
    return sorted(
        there,
        key=lambda m: (
            bool(asked.vision and not m.vision),
            (m.context or 0) < room,
            _line(m) != _line(asked),
            m.maker != asked.maker,
            m.maker != provider,
        ),
    )


def _can(model: Model, asked: Model) -> bool:
    """An agent is lost without tools; images are in few requests, so they only count in the order."""
    return bool(model.tools or not asked.tools)


def _line(model: Model) -> str:
    """The line of versions that a model belongs to, as Opus or Sol."""
    newest = next((m for m in models().values() if m.kin and fnmatchcase(model.id, m.kin)), model)
    return newest.id


def _too_dear(model: Model, asked: Model) -> bool:
    """By what usual requests cost: ten tokens in for one out."""
    if model.price is None or asked.price is None:
        return False
    there, here = (10 * p.input + p.output for p in (model.price, asked.price))
    return there > max(DEARER_MAX * here, CHEAP_USD)
