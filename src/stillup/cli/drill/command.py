"""``stillup drill``: an outage on purpose, what came through it, and when to practise again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.drill.run import run
from stillup.cli.say import put, say, warn
from stillup.errors import UsageError

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.drill.values import Drill

_NONE = "No drill is under way."


@click.group(
    name="drill",
    help="An outage on purpose, while nothing is at stake: what comes through it, what does not, what you do by hand. "
    "It is played over your own routes with scripted providers in the place of yours; no real one is asked.",
)
@config_option
@click.pass_context
def command(context: click.Context, config_path: Path | None) -> None:
    """Drills."""
    context.obj = config_path


command.add_command(run)


@command.command(
    name="plan",
    short_help="What to practise this month, and why.",
    help="Propose a drill of thirty minutes: what went wrong the last time, what the toolkit and the map of risks say "
    "is weak, what was not practised for longest; with the steps by hand of your plans and your team's playbook.",
)
@click.option(
    "--minutes", type=click.IntRange(10, 240), metavar="N", help="How long it may take. Default: `drill.minutes`."
)
@json_option
@color_option
@config_option
@click.pass_context
def plan(
    context: click.Context, minutes: int | None, as_json: bool, color: bool | None, config_path: Path | None
) -> int:
    """Print it."""
    from stillup.cli.drill import view
    from stillup.clock import SystemClock
    from stillup.daemon.drill.practice import proposal
    from stillup.drill.plan import lines

    config = load(config_path or context.obj)
    proposed = proposal(config, os.environ, SystemClock().now(), _kept(config), minutes or config.drill.minutes)
    if as_json:
        put(msgspec.json.encode(proposed))
    else:
        view.print_markdown("\n".join(lines(proposed)) + "\n", console(color=color))
    return 0


@command.command(
    name="list",
    short_help="The drills that were run, or the scenes there are.",
    help="The drills that were run, newest first.",
)
@click.option("--scenes", is_flag=True, help="What can be played with your configuration, by name.")
@json_option
@color_option
@config_option
@click.pass_context
def list_(context: click.Context, scenes: bool, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """List them."""
    from stillup.cli.drill import view

    config = load(config_path or context.obj)
    if scenes:
        from stillup.daemon.drill.run import possible

        plays = possible(config, os.environ)
        if as_json:
            put(msgspec.json.encode([{"scene": play.key, "title": play.title} for play in plays]))
        else:
            view.print_scenes(plays, console(color=color))
        return 0
    drills = _kept(config)
    if as_json:
        put(msgspec.json.encode([view.facts(drill) for drill in drills]))
    else:
        view.print_list(drills, console(color=color))
    return 0


@command.command(
    name="report",
    short_help="What a drill showed.",
    help="What a drill showed; without ID the newest. The beginning of an ID is enough.",
)
@click.argument("id", metavar="[ID]", required=False)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as one HTML file."
)
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as Markdown."
)
@json_option
@color_option
@config_option
@click.pass_context
def report(
    context: click.Context,
    id: str | None,  # noqa: A002
    html: Path | None,
    markdown: Path | None,
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """Print it, or write it."""
    from stillup.cli.drill import view

    drills = _kept(load(config_path or context.obj))
    drill = _chosen(drills, id or "")
    for path in view.write(drill, drills, html, markdown):
        say(f"The report is in {path}.")
    if as_json:
        put(msgspec.json.encode(view.facts(drill, whole=True)))
    elif html is None and markdown is None:
        view.print_report(drill, console(color=color))
    return 0


@command.command(
    name="abort",
    short_help="End the drill under way.",
    help="End the drill that is under way, from anywhere on this machine: within a second nothing fails any more, and "
    "what was seen so far is kept. Exit code 1 where none is.",
)
@config_option
@click.pass_context
def abort(context: click.Context, config_path: Path | None) -> int:
    """End it."""
    from stillup.daemon.drill.under_way import abort as end
    from stillup.daemon.drill.under_way import drills_folder
    from stillup.drill.words import line

    config = load(config_path or context.obj)
    running = end(drills_folder(config))
    if running is None:
        left = _left_on_gateway(config)
        say(f"No drill is under way; what one had left failing is ended: {', '.join(left)}." if left else _NONE)
        return 0 if left else 1
    say(f"The drill of {running.since:%H:%M:%S} UTC is told to end: {line(running.says)}")
    return 0


def _left_on_gateway(config: Config) -> tuple[str, ...]:
    """What still fails on the running gateway though whoever began it is gone: killed, for example. It is ended."""
    from stillup.daemon.drill.gateway import Switch

    try:
        return Switch.of(config, os.environ).end_all()
    except UsageError:  # nobody knows its address
        return ()


def _kept(config: Config) -> tuple[Drill, ...]:
    from stillup.daemon.drill.under_way import drills_folder
    from stillup.drill.history import read

    kept = read(drills_folder(config))
    for sentence in kept.unread:
        warn(sentence)
    return kept.drills


def _chosen(drills: tuple[Drill, ...], beginning: str) -> Drill:
    found = [drill for drill in drills if drill.id.startswith(beginning)]
    if not drills:
        msg = "no drill was run yet; `stillup drill run` runs one"
        raise UsageError(msg)
    if not found:
        msg = f"no drill's ID begins with {beginning[:60]!r}; `stillup drill list` has them"
        raise UsageError(msg)
    if beginning and len(found) > 1:
        msg = f"the ID of {len(found)} drills begins with {beginning[:60]!r}: {', '.join(d.id for d in found[:5])}"
        raise UsageError(msg)
    return found[0]
