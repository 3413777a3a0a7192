"""Risk on a terminal: each need with its ways, what would take all of them down, and what one more would buy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from stillup.cli.common import indented
from stillup.risk import words
from stillup.risk.need import Way
from stillup.risk.points import What, name_of
from stillup.risk.values import LOCAL
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from stillup.risk.gain import Gain
    from stillup.risk.points import Shared
    from stillup.risk.survey import Risk, Surveyed

_BESIDE = 96
"""Columns from which what is said of a way stands beside it."""
_LONGEST = 32
_STYLES = {"✗": "red", "!": "yellow", "?": "dim"}


def print_risk(out: Console, risk: Risk, most: int) -> None:
    """All of it, then what is not known."""
    out.print(Text(clean(words.summary(risk), 500), style="bold"))
    for one in risk.surveyed:
        out.print()
        _print_need(out, one, most)
    out.print()
    out.print(Text("What is not known", style="bold"))
    _list(out, (("·", "dim", sentence) for sentence in risk.unknown))


def _print_need(out: Console, one: Surveyed, most: int) -> None:
    title = Text.assemble((clean(one.need.title, 200), "bold"), f": {words.headline(one)}")
    out.print(title)
    _print_ways(out, one)
    for says in (words.chance_says(one), words.used(one.need.used)):
        if says:
            out.print(indented(Text(clean(says, 300), style="dim")))
    _print_redundancy(out, one)
    if one.points:
        _head(out, "Single points of failure")
        _list(
            out,
            ((words.mark(p), _STYLES[words.mark(p)], clean(p.says, 300) + _todo(p.what, p.todo)) for p in one.points),
        )
    partly = [s for s in one.shared if not s.all_of_them or len(one.need.services) == 1]
    if partly:
        _head(out, "Shared by some")
        _list(out, (("·", "dim", _shared(s)) for s in partly))
    _print_gains(out, one, most)
    if one.losses:
        _head(out, "Without one of them")
        _list(out, (("–", "", f"{clean(loss.title, 100)}: {words.lost(loss)}") for loss in one.losses))


def _shared(one: Shared) -> str:
    by = ", ".join(f"{name_of(lean.service)} {lean.confidence:.2g}" for lean in one.by if lean.service != one.id)
    itself = " itself" if any(lean.service == one.id for lean in one.by) else ""
    return f"{one.name}{itself}: {by}"


def _todo(what: What, todo: str) -> str:
    return f" → {todo}" if todo and what is not What.SERVICE else ""


def _head(out: Console, says: str) -> None:
    out.print(indented(Text(says, style="bold")))


def _list(out: Console, rows: Iterable[tuple[str, str, str]]) -> None:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for mark, style, says in rows:
        grid.add_row(Text(mark, style=style), Text(says))
    out.print(indented(grid))


def _print_ways(out: Console, one: Surveyed) -> None:
    alone = {a.subject: a for a in one.alone}
    beside = out.width >= _BESIDE
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    if beside:
        grid.add_column(overflow="fold")
    for number, way in enumerate(one.need.ways, start=1):
        found = alone.get(way.subject)
        figure = f"{words.with_interval(found.hours)}, {words.BASIS[found.basis]}" if found else ""
        _add(grid, f"{number}.", way, figure, way.note, beside=beside)
    for way in one.need.lacking:
        _add(grid, "–", way, "does not count" if beside else "", way.missing, beside=beside, style="dim")
    out.print(indented(grid, 1))


def _add(grid: Table, mark: str, way: Way, figure: str, says: str, *, beside: bool, style: str = "") -> None:
    name, says = clean(way.title, _LONGEST), clean(says, 200)
    cells = (mark, name, figure, says) if beside else (mark, name, "\n".join(filter(None, (figure, says))))
    grid.add_row(*(Text(cell) for cell in cells), style=style)


def _print_redundancy(out: Console, one: Surveyed) -> None:
    score = one.redundancy
    if score.of < 2:
        return
    ways = "way" if round(score.ways, 1) == 1 else "ways"
    _head(out, f"Redundancy: counts as {score.ways:.1f} independent {ways}, of {score.of}")
    counted = [t for t in score.terms if t.left is not None]
    _list(out, ((f"{t.counts:.2f}", "" if t.counts else "dim", f"{clean(t.title, 80)}: {clean(t.says, 200)}")
                for t in counted))  # fmt: skip
    if len(counted) < len(score.terms):
        _list(out, [("0.00", "dim", f"{', '.join(clean(w.title, 80) for w in one.need.lacking)}: see above")])


def _print_gains(out: Console, one: Surveyed, most: int) -> None:
    shown = _chosen(one.gains, most)
    if not shown:
        return
    _head(out, "One more way would take off, a year (standing by costs no more than the account)")
    rows, whom = [], ("", "it", "all of them")[min(len(one.need.services), 2)]
    for gain in shown:
        common = f"in common with {whom}: {words.in_common(gain)}" if whom else ""
        facts = [common, words.price(gain), gain.candidate.at_hand]
        facts += [gain.candidate.advantage] if gain.candidate.subject.service == LOCAL else [gain.candidate.access]
        says = "; ".join(clean(fact, 200) for fact in (words.saved(gain), *facts) if fact)
        rows.append(("+", "green", f"{clean(gain.candidate.title, 60)}: {says}"))
    _list(out, rows)
    if little := words.little(one):
        out.print(indented(Text(little, style="dim")))
    left = len(one.gains) - len(shown)
    if left:
        out.print(indented(Text(f"{left} more: --most {len(one.gains)}", style="dim")))


def _chosen(gains: tuple[Gain, ...], most: int) -> list[Gain]:
    """The best, and always a model on this machine: it is another kind of way."""
    best = list(gains[:most])
    local = next((g for g in gains if g.candidate.subject.service == LOCAL), None)
    return [*best[: most - 1], local] if most and local is not None and local not in best else best
