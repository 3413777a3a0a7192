"""Which of the ways round that other people offer to show: the likeliest to help with this very trouble first. Pure.

A tip is a link to somebody's post, on the site where it stands, and why it was taken. Nothing in it was checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import log1p
from urllib.parse import urlsplit

from msgspec import Struct

from stillup.model.service import Problem, State
from stillup.model.signal import At
from stillup.model.verdict import Verdict

MOST = 5
_OLDEST = timedelta(hours=24)
_FRESH = timedelta(hours=4)
"""In this time a tip loses half of what it gains by being new."""
_BEFORE = timedelta(hours=1)
"""Posts so long before the estimated onset may still be about this trouble: the estimate trails."""
_ADMIRED = 500
"""More points or answers than this make no difference."""
_ALIKE = 0.8
_WORD = re.compile(r"\w+")
_PLAIN_LINK = re.compile(r"https://[a-z0-9.-]{1,200}/[!-~]{1,500}")


class Tip(Struct, frozen=True, kw_only=True):
    """A post that offers a way round trouble.

    ``why`` says in words what it was taken for, ``weight`` in 0..1 how plainly it offers. ``component`` and
    ``problem`` are what it is about, ``way`` is the component it sends people to; each None where it names none.
    """

    source: str
    url: str
    title: str
    at: At
    why: tuple[str, ...]
    weight: float
    component: str | None = None
    problem: Problem | None = None
    way: str | None = None
    has_steps: bool = False
    score: int | None = None
    replies: int | None = None

    @property
    def host(self) -> str:
        """Where it stands."""
        return urlsplit(self.url).hostname or ""


class Workaround(Struct, frozen=True, kw_only=True):
    """A tip as it is shown."""

    title: str
    url: str
    host: str
    source: str
    age_s: float
    why: tuple[str, ...]


def best(
    tips: Iterable[Tip], verdict: Verdict, components: Mapping[str, State], now: datetime
) -> tuple[Workaround, ...]:
    """At most five tips for a verdict that is a fault, best first; none for any other verdict.

    ``components`` are the states known: a tip that sends people to a part that is broken itself is left out.
    """
    if not verdict.state.is_fault or verdict.is_yours:
        return ()
    usable = (tip for tip in tips if _is_usable(tip, verdict, components, now))
    ranked = sorted(usable, key=lambda tip: (-rank(tip, verdict, components, now), tip.url))
    return tuple(_shown(tip, now) for tip in _different(ranked))


def _is_usable(tip: Tip, verdict: Verdict, components: Mapping[str, State], now: datetime) -> bool:
    begun = verdict.since - _BEFORE if verdict.since is not None else now - _OLDEST
    leads_to = components.get(tip.way or "", State.UNKNOWN)
    is_dead_end = leads_to.is_fault or (tip.way is not None and tip.way in verdict.components)
    return max(begun, now - _OLDEST) <= tip.at <= now and not is_dead_end and bool(_PLAIN_LINK.fullmatch(tip.url))


def rank(tip: Tip, verdict: Verdict, components: Mapping[str, State], now: datetime) -> float:
    """How much a tip is worth for this verdict: how well it fits, how new it is, what its readers made of it."""
    age = (now - tip.at) / _FRESH
    admired = log1p(min(_ADMIRED, max(0, tip.score or 0) + 2 * max(0, tip.replies or 0))) / log1p(_ADMIRED)
    newness: float = 0.5**age
    return tip.weight + _fit(tip, verdict, components) + newness + 0.75 * admired + 0.5 * tip.has_steps


def _fit(tip: Tip, verdict: Verdict, components: Mapping[str, State]) -> float:
    """A tip about the very part and problem beats one about all; one about another part is hardly of use."""
    fit = 0.0
    if tip.component is not None and verdict.components:
        fit += 1.0 if tip.component in verdict.components else -1.0
    if tip.problem is not None and verdict.problems:
        fit += 1.0 if tip.problem.value in verdict.problems else -0.25
    if tip.way is not None and components.get(tip.way) is State.OPERATIONAL:
        fit += 0.75
    return fit


def _different(ranked: list[Tip]) -> list[Tip]:
    """The first five that say different things: the same post, or nearly the same title, is shown once."""
    kept: list[tuple[Tip, frozenset[str]]] = []
    for tip in ranked:
        words = frozenset(_WORD.findall(tip.title.casefold()))
        if not any(tip.url == other.url or _alike(words, theirs) for other, theirs in kept):
            kept.append((tip, words))
        if len(kept) == MOST:
            break
    return [tip for tip, _ in kept]


def _alike(a: frozenset[str], b: frozenset[str]) -> bool:
    return bool(a and b) and len(a & b) / len(a | b) >= _ALIKE


def _shown(tip: Tip, now: datetime) -> Workaround:
    age_s = (now - tip.at).total_seconds()
    return Workaround(title=tip.title, url=tip.url, host=tip.host, source=tip.source, age_s=age_s, why=tip.why)
