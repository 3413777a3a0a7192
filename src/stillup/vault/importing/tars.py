"""Archives of strangers as tar writes them, packed by gzip or not: streamed, never unpacked to the disk.

Only plain files count; links, devices and names that lead out of the archive are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol

from msgspec import Struct
from msgspec.structs import replace

from stillup.vault.importing.bounds import DIRECTORY_BYTES, MEMBERS
from stillup.vault.importing.bundle import Bundle, Member, Stream, Unreadable, checked
from stillup.vault.importing.gunzip import DAMAGED, MAGIC, Gunzip, Place
from stillup.vault.importing.marks import seal_of
from stillup.vault.importing.steady import Steady

BLOCK_BYTES = 512
_MORE_BYTES = 65_536
"""What a header may have besides: a long name, its times."""
_MOST_BYTES = 1 << 40
_HEADERS = 4 * MEMBERS
_STEP_BYTES = 65_536
_FILE, _OLD_FILE, _WHOLE_FILE = b"0", b"\0", b"7"
_FILES = frozenset({_FILE, _OLD_FILE, _WHOLE_FILE})
_LONG_NAME, _LONG_LINK, _MORE, _MORE_FOR_ALL = b"L", b"K", b"x", b"g"
_FOLDER = b"5"
_PAX = re.compile(rb"(\d{1,9}) ([^=\n]{1,200})=")
_CUT = "The archive is cut off or damaged: only what is whole was read."


class _File(Protocol):
    """What an archive is read from."""

    @property
    def packed_at(self) -> int: ...

    def seek(self, at: int, /) -> object: ...

    def read(self, most: int, /) -> bytes: ...


class _Plain:
    """A file that is not packed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.seek = file, file.seek
        self.size = os.fstat(file.fileno()).st_size

    @property
    def packed_at(self) -> int:
        return min(self._file.tell(), self.size)

    def read(self, most: int) -> bytes:
        return self._file.read(most)


class _Header(Struct, frozen=True, gc=False):
    name: str
    kind: bytes
    size: int
    at: int
    """Of its data."""


def is_tar(block: bytes) -> bool:
    """Whether a file that begins so is one, by the sum that stands in its first header."""
    told = block[148:156].strip(b" \0")
    if len(block) != BLOCK_BYTES or not told or any(not 0x30 <= byte <= 0x37 for byte in told):
        return False
    return int(told, 8) == sum(block) - sum(block[148:156]) + 8 * ord(" ")


def untarred(path: Path) -> Bundle | None:
    """The bundle of an archive; None where it is none. Raises Unreadable."""
    found = checked(path)
    listed = _listed(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
    return None if listed is None else Tar(path, listed)


class _Listed(Struct, frozen=True):
    """What is in an archive; ``places`` are where its unpacking can go on from, where it is packed."""

    members: list[Member]
    seal: str
    broken: str
    is_packed: bool
    places: tuple[Place, ...] = ()


class Tar(Bundle):
    """An archive; of two files of one name the later stands, as tar has it."""

    def __init__(self, path: Path, listed: _Listed) -> None:
        self.members, self.seal, self.broken = listed.members, listed.seal, listed.broken
        self._file = path.open("rb")
        self._stream: _File = Gunzip(self._file, listed.places) if listed.is_packed else _Plain(self._file)

    def open(self, member: Member) -> AbstractContextManager[Stream]:
        assert isinstance(member.key, int)  # noqa: S101 - the key of its own members
        return Steady(_Part(self._stream, member.key, member.size_bytes).read, _CUT)

    def close(self) -> None:
        self._file.close()


@lru_cache(maxsize=1)
def _listed(path: Path, seen: tuple[int, ...]) -> _Listed | None:
    """An archive has no table of contents: all of it is read once, however many importers look into it.

    ``seen`` tells a file from what comes in its place.
    """
    del seen
    with path.open("rb") as file:
        is_packed = file.read(len(MAGIC)) == MAGIC
        stream = Gunzip(file) if is_packed else _Plain(file)
        stream.seek(0)
        if not is_tar(_block(stream)):
            return None
        members, broken, left_out = _members(stream)
        if not broken and left_out:
            broken = f"{left_out:,} of its entries are links, or lead out of it: they were left out."
        checks = "\n".join(f"{one.name}:{one.size_bytes}:{one.key}" for one in members)
        seal = seal_of(f"{path.stat().st_size}\n{checks}".encode("utf-8", "replace"))
        places = stream.places if isinstance(stream, Gunzip) else ()
        return _Listed(members, seal, broken, is_packed, places)


def _members(stream: _File) -> tuple[list[Member], str, int]:
    """The files, what is wrong with the archive, and how many of its entries are left out."""
    found: dict[str, Member] = {}
    broken, left_out, names = "", 0, 0
    try:
        for header in _headers(stream):
            name = _name_of(header)
            names += len(header.name)
            if names > DIRECTORY_BYTES:
                broken = "Its names are far too long: only what stands before them was read."
                break
            left_out += name is None
            if not name:
                continue
            start = stream.packed_at
            found.pop(name, None)
            found[name] = member = Member(name=name, size_bytes=header.size, packed_bytes=0, key=header.at)
            stream.seek(header.at + header.size)
            found[name] = replace(member, packed_bytes=stream.packed_at - start)
            if len(found) >= MEMBERS:
                break
        while isinstance(stream, Gunzip) and stream.read(_STEP_BYTES):
            pass  # its check on all of it stands at the end
    except Unreadable as failed:
        broken = _CUT if str(failed) == DAMAGED else str(failed)
    return list(found.values()), broken, left_out


def _name_of(header: _Header) -> str | None:
    """What a file is called; empty for a folder, None for what is left out."""
    if header.kind == _FOLDER or (header.kind in _FILES and header.name.endswith("/")):
        return ""
    name = header.name.removeprefix("./")
    parts = name.replace("\\", "/").split("/")
    if header.kind not in _FILES or not parts[0] or ".." in parts or parts[0].endswith(":"):
        return None
    return name


class _Part:
    """The bytes of one file; several may be read by turns."""

    def __init__(self, stream: _File, at: int, size: int) -> None:
        self._stream, self._at, self._left = stream, at, size

    def read(self, most: int) -> bytes:
        if not self._left:
            return b""
        self._stream.seek(self._at)
        data = self._stream.read(min(most, self._left))
        if not data:
            raise Unreadable(_CUT)
        self._at += len(data)
        self._left -= len(data)
        return data


def _headers(stream: _File) -> Iterator[_Header]:
    """All of them, with what stands in the ones before that say more. Raises Unreadable where it breaks."""
    at, name, size = 0, "", -1
    for _ in range(_HEADERS):
        stream.seek(at)
        block = _block(stream)
        if not any(block) and len(block) == BLOCK_BYTES:
            return  # the end
        if not is_tar(block):
            raise Unreadable(_CUT)
        at += BLOCK_BYTES
        kind = block[156:157]
        own = _number(block[124:136])
        if kind in {_LONG_NAME, _LONG_LINK, _MORE, _MORE_FOR_ALL}:
            if own > _MORE_BYTES:
                msg = "A header in it is far too long: that is no export."
                raise Unreadable(msg)
            more = _all(stream, own)
            if kind == _LONG_NAME:
                name = _text(more.split(b"\0", 1)[0])
            elif kind == _MORE:
                name, size = _more(more, name, size)
            at += _padded(own)
            continue
        length = own if size < 0 else size
        if length > _MOST_BYTES:
            raise Unreadable(_CUT)
        yield _Header(name or _own_name(block), kind, length, at)
        at += _padded(length)
        name, size = "", -1


def _more(data: bytes, name: str, size: int) -> tuple[str, int]:
    """Name and size as far as they stand there: ``length key=value`` and a line's end, each."""
    at = 0
    while (found := _PAX.match(data, at)) is not None:
        end = at + int(found[1])
        if not found.end() < end <= len(data):
            break
        value = data[found.end() : end - 1]
        if found[2] == b"path":
            name = _text(value)
        elif found[2] == b"size" and value.isdigit() and len(value) < 20:  # fits 64 bits
            size = int(value)
        at = end
    return name, size


def _own_name(block: bytes) -> str:
    name, prefix = (_text(block[a:b].split(b"\0", 1)[0]) for a, b in ((0, 100), (345, 500)))
    return f"{prefix}/{name}" if prefix and block[257:263] == b"ustar\0" else name


def _number(data: bytes) -> int:
    """Octal digits; what is larger than those can say is binary. Raises Unreadable."""
    if data[0] & 0x80:
        return int.from_bytes(bytes([data[0] & 0x7F]) + data[1:], "big") & ((1 << 62) - 1)
    digits = data.strip(b" \0")
    if any(not 0x30 <= byte <= 0x37 for byte in digits):
        raise Unreadable(_CUT)
    return int(digits or b"0", 8)


def _padded(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _block(stream: _File) -> bytes:
    return _all(stream, BLOCK_BYTES)


def _all(stream: _File, most: int) -> bytes:
    parts: list[bytes] = []
    while most > 0 and (data := stream.read(min(most, _STEP_BYTES))):
        parts.append(data)
        most -= len(data)
    return b"".join(parts)
