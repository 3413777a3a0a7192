"""The files that belong to messages of ChatGPT's export: found by their ids, whatever they are called there."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from typing import Any

from stillup.vault.importing.bounds import FILE_BYTES, said
from stillup.vault.importing.bundle import Unreadable
from stillup.vault.importing.exports import Found
from stillup.vault.importing.fields import Fields, fields, file_name, rows, text
from stillup.vault.values import Attachment

_FILE = re.compile(r"file[-_][A-Za-z0-9]+", re.IGNORECASE)
_FILES_A_MESSAGE = 100
_KINDS = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"RIFF", "audio/wav"),
)
"""What a file is by its beginning: many are called ``.dat``. A WebP picture is RIFF too."""


def attachments(found: Found, message: Fields) -> Iterator[Attachment]:
    """A message's files, each once, with their data where the export has it."""
    left = FILE_BYTES
    files = found.bundle.index(_FILE)
    seen: set[str] = set()
    for key, name, kind in _named(message):
        if key in seen or len(seen) >= _FILES_A_MESSAGE:
            continue
        seen.add(key)
        member = files.get(key.lower())
        data = None
        if member is not None:
            try:
                data = found.bundle.read(member, left)
                left -= len(data)
            except (Unreadable, OSError) as failed:
                why = f"it has {said(member.size_bytes)}, too large" if member.size_bytes > left else str(failed)
                found.skip(f"Its file “{file_name(name or member.name)}” is left out: {why}", text(message.get("id")))
        called = file_name(name or (member.name if member else key))
        yield Attachment(name=called, media_type=kind or _kind(called, data or b""), data=data)


def _named(message: Fields) -> Iterator[tuple[str, str, str]]:
    """Id, name and media type of each file that a message speaks of."""
    for row in rows(fields(message.get("metadata")).get("attachments")):
        if key := text(row.get("id")):
            found = _FILE.search(key)
            yield found[0] if found else key, text(row.get("name")), text(row.get("mime_type"))
    parts: Any = fields(message.get("content")).get("parts")
    for part in rows(parts):
        for inner in (part, *(value for value in part.values() if isinstance(value, dict))):
            if found := _FILE.search(text(inner.get("asset_pointer")).rsplit("://", 1)[-1]):
                yield found[0], "", ""


def _kind(name: str, data: bytes) -> str:
    for begins, kind in _KINDS:
        if data.startswith(begins):
            return "image/webp" if data[8:12] == b"WEBP" else kind
    return mimetypes.guess_type(name)[0] or ""
