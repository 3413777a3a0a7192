"""``stillup up``: monitor, page, gateway and alerts in one process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.say import ReaderGone, warn
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from rich.console import Console

    from stillup.catalog.load import Service
    from stillup.daemon.live import Listener
    from stillup.daemon.places import Places
    from stillup.model.verdict import Verdict
    from stillup.sources.poller import Report

_STYLES = ("logfmt", "json")


@click.command(
    name="up",
    help="Watch the services, and serve the page and the gateway, in one process, until interrupted: an outage that is "
    "confirmed anywhere reroutes your requests before one fails, and what your requests meet counts as a sign. "
    "Where everything is stands on the screen; changes of verdict are printed.",
)
@click.option("--log", metavar="FILE", help="Write a line for each request to FILE, or to standard error (-).")
@click.option(
    "--log-format", type=click.Choice(_STYLES), default="logfmt", show_default=True, help="How it is written."
)
@json_option
@color_option
@config_option
def command(log: str | None, log_format: str, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Run all of it."""
    from stillup.cli.live.watch import JsonLines, Lines, opening
    from stillup.daemon.up import up
    from stillup.gateway.seen.access import Style

    config = load(config_path)

    def listener_of(watched: Sequence[Service]) -> Listener:
        if as_json:
            return UntilGone(JsonLines())
        return UntilGone(Lines(console(color=color), opening(watched, config, with_gateway=config.gateway.enabled)))

    return up(
        config,
        os.environ,
        listener_of,
        warn,
        log=log,
        style=Style(log_format),
        welcome=welcome_on(console(stderr=True)),
    )


def welcome_on(out: Console) -> Callable[[Places], None] | None:
    """Says where everything is as a table on a terminal; None elsewhere, where plain lines do."""
    if not out.is_terminal:
        return None

    def welcome(places: Places) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, where in places.rows(secrets=True):
            table.add_row(name, Text(clean(where, 1000), style="bold" if name == "Page" else ""))
        table.add_row("Stop", "Ctrl-C")
        out.print("stillup is up", style="bold green")
        out.print(table)
        out.print()

    return welcome


class UntilGone:
    """A listener that falls silent when nobody reads what it prints: the gateway has readers of its own."""

    def __init__(self, listener: Listener) -> None:
        self._listener: Listener | None = listener

    def heard(self, report: Report) -> None:
        """Pass it on."""
        self._told(lambda to: to.heard(report))

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """Pass it on."""
        self._told(lambda to: to.judged(now, changes))

    def trouble(self, why: str) -> None:
        """Pass it on."""
        self._told(lambda to: to.trouble(why))

    def _told(self, tell: Callable[[Listener], None]) -> None:
        if self._listener is None:
            return
        try:
            tell(self._listener)
        except (ReaderGone, OSError):
            self._listener = None
