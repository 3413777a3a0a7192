"""``stillup forecast``: how long it will take, for people and, with ``--batch``, for judging."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.say import put
from stillup.errors import BadDataError

if TYPE_CHECKING:
    from stillup.cli.forecast.outlook import Kept
    from stillup.secret import Secret

_MOST_KEPT = 1000


@click.command(
    name="forecast",
    help="How long until SERVICE is back: of the open incident that `stillup watch` has kept, or else of one that broke"
    " out now. With --batch: one open incident a line in, one distribution of the seconds left a line out; lines that "
    "cannot be used are named, the rest is answered, and the exit code is then 65.",
)
@click.argument("name", required=False, metavar="[SERVICE]")
@click.option(
    "--batch",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Questions, one JSON object a line: id, service, at, first_posted_at, title, impact, stage, components, "
    "updates. `-` reads standard input.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Incidents that are over, one JSON object a line: id, service, first_posted_at, resolved_at, components. Only "
    "those resolved before a question's time are used for it.",
)
@json_option
@color_option
@config_option
def command(
    name: str | None,
    batch: Path | None,
    history: Path | None,
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """Answer one person, or a file of questions."""
    if (name is None) == (batch is None):
        msg = "name a service (`stillup forecast claude`) or a file of questions (--batch FILE), one of the two."
        raise click.UsageError(msg)
    if batch is not None:
        from stillup.cli.forecast.batch import answer_batch

        return answer_batch(batch, history)
    return _answer_person(name or "", history, config_path, as_json=as_json, color=color)


def _answer_person(
    name: str, history: Path | None, config_path: Path | None, *, as_json: bool, color: bool | None
) -> int:
    from stillup.catalog.load import find_service
    from stillup.cli.forecast.batch import read_history
    from stillup.cli.forecast.outlook import outlook
    from stillup.clock import SystemClock

    service = find_service(name)
    past = read_history(history)
    kept = _kept(load(config_path).store_at(os.environ), service.id)
    found = outlook(service, kept, past.rows, SystemClock().now())
    if as_json:
        put(found.json())
    else:
        from stillup.cli.forecast.view import render

        out = console(color=color)
        out.print(render(found, out.width))
    return BadDataError.exit_code if past.bad_count else 0


def _kept(where: Path | Secret, service: str) -> Kept:
    """What the store knows of a service: its incidents, and what pages told since the open one began."""
    from stillup.cli.forecast.outlook import Kept
    from stillup.model.signal import Declared
    from stillup.store import is_kept, open_store

    if not is_kept(where):
        return Kept((), ())
    with open_store(where, create=False) as store:
        incidents = store.incidents(service, limit=_MOST_KEPT)
        begun = min((i.since for i in incidents if i.recovered_at is None), default=None)
        told = () if begun is None else tuple(s for s in store.signals(service, begun) if isinstance(s, Declared))
    return Kept(tuple(incidents), told)
