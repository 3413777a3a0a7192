"""What ``stillup vault`` shows: what is in it, what was found, a conversation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from stillup.cli.common import console
from stillup.cli.say import put, tamed
from stillup.cli.vault.open import open_from, vault_path
from stillup.sources.decode import clean
from stillup.vault.branch import newest_branch
from stillup.vault.crypt import is_encrypted
from stillup.vault.export import written
from stillup.vault.search import Found, Results, Wanted, search

if TYPE_CHECKING:
    from rich.text import Text

    from stillup.config import Config
    from stillup.vault.store import About

_KEY, _TITLE = 10, 70
_NOTHING = 1
_MB = 1_000_000


def show_status(config: Config, *, as_json: bool) -> int:
    """How much is in it, and where it is."""
    path = vault_path(config)
    if not path.exists() and not as_json:
        click.echo(f"There is no vault yet. `stillup vault import` makes one at {path}.", err=True)
        return 0
    tallies = []
    if path.exists():
        with open_from(config) as vault:
            tallies = vault.tallies()
    facts: dict[str, Any] = {
        "path": str(path),
        "encrypted": is_encrypted(path),
        "bytes": path.stat().st_size if path.exists() else 0,
        "origins": [msgspec.to_builtins(tally) for tally in tallies],
    }
    if as_json:
        put(msgspec.json.encode(facts))
        return 0
    locked = "encrypted" if facts["encrypted"] else "not encrypted"
    click.echo(f"{path} · {facts['bytes'] / _MB:.1f} MB · {locked}")
    for tally in tallies:
        click.echo(f"  {tally.origin}: {tally.conversations:,} conversations, {tally.messages:,} messages")
    return 0


def wanted_of(
    words: tuple[str, ...], *, origin: str, service: str, role: str, since: datetime | None, until: datetime | None
) -> Wanted:
    """What is looked for. A shell takes the quotation marks off a phrase: it comes as one word with blanks in it."""
    quoted = [f'"{word}"' if " " in word.strip() and '"' not in word else word for word in words]
    return Wanted(
        words=" ".join(quoted) if len(words) > 1 else words[0],
        origin=origin,
        service=service,
        role=role,
        since_s=since.replace(tzinfo=UTC).timestamp() if since else None,
        until_s=until.replace(tzinfo=UTC).timestamp() if until else None,
    )


def show_found(config: Config, wanted: Wanted, limit: int, *, as_json: bool, color: bool | None) -> int:
    """List conversations with the words in them; 1 where there are none."""
    with open_from(config) as vault:
        results = search(vault, wanted, limit=limit)
    if as_json:
        put(msgspec.json.encode(results))
    else:
        _print_found(results, color=color)
    return 0 if results.found else _NOTHING


def _print_found(results: Results, *, color: bool | None) -> None:
    from rich.text import Text

    out = console(color=color)
    if not results.found:
        click.echo("Nothing was found.", err=True)
        return
    for found in results.found:
        out.print(_head(found.about, out.width, found))
        for hit in found.hits:
            line = Text(f"  {'you' if hit.role == 'user' else hit.role}: ", style="dim")
            at = len(line)
            line.append("".join(c if c.isprintable() else " " for c in hit.snippet), style="default")
            for start, end in hit.marks:
                line.stylize("bold", at + start, at + end)
            out.print(line)
    rest = results.conversations - len(results.found)
    if rest > 0 or results.more:
        more = "; only the newest messages with these words were looked at" if results.more else ""
        click.echo(f"… and {rest} more conversations (--limit){more}.", err=True)


def _head(about: About, width: int, found: Found | None = None) -> Text:
    from rich.text import Text

    facts = [about.origin, *([about.service] if about.service not in ("", about.origin) else [])]
    facts += [f"{about.turns} messages"] if found is None else [f"{found.count} hits"] if found.count > 2 else []
    told = clean(", ".join(facts), 100)
    room = max(width - _KEY - 16 - len(told), 20)
    line = Text(about.key[:_KEY], style="bold")
    line.append(f"  {day(about.changed_s)}  ", style="dim")
    line.append(clean(about.title, min(room, _TITLE)) or "Untitled")
    line.append(f"  {told}", style="dim")
    return line


def day(at_s: float | None) -> str:
    """The day, or a blank of its width."""
    try:
        return " " * 10 if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return " " * 10


def show_list(config: Config, narrowed: tuple[str, str], limit: int, *, as_json: bool, color: bool | None) -> int:
    """The newest conversations."""
    origin, service = narrowed
    with open_from(config) as vault:
        abouts = vault.newest(limit, origin=origin, service=service)
    if as_json:
        put(msgspec.json.encode(abouts))
        return 0
    if not abouts:
        click.echo("Nothing is kept yet: `stillup vault import`.", err=True)
    out = console(color=color)
    for about in abouts:
        out.print(_head(about, out.width))
    return 0


def show_one(config: Config, beginning: str, last: int | None, *, as_json: bool) -> int:
    """A conversation as Markdown or JSON."""
    with open_from(config) as vault:
        about = vault.find(beginning)
        conversation = vault.load(about)
    if last is not None:
        conversation = msgspec.structs.replace(conversation, turns=newest_branch(conversation.turns)[-last:])
    text = written(conversation, "json" if as_json else "markdown", about.key).decode()
    put(tamed(text), nl=not text.endswith("\n"))
    return 0
