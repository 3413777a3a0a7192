"""Answers kept for a short while, so that one page is asked once by everyone on this machine.

One file per address, named by a hash (an address may hold a key), readable by its owner only, replaced atomically.
Losing any of it costs a request and nothing else: a broken file is no file, a disk that cannot be written leaves the
cache in memory, and so does a folder that others can write to.
``Cache-Control`` is not consulted: this is one person's own client, nothing that was asked with a
secret is kept, and the floor exists to spare the very servers that forbid caching.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from stillup.net.values import MIB
from stillup.private import check_folder, private_folder

MAX_ENTRIES = 256
MAX_BYTES = 64 * MIB
MAX_ENTRY_BYTES = 8 * MIB
MAX_KEPT_HEADER = 256
At = Annotated[datetime, Meta(tz=True)]
"""A time with its zone: a file with another is a broken one."""
_SUFFIX, _PART = ".answer", ".part"


class Refusal(Struct, frozen=True):
    """An error status a server gave, and how long it stands."""

    status: int
    at: At
    until: At

    def spans_s(self, now: datetime) -> tuple[float, float]:
        """Seconds since it was given and until it lapses."""
        return (now - self.at).total_seconds(), (self.until - now).total_seconds()


class Entry(Struct, frozen=True, kw_only=True):
    """What is kept of one address: its last good answer (``at`` None: none yet) and a refusal given since."""

    at: At | None = None
    status: int = 200
    body: bytes = b""
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    refusal: Refusal | None = None

    @classmethod
    def of(cls, status: int, body: bytes, headers: Mapping[str, str], now: datetime) -> Entry:
        """A good answer as it is kept."""
        return cls(
            at=now,
            status=status,
            body=body,
            content_type=_plain(headers.get("content-type", "")),
            etag=_plain(headers.get("etag", "")),
            last_modified=_plain(headers.get("last-modified", "")),
        )

    def headers(self) -> dict[str, str]:
        """The headers that are kept, by their lower-case names."""
        kept = {"content-type": self.content_type, "etag": self.etag, "last-modified": self.last_modified}
        return {name: value for name, value in kept.items() if value}

    def validators(self) -> dict[str, str]:
        """The headers that ask: has it changed?"""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}


class Recall(StrEnum):
    """What the cache has to say about a request."""

    ASK = "ask"
    """Nothing usable is kept."""
    REVALIDATE = "revalidate"
    """A body is kept; ask whether it is still the one."""
    FRESH = "fresh"
    """The kept body is too young to ask again."""
    REFUSED = "refused"
    """The server refused a moment ago, or asked for patience: ask later."""


def recall(entry: Entry | None, now: datetime, floor_s: float, max_bytes: int) -> Recall:
    """Decide what to do with what is kept.

    A stamp from the future (the clock was set back) counts as old: the cost is one request.
    """
    if entry is None:
        return Recall.ASK
    refusal = entry.refusal
    if refusal and refusal.at <= now < refusal.until:
        return Recall.REFUSED
    if entry.at is None or len(entry.body) > max_bytes:
        return Recall.ASK
    if entry.at <= now < entry.at + timedelta(seconds=floor_s):
        return Recall.FRESH
    return Recall.REVALIDATE if entry.validators() else Recall.ASK


def refused(entry: Entry | None, status: int, now: datetime, stands_s: float) -> Entry:
    """What is kept once the server has refused: the old body with its validators, and the refusal."""
    return replace(entry or Entry(), refusal=Refusal(status, now, now + timedelta(seconds=stands_s)))


def key_of(url: str, params: Sequence[tuple[str, str]], headers: Sequence[tuple[str, object]]) -> str:
    """The name an answer is kept under; only for requests without a secret."""
    return sha256(repr((url, tuple(params), sorted(headers, key=lambda h: h[0]))).encode()).hexdigest()


def _plain(text: str) -> str:
    """A header's value if it is short and plain enough to be sent again, else nothing."""
    return text if len(text) <= MAX_KEPT_HEADER and text.isascii() and text.isprintable() else ""


class Cache:
    """Entries by key: in ``folder``, or in memory when there is none or it cannot be written."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[str, Entry] = {}
        self._written = self._written_bytes = 0

    def get(self, key: str) -> Entry | None:
        """The entry of that key, None when nothing readable is kept."""
        if self._folder is None or key in self._memory:
            return self._memory.get(key)
        path = self._folder / f"{key}{_SUFFIX}"
        try:
            check_folder(self._folder)
            if path.stat().st_size > MAX_ENTRY_BYTES:
                return None
            return msgspec.msgpack.decode(path.read_bytes(), type=Entry)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry; one that is too large for the cache is let go."""
        data = msgspec.msgpack.encode(entry)
        if len(data) > MAX_ENTRY_BYTES:
            return
        self._memory.pop(key, None)
        if self._folder is None or not _write(self._folder, key, data):
            self._remember(key, entry)
        else:
            self._prune(self._folder, len(data))

    def _prune(self, folder: Path, size: int) -> None:
        """Keep the folder within its bounds: at the first write, and before it passes them by a sixteenth.

        To look at every file after every write costs more than the writes where one look keeps a hundred answers.
        """
        if self._written == 0 or self._written >= MAX_ENTRIES // 16 or self._written_bytes >= MAX_BYTES // 16:
            self._written = self._written_bytes = 0
            with suppress(OSError):
                _prune(folder)
        self._written += 1
        self._written_bytes += size

    def _remember(self, key: str, entry: Entry) -> None:
        self._memory[key] = entry
        while len(self._memory) > MAX_ENTRIES or sum(len(e.body) for e in self._memory.values()) > MAX_BYTES:
            del self._memory[next(iter(self._memory))]  # the one written longest ago


def _write(folder: Path, key: str, data: bytes) -> bool:
    part = folder / f"{key}.{token_hex(4)}{_PART}"
    try:
        private_folder(folder)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        part.replace(folder / f"{key}{_SUFFIX}")
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True


def _prune(folder: Path) -> None:
    """Delete the oldest files past the bounds; what a killed process left half-written is old one day, too."""
    rows = []
    for path in folder.iterdir():
        if path.suffix not in (_SUFFIX, _PART):
            continue  # not ours
        with suppress(FileNotFoundError):  # another process prunes as well
            stat = path.stat()
            rows.append((stat.st_mtime, stat.st_size, path))
    total = 0
    for number, (_, size, path) in enumerate(sorted(rows, reverse=True)):
        total += size
        if number >= MAX_ENTRIES or total > MAX_BYTES:
            path.unlink(missing_ok=True)
