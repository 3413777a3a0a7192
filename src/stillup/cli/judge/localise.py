"""``stillup localise TABLE.csv``: the sets of leaves that explain a table's excess or shortfall."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, console, json_option
from stillup.cli.reading import cannot_read, opened
from stillup.cli.say import put, say
from stillup.errors import BadDataError

if TYPE_CHECKING:
    from stillup.verdict.locate.scan import Found


@click.command(
    name="localise",
    help="Say where the excess, or the shortfall, of TABLE lies. TABLE is a CSV file (`-` reads standard input) with a "
    "column for each attribute (at most 8) and the columns `expected` and `observed`, a leaf a line. Sets are told "
    "best first; none when nothing stands out. A program that reads the output gets JSON. Bad lines are named and the "
    "rest is used; the exit code is then 65.",
)
@click.argument("table", type=click.Path(path_type=Path, allow_dash=True))
@json_option
@color_option
def command(table: Path, as_json: bool, color: bool | None) -> int:
    """Scan one table."""
    from stillup.cli.judge.leaves import read_leaves
    from stillup.verdict.locate.scan import scan

    read = read_leaves("standard input" if str(table) == "-" else str(table), _whole(table))
    found = scan(read.table)
    if as_json or not sys.stdout.isatty():
        put(msgspec.json.encode({"sets": [_wire(f) for f in found]}))
    else:
        _show(found, color=color)
    for complaint in (*read.bad, *read.notes):
        say(complaint)
    return BadDataError.exit_code if read.bad else 0


def _whole(path: Path) -> bytes:
    from stillup.cli.judge.leaves import MAX_BYTES

    with opened(path) as file:
        try:
            return file.read(MAX_BYTES + 1)
        except OSError as exc:
            raise BadDataError(cannot_read(path, exc)) from exc


def _wire(found: Found) -> dict[str, object]:
    return {
        "where": {name: list(values) for name, values in found.where.items()},
        "expected": round(found.expected, 6),
        "observed": round(found.observed, 6),
        "score": round(found.score, 3),
        "standing": found.standing,
    }


def _show(found: list[Found], *, color: bool | None) -> None:
    from rich.table import Table

    from stillup.verdict.locate.scan import Standing

    out = console(color=color)
    if not found:
        out.print("Nothing stands out.")
        return
    table = Table("where", "expected", "observed", "score", box=None, pad_edge=False)
    for f in found:
        # Words of the file are shown as text, never as terminal commands: rich drops control characters.
        table.add_row(
            _words(f),
            f"{f.expected:,.4g}",
            f"{f.observed:,.4g}",
            f"{f.score:,.1f}",
            style=None if f.standing is Standing.FAULT else "dim",
        )
    out.print(table)
    if any(f.standing is not Standing.FAULT for f in found):
        out.print("dim: doubtful, or explaining again what a set above explains. Score: nats.", style="dim")


def _words(found: Found) -> str:
    from stillup.sources.decode import clean

    parts = (f"{name} {', '.join(values)}" for name, values in found.where.items())
    return clean(" · ".join(parts) or "everywhere", 200)
