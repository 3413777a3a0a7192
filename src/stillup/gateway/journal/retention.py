"""How much is kept: whole segments go, the oldest first."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from stillup.gateway.journal.segment import delete_unused, segments


class Pruned(Struct, frozen=True):
    """What was deleted, and what is left."""

    segments: int = 0
    bytes: int = 0
    left_bytes: int = 0


def prune(folder: Path, at_s: float, *, keep_days: float, max_bytes: int) -> Pruned:
    """Delete segments nobody has written to for ``keep_days``, and the oldest until all take ``max_bytes`` at most.

    A segment some process still writes to stays, whatever it takes. One that cannot be deleted is passed over.

    :raises OSError: the folder cannot be read.
    """
    found = []
    for path in segments(folder):
        try:
            stat = path.stat()
        except FileNotFoundError:  # another process prunes as well
            continue
        found.append((path, stat.st_mtime, stat.st_size))
    left = sum(size for _, _, size in found)
    gone = freed = 0
    for path, written_s, size in found:
        if at_s - written_s <= keep_days * 86_400 and left <= max_bytes:
            continue
        if _delete(path):
            gone, freed, left = gone + 1, freed + size, left - size
    return Pruned(gone, freed, left)


def _delete(path: Path) -> bool:
    try:
        return delete_unused(path)
    except OSError:
        return False
