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
from stillup.daemon.yours import PROGRAMS
from stillup.errors import Blame
from stillup.model.signal import Outcome
from stillup.registry import FOREIGN
from stillup.sources.decode import clean
from stillup.sources.report import FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from stillup.catalog.load import Service
    from stillup.config import Config
    from stillup.sources.poller import Report

_DEADLINE_S = 15.0
_NAMED = 2

_CUT_OFF = {
    "offline": "This machine is cut off: no control host answers, so no source can be judged from here. "
    "Look at its connection, VPN, proxy and DNS first.",
    "captive_portal": "The network here answers for every host with a page of its own, so no source can be judged "
    "from here. Sign in to it in a browser first.",
}
"""What the probe's words for its own side mean for every other source."""


@click.command(
    name="doctor",
    help="Ask every source of every SERVICE once, with patience, and say which work from here and why others do not. "
    "Exit code 0 when at least one source of each service works, else 1, and 1 where this machine is cut off. "
    "With --cluster: how bus, database, clocks and processes of a cluster are; 1 where something is wrong.",
)
@click.argument("names", nargs=-1, metavar="[SERVICE]...")
@click.option("--cluster", "of_cluster", is_flag=True, help="Look at the cluster (`stillup run`) instead.")
@json_option
@color_option
@config_option
def command(
    names: tuple[str, ...], of_cluster: bool, as_json: bool, color: bool | None, config_path: Path | None
) -> int:
    """Examine."""
    config = load(config_path)
    if of_cluster:
        from stillup.cli.operate.doctor_cluster import show

        return show(config, os.environ, as_json=as_json, color=color)
    wanted = services(names, config)
    reports = asyncio.run(_examine(wanted, config))
    away = cut_off(reports)
    if as_json:
        for report in reports:
            put(msgspec.json.encode(row(report)))
    else:
        out = console(color=color)
        where = str(config.path) if config.path else "none: everything at its default"
        out.print(f"Configuration: {clean(where, 500)}\nData folder:   {clean(str(config.data_folder), 500)}\n")
        if config.cluster.bus:
            out.print("A cluster is configured: `stillup doctor --cluster` looks at it.\n")
        if away:
            out.print(f"{away}\n", style="bold yellow")
        out.print(_table(reports, is_cut_off=bool(away)))
        if any(r.error is not None and r.error.kind is FailureKind.NOT_CONFIGURED for r in reports):
            out.print("\n– is not asked until it is set up; none of these is needed.", style="dim")
        for name, why in FOREIGN.items():
            out.print(f"! The source {clean(name, 60)!r} that another package adds {why}.", style="yellow")
    working = {r.service for r in reports if works(r)}
    return 1 if away or not {s.id for s in wanted} <= working else 0


def works(report: Report) -> bool:
    """Whether a source says something of its service: a probe that only finds this machine cut off does not."""
    return report.ok and _ground(report) is None


def cut_off(reports: Sequence[Report]) -> str:
    """One sentence when this machine reaches nobody, empty else: then no source is to blame for its own silence.

    That is so when a probe says it and nothing that goes over the network was read. What a program noted on this
    machine can be read all the same.
    """
    grounds = [ground for r in reports if (ground := _ground(r))]
    if not grounds or any(works(r) and r.source not in PROGRAMS for r in reports):
        return ""
    return _CUT_OFF[grounds[0]]


def _ground(report: Report) -> str | None:
    """What a probe found to be wrong on this side of every host, None where it got through or is no probe."""
    tries = [s for s in report.reading.signals if isinstance(s, Outcome)] if report.reading else []
    return next((t.error for t in tries if report.source == "probe" and t.error in _CUT_OFF), None)


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


def row(report: Report) -> dict[str, object]:
    """A line for programs: ``ok`` is whether it was read, ``works`` whether that says anything of the service."""
    reading, error = report.reading, report.error
    return {
        "service": report.service,
        "source": report.source,
        "ok": report.ok,
        "works": works(report),
        "ms": round(report.elapsed_ms),
        "says": reading.says if reading else None,
        "why_not": error and error.says,
        "kind": error and error.kind.value,
        "blame": error and error.blame.value,
        "notes": list(reading.notes) if reading else [],
    }


def _table(reports: Sequence[Report], *, is_cut_off: bool) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "Service", "Source", "Time", "What it says, or why it does not"):
        table.add_column(title, overflow="fold")
    unreached = [r for r in reports if is_cut_off and r.error is not None and r.error.blame is Blame.NETWORK]
    for service, names in _by_service(unreached).items():
        what = f"{len(names)} source{'s' if len(names) != 1 else ''}"
        table.add_row(Text("✗", style="red"), service, what, "", Text(f"not reached from here: {', '.join(names)}"))
    unset = [r for r in reports if r.error is not None and r.error.kind is FailureKind.NOT_CONFIGURED]
    for report in reports:
        if report in unreached or report in unset:
            continue
        mark = Text("✓", style="green") if works(report) else Text("✗", style="red")
        says = report.reading.says if report.reading else _why_not(report)
        table.add_row(mark, report.service, report.source, f"{report.elapsed_ms:.0f} ms", Text(says))
        for note in report.reading.notes if report.reading else ():
            table.add_row(Text("!", style="yellow"), "", "", "", Text(note, style="yellow"))
    for (source, says), of in _by_need(unset).items():
        table.add_row(Text("–", style="dim"), _few(of), source, "", Text(says))
    return table


def _by_need(reports: Sequence[Report]) -> dict[tuple[str, str], list[str]]:
    """What is not set up is so for every service: source and what it needs → services."""
    found: dict[tuple[str, str], list[str]] = {}
    for report in reports:
        found.setdefault((report.source, _why_not(report)), []).append(report.service)
    return found


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} services"


def _by_service(reports: Sequence[Report]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for report in reports:
        names.setdefault(report.service, []).append(report.source)
    return names


def _why_not(report: Report) -> str:
    if report.error is None:
        return ""
    mend = {"user": "; you can mend it", "network": "; look at the network", "provider": "", "us": ""}
    return f"{report.error.says}{mend[report.error.blame.value]}"
