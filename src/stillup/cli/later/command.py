"""``stillup later``: what waits until a service is well again: requests that nobody could answer, and commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, json_option, load
from stillup.cli.later.add import command as add
from stillup.cli.say import put

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.daemon.later.command import Command


@click.group(
    name="later",
    invoke_without_command=True,
    help="What waits until a service is well again, in line: requests that no upstream could answer, which the gateway "
    "asks again, and shell commands. Without a subcommand: the list.",
)
@json_option
@color_option
@config_option
@click.pass_context
def command(context: click.Context, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """List them, unless a subcommand follows."""
    context.obj = config_path
    if context.invoked_subcommand:
        return 0
    return _show_list(config_path, as_json=as_json, color=color)


@command.command(name="list", short_help="What is kept.", help="What is kept, in line; also when no gateway runs.")
@json_option
@color_option
@config_option
@click.pass_context
def list_(context: click.Context, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """List them."""
    return _show_list(config_path or context.obj, as_json=as_json, color=color)


def _show_list(config_path: Path | None, *, as_json: bool, color: bool | None) -> int:
    from stillup.cli.later import shell
    from stillup.cli.later.view import Kept

    config = load(config_path)
    kept, waiting = Kept.of(config), shell.commands_of(config)
    if as_json:
        put(msgspec.json.encode([*map(kept.facts, kept.items), *map(shell.facts, waiting)]))
    else:
        kept.print_list(waiting, color=color)
    return 0


@command.command(
    name="show",
    short_help="How far one is, and its answer.",
    help="How far one is, and its answer when there is one. The beginning of its ID is enough.",
)
@click.argument("id", metavar="ID")
@click.option("--raw", is_flag=True, help="Only the bytes of the answer, as the client would have got them.")
@json_option
@config_option
@click.pass_context
def show(
    context: click.Context,
    id: str,  # noqa: A002
    raw: bool,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Print one."""
    from stillup.cli.later import shell
    from stillup.cli.later.view import Kept

    config = load(config_path or context.obj)
    found = shell.find(config, id)
    if found is not None:
        return _show_command(config, found, raw=raw, as_json=as_json)
    kept = Kept.of(config)
    item = kept.find(id)
    if raw:
        return kept.print_raw(item)
    if as_json:
        put(msgspec.json.encode(kept.facts(item) | {"answer": kept.text(item)}))
    else:
        kept.print_one(item)
    return 0


def _show_command(config: Config, found: Command, *, raw: bool, as_json: bool) -> int:
    from stillup.cli.later import shell

    if raw:
        return shell.print_raw(config, found)
    if as_json:
        output = shell.output_of(config, found)
        put(msgspec.json.encode(shell.facts(found) | {"output": output}))
    else:
        shell.print_one(config, found)
    return 0


@command.command(
    name="run",
    short_help="Ask or run one, or all, now; or wait here.",
    help="Ask a request again now, or run a command, whatever is known of the services; without ID all that wait. "
    "Requests take the running gateway. With --wait commands run here when it is their time, until none waits. "
    "Exit code 1 when a command that ran here did not succeed.",
)
@click.argument("id", metavar="[ID]", required=False)
@click.option("--wait", "waits", is_flag=True, help="Run commands when what they wait for is well, until none waits.")
@json_option
@config_option
@click.pass_context
def run(
    context: click.Context,
    id: str | None,  # noqa: A002
    waits: bool,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Have them asked, and run."""
    from stillup.cli.later import shell
    from stillup.cli.later.view import Kept

    config = load(config_path or context.obj)
    if waits:
        return shell.wait_here(config, id, as_json=as_json)
    found = shell.find(config, id) if id else None
    if found is not None:
        return shell.run_now(config, [found], as_json=as_json)
    waiting = [] if id else [c for c in shell.commands_of(config) if c.stage == "waiting"]
    kept = Kept.of(config)
    code, asks = 0, any(not item.state.is_over for item in kept.items)
    if not (id or waiting or asks or kept.url):
        click.echo("Nothing waits.", err=True)
    elif id or not waiting or asks:
        code = kept.order("POST", f"/{kept.find(id).id}/run" if id else "/run", as_json=as_json)
    return max(code, shell.run_now(config, waiting, as_json=as_json)) if waiting else code


@command.command(
    name="cancel",
    short_help="Forget one.",
    help="Forget one, and its answer or output where there is one: nothing of it is kept. A command that runs is "
    "stopped. For a request it takes the running gateway.",
)
@click.argument("id", metavar="ID")
@json_option
@config_option
@click.pass_context
def cancel(context: click.Context, id: str, as_json: bool, config_path: Path | None) -> int:  # noqa: A002
    """Forget it."""
    from stillup.cli.later import shell
    from stillup.cli.later.view import Kept

    config = load(config_path or context.obj)
    found = shell.find(config, id)
    if found is not None:
        return shell.cancel(config, found)
    kept = Kept.of(config)
    return kept.order("DELETE", f"/{kept.find(id).id}", as_json=as_json)


command.add_command(add)
