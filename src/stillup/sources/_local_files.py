"""The newest ends of what a command line keeps of its sessions: bounded in files, bytes and time, never by a link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from stat import S_ISREG

from msgspec import Struct

_DAY_S = timedelta(days=1).total_seconds()
_MAX_FOLDERS = 5_000
_MAX_FILES = 100
_TAIL_BYTES = 512 * 1024
_TOTAL_BYTES = 8 * 1024 * 1024


class _File(Struct, frozen=True):
    path: Path
    changed_s: float
    size: int


def tails(folder: Path, inside: str = "") -> bytes | None:
    """The last whole lines of the ``.jsonl`` files changed within a day of the newest; None when there is no file.

    Only those with a folder called ``inside`` on their way, where one is named.
    Measured from the newest change, not from a clock: a replayed or skewed clock must not hide them. Lines carry their
    own times, so what is too old counts for nothing all the same.
    """
    files = sorted(_files(folder, inside), key=lambda f: f.changed_s, reverse=True)
    if not files:
        return None
    recent = [f for f in files[:_MAX_FILES] if f.changed_s > files[0].changed_s - _DAY_S]
    parts: list[bytes] = []
    left = _TOTAL_BYTES
    for file in recent:
        part = _tail(file, min(_TAIL_BYTES, left))
        parts.append(part)
        left -= len(part)
        if left <= 0:
            break
    return b"\n".join(parts)


def _files(folder: Path, inside: str) -> Iterator[_File]:
    for number, (place, _folders, names) in enumerate(os.walk(folder)):
        if number >= _MAX_FOLDERS:
            return
        if inside and inside not in Path(place).relative_to(folder).parts:
            continue
        for name in names:
            path = Path(place, name)
            if name.endswith(".jsonl") and (found := _looked_at(path)) is not None:
                yield found


def _looked_at(path: Path) -> _File | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return _File(path, status.st_mtime, status.st_size) if S_ISREG(status.st_mode) else None


def _tail(file: _File, most: int) -> bytes:
    """The last ``most`` bytes from a line's start on; nothing when the file went away or may not be read."""
    skip = max(0, file.size - most)
    try:
        with file.path.open("rb") as stream:
            stream.seek(skip)
            data = stream.read(most)
    except OSError:
        return b""
    return data.partition(b"\n")[2] if skip else data
