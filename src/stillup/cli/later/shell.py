"""Commands that wait, as ``stillup later`` shows and orders them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec.structs import replace

from stillup.cli.common import clock_time
from stillup.cli.say import put, tamed, warn
from stillup.clock import SystemClock
from stillup.daemon.gateway import later_folder
from stillup.daemon.later.command import Command, Stage, missing
from stillup.daemon.later.line import line_of, told_of
from stillup.daemon.later.run import stop
from stillup.daemon.later.shelf import Commands, commands_folder
from stillup.errors import StoreError, UsageError
from stillup.gateway.later.shelf import read_items
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.config import Config

STYLES = {Stage.DONE: "green", Stage.FAILED: "red", Stage.UNSURE: "red", Stage.RUNNING: "yellow"}
_SHORT_ID = 12
_MOST_TEXT = 100_000
_STOP_S = 5.0


def commands_of(config: Config) -> list[Command]:
    """All of them, in line.

    :raises StoreError: the folder cannot be read.
    """
    commands = Commands(commands_folder(config))
    try:
        found = commands.read()
        if any(command.stage is Stage.RUNNING for command in found):
            with commands.changing():  # nobody begins one just now, and holds not its lock yet
                found = [_seen(commands, command) for command in commands.read()]
    except OSError as error:
        raise _unreadable(config, error) from error
    return found


def _seen(commands: Commands, command: Command) -> Command:
    """One that went on when whoever ran it left, and has ended since: nobody was there to note it."""
    if command.stage is not Stage.RUNNING or commands.is_running(command.id):
        return command
    code = commands.exit_code(command.id)
    ended = f"ended with exit code {code}" if code is not None else "ended, and nobody saw how"
    return replace(command, says=f"{ended}; `stillup later run --wait` notes it")


def _unreadable(config: Config, error: OSError) -> StoreError:
    why = error.strerror or type(error).__name__
    return StoreError(f"commands that wait cannot be read: {why} ({commands_folder(config)})")


def find(config: Config, beginning: str) -> Command | None:
    """The command whose id begins so; None where there is none.

    :raises UsageError: there are several.
    """
    if not beginning or beginning.startswith("later_"):
        return None
    wanted = beginning if beginning.startswith("cmd_") else f"cmd_{beginning}"
    found = [c for c in commands_of(config) if c.id.startswith(wanted)]
    if len(found) > 1:
        msg = f"{clean(beginning, 60)}: several are called so; give more of the id (`stillup later list`)"
        raise UsageError(msg)
    return found[0] if found else None


def full_id(config: Config, beginning: str) -> str:
    """The id of a command, or of a request, that begins so.

    :raises UsageError: there is none.
    """
    command = find(config, beginning)
    if command is not None:
        return command.id
    wanted = beginning if beginning.startswith("later_") else f"later_{beginning}"
    items = [item.id for item in read_items(later_folder(config)) if beginning and item.id.startswith(wanted)]
    if len(items) == 1:
        return items[0]
    msg = f"{clean(beginning, 60)}: nothing that waits is called so (`stillup later list`)"
    raise UsageError(msg)


def is_worked_on(config: Config) -> bool:
    """Whether a process runs what waits."""
    with Commands(commands_folder(config)).line() as line:
        return not line.taken()


def facts(command: Command) -> dict[str, Any]:
    """It for programs; of its environment the names only."""
    told: dict[str, Any] = msgspec.to_builtins(command)
    return {"kind": "command", **told, "environment": sorted(command.environment)}


def what(command: Command) -> str:
    """What came of it, or what it waits for."""
    if command.stage is Stage.WAITING:
        behind = f" and {command.after[:_SHORT_ID]}" if command.after else ""
        why = command.says or f"for {', '.join(command.subjects)}{behind}"
        return "it is next" if command.hurried else clean(why, 200)
    return clean(command.says if command.stage is Stage.RUNNING else told_of(command), 200)


def line_text(command: Command) -> str:
    """The command itself, in one line."""
    words = command.words
    return clean(words[0] if len(words) == 1 else shlex.join(words), 200)


def print_one(config: Config, command: Command) -> None:
    """How far it is, and what it wrote."""
    now = SystemClock().now()
    since = clock_time(datetime.fromtimestamp(command.added_at_s, UTC), now)
    click.echo(f"{command.id}: {line_text(command)}")
    click.echo(clean(f"added {since}, in {command.folder}", 500))
    click.echo(clean(f"{command.stage.value} {what(command)}".rstrip(), 500))
    shown = output_of(config, command)
    if shown:
        click.echo()
        click.echo(tamed(shown), nl=not shown.endswith("\n"))


def print_raw(config: Config, command: Command) -> int:
    """The bytes of its output."""
    put(Commands(commands_folder(config)).output(command.id), nl=False)
    return 0


def output_of(config: Config, command: Command) -> str:
    """What it wrote, its end."""
    return Commands(commands_folder(config)).output(command.id).decode("utf-8", "replace")[-_MOST_TEXT:]


def run_now(config: Config, wanted: Sequence[Command], *, as_json: bool) -> int:
    """Run some now, in line; where another process does that already, it is told to."""
    for command in wanted:
        hurry(config, command)
    ids = {command.id for command in wanted}
    if not work(config, lambda c: c.id in ids):
        click.echo("It runs as soon as its turn comes: another process runs what waits.")
        return 0
    return _told(config, ids, as_json=as_json)


def wait_here(config: Config, beginning: str | None, *, as_json: bool) -> int:
    """Run what waits when it is its time, until none does, or that one is over."""
    only = find(config, beginning) if beginning else None
    if beginning and only is None:
        msg = f"{clean(beginning, 60)}: no command that waits is called so (`stillup later list`)"
        raise UsageError(msg)
    mine = [only] if only else [c for c in commands_of(config) if not c.stage.is_over]
    if not mine:
        click.echo("No command waits.", err=True)
        return 0
    for command in mine:
        lacks = missing(command, os.environ)
        also = f" (and for {', '.join(lacks)}, which is not set here)" if lacks else ""
        warn(f"{command.id[:_SHORT_ID]} waits for {', '.join(command.subjects)}{also}: {line_text(command)}")
    if not work(config, lambda c: c.id == only.id if only else True):
        msg = "another process runs what waits already (`stillup up`?)"
        raise UsageError(msg)
    return _told(config, {command.id for command in mine}, as_json=as_json)


def _told(config: Config, ids: Collection[str], *, as_json: bool) -> int:
    over = [c for c in commands_of(config) if c.id in ids]
    for command in over:
        if as_json:
            put(msgspec.json.encode(facts(command)))
    return 0 if all(c.stage is Stage.DONE for c in over) else 1


def cancel(config: Config, command: Command) -> int:
    """Stop it where it runs, and forget it."""
    commands = Commands(commands_folder(config))
    try:
        with commands.changing():
            found = commands.find(command.id)
            if found is not None and found.stage is not Stage.RUNNING:
                commands.drop(found.id)
        if found is not None and found.stage is Stage.RUNNING:
            stop(commands, found, _STOP_S)
            if commands.is_running(found.id):
                msg = f"{found.id} runs, and cannot be stopped from here; it is not forgotten"
                raise StoreError(msg)
            with commands.changing():
                commands.drop(found.id)
            click.echo("It is stopped and forgotten; what it had done by then stays done.")
            return 0
    except OSError as error:
        raise _unreadable(config, error) from error
    click.echo("It is forgotten.")
    return 0


def hurry(config: Config, command: Command) -> None:
    """It is next, whatever is known of what it waits for; one that is over runs anew."""
    commands = Commands(commands_folder(config))
    try:
        with commands.changing():
            found = commands.find(command.id)
            if found is None or found.stage is Stage.RUNNING:
                msg = f"{command.id} runs already" if found else f"{command.id} was cancelled"
                raise UsageError(msg)
            commands.put(replace(found, stage=Stage.WAITING, hurried=True, after="", says="", done_at_s=None))
    except OSError as error:
        raise _unreadable(config, error) from error


def work(config: Config, wanted: Callable[[Command], bool]) -> bool:
    """Run what waits, here, until none that is wanted does; False where another process does it already."""
    import asyncio

    clock = SystemClock()

    async def until_done() -> bool:
        line = line_of(config, os.environ, clock, warn)
        return await line.until_done(wanted)

    try:
        return asyncio.run(until_done())
    except KeyboardInterrupt:
        for command in commands_of(config):
            if command.stage is Stage.RUNNING and not command.says:
                id_ = command.id[:_SHORT_ID]
                warn(f"{id_} goes on by itself; `stillup later cancel {id_}` stops it")
        raise
    except OSError as error:
        raise _unreadable(config, error) from error
