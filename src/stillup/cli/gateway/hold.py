"""Who still needs a gateway that ``stillup with`` started: a lock that its programs share, and its end waits for.

The system gives a lock back however its holder goes, killed too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from stillup.private import open_lock, private_folder


def hold(path: Path) -> int | None:
    """Say that a program needs the gateway; waits for one that is ending. None where the disk takes no lock.

    The lock is the descriptor's, which a program that takes our place inherits.
    """
    try:
        lock = _opened(path)
        _take(lock, alone=False, wait=True)
        os.set_inheritable(lock, True)
    except OSError:
        return None
    return lock


def let_go(lock: int | None) -> None:
    """Need it no longer."""
    if lock is not None:
        os.close(lock)


def is_held(path: Path) -> bool:
    """Whether some program needs the gateway; not while the gateway itself is ending."""
    try:
        lock = _opened(path)
    except OSError:
        return False
    try:
        with suppress(BlockingIOError):
            _take(lock, alone=True, wait=False)
            return False
        with suppress(BlockingIOError):
            _take(lock, alone=False, wait=False)
            return True
    except OSError:
        pass
    finally:
        os.close(lock)
    return False


def await_nobody(path: Path) -> None:
    """Wait until no program needs the gateway; until this process ends nobody can begin to."""
    with suppress(OSError):
        _take(_opened(path), alone=True, wait=True)


def _take(lock: int, *, alone: bool, wait: bool) -> None:
    try:
        import fcntl
    except ImportError:  # pragma: no cover - not a POSIX system: every program's gateway is its own there
        msg = "no such locks here"
        raise OSError(msg) from None
    fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))


def _opened(path: Path) -> int:
    private_folder(path.parent)
    return open_lock(path)
