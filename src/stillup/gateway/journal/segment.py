"""One segment file while it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec

from stillup.gateway.journal.names import Names
from stillup.gateway.journal.records import HEADER, LAST_MS, MAGIC, Kind, encode, head, whole

SUFFIX = ".journal"
ROLL_BYTES = 64 * 1024 * 1024
ROLL_BLOBS = 65_536
"""The names of all blobs of a segment are in memory while it is written: this many are about 6 MB."""
_NAMES_TRIED = 1_000
_DAY_S = 86_400.0
_BYTES = int(Kind.BYTES)
_sync_data = getattr(os, "fdatasync", os.fsync)


class Segment:
    """Records wait in ``pending`` until :meth:`flush` writes them at once. A segment that failed takes nothing more."""

    __slots__ = (
        "_day_s",
        "_names",
        "alive",
        "began_s",
        "dirty",
        "exchanges",
        "fd",
        "known",
        "named",
        "path",
        "pending",
        "running",
        "size",
    )

    def __init__(self, fd: int, path: Path, began_s: float, names: Names) -> None:
        self.fd = fd
        self.path = path
        self.began_s = began_s
        self._day_s = began_s - began_s % _DAY_S
        self._names = names
        self.pending: list[bytes | tuple[int, bytes]] = []
        self.known: set[bytes] = set()
        self.size = 0
        self.exchanges = 0
        self.running = 0
        self.alive = fd >= 0
        self.dirty = False
        self.named = False

    def is_full(self, at_s: float) -> bool:
        """Whether the next exchange belongs into a new segment: this one is large, or of another day (UTC)."""
        is_of_today = 0.0 <= at_s - self._day_s < _DAY_S
        return self.size >= ROLL_BYTES or len(self.known) >= ROLL_BLOBS or not is_of_today

    def ms(self, at_s: float) -> int:
        """The time as records have it: never below zero, for clocks are set back."""
        ms = int((at_s - self.began_s) * 1000)
        return ms if 0 <= ms <= LAST_MS else (0 if ms < 0 else LAST_MS)

    def refer(self, piece: bytes, ms: int) -> bytes:
        """The name of a piece, which from now on stands in this segment once."""
        name = self._names.name(piece)
        if name not in self.known:
            self.known.add(name)
            self.pending += (head(Kind.BLOB, 0, ms, piece, name), piece)
        return name

    def add(self, kind: Kind, exchange: int, at_s: float, record: msgspec.Struct) -> None:
        """Let a record wait for the next flush."""
        try:
            payload = encode(record)
        except UnicodeEncodeError:  # somebody's path or model is no text
            payload = encode(_as_text(record))
        self.pending.append(whole(kind, exchange, self.ms(at_s), payload))

    def flush(self, at_s: float) -> int:
        """Write all that waits, with one write where the system takes it whole; how many bytes that were.

        :raises OSError: the disk is full or failed. What was written of it is a torn record, as after a crash.
        """
        ms = self.ms(at_s)
        pending = self.pending
        data = b"".join([x if isinstance(x, bytes) else whole(_BYTES, x[0], ms, x[1]) for x in pending])
        pending.clear()
        self.dirty = True
        done = os.write(self.fd, data)
        while done < len(data):  # more than 2 GB, or a disk that is nearly full
            done += os.write(self.fd, memoryview(data)[done:])
        self.size += done
        return done

    def sync(self, fd: int | None = None) -> None:
        """Wait until the disk has what was written, and the file's name; ``fd`` is a copy of the descriptor.

        :raises OSError: the disk failed.
        """
        self.dirty = False
        _sync_data(self.fd if fd is None else fd)
        if not self.named:
            self.named = True
            _sync_folder(self.path.parent)

    def close(self) -> None:
        """Give the file back; what waited is gone."""
        if self.alive:
            self.alive = False
            os.close(self.fd)
        self.pending.clear()
        self.known.clear()


def _as_text(record: msgspec.Struct) -> msgspec.Struct:
    """The record with a question mark for what is no character."""
    words = {name: value for name in record.__struct_fields__ if isinstance(value := getattr(record, name), str)}
    return msgspec.structs.replace(record, **{name: v.encode("utf-8", "replace").decode() for name, v in words.items()})


def nowhere() -> Segment:
    """A segment that takes nothing: for exchanges that are not kept."""
    return Segment(-1, Path(os.devnull), 0.0, Names())


def begin_segment(folder: Path, at_s: float, names: Names) -> Segment:
    """A new file of its own, for its owner alone, marked as in use until it is closed.

    :raises OSError: it cannot be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
    for path in islice(_names(folder, at_s), _NAMES_TRIED):
        try:
            fd = os.open(path, flags, 0o600)
        except FileExistsError:  # another process began one in the same millisecond
            continue
        segment = Segment(fd, path, at_s, names)
        try:
            if _lock(fd, alone=True) and os.fstat(fd).st_nlink:  # else somebody deletes it as one nobody writes to
                segment.size = os.write(fd, HEADER.pack(MAGIC, at_s))
                return segment
        except OSError:
            segment.close()
            raise
        segment.close()
    msg = f"every name for a new segment is taken in {folder}"
    raise FileExistsError(msg)


def _names(folder: Path, at_s: float) -> Iterator[Path]:
    at = datetime.fromtimestamp(at_s, UTC)
    while True:
        yield folder / f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z{SUFFIX}"
        at += timedelta(milliseconds=1)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # a folder cannot be opened elsewhere
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def segments(folder: Path) -> list[Path]:
    """The segments that are there, oldest first; links and other files are none."""
    try:
        found = [
            path for path in folder.iterdir() if path.suffix == SUFFIX and path.is_file() and not path.is_symlink()
        ]
    except FileNotFoundError:
        return []
    return sorted(found)


def in_use(path: Path) -> bool:
    """Whether a process writes to that segment.

    :raises OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        return not _lock(file.fileno(), alone=False)


def delete_unused(path: Path) -> bool:
    """Delete a segment unless a process writes to it; whether it is gone.

    :raises OSError: it cannot be opened or deleted.
    """
    try:
        with path.open("rb") as file:
            if not _lock(file.fileno(), alone=False):
                return False
            path.unlink()  # while it is locked, so that whoever begins it just now sees that it is gone
    except FileNotFoundError:
        pass
    return True


def _lock(fd: int, *, alone: bool) -> bool:
    """Mark a file as written to (``alone``), or see whether it is; ends with the process, however that ends."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - not a POSIX system, where an open file cannot be deleted anyway
        return True
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
