"""A source as a bundle, whatever it is, and the objects of its JSON files."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path

from stillup.vault.importing.bounds import CHUNK_BYTES
from stillup.vault.importing.bundle import Bundle, Folder, Member, Single, Stream, Unreadable, checked
from stillup.vault.importing.gunzip import MAGIC
from stillup.vault.importing.scan import Item, items
from stillup.vault.importing.tars import BLOCK_BYTES, is_tar, untarred
from stillup.vault.importing.zips import LOCAL, unzipped

_PEEK_BYTES = 256 * 1024
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def opened(source: Path) -> Bundle:
    """The source's bundle; to be closed. Raises Unreadable."""
    if source.is_dir():
        return Folder(source)
    checked(source)
    try:
        with source.open("rb") as file:
            head = file.read(BLOCK_BYTES)
    except OSError as failed:
        msg = f"It cannot be read: {failed.strerror}."
        raise Unreadable(msg) from failed
    if head.startswith(LOCAL):
        return unzipped(source)
    archive = untarred(source) if head.startswith(MAGIC) or is_tar(head) else None
    return archive or Single(source)


def peeked(bundle: Bundle, member: Member) -> bytes:
    """The beginning of a member in UTF-8; empty where it cannot be read."""
    try:
        with bundle.open(member) as file:
            return utf8(file)(_PEEK_BYTES)
    except (Unreadable, OSError):
        return b""


def objects(bundle: Bundle, member: Member, start: int = 0) -> Iterator[Item]:
    """The objects in a member from a byte on. A break is an item with its reason."""
    at = start
    try:
        with bundle.open(member) as file:
            read = utf8(file)
            left = start
            while left > 0 and (passed := read(min(left, CHUNK_BYTES))):
                left -= len(passed)
            for item in items(read, start):
                at = item.end
                yield item
    except (Unreadable, OSError) as failed:
        why = str(failed) if isinstance(failed, Unreadable) else f"It cannot be read: {failed.strerror}."
        yield Item(start=at, end=at, why=why)


def utf8(file: Stream) -> Callable[[int], bytes]:
    """Reads bytes of UTF-8; what begins as UTF-16 is made into that, and a byte order mark is left out.

    What comes is at most as many bytes as asked for.
    """
    head = file.read(3)
    for mark, coding in _UTF16.items():
        if head.startswith(mark):
            return _Recoded(file, head[2:], coding)
    return _Read(file, b"" if head == codecs.BOM_UTF8 else head)


class _Read:
    def __init__(self, file: Stream, head: bytes) -> None:
        self._file, self._head = file, head

    def __call__(self, most: int) -> bytes:
        head, self._head = self._head[:most], self._head[most:]
        return head + self._file.read(most - len(head)) if head else self._file.read(most)


class _Recoded:
    def __init__(self, file: Stream, head: bytes, coding: str) -> None:
        self._file, self._ready = file, b""
        self._decoder = codecs.getincrementaldecoder(coding)("replace")
        self._ready = self._decoder.decode(head).encode("utf-8", "replace")

    def __call__(self, most: int) -> bytes:
        while len(self._ready) < most and (raw := self._file.read(CHUNK_BYTES)):
            self._ready += self._decoder.decode(raw).encode("utf-8", "replace")
        data, self._ready = self._ready[:most], self._ready[most:]
        return data
