"""What a database on a server says, for the status line: from a file that a process beside it brings up to date.

A server's driver takes longer to load than the whole line has. So what was read last is shown, while it is fresh, and
where it is older than some seconds another process reads on: its word is there when the bar is drawn again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stillup.private import private_folder, replace_file
from stillup.store.peek import Peeked, peek

if TYPE_CHECKING:
    from datetime import datetime

    from stillup.config import Config

_AGAIN_S = 15.0
_MOST_BYTES = 1 << 20
_FOLDER, _ASKED = "statusline", "asked"


def last_word(
    config: Config, service: str, now: datetime, start: Callable[[Sequence[str]], None] | None = None
) -> tuple[bool, Peeked | None]:
    """Whether the database was read yet, and what it said last. ``start`` begins a program that is not waited for."""
    folder = config.data_folder / _FOLDER
    if abs(now.timestamp() - _written_at(folder / f"{service}.{_ASKED}")) >= _AGAIN_S:
        where = ("--config", str(config.path)) if config.path is not None else ()
        try:
            private_folder(folder)
            replace_file(folder / f"{service}.{_ASKED}", b"")
            (start or _start)(
                (sys.executable, "-P", "-m", "stillup", "statusline", "--renew", "--service", service, *where)
            )
        except OSError:
            pass  # what was read last is all there is
    try:
        with (folder / f"{service}.json").open("rb") as file:
            return True, msgspec.json.decode(file.read(_MOST_BYTES), type=Peeked | None)
    except (OSError, msgspec.MsgspecError):
        return False, None


def renew(config: Config, environ: Mapping[str, str], service: str) -> None:
    """Read the database, and keep what it says. A server that does not answer changes nothing: words grow old."""
    found, file = peek(config.store_at(environ), service), config.data_folder / _FOLDER / f"{service}.json"
    if found is not None or not file.exists():
        private_folder(file.parent)
        replace_file(file, msgspec.json.encode(found))


def _written_at(path: Path) -> float:
    """When it was written, in seconds; long ago where it never was."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _start(words: Sequence[str]) -> None:
    """Begin it on its own: it outlives the line that wanted it."""
    from subprocess import DEVNULL, Popen

    child = Popen(words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)  # noqa: S603
    child.returncode = 0  # nobody waits for it, and Python need not warn of that
