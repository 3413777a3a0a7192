"""What ``stillup later`` sees: the running gateway's word, or the files where none runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec import Struct

from stillup.cli.common import UNAVAILABLE, clock_time, console
from stillup.cli.gateway.address import ask, gateway_url, token_from, why_not
from stillup.cli.gateway.words import fault_words
from stillup.cli.say import put, tamed, warn
from stillup.clock import SystemClock
from stillup.daemon.gateway import later_folder
from stillup.errors import StoreError, UsageError
from stillup.gateway.journal.words import answered, told
from stillup.gateway.later.item import Item, State
from stillup.gateway.later.shelf import read_answer, read_items
from stillup.gateway.later.told import PATH
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.daemon.later.command import Command

_SHORT_ID = 14
_NARROW = 60
"""Columns; below it what a table can do without is left out."""
_STYLES = {State.ANSWERED: "green", State.FAILED: "red", State.UNSURE: "red", State.RUNNING: "yellow"}
_OK = 200
_DONE = (200, 202)
_MOST_TEXT = 100_000


class _Listing(Struct):
    items: tuple[Item, ...] | None = None
    """None where ids are not told, for whoever has one may have the answer: they are in the folder."""


class Kept(Struct, frozen=True):
    """Everything that is kept, in line. ``url`` is the running gateway's, empty where none runs."""

    items: tuple[Item, ...]
    folder: Path
    url: str

    @classmethod
    def of(cls, config: Config) -> Kept:
        """Ask the gateway, else read the files.

        :raises UsageError: the gateway wants a token.
        :raises StoreError: the files cannot be read.
        """
        url, folder = gateway_url(config), later_folder(config)
        answer = ask(url, PATH, token=token_from(os.environ))
        if answer is None:
            return cls(_in_files(folder), folder, "")
        status, body = answer
        listing = _listing(body) if status == _OK else None
        if listing is None:
            msg = f"{url} does not tell what it has put off: {why_not(status)}"
            raise UsageError(msg)
        return cls(_in_files(folder) if listing.items is None else listing.items, folder, url)

    def find(self, beginning: str) -> Item:
        """The one whose id begins so.

        :raises UsageError: there is none, or there are several.
        """
        wanted = beginning if beginning.startswith("later_") else f"later_{beginning}"
        found = [item for item in self.items if beginning and item.id.startswith(wanted)]
        if len(found) == 1:
            return found[0]
        says = "several are called so; give more of the id" if found else "nothing that waits is called so"
        msg = f"{clean(beginning, 60) or 'without an ID'}: {says} (`stillup later list`)"
        raise UsageError(msg)

    def facts(self, item: Item) -> dict[str, Any]:
        """It for programs."""
        facts: dict[str, Any] = msgspec.to_builtins(item)
        return {"kind": "request", **{name: value for name, value in facts.items() if name != "digest"}}

    def text(self, item: Item) -> str | None:
        """What the answer says; None while there is none."""
        found = self._answer(item)
        if found is None:
            return None
        body, coding = found
        return (answered(body, coding) or told(body, coding) or body.decode("utf-8", "replace"))[:_MOST_TEXT]

    def print_list(self, commands: Sequence[Command], *, color: bool | None) -> None:
        """Requests and commands as a table."""
        from rich.table import Table

        from stillup.cli.later import shell

        if not self.items and not commands:
            click.echo("Nothing was put off.", err=True)
            return
        now, out = SystemClock().now(), console(color=color)
        is_narrow = out.width < _NARROW
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("id", "state", "") if is_narrow else ("id", "since", "what", "state", ""):
            table.add_column(name, overflow="fold", no_wrap=name in {"id", "state"})
        for item in self.items:
            since = clock_time(datetime.fromtimestamp(item.kept_at_s, UTC), now)
            of = () if is_narrow else (since, clean(item.model, 60))
            style = _STYLES.get(item.state, "")
            table.add_row(item.id[:_SHORT_ID], *of, item.state.value, self._what(item), style=style)
        for command in commands:
            since = clock_time(datetime.fromtimestamp(command.added_at_s, UTC), now)
            of = () if is_narrow else (since, clean(shell.line_text(command), 60))
            style, told = shell.STYLES.get(command.stage, ""), shell.what(command)
            table.add_row(command.id[:_SHORT_ID], *of, command.stage.value, told, style=style)
        out.print(table)

    def print_one(self, item: Item) -> None:
        """State and answer."""
        now = SystemClock().now()
        since = clock_time(datetime.fromtimestamp(item.kept_at_s, UTC), now)
        why = f" ({fault_words(item.why)})" if item.why else ""
        click.echo(clean(f"{item.id}: {item.model or item.operation.value}, put off {since}{why}", 300))
        colon = " " if item.state is State.ANSWERED else ": "
        click.echo(clean(f"{item.state.value}{colon}{self._what(item)}", 500))
        if item.run_id:
            click.echo(clean(f"In the journal: {item.run_id}", 100))
        text = self.text(item)
        if text is not None:
            click.echo()
            click.echo(tamed(text))

    def print_raw(self, item: Item) -> int:
        """The bytes of the answer; 69 while there is none."""
        found = self._answer(item)
        if found is None:
            warn(f"{item.id} has no answer: it is {item.state.value}")
            return UNAVAILABLE
        put(found[0], nl=False)
        return 0

    def order(self, method: str, path: str, *, as_json: bool) -> int:
        """Have the gateway do something; 69 where none runs."""
        answer = ask(self.url, PATH + path, token=token_from(os.environ), method=method) if self.url else None
        if answer is None:
            warn("no gateway runs that could do that; start one with `stillup gateway`")
            return UNAVAILABLE
        status, body = answer
        if status not in _DONE:
            raise UsageError(told(body) or "the gateway refused it")
        if as_json:
            put(body)
        else:
            click.echo("It is forgotten." if method == "DELETE" else "It is asked as soon as its turn comes.")
        return 0

    def _what(self, item: Item) -> str:
        """What came of it, or why it waits."""
        if item.state is State.RUNNING and not self.url:
            return "the gateway ended while it was being asked; the next that runs sees what came of it"
        return _what(item)

    def _answer(self, item: Item) -> tuple[bytes, str] | None:
        """The answer's bytes and content coding."""
        if not item.state.is_over:
            return None
        if self.url:
            got = ask(self.url, f"{PATH}/{item.id}", token=token_from(os.environ), patience_s=30.0)
            return (got[1], "") if got is not None and got[0] != 410 else None
        kept = read_answer(self.folder, item.id)
        if kept is None:
            return None
        coding = next((value for name, value in kept.headers if name.lower() == b"content-encoding"), b"")
        return kept.body, coding.decode("latin-1")


def _listing(body: bytes) -> _Listing | None:
    try:
        return msgspec.json.decode(body, type=_Listing)
    except msgspec.DecodeError:
        return None


def _in_files(folder: Path) -> tuple[Item, ...]:
    try:
        return tuple(sorted(read_items(folder), key=lambda item: item.number))
    except OSError as error:
        msg = f"what was put off cannot be read: {error.strerror or type(error).__name__} ({folder})"
        raise StoreError(msg) from error


def _what(item: Item) -> str:
    """What came of it, or why it waits."""
    if item.state is State.ANSWERED:
        return clean(f"by {item.answered_by}{'' if item.fetched else ', not fetched yet'}", 200)
    why = item.last or (fault_words(item.why) if item.why else "nobody was asked yet")
    times = f" (asked again {item.runs} times)" if item.runs > 1 else ""
    return clean(f"{why}{times}", 300)
