"""A page of claude.ai, ChatGPT or Gemini that a browser has saved, as ``.html`` or ``.mhtml``.

The pages' own marks say who says what; they change from time to time, and a page without any is named as such.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from stillup.gateway.dialects.neutral import Role, Text
from stillup.vault.importing import mhtml
from stillup.vault.importing.bounds import FILE_BYTES, ITEM_BYTES, MIB, said
from stillup.vault.importing.bundle import Stream, Unreadable, checked
from stillup.vault.importing.fields import file_name, titled
from stillup.vault.importing.html_text import Words, chunks, feed
from stillup.vault.importing.marks import Mark, seal_of
from stillup.vault.importing.opened import utf8
from stillup.vault.importing.shaping import first_words, in_pieces
from stillup.vault.values import Attachment, Conversation, Read, Skipped, Turn

_PAGE_BYTES = 64 * MIB
_MINE = re.compile(
    rb"data-message-author-role|font-claude-(?:message|response)|font-user-message|<user-query|=.?user-message"
)
_ADDRESS = re.compile(
    r"https://(claude\.ai|chatgpt\.com|chat\.openai\.com|gemini\.google\.com)"
    r"/(?:g/[\w-]+/)?(?:chat|c|share|app)/([\w-]{8,80})"
)
_SERVICES = {"claude.ai": "claude", "gemini.google.com": "gemini"}
_TAIL = re.compile(r"\s*[-–|\\]\s*(Claude|ChatGPT|Google Gemini|Gemini)\s*$")
_DATA = re.compile(r"data:([\w.+/-]{1,80})(?:;[\w=-]+)*;base64,", re.IGNORECASE)
_OVERLAP = 64


class SavedPage:
    """See the module."""

    name: str = "saved_page"

    def recognises(self, source: Path) -> bool:
        """By its name and the marks of the pages in it."""
        if source.suffix.lower() not in {".html", ".htm", ".xhtml", *mhtml.SUFFIXES}:
            return False
        try:
            checked(source)
            with source.open("rb") as file:
                following = chunks(utf8(_stream(source, file)[0]), _PAGE_BYTES)
                tail = b""
                while data := following():
                    if _MINE.search(tail + data):
                        return True
                    tail = data[-_OVERLAP:]
        except (Unreadable, OSError):
            return False
        return False

    def read(self, source: Path, mark: str = "") -> Iterator[Read]:
        """The conversation in it; a page that was read already gives nothing."""
        try:
            size = checked(source).st_size
            with source.open("rb") as file:
                seal = seal_of(file.read(65_536) + str(size).encode())
            done = Mark(at=size).written(seal)
            if mark == done:
                return
            if size > _PAGE_BYTES:
                why = f"It has {said(size)}; pages up to {said(_PAGE_BYTES)} are read."
                yield Read(what=Skipped(where=source.name, why=why), mark=done, done_bytes=size)
                return
            page = _Page()
            with source.open("rb") as file:
                stream, address = _stream(source, file)
                page.look_for_address(address)
                feed(page, chunks(utf8(stream), _PAGE_BYTES))
        except (Unreadable, OSError) as failed:
            why = str(failed) if isinstance(failed, Unreadable) else f"It cannot be read: {failed.strerror}."
            yield Read(what=Skipped(where=source.name, why=why), mark=mark, done_bytes=0)
            return
        yield from _reads(page, source, done, size)


def _stream(source: Path, file: BinaryIO) -> tuple[Stream, str]:
    """The page, and where it is from if the file says so."""
    if source.suffix.lower() not in mhtml.SUFFIXES:
        return file, ""
    page = mhtml.Page(file)
    return page, page.address


class _Said(Struct):
    """One message while it is read."""

    role: Role
    id: str
    model: str
    service: str
    words: Words
    depth: int = 0
    pictures: list[tuple[str, str]] = []


class _Page:
    """Listens to a page's events."""

    def __init__(self) -> None:
        self.said: list[_Said] = []
        self.title = ""
        self.address = ""
        self._open: _Said | None = None
        self._in_title = 0
        self._size = 0

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        if self._open is not None:
            self._open.depth += 1
            if tag == "img":
                self._picture(self._open, attrib)
            self._open.words.start(tag, attrib)
            return
        if tag == "title":
            self._in_title += 1
        elif tag in {"link", "meta"}:
            self.look_for_address(attrib.get("href", "") or attrib.get("content", ""))
        else:
            self._open = _speaker(tag, attrib)

    def end(self, tag: str) -> None:
        if self._open is not None:
            if self._open.depth == 0:
                self._size += len(self._open.words.text)
                if self._size <= ITEM_BYTES:
                    self.said.append(self._open)
                self._open = None
                return
            self._open.depth -= 1
            self._open.words.end(tag)
        elif tag == "title":
            self._in_title -= 1

    def data(self, data: str) -> None:
        if self._open is not None:
            self._open.words.data(data)
        elif self._in_title and len(self.title) < 1000:
            self.title += data[:1000]

    def close(self) -> None:
        """Nothing more comes."""

    def comment(self, text: str) -> None:
        if "saved from url" in text or "Page saved" in text or "url:" in text:
            self.look_for_address(text)

    def look_for_address(self, text: str) -> None:
        """The conversation's address, if it is in there."""
        if not self.address and (found := _ADDRESS.search(text[:4000])):
            self.address = found[0]

    def _picture(self, said: _Said, attrib: Mapping[str, str]) -> None:
        self._size += len(attrib.get("src", ""))
        if self._size <= ITEM_BYTES:
            said.pictures.append((attrib.get("src", ""), attrib.get("alt", "")))


def _speaker(tag: str, attrib: Mapping[str, str]) -> _Said | None:
    """Who says what stands in an element; None where it is no message."""
    kind, mark = attrib.get("class", ""), attrib.get("data-testid", "")
    role, service = None, "claude"
    if told := attrib.get("data-message-author-role"):
        role, service = {"user": Role.USER, "assistant": Role.ASSISTANT}.get(told), "chatgpt"
    elif mark == "user-message" or "font-user-message" in kind:
        role = Role.USER
    elif mark == "assistant-message" or "font-claude-message" in kind or "font-claude-response" in kind:
        role = Role.ASSISTANT
    elif tag in {"user-query", "model-response"}:
        role, service = (Role.USER if tag == "user-query" else Role.ASSISTANT), "gemini"
    if role is None:
        return None
    return _Said(
        role=role,
        id=attrib.get("data-message-id", ""),
        model=attrib.get("data-message-model-slug", ""),
        service=service,
        words=Words(keeps_lines="whitespace-pre-wrap" in kind or "whitespace-pre-line" in kind),
        pictures=[],
    )


def _reads(page: _Page, source: Path, done: str, size: int) -> Iterator[Read]:
    turns = []
    skipped = []
    for n, message in enumerate(page.said):
        files = tuple(_attached(message, source))
        words = message.words.text
        if message.words.is_long:
            skipped.append(Skipped(where=f"{source.name} › message {n + 1}", why="This message is longer than 8 MiB."))
        elif words or files:
            parts = (Text(text=words),) if words else ()
            key = message.id or str(n)
            turns.append(Turn(id=key, role=message.role, parts=parts, model=message.model, attachments=files))
    if not turns and not skipped:
        why = "There is no conversation in this page: it was saved before it had loaded, or is of a new kind."
        skipped.append(Skipped(where=source.name, why=why))
    for what in skipped:
        yield Read(what=what, mark="" if turns else done, done_bytes=size)
    if turns:
        yield from in_pieces(_whole(page, turns), turns, "", done, size)


def _whole(page: _Page, turns: list[Turn]) -> Conversation:
    found = _ADDRESS.match(page.address)
    service = page.said[0].service if found is None else _SERVICES.get(found[1], "chatgpt")
    key = found[2] if found else sha256(first_words(turns).encode("utf-8", "replace")).hexdigest()[:32]
    title = titled(_TAIL.sub("", page.title.strip()))
    if title.lower() in {"", "claude", "chatgpt", "gemini", "google gemini"}:
        title = titled(first_words(turns))
    return Conversation(origin=SavedPage.name, id=key, turns=(), title=title, service=service, where=page.address)


def _attached(message: _Said, source: Path) -> Iterator[Attachment]:
    """Pictures in a message: in the page itself, or in the folder that browsers put beside it."""
    beside = source.with_name(f"{source.stem}_files")
    left = FILE_BYTES
    for n, (address, name) in enumerate(message.pictures):
        if found := _DATA.match(address):
            try:
                data = base64.b64decode(address[found.end() :], validate=False)
            except (binascii.Error, ValueError):
                continue
            kind = found[1].lower()
            called = file_name(name) if name else f"picture {n + 1}.{kind.rpartition('/')[2][:10]}"
            yield Attachment(name=called, media_type=kind, data=data)
            continue
        last = file_name(address.split("?", 1)[0])
        file = beside / last
        if "/" in address and not file.is_symlink() and file.is_file() and not beside.is_symlink():
            if (length := file.stat().st_size) <= left:
                left -= length
                yield Attachment(name=last, data=file.read_bytes())
        elif name:
            yield Attachment(name=file_name(name))
