"""``stillup later add``: a shell command, or a request, that waits until somebody is well again."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
import msgspec

from stillup.cli.common import config_option, json_option, load
from stillup.cli.say import put, say
from stillup.errors import StoreError, UsageError
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.daemon.later.command import Command
    from stillup.daemon.later.request import Wanted
    from stillup.gateway.later.item import Item

_MOST_BYTES = 64 << 20
_MOST_NAMED = 8
_SHORT_ID = 12
_ACCEPTED = 202


@click.command(
    name="add",
    short_help="Put a shell command, or a request, in line.",
    help="Put COMMAND in line: it runs once, when what it waits for (--for) has been operational again for long "
    "enough, after those before it. `stillup up` runs it, or `stillup later run --wait`. It is kept with its folder "
    "and what it needs to find its programs; no key is kept, and no variable that could hold one. One word with blanks "
    "in it is a line for the shell.\n\n"
    "With --request it is a request for the gateway: the JSON body that a client would send.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--for", "subjects", multiple=True, metavar="SERVICE[/PART]", help="What must be operational.")
@click.option("--after", metavar="ID", default="", help="Only when that command, or request, has succeeded.")
@click.option("--in", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Where it runs.")
@click.option("--env", "wants", multiple=True, metavar="NAME", help="A variable it gets from whoever runs it.")
@click.option("--request", "request", type=click.File("rb"), metavar="FILE", help="A request's JSON body; - is stdin.")
@click.option("--protocol", type=click.Choice(["anthropic", "openai", "openai-responses", "gemini"]), default=None)
@click.option("--model", default="", metavar="NAME", help="The model to ask, where the body names none.")
@json_option
@config_option
@click.argument("words", nargs=-1, metavar="-- COMMAND [ARGS]...")
@click.pass_context
def command(
    context: click.Context,
    *,
    subjects: tuple[str, ...],
    after: str,
    folder: Path | None,
    wants: tuple[str, ...],
    request: BinaryIO | None,
    protocol: str | None,
    model: str,
    as_json: bool,
    config_path: Path | None,
    words: tuple[str, ...],
) -> int:
    """Put it in line."""
    config = load(config_path or context.obj)
    if request is not None:
        if words or subjects or after or wants or folder:
            msg = "--request is for a request, which the gateway asks; a command has none"
            raise UsageError(msg)
        return _add_request(config, request.read(_MOST_BYTES + 1), protocol or "", model, as_json=as_json)
    if not words or not words[0].strip():
        msg = "what is to be run? `stillup later add --for claude -- COMMAND`, or `--request FILE`"
        raise UsageError(msg)
    made = _command(config, words, subjects, after, folder or Path.cwd(), wants)
    if as_json:
        put(msgspec.json.encode(made))
    else:
        _tell(config, made, chosen=bool(subjects))
    return 0


# --- a command


def _command(
    config: Config, words: tuple[str, ...], subjects: tuple[str, ...], after: str, folder: Path, wants: tuple[str, ...]
) -> Command:
    from stillup.cli.later.shell import full_id
    from stillup.clock import SystemClock
    from stillup.daemon.later.command import Command, has_key, is_line, is_text, kept_environment
    from stillup.daemon.later.health import check_subject
    from stillup.daemon.later.shelf import Commands, commands_folder, new_id

    if os.name != "posix":
        msg = "commands that wait need a POSIX system"
        raise UsageError(msg)
    if not all(is_text(word) for word in (*words, str(folder.absolute()))):
        msg = "a command that waits is kept as text; a word of it, or its folder's name, is none (UTF-8)"
        raise UsageError(msg)
    if len(words) > 1 and is_line(words[0]) and shutil.which(words[0]) is None and not (folder / words[0]).exists():
        msg = (
            f"no program is called {clean(words[0], 60)!r}. A line for the shell is one word; "
            "what is said of it stands before: `stillup later add --for claude 'make && make test'`"
        )
        raise UsageError(msg)
    if any(has_key(word) for word in words):
        msg = (
            "a word of the command looks like a key, which would be kept on the disk. Take it from a variable: "
            "`stillup later add --env NAME -- 'COMMAND \"$NAME\"'`"
        )
        raise UsageError(msg)
    for name in wants:
        if not name.replace("_", "a").isalnum() or name[0].isdigit():
            msg = f"--env takes the name of a variable, not {clean(name, 40)!r}: its value is never kept"
            raise UsageError(msg)
    made = Command(
        id=new_id(),
        words=words,
        folder=str(folder.absolute()),
        owner=folder.stat().st_uid,
        environment=kept_environment(os.environ),
        wants=wants,
        subjects=tuple(dict.fromkeys(map(check_subject, subjects or (_meant(config, words[0]),)))),
        after=full_id(config, after) if after else "",
        added_at_s=SystemClock().wall_s(),
    )
    try:
        return Commands(commands_folder(config)).add(made, config.later.max_commands)
    except OSError as error:
        msg = f"it cannot be kept: {error.strerror or type(error).__name__} ({commands_folder(config)})"
        raise StoreError(msg) from error


def _meant(config: Config, program: str) -> str:
    """The service that a program is of, else the first that is watched."""
    from stillup.catalog.load import find_service

    try:
        return find_service(Path(program.split(maxsplit=1)[0]).name).id
    except UsageError:
        return config.services[0]


def _tell(config: Config, made: Command, *, chosen: bool) -> None:
    from stillup.cli.later.shell import is_worked_on
    from stillup.daemon.later.command import left_out

    waits = ", ".join(made.subjects) + ("" if chosen else " (--for says it)")
    behind = f", and for {made.after[:_SHORT_ID]}" if made.after else ""
    click.echo(f"{made.id[:_SHORT_ID]} waits for {waits}{behind}; it runs in {clean(made.folder, 300)}")
    click.echo(f"Kept with it: {', '.join(made.environment) or 'no variable'}.")
    lacks = left_out(os.environ, made.wants)
    if lacks:
        more = f" and {len(lacks) - _MOST_NAMED} more" if len(lacks) > _MOST_NAMED else ""
        names = clean(", ".join(lacks[:_MOST_NAMED]), 400)
        click.echo(f"Not kept: {names}{more} (--env NAME takes one from whoever runs it).")
    if not is_worked_on(config):
        click.echo("Nothing runs it yet: `stillup up` will, or `stillup later run --wait`.")


# --- a request


def _add_request(config: Config, body: bytes, protocol: str, model: str, *, as_json: bool) -> int:
    from stillup.daemon.later.request import wanted_of

    if len(body) > _MOST_BYTES:
        msg = f"the request is longer than {_MOST_BYTES >> 20} MB"
        raise UsageError(msg)
    wanted = wanted_of(body, protocol, model)
    item_id = _by_gateway(config, wanted) or _kept(config, wanted).id
    if as_json:
        put(msgspec.json.encode({"id": item_id}))
    else:
        click.echo(f"{item_id[:14]} is asked when an upstream is well. Its answer: stillup later show {item_id[:14]}")
    return 0


class _Kept(msgspec.Struct):
    id: str


def _by_gateway(config: Config, wanted: Wanted) -> str:
    """Have the running gateway keep it; empty where none runs."""
    from stillup.cli.gateway.address import ask, gateway_url, is_gateway, token_from
    from stillup.gateway.journal.words import told

    url = gateway_url(config)
    if not is_gateway(url):
        return ""
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in wanted.headers}
    headers["x-stillup-defer"] = "queue"
    token = token_from(os.environ)
    answer = ask(url, wanted.path, 30.0, token, method="POST", body=wanted.body, more=headers)
    if answer is None:
        msg = f"the gateway at {url} did not answer; `stillup later list` says whether it has it"
        raise StoreError(msg)
    if answer[0] != _ACCEPTED:
        raise UsageError(told(answer[1]) or f"the gateway refused it ({answer[0]})")
    return msgspec.json.decode(answer[1], type=_Kept).id


def _kept(config: Config, wanted: Wanted) -> Item:
    from stillup.clock import SystemClock
    from stillup.daemon.later.request import keep

    item = keep(config, SystemClock(), wanted, say)
    print("stillup: no gateway runs: the next that does asks it", file=sys.stderr)
    return item
