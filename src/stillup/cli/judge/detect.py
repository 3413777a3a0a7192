"""``stillup detect SERIES.csv``: one series of numbers in, its alarms out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from stillup.cli.common import Finite
from stillup.cli.reading import opened
from stillup.cli.say import put, say
from stillup.errors import BadDataError

if TYPE_CHECKING:
    from stillup.cli.judge.points import Bad, Point
    from stillup.verdict.series.detector import Judged, Series

_SHOWN = 20
_BATCH = 512


@click.command(
    name="detect",
    help="Find lasting shifts in SERIES, a CSV with the columns `timestamp` and `value` (`-` reads standard input). "
    "Looks at no later row. Writes `timestamp,log_e,alarm` a row; alarm is 1 at the first row of an alarm only. Rows "
    "that cannot be used are named, written with alarm 0, and the exit code is then 65.",
)
@click.argument("series", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--kind",
    type=click.Choice(["count", "rate", "latency"]),
    default="rate",
    show_default=True,
    help="count: a rise or a fall of counts; rate: a share (which side is bad is learned) or any other quantity; "
    "latency: a rise.",
)
@click.option(
    "--arl-days",
    type=Finite(min=0.001, max=1e6),
    help="Days to a false alarm, on average (default: 20,000 rows).",
)
@click.option("--plot", is_flag=True, help="Draw the series and its alarms instead.")
def command(series: Path, kind: str, arl_days: float | None, plot: bool) -> int:
    """Judge one series."""
    from stillup.verdict.series.detector import Kind, Series

    detector = Series(Kind(kind), None if arl_days is None else arl_days * 86_400.0)
    with _text(series) as lines:
        bad = _draw(lines, detector) if plot else _write(lines, detector, at_once=str(series) == "-")
    return BadDataError.exit_code if bad else 0


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """It as UTF-8, whatever the locale says."""
    with opened(path) as raw:
        text = TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
        try:
            yield text
        finally:
            text.detach()


def _judged(lines: TextIO, detector: Series) -> Iterator[tuple[Point | Bad, Judged]]:
    """Every row with its judgement; what cannot be used leaves the evidence as it was."""
    from stillup.cli.judge.points import MOST, Bad, points
    from stillup.verdict.series.detector import Judged, Kind

    last = Judged(0.0, alarm=False)
    for row in points(lines, -MOST if detector.kind is Kind.RATE else 0.0):
        if isinstance(row, Bad):
            yield row, Judged(last.log_e, alarm=False)
            continue
        last = detector.take(row.at_s, row.value)
        yield row, last


def _write(lines: TextIO, detector: Series, *, at_once: bool) -> int:
    from stillup.cli.judge.points import Bad, quoted

    bad, held = 0, ["timestamp,log_e,alarm"]
    for row, judged in _judged(lines, detector):
        if isinstance(row, Bad):
            bad += 1
            _name(row, bad)
        held.append(f"{quoted(row.timestamp)},{judged.log_e:.3f},{judged.alarm:d}")
        if at_once or len(held) >= _BATCH:
            put("\n".join(held).encode())
            held = []
    if held:
        put("\n".join(held).encode())
    _sum_up(bad)
    return bad


def _draw(lines: TextIO, detector: Series) -> int:
    from stillup.cli.judge.points import Bad
    from stillup.cli.terminal.sparkline import Sparkline

    bad, line = 0, Sparkline()
    for row, judged in _judged(lines, detector):
        if isinstance(row, Bad):
            bad += 1
            _name(row, bad)
        else:
            line.add(row.value, row.timestamp, alarm=judged.alarm)
    for text in line.lines():
        put(text.encode())
    _sum_up(bad)
    return bad


def _name(row: Bad, number: int) -> None:
    if number <= _SHOWN:
        say(f"line {row.line}: {row.why}")


def _sum_up(bad: int) -> None:
    if bad > _SHOWN:
        say(f"… and {bad - _SHOWN} more bad rows")
