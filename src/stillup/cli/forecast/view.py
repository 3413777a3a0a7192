"""The forecast on a terminal: the answer first, then the curve, then what it rests on."""

from __future__ import annotations

from math import log

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stillup.cli.common import clock_time, indented, span
from stillup.cli.forecast.outlook import Outlook

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ROWS = 6
_WIDEST = 64
_MARGIN = 7
_FROM_S, _TO_S = 300, 86_400
_TICKS = ((300, "5 min"), (900, "15 min"), (3600, "1 h"), (14_400, "4 h"), (43_200, "12 h"))


def render(found: Outlook, width: int) -> Group:
    """All of it, for a terminal ``width`` columns wide."""
    parts: list[RenderableType] = [
        Text(_headline(found), style="bold"),
        indented(Text(_sentence(found))),
        "",
        indented(_chances(found)),
        "",
        Text("Chance of being back by then", style="bold"),
        *_curve(found, min(_WIDEST, max(24, width - _MARGIN - 2))),
        "",
        Text("How each kind of outage usually comes back (rules of thumb)", style="bold"),
        indented(_patterns(found)),
        "",
        indented(Text(_ground(found), style="dim")),
    ]
    return Group(*parts)


def _headline(found: Outlook) -> str:
    name, half = found.service.name, span(found.prediction.quantile_s(0.5))
    if found.open is None:
        return f"{name}: no incident on record now. If it broke now: back after about {half}"
    if found.open.state.is_outage:
        return f"{name} is out; back in about {half}"
    return f"{name} is in trouble; back in about {half}"


def _sentence(found: Outlook) -> str:
    low, high = (span(found.prediction.quantile_s(p)) for p in (0.1, 0.9))
    interval = f"four times in five between {low} and {high}"
    if found.open is None:
        return f"{interval}. Whether it works now: `stillup {found.service.id}`"
    ago = span((found.at - found.open.since).total_seconds())
    parts = [interval, f"since {clock_time(found.open.since, found.at)} ({ago})"]
    if found.page is not None and found.page.stage is not None:
        stage_for = span(found.at.timestamp() - found.page.stage_since_s)
        parts.append(f"the page says {found.page.stage.value} ({stage_for})")
    return "; ".join(parts)


def _chances(found: Outlook) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    for words, seconds in (("back within 15 min", 900), ("back within 1 h", 3600), ("back within 4 h", 14_400)):
        table.add_row(words, _percent(found.prediction.within(seconds)))
    table.add_row("another incident within 24 h", _percent(found.another))
    return table


def _curve(found: Outlook, columns: int) -> list[RenderableType]:
    """The chance by time, time on a logarithmic axis, eighths of a row high; the median in another colour."""
    heights = [found.prediction.within(_time_at(i, columns)) * _ROWS * 8 for i in range(columns)]
    median_s = found.prediction.quantile_s(0.5)
    at_median = _column(median_s, columns)
    lines: list[RenderableType] = []
    for row in range(_ROWS, 0, -1):
        label = {_ROWS: "100 %", _ROWS // 2: " 50 %"}.get(row, "")
        line = Text(f"{label:>5} ", style="dim")
        for i, height in enumerate(heights):
            eighths = min(8, max(0, round(height - (row - 1) * 8)))
            line.append(_BLOCKS[eighths], style="bold green" if i == at_median else "cyan")
        lines.append(line)
    return [*lines, Text(" " * 6 + _axis(columns), style="dim")]


def _axis(columns: int) -> str:
    axis = ""
    for seconds, words in _TICKS:
        at = _column(seconds, columns)
        if at >= len(axis) and at + len(words) <= columns:
            axis = axis.ljust(at) + words + " "
    return axis


def _time_at(i: int, columns: int) -> float:
    return float(_FROM_S * (_TO_S / _FROM_S) ** (i / (columns - 1)))


def _column(seconds: float, columns: int) -> int:
    return round(log(max(seconds, _FROM_S) / _FROM_S) / log(_TO_S / _FROM_S) * (columns - 1))


def _patterns(found: Outlook) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for facts in found.patterns:
        table.add_row(facts.title, facts.recovery)
    return table


def _ground(found: Outlook) -> str:
    own = f"{found.own} incidents of its own record" if found.own else "no record of its own yet"
    shipped = f"{found.shipped} of {found.service.name}" if found.shipped else "none of this service"
    total = sum(found.provenance.incidents.values())
    return (
        f"Rests on {own} and on what was fitted on {total} incidents of public status pages ({shipped}) until "
        f"{found.provenance.until}. Counted is what pages call resolved: they close about half an hour after the end. "
        "Method and figures: docs/forecast.md."
    )


def _percent(p: float) -> str:
    return f"{min(99, max(1, round(p * 100)))} %"  # nobody knows it to the last percent
