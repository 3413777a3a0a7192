"""``stillup kit``: prompts, templates and snippets as plain files. Nothing here asks the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, json_option, load
from stillup.cli.kit.names import KitName, KitPlace
from stillup.cli.say import put, say, warn
from stillup.errors import UsageError
from stillup.kit.entry import Kind
from stillup.model.service import Capability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stillup.kit.index import Row

_task_option = click.option("--task", type=click.Choice([c.value for c in Capability]), help="Only what is for this.")
_kind_option = click.option("--kind", type=click.Choice([k.value for k in Kind]), help="Only prompts, or only …")


@click.group(
    name="kit",
    help="Prompts, templates and snippets as plain Markdown files in a folder of yours, beside a starter set. "
    "They are found, filled in and copied with no network at all.",
)
@config_option
@click.pass_context
def command(context: click.Context, config_path: Path | None) -> None:
    """Prompts at hand."""
    context.obj = config_path


@command.command(name="list", short_help="What there is.", help="What there is, by name; * marks your own.")
@_task_option
@_kind_option
@click.option("--tag", help="Only what has this tag.")
@click.option("--own", is_flag=True, help="Only your own.")
@json_option
@color_option
@config_option
@click.pass_context
def list_(
    context: click.Context, task: str | None, kind: str | None, tag: str | None, own: bool, as_json: bool,
    color: bool | None, config_path: Path | None,
) -> int:  # fmt: skip
    """List it."""
    place = KitPlace.of(load(config_path or context.obj))
    index = place.index()
    rows = _chosen(index.rows, task, kind)
    rows = [row for row in rows if (not tag or tag.lower() in map(str.lower, row.tags)) and (row.is_own or not own)]
    return _show(place, rows, as_json=as_json, color=color)


def _chosen(rows: Sequence[Row], task: str | None, kind: str | None) -> list[Row]:
    return [row for row in rows if (not task or task in row.tasks) and (not kind or row.kind == kind)]


@command.command(
    name="search",
    short_help="Find one by a few words.",
    help="What fits a few words, best first. Typing errors in titles, names and tags are forgiven; "
    "texts are searched too. Exit code 1 where nothing fits.",
)
@click.argument("words", nargs=-1, required=True, metavar="WORD…")
@_task_option
@_kind_option
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many at most.")
@json_option
@color_option
@config_option
@click.pass_context
def search(
    context: click.Context, words: tuple[str, ...], task: str | None, kind: str | None, limit: int, as_json: bool,
    color: bool | None, config_path: Path | None,
) -> int:  # fmt: skip
    """Find it."""
    from stillup.kit.search import search as find

    place = KitPlace.of(load(config_path or context.obj))
    index = place.index()
    most = len(index.rows) if task or kind else limit
    rows = _chosen([hit.row for hit in find(index, " ".join(words), most)], task, kind)[:limit]
    if not rows and not as_json:
        warn(f"nothing in the kit fits {' '.join(words)[:80]!r}; `stillup kit list` shows all of it")
        return 1
    _show(place, rows, as_json=as_json, color=color)
    return 0 if rows else 1


def _show(place: KitPlace, rows: Sequence[Row], *, as_json: bool, color: bool | None) -> int:
    from stillup.cli.kit.view import facts, print_rows

    if as_json:
        for row in rows:
            put(msgspec.json.encode(facts(row)))
    else:
        print_rows(rows, place.own, color=color)
    return 0


@command.command(
    name="show",
    short_help="One of them, with its places to fill in.",
    help="The text of one, and what has to be filled in. A part of the name is enough where it is clear.",
)
@click.argument("name", type=KitName())
@click.option("--raw", is_flag=True, help="Only the text, as it stands in the file.")
@json_option
@color_option
@config_option
@click.pass_context
def show(
    context: click.Context, name: str, raw: bool, as_json: bool, color: bool | None, config_path: Path | None
) -> int:
    """Show it."""
    from stillup.cli.kit.view import facts, print_entry, print_text

    place = KitPlace.of(load(config_path or context.obj))
    row = place.find(name)
    entry = place.read(row)
    if as_json:
        put(msgspec.json.encode(facts(row) | {"variables": entry.variables, "text": entry.text}))
    elif raw:
        print_text(entry.text)
    else:
        print_entry(entry, place.path(row), color=color)
    return 0


@command.command(
    name="fill",
    short_help="Fill one in, and print or copy it.",
    help="Fill one in, and print it, or copy it with --copy. VALUE is a text, @FILE, or - for what comes in by the "
    "pipe: `git diff | stillup kit fill code-review code=-`. On a terminal you are asked for what you did not give.",
)
@click.argument("name", type=KitName())
@click.argument("values", nargs=-1, metavar="[VARIABLE=VALUE]…", type=click.UNPROCESSED)
@click.option("--paste", "pasted", metavar="VARIABLE", help="Fill this one with what is in the clipboard.")
@click.option("--copy", is_flag=True, help="Put it into the clipboard instead of printing it.")
@click.option("--defaults", is_flag=True, help="Ask only for what has no default.")
@config_option
@click.pass_context
def fill(
    context: click.Context, name: str, values: tuple[str, ...], pasted: str | None, copy: bool, defaults: bool,
    config_path: Path | None,
) -> int:  # fmt: skip
    """Fill it in."""
    from stillup.cli.kit.fill import filled_in
    from stillup.cli.kit.view import print_text
    from stillup.cli.terminal import clipboard

    place = KitPlace.of(load(config_path or context.obj))
    entry = place.read(place.find(name))
    text = filled_in(entry, values, pasted=pasted, takes_defaults=defaults)
    if not copy:
        print_text(text)
        return 0
    how = clipboard.write(text)
    also = "" if how == "clipboard" else " by your terminal; if nothing arrives, it does not allow that"
    say(f"Copied: {entry.title} ({len(text):,} characters){also}")
    return 0


@command.command(
    name="new",
    short_help="Make one of your own.",
    help="Make one of your own, NAME or FOLDER/NAME, and open it in your editor ($VISUAL, $EDITOR).",
)
@click.argument("name")
@click.option("--from", "source", metavar="NAME", type=KitName(), help="Begin with a copy of this one.")
@click.option("--text", "source_text", metavar="FILE", help="Take the text from a file, or - from the pipe.")
@click.option("--paste", is_flag=True, help="Take the text from the clipboard.")
@click.option("--title", default="", help="Its title.")
@click.option("--task", type=click.Choice([c.value for c in Capability]), help="What it is for.")
@click.option("--no-edit", is_flag=True, help="Do not open it.")
@config_option
@click.pass_context
def new(
    context: click.Context, *, name: str, source: str | None, source_text: str | None, paste: bool, title: str,
    task: str | None, no_edit: bool, config_path: Path | None,
) -> int:  # fmt: skip
    """Make it."""
    from stillup.cli.kit.edit import draft, edit_file
    from stillup.kit.folder import write_new

    if sum(map(bool, (source, source_text, paste))) > 1:
        msg = "--from, --text and --paste are three sources of the text; give one"
        raise UsageError(msg)
    place = KitPlace.of(load(config_path or context.obj))
    text = draft(place, name, source=source, source_text=source_text, paste=paste, title=title, task=task)
    path = write_new(place.own, name.removesuffix(".md"), text)
    click.echo(f"Written: {path}")
    return 0 if no_edit else edit_file(path)


@command.command(
    name="edit",
    short_help="Change one in your editor.",
    help="Change one in your editor ($VISUAL, $EDITOR). Of a starter a copy is made in your folder first, which stands "
    "for it from then on.",
)
@click.argument("name", type=KitName())
@config_option
@click.pass_context
def edit(context: click.Context, name: str, config_path: Path | None) -> int:
    """Change it."""
    from stillup.cli.kit.edit import edit_file, own_copy

    place = KitPlace.of(load(config_path or context.obj))
    return edit_file(own_copy(place, place.find(name)))
