"""What the commands share: options, the console, exit codes, and how times are written."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stillup.cli.say import ReaderGone, warn
from stillup.model.service import Confidence, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType
    from rich.padding import Padding
    from rich.segment import Segment

    from stillup.catalog.load import Service
    from stillup.config import Config
    from stillup.model.verdict import Verdict

config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="The configuration file to use."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
color_option = click.option(
    "--color/--no-color", default=None, help="Force colours on or off (default: on a terminal)."
)


UNAVAILABLE = 69
"""Exit code where nobody answers, or takes what is sent (``EX_UNAVAILABLE``)."""


class Finite(click.FloatRange):
    """A number in a range; ``nan`` and ``inf`` are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


_BLANKS = re.compile(r"[ ]+$", re.MULTILINE)
"""What pads a row to the width of the terminal."""

STYLES = {
    State.OPERATIONAL: "green",
    State.DEGRADED: "yellow",
    State.PARTIAL_OUTAGE: "dark_orange",
    State.MAJOR_OUTAGE: "red",
    State.MAINTENANCE: "blue",
    State.UNKNOWN: "dim",
}

MARKS = {
    State.OPERATIONAL: "✓",
    State.DEGRADED: "!",
    State.PARTIAL_OUTAGE: "✗",
    State.MAJOR_OUTAGE: "✗",
    State.MAINTENANCE: "⚒",
    State.UNKNOWN: "?",
}


def exit_code(verdict: Verdict) -> int:
    """The exit code of a verdict; see ``stillup --help``."""
    if verdict.state.is_fault:
        out = verdict.state.is_outage and verdict.confidence is Confidence.CONFIRMED
        return 2 if out else 1
    if verdict.is_yours:
        return 4
    return 3 if verdict.state is State.UNKNOWN else 0


def console(*, color: bool | None = None, stderr: bool = False) -> Console:
    """A console for this terminal: plain when it is none, ``NO_COLOR`` is set or ``--no-color`` was given."""
    from rich.console import Console

    class Terminal(Console):
        def _render_buffer(self, buffer: Iterable[Segment]) -> str:
            text = super()._render_buffer(buffer)
            return text if self.is_terminal else _BLANKS.sub("", text)  # what is piped is read by others

        def on_broken_pipe(self) -> None:
            raise ReaderGone  # rich would exit with 1, which means "degraded" here

    return Terminal(
        stderr=stderr,
        no_color=True if color is False else None,
        force_terminal=True if color else None,
        highlight=False,
        soft_wrap=False,
        emoji=False,
        markup=False,
    )


def indented(what: RenderableType, by: int = 2) -> Padding:
    """Something to print, so many columns to the right."""
    from rich.padding import Padding

    return Padding(what, (0, 0, 0, by), expand=False)


def load(config_path: Path | None) -> Config:
    """The configuration in force; its warnings go to stderr.

    :raises stillup.errors.ConfigError: something in it is wrong.
    """
    from stillup.config import load_config

    config = load_config(config_path, os.environ)
    for warning in config.warnings:
        warn(warning)
    return config


def services(words: tuple[str, ...], config: Config) -> list[Service]:
    """The services meant, or those of the configuration.

    :raises stillup.errors.UsageError: one of them is not known.
    """
    from stillup.catalog.load import find_service

    return list({s.id: s for s in map(find_service, words or config.services)}.values())


def pretty(value: object) -> str:
    """One JSON object on several lines."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def clock_time(at: datetime, now: datetime) -> str:
    """``14:32 UTC``, with the date when it is another day."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def span(seconds: float) -> str:
    """A length of time in one or two words: ``now``, ``40 s``, ``9 min``, ``3 h``, ``2 days``."""
    for limit, size, unit in ((5, 1, ""), (90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / size)} {unit}" if unit else "now"
    return f"{round(seconds / 86_400)} days"
