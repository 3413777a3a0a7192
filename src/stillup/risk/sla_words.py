"""Shares, budgets and credits as a person reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import floor

from stillup.risk.credit import Credit, Standing
from stillup.risk.sla import Budget, Burn, Measured, Period, Side
from stillup.risk.sla_report import Held, Report, Row
from stillup.verdict.telling.units import span

SIDES = {
    Side.PROBE: "our probes",
    Side.TRAFFIC: "our requests",
    Side.OFFICIAL: "official page",
    Side.PEOPLE: "people",
    Side.VERDICT: "stillup's verdict",
}
ABOUT = {
    Side.PROBE: "tries of our own from this machine, every minute or so",
    Side.TRAFFIC: "real requests from this machine, as the gateway, Claude Code, Codex and Gemini CLI told them",
    Side.OFFICIAL: "time that the provider's own page did not call an outage",
    Side.PEOPLE: "time without people in alarm, as far as changes of verdict tell; being in alarm is not being down",
    Side.VERDICT: "time without a confirmed outage: what all sides came to, so this one is a mix",
}
NEVER_MIXED = "Each side is told by itself; no two of them are ever added up."
TRIES_MEAN = (
    "Of tries the 90 % interval holds failures that came together for one event; with fewer than three outages in the "
    "period it can still be too narrow. Of time it says what holds if all that was not watched had been down, or up."
)


def share(value: float | None) -> str:
    """``99.95 %``, with as many digits as tell it from 100, and never rounded up to it."""
    if value is None:
        return "–"
    if value >= 1 - 1e-9:
        return "100 %"
    digits = 1 if value < 0.9 else 2 if value < 0.999 else 3 if value < 0.9999 else 4
    scale = 10**digits
    return f"{floor(value * 100 * scale + 1e-6) / scale:.{digits}f} %"


def target(value: float) -> str:
    """``99.9 %``."""
    return f"{value * 100:.8g} %"


def interval(measured: Measured) -> str:
    """``99.61–99.96 %``."""
    if measured.low is None or measured.high is None:
        return "–"
    return f"{share(measured.low).removesuffix(' %')}–{share(measured.high)}"


def watched(measured: Measured) -> str:
    """How much of the period this side looked at."""
    part = measured.watched
    return "all" if part >= 0.995 else "<1 %" if 0 < part < 0.01 else f"{floor(part * 100)} %"


def lost(measured: Measured) -> str:
    """The time lost."""
    return span(measured.down_s) if measured.down_s >= 1 else "none"


def left(budget: Budget) -> str:
    """What is left of a budget, or by how much it is overspent."""
    if budget.left is None:
        return "nothing may fail"
    if budget.left_s < 0:
        return f"over by {span(-budget.left_s)}"
    return f"{span(budget.left_s)} ({floor(budget.left * 100)} %)"


def about(measured: Measured) -> str:
    """What the figure rests on."""
    if not measured.side.of_tries:
        return f"{span(measured.seen)} watched"
    told = f"{measured.seen:,.0f} tries, {measured.failed:,.0f} failed"
    return f"{told}, {measured.effect:.0f} at a time" if measured.effect >= 1.5 else told


def burning(row: Row) -> Iterator[str]:
    """The most urgent alarm of how fast the budget goes; nothing where none is due."""
    burn = next((b for b in row.burns if b.fires), None)
    if burn is not None:
        yield f"{SIDES[row.measured.side]}: {rate(burn)}"


def rate(burn: Burn) -> str:
    """One rule with its observed values: ``22× the affordable rate over 1 h, 30× over 5 min; from 14.4× …``."""
    far = "wake somebody" if burn.urgent else "worth a ticket"
    return (
        f"{_times(burn.long)} the affordable rate over {span(burn.long_s)}, {_times(burn.short)} over "
        f"{span(burn.short_s)}; from {burn.above:g}× on in both: {far}"
    )


def fastest(row: Row) -> str:
    """``1 h 0.2×, 6 h 0.1×, 3 days 0.9×``: how fast the budget goes, whether or not that is an alarm."""
    return ", ".join(f"{span(b.long_s)} {_times(b.long)}" for b in row.burns)


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}×" if value < 10 else f"{value:.0f}×"


def due(credit: Credit, held: Held) -> str:
    """What a side says about the credit."""
    by = SIDES[credit.side]
    if credit.standing is Standing.NO_PROMISE:
        return "the plan has no promise of availability, so there is no credit"
    if credit.standing is Standing.NOT_WATCHED:
        return f"{by}: nothing was seen of {credit.period.name}"
    told = f"{by}: {share(credit.available)} by the terms, promised {target(credit.promise.uptime or 0.0)}"
    so_far = " so far" if credit.partly else ""
    if credit.standing is Standing.KEPT:
        return f"{told}: kept{so_far}, nothing is due"
    if credit.standing is Standing.NO_TABLE:
        return f"{told}: broken{so_far}; the published terms name no credit that can be worked out"
    money = f", {credit.amount:,.2f} {held.currency}," if credit.amount is not None else ""
    return f"{told}: {credit.share * 100:g} % of the bill{money} is due{so_far}"


def claim(credit: Credit) -> list[str]:
    """What must be filed, until when, and where that stands."""
    promise, said = credit.promise, []
    if promise.claim:
        said.append(f"File: {promise.claim}.")
    until = f"by {credit.until:%d %B %Y}" if credit.until is not None else "by a day that is not known here: ask soon"
    said.append(f"It must be there {until}{f' ({promise.claim_note})' if promise.claim_note else ''}.")
    said.append(f"Terms as of {promise.as_of}: {promise.source}. The vendor decides by its own records.")
    return said


def named(period: Period) -> str:
    """``October 2026``, or the quarter's name."""
    at = datetime.fromtimestamp(period.begin_s, UTC)
    return f"{at:%B %Y}" if "Q" not in period.name else period.name


def when(report: Report) -> str:
    """The period, and how much of it is over."""
    if report.is_over:
        return named(report.period)
    until = datetime.fromtimestamp(report.now_s, UTC)
    return f"{named(report.period)} so far, until {until.day} {until:%b %H:%M} UTC"
