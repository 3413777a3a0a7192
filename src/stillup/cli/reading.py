"""What a command reads: a file, or standard input where its name is ``-``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from stillup.errors import BadDataError


def opened(path: Path) -> AbstractContextManager[BinaryIO]:
    """The file, to be closed behind its use; standard input stays open.

    :raises BadDataError: there is none, or it may not be read.
    """
    if str(path) == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return path.open("rb")
    except OSError as exc:
        raise BadDataError(cannot_read(path, exc)) from exc


def cannot_read(path: Path, exc: OSError) -> str:
    """Why not."""
    return f"{path}: cannot be read: {exc.strerror}"


def bounded(lines: BinaryIO, longest: int) -> Iterator[bytes]:
    """Lines of at most a little more than ``longest`` bytes: a file without line ends is no danger then."""
    while line := lines.readline(longest + 2):
        yield line
        while len(line) > longest and not line.endswith(b"\n") and (line := lines.readline(longest + 2)):
            pass
