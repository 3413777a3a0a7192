"""``stillup vault``: your conversations, kept for good, searched, written out and gone on with."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from stillup.cli.common import color_option, config_option, json_option, load

_BEGINNING = "The beginning of its ID is enough."
_FORMATS = ("markdown", "json", "anthropic", "openai", "openai-responses", "gemini")


_service = click.option("--service", default="", help="Only of this service, as `claude`.")
_origin = click.option("--origin", default="", help="Only of this origin, as `gateway`; `stillup vault` lists them.")


@click.group(
    name="vault",
    invoke_without_command=True,
    help="Your conversations in one private file on this machine: from the gateway and from imports, searched at once, "
    "never lost. Without a subcommand: what is in it.",
)
@json_option
@config_option
@click.pass_context
def command(context: click.Context, as_json: bool, config_path: Path | None) -> int:
    """Say what is in it, unless a subcommand follows."""
    context.obj = config_path
    if context.invoked_subcommand:
        return 0
    from stillup.cli.vault.view import show_status

    return show_status(load(config_path), as_json=as_json)


@command.command(
    name="import",
    short_help="Read exports, transcripts, saved pages, and the gateway's journal.",
    help="Read exports (Claude, ChatGPT, Gemini Takeout), transcripts (Claude Code, Codex), saved pages, Markdown or "
    "JSON: files, archives or folders. Without a SOURCE: the gateway's journal and the transcripts on this machine. "
    "What is there already is not doubled; an import that was interrupted goes on where it ended.",
)
@click.argument("source", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--follow", is_flag=True, hidden=True, help="What `stillup up` does: only of kinds that were read before."
)
@json_option
@config_option
@click.pass_context
def import_(
    context: click.Context, source: tuple[Path, ...], follow: bool, as_json: bool, config_path: Path | None
) -> int:
    """Read them."""
    from stillup.cli.vault.import_ import run_follow, run_import

    if follow:
        return run_follow(load(config_path or context.obj))
    return run_import(load(config_path or context.obj), source, as_json=as_json)


@command.command(
    name="add",
    short_help="Keep a saved page or another file.",
    help="Keep FILEs: pages of claude.ai or ChatGPT that you saved, Markdown, JSON.",
)
@click.argument("file", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@json_option
@config_option
@click.pass_context
def add(context: click.Context, file: tuple[Path, ...], as_json: bool, config_path: Path | None) -> int:
    """Read them."""
    from stillup.cli.vault.import_ import run_import

    return run_import(load(config_path or context.obj), file, as_json=as_json)


@command.command(
    name="paste",
    short_help="Keep what is in the clipboard.",
    help="Keep what is in the clipboard, or what is piped in: a conversation in any form that can be imported, else "
    "a text as it is.",
)
@click.option("--title", default="", help="What to call it. Default: its first line.")
@config_option
@click.pass_context
def paste(context: click.Context, title: str, config_path: Path | None) -> int:
    """Keep it."""
    from stillup.cli.vault.paste import run_paste

    piped = None if sys.stdin.isatty() else sys.stdin.buffer.read()
    return run_paste(load(config_path or context.obj), piped, title)


@command.command(
    name="search",
    short_help="Conversations with these words in them.",
    help='Conversations with all these words in them: a word, "a phrase", beginning*, -without (put `--` before it), '
    "one OR other.",
)
@click.argument("words", nargs=-1, required=True)
@_origin
@_service
@click.option("--role", type=click.Choice(["user", "assistant"]), help="Only what you said, or what was answered.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day on (UTC).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Before this day (UTC).")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many to list.")
@json_option
@color_option
@config_option
@click.pass_context
def search(  # noqa: PLR0917 - click hands over each option
    context: click.Context,
    words: tuple[str, ...],
    origin: str,
    service: str,
    role: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """List what is found; exit code 1 where nothing is."""
    from stillup.cli.vault.view import show_found, wanted_of

    wanted = wanted_of(words, origin=origin, service=service, role=role or "", since=since, until=until)
    return show_found(load(config_path or context.obj), wanted, limit, as_json=as_json, color=color)


@command.command(name="list", short_help="Conversations, newest first.", help="Conversations, newest first.")
@_origin
@_service
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many to list.")
@json_option
@color_option
@config_option
@click.pass_context
def list_(
    context: click.Context,
    origin: str,
    service: str,
    limit: int,
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """List them."""
    from stillup.cli.vault.view import show_list

    narrowed = (origin, service)
    return show_list(load(config_path or context.obj), narrowed, limit, as_json=as_json, color=color)


@command.command(name="show", short_help="One conversation.", help=f"One conversation, its newest branch. {_BEGINNING}")
@click.argument("id", metavar="ID")
@click.option("--last", type=click.IntRange(min=1), help="Only the last so many messages.")
@json_option
@config_option
@click.pass_context
def show(context: click.Context, id: str, last: int | None, as_json: bool, config_path: Path | None) -> int:  # noqa: A002
    """Print it."""
    from stillup.cli.vault.view import show_one

    return show_one(load(config_path or context.obj), id, last, as_json=as_json)


@command.command(
    name="export",
    short_help="Write conversations as Markdown, JSON or a provider's messages.",
    help="Write conversations into a FOLDER, a file each, with their attachments beside them; or one, named by its ID, "
    "to standard output. A file that is there already and is the same stays as it is.",
)
@click.argument("id", metavar="[ID]…", nargs=-1)
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="The folder; made where missing."
)
@click.option("--format", "how", type=click.Choice(_FORMATS), default="markdown", show_default=True, help="As what.")
@_origin
@_service
@config_option
@click.pass_context
def export(
    context: click.Context,
    id: tuple[str, ...],  # noqa: A002
    folder: Path | None,
    how: str,
    origin: str,
    service: str,
    config_path: Path | None,
) -> int:
    """Write them."""
    from stillup.cli.vault.export import run_export

    return run_export(load(config_path or context.obj), id, folder, how, (origin, service))


@command.command(
    name="continue",
    short_help="Go on with a conversation, with another model or anywhere.",
    help="Go on with a conversation: with a model that the running gateway reaches (--with), or as a short brief to "
    "paste anywhere (--brief): goal, decisions, open points, last messages. "
    f"{_BEGINNING}",
)
@click.argument("id", metavar="ID")
@click.option("--with", "model", metavar="MODEL", help="The model to go on with, as a client names it.")
@click.option("--say", "text", help="What to say next. Default: it is asked for, or read where it is piped in.")
@click.option("--brief", "as_brief", is_flag=True, help="Print the brief and ask nobody.")
@click.option("--copy", "to_clipboard", is_flag=True, help="Put the brief into the clipboard too.")
@config_option
@click.pass_context
def continue_(
    context: click.Context,
    id: str,  # noqa: A002
    model: str | None,
    text: str | None,
    as_brief: bool,
    to_clipboard: bool,
    config_path: Path | None,
) -> int:
    """Send it on, or print the brief."""
    from stillup.cli.vault.onward import run_brief, run_continue

    config = load(config_path or context.obj)
    if as_brief or to_clipboard or model is None:
        return run_brief(config, id, to_clipboard=to_clipboard, hint=not as_brief)
    return run_continue(config, id, model, text)


@command.command(
    name="verify",
    short_help="See that everything in it is whole.",
    help="See that the file, every message, every attachment and the index are whole. Exit code 65 if not.",
)
@json_option
@config_option
@click.pass_context
def verify(context: click.Context, as_json: bool, config_path: Path | None) -> int:
    """Check it."""
    from stillup.cli.vault.keep import run_verify

    return run_verify(load(config_path or context.obj), as_json=as_json)


@command.command(
    name="prune",
    short_help="Delete conversations for good.",
    help="Delete conversations for good: those named by ID, or those that did not change for so many days, or of one "
    "origin. It asks first.",
)
@click.argument("id", metavar="[ID]…", nargs=-1)
@click.option("--older-than", "days", type=click.IntRange(min=1), help="Those that did not change for so many days.")
@_origin
@_service
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@click.pass_context
def prune(
    context: click.Context,
    id: tuple[str, ...],  # noqa: A002
    days: int | None,
    origin: str,
    service: str,
    yes: bool,
    config_path: Path | None,
) -> int:
    """Delete them."""
    from stillup.cli.vault.keep import run_prune

    return run_prune(load(config_path or context.obj), id, days, (origin, service), yes=yes)


@command.command(
    name="encrypt",
    short_help="Encrypt it, or change its passphrase.",
    help="Encrypt the vault (SQLCipher), or change its passphrase. Who loses the passphrase loses the vault.",
)
@click.option("--keyring", is_flag=True, help="Keep the passphrase in this system's keyring too.")
@config_option
@click.pass_context
def encrypt(context: click.Context, keyring: bool, config_path: Path | None) -> int:
    """Encrypt it."""
    from stillup.cli.vault.keep import run_encrypt

    return run_encrypt(load(config_path or context.obj), keyring=keyring)


@command.command(name="decrypt", short_help="Keep it unencrypted.", help="Keep the vault unencrypted from now on.")
@config_option
@click.pass_context
def decrypt(context: click.Context, config_path: Path | None) -> int:
    """Decrypt it."""
    from stillup.cli.vault.keep import run_decrypt

    return run_decrypt(load(config_path or context.obj))
