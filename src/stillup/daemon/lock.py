"""A lock between processes: a file in the data folder."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from stillup.private import hold, open_lock, private_folder


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
            if self._file is None:
                private_folder(self._path.parent)
                self._file = open_lock(self._path)
        except OSError:
            return True
        return hold(self._file)
