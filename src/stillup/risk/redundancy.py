"""How many ways a chain counts as, term by term: each way by how much of what it could add it does add. Pure.

Let ``T(n)`` be the hours a year in which the first ``n`` ways are all down, ``A`` those in which way ``n`` is, and
``Y`` the hours of a year. Were the ways independent, way ``n`` would divide what is left by ``Y / A``; it divides it by
``T(n-1) / T(n)``. It counts as ``log(T(n-1) / T(n)) / log(Y / A)``: 1 where it fails by itself, 0 where it is down
whenever all before it are. The first counts as 1. The sum is the number of ways that would do as well if they had
nothing in common. The figures are estimates, and so is the sum; intervals stand beside the hours.
"""

from __future__ import annotations

from math import log

from msgspec import Struct

from stillup.risk.need import ENOUGH, Need, Way
from stillup.risk.values import HOURS_A_YEAR, Downtimes, Subject

_LEAST_HOURS = 1e-6
"""Below it a quotient says nothing."""


class Term(Struct, frozen=True, kw_only=True):
    """What one way counts as, between 0 and 1, and why in words. ``left`` are the hours a year after it."""

    way: str
    title: str
    counts: float
    left: float | None
    says: str


class Redundancy(Struct, frozen=True, kw_only=True):
    """The sum of the terms, of so many ways that there are."""

    ways: float
    of: int
    terms: tuple[Term, ...]


def redundancy(need: Need, downtimes: Downtimes) -> Redundancy:
    """The score of a need, with every term."""
    terms: list[Term] = []
    before: tuple[Subject, ...] = ()
    left = HOURS_A_YEAR
    for way in need.ways:
        if way.subject in before:
            says = f"another model of {way.subject}: it helps where one model fails, not where the service does"
            terms.append(Term(way=way.name, title=way.title, counts=0.0, left=left, says=says))
            continue
        if len(before) == ENOUGH:
            says = f"beyond {ENOUGH} nothing more is reckoned"
            terms.append(Term(way=way.name, title=way.title, counts=0.0, left=left, says=says))
            continue
        so_far = (*before, way.subject)
        now = downtimes.together(so_far).hours.mid if before else downtimes.alone(way.subject).hours.mid
        terms.append(_term(way, downtimes.alone(way.subject).hours.mid, left, now, is_first=not before))
        before, left = so_far, now
    terms += (Term(way=w.name, title=w.title, counts=0.0, left=None, says=w.missing) for w in need.lacking)
    return Redundancy(ways=sum(t.counts for t in terms), of=len(need.ways) + len(need.lacking), terms=tuple(terms))


def _term(way: Way, alone: float, before: float, after: float, *, is_first: bool) -> Term:
    if is_first:
        return Term(way=way.name, title=way.title, counts=1.0, left=after, says="the first way counts as one")
    alone = min(max(alone, _LEAST_HOURS), HOURS_A_YEAR)
    could = log(HOURS_A_YEAR / alone)
    did = log(max(before, _LEAST_HOURS) / max(after, _LEAST_HOURS))
    counts = min(max(did / could, 0.0), 1.0) if could > 0 else 0.0
    chance = before * alone / HOURS_A_YEAR
    times = after / chance if chance > 0 else 1.0
    says = "it fails by itself"
    if times >= 1.2:
        much = f"{times:.1f}" if times < 10 else f"{float(f'{times:.2g}'):,.0f}"
        says = f"down together with those before it {much} times as long as chance alone would have it"
    return Term(way=way.name, title=way.title, counts=counts, left=after, says=says)
