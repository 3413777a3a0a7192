"""The files of a kit's folder: which there are, and one of them read or written.

A kit may be a stranger's: only plain files called ``*.md`` count, hidden folders (``.git``) do not, and a link is
followed only where it stays inside the folder, so that no file shows what lies outside of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG

from msgspec import Struct

from stillup.errors import BadDataError, UsageError
from stillup.kit.entry import Entry
from stillup.kit.front import MAX_CHARS, read_entry
from stillup.private import make_file, private_folder

STARTER = Path(__file__).parent / "starter"
MOST_FILES = 50_000
_DEEPEST = 8
_SUFFIX = ".md"
_NAME = re.compile(r"[^\W_][\w .+-]{0,99}(/[^\W_][\w .+-]{0,99}){0,7}")


class Found(Struct, frozen=True, gc=False):
    """A file that is there."""

    name: str
    path: str
    size: int
    changed_ns: int
    is_own: bool


class Skipped(Struct, frozen=True):
    """A file that was left out, and why, as the end of a sentence."""

    path: str
    why: str


def files_in(root: Path, *, is_own: bool) -> Iterator[Found | Skipped]:
    """The files of a folder and of those in it, at most :data:`MOST_FILES`; nothing where there is no such folder."""
    inside = f"{os.path.realpath(root)}{os.sep}"
    for number, (name, item) in enumerate(_walk(str(root), "", _DEEPEST)):
        if number >= MOST_FILES:
            yield Skipped(str(root), f"has more than {MOST_FILES} files; the rest is left out")
            return
        yield _found(name, item, inside, is_own=is_own)


def _found(name: str, item: os.DirEntry[str], inside: str, *, is_own: bool) -> Found | Skipped:
    try:
        if item.is_symlink() and not os.path.realpath(item.path).startswith(inside):
            return Skipped(item.path, "is a link that leads out of the folder")
        about = item.stat()
    except OSError as exc:
        return Skipped(item.path, exc.strerror or "cannot be read")
    if not S_ISREG(about.st_mode) or about.st_size > MAX_CHARS:
        return Skipped(item.path, f"is no file of at most {MAX_CHARS // 1024} KiB")
    return Found(name[: -len(_SUFFIX)], item.path, about.st_size, about.st_mtime_ns, is_own)


def _walk(folder: str, before: str, levels: int) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        items = list(os.scandir(folder))
    except OSError:
        return
    for item in items:
        if item.name.startswith("."):
            continue
        if item.name.endswith(_SUFFIX):
            if not item.is_dir():
                yield before + item.name, item
        elif levels and item.is_dir(follow_symlinks=False):
            yield from _walk(item.path, f"{before}{item.name}/", levels - 1)


def read_file(name: str, path: str) -> Entry | Skipped:
    """The entry in a file, or why there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - ten thousand Path objects cost more than the reading
            body = file.read(MAX_CHARS + 1)
    except OSError as exc:
        return Skipped(path, exc.strerror or "cannot be read")
    if len(body) > MAX_CHARS:
        return Skipped(path, f"is longer than {MAX_CHARS // 1024} KiB")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Skipped(path, "is no text in UTF-8")
    return Skipped(path, "is no text: it has NUL characters") if "\0" in text else read_entry(name, text)


def path_of(folder: Path, name: str) -> Path:
    """Where an entry of that name lies, or would.

    :raises UsageError: nothing can be called that; nothing outside of the folder can be named.
    """
    if not _NAME.fullmatch(name) or any(part.endswith((".", " ")) for part in name.split("/")):
        msg = f"{name[:60]!r} cannot be a name in the kit; allowed: letters, digits, - and _, with / for folders"
        raise UsageError(msg)
    path = folder / f"{name}{_SUFFIX}"
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        msg = f"{name[:60]!r} leads out of the kit's folder {folder}"
        raise UsageError(msg)
    return path


def write_new(folder: Path, name: str, text: str) -> Path:
    """A new file for its owner alone.

    :raises UsageError: nothing can be called that, or it is there already.
    :raises BadDataError: it cannot be written.
    """
    path = path_of(folder, name)
    if path.exists() or path.is_symlink():
        msg = f"{path} is there already; `stillup kit edit {name}` changes it"
        raise UsageError(msg)
    try:
        private_folder(path.parent)
        make_file(path, text.encode())
    except OSError as exc:
        msg = f"{path} cannot be written: {exc.strerror or exc}"
        raise BadDataError(msg) from exc
    return path
