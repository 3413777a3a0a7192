"""Downdetector's quarter-hours as counts, with what people say is wrong.

A quarter-hour is counted whole whenever it is read: the open one with what it has so far, under the same key as it
will have when it is closed, so that the newest count replaces the ones before. For the same reason every problem gets
its line in a quarter that may be read again, one that nobody named with a zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from stillup.errors import Malformed
from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted, Signal
from stillup.sources.base import Context, Link, Reading
from stillup.sources.decode import moment

SOURCE_ID = "downdetector"
WINDOW_S = 900
_WINDOW = timedelta(seconds=WINDOW_S)
_STALE = 2 * _WINDOW
_Amount = Annotated[float, Meta(ge=0, le=1e9)]


class Match(Struct, frozen=True):
    """One company found by a search."""

    id: int
    slug: str
    country_iso: str | None = None


class Indicator(Struct, frozen=True):
    """How many people named one kind of problem."""

    amount: _Amount = 0.0
    indicator: str | None = None
    slug: str | None = None


class Point(Struct, frozen=True):
    """One quarter-hour of the unofficial shape; ``date`` is its start."""

    date: str
    value: _Amount


class Company(Struct, frozen=True):
    """One company's day, in either shape."""

    stats_24: Annotated[tuple[_Amount, ...], Meta(max_length=1000)] | None = None
    baseline: Annotated[tuple[_Amount | Point, ...], Meta(max_length=1000)] | None = None
    reports: Annotated[tuple[Point, ...], Meta(max_length=1000)] | None = None
    status: str | None = None


class Quarter(Struct, frozen=True):
    """Reports in the quarter of an hour before ``end``, and how many are usual then."""

    end: datetime
    reports: float
    usual: float | None


# English labels as the American edition shows them; the first word found decides.
_LABELS = (
    (Problem.BILLING, r"billing|payment|subscription|purchase"),
    (Problem.SIGN_IN, r"log ?-?in|sign ?-?in|account|password"),
    (Problem.APP_CRASH, r"crash"),
    (Problem.SLOW, r"slow|speed|performance|lag"),
    (Problem.NO_RESPONSE, r"respon|loading|blackout"),
    (Problem.CONNECTION, r"connection|internet|network"),
    (Problem.SERVER_ERROR, r"server|error|api"),
)
_PROBLEMS = tuple((problem, re.compile(pattern)) for problem, pattern in _LABELS)
_COUNTED = tuple(problem for problem, _ in _LABELS if problem is not Problem.BILLING)
_THEIR_WORDS = ("success", "warning", "danger")


def problem_shares(indicators: tuple[Indicator, ...]) -> dict[Problem, float]:
    """The share of each known problem among the reports that name one, largest first."""
    total = sum(i.amount for i in indicators)
    shares: dict[Problem, float] = {}
    for row in indicators:
        label = (row.indicator or row.slug or "")[:80].lower()
        problem = next((p for p, pattern in _PROBLEMS if pattern.search(label)), None)
        if problem is not None and row.amount > 0:
            shares[problem] = shares.get(problem, 0.0) + row.amount / total
    return dict(sorted(shares.items(), key=lambda kv: -kv[1]))


def reading_of(
    company: Company, ctx: Context, indicators: tuple[Indicator, ...] = (), answered_at: datetime | None = None
) -> Reading:
    """The counts of a company's day. ``answered_at`` is what the site's own clock said when it answered.

    The lists have no times in them: which quarter-hour the last number is for, that clock decides. An answer that came
    just after a quarter began, to a question from just before it, would else be read a quarter too early throughout.

    :raises Malformed: there are no reports in it.
    """
    quarters = [q for q in _quarters(company, _near(answered_at, ctx.now)) if q.end - _WINDOW < ctx.now]
    if not quarters:
        msg = "the answer has no report counts up to now"
        raise Malformed(msg)
    shares = problem_shares(indicators)
    fresh = [q for q in quarters if ctx.since is None or q.end > ctx.since]
    signals: list[Signal] = [line for q in fresh for line in _lines(q, shares, ctx)]
    if quarters[-1].end > ctx.now - _STALE:
        signals.append(Alive(at=ctx.now, service=ctx.service.id, source=SOURCE_ID))
    link = ctx.hint(SOURCE_ID).link
    return Reading(
        signals=tuple(dict.fromkeys(signals)),
        says=_says(quarters, ctx.now, company.status),
        links=(Link(link, "Downdetector"),) if link else (),
    )


def _near(answered_at: datetime | None, now: datetime) -> datetime:
    """The site's clock where it is to be believed: one that is far off says more of itself than of the time."""
    return answered_at if answered_at is not None and abs(answered_at - now) < _WINDOW else now


def _quarters(company: Company, now: datetime) -> list[Quarter]:
    """The day's quarter-hours, oldest first."""
    if company.stats_24 is not None:
        return _aligned(company.stats_24, company.baseline or (), now)
    usual = {p.date: p.value for p in company.baseline or () if isinstance(p, Point)}
    dated = ((moment(p.date), p) for p in company.reports or ())
    found = [Quarter(_end(at), p.value, usual.get(p.date)) for at, p in dated if at is not None and at <= now]
    return sorted(found, key=lambda q: q.end)


def _end(start: datetime) -> datetime:
    """The end of the whole quarter-hour a point begins in. The unofficial points lie askew; a key needs the grid."""
    return datetime.fromtimestamp((start.timestamp() // WINDOW_S + 1) * WINDOW_S, UTC)


def _aligned(stats: tuple[float, ...], baseline: tuple[float | Point, ...], now: datetime) -> list[Quarter]:
    """The last number is the quarter-hour that ``now`` lies in; the baseline is matched from its end."""
    last = datetime.fromtimestamp(-(-now.timestamp() // WINDOW_S) * WINDOW_S, UTC)
    usual = [u for u in baseline if isinstance(u, float)][::-1]
    return [
        Quarter(last - age * _WINDOW, reports, usual[age] if age < len(usual) else None)
        for age, reports in enumerate(reversed(stats))
    ][::-1]


def _lines(quarter: Quarter, shares: dict[Problem, float], ctx: Context) -> Iterator[Signal]:
    at = min(quarter.end, ctx.now)
    people = round(quarter.reports * (1.0 - shares.get(Problem.BILLING, 0.0)))
    if people == 0:
        yield Alive(at=at, service=ctx.service.id, source=SOURCE_ID)
        return
    may_come_again = ctx.since is not None or quarter.end > ctx.now
    split = _split(people, shares) if may_come_again else {None: people}
    for problem, count in split.items():
        yield Counted(
            at=at,
            service=ctx.service.id,
            source=SOURCE_ID,
            window_s=WINDOW_S,
            count=count,
            problem=problem,
            # The usual count is for the whole, so it stands on one line of it.
            expected=quarter.usual if problem is None else None,
        )


def _split(people: int, shares: dict[Problem, float]) -> dict[Problem | None, int]:
    """Reports by problem, the unnamed under None; whole numbers that add up to ``people``."""
    asked = 1.0 - shares.get(Problem.BILLING, 0.0)
    split: dict[Problem | None, int] = {p: int(people * shares.get(p, 0.0) / (asked or 1.0)) for p in _COUNTED}
    return {None: people - sum(split.values())} | split


def _says(quarters: list[Quarter], now: datetime, status: str | None) -> str:
    newest = quarters[-1]
    if newest.end <= now - _STALE:
        return f"Downdetector: no count since {newest.end:%Y-%m-%d %H:%M} UTC"
    usual = f" ({newest.usual:.2g} usual)" if newest.usual is not None else ""
    told = f"{newest.reports:.0f} reports in the quarter-hour to {newest.end:%H:%M} UTC{usual}"
    if newest.end > now:
        before = f", {quarters[-2].reports:.0f} in the quarter-hour before" if len(quarters) > 1 else ""
        reports = f"{newest.reports:.0f} report{'' if round(newest.reports) == 1 else 's'}"
        told = f"{reports} since {newest.end - _WINDOW:%H:%M} UTC{before}{usual}"
    word = f"; it says {status}" if status in _THEIR_WORDS else ""
    return f"{told}, {sum(q.reports for q in quarters[-96:]):.0f} in 24 h{word}"
