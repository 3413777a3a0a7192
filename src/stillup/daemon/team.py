"""The team's own steps: Markdown files in a folder, whose list items become steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from stillup.catalog.load import catalogue
from stillup.errors import BadDataError
from stillup.model.service import OutageClass, State
from stillup.response.playbook import Done, Step
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from markdown_it.token import Token

    from stillup.config import Config

ALL = "all"
MOST_BYTES, MOST_STEPS, MOST_LETTERS = 65_536, 40, 300
"""Of one file, and of one step. A playbook of forty steps is read by nobody while something is down."""
_SUFFIX = ".md"
_BOX = re.compile(r"\[([ xX])\]\s+")


class Plans(Protocol):
    """Plans for outages, whose steps stand behind the team's."""

    def refresh(self) -> None:
        """Read what is new or changed."""

    def of(self, service: str, state: State, state_of: Callable[[str], State]) -> tuple[Step, ...]:
        """The steps for a service in that state, while others are as ``state_of`` says."""
        ...


class _File(Struct, frozen=True):
    """A file as it was read: its mark of change, and the steps in it."""

    mark: tuple[int, int]
    steps: tuple[Step, ...]


class TeamSteps:
    """The steps of a folder, and those of plans beside it, read again when a file changes.

    A file that cannot be used is said once, by name and line, and counts for nothing until it is mended.
    """

    def __init__(self, folder: Path | None, say: Callable[[str], None], plans: Plans | None = None) -> None:
        self._folder = folder
        self._say = say
        self._plans = plans
        self._files: dict[str, _File] = {}

    def refresh(self) -> None:
        """Read what is new or changed. Blocks for a look at the folders."""
        if self._plans is not None:
            self._plans.refresh()
        if self._folder is None:
            return
        try:
            found = {p.stem: p for p in sorted(self._folder.iterdir()) if p.suffix == _SUFFIX}
        except OSError:
            found = {}
        self._files = {name: f for name, f in self._files.items() if name in found}
        for name, path in found.items():
            self._look_at(name, path)

    def of(
        self,
        service: str,
        class_: OutageClass | None,
        state: State = State.UNKNOWN,
        state_of: Callable[[str], State] = lambda _: State.UNKNOWN,
    ) -> tuple[Step, ...]:
        """The steps for everything, for this service, for this class of fault, and of its plans, in this order.

        ``state`` is how the service is, ``state_of`` says how others are.
        """
        names = [ALL, service, *([class_.value] if class_ else [])]
        team = tuple(step for name in names if name in self._files for step in self._files[name].steps)
        return team if self._plans is None else (*team, *self._plans.of(service, state, state_of))

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


def team_folder(config: Config) -> Path | None:
    """Where the team's own steps are: as configured, else ``playbook`` beside the configuration file."""
    if config.playbook.folder:
        return Path(config.playbook.folder)
    return config.path.absolute().parent / "playbook" if config.path is not None else None


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
    return tuple(_steps(read_text(path), path))


def read_text(path: Path) -> str:
    """The text of a file of steps.

    :raises BadDataError: it is no text of at most 64 KiB; the message has the line.
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
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = body.count(b"\n", 0, exc.start) + 1
        msg = f"{path}:{line}: not UTF-8"
        raise BadDataError(msg) from None


def _steps(text: str, path: Path) -> Iterator[Step]:
    for number, item in enumerate(items(text), 1):
        step = step_of(item, path)
        if number > MOST_STEPS:
            msg = f"{path}:{item.line}: more than {MOST_STEPS} steps"
            raise BadDataError(msg)
        yield step


def step_of(item: Item, path: Path) -> Step:
    """A list item as a step.

    :raises BadDataError: it is empty, or too long.
    """
    box = _BOX.match(item.words)
    says = clean(item.words[box.end() :] if box else item.words, MOST_LETTERS + 1)
    if not says:
        msg = f"{path}:{item.line}: a step without a word"
        raise BadDataError(msg)
    if len(says) > MOST_LETTERS:
        msg = f"{path}:{item.line}: a step of more than {MOST_LETTERS} letters; nobody reads it while something is down"
        raise BadDataError(msg)
    return Step(says=says, done=Done.DONE if box and box[1] != " " else Done.TO_DO, team=True)


class Item(NamedTuple):
    """A list item's line and its own words, without those of items within it; ``under`` are the headings above it."""

    line: int
    words: str
    under: tuple[str, ...]


def items(text: str) -> Iterator[Item]:
    """Every item of every list, in order; a heading stands above what follows until one of its rank or higher."""
    from markdown_it import MarkdownIt

    above: list[tuple[str, str]] = []
    rank = ""
    open_items: list[int] = []
    empty = True
    for token in MarkdownIt("commonmark", {"html": False}).parse(text):
        if token.type == "heading_open" and not open_items:
            rank = token.tag
        elif token.type == "inline" and rank:
            above = [(r, words) for r, words in above if r < rank] + [(rank, token.content)]
            rank = ""
        elif token.type == "list_item_open":
            open_items.append((token.map or [0])[0] + 1)
            empty = True
        elif token.type == "list_item_close":
            line = open_items.pop()
            if line > 0 and empty:
                yield Item(line, "", _under(above))
            empty = False
        elif token.type == "inline" and open_items and open_items[-1] > 0:
            yield Item(open_items[-1], _plain(token), _under(above))
            open_items[-1], empty = 0, False  # further paragraphs explain the step, they are none


def _under(above: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(words for _, words in above)


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
