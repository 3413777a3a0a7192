"""What two subjects are to each other, by the catalogue: the less they share, the less they fail together."""

from __future__ import annotations

from enum import StrEnum

from stillup.catalog.load import catalogue
from stillup.risk.values import LOCAL, Subject


class Kin(StrEnum):
    """The nearest relation of two subjects."""

    __hash__ = str.__hash__

    SAME = "same"
    """Parts of one service, or the same."""
    STANDS_ON = "stands_on"
    """One depends on the other."""
    SHARED = "shared"
    """Both depend on a third."""
    NONE = "none"
    """Nothing in common that is known."""
    LOCAL = "local"
    """One runs on one's own machine."""


SURE = 0.25
"""Two that share something with less certainty than this count as sharing nothing."""


def kin(one: Subject, other: Subject) -> Kin:
    """Their relation, by the catalogue's dependencies and how sure these are."""
    if one.service == other.service:
        return Kin.SAME
    if LOCAL in (one.service, other.service):
        return Kin.LOCAL
    mine, theirs = _stands_on(one.service), _stands_on(other.service)
    if max(mine.get(other.service, 0.0), theirs.get(one.service, 0.0)) >= SURE:
        return Kin.STANDS_ON
    if any(sure * theirs.get(service, 0.0) >= SURE for service, sure in mine.items()):
        return Kin.SHARED
    return Kin.NONE


def _stands_on(service: str) -> dict[str, float]:
    known = catalogue().get(service)
    return {d.service: d.confidence for d in known.dependencies} if known else {}
