"""``stillup later``: requests that the gateway put off because nobody could answer them."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from stillup.cli.common import color_option, config_option, json_option, load
from stillup.cli.say import put


@click.group(
    name="later",
    invoke_without_command=True,
    help="Requests that no upstream could answer, which the gateway has kept: it asks them again, in line, when one is "
    "well. Without a subcommand: the list.",
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
    from stillup.cli.later_view import Kept

    kept = Kept.of(load(config_path))
    if as_json:
        put(msgspec.json.encode([kept.facts(item) for item in kept.items]))
    else:
        kept.print_list(color=color)
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
    from stillup.cli.later_view import Kept

    kept = Kept.of(load(config_path or context.obj))
    item = kept.find(id)
    if raw:
        return kept.print_raw(item)
    if as_json:
        put(msgspec.json.encode(kept.facts(item) | {"answer": kept.text(item)}))
    else:
        kept.print_one(item)
    return 0


@command.command(
    name="run",
    short_help="Ask one, or all, again now.",
    help="Ask one again now, or all that wait, whatever is known of the upstreams. It takes the running gateway.",
)
@click.argument("id", metavar="[ID]", required=False)
@json_option
@config_option
@click.pass_context
def run(context: click.Context, id: str | None, as_json: bool, config_path: Path | None) -> int:  # noqa: A002
    """Have them asked."""
    from stillup.cli.later_view import Kept

    kept = Kept.of(load(config_path or context.obj))
    return kept.order("POST", f"/{kept.find(id).id}/run" if id else "/run", as_json=as_json)


@command.command(
    name="cancel",
    short_help="Forget one.",
    help="Forget one, and its answer where there is one: nothing of it is kept. It takes the running gateway.",
)
@click.argument("id", metavar="ID")
@json_option
@config_option
@click.pass_context
def cancel(context: click.Context, id: str, as_json: bool, config_path: Path | None) -> int:  # noqa: A002
    """Forget it."""
    from stillup.cli.later_view import Kept

    kept = Kept.of(load(config_path or context.obj))
    return kept.order("DELETE", f"/{kept.find(id).id}", as_json=as_json)
