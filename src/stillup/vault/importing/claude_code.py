"""Claude Code's transcripts: one file a session under ``projects/`` in its folder, a line a message.

A subagent's messages are a conversation of their own. What the program writes down for itself is passed over.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from stillup.gateway.dialects.anthropic.blocks_in import part_in
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson
from stillup.gateway.dialects.neutral import Part, Role, Text
from stillup.vault.importing.fields import decoded, text, titled, when, whole
from stillup.vault.importing.marks import Mark
from stillup.vault.importing.shaping import Calls, first_words
from stillup.vault.importing.transcripts import Session, Transcript
from stillup.vault.values import Conversation, Turn

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_MINE = re.compile(rb'"sessionId"\s*:\s*"|"leafUuid"\s*:\s*"')
_MAX_SUMMARIES = 1000
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")


class _Message(Struct, gc=False):
    content: Raw = NULL
    model: str | None = None


class _Line(Struct, gc=False):
    type: str = ""
    uuid: str | None = None
    parent: str | None = msgspec.field(name="parentUuid", default=None)
    logical: str | None = msgspec.field(name="logicalParentUuid", default=None)
    """What was before it all was summed up."""
    session: str | None = msgspec.field(name="sessionId", default=None)
    agent: str | None = msgspec.field(name="agentId", default=None)
    is_side: bool | None = msgspec.field(name="isSidechain", default=None)
    is_meta: bool | None = msgspec.field(name="isMeta", default=None)
    at: str | None = msgspec.field(name="timestamp", default=None)
    folder: str | None = msgspec.field(name="cwd", default=None)
    message: Raw = NULL
    summary: str | None = None
    leaf: str | None = msgspec.field(name="leafUuid", default=None)
    custom_title: str | None = msgspec.field(name="customTitle", default=None)
    ai_title: str | None = msgspec.field(name="aiTitle", default=None)


_line = msgspec.json.Decoder(_Line, strict=False).decode
_message = msgspec.json.Decoder(_Message).decode
_blocks = msgspec.json.Decoder(list[Raw]).decode


class ClaudeCode(Transcript):
    """See the module."""

    name: str = "claude_code"

    def is_mine(self, line: bytes) -> bool:
        return _MINE.search(line) is not None

    def session(self, source: Path, file: BinaryIO, mark: Mark) -> Session:
        del file
        return _Session(source, mark.more)


class _Session(Session):
    """``_before`` finds the turn that a line follows: lines that are no turns stand in between."""

    def __init__(self, source: Path, more: str) -> None:
        super().__init__(source)
        self._before: dict[str, str] = {}
        self._last = ("", "")
        self._said: dict[str, list[Turn]] = {}
        self._known: dict[str, Conversation] = {}
        self._titles: dict[str, str] = {}
        self._summaries: dict[str, str] = {}
        self._calls = Calls()
        line, _, turn = more.partition("+")
        if line:
            self._before[line] = turn
            self._last = (line, turn)

    @property
    def more(self) -> str:
        line, turn = self._last
        return f"{line}+{turn}" if _ID.fullmatch(line) and (not turn or _ID.fullmatch(turn)) else ""

    def add(self, raw: bytes, end: int) -> None:
        del end
        line = _read(raw)
        self._name(line)
        if not line.uuid:
            return
        parent = line.parent or line.logical or ""
        follows = self._before.get(parent, parent)
        role = _ROLES.get(line.type)
        if role is None or line.message == NULL:
            self._before[line.uuid] = follows
            self._last = (line.uuid, follows)
            return
        self._before[line.uuid] = line.uuid
        self._last = (line.uuid, line.uuid)
        message = _said(line)
        turn = Turn(
            id=line.uuid,
            role=role,
            parts=self._calls.named(_parts(message)),
            at_s=when(line.at),
            model="" if role is Role.USER else (message.model or "").strip("<>").replace("synthetic", ""),
            parent=follows,
        )
        self._keep(line, turn)

    def _name(self, line: _Line) -> None:
        """A title; a summary may be of another session, so it waits for the message that it ends with."""
        session = line.session or self.source.stem
        if title := line.custom_title or line.ai_title:
            self._titles[session] = titled(title)
        elif line.summary and line.leaf and line.leaf not in self._before:
            if len(self._summaries) < _MAX_SUMMARIES:
                self._summaries[line.leaf] = line.summary
        elif line.summary and line.leaf:
            self._titles[session] = titled(line.summary)
        if line.uuid in self._summaries:
            self._titles[session] = titled(self._summaries[line.uuid])

    def _keep(self, line: _Line, turn: Turn) -> None:
        session = line.session or self.source.stem
        key = f"{session}/{line.agent or 'subagent'}" if line.is_side or line.agent else session
        known = self._known.get(key)
        if known is None:
            self._known[key] = Conversation(
                origin=ClaudeCode.name,
                id=key,
                turns=(),
                service="claude",
                where=line.folder or "",
                began_s=turn.at_s,
                changed_s=turn.at_s,
            )
        else:
            self._known[key] = replace(known, changed_s=turn.at_s or known.changed_s)
        self._said.setdefault(key, []).append(turn)

    def take(self) -> list[Conversation]:
        told = []
        for key, turns in self._said.items():
            known = self._known[key]
            title = self._titles.get(key) or known.title or titled(first_words(turns))
            self._known[key] = known = replace(known, title=title)
            told.append(replace(known, turns=tuple(turns)))
        for key, title in self._titles.items():  # a title may come long after what it names
            if key not in self._said:
                told.append(Conversation(origin=ClaudeCode.name, id=key, turns=(), title=title, service="claude"))
        self._said, self._titles = {}, {}
        self._before = {line: turn for line, turn in self._before.items() if line != turn} | dict([self._last])
        return told


def _read(raw: bytes) -> _Line:
    try:
        return _line(raw)
    except UNREADABLE:
        pass
    try:
        return _line(whole(raw))
    except UNREADABLE:
        pass
    found = decoded(raw)  # raises with the reason where it is no JSON at all
    msg = "It is of a kind that is not known." if isinstance(found, dict) else "It is no JSON object."
    raise NoJson(msg)


def _said(line: _Line) -> _Message:
    try:
        return _message(line.message)
    except UNREADABLE as refused:
        msg = "Its message is of a kind that is not known."
        raise NoJson(msg) from refused


def _parts(message: _Message) -> tuple[Part, ...]:
    """The parts, as Anthropic's API has them; one that is broken is kept as the text it is."""
    content = whole(message.content) if b"\\ud" in bytes(message.content).lower() else bytes(message.content)
    if not content.startswith(b"["):
        said = text(decoded(content))
        return (Text(text=said),) if said else ()
    parts: list[Part] = []
    for n, block in enumerate(_blocks(content)):
        try:
            parts.append(part_in(bytes(block), f"content[{n}]"))
        except (Untranslatable, NoJson):
            parts.append(Text(text=bytes(block).decode("utf-8", "replace")))
    return tuple(parts)
