"""Codex' transcripts: ``rollout-*.jsonl`` under ``sessions/`` in its folder, a line an item of OpenAI's Responses.

What the program tells the model unasked (instructions, surroundings) is passed over.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson
from stillup.gateway.dialects.neutral import Part, Role, Text, Thought
from stillup.gateway.dialects.responses.items import OUTPUTS, message_parts, result_in, said_in
from stillup.vault.importing.bounds import LINE_BYTES
from stillup.vault.importing.fields import decoded, titled, when, whole
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
_MODEL = re.compile(r"[\w./:+@-]{1,80}")


class _Line(Struct, gc=False):
    type: str | None = None
    timestamp: str | None = None
    payload: Raw = NULL


class _Head(Struct, gc=False):
    """Of a session: in its own line, or (before 2025-09) as the first line itself."""

    id: str | None = None
    timestamp: str | None = None
    cwd: str | None = None


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

    def _begin(self, raw: Raw) -> None:
        try:
            head = _head(raw)
        except UNREADABLE:  # nobody says who this is: the file's name stands for it
            return
        if self._begun or not head.id:
            return
        self._begun = True
        began = when(head.timestamp)
        self._known = replace(self._known, id=head.id, where=head.cwd or "", began_s=began, changed_s=began)

    def add(self, raw: bytes, end: int) -> None:
        line = _read(raw)
        if line.type == "session_meta":
            self._begin(line.payload)
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
                id=item.id or f"{self._known.id}/{end}",
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
            parts = tuple(part for part in parts if not (isinstance(part, Text) and _TOLD.match(part.text.lstrip())))
        return role, parts

    def take(self) -> list[Conversation]:
        if not self._turns:
            return []
        title = self._known.title or titled(first_words(self._turns))
        self._known = replace(self._known, title=title)
        told = replace(self._known, turns=tuple(self._turns))
        self._turns = []
        return [told]


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
