"""``stillup alternatives``: what to use instead of a service, of what is up now."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.say import put
from stillup.errors import UsageError
from stillup.model.service import Capability, State
from stillup.model.verdict import iso

if TYPE_CHECKING:
    from rich.console import Console

    from stillup.catalog.load import Service
    from stillup.daemon.ask import FirstAnswer
    from stillup.response.alternatives import Choice

_NONE_KNOWN = 3


@click.command(
    name="alternatives",
    help="What to use instead of SERVICE: first what still works of it, then others that can do the same, are up now "
    "and do not stand on what has failed. Exit code 0 where one is known to be up, 3 where none is.",
)
@click.argument("name", metavar="SERVICE")
@click.option("--task", type=click.Choice([c.value for c in Capability]), help="What you need it for (default: chat).")
@json_option
@color_option
@config_option
def command(name: str, task: str | None, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Look once at what could stand in."""
    from stillup.catalog.load import find_service
    from stillup.catalog.offers import alternatives, stand_ins
    from stillup.cli.ask import uncollected
    from stillup.clock import SystemClock
    from stillup.daemon.advice import other_parts, usual_task
    from stillup.daemon.ask import MOST_PAGES, ask_many

    service = find_service(name)
    need = Capability(task) if task else usual_task(service)
    if need is None:
        msg = f"{service.name} does nothing that another service could do in its place"
        raise UsageError(msg)
    config = load(config_path)
    asked = [service, *stand_ins(service, need)[:MOST_PAGES]]
    with uncollected():
        answer = asyncio.run(ask_many(asked, config, os.environ, SystemClock(), task=need))[0]
    parts = other_parts(service, answer.verdict, answer.components, answer.reports).up
    choices = alternatives(service, need, answer.elsewhere, answer.by_page)
    if as_json:
        put(as_object(answer, need, parts, choices))
    else:
        _print(console(color=color), service, answer, need, parts, choices)
    return 0 if parts or any(c.state is State.OPERATIONAL for c in choices) else _NONE_KNOWN


def as_object(answer: FirstAnswer, task: Capability, parts: tuple[str, ...], choices: list[Choice]) -> str:
    """One JSON object on several lines."""
    told = {
        "at": iso(answer.at),
        "service": answer.service.id,
        "state": answer.verdict.state,
        "task": task,
        "works": parts,
        "alternatives": choices,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def _print(
    out: Console, service: Service, answer: FirstAnswer, task: Capability, parts: tuple[str, ...], choices: list[Choice]
) -> None:
    from rich.text import Text

    from stillup.catalog.load import capabilities
    from stillup.cli.answer import offers
    from stillup.cli.common import MARKS, STYLES
    from stillup.cli.yours import headline_of

    state = answer.verdict.state
    out.print(Text(f"{MARKS[state]} {headline_of(answer)}", style=STYLES[state]))
    if parts:
        out.print(Text(f"\nStill works of {service.name} itself: {', '.join(parts)}", style="bold"))
    out.print(Text(f"\nInstead for {capabilities()[task].title.lower()}", style="bold"))
    for line in offers(choices):
        out.print(line)
