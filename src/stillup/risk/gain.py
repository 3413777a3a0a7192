"""What one more way would buy, and what stopping one would lose, in hours a year; and what it costs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from stillup.catalog.models import Model, cost_usd
from stillup.risk.need import ENOUGH, Need, Used
from stillup.risk.points import LIKELY, Shared, shared_by
from stillup.risk.values import HOURS_A_YEAR, LOCAL, Basis, Downtimes, Hours, Subject

LEAST_HOURS = 24.0
"""Of use that says something of a year: five questions in a minute are no habit."""
BOUND_LEVEL = 0.8
"""Two intervals of 90 % hold both in at least 80 of 100 cases, whatever they have in common (Bonferroni)."""


@runtime_checkable
class Saves(Protocol):
    """Figures of downtime that also know the difference that one more makes, with its own interval."""

    def saved(self, subjects: Sequence[Subject], more: Subject) -> Hours:
        """Hours a year that ``more`` at the end of the chain takes off."""
        ...


class Candidate(Struct, frozen=True, kw_only=True):
    """Somebody who could be one more way."""

    id: str
    title: str
    subject: Subject
    access: str = ""
    """How one gets at it: an account, a key, a variable."""
    advantage: str = ""
    link: str = ""
    free: bool | None = None
    ready: bool = False
    """The key, or the server, is there already."""
    model: str = ""
    """What the gateway would ask there."""
    at_hand: str = ""
    """Why it is near: it is watched, or its key is there."""


class Cost(Struct, frozen=True, kw_only=True):
    """What answers cost: for a year of today's use, and for the hours of a year in which it would stand in."""

    model: str
    usd_a_year: float
    usd_standing_in: float
    usd_a_year_now: float | None = None
    """What the same use costs with the first way's model; None where its price is not known."""


class Gain(Struct, frozen=True, kw_only=True):
    """One more way: the hours it takes off, what is left, and what it shares with those that are there."""

    candidate: Candidate
    saved: Hours
    left: Hours
    basis: Basis
    shares: tuple[Shared, ...] = ()
    cost: Cost | None = None


class Loss(Struct, frozen=True, kw_only=True):
    """Without one of the ways: so many hours a year more; None where nothing would be left."""

    way: str
    title: str
    more: Hours | None
    answers: float | None = None
    """The share of answers that came from it, where the journal says so."""


def gains(
    need: Need, candidates: Sequence[Candidate], downtimes: Downtimes, price_of: dict[str, Model], now: Model | None
) -> tuple[Gain, ...]:
    """Each candidate that is no way yet, those that save most first; none where there are ways enough.

    Differences of less than a twentieth of what there is are none: then who is likely to fall with those that are
    there comes last, and else the order of the candidates stands.

    ``price_of`` has the model of each candidate by its id, ``now`` is the first way's.
    """
    there = set(need.services)
    if len(need.subjects) >= ENOUGH:
        return ()
    found = [
        _gain(need, one, downtimes, price_of.get(one.id), now) for one in candidates if one.subject.service not in there
    ]
    whole = max(hours_of(need.subjects, downtimes).mid, 1e-9)
    return tuple(sorted(found, key=lambda gain: (-round(gain.saved.mid / whole * 20), _falls_too(gain))))


def _gain(need: Need, one: Candidate, downtimes: Downtimes, model: Model | None, now: Model | None) -> Gain:
    chain = need.subjects
    before, after = hours_of(chain, downtimes), downtimes.together((*chain, one.subject)) if chain else None
    alone = downtimes.alone(one.subject)
    left = after.hours if after is not None else alone.hours
    basis = after.basis if after is not None else alone.basis
    shares = tuple(s for s in shared_by((*need.services, one.subject.service)) if _leans(s, one.subject.service))
    return Gain(
        candidate=one,
        saved=_saved(chain, one.subject, downtimes, before, left),
        left=left,
        basis=basis,
        shares=shares,
        cost=cost(need.used, model, now, before.mid),
    )


def _falls_too(gain: Gain) -> bool:
    return any(s.all_of_them and s.sure >= LIKELY for s in gain.shares)


def _leans(shared: Shared, service: str) -> bool:
    return any(lean.service == service for lean in shared.by)


def hours_of(chain: Sequence[Subject], downtimes: Downtimes) -> Hours:
    """Hours a year in which nobody of the chain answers; the whole year where there is nobody."""
    if not chain:
        return Hours(HOURS_A_YEAR, HOURS_A_YEAR, HOURS_A_YEAR)
    return downtimes.alone(chain[0]).hours if len(chain) == 1 else downtimes.together(chain).hours


def _saved(chain: Sequence[Subject], more: Subject, downtimes: Downtimes, before: Hours, after: Hours) -> Hours:
    if chain and isinstance(downtimes, Saves):
        return downtimes.saved(chain, more)
    return difference(before, after)


def difference(before: Hours, after: Hours) -> Hours:
    """Of two estimates of which nothing more is known than that the second is not larger."""
    mid = max(before.mid - after.mid, 0.0)
    low, high = max(before.low - after.high, 0.0), max(before.high - after.low, mid)
    return Hours(mid, min(low, mid), high, BOUND_LEVEL)


def losses(need: Need, downtimes: Downtimes) -> tuple[Loss, ...]:
    """What each service or upstream of it is worth: those without which most is lost first; of the first few ways."""
    chain, found = need.subjects, []
    for subject in chain[:ENOUGH]:
        ways = [way for way in need.ways if way.subject == subject]
        rest = tuple(other for other in chain if other != subject)
        more = None
        if rest:
            more = _saved(rest, subject, downtimes, hours_of(rest, downtimes), hours_of(chain, downtimes))
        answers = None
        if need.used is not None and need.used.by:
            whole = sum(need.used.by.values())
            answers = sum(need.used.by.get(name, 0) for name in {w.name for w in ways}) / whole
        names = ", ".join(dict.fromkeys(way.name for way in ways))
        found.append(Loss(way=names, title=ways[0].title, more=more, answers=answers))
    return tuple(sorted(found, key=lambda loss: -(loss.more.mid if loss.more else HOURS_A_YEAR)))


def cost(used: Used | None, model: Model | None, now: Model | None, down_hours: float) -> Cost | None:
    """What today's use would cost there; None where less than a day of use was seen, or the price is not known.

    Priced as so many answers of the mean size: a prompt long enough for a dearer rate is averaged away.
    """
    if used is None or model is None or used.hours < LEAST_HOURS:
        return None
    a_year = _usd_a_year(used, model)
    if a_year is None:
        return None
    return Cost(
        model=model.id,
        usd_a_year=a_year,
        usd_standing_in=a_year * min(down_hours, HOURS_A_YEAR) / HOURS_A_YEAR,
        usd_a_year_now=_usd_a_year(used, now) if now is not None else None,
    )


class _Mean(Struct, frozen=True):
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None


def _usd_a_year(used: Used, model: Model) -> float | None:
    tokens = used.tokens
    if not tokens.answers:
        return None
    n = tokens.answers
    mean = _Mean(
        round(tokens.input_tokens / n),
        round(tokens.output_tokens / n),
        round(tokens.cache_read_tokens / n),
        round(tokens.cache_write_tokens / n),
    )
    each = cost_usd(model, mean, cached_inside=False)
    return None if each is None else each * n * HOURS_A_YEAR / used.hours


def is_local(candidate: Candidate) -> bool:
    """Whether it would run on this machine."""
    return candidate.subject.service == LOCAL
