"""``stillup vault import``: sources are read into the vault, with a bar that says how far it is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct, field

from stillup.cli.common import console
from stillup.cli.say import put, say
from stillup.cli.vault.open import open_from
from stillup.clock import SystemClock
from stillup.errors import BadDataError, UsageError
from stillup.vault.intake import Taken, take
from stillup.vault.sources import Source, known_sources, sources_of
from stillup.vault.write import Put

if TYPE_CHECKING:
    from collections.abc import Callable

    from stillup.config import Config
    from stillup.vault.store import Vault

_MOST_SAID = 12
_GENTLY = 10


class Sum(Struct):
    """What came of all sources."""

    sources: int = 0
    new: int = 0
    grew: int = 0
    known: int = 0
    skips: int = 0
    resumed: int = 0
    said: list[str] = field(default_factory=list)

    def add(self, source: Source, taken: Taken) -> None:
        """One more source was read."""
        self.sources += 1
        self.new += taken.puts[Put.NEW]
        self.grew += taken.puts[Put.GREW]
        self.known += taken.puts[Put.KNOWN]
        self.skips += taken.skips
        self.resumed += taken.resumed
        for skipped in taken.skipped:
            if len(self.said) < _MOST_SAID:
                self.said.append(f"left out: {source.path.name}: {skipped.where}: {skipped.why}")


def run_import(config: Config, paths: Sequence[Path], *, as_json: bool, quiet: bool = False) -> int:
    """Read them; without any, the gateway's journal and what other programs keep on this machine.

    :raises UsageError: there is nothing at a path, or nothing that is known.
    """
    for path in paths:
        if not path.exists():
            msg = f"there is nothing at {path}"
            raise UsageError(msg)
    summed = Sum()
    with open_from(config, create=True) as vault:
        found = _find(config, paths, summed)
        if not found and not summed.said:
            click.echo(
                "Nothing to import was found here: no journal of the gateway, no transcripts of Claude Code or Codex. "
                "Give a file: `stillup vault import EXPORT.zip`.",
                err=True,
            )
        with _bar(sum(source.size_bytes for source in found), quiet=quiet or as_json) as told:
            done = 0
            for source in found:
                _one(vault, source, summed, lambda taken, base=done: told(base + taken.done_bytes))  # type: ignore[misc]
                done += source.size_bytes
                told(done)
    if as_json:
        put(msgspec.json.encode(summed))
    elif found or summed.said:
        _say(summed)
    return BadDataError.exit_code if paths and not found else 0


def run_follow(config: Config) -> int:
    """Read what is new in the journal, and in transcripts if any were imported before; gently, and without a word."""
    if hasattr(os, "nice"):
        os.nice(_GENTLY)
    summed = Sum()
    with open_from(config, create=True) as vault:
        wanted = {"gateway", *(importer for importer, _ in vault.sources())}
        for source in known_sources(config):
            if source.importer.name in wanted:
                _one(vault, source, summed, lambda _: None)
    return 0


def _find(config: Config, paths: Sequence[Path], summed: Sum) -> list[Source]:
    if not paths:
        return known_sources(config)
    found: list[Source] = []
    for path in paths:
        here = list(sources_of(path))
        if not here:
            summed.said.append(
                f"{path}: of no kind that is known here (Claude, ChatGPT, Gemini exports, transcripts of Claude Code "
                "or Codex, saved pages, Markdown, JSON)"
            )
        found += here
    return found


def _one(vault: Vault, source: Source, summed: Sum, told: Callable[[Taken], None]) -> None:
    try:
        summed.add(source, take(vault, source.path, source.importer, SystemClock(), told))
    except OSError as exc:  # it went away, or may not be read: the others go on
        summed.said.append(f"{source.path}: cannot be read: {exc.strerror or type(exc).__name__}")


def _say(summed: Sum) -> None:
    for line in summed.said:
        say(line)
    more = summed.skips - len([line for line in summed.said if line.startswith("left out")])
    if more > 0:
        say(f"… and {more} more that could not be read")
    words = [f"{summed.new} new", f"{summed.grew} grew", f"{summed.known} known already"]
    went_on = f"; went on where an earlier import ended in {summed.resumed}" if summed.resumed else ""
    names = "source" if summed.sources == 1 else "sources"
    click.echo(f"{summed.sources} {names} read: {', '.join(words)}{went_on}.")


@contextmanager
def _bar(total: int, *, quiet: bool) -> Iterator[Callable[[float], None]]:
    """A bar on stderr, where that is a terminal."""
    err = console(stderr=True)
    if quiet or not err.is_terminal or not total:
        yield lambda _: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)
