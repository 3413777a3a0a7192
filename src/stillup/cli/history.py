"""``stillup history``: what was seen before."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import Finite, clock_time, color_option, config_option, console, json_option, load, span
from stillup.cli.say import put

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from stillup.model.incident import Incident


@click.command(
    name="history",
    help="Incidents and changes that `stillup watch` has kept, newest last. Without a name: of every service.",
)
@click.argument("name", required=False, metavar="[SERVICE]")
@click.option(
    "--days", type=Finite(min=0, max=36_500, min_open=True), default=30.0, show_default=True, help="How far back."
)
@click.option("--changes", is_flag=True, help="Every change of verdict instead of incidents.")
@json_option
@color_option
@config_option
def command(
    name: str | None, days: float, changes: bool, as_json: bool, color: bool | None, config_path: Path | None
) -> int:
    """Print the record."""
    from stillup.catalog.load import find_service
    from stillup.clock import SystemClock
    from stillup.store import is_kept, open_store

    service = find_service(name).id if name else None
    where = load(config_path).store_at(os.environ)
    if not is_kept(where):
        click.echo("Nothing kept yet: `stillup up` (or `stillup watch`) keeps what it sees while it runs.", err=True)
        return 0
    now = SystemClock().now()
    since = now - timedelta(days=days)
    with open_store(where, create=False) as store:
        found = store.transitions(service, since) if changes else store.incidents(service, since)
    if as_json:
        for one in found:
            put(msgspec.json.encode(one.wire() if changes else one))  # type: ignore[union-attr]
        return 0
    out = console(color=color)
    if not found:
        out.print(f"Nothing in the last {days:g} days.")
    elif changes:
        from stillup.cli.live.watch import change_line

        for verdict in found:
            out.print(f"{verdict.at:%Y-%m-%d} {change_line(verdict)}")  # type: ignore[arg-type, union-attr]
    else:
        out.print(_table(found, now))  # type: ignore[arg-type]
    return 0


def _table(incidents: list[Incident], now: datetime) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Began", "Service", "Worst", "Lasted", "Seen first by", "Ahead of page"):
        table.add_column(title, overflow="fold")
    for incident in incidents:
        end = incident.recovered_at or now
        lasted = span((end - incident.since).total_seconds()) + ("" if incident.recovered_at else " so far")
        first = min(incident.first_seen, key=lambda seen: seen[1])[0].value if incident.first_seen else "–"
        lead = incident.lead()
        table.add_row(
            clock_time(incident.since, now),
            incident.service,
            f"{incident.state.value.replace('_', ' ')}, {incident.confidence.value}",
            lasted,
            first,
            "–" if lead is None else f"{lead.total_seconds() / 60:.0f} min",
        )
    return table
