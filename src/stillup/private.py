"""Folders and files, and a process's memory, that are nobody else's business."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


def make_file(path: Path, body: bytes = b"") -> None:
    """Make a file for its owner alone, whole or not at all; one that is there stays as it is.

    :raises OSError: it cannot be made.
    """
    with _draft(path, body) as draft, suppress(FileExistsError):
        os.link(draft, path)


def replace_file(path: Path, body: bytes) -> None:
    """Put a file for its owner alone in the place of one that may be there, as a whole. It is not waited for the disk.

    :raises OSError: it cannot be written; what was there stays.
    """
    with _draft(path, body) as draft:
        draft.replace(path)


def sync(*paths: Path) -> None:
    """Wait until the disk has these files and folders; what cannot be waited for is passed over."""
    for path in paths:
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def open_lock(path: Path) -> int:
    """A file to be held, for its owner alone; made where it is missing.

    :raises OSError: it cannot be opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def hold(handle: int, *, wait: bool = False) -> bool:
    """Hold a file alone; False where another does. The system gives it back however its holder goes, killed too.

    A disk that takes no locks gives it to whoever asks.
    """
    try:
        import fcntl
    except ImportError:  # pragma: no cover - not a POSIX system
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def _draft(path: Path, body: bytes) -> Iterator[Path]:
    """The body in a file beside ``path``, mode 0600; whatever becomes of it, it is gone afterwards."""
    from tempfile import mkstemp

    handle, name = mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def keep_memory_private() -> None:
    """No core dump of this process from now on: keys and prompts are in its memory."""
    try:
        import resource
    except ImportError:  # pragma: no cover - not a POSIX system
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
