"""``stillup SERVICE``: is it down, and what now."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import color_option, config_option, console, exit_code, json_option, load
from stillup.cli.say import put
from stillup.errors import UsageError
from stillup.model.service import Capability

if TYPE_CHECKING:
    from stillup.catalog.load import Service
    from stillup.verdict.claim import Claim

_SEEN = re.compile(r"([a-z_]+)=([0-9]{1,9})(?:/([0-9]{1,4})(m|min|h|d))?", re.IGNORECASE)
_UNIT_S = {"m": 60, "min": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 7 * 86_400


@click.command(
    name="SERVICE",
    help="Is SERVICE down? The verdict with its evidence, what is broken, since when, what to do and what to use.",
)
@click.argument("service")
@click.option(
    "--task",
    type=click.Choice([c.value for c in Capability]),
    default=Capability.CHAT.value,
    show_default=True,
    help="What you need it for: alternatives are chosen for that.",
)
@click.option(
    "--seen",
    multiple=True,
    metavar="SOURCE=N[/TIME]",
    help="A number you read somewhere: downdetector=354/24h. It can raise a suspicion, never more.",
)
@click.option("--explain", is_flag=True, help="Add the whole reasoning, with what every side observed.")
@click.option("--watch", "keep_watching", is_flag=True, help="Stay and show how the verdict moves.")
@json_option
@color_option
@config_option
def command(
    service: str,
    task: str,
    seen: tuple[str, ...],
    explain: bool,
    keep_watching: bool,
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """Answer once, or keep watching."""
    from stillup.catalog.load import find_service

    wanted = find_service(service)
    claims = [read_seen(text, wanted) for text in seen]
    config = load(config_path)
    if keep_watching:
        from stillup.cli.watch import View, watch

        return watch([wanted], config, View.TABLE if not as_json else View.JSON, color=color)
    from stillup.clock import SystemClock
    from stillup.daemon.ask import ask

    answer = asyncio.run(ask(wanted, config, os.environ, SystemClock(), claims))
    if as_json:
        from stillup.cli.answer_json import answer_json

        put(answer_json(answer, Capability(task)))
    else:
        from stillup.cli.answer import render_answer

        out = console(color=color)
        out.print(render_answer(answer, Capability(task), out.width))
        if explain:
            from stillup.cli.rows import telling
            from stillup.verdict.telling.narrate import paragraph
            from stillup.verdict.telling.units import E_MEANS

            why = paragraph(telling(answer))
            out.print(f"\nWhy: {why}", highlight=False, markup=False)
            if "e = 10^" in why:
                out.print(f"\n{E_MEANS}", style="dim", highlight=False, markup=False)
    return exit_code(answer.verdict)


def read_seen(text: str, service: Service) -> Claim:
    """``downdetector=354/24h`` as a claim; without a time it is a day's number.

    :raises stillup.errors.UsageError: it has another form, names no source, or a time beyond a week.
    """
    from stillup.registry import SOURCES
    from stillup.verdict.claim import Claim

    match = _SEEN.fullmatch(text.strip())
    if match is None:
        msg = f"--seen {text[:60]!r}: write it as SOURCE=NUMBER/TIME, for example downdetector=354/24h or x=120/30m."
        raise UsageError(msg)
    source, count, number, unit = match[1].lower(), int(match[2]), int(match[3] or 24), (match[4] or "h").lower()
    window_s = number * _UNIT_S[unit]
    if source not in SOURCES:
        msg = f"--seen {text[:60]!r}: no source called {source!r}; allowed: {', '.join(SOURCES)}."
        raise UsageError(msg)
    if not 0 < window_s <= _LONGEST_S:
        msg = f"--seen {text[:60]!r}: the time must be longer than nothing and at most 7d."
        raise UsageError(msg)
    hint = service.sources.get(source)
    return Claim(source, count, window_s, hint.usual_per_day if hint else None)
