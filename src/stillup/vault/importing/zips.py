"""Zip files of strangers: streamed, and refused where they would blow up; a truncated one is read as far as it goes."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from stillup.vault.importing.bounds import (
    DIRECTORY_BYTES,
    MEMBERS,
    UNPACKED_FLOOR_BYTES,
    UNPACKED_RATIO,
    said,
)
from stillup.vault.importing.bundle import Bundle, Member, Stream, Unreadable, checked
from stillup.vault.importing.marks import seal_of
from stillup.vault.importing.steady import FAILS, Steady, unreadable

LOCAL = b"PK\x03\x04"
_END, _END64 = b"PK\x05\x06", b"PK\x06\x06"
_STEP_BYTES = 65_536
_TAIL_BYTES = 22 + 65_536
_HEADER = struct.Struct("<4s5H3I2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8
_FULL = 0xFFFF_FFFF
_DAMAGED = "The zip file is damaged here."


def unzipped(path: Path) -> Bundle:
    """The bundle of a zip file. Raises Unreadable."""
    checked(path)
    file = path.open("rb")
    try:
        directory = _directory_bytes(file)
        if directory is None:
            return Cut(file)
        if directory > DIRECTORY_BYTES:
            msg = f"Its table of contents alone is {said(directory)}: that is no export."
            raise Unreadable(msg)  # noqa: TRY301 - the file is to be closed
        try:
            return Zip(file)
        except FAILS:
            return Cut(file)
    except BaseException:
        file.close()
        raise


class Zip(Bundle):
    """A zip with its table of contents."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file)
        infos = [info for info in self._zip.infolist() if not info.is_dir()][:MEMBERS]
        self.members = [
            Member(name=info.filename, size_bytes=info.file_size, packed_bytes=info.compress_size, key=info)
            for info in infos
        ]
        self.seal = seal_of("\n".join(f"{i.filename}:{i.file_size}:{i.CRC}" for i in infos).encode("utf-8", "replace"))

    def open(self, member: Member) -> AbstractContextManager[Stream]:
        info = member.key
        assert isinstance(info, zipfile.ZipInfo)  # noqa: S101 - the key of its own members
        _refuse_bomb(member.size_bytes, member.packed_bytes)
        if info.flag_bits & _ENCRYPTED:
            msg = "It is locked with a password."
            raise Unreadable(msg)
        try:
            file = self._zip.open(info)
            return Steady(file.read1, _DAMAGED, file.close)  # type: ignore[attr-defined]
        except FAILS as failed:
            raise unreadable(failed, _DAMAGED) from failed

    def close(self) -> None:
        self._zip.close()
        self._file.close()


class Cut(Bundle):
    """A zip without its end, as a download that broke off leaves it: members are found by their own headers."""

    broken = "The zip file is cut off or damaged: only what is whole was read."

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.members = list(_found(file))
        self.seal = seal_of("\n".join(f"{m.name}:{m.key}" for m in self.members).encode("utf-8", "replace"))

    def open(self, member: Member) -> AbstractContextManager[Stream]:
        assert isinstance(member.key, tuple)  # noqa: S101 - the key of its own members
        return Steady(_Inflated(self._file, *member.key).read, _DAMAGED)

    def close(self) -> None:
        self._file.close()


class _Inflated:
    """A member from its first byte on, as far as it is there; a break ends it like a file's end."""

    def __init__(self, file: BinaryIO, start: int, method: int, packed: int) -> None:
        self._file, self._at, self._left = file, start, packed or (1 << 62)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if method == _DEFLATED else None
        self._start, self._out = start, 0
        self.is_whole = False

    @property
    def at(self) -> int:
        """Of the file, behind what the member takes; once it is read to its end."""
        return self._at - (len(self._inflate.unused_data) if self._inflate else 0)

    def read(self, most: int) -> bytes:
        """Some bytes, none at the end; Unreadable for a bomb."""
        data = self._next(most)
        self._out += len(data)
        _refuse_bomb(self._out, max(self._at - self._start, 1))
        return data

    def _next(self, most: int) -> bytes:
        inflate = self._inflate
        if inflate is None:
            return self._raw(most)
        try:
            while True:
                if inflate.eof:
                    self.is_whole = True
                    return b""
                packed = inflate.unconsumed_tail or self._raw(65_536)
                if not packed:
                    return b""
                if data := inflate.decompress(packed, most):
                    return data
        except zlib.error:
            return b""

    def _raw(self, most: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(min(most, self._left))
        self._at += len(data)
        self._left -= len(data)
        self.is_whole = self._left == 0
        return data


def _found(file: BinaryIO) -> Iterator[Member]:
    """Members by their headers, one behind the other, as long as there are any."""
    at, size = 0, _size(file)
    for _ in range(MEMBERS):
        file.seek(at)
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(LOCAL):
            return
        _, _, flags, method, _, _, _, packed, unpacked, name_bytes, more_bytes = _HEADER.unpack(head)
        name = file.read(name_bytes).decode("utf-8" if flags & 0x800 else "cp437", "replace")
        at += _HEADER.size + name_bytes + more_bytes
        if flags & _ENCRYPTED or method not in {_STORED, _DEFLATED}:
            return
        is_told = not flags & _SIZES_FOLLOW and packed != _FULL
        start = at
        if is_told:
            at += packed
        elif method == _DEFLATED:
            at = _behind(file, start)
        else:
            return
        if not name.endswith("/"):
            told = unpacked if is_told else 0
            yield Member(
                name=name,
                size_bytes=told,
                packed_bytes=max(min(at, size) - start, 0),
                key=(start, method, packed if is_told else 0),
            )


def _behind(file: BinaryIO, start: int) -> int:
    """Where the next header may stand behind a member that does not say its length before its data."""
    stream = _Inflated(file, start, _DEFLATED, 0)
    try:
        while stream.read(_STEP_BYTES):
            pass
    except Unreadable:
        return _size(file)
    if not stream.is_whole:
        return _size(file)
    file.seek(stream.at)
    after = file.read(28)
    for length in (16, 24, 12, 20):  # the sizes: with a signature or without, of four bytes or of eight
        if after[length : length + 3] == LOCAL[:3] or after[length : length + 4] == b"PK\x01\x02":
            return stream.at + length
    return _size(file)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _directory_bytes(file: BinaryIO) -> int | None:
    """How long the table of contents says it is; None where there is none."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _TAIL_BYTES, 0))
    tail = file.read(_TAIL_BYTES)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        return None
    length = int(struct.unpack_from("<I", tail, at + 12)[0])
    at64 = tail.rfind(_END64, 0, at)
    if length == _FULL and at64 >= 0 and len(tail) >= at64 + 48:
        length = int(struct.unpack_from("<Q", tail, at64 + 40)[0])
    return length if length <= size else None


def _refuse_bomb(unpacked: int, packed: int) -> None:
    if unpacked > UNPACKED_FLOOR_BYTES and unpacked > packed * UNPACKED_RATIO:
        msg = f"It would unpack from {said(packed)} to {said(unpacked)}: that is a zip bomb."
        raise Unreadable(msg)
