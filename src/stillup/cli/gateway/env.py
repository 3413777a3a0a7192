"""What to set so that a client asks the gateway, for the shell at hand."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from stillup.catalog.clients import Client, clients, fill
from stillup.cli.gateway.address import gateway_url
from stillup.errors import UsageError
from stillup.marked import put_between

if TYPE_CHECKING:
    from stillup.config import Config

TOKEN = "YOUR_TOKEN"  # noqa: S105 - a word in its place, no token
BEGIN = "<!-- clients: made by script/gateway-clients, do not edit by hand -->"
END = "<!-- clients: end -->"
_USUAL = "http://127.0.0.1:8790"
_ALIASES = {"claude": "claude-code", "google": "gemini", "python": "openai"}


def show_clients() -> int:
    """The clients that are known, one a line."""
    for client in clients().values():
        click.echo(f"{client.id:12} {client.name}")
    return 0


def show_env(config: Config, word: str, shell: str) -> int:
    """Print what one client needs.

    :raises UsageError: no such client; the message has the nearest names.
    """
    client = _find(word)
    url = gateway_url(config)
    for line in lines(client, url, shell, token=TOKEN if config.gateway.users else ""):
        click.echo(line)
    return 0


def lines(client: Client, url: str, shell: str, token: str = "") -> Iterator[str]:
    """The variables as the shell sets them, the snippet as it is, and all words as comments."""
    yield f"# {client.name} through the gateway at {url}"
    for step in client.steps:
        yield f"# - {fill(step, url)}"
    for name, value in client.filled(url, token).items():
        yield SHELLS[shell](name, value)
    if client.snippet:
        yield f"# {client.file}:"
        yield fill(client.snippet, url).strip("\n")
    elif client.file:
        yield f"# {client.file}."
    for note in client.notes:
        yield f"# {fill(note, url)}"
    if token and client.token:
        yield f"# {TOKEN} is the token that the gateway's owner gave you; keep it out of files that are shared."


def with_clients(page: str) -> str:
    """The page of the documentation with what each client needs between its two marks.

    :raises ValueError: the page lacks a mark.
    """
    parts = [
        f"### {client.name.replace('the ', 'The ')}: `stillup gateway env {client.id}`\n\n"
        f"```\n{chr(10).join(lines(client, _USUAL, 'sh'))}\n```\n\n[Its documentation]({client.source})\n"
        for client in clients().values()
    ]
    return put_between(page, BEGIN, END, "\n".join(parts))


def _sh(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str) -> str:
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'"


SHELLS: dict[str, Callable[[str, str], str]] = {"sh": _sh, "fish": _fish, "powershell": _powershell}


def _find(word: str) -> Client:
    known = clients()
    found = known.get(_ALIASES.get(word.lower(), word.lower()))
    if found is not None:
        return found
    near = get_close_matches(word.lower(), known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}."
    msg = f"no client called {word[:40]!r}; {hint} Anything that takes a base URL works."
    raise UsageError(msg)
