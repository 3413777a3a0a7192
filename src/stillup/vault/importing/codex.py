"""Codex' transcripts: ``rollout-*.jsonl`` under ``sessions/`` in its folder, a line an item of OpenAI's Responses.

What the program tells the model unasked (instructions, surroundings) is passed over.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson
from stillup.gateway.dialects.neutral import Part, Role, Text, Thought
from stillup.gateway.dialects.responses.items import OUTPUTS, message_parts, result_in, said_in
from stillup.vault.importing.bounds import LINE_BYTES, PIECE_BYTES
from stillup.vault.importing.bundle import walk
from stillup.vault.importing.fields import decoded, titled, when, whole
from stillup.vault.importing.lines import lines
from stillup.vault.importing.marks import Mark
from stillup.vault.importing.shaping import Calls, first_words
from stillup.vault.importing.transcripts import Session, Transcript
from stillup.vault.values import Conversation, Turn

_MINE = re.compile(rb'"type"\s*:\s*"session_meta"|"record_type"\s*:\s*"state"')
_OLD = re.compile(rb'"instructions"\s*:')
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_TOLD = re.compile(
    r"<(environment_context|user_instructions|skills_instructions|turn_aborted|permissions )|# AGENTS\.md"
)
"""How what the program says in the user's name begins."""
_AROUND = re.compile(r"<image name=[^>]*>|</image>")
"""What it puts around a picture."""
_THREAD = re.compile(r"[0-9a-f-]{8,64}")
_FOLDERS = 4
"""Transcripts lie in folders of a year, a month and a day."""
_MOST_BEFORE = 16
"""A copy of a copy is followed so far."""
_MODEL = re.compile(r"[\w./:+@-]{1,80}")


class _Line(Struct, gc=False):
    type: str | None = None
    timestamp: str | None = None
    payload: Raw = NULL


class _Base(Struct, gc=False):
    """What a session begins with that goes on with a copy of another: that one's file, up to a byte."""

    thread: str = msgspec.field(name="thread_id", default="")
    end: int = msgspec.field(name="end_byte_offset", default=0)


class _Head(Struct, gc=False):
    """Of a session: in its own line, or (before 2025-09) as the first line itself."""

    id: str | None = None
    timestamp: str | None = None
    cwd: str | None = None
    base: _Base | None = msgspec.field(name="history_base", default=None)


class _Item(Struct, gc=False):
    type: str | None = None
    role: str | None = None
    id: str | None = None
    model: str | None = None


_line = msgspec.json.Decoder(_Line).decode
_head = msgspec.json.Decoder(_Head).decode
_item = msgspec.json.Decoder(_Item).decode


class Codex(Transcript):
    """See the module."""

    name: str = "codex"

    def is_mine(self, line: bytes) -> bool:
        return _MINE.search(line) is not None or (_OLD.search(line) is not None and b'"sessionId"' not in line)

    def session(self, source: Path, file: BinaryIO, mark: Mark) -> Session:
        session = _Session(source, mark.more)
        if mark.at:
            file.seek(0)
            session.begin(file.readline(LINE_BYTES))
        return session


class _Session(Session):
    def __init__(self, source: Path, more: str) -> None:
        super().__init__(source)
        self._model = more
        self._calls = Calls()
        self._turns: list[Turn] = []
        self._known = Conversation(origin=Codex.name, id=source.stem, turns=(), service="chatgpt")
        self._begun = False
        self._named = ""
        """Whose lines are read, where they are another session's."""

    @property
    def more(self) -> str:
        return self._model if _MODEL.fullmatch(self._model) else ""

    def begin(self, raw: bytes) -> None:
        """The first line again, for who this is."""
        try:
            line = _line(raw)
            self._begin(line.payload if line.type == "session_meta" else Raw(raw))
        except UNREADABLE:
            return

    def _begin(self, raw: Raw) -> _Base | None:
        """Who this is; what it begins with, where that is another's."""
        try:
            head = _head(raw)
        except UNREADABLE:  # nobody says who this is: the file's name stands for it
            return None
        if self._begun or not head.id:
            return None
        self._begun = True
        began = when(head.timestamp)
        self._known = replace(self._known, id=head.id, where=head.cwd or "", began_s=began, changed_s=began)
        return head.base

    def _copy(self, base: _Base, end: int) -> None:
        """Read what this session begins with, which stands in the files of others only, the oldest first."""
        copied: list[tuple[Path, _Base]] = []
        size = 0
        more: _Base | None = base
        while more is not None:
            found = _file_of(more.thread, self.source)
            size += max(more.end, 0)
            if found is None or len(copied) >= _MOST_BEFORE or size > PIECE_BYTES:
                why = "is not there" if found is None else "is too long to be read once more"
                self.skip(f"It goes on with a copy of another session, which {why}.", end)
                break
            copied.append((found, more))
            more = _base_of(found)
        for path, part in reversed(copied):
            self._named = part.thread
            try:
                self._read_copied(path, part.end)
            except OSError as failed:
                self.skip(f"It goes on with a copy of {path.name}, which cannot be read: {failed.strerror}.", end)
        self._named = ""

    def _read_copied(self, path: Path, end: int) -> None:
        with path.open("rb") as file:
            for line in lines(file):
                if line.end > end:
                    return
                with suppress(NoJson):  # it is named where that session itself is read
                    if not line.why:
                        self.add(line.raw, line.end)

    def add(self, raw: bytes, end: int) -> None:
        line = _read(raw)
        if line.type == "session_meta":
            if (base := self._begin(line.payload)) is not None:
                self._copy(base, end)
        elif line.type == "turn_context":
            self._model = _peeked(line.payload).model or self._model
        elif line.type == "response_item":
            self._item(bytes(line.payload), line, end)
        elif line.type is None:
            self._begin(Raw(raw))
        elif line.payload == NULL:  # before 2025-09 items stood without anything around them
            self._item(raw, line, end)

    def _item(self, raw: bytes, line: _Line, end: int) -> None:
        raw = whole(raw) if b"\\ud" in raw.lower() else raw
        item = _peeked(Raw(raw))
        role, parts = self._said(raw, item, end)
        parts = tuple(part for part in parts if not (isinstance(part, Thought) and not part.text and part.seal is None))
        if role is None or not parts:
            return
        at = when(line.timestamp)
        self._turns.append(
            Turn(
                id=item.id or f"{self._named or self._known.id}/{end}",
                role=role,
                parts=self._calls.named(parts),
                at_s=at,
                model=self._model if role is Role.ASSISTANT else "",
            )
        )
        self._known = replace(self._known, changed_s=at or self._known.changed_s)

    def _said(self, raw: bytes, item: _Item, end: int) -> tuple[Role | None, tuple[Part, ...]]:
        try:
            if item.type in OUTPUTS:
                return Role.USER, (result_in(raw, "output", {}),)
            if item.type != "message":
                return Role.ASSISTANT, said_in(raw, "item")
            role = _ROLES.get(item.role or "")
            parts = message_parts(raw, "message") if role else ()
        except (Untranslatable, NoJson) as refused:
            self.skip(f"Its item is of a kind that is not known ({refused}).", end)
            return None, ()
        if role is Role.USER:
            parts = tuple(part for part in parts if not (isinstance(part, Text) and _is_told(part.text.strip())))
        return role, parts

    def take(self) -> list[Conversation]:
        if not self._turns:
            return []
        title = self._known.title or titled(first_words(self._turns))
        self._known = replace(self._known, title=title)
        told = replace(self._known, turns=tuple(self._turns))
        self._turns = []
        return [told]


def _is_told(words: str) -> bool:
    return _TOLD.match(words) is not None or _AROUND.fullmatch(words) is not None


def _file_of(thread: str, near: Path) -> Path | None:
    """The transcript of another session; it lies in the same folder, or in another day's."""
    if _THREAD.fullmatch(thread) is None:
        return None
    root = next((folder for folder in near.parents[:_FOLDERS] if folder.name == "sessions"), near.parent)
    wanted = f"-{thread}.jsonl"
    return next((Path(file.path) for file in walk(root) if file.name.endswith(wanted)), None)


def _base_of(path: Path) -> _Base | None:
    try:
        with path.open("rb") as file:
            return _head(_line(file.readline(LINE_BYTES)).payload).base
    except (*UNREADABLE, OSError):
        return None


def _read(raw: bytes) -> _Line:
    for data in (raw, b""):
        try:
            return _line(data or whole(raw))
        except UNREADABLE:
            continue
    found = decoded(raw)
    msg = "It is of a kind that is not known." if isinstance(found, dict) else "It is no JSON object."
    raise NoJson(msg)


def _peeked(raw: Raw) -> _Item:
    try:
        return _item(raw)
    except UNREADABLE as refused:
        msg = "It is of a kind that is not known."
        raise NoJson(msg) from refused
