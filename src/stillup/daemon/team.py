"""The team's own steps: Markdown files in a folder, whose list items become steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.catalog.load import catalogue
from stillup.errors import BadDataError
from stillup.model.service import OutageClass
from stillup.response.playbook import Done, Step
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from markdown_it.token import Token

ALL = "all"
MOST_BYTES, MOST_STEPS, MOST_LETTERS = 65_536, 40, 300
"""Of one file, and of one step. A playbook of forty steps is read by nobody while something is down."""
_SUFFIX = ".md"
_BOX = re.compile(r"\[([ xX])\]\s+")


class _File(Struct, frozen=True):
    """A file as it was read: its mark of change, and the steps in it."""

    mark: tuple[int, int]
    steps: tuple[Step, ...]


class TeamSteps:
    """The steps of a folder, read again when a file changes.

    A file that cannot be used is said once, by name and line, and counts for nothing until it is mended.
    """

    def __init__(self, folder: Path | None, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._files: dict[str, _File] = {}

    def refresh(self) -> None:
        """Read what is new or changed. Blocks for a look at the folder."""
        if self._folder is None:
            return
        try:
            found = {p.stem: p for p in sorted(self._folder.iterdir()) if p.suffix == _SUFFIX}
        except OSError:
            found = {}
        self._files = {name: f for name, f in self._files.items() if name in found}
        for name, path in found.items():
            self._look_at(name, path)

    def of(self, service: str, class_: OutageClass | None) -> tuple[Step, ...]:
        """The steps for everything, for this service, and for this class of fault, in this order."""
        names = [ALL, service, *([class_.value] if class_ else [])]
        return tuple(step for name in names if name in self._files for step in self._files[name].steps)

    def _look_at(self, name: str, path: Path) -> None:
        steps: tuple[Step, ...] = ()
        mark = (0, 0)
        try:
            seen = path.stat()
            mark = (seen.st_mtime_ns, seen.st_size)
            if name in self._files and self._files[name].mark == mark:
                return
            check_name(path)
            steps = read_steps(path)
        except (BadDataError, OSError) as exc:
            if name in self._files and self._files[name].mark == mark:
                return
            self._say(str(exc) if isinstance(exc, BadDataError) else f"{path}: cannot be read: {exc.strerror}")
        self._files[name] = _File(mark, steps)


def check_name(path: Path) -> None:
    """Refuse a file that stands for nothing.

    :raises BadDataError: its name is no service's and no class's.
    """
    known = {ALL, *catalogue(), *(c.value for c in OutageClass)}
    if path.stem not in known:
        classes = ", ".join(f"{c.value}{_SUFFIX}" for c in OutageClass)
        msg = f"{path}: stands for nothing; allowed: {ALL}{_SUFFIX}, a service as claude{_SUFFIX}, {classes}"
        raise BadDataError(msg)


def read_steps(path: Path) -> tuple[Step, ...]:
    """The list items of a Markdown file as steps; those ticked off (``- [x]``) are done.

    :raises BadDataError: it is no text of at most 64 KiB, or a step in it is empty, too long, or one too many; the
        message has the line.
    :raises OSError: it cannot be read.
    """
    if not S_ISREG(path.stat().st_mode):
        msg = f"{path}: is no file"
        raise BadDataError(msg)
    with path.open("rb") as file:
        body = file.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        msg = f"{path}: larger than {MOST_BYTES // 1024} KiB"
        raise BadDataError(msg)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = body.count(b"\n", 0, exc.start) + 1
        msg = f"{path}:{line}: not UTF-8"
        raise BadDataError(msg) from None
    return tuple(_steps(text, path))


def _steps(text: str, path: Path) -> Iterator[Step]:
    for number, (line, words) in enumerate(_items(text), 1):
        where = f"{path}:{line}"
        box = _BOX.match(words)
        says = clean(words[box.end() :] if box else words, MOST_LETTERS + 1)
        if not says:
            msg = f"{where}: a step without a word"
            raise BadDataError(msg)
        if len(says) > MOST_LETTERS:
            msg = f"{where}: a step of more than {MOST_LETTERS} letters; nobody reads it while something is down"
            raise BadDataError(msg)
        if number > MOST_STEPS:
            msg = f"{where}: more than {MOST_STEPS} steps"
            raise BadDataError(msg)
        done = Done.DONE if box and box[1] != " " else Done.TO_DO
        yield Step(says=says, done=done, team=True)


def _items(text: str) -> Iterator[tuple[int, str]]:
    """Each list item's line and its own words, without those of items within it."""
    from markdown_it import MarkdownIt

    open_items: list[int] = []
    empty = True
    for token in MarkdownIt("commonmark", {"html": False}).parse(text):
        if token.type == "list_item_open":
            open_items.append((token.map or [0])[0] + 1)
            empty = True
        elif token.type == "list_item_close":
            line = open_items.pop()
            if line > 0 and empty:
                yield line, ""
            empty = False
        elif token.type == "inline" and open_items and open_items[-1] > 0:
            yield open_items[-1], _plain(token)
            open_items[-1], empty = 0, False  # further paragraphs explain the step, they are none


def _plain(inline: Token) -> str:
    """The words without markup; a link keeps its address behind its words."""
    said, links = [], []
    for part in inline.children or ():
        if part.type in ("text", "code_inline"):
            said.append(part.content)
        elif part.type in ("softbreak", "hardbreak"):
            said.append(" ")
        elif part.type == "link_open":
            links.append((len(said), str(part.attrGet("href") or "")))
        elif part.type == "link_close":
            since, address = links.pop()
            if "".join(said[since:]) != address:
                said.append(f" ({address})")
    return "".join(said)
