"""``stillup compare``: services side by side."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.answer.ask import uncollected
from stillup.cli.answer.which import which
from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.say import put, warn
from stillup.clock import SystemClock
from stillup.daemon.ask import ask_many
from stillup.daemon.compared import HISTORY, compare
from stillup.errors import StoreError, UsageError
from stillup.model.incident import Incident
from stillup.model.service import Capability
from stillup.store import is_kept, open_store

if TYPE_CHECKING:
    from stillup.config import Config

_FEWEST, _MOST = 2, 8


@click.command(
    name="compare",
    help="SERVICES side by side: how they are now and how fast they answer, how far their pages trail, what comparable "
    "models cost, what they can do and for whom it is free, what they stand on, what their vendors promise, and what "
    "was seen of them here in the last 30 days. What is not known is said to be unknown.",
)
@click.argument("names", nargs=-1, required=True, metavar="SERVICE SERVICE...")
@click.option("--task", type=click.Choice([c.value for c in Capability]), help="Only what can do it, the best first.")
@json_option
@color_option
@config_option
def command(
    names: tuple[str, ...], task: str | None, as_json: bool, color: bool | None, config_path: Path | None
) -> int:
    """Look once and compare."""
    from stillup.cli.instead import compare_view as view

    need = Capability(task) if task else None
    services = which(names, need)
    if len(services.can) < _FEWEST:
        msg = f"compare needs at least {_FEWEST} services" + (f" that can do {need.value}" if need else "")
        raise UsageError(msg)
    if len(services.can) > _MOST:
        if not services.everything:
            msg = f"compare shows at most {_MOST} services side by side; `stillup all` has a line for each"
            raise UsageError(msg)
        services = which([s.id for s in services.can[:_MOST]], need)
    config, clock = load(config_path), SystemClock()
    with uncollected():
        answers = asyncio.run(ask_many(services.can, config, os.environ, clock, task=need))
    incidents, kept_since = _record(config, answers[0].at, [a.service.id for a in answers])
    compared = [compare(a, incidents, kept_since.get(a.service.id)) for a in answers]
    if as_json:
        put(view.as_json(compared))
    else:
        out = console(color=color)
        out.print(view.render(compared, need, out.width))
    return view.code_of(compared)


def _record(config: Config, now: datetime, services: Sequence[str]) -> tuple[list[Incident], dict[str, datetime]]:
    """What was kept here of the last days, and since when something was kept of each service."""
    where = config.store_at(os.environ)
    if not is_kept(where):
        return [], {}
    incidents: list[Incident] = []
    since: dict[str, datetime] = {}
    try:
        with open_store(where, create=False) as store:
            for service in services:
                incidents += store.incidents(service, now - HISTORY)
                first = next(iter(store.transitions(service)), None)
                if first is not None:
                    since[service] = first.at
    except StoreError as exc:
        warn(f"the record cannot be read: {exc}")
        return [], {}
    return incidents, since
