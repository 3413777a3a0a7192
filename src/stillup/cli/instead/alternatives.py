"""``stillup alternatives``: what to use instead of a service, of what is up now."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import color_option, config_option, console, json_option, load, pretty
from stillup.cli.say import put
from stillup.errors import UsageError
from stillup.model.service import Capability, State
from stillup.model.verdict import iso

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from stillup.catalog.load import Service
    from stillup.config import Config
    from stillup.daemon.ask import FirstAnswer
    from stillup.kit.toolkit import Backup
    from stillup.response.alternatives import Choice

_NONE_KNOWN = 3


@click.command(
    name="alternatives",
    help="What to use instead of SERVICE (default: the first you watch): what still works of it, then others that can "
    "do the same, are up now and do not stand on what has failed; and your backup toolkit: two or three services for "
    "each task, chosen once with --choose and tested with --test. Exit code 0 where one is known to be up, 3 where "
    "none is; with --test 0 where each task has a backup that works, else 1.",
)
@click.argument("name", metavar="[SERVICE]", required=False)
@click.option("--without", metavar="SERVICE", help="The same as SERVICE alone.")
@click.option(
    "--choose", "choice", metavar="NAMES",
    help="Keep these as your backups for the task: names with commas between them; `local` is a model on this machine. "
    "An empty text forgets them.",
)  # fmt: skip
@click.option("--test", "tests", is_flag=True, help="Test every backup now: how it is, and whether it takes your key.")
@click.option("--task", type=click.Choice([c.value for c in Capability]), help="What you need it for (default: chat).")
@json_option
@color_option
@config_option
def command(
    name: str | None, *, without: str | None, choice: str | None, tests: bool, task: str | None, as_json: bool,
    color: bool | None, config_path: Path | None,
) -> int:  # fmt: skip
    """Look once at what could stand in, or tend the toolkit."""
    from stillup.catalog.load import find_service
    from stillup.cli.instead.toolkit import choose, try_toolkit
    from stillup.daemon.advice import usual_task

    config = load(config_path)
    if tests:
        return try_toolkit(config, as_json=as_json, color=color)
    service = find_service(_which(name, without, config))
    need = Capability(task) if task else usual_task(service)
    if need is None:
        msg = f"{service.name} does nothing that another service could do in its place"
        raise UsageError(msg)
    if choice is not None:
        return choose(config, choice, need, service)
    return _look(service, need, config, as_json=as_json, color=color)


def _which(name: str | None, without: str | None, config: Config) -> str:
    if name and without:
        msg = "SERVICE and --without mean the same; give one"
        raise UsageError(msg)
    return name or without or config.services[0]


def _look(service: Service, need: Capability, config: Config, *, as_json: bool, color: bool | None) -> int:
    from stillup.catalog.offers import alternatives, stand_ins
    from stillup.cli.answer.ask import uncollected
    from stillup.cli.instead.toolkit import backups_for
    from stillup.clock import SystemClock
    from stillup.daemon.advice import other_parts
    from stillup.daemon.ask import MOST_PAGES, ask_many

    backups = backups_for(config, need)
    asked = [service, *stand_ins(service, need)[:MOST_PAGES]]
    with uncollected():
        answer = asyncio.run(ask_many(asked, config, os.environ, SystemClock(), task=need))[0]
    parts = other_parts(service, answer.verdict, answer.components, answer.reports).up
    choices = alternatives(service, need, answer.elsewhere, answer.by_page)
    if as_json:
        put(as_object(answer, need, parts, choices, backups))
    else:
        out = console(color=color)
        _print(out, service, answer, need, parts, choices)
        _print_shared(out, service, choices)
        _print_own(out, config, need, backups, answer.at)
    return 0 if parts or any(c.state is State.OPERATIONAL for c in choices) else _NONE_KNOWN


def as_object(
    answer: FirstAnswer,
    task: Capability,
    parts: tuple[str, ...],
    choices: list[Choice],
    backups: tuple[Backup, ...] = (),
) -> str:
    """One JSON object on several lines."""
    told = {
        "at": iso(answer.at),
        "service": answer.service.id,
        "state": answer.verdict.state,
        "task": task,
        "works": parts,
        "alternatives": choices,
        "backups": backups,
    }
    return pretty(told)


def _print(
    out: Console, service: Service, answer: FirstAnswer, task: Capability, parts: tuple[str, ...], choices: list[Choice]
) -> None:
    from rich.text import Text

    from stillup.catalog.load import capabilities
    from stillup.cli.answer.one import offers
    from stillup.cli.answer.yours import headline_of
    from stillup.cli.common import MARKS, STYLES

    state = answer.verdict.state
    out.print(Text(f"{MARKS[state]} {headline_of(answer)}", style=STYLES[state]))
    if parts:
        out.print(Text(f"\nStill works of {service.name} itself: {', '.join(parts)}", style="bold"))
    out.print(Text(f"\nInstead for {capabilities()[task].title.lower()}", style="bold"))
    for line in offers(choices):
        out.print(line)


def _print_shared(out: Console, service: Service, choices: list[Choice]) -> None:
    """Which of them stand on what this one stands on."""
    from rich.text import Text

    from stillup.catalog.load import catalogue
    from stillup.kit.toolkit import in_common

    pairs = ((c.offer.name, in_common(service, catalogue()[c.offer.service])) for c in choices)
    shared = [f"{name} ({', '.join(both)})" for name, both in pairs if both]
    if shared:
        out.print(Text(f"Can fail together with {service.name}: {', '.join(shared)}", style="dim"))


def _print_own(out: Console, config: Config, task: Capability, backups: tuple[Backup, ...], now: datetime) -> None:
    """The toolkit for the task, and what of one's own moves over."""
    from rich.text import Text

    from stillup.cli.instead.toolkit import print_backups
    from stillup.cli.kit.names import KitPlace

    out.print()
    if backups:
        print_backups(out, task, backups, now)
    else:
        hint = f"`stillup alternatives --task {task.value} --choose NAME,NAME`"
        out.print(Text(f"You have chosen no backups for this yet: {hint}", style="dim"))
    rows = [row for row in KitPlace.of(config).index(quietly=True).rows if task in row.tasks]
    moves = f"{len(rows)} prompts of the kit (`stillup kit list --task {task.value}`)"
    if (config.data_folder / "vault.db").exists():
        moves += ", your conversations (`stillup vault continue`)"
    out.print(Text(f"What moves over: {moves}", style="dim"))
