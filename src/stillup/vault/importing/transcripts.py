"""What the transcripts of coding tools share: lines of JSON that are appended while one reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from stillup.gateway.dialects.lenient import NoJson
from stillup.vault.importing.bounds import PIECE_BYTES, PIECE_TURNS
from stillup.vault.importing.bundle import Unreadable, checked
from stillup.vault.importing.lines import Line, lines, seal
from stillup.vault.importing.marks import Mark, mark_of
from stillup.vault.values import Conversation, Read, Skipped


class Session(ABC):
    """What is known of a transcript at one line of it."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.skipped: list[Skipped] = []

    @abstractmethod
    def add(self, raw: bytes, end: int) -> None:
        """One more line, which ends before byte ``end``. Raises NoJson."""

    @abstractmethod
    def take(self) -> list[Conversation]:
        """What was said since the last time; then it is forgotten."""

    @property
    @abstractmethod
    def more(self) -> str:
        """What the mark needs to know besides the place."""

    def skip(self, why: str, at: int) -> None:
        """Leave a line out."""
        self.skipped.append(Skipped(where=f"{self.source.name} › before byte {at:,}", why=why))


class Transcript(ABC):
    """A kind of transcript, one file each."""

    name: str

    @abstractmethod
    def is_mine(self, line: bytes) -> bool:
        """Whether a transcript of this kind has such a line."""

    @abstractmethod
    def session(self, source: Path, file: BinaryIO, mark: Mark) -> Session:
        """What is known at the mark; the file is for looking at what stands before it."""

    def recognises(self, source: Path) -> bool:
        """By its first lines; only files that are called ``.jsonl``."""
        if source.suffix.lower() != ".jsonl":
            return False
        try:
            checked(source)
            with source.open("rb") as file:
                return any(self.is_mine(file.readline(256 * 1024)) for _ in range(8))
        except (Unreadable, OSError):
            return False

    def read(self, source: Path, mark: str = "") -> Iterator[Read]:
        """Everything behind the mark that is whole, a bounded part at a time."""
        try:
            size = checked(source).st_size
            seen = seal(source)
            begin = mark_of(mark, seen)
            if begin.at > size:  # it was written anew
                begin = Mark()
            with source.open("rb") as file:
                yield from self._read(self.session(source, file, begin), file, begin, seen)
        except (Unreadable, OSError) as failed:
            why = str(failed) if isinstance(failed, Unreadable) else f"It cannot be read: {failed.strerror}."
            yield Read(what=Skipped(where=source.name, why=why), mark=mark, done_bytes=0)

    def _read(self, session: Session, file: BinaryIO, begin: Mark, seen: str) -> Iterator[Read]:
        at = told = begin.at
        count = kept = 0
        for line in lines(file, begin.at):
            _add(session, line)
            at = line.end
            count += 1
            kept += len(line.raw)
            if kept > PIECE_BYTES or count >= PIECE_TURNS:
                after = Mark(at=at, more=session.more)
                yield from _told(session, begin.written(seen), after.written(seen), at)
                begin, told, count, kept = after, at, 0, 0
        if at > told:
            yield from _told(session, begin.written(seen), Mark(at=at, more=session.more).written(seen), at)


def _add(session: Session, line: Line) -> None:
    if line.why:
        session.skip(line.why, line.end)
        return
    if not line.raw:
        return
    try:
        session.add(line.raw, line.end)
    except NoJson as refused:
        session.skip(str(refused), line.end)


def _told(session: Session, before: str, after: str, done: int) -> Iterator[Read]:
    """What was read up to here; only the last of it moves the mark."""
    told: list[Conversation | Skipped] = [*session.take(), *session.skipped]
    session.skipped = []
    for n, what in enumerate(told):
        yield Read(what=what, mark=after if n == len(told) - 1 else before, done_bytes=done)
