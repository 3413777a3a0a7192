"""``stillup gateway``: run it, and look at it from outside."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from stillup.cli.common import Finite, color_option, config_option, json_option, load
from stillup.cli.gateway.journal import journal_commands
from stillup.cli.spans import Span
from stillup.errors import UsageError

_LONGEST_DRILL = timedelta(hours=24)


@click.group(
    name="gateway",
    invoke_without_command=True,
    help="Run the gateway until interrupted: one local address for your clients, which goes on answering when a "
    "provider fails. Without a configuration it uses the keys that are in the environment.",
)
@click.option("--log", metavar="FILE", help="Write a line for each request to FILE, or to standard error (-).")
@click.option(
    "--log-format",
    type=click.Choice(("logfmt", "json")),
    default="logfmt",
    show_default=True,
    help="How it is written.",
)
@config_option
@click.pass_context
def command(context: click.Context, log: str | None, log_format: str, config_path: Path | None) -> int:
    """Run it, unless a subcommand follows."""
    context.obj = config_path
    if context.invoked_subcommand:
        return 0
    config = load(config_path)
    from stillup.daemon.gateway import run
    from stillup.gateway.seen.access import Style

    return run(config, os.environ, log=log, style=Style(log_format))


@command.command(
    name="status",
    short_help="How each upstream of the running gateway is, and why.",
    help="What the running gateway knows: each upstream's health and why, how fast it is, what it cost. "
    "Exit code 69 when no gateway answers.",
)
@json_option
@color_option
@config_option
@click.pass_context
def status(context: click.Context, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Ask the running gateway."""
    from stillup.cli.gateway.status import show_status

    return show_status(load(config_path or context.obj), as_json=as_json, color=color)


@command.command(
    name="plan",
    short_help="Which upstreams there are, who answers what, and why.",
    help="Which upstreams there are and who answers what: every chain with the reason of each link, and what is "
    "missing. Asks model servers on this machine for their models, and nobody else.",
)
@click.option("--model", default="", help="Only the chains of this model, as a client names it.")
@json_option
@color_option
@config_option
@click.pass_context
def plan(context: click.Context, model: str, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Print the plan."""
    from stillup.cli.gateway.plan import show_plan

    return show_plan(load(config_path or context.obj), os.environ, model, as_json=as_json, color=color)


@command.command(
    name="env",
    short_help="What to set so that a client asks the gateway.",
    help="What to set so that a CLIENT asks the gateway: lines for your shell, or the piece of its configuration. "
    "Without a CLIENT: the clients that are known.",
)
@click.argument("client", required=False, metavar="[CLIENT]")
@click.option(
    "--shell",
    type=click.Choice(["sh", "fish", "powershell"]),
    default="sh",
    show_default=True,
    help="Which shell the lines are for.",
)
@config_option
@click.pass_context
def env(context: click.Context, client: str | None, shell: str, config_path: Path | None) -> int:
    """Print what to set."""
    from stillup.cli.gateway.env import show_clients, show_env

    if client is None:
        return show_clients()
    return show_env(load(config_path or context.obj), client, shell)


@command.command(
    name="fault",
    short_help="Make an upstream of the running gateway fail on purpose: a drill.",
    help="Make an UPSTREAM of the running gateway fail on purpose, for a while: a drill of what happens when it really "
    "does. Real requests meet it. It ends by itself, or with --off, or when the gateway ends.",
)
@click.argument("upstream", required=False, metavar="[UPSTREAM]")
@click.option("--mode", metavar="MODE", help="How it fails: a status, as 529, or one of the modes that --modes lists.")
@click.option("--for", "length", type=Span(), metavar="SPAN", help="How long, as 90s, 5m or 2h; at most 24 h.")
@click.option(
    "--after", type=click.IntRange(min=0), default=5, show_default=True,
    help="Pieces of an answer that come before it breaks.",
)  # fmt: skip
@click.option(
    "--delay",
    "delay_s",
    type=Finite(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How slow a slow one is.",
)  # fmt: skip
@click.option("--share", type=Finite(min=0, max=1, min_open=True), default=1.0, help="The part of requests it meets.")
@click.option(
    "--retry-after", "retry_after_s", type=Finite(min=0), metavar="SECONDS", help="What an error says to wait."
)
@click.option("--list", "shows", is_flag=True, help="The drills under way.")
@click.option("--modes", "lists_modes", is_flag=True, help="The ways to fail.")
@click.option("--off", "ends", is_flag=True, help="End the drill of UPSTREAM, or all.")
@json_option
@config_option
@click.pass_context
def fault(
    context: click.Context,
    /,
    upstream: str | None,
    as_json: bool,
    config_path: Path | None,
    **asked: Any,  # noqa: ANN401 - click's
) -> int:
    """Begin, list or end drills."""
    from stillup.cli.gateway import fault as drills

    if asked.pop("lists_modes"):
        return drills.show_modes(as_json=as_json)
    gateway = drills.Running.of(load(config_path or context.obj), as_json=as_json)
    shows, ends = asked.pop("shows"), asked.pop("ends")
    if shows:
        return gateway.show()
    if ends:
        return gateway.end(upstream or "")
    length: timedelta | None = asked.pop("length")
    if not (upstream and asked["mode"] and length):
        msg = "a drill needs UPSTREAM, --mode and --for; or --list, --modes or --off"
        raise UsageError(msg)
    if length > _LONGEST_DRILL:
        msg = f"--for is {length.total_seconds() / 3600:.3g} h; allowed: up to 24 h"
        raise UsageError(msg)
    return gateway.begin({"upstream": upstream, "for_s": length.total_seconds(), **asked})


command.add_command(journal_commands, "journal")
