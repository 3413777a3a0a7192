"""A comparison as a person reads it, the same on a terminal and on the page. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from stillup.catalog.load import Precedence
from stillup.risk.switch import Advice, Comparison, Lengths, Rival
from stillup.risk.values import Alone, Basis
from stillup.risk.words import with_interval
from stillup.sources.decode import clean
from stillup.verdict.telling.units import percent, span

TITLES = {
    Advice.TOO_LITTLE: "too little is known to say",
    Advice.ADD_BACKUP: "stay, and add a backup",
    Advice.STAY: "stay; you have a backup",
    Advice.WORTH_A_LOOK: "another is worth a look",
}


class Line(Struct, frozen=True):
    """One line, and what it rests on."""

    says: str
    note: str = ""


def sections(told: Comparison) -> Iterator[tuple[str, list[Line]]]:
    """Titles, each with its lines; those with nothing to say are left out."""
    if told.lengths is not None:
        yield "This incident", list(_incident(told, told.lengths))
    yield "Down, in hours a year (90 % interval)", [_record(told.name, told.alone), *map(_rival, told.rivals)]
    backups = [_backup(r) for r in told.rivals]
    if backups:
        yield "As a backup: hours a year in which neither answers", backups
    costs = [line for r in told.rivals if (line := _cost(r)) is not None]
    if costs:
        yield "What it would cost, by the journal's tokens", costs
    first = [_first(told.name, p) for p in told.precedence]
    first += [_first(r.candidate.title, p) for r in told.rivals for p in r.precedence]
    if first:
        yield "Who is served first, by the vendors' own words", first
    yield "What moves", [Line(words) for words in told.moves]
    yield "What does not", [Line(words) for words in told.stays_behind]
    yield "Not known", [Line(words) for words in told.unknown]


def _incident(told: Comparison, lengths: Lengths) -> Iterator[Line]:
    so_far = "" if lengths.is_over else " so far"
    title = f"{clean(told.title, 120)}: " if told.title else ""
    yield Line(f"{title}{span(lengths.this_s)}{so_far}.", told.incident or "")
    shorter = lengths.longer_than
    if shorter is not None:
        yield Line(f"Longer than {shorter * 100:.0f} % of the {len(lengths.own_s)} others that were seen from here.")
    if lengths.usual_h is not None:
        low, middle, high = (span(h * 3600) for h in lengths.usual_h)
        yield Line(f"By the public record half last up to {middle}, one in ten up to {low}, nine in ten up to {high}.")


def _record(name: str, alone: Alone) -> Line:
    often = f", {alone.incidents_a_year:.0f} times a year" if alone.incidents_a_year is not None else ""
    grounds = "a guess, between others" if alone.basis is Basis.ASSUMED else alone.provenance
    return Line(f"{name}: {with_interval(alone.hours)}{often}", grounds)


def _rival(rival: Rival) -> Line:
    line = _record(rival.candidate.title, rival.alone)
    if rival.better is None:
        return line
    return Line(f"{line.says}; down less: {percent(rival.better)} sure", line.note)


def _backup(rival: Rival) -> Line:
    note = f"both stand on {', '.join(rival.falls_too)}" if rival.falls_too else ""
    yours = " (a backup of yours)" if rival.is_backup else ""
    says = f"with {rival.candidate.title}{yours}: {with_interval(rival.both)}, {with_interval(rival.saved)} less"
    return Line(says, note)


def _cost(rival: Rival) -> Line | None:
    cost = rival.cost
    if cost is None:
        return None
    now = f", now {_usd(cost.usd_a_year_now)}" if cost.usd_a_year_now is not None else ""
    return Line(
        f"{rival.candidate.title}: {_usd(cost.usd_a_year)} a year for all of it{now}; "
        f"{_usd(cost.usd_standing_in)} a year if it only stands in",
        cost.model,
    )


def _first(name: str, precedence: Precedence) -> Line:
    return Line(f"{name}, {precedence.plan}: {precedence.says}.", f"{precedence.source}, {precedence.as_of}")


def _usd(value: float) -> str:
    return f"{value:,.0f} USD" if value >= 10 else f"{value:.2f} USD"
