"""What stands in for what: which upstream and model answer a request, best first, each with its reason. Pure.

The same model elsewhere comes before another model: a caller notices the least of it. Then another model of the same
maker and tier (outages often hit one model), then the same tier of other makers, and the models of this machine last.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from stillup.catalog.models import Model, Tier, find_model, kin_of, models
from stillup.catalog.providers import maker_of
from stillup.gateway.core.values import Protocol, Target
from stillup.gateway.upstreams import Known

DEARER_MAX = 2.5
"""A stand-in may cost so many times what the asked model costs; beyond that only a route of the user's takes it."""


class Reason(StrEnum):
    """Why a link is where it is in a chain, in the chain's order; the last ones say why an upstream is not in it."""

    ROUTE = "route"
    ASKED = "asked"
    ELSEWHERE = "elsewhere"
    SIBLING = "sibling"
    SAME_TIER = "same_tier"
    LESSER = "lesser"
    LOCAL = "local"
    TRANSLATION = "needs_translation"
    NO_MODEL = "no_model"
    DEARER = "dearer"
    NO_KEY = "no_key"

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
    Reason.TRANSLATION: "another protocol: needs translation, not yet",
    Reason.NO_MODEL: "has no model that could stand in",
    Reason.DEARER: "its model of this tier costs too much more; a route of yours can take it",
    Reason.NO_KEY: "has no key of yours, and the client's belongs elsewhere",
}
_UNUSED = frozenset({Reason.TRANSLATION, Reason.NO_MODEL, Reason.DEARER, Reason.NO_KEY})
_ORDER = tuple(Reason)


class Link(Struct, frozen=True, kw_only=True):
    """One upstream's place for one model: what it would be asked, and why. ``target`` is None where it is not used."""

    upstream: str
    reason: Reason
    target: Target | None = None
    model: str = ""
    """What is asked there; the client's own name where the target keeps it."""
    says: str = ""


def links(protocol: Protocol, name: str, upstreams: Sequence[Known]) -> tuple[Link, ...]:
    """Every upstream's place for a model as the client names it, in the order in which they are tried.

    Without a name (a list of models) every upstream of the protocol is in the chain, in the configured order.
    """
    speakers = {k.provider.id for k in upstreams if k.provider and k.speaks(protocol)}
    asked = [k for k in upstreams if k.speaks(protocol) or not (k.provider and k.provider.id in speakers)]
    found = [link for known in asked for link in _places(protocol, name, known)]
    same_tier = any(link.reason in (Reason.ASKED, Reason.ELSEWHERE, Reason.SAME_TIER) for link in found[1:])
    kept = [link for link in found if not (link.reason is Reason.LESSER and same_tier)]
    return tuple(sorted(kept, key=lambda link: _ORDER.index(link.reason)))


def _places(protocol: Protocol, name: str, known: Known) -> list[Link]:
    spoken = known.speaks(protocol)
    if spoken is None:
        return [Link(upstream=known.spec.id, reason=Reason.TRANSLATION, says=Reason.TRANSLATION.says)]
    place = _Place(known, spoken, name)
    if not name or known.provider is None or _is_asked(name, known):
        asked = [place.link(Reason.ASKED, "")]
        return asked if known.provider is None or known.provider.is_local or not name else [*asked, *place.siblings()]
    return place.others()


def _is_asked(name: str, known: Known) -> bool:
    """Whether the client's name is one that this upstream itself uses."""
    provider = known.provider
    if provider is None or provider.is_local:
        return name in known.models
    asked, maker = find_model(name), maker_of(name)
    if asked is not None:
        return name in (asked.at.get(provider.id), asked.id_at(provider.id, known.spec.region)) or (
            asked.maker == provider.id and "/" not in name
        )
    return maker is provider or (maker is None and (provider.bare or (provider.kind == "router" and "/" in name)))


class _Place:
    """One upstream looked at for one name."""

    def __init__(self, known: Known, spoken: Protocol, name: str) -> None:
        self._known = known
        self._spoken = spoken
        self._name = name
        self._asked = find_model(name) or kin_of(name)
        self._provider = known.provider

    def link(self, reason: Reason, model: str, says: str = "") -> Link:
        spec = self._known.spec
        target = Target(
            upstream=spec.id, model=model, protocol=self._spoken, service=spec.service, component=spec.component
        )
        used = target if reason.is_used else None
        return Link(upstream=spec.id, reason=reason, target=used, model=model or self._name, says=says or reason.says)

    def siblings(self) -> list[Link]:
        """After the asked model, the newest other one of the same maker and tier."""
        asked, provider = self._asked, self._provider
        if asked is None or provider is None or _is_alone(self._name):
            return []
        others = [m for m in _fit(asked, provider.id) if m.maker == asked.maker and m.tier is asked.tier]
        return [self._of(Reason.SIBLING, m) for m in others[:1] if not _too_dear(m, asked)]

    def others(self) -> list[Link]:
        """What an upstream that does not know the client's name has for it."""
        provider, asked = self._provider, self._asked
        if provider is None:
            return []
        if provider.is_local:
            return [self._local()]
        if self._known.is_bare:
            return [self.link(Reason.NO_KEY, "")]
        exact = find_model(self._name)
        if exact is not None and exact.id_at(provider.id):
            return [self._of(Reason.ELSEWHERE, exact)]
        if asked is None or _is_alone(self._name):
            return [self.link(Reason.NO_MODEL, "")]
        return [self._stand_in(asked, provider.id)]

    def _stand_in(self, asked: Model, provider: str) -> Link:
        fit = _fit(asked, provider)
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
        return self.link(reason, there, f"{reason.says}: {model.name}" if reason is not Reason.ELSEWHERE else "")


def _is_alone(name: str) -> bool:
    """Embeddings of two models do not compare: nothing may stand in for the one that was asked for."""
    return "embed" in name.lower()


def _fit(asked: Model, provider: str) -> list[Model]:
    """A provider's models that can do what the asked one can, those with room for its longest prompts first."""
    there = [m for m in models().values() if m.id_at(provider) and m is not asked and not m.legacy]
    fit = [m for m in there if (m.tools or not asked.tools) and (m.vision or not asked.vision)]
    room = asked.context or 0
    return sorted(fit, key=lambda m: ((m.context or 0) < room, m.maker != provider))


def _too_dear(model: Model, asked: Model) -> bool:
    """By what a usual request costs: ten tokens in for one out."""
    if model.price is None or asked.price is None:
        return False
    there, here = (10 * p.input + p.output for p in (model.price, asked.price))
    return there > DEARER_MAX * here


def tier_of(name: str) -> Tier | None:
    """The tier of a model by any of its names."""
    found = kin_of(name)
    return found.tier if found else None
