"""``stillup doctor``: which sources work from here, and why not."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, console, json_option, load, services
from stillup.cli.say import put
from stillup.registry import FOREIGN
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from stillup.catalog.load import Service
    from stillup.config import Config
    from stillup.sources.poller import Report

_DEADLINE_S = 15.0


@click.command(
    name="doctor",
    help="Ask every source of every SERVICE once, with patience, and say which work from here and why others do not. "
    "Exit code 0 when at least one source of each service works, else 1.",
)
@click.argument("names", nargs=-1, metavar="[SERVICE]...")
@json_option
@color_option
@config_option
def command(names: tuple[str, ...], as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Examine."""
    config = load(config_path)
    wanted = services(names, config)
    reports = asyncio.run(_examine(wanted, config))
    if as_json:
        for report in reports:
            put(msgspec.json.encode(_row(report)))
    else:
        out = console(color=color)
        where = str(config.path) if config.path else "none: everything at its default"
        out.print(f"Configuration: {clean(where, 500)}\nData folder:   {clean(str(config.data_folder), 500)}\n")
        out.print(_table(reports))
        for name, why in FOREIGN.items():
            out.print(f"! The source {clean(name, 60)!r} that another package adds {why}.", style="yellow")
    works = {r.service for r in reports if r.ok}
    return 0 if {s.id for s in wanted} <= works else 1


async def _examine(wanted: Sequence[Service], config: Config) -> list[Report]:
    from random import Random

    from stillup.clock import SystemClock
    from stillup.daemon.jobs import jobs_for
    from stillup.net import Net
    from stillup.sources.poller import Poller

    clock = SystemClock()
    jobs = jobs_for(config, wanted, os.environ, clock.now())
    async with Net(clock, cache_dir=config.data_folder / "cache") as net:
        return await Poller(jobs, net, clock, Random()).once(_DEADLINE_S)  # noqa: S311 - jitter, not secrets


def _row(report: Report) -> dict[str, object]:
    reading, error = report.reading, report.error
    return {
        "service": report.service,
        "source": report.source,
        "ok": report.ok,
        "ms": round(report.elapsed_ms),
        "says": reading.says if reading else None,
        "why_not": error and error.says,
        "kind": error and error.kind.value,
        "blame": error and error.blame.value,
        "notes": list(reading.notes) if reading else [],
    }


def _table(reports: Sequence[Report]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "Service", "Source", "Time", "What it says, or why it does not"):
        table.add_column(title, overflow="fold")
    for report in reports:
        mark = Text("✓", style="green") if report.ok else Text("✗", style="red")
        says = report.reading.says if report.reading else _why_not(report)
        table.add_row(mark, report.service, report.source, f"{report.elapsed_ms:.0f} ms", Text(says))
        for note in report.reading.notes if report.reading else ():
            table.add_row(Text("!", style="yellow"), "", "", "", Text(note, style="yellow"))
    return table


def _why_not(report: Report) -> str:
    if report.error is None:
        return ""
    mend = {"user": "; you can mend it", "network": "; look at the network", "provider": "", "us": ""}
    return f"{report.error.says}{mend[report.error.blame.value]}"
