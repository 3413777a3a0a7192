"""``stillup switch``: stay or switch, after an incident."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.say import put
from stillup.model.service import Capability

if TYPE_CHECKING:
    from rich.console import Group

    from stillup.risk.switch import Comparison


@click.command(
    name="switch",
    help="Stay or switch, after an incident: SERVICE's record beside those of others that do the same, this incident "
    "beside usual ones, who is served first by plan, what a switch would cost and what would move; and what that "
    "comes to, which is often “stay, and add a backup” or “too little is known”.",
)
@click.argument("name", metavar="SERVICE")
@click.option("--incident", metavar="ID", help="Which incident. Default: the newest that was confirmed.")
@click.option("--task", type=click.Choice([c.value for c in Capability]), help="What you need it for (default: chat).")
@json_option
@color_option
@config_option
def command(
    name: str, incident: str | None, task: str | None, as_json: bool, color: bool | None, config_path: Path | None
) -> int:
    """Compare, and print."""
    from stillup.catalog.load import find_service
    from stillup.clock import SystemClock
    from stillup.daemon.sla.switch import compare

    told = compare(
        load(config_path), os.environ, find_service(name), SystemClock().now(), incident=incident,
        task=Capability(task) if task else None,
    )  # fmt: skip
    if as_json:
        put(msgspec.json.encode(told))
        return 0
    console(color=color).print(render(told))
    return 0


def render(told: Comparison) -> Group:
    """All of it as paragraphs: it is read, not scanned."""
    from rich.console import Group, RenderableType
    from rich.padding import Padding
    from rich.text import Text

    from stillup.risk.switch_words import TITLES, sections

    parts: list[RenderableType] = [Text(f"{told.name} for {told.task.lower()}: {TITLES[told.advice]}", style="bold")]
    parts += [Padding(Text(words), (0, 0, 0, 2)) for words in told.because]
    for title, lines in sections(told):
        parts += ["", Text(title, style="bold")]
        for line in lines:
            body = Text(line.says)
            body.append(f"  {line.note}" if line.note else "", style="dim")
            parts.append(Padding(body, (0, 0, 0, 2)))
    return Group(*parts)
