"""Availability against a target: on a terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from stillup.cli.common import indented
from stillup.cli.terminal.columns import Cell, Column, lines, widths
from stillup.risk.credit import Credit, Standing
from stillup.risk.sla import Side
from stillup.risk.sla_report import Held, Report, Row
from stillup.risk.sla_words import (
    NEVER_MIXED,
    SIDES,
    TRIES_MEAN,
    burning,
    claim,
    due,
    fastest,
    interval,
    left,
    lost,
    share,
    target,
    watched,
    when,
)  # fmt: skip
from stillup.sources.decode import clean

_INDENT = 2
NOTHING = "Nothing was measured in this time. `stillup up` (or `stillup watch`) measures while it runs."


def render(reports: Sequence[Report], width: int) -> Group:
    """All of it for so many columns."""
    parts: list[RenderableType] = []
    for report in filter(lambda r: r.parts, reports):
        parts += [*([""] if parts else []), Text(f"{report.service.name} · {when(report)}", style="bold")]
        for held in report.parts:
            parts += ["", *_held(held, width)]
        parts += _plans(report)
    if empty := [r for r in reports if not r.parts]:
        # That there is nothing is said once, however many services it is true of.
        names = ", ".join(r.service.name for r in empty)
        parts += [*([""] if parts else []), Text(f"{names} · {when(empty[0])}", style="bold")]
        parts.append(_note(NOTHING, "dim"))
        for report in empty:
            parts += _plans(report, f"{report.service.name}: " if len(empty) > 1 else "")
    if any(r.parts for r in reports):
        parts += ["", Text(f"{NEVER_MIXED} {TRIES_MEAN}", style="dim")]
    return Group(*parts)


def _held(held: Held, width: int) -> list[RenderableType]:
    head = Text(clean(held.name, 80), style="bold")
    head.append(f"  target {target(held.target)} ({held.because})", style="dim")
    out: list[RenderableType] = [head, *_table(held.rows, width)]
    for row in held.rows:
        out += [_note(f"! {words}", "yellow") for words in burning(row)]
    out += [_note(words, style) for words, style in _credits(held)]
    return out


def _table(rows: Sequence[Row], width: int) -> list[RenderableType]:
    columns = [
        Column(title="Side", cells=tuple(Cell(SIDES[r.measured.side]) for r in rows)),
        Column(title="Available", cells=tuple(Cell(share(r.measured.available), _style(r)) for r in rows), right=True),
        Column(title="Interval", cells=tuple(Cell(interval(r.measured), "dim") for r in rows), right=True),
        Column(title="Watched", cells=tuple(Cell(watched(r.measured), "dim") for r in rows), right=True),
        Column(title="Lost", cells=tuple(Cell(lost(r.measured)) for r in rows), right=True),
        Column(title="Budget left", cells=tuple(Cell(_left(r), _style(r)) for r in rows), right=True),
    ]
    room = width - _INDENT
    if sum(widths(columns, 10_000)) + 2 * (len(columns) - 1) > room:
        return _stacked(rows)
    rest = [Column(title="Burns", cells=tuple(Cell(fastest(r), "dim") for r in rows), shrinks=True, most=44)]
    wide = sum(widths([*columns, *rest], 10_000)) + 2 * len(columns) <= room
    return [Padding(line, (0, 0, 0, _INDENT)) for line in lines([*columns, *rest] if wide else columns, room)]


def _stacked(rows: Sequence[Row]) -> list[RenderableType]:
    out: list[RenderableType] = []
    for row in rows:
        told = row.measured
        head = Text(f"{SIDES[told.side]}: ")
        head.append(share(told.available), style=_style(row))
        out.append(Padding(head, (0, 0, 0, _INDENT)))
        more = [interval(told), f"{watched(told)} watched", f"{lost(told)} lost", f"left: {_left(row)}"]
        out.append(Padding(Text(" · ".join(more), style="dim"), (0, 0, 0, 2 * _INDENT)))
    return out


def _left(row: Row) -> str:
    return "not its measure" if row.measured.side is Side.PEOPLE else left(row.budget)


def _style(row: Row) -> str:
    """Only what is sure is coloured: below the target with the whole interval, or above it."""
    told, least = row.measured, row.budget.target
    if told.side is Side.PEOPLE or told.low is None or told.high is None:
        return ""
    return "red" if told.high < least else "green" if told.low >= least else "yellow"


def _credits(held: Held) -> Iterator[tuple[str, str]]:
    found = [row.credit for row in held.rows if row.credit is not None]
    if not found:
        return
    yield f"Credit by the plan “{held.agreement}”:", "bold"
    for credit in found:
        yield f"  {due(credit, held)}", "" if credit.standing is not Standing.DUE else "yellow"
    owed = next((c for c in found if c.standing is Standing.DUE), None)
    if owed is not None:
        for words in claim(owed):
            yield f"  {words}", ""


def _plans(report: Report, whose: str = "") -> Iterator[RenderableType]:
    """Plans with published terms, for whoever has configured none."""
    if any(held.agreement for held in report.parts) or not report.service.promises:
        return
    plans = ", ".join(dict.fromkeys(f"“{p.plan}”" for p in report.service.promises if p.uptime is not None))
    if plans:
        yield ""
        yield Text(f"{whose}Plans with published terms, for `plan` in [[sla.agreements]]: {plans}", style="dim")
    else:
        yield ""
        yield Text(f"{whose}The vendor's published terms promise no availability.", style="dim")


def _note(words: str, style: str) -> RenderableType:
    return indented(Text(words, style=style), _INDENT)


# -- for programs -----------------------------------------------------------------------------------------------------

_HEADS = (
    "service", "component", "period", "until", "side", "unit", "seen", "failed", "available", "low", "high", "level",
    "watched", "down_s", "degraded", "design_effect", "target", "budget_s", "budget_left_s", "burn_1h", "burn_6h",
    "burn_3d", "credit", "credit_share", "credit_amount", "currency", "file_by",
)  # fmt: skip


def as_csv(reports: Sequence[Report]) -> str:
    """One line for each service, component and side, with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADS)
    for report in reports:
        for held in report.parts:
            for row in held.rows:
                writer.writerow([_safe(v) for v in _values(report, held, row).values()])
    return out.getvalue()


def as_values(reports: Sequence[Report]) -> bytes:
    """The same as JSON, a list."""
    rows = [_values(report, held, row) for report in reports for held in report.parts for row in held.rows]
    return msgspec.json.encode(rows)


def _values(report: Report, held: Held, row: Row) -> dict[str, object]:
    told, until = row.measured, min(report.now_s, report.period.end_s)
    burns: list[float | None] = [_round(b.long) for b in row.burns]
    return dict(
        zip(
            _HEADS,
            (
                held.subject.service, held.subject.component, report.period.name,
                datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds"), told.side.value,
                "tries" if told.side.of_tries else "seconds", round(told.seen, 1), round(told.failed, 1),
                _round(told.available), _round(told.low), _round(told.high), 0.9 if told.side.of_tries else None,
                _round(told.watched), round(told.down_s, 1), _round(told.degraded), _round(told.effect),
                held.target, round(row.budget.allowed_s, 1), round(row.budget.left_s, 1),
                *(burns or [None, None, None]), *_credit(row.credit, held),
            ),
            strict=True,
        )
    )  # fmt: skip


def _credit(credit: Credit | None, held: Held) -> tuple[object, ...]:
    if credit is None:
        return (None,) * 5
    until = credit.until.isoformat() if credit.until is not None else None
    return credit.standing.value, credit.share, credit.amount, held.currency, until


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _safe(value: object) -> object:
    """A name in which nothing hides; one that a spreadsheet would take for a formula is written as text."""
    if not isinstance(value, str):
        return value
    text = clean(value, 300)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
