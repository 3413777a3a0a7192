"""``stillup store``: what is kept, moved from one database to another, checked, saved and brought back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.say import put, warn
from stillup.errors import UsageError
from stillup.secret import Secret

if TYPE_CHECKING:
    from rich.table import Table

    from stillup.store.move import Moved

Where = Path | Secret

_WHERE = "A file, postgresql://USER@HOST/DATABASE, or env:NAME for an address that the variable NAME holds"
_FAULTS = 65


@click.group(
    name="store",
    help="The database of what was heard and judged: move it, check it, save it, bring it back. WHERE is a file, an "
    "address postgresql://USER@HOST:PORT/DATABASE, or env:NAME for an address with a password, held by a variable.",
)
def command() -> None:
    """Nothing by itself."""


@command.command(
    name="move",
    short_help="Copy all of it into another database, and compare.",
    help="Copy everything into an empty database, then compare both row by row. Nothing is taken from the first. Cut "
    "off, it goes on where it was when it is run again. End what writes there first: what comes later stays behind.",
)
@click.option("--from", "source", metavar="WHERE", help=f"{_WHERE}. Default: the database in the data folder.")
@click.option("--to", "target", metavar="WHERE", required=True, help="The same.")
@json_option
@config_option
def move(source: str | None, target: str, as_json: bool, config_path: Path | None) -> int:
    """Move, and say what was moved."""
    config = load(config_path)
    return _moved(_where(source) if source else config.database, _where(target), as_json=as_json)


@command.command(
    name="backup",
    short_help="All of it as one file.",
    help="Write everything, as it stands now, into a new FILE (SQLite), and compare it. Nobody has to stop for it.",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--from", "source", metavar="WHERE", help=f"{_WHERE}. Default: what the configuration says.")
@json_option
@config_option
def backup(file: Path, source: str | None, as_json: bool, config_path: Path | None) -> int:
    """Move into a file beside it, which gets its name when it is whole."""
    if file.exists():
        msg = f"{file} is there already: a backup never overwrites one"
        raise UsageError(msg)
    part = file.with_name(f"{file.name}.part")
    code = _moved(_where(source) if source else _configured(config_path), part, as_json=as_json, is_copy=True)
    part.rename(file)
    return code


@command.command(
    name="restore",
    short_help="Bring a backup back into an empty database.",
    help="Copy a FILE that `stillup store backup` wrote into an empty database, and compare it.",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--to", "target", metavar="WHERE", help=f"{_WHERE}. Default: what the configuration says.")
@json_option
@config_option
def restore(file: Path, target: str | None, as_json: bool, config_path: Path | None) -> int:
    """Move from the file."""
    return _moved(file, _where(target) if target else _configured(config_path), as_json=as_json)


@command.command(
    name="check",
    short_help="Is it whole, and whose is it?",
    help="Read all of a database: what is in it, whose it is, and whether every row can be read. Exit code 65 when "
    "something is wrong.",
)
@click.argument("where", required=False, metavar="[WHERE]")
@json_option
@color_option
@config_option
def check(where: str | None, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Read it, and say what was found."""
    from stillup.store.check import check as look
    from stillup.store.opening import database_at

    with closing(database_at(_where(where) if where else _configured(config_path), create=False, patient=True)) as it:
        found = look(it)
    if as_json:
        put(msgspec.json.encode(found))
        return _FAULTS if found.faults else 0
    out = console(color=color)
    out.print(found.where, style="bold", highlight=False, soft_wrap=True)
    whose = f"of the installation {found.installation!r}" if found.installation else "of no installation"
    parts = "" if found.days is None else f", signals in {found.days} days"
    out.print(f"{found.server}, schema {found.schema}, {whose}{parts}", highlight=False, markup=False)
    out.print(_table(sorted(found.rows.items(), key=lambda row: row[1], reverse=True)))
    for fault in found.faults:
        out.print(f"✗ {fault}", style="red", highlight=False, markup=False)
    if not found.faults:
        out.print("✓ Every row can be read.", style="green")
    return _FAULTS if found.faults else 0


@command.command(
    name="release",
    short_help="Let another installation have it.",
    help="Forget which installation a database belongs to: after the installation was given another name, or is no "
    "more. Two that judge into one database would undo each other's word.",
)
@click.argument("where", required=False, metavar="[WHERE]")
@config_option
def release(where: str | None, config_path: Path | None) -> int:
    """Release it, and say whose it was."""
    from stillup.store import open_store

    with open_store(_where(where) if where else _configured(config_path), create=False) as store:
        whose = store.installation()
        store.release()
        click.echo(f"{store.where} is nobody's now" + (f"; it was of {whose!r}." if whose else ", and was before."))
    return 0


def _where(text: str) -> Where:
    """What a person said: a file, an address, or the name of a variable that holds one.

    :raises UsageError: the variable is empty.
    """
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        found = os.environ.get(name, "").strip()
        if not found:
            msg = f"the variable {name} holds nothing"
            raise UsageError(msg)
        return Secret(found)
    if "://" not in text:
        return Path(text)
    if ":" in text.partition("://")[2].rpartition("@")[0] or "password=" in text:
        warn("a password on the command line can be seen by others on this machine; env:NAME keeps it to you")
    return Secret(text)


def _configured(config_path: Path | None) -> Where:
    return load(config_path).store_at(os.environ)


def _moved(source: Where, target: Where, *, as_json: bool, is_copy: bool = False) -> int:
    from stillup.store.move import move as run
    from stillup.store.opening import database_at

    with (
        closing(database_at(source, create=False, patient=True)) as one,
        closing(database_at(target, patient=True)) as other,
        _bar() as told,
    ):
        moved = run(one, other, told, is_copy=is_copy)
    if as_json:
        put(msgspec.json.encode(moved))
    else:
        _tell(moved, one.where, other.where, is_copy=is_copy)
    return _FAULTS if moved.since and not is_copy else 0


def _tell(moved: Moved, source: str, target: str, *, is_copy: bool) -> None:
    out = console()
    rows = [(t.table, t.rows, t.copied, t.digest[:12]) for t in moved.tables if t.rows]
    out.print(_table([("", "rows", "new there", "digest"), *rows]))
    out.print("✓ Both hold the same, row by row.", style="green")
    if moved.since and not is_copy:
        gained = ", ".join(f"{count:+d} {name}" for name, count in moved.since.items())
        warn(f"{source} has changed meanwhile ({gained}): end what writes there, then run this again")
    elif not is_copy:
        out.print(f"{source} is as it was; {target} is ready.", highlight=False, soft_wrap=True, markup=False)


def _table(rows: Sequence[tuple[str | int, ...]]) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for place in range(len(rows[0]) if rows else 1):
        table.add_column(justify="left" if place in (0, 3) else "right")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else cell for cell in row))
    return table


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr, where that is a terminal."""
    err = console(stderr=True)
    if not err.is_terminal:
        yield lambda *_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda what, done, whole: progress.update(task, description=what, completed=done, total=whole)
