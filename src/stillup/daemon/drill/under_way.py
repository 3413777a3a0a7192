"""The drill that is under way, seen from other processes: who runs it, what fails, and the switch that ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.daemon.lock import Lock
from stillup.drill.values import Where
from stillup.drill.words import line
from stillup.errors import StoreError, UsageError
from stillup.private import private_folder, replace_file

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config

FOLDER = "drills"
_LOCK, _TOLD, _ABORT = "running.lock", "running", "abort"
_MOST_BYTES = 65_536
_LOOK_S = 0.2


class UnderWay(Struct, frozen=True, kw_only=True):
    """A drill that runs now."""

    id: str
    since: datetime
    where: Where
    says: str
    """What it plays, in a few words."""


def drills_folder(config: Config) -> Path:
    """Where drills are kept."""
    return config.data_folder / FOLDER


def under_way(folder: Path) -> UnderWay | None:
    """The drill that runs now; None where none does, also where one died without a word."""
    try:
        with (folder / _TOLD).open("rb") as file:
            told = msgspec.json.decode(file.read(_MOST_BYTES), type=UnderWay)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    with Lock(folder / _LOCK) as lock:
        return None if lock.taken() else told


def abort(folder: Path) -> UnderWay | None:
    """Ask the drill that runs now to end, which it does within a second; None where none runs.

    :raises StoreError: it cannot be asked.
    """
    running = under_way(folder)
    if running is not None:
        try:
            replace_file(folder / _ABORT, running.id.encode())
        except OSError as exc:
            msg = f"the drill cannot be asked to end: {folder / _ABORT}: {exc.strerror or exc}"
            raise StoreError(msg) from exc
    return running


@contextmanager
def running(folder: Path, told: UnderWay) -> Iterator[None]:
    """Be the drill under way until this is left; there is one at a time.

    :raises UsageError: another runs.
    :raises StoreError: the folder cannot be written to.
    """
    with Lock(folder / _LOCK) as lock:
        _begin(folder, lock, told)
        try:
            yield
        finally:
            with suppress(OSError):
                (folder / _TOLD).unlink(missing_ok=True)
                (folder / _ABORT).unlink(missing_ok=True)


def _begin(folder: Path, lock: Lock, told: UnderWay) -> None:
    try:
        private_folder(folder)
        if not lock.taken():
            other = under_way(folder)
            which = f" ({line(other.says)}, since {other.since:%H:%M:%S} UTC)" if other else ""
            msg = f"a drill is under way already{which}; `stillup drill abort` ends it"
            raise UsageError(msg)
        (folder / _ABORT).unlink(missing_ok=True)
        replace_file(folder / _TOLD, msgspec.json.encode(told))
    except OSError as exc:
        msg = f"the drill cannot be kept in {folder}: {exc.strerror or exc}"
        raise StoreError(msg) from exc


async def until_aborted(folder: Path, id: str, clock: Clock) -> None:  # noqa: A002
    """Wait until somebody asks the drill of that id to end."""
    while True:
        with suppress(OSError):
            if (folder / _ABORT).read_bytes()[:100] == id.encode():
                return
        await clock.sleep(_LOOK_S)
