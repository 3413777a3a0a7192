"""``stillup drill run``: play it, follow it, end it with Ctrl-C, and say what came of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.drill.keys import asking, until_told
from stillup.cli.say import put, say
from stillup.cli.spans import Span
from stillup.errors import UsageError

if TYPE_CHECKING:
    from stillup.cli.drill.live import Lines
    from stillup.config import Config
    from stillup.drill.values import Drill, Moment, Play, Wanted

_INTERRUPTED = 130
_TOGETHER = 6
"""Scenes side by side with ``--all``: what they wait for is not this machine."""
_REAL_S = 60.0


@click.command(
    name="run",
    short_help="Play failures now.",
    help="Play failures and score what came through. SCENE is as `529`, `mode:cut`, `mode:cut@UPSTREAM`, "
    "`provider:claude`, `region:aws`, `all`, `green_page`; `stillup drill list --scenes` has them. Without one: what "
    "`stillup drill plan` proposes. Exit code 0 when nothing was lost with your backups, else 1; 130 after Ctrl-C.",
)
@click.argument("scenes", metavar="[SCENE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every scene there is, several at a time; no steps by hand.")
@click.option(
    "--on-gateway",
    is_flag=True,
    help="On the gateway that runs, in the place of a mirror: real requests meet the failure.",
)
@click.option("--for", "length", type=Span(), metavar="SPAN", help="How long each failure stands, as 30s or 5m.")
@click.option("--no-ask", is_flag=True, help="Do not ask whether steps by hand were done.")
@click.option("--yes", is_flag=True, help="Do not ask before real requests are hit.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the report there.")
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as Markdown."
)
@json_option
@color_option
@config_option
@click.pass_context
def run(
    context: click.Context, scenes: tuple[str, ...], *, everything: bool, on_gateway: bool, length: timedelta | None,
    no_ask: bool, yes: bool, html: Path | None, markdown: Path | None, as_json: bool, color: bool | None,
    config_path: Path | None,
) -> int:  # fmt: skip
    """Run it."""
    from stillup.cli.drill import view

    config = load(config_path or context.obj)
    wanted = _wanted(config, scenes, everything=everything, on_gateway=on_gateway, length=length)
    if on_gateway:
        _check_there(config)
        if not yes:
            _confirm(wanted)
    asks = not (everything or no_ask or as_json) and _is_terminal()
    drill, interrupted = asyncio.run(_played(config, wanted, asks=asks, as_json=as_json, color=color))
    for path in view.write(drill, _past(config), html, markdown):
        say(f"The report is in {path}.")
    if as_json:
        put(msgspec.json.encode(view.facts(drill, whole=True)))
    else:
        view.print_outcome(drill, console(color=color))
    return _INTERRUPTED if interrupted else _code(drill)


def _code(drill: Drill) -> int:
    from stillup.drill.score import worth_of

    return 0 if worth_of(drill).is_whole and not drill.aborted else 1


def _wanted(
    config: Config, scenes: Sequence[str], *, everything: bool, on_gateway: bool, length: timedelta | None
) -> Wanted:
    from stillup.drill.values import Kind, Wanted, Where

    if everything and scenes:
        msg = "--all plays every scene; leave it out to play those you name"
        raise UsageError(msg)
    plays = _plays(config, scenes, everything=everything)
    if on_gateway and not scenes:  # the other is of the simulated world; named, it is refused
        plays = tuple(play for play in plays if play.kind is not Kind.GREEN_PAGE)
    real_s = _REAL_S if on_gateway else 0.0
    return Wanted(
        plays=plays,
        where=Where.GATEWAY if on_gateway else Where.MIRROR,
        for_s=length.total_seconds() if length is not None else real_s,
        together=_TOGETHER if everything and not on_gateway else 1,
    )


def _plays(config: Config, scenes: Sequence[str], *, everything: bool) -> tuple[Play, ...]:
    from stillup.daemon.drill.run import possible
    from stillup.drill.scenes import play_called

    among = possible(config, os.environ)
    if everything:
        return among
    if scenes:
        return tuple({play.title or play.key: play for play in (play_called(word, among) for word in scenes)}.values())
    from stillup.clock import SystemClock
    from stillup.daemon.drill.practice import proposal

    return proposal(config, os.environ, SystemClock().now(), _past(config), config.drill.minutes).plays or among[:1]


def _past(config: Config) -> tuple[Drill, ...]:
    from stillup.daemon.drill.under_way import drills_folder
    from stillup.drill.history import read

    return read(drills_folder(config)).drills


def _check_there(config: Config) -> None:
    """Before anybody is asked whether it may begin.

    :raises UsageError: no gateway runs.
    """
    from stillup.cli.gateway.address import gateway_url, is_gateway, nobody_at

    url = gateway_url(config)
    if not is_gateway(url):
        msg = f"{nobody_at(url)}, or leave out --on-gateway"
        raise UsageError(msg)


def _confirm(wanted: Wanted) -> None:
    """Real requests are somebody's work.

    :raises UsageError: nobody is there to be asked.
    """
    from stillup.drill.words import seconds

    names = ", ".join(play.title or play.key for play in wanted.plays)
    say(f"On the gateway that runs, for {seconds(wanted.for_s)} each, real requests will meet: {names}.")
    if not sys.stdin.isatty():
        msg = "nobody is there to be asked; --yes goes on"
        raise UsageError(msg)
    click.confirm("Begin?", abort=True, err=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


# -- while it goes on -------------------------------------------------------------------------------------------------


async def _played(
    config: Config, wanted: Wanted, *, asks: bool, as_json: bool, color: bool | None
) -> tuple[Drill, bool]:
    """The drill, and whether it was interrupted from the keyboard."""
    from stillup.clock import SystemClock
    from stillup.daemon.drill.run import run_drill

    aborted, interrupted = asyncio.Event(), asyncio.Event()
    with until_told(aborted, interrupted), _view(as_json=as_json, asks=asks, color=color) as view:
        drill = await run_drill(
            wanted,
            config,
            environ=os.environ,
            told=view.tell if view is not None else _unheard,
            by_hand=asking(view, aborted) if asks and view is not None else None,
            aborted=aborted,
            clock=SystemClock(),
        )
    return drill, interrupted.is_set()


def _unheard(moment: Moment) -> None:
    """With ``--json`` only the end is told."""


@contextmanager
def _view(*, as_json: bool, asks: bool, color: bool | None) -> Iterator[Lines | None]:
    """Lines where steps are asked for: an answer is typed, and a board that is drawn anew would take it away."""
    if as_json:
        yield None
        return
    from time import monotonic

    from stillup.cli.drill.live import Board, Lines

    out = console(color=color, stderr=True)
    view = Board(out, monotonic) if out.is_terminal and not asks else Lines(out)
    with view:
        yield view
