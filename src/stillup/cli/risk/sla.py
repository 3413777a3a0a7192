"""``stillup sla``: what was promised, beside what was measured."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import Finite, color_option, config_option, console, json_option, load
from stillup.cli.say import put, say, warn
from stillup.errors import UsageError

if TYPE_CHECKING:
    from stillup.catalog.load import Service
    from stillup.config import Config
    from stillup.risk.sla_report import Report


@click.command(
    name="sla",
    help="Measured availability of a service and its parts against a target: by our probes, this machine's requests, "
    "the official page and people, side by side; the error budget, how fast it goes, and what credit is due by the "
    "published terms of your plan (`[[sla.agreements]]` in the configuration). Without SERVICE: all that are watched.",
)
@click.argument("name", required=False, metavar="[SERVICE]")
@click.option(
    "--target", type=Finite(min=50, max=100), help="In per cent of the month. Default: as configured, or 99.9."
)
@click.option("--month", "month_name", metavar="YYYY-MM", help="Which month (UTC). Default: this one.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report, with plots, to a file."
)
@click.option("--csv", "csv_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures to a file.")
@json_option
@color_option
@config_option
def command(
    name: str | None,
    target: float | None,
    month_name: str | None,
    html: Path | None,
    csv_path: Path | None,
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """Measure, print, write."""
    from stillup.cli.risk.sla_view import NOTHING, as_csv, as_values, render
    from stillup.store import is_kept

    config = load(config_path)
    if as_json and not is_kept(config.store_at(os.environ)):  # an empty list does not say why
        say(NOTHING)
    reports = _reports(config, name, month_name, None if target is None else round(target / 100, 10))
    for told in reports:
        for words in told.trouble:
            warn(words)
    if html is not None:
        from stillup.web.sla import report_file

        _write(html, report_file(reports))
    if csv_path is not None:
        _write(csv_path, as_csv(reports).encode())
    if as_json:
        put(as_values(reports))
    else:
        out = console(color=color)
        out.print(render(reports, out.width))
    return 0


def _reports(config: Config, name: str | None, month_name: str | None, target: float | None) -> list[Report]:
    """:raises UsageError: no such service or month; nothing is kept here."""
    from stillup.catalog.load import catalogue, find_service
    from stillup.clock import SystemClock
    from stillup.daemon.sla.measure import report, this_month
    from stillup.risk.sla import month
    from stillup.store import is_kept, open_store

    known = catalogue()
    services: list[Service] = [find_service(name)] if name else [known[s] for s in config.services]
    now = SystemClock().now()
    try:
        period = month(month_name) if month_name else this_month(now)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc
    if period.begin_s > now.timestamp():
        msg = f"{period.name} has not begun yet"
        raise UsageError(msg)
    where = config.store_at(os.environ)
    with open_store(where, create=False) if is_kept(where) else nullcontext() as store:
        return [report(config, store, service, period, now, target) for service in services]


def _write(path: Path, body: bytes) -> None:
    try:
        path.write_bytes(body)
    except OSError as exc:
        msg = f"{path} cannot be written: {exc.strerror or exc}"
        raise UsageError(msg) from exc
    say(f"Written: {path}")
