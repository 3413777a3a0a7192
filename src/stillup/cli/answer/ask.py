"""``stillup SERVICE``: is it down, and what now."""

from __future__ import annotations

import asyncio
import gc
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import color_option, config_option, console, exit_code, json_option, load
from stillup.cli.say import put
from stillup.errors import UsageError
from stillup.model.service import Capability, Confidence, State

if TYPE_CHECKING:
    from rich.console import Console

    from stillup.catalog.load import Service
    from stillup.config import Config
    from stillup.daemon.ask import FirstAnswer
    from stillup.verdict.claim import Claim

_SEEN = re.compile(r"([a-z_]+)=([0-9]{1,9})(?:/([0-9]{1,4})(m|min|h|d))?", re.IGNORECASE)
_UNIT_S = {"m": 60, "min": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 7 * 86_400
_WEIGHED_FOR = timedelta(days=2)


@click.command(
    name="SERVICE",
    help="Is SERVICE down? The verdict with its evidence, what is broken, since when, what to do and what to use. "
    "Of several, or of `all`: a line each, worst first.",
)
@click.argument("names", nargs=-1, required=True, metavar="[SERVICE]...")
@click.option(
    "--task",
    type=click.Choice([c.value for c in Capability]),
    help="What you need it for (default: chat, where it can that): alternatives are chosen for that. Of several "
    "services only those that can do it are shown, in the order in which they are recommended.",
)
@click.option(
    "--seen",
    multiple=True,
    metavar="SOURCE=N[/TIME]",
    help="A number you read somewhere: downdetector=354/24h. It can raise a suspicion, never more. For one service.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Add the whole reasoning, with what every side observed, and what each source that was not asked needs.",
)
@click.option("--watch", "keep_watching", is_flag=True, help="Stay and show how the verdict moves.")
@json_option
@color_option
@config_option
def command(
    names: tuple[str, ...],
    task: str | None,
    seen: tuple[str, ...],
    explain: bool,
    keep_watching: bool,
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """Answer once, or keep watching."""
    from stillup.catalog.load import find_service
    from stillup.cli.answer.which import is_one, which
    from stillup.daemon.advice import usual_task

    need = Capability(task) if task else None
    if is_one(names):
        one = find_service(names[0])
        claims = [read_seen(text, one) for text in seen]
        config = load(config_path)
        if keep_watching:
            return _watch(one, config, as_json=as_json, color=color)
        return _answer(one, config, claims, need or usual_task(one), explain=explain, as_json=as_json, color=color)
    if seen:
        msg = "--seen is a number about one service: name that one alone"
        raise UsageError(msg)
    services = which(names, need)
    config = load(config_path)
    if keep_watching:
        return _watch_many(services.can, config, need, as_json=as_json, color=color)
    from stillup.cli.answer.many import look_at

    return look_at(services, config, explain=explain, as_json=as_json, color=color)


def _watch(service: Service, config: Config, *, as_json: bool, color: bool | None) -> int:
    from stillup.cli.live.watch import View, watch

    return watch([service], config, View.TABLE if not as_json else View.JSON, color=color)


def _watch_many(
    services: Sequence[Service], config: Config, task: Capability | None, *, as_json: bool, color: bool | None
) -> int:
    if as_json:
        from stillup.cli.live.watch import View, watch

        return watch(services, config, View.JSON)
    from stillup.cli.live.top import top

    return top(services, config, task=task, color=color)


def _answer(
    service: Service,
    config: Config,
    claims: list[Claim],
    task: Capability | None,
    *,
    explain: bool,
    as_json: bool,
    color: bool | None,
) -> int:
    from stillup.clock import SystemClock
    from stillup.daemon.ask import ask

    with uncollected():
        answer = asyncio.run(ask(service, config, os.environ, SystemClock(), claims, task=task))
    if as_json:
        from stillup.cli.answer.as_json import answer_json

        put(answer_json(answer, task))
        return exit_code(answer.verdict)
    from stillup.cli.answer.one import render_answer

    out = console(color=color)
    out.print(render_answer(answer, task, out.width, explain=explain))
    _after_recovery(answer, config, out)
    if explain:
        put_reasons([answer], out)
    return exit_code(answer.verdict)


def _after_recovery(answer: FirstAnswer, config: Config, out: Console) -> None:
    """For two days after an outage that was seen from here and is over: where it can be weighed."""
    from stillup.store.peek import peek_recovered

    if answer.verdict.state is not State.OPERATIONAL:
        return
    service = answer.service.id
    over = peek_recovered(config.store_at(os.environ), service, answer.at - _WEIGHED_FOR)
    if over is not None and over.confidence is Confidence.CONFIRMED:
        out.print(f"\nStay or switch after its last outage? `stillup switch {service}`", style="dim")


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cycles: what one look holds is bounded, and walking it over and over takes a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def put_reasons(answers: Sequence[FirstAnswer], out: Console) -> None:
    """Print the whole reasoning of each, and once what its numbers mean."""
    from stillup.cli.answer.rows import telling
    from stillup.verdict.telling.narrate import paragraph
    from stillup.verdict.telling.units import E_MEANS

    reasons = [paragraph(telling(answer)) for answer in answers]
    for why in reasons:
        out.print(f"\nWhy: {why}", highlight=False, markup=False)
    if any("e = 10^" in why for why in reasons):
        out.print(f"\n{E_MEANS}", style="dim", highlight=False, markup=False)


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
