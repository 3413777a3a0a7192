"""A lock between processes: a file in the data folder."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from stillup.private import private_folder


class Lock:
    """Held by one process at most; the system gives it back however its holder goes, killed too."""

    who: str | None = None
    renew_s: float | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)

    def taken(self) -> bool:
        """Whether we have it now. A disk that takes no locks gives it to whoever asks."""
        try:
            import fcntl
        except ImportError:  # pragma: no cover - not a POSIX system
            return True
        try:
            if self._file is None:
                private_folder(self._path.parent)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True
