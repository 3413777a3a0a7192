"""``My Activity.html`` of a Takeout, which is how Google gives it unless it is asked for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from stillup.vault.importing.bounds import CHUNK_BYTES
from stillup.vault.importing.bundle import Bundle, Folder, Member, Single, Unreadable
from stillup.vault.importing.exports import Found
from stillup.vault.importing.gemini_takeout import asked_and_answered
from stillup.vault.importing.html_text import Words, event_parser
from stillup.vault.importing.marks import Mark, mark_of
from stillup.vault.importing.opened import opened, peeked, utf8
from stillup.vault.importing.shaping import in_pieces
from stillup.vault.values import Read, Skipped

_MINE = re.compile(rb"(?>outer-cell[^>]{0,500}?mdl-cell).{0,2000}?(?:Gemini|Bard)", re.DOTALL)
_AT = re.compile(r".{0,40}\b(19|20)\d\d\b.{0,20}\b\d{1,2}:\d\d(:\d\d)?.{0,30}")
_FORMATS = ("%b %d, %Y, %I:%M:%S %p", "%d %b %Y, %H:%M:%S", "%b %d, %Y, %H:%M:%S")
_OFFSET = re.compile(r"\s+(?:UTC|GMT|[A-Z]{2,5})$")


class GeminiActivity:
    """See the module. What it reads is Takeout's, as from the JSON: the same ids where the times can be read."""

    name: str = "gemini_activity"

    def recognises(self, source: Path) -> bool:
        """By the page's marks."""
        try:
            with opened(source) as bundle:
                return any(_MINE.search(peeked(bundle, member)) for member in _pages(bundle)[:8])
        except (Unreadable, OSError):
            return False

    def read(self, source: Path, mark: str = "") -> Iterator[Read]:
        """Every activity behind the mark, which counts them."""
        try:
            with opened(source) as bundle:
                begin = mark_of(mark, bundle.seal)
                done = 0
                for n, page in enumerate(_pages(bundle)):
                    if n >= begin.member:
                        yield from self._page(
                            bundle, page, Mark(member=n, at=begin.at if n == begin.member else 0), done
                        )
                    done += page.packed_bytes
        except (Unreadable, OSError) as failed:
            why = str(failed) if isinstance(failed, Unreadable) else f"It cannot be read: {failed.strerror}."
            yield Read(what=Skipped(where=source.name, why=why), mark=mark, done_bytes=0)

    def _page(self, bundle: Bundle, page: Member, begin: Mark, done: int) -> Iterator[Read]:
        cells = _Cells()
        parser = event_parser(cells)
        count = 0
        with bundle.open(page) as file:
            read = utf8(file)
            while data := read(CHUNK_BYTES):
                parser.feed(data)
                cells_here, cells.ready = cells.ready, []
                for cell in cells_here:
                    count += 1
                    if count > begin.at:
                        before = Mark(member=begin.member, at=count - 1).written(bundle.seal)
                        after = Mark(member=begin.member, at=count).written(bundle.seal)
                        yield from _told(Found(bundle, page, {}), cell, (before, after), done)


def _told(found: Found, cell: str, marks: tuple[str, str], done: int) -> Iterator[Read]:
    lines = cell.splitlines()
    at = next((n for n, line in enumerate(lines) if _AT.fullmatch(line.strip())), len(lines))
    title = "\n".join(lines[:at]).strip()
    answer = "\n".join(lines[at + 1 :]).strip()
    moment = _moment(lines[at]) if at < len(lines) else None
    said = asked_and_answered(found, title, answer, moment)
    if said is not None:
        yield from in_pieces(said[0], said[1], *marks, done)
    for what in found.skipped:
        yield Read(what=what, mark=marks[1], done_bytes=done)


def _moment(line: str) -> float | None:
    """Only English dates, without regard to the zone: they are told in the account's language and zone."""
    told = _OFFSET.sub("", re.sub(r"[\u202f\xa0]", " ", line).strip())
    for how in _FORMATS:
        try:
            return datetime.strptime(told, how).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None


class _Cells:
    """What stands in the first cell of each activity."""

    def __init__(self) -> None:
        self.ready: list[str] = []
        self._words: Words | None = None
        self._depth = 0

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        if self._words is not None:
            self._depth += 1
            self._words.start(tag, attrib)
        elif tag == "div":
            kind = attrib.get("class", "")
            if "content-cell" in kind and "body-1" in kind and "text-right" not in kind:
                self._words, self._depth = Words(), 0

    def end(self, tag: str) -> None:
        if self._words is None:
            return
        if self._depth == 0:
            if not self._words.is_long:
                self.ready.append(self._words.text)
            self._words = None
            return
        self._depth -= 1
        self._words.end(tag)

    def data(self, data: str) -> None:
        if self._words is not None:
            self._words.data(data)

    def close(self) -> None:
        """Nothing more comes."""


def _pages(bundle: Bundle) -> list[Member]:
    if isinstance(bundle, Single):
        return bundle.members if bundle.members[0].name.lower().endswith((".html", ".htm")) else []
    if isinstance(bundle, Folder):
        return []  # each file in it is a source by itself
    found = bundle.named(r".*\.html")
    return [member for member in found if re.search("gemini|bard", member.name, re.IGNORECASE)]
