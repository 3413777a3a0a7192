"""What the vault can read: each kind of export, transcript, page or file is one importer.

Sources are strangers' files. Each importer reads them piece by piece, names what it has to leave out and goes on, and
writes nothing anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stillup.vault.importing.bundle import walk
from stillup.vault.values import Importer


@cache
def importers() -> tuple[Importer, ...]:
    """All of them; those that look most closely come first."""
    from stillup.vault.importing.chatgpt_export import ChatGptExport
    from stillup.vault.importing.claude_code import ClaudeCode
    from stillup.vault.importing.claude_export import ClaudeExport
    from stillup.vault.importing.codex import Codex
    from stillup.vault.importing.gemini_activity import GeminiActivity
    from stillup.vault.importing.gemini_takeout import GeminiTakeout
    from stillup.vault.importing.saved_page import SavedPage

    return (
        ClaudeCode(),
        Codex(),
        ClaudeExport(),
        ChatGptExport(),
        GeminiTakeout(),
        GeminiActivity(),
        SavedPage(),
    )


def recognise(source: Path) -> Importer | None:
    """The importer for a file or an unpacked export; None where none knows it."""
    return next((importer for importer in importers() if importer.recognises(source)), None)


def sources(path: Path) -> Iterator[Path]:
    """What a path holds, each to be read and marked by itself: itself, or what of a folder an importer knows."""
    if not path.is_dir() or recognise(path) is not None:
        yield path
        return
    for entry in walk(path):
        if recognise(found := Path(entry.path)) is not None:
            yield found


def size_bytes(source: Path) -> int:
    """What ``done_bytes`` counts up to."""
    try:
        if not source.is_dir():
            return source.stat().st_size
        return sum(entry.stat(follow_symlinks=False).st_size for entry in walk(source))
    except OSError:
        return 0
