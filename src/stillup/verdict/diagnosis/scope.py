"""Who is hit: the rule that picks the scope, with its named reason and the values it saw. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from stillup.model.evidence import Evidence
from stillup.model.service import Family, Scope

_CANNOT_TELL_MODELS = frozenset({Family.CROWD, Family.SOCIAL, Family.SEARCH})
"""People rarely name the model: that they do not is no word against *one model only*."""


class ScopeReason(StrEnum):
    """Why the scope is what it is."""

    NOBODY_HIT = "nobody_hit"
    """Nothing is wrong that anybody can see."""
    HERE_FAILS = "here_fails"
    """This machine or its network fails, and nothing independent of it says that the service does."""
    YOUR_LIMIT = "your_limit"
    """A limit, key or bill of yours, and nothing says that the service fails."""
    MODELS_NAMED = "models_named"
    """Every side that can tell models apart names some, and not all there are."""
    SOME_PARTS = "some_parts"
    """Components are named, and not all there are."""
    SOME_REGIONS = "some_regions"
    """All or unnamed components, but reports come from some places only."""
    NO_LIMIT_SEEN = "no_limit_seen"
    """Nothing limits it to a model, a part or a place."""


class Found(Struct, frozen=True):
    """The scope, its reason, and what was observed, in words."""

    scope: Scope | None
    reason: ScopeReason
    observed: str = ""


def scope_of(
    alarms: Sequence[Evidence],
    *,
    named: Sequence[str] = (),
    everything: Sequence[str] = (),
    regions: Sequence[str] = (),
    known_models: Sequence[str] = (),
    own: Found | None = None,
) -> Found:
    """Decide from the families in alarm; the first rule that fits stands.

    ``named`` of ``everything`` are the components in trouble, ``regions`` the places that explain the excess,
    ``known_models`` all models of the service (empty: not known). ``own`` is :func:`own_scope`'s word, which stands
    only when nobody is in alarm.
    """
    if not alarms:
        return own or Found(None, ScopeReason.NOBODY_HIT)
    tellers = [e for e in alarms if e.models]
    others = [e for e in alarms if not e.models and e.family not in _CANNOT_TELL_MODELS]
    models = sorted({m for e in tellers for m in e.models})
    if tellers and not others and not (known_models and set(models) >= set(known_models)):
        of = f" of {len(known_models)}" if known_models else ""
        return Found(Scope.MODEL, ScopeReason.MODELS_NAMED, f"{', '.join(models)}: {len(models)}{of} models")
    if named and not set(named) >= set(everything):
        parts = f"{', '.join(sorted(named))}: {len(set(named))} of {len(everything)} parts"
        return Found(Scope.COMPONENT, ScopeReason.SOME_PARTS, parts)
    if regions:
        return Found(Scope.REGION, ScopeReason.SOME_REGIONS, ", ".join(sorted(regions)))
    parts = f"all {len(everything)} parts" if named else "no part named"
    return Found(Scope.EVERYONE, ScopeReason.NO_LIMIT_SEEN, f"{parts}, no place stands out")


def own_scope(*, here: str = "", quota: str = "") -> Found | None:
    """The user's own trouble in the words of who saw it (empty: none); the machine's goes before the limit's."""
    if here:
        return Found(Scope.YOU, ScopeReason.HERE_FAILS, here)
    return Found(Scope.YOUR_QUOTA, ScopeReason.YOUR_LIMIT, quota) if quota else None
