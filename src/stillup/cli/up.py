"""``stillup up``: the monitor and the gateway in one process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.say import ReaderGone, say

if TYPE_CHECKING:
    from stillup.catalog.load import Service
    from stillup.daemon.live import Listener
    from stillup.model.verdict import Verdict
    from stillup.sources.poller import Report

_STYLES = ("logfmt", "json")


@click.command(
    name="up",
    help="Watch the services and run the gateway in one process, until interrupted: an outage that is confirmed "
    "anywhere reroutes your requests before one fails, and what your requests meet counts as a sign. "
    "Changes of verdict are printed.",
)
@click.option("--log", metavar="FILE", help="Write a line for each request to FILE, or to standard error (-).")
@click.option(
    "--log-format", type=click.Choice(_STYLES), default="logfmt", show_default=True, help="How it is written."
)
@json_option
@color_option
@config_option
def command(log: str | None, log_format: str, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Run both."""
    from stillup.cli.watch import JsonLines, Lines, opening
    from stillup.daemon.up import up
    from stillup.gateway.seen.access import Style

    config = load(config_path)

    def listener_of(watched: Sequence[Service]) -> Listener:
        if as_json:
            return UntilGone(JsonLines())
        return UntilGone(Lines(console(color=color), opening(watched, config, with_gateway=True)))

    return up(config, os.environ, listener_of, _say, log=log, style=Style(log_format))


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


def _say(text: str) -> None:
    say(f"stillup: {text}")
