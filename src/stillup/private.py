"""Folders, and a process's memory, that are nobody else's business."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def private_folder(path: Path) -> None:
    """Make a folder where it is missing, each level for its owner alone, and check the one that is there.

    :raises OSError: it cannot be made, or it is one that others can write to.
    """
    missing = [level for level in (path, *path.parents) if not level.exists()]
    for level in reversed(missing):
        level.mkdir(mode=0o700, exist_ok=True)  # `parents=True` would leave the upper levels open
    check_folder(path)


def check_folder(path: Path) -> None:
    """Refuse a folder in which somebody else could put or swap a file; root's are trusted, for root can anyway.

    :raises OSError: there is none, or it is such a one; ``strerror`` says why.
    """
    found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if os.name != "posix":  # elsewhere the mode and the owner say nothing
        return
    if found.st_uid not in (0, os.geteuid()):
        raise PermissionError(errno.EACCES, "its folder belongs to somebody else")
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise PermissionError(errno.EACCES, "others can write to its folder; chmod go-w mends that")


def keep_memory_private() -> None:
    """No core dump of this process from now on: keys and prompts are in its memory."""
    try:
        import resource
    except ImportError:  # pragma: no cover - not a POSIX system
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
