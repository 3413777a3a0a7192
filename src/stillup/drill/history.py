"""The drills that were run, each in a private file of its own: newest first, and no more than so many."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from stat import S_ISREG

import msgspec
from msgspec import Struct

from stillup.drill.values import Drill
from stillup.errors import StoreError
from stillup.private import private_folder, replace_file

MOST = 200
"""So many are kept; some five years of one a week."""
MOST_BYTES = 16 << 20
"""No file of ours is larger, and none that is gets read."""
_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}")
_SUFFIX = ".json"
_TROUBLE = (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
_FIRST_YEAR, _LAST_YEAR = 2000, 9000
"""A file may have been written by somebody else: of these each zone of the world has the time."""


class Kept(Struct, frozen=True):
    """What is there: the drills, newest first, and one sentence for each file that cannot be read."""

    drills: tuple[Drill, ...]
    unread: tuple[str, ...] = ()


def id_of(at: datetime, salt: bytes) -> str:
    """An id that sorts by time; ``salt`` is two random bytes, so that two drills of one second differ."""
    return f"{at:%Y%m%dT%H%M%S}-{salt[:2].hex()}"


def keep(folder: Path, drill: Drill) -> Path:
    """Write a drill down, and let the oldest go that are too many.

    :raises StoreError: it cannot be written.
    """
    path = folder / f"{drill.id}{_SUFFIX}"
    try:
        private_folder(folder)
        replace_file(path, msgspec.json.format(msgspec.json.encode(drill), indent=1))
        for old in _files(folder)[MOST:]:
            old.unlink(missing_ok=True)
    except OSError as exc:
        msg = f"the drill cannot be kept in {folder}: {exc.strerror or exc}"
        raise StoreError(msg) from exc
    return path


def read(folder: Path, most: int = MOST) -> Kept:
    """The newest drills. No folder is no drills; a file that cannot be read is named, and the rest is there.

    :raises StoreError: the folder cannot be read.
    """
    drills: list[Drill] = []
    unread: list[str] = []
    try:
        paths = _files(folder)
    except OSError as exc:
        msg = f"the drills in {folder} cannot be read: {exc.strerror or exc}"
        raise StoreError(msg) from exc
    for path in paths[:most]:
        try:
            drills.append(_read(path))
        except _TROUBLE as exc:
            why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            unread.append(f"{path}: cannot be read: {why[:200]}")
    return Kept(tuple(drills), tuple(unread))


def find(folder: Path, id: str) -> Drill | None:  # noqa: A002
    """The newest drill whose id begins so; None where there is none that can be read.

    :raises StoreError: the folder cannot be read.
    """
    try:
        paths = [path for path in _files(folder) if path.stem.startswith(id)]
    except OSError as exc:
        msg = f"the drills in {folder} cannot be read: {exc.strerror or exc}"
        raise StoreError(msg) from exc
    for path in paths:  # the others are not opened: a page asks for one, of hundreds
        with suppress(*_TROUBLE):
            return _read(path)
    return None


def _files(folder: Path) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.suffix == _SUFFIX and _ID.fullmatch(path.stem)]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda path: path.stem, reverse=True)


def _read(path: Path) -> Drill:
    found = path.lstat()
    if not S_ISREG(found.st_mode):
        msg = "it is no file"
        raise ValueError(msg)
    if found.st_size > MOST_BYTES:
        msg = f"it is larger than {MOST_BYTES >> 20} MiB"
        raise ValueError(msg)
    drill = msgspec.json.decode(path.read_bytes(), type=Drill)
    if drill.id != path.stem:
        msg = f"it says that it is the drill {drill.id[:50]!r}"
        raise ValueError(msg)
    if drill.at.tzinfo is None or not _FIRST_YEAR <= drill.at.year <= _LAST_YEAR:
        msg = "the time that it names is none that a drill can have"
        raise ValueError(msg)
    return drill
