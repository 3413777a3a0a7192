"""Where conversations are to be had: what a path holds, and what this machine's programs keep by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.config.source_options import ClaudeCodeOptions, CodexOptions
from stillup.vault.exchanges import GatewayJournal
from stillup.vault.importing import recognise, size_bytes, sources
from stillup.vault.values import Importer

if TYPE_CHECKING:
    from stillup.config import Config


class Source(Struct, frozen=True):
    """One thing to read, and who reads it."""

    path: Path
    importer: Importer
    size_bytes: int


def sources_of(path: Path) -> Iterator[Source]:
    """What a file or folder holds; nothing where none of it is known."""
    journal = GatewayJournal()
    if journal.recognises(path):
        yield Source(path, journal, size_bytes(path))
        return
    for each in sources(path):
        importer = recognise(each)
        if importer is not None:
            yield Source(each, importer, size_bytes(each))


def known_sources(config: Config) -> list[Source]:
    """The gateway's journal, and the transcripts of Claude Code and Codex, where there are any."""
    folders = (config.data_folder / "journal", *_transcripts(config))
    return [source for folder in folders if folder.is_dir() for source in sources_of(folder)]


def _transcripts(config: Config) -> Iterator[Path]:
    """The programs' folders: as configured for the sources that look for failures in them, else their own."""
    for name, spec in (("claude_code", ClaudeCodeOptions), ("codex", CodexOptions)):
        options = config.sources[name].everywhere if name in config.sources else None
        if isinstance(options, spec) and options.path:
            yield Path(options.path)
        else:
            yield import_module(f"stillup.sources.{name}").SOURCE.folder()
