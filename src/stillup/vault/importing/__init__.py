"""What the vault can read: each kind of export, transcript, page or file is one importer.

Sources are strangers' files. Each importer reads them piece by piece, names what it has to leave out and goes on, and
writes nothing anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stillup.vault.importing.bundle import levels, walk
from stillup.vault.values import Importer

_EXPORT = re.compile(r"(conversations|projects)([-_]?\d+)?\.json")
"""What lies at the top of an export that was unpacked."""
_FILE = re.compile(r"file[-_]")
"""How the files are called that somebody has given ChatGPT."""


@cache
def importers() -> tuple[Importer, ...]:
    """All of them; those that look most closely come first."""
    from stillup.vault.importing.chatgpt_export import ChatGptExport
    from stillup.vault.importing.claude_code import ClaudeCode
    from stillup.vault.importing.claude_export import ClaudeExport
    from stillup.vault.importing.codex import Codex
    from stillup.vault.importing.gemini_activity import GeminiActivity
    from stillup.vault.importing.gemini_takeout import GeminiTakeout
    from stillup.vault.importing.markdown import Markdown
    from stillup.vault.importing.plain_json import PlainJson
    from stillup.vault.importing.saved_page import SavedPage

    return (
        ClaudeCode(),
        Codex(),
        ClaudeExport(),
        ChatGptExport(),
        GeminiTakeout(),
        GeminiActivity(),
        SavedPage(),
        PlainJson(),
        Markdown(),
    )


def recognise(source: Path) -> Importer | None:
    """The importer for a file or an unpacked export; None where none knows it."""
    return next((importer for importer in importers() if importer.recognises(source)), None)


def sources(path: Path) -> Iterator[Path]:
    """What a path holds, each to be read and marked by itself: itself, or what of a folder an importer knows.

    An export that was unpacked is one source, the folder it is in.
    """
    if not path.is_dir():
        yield path
        return
    from stillup.vault.importing.exports import JsonExport
    from stillup.vault.importing.markdown import Markdown, has_speakers

    whole = ""
    for folder, files in levels(path):
        if whole and folder.startswith(whole + os.sep):
            continue  # the export's own files
        is_export = any(_EXPORT.fullmatch(file.name) for file in files) and recognise(Path(folder)) is not None
        if is_export:
            whole = folder
            yield Path(folder)
        for file in files:
            importer = recognise(found := Path(file.path))
            if importer is None or (is_export and (isinstance(importer, JsonExport) or _FILE.match(file.name))):
                continue
            if not isinstance(importer, Markdown) or has_speakers(found):
                yield found  # a folder may be full of notes; named by itself, each of them is welcome


def size_bytes(source: Path) -> int:
    """What ``done_bytes`` counts up to."""
    try:
        if not source.is_dir():
            return source.stat().st_size
        return sum(entry.stat(follow_symlinks=False).st_size for entry in walk(source))
    except OSError:
        return 0
