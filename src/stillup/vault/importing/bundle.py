"""The files of an export, alike for a zip, a folder it was unpacked to, or one file of it.

Nothing is ever unpacked to the disk; names are only compared, never followed.
"""

from __future__ import annotations

import os
import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, Self

from msgspec import Struct

from stillup.vault.importing.bounds import FOLDER_DEPTH, FOLDER_FILES
from stillup.vault.importing.marks import seal_of


class Unreadable(ValueError):
    """A source or a member that cannot be read; the text is a sentence."""


class Member(Struct, frozen=True, kw_only=True):
    """One file of an export. ``packed_bytes`` is what it takes in the source."""

    name: str
    size_bytes: int
    packed_bytes: int
    key: object = None
    """What the bundle finds it by."""


class Stream(Protocol):
    """What is read from."""

    def read(self, most: int, /) -> bytes:
        """As many bytes as asked for, fewer at the end only."""
        ...


class Bundle(ABC):
    """``members`` in the order they stand in; ``seal`` is a check on what it is."""

    members: list[Member]
    seal: str
    broken: str = ""
    """What is wrong with it as a whole, as a sentence."""
    _index: dict[str, Member] | None = None

    @abstractmethod
    def open(self, member: Member) -> AbstractContextManager[Stream]:
        """Its bytes as a stream. Raises Unreadable, also while it is read."""

    def close(self) -> None:  # noqa: B027 - most have nothing open
        """Give back what is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def named(self, pattern: str) -> list[Member]:
        """Members whose last name is of the pattern, in the order of their names."""
        wanted = re.compile(pattern, re.IGNORECASE)
        found = [member for member in self.members if wanted.fullmatch(member.name.rsplit("/", 1)[-1])]
        return sorted(found, key=lambda member: (len(member.name), member.name))

    def index(self, pattern: re.Pattern[str]) -> dict[str, Member]:
        """Members by what of their last names is of the pattern, in small letters; an importer has one such pattern."""
        if self._index is None:
            self._index = {}
            for member in self.members:
                if found := pattern.search(member.name.rsplit("/", 1)[-1].lower()):
                    self._index[found[0]] = member
        return self._index

    def read(self, member: Member, limit_bytes: int) -> bytes:
        """A whole small file. Raises Unreadable where it is not small."""
        with self.open(member) as file:
            data = file.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            msg = "It is too large."
            raise Unreadable(msg)
        return data


class Single(Bundle):
    """One file."""

    def __init__(self, path: Path) -> None:
        found = checked(path)
        self._path = path
        self.members = [Member(name=path.name, size_bytes=found.st_size, packed_bytes=found.st_size)]
        with path.open("rb") as file:
            self.seal = seal_of(file.read(4096) + str(found.st_size).encode())

    def open(self, member: Member) -> AbstractContextManager[Stream]:
        del member
        return self._path.open("rb")


class Folder(Bundle):
    """An unpacked export; links are not followed."""

    def __init__(self, path: Path) -> None:
        self._root = path
        self.members = []
        for found in walk(path):
            size = found.stat(follow_symlinks=False).st_size
            name = os.path.relpath(found.path, path).replace(os.sep, "/")
            self.members.append(Member(name=name, size_bytes=size, packed_bytes=size))
        seen = "\n".join(f"{member.name}:{member.size_bytes}" for member in self.members)
        self.seal = seal_of(seen.encode("utf-8", "surrogateescape"))

    def open(self, member: Member) -> AbstractContextManager[Stream]:
        path = self._root / member.name
        try:
            checked(path)
            return path.open("rb")
        except OSError as failed:
            msg = f"It cannot be read: {failed.strerror}."
            raise Unreadable(msg) from failed


def walk(root: Path) -> Iterator[os.DirEntry[str]]:
    """Plain files under a folder in the order of their names; links are passed over."""
    for _, files in levels(root):
        yield from files


def levels(root: Path) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """A folder and those in it, each with its plain files, in the order of their names; links are passed over."""
    left = FOLDER_FILES
    folders = [(str(root), 0)]
    while folders and left > 0:
        folder, depth = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        files = [entry for entry in found if entry.is_file(follow_symlinks=False)][:left]
        left -= len(files)
        yield folder, files
        if depth < FOLDER_DEPTH:
            below = [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]
            folders += [(path, depth + 1) for path in reversed(below)]


def checked(path: Path) -> os.stat_result:
    """A plain file's state. Raises Unreadable for a pipe or a device: those may never end."""
    try:
        found = path.stat()
    except OSError as failed:
        msg = f"It cannot be read: {failed.strerror}."
        raise Unreadable(msg) from failed
    if not stat.S_ISREG(found.st_mode):
        msg = "It is no plain file."
        raise Unreadable(msg)
    return found
