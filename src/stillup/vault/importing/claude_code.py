"""Claude Code's transcripts: one file a session under ``projects/`` in its folder, a line a message.

A subagent's messages are a conversation of their own. What the program writes down for itself is passed over.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import Result
from stillup.vault.importing.claude_lines import Line, read, said
from stillup.vault.importing.fields import titled, when
from stillup.vault.importing.lines import lines
from stillup.vault.importing.marks import Mark
from stillup.vault.importing.rows import Rows
from stillup.vault.importing.shaping import Calls, first_words
from stillup.vault.importing.transcripts import Session, Transcript
from stillup.vault.values import Conversation, Turn

_MINE = re.compile(rb'"sessionId"\s*:\s*"|"leafUuid"\s*:\s*"')
_MAX_SUMMARIES = 1000
_MOST_SESSIONS = 10_000
"""So many are known at once of one file, which mostly has one."""
_LONGEST_ID = 200


class ClaudeCode(Transcript):
    """See the module."""

    name: str = "claude_code"

    def is_mine(self, line: bytes) -> bool:
        return _MINE.search(line) is not None

    def session(self, source: Path, file: BinaryIO, mark: Mark) -> Session:
        session = _Session(source, mark.at)
        if mark.more.isdecimal():
            session.look_back(file, int(mark.more), mark.at)
        return session


class _Session(Session):
    """The mark knows where the newest row begins: read once more, it says what the lines behind the mark follow."""

    def __init__(self, source: Path, at: int) -> None:
        super().__init__(source)
        self._at = at
        self._rows = Rows()
        self._calls = Calls()
        self._forget()

    def _forget(self) -> None:
        self._said: dict[str, list[Turn]] = {}
        self._known: dict[str, Conversation] = {}
        self._titles: dict[str, str] = {}
        self._summaries: dict[str, str] = {}

    @property
    def more(self) -> str:
        return str(self._rows.start)

    def look_back(self, file: BinaryIO, start: int, end: int) -> None:
        """Read lines again that were told already."""
        self._at = start
        for line in lines(file, start):
            if line.end > end:
                break
            try:
                self.add(line.raw, line.end)
            except NoJson:
                continue
            self._said.clear()  # only what follows what is asked for, and a row may be long
        self._at = end
        self._forget()

    def add(self, raw: bytes, end: int) -> None:
        at, self._at = self._at, end
        line = read(raw)
        if any(
            len(id_ or "") > _LONGEST_ID for id_ in (line.uuid, line.parent, line.logical, line.session, line.agent)
        ):
            msg = "Its id is far too long."
            raise NoJson(msg)
        self._name(line)
        if not line.uuid:
            return
        parent = line.parent or line.logical or ""
        found = said(line)
        if found is None:
            self._rows.passed(line.uuid, parent)
            return
        parts = self._calls.named(found.parts)
        is_result = any(isinstance(part, Result) for part in parts)
        turn = Turn(
            id=line.uuid,
            role=found.role,
            parts=parts,
            at_s=when(line.at),
            model=found.model,
            parent=self._rows.add(line.uuid, parent, at, answer=found.answer, is_result=is_result),
            attachments=found.attachments,
        )
        self._keep(line, turn)

    def _name(self, line: Line) -> None:
        """A title; a summary may be of another session, so it waits for the message that it ends with."""
        session = line.session or self.source.stem
        if title := line.custom_title or line.ai_title:
            self._titles[session] = titled(title)
        elif line.summary and line.leaf and line.leaf not in self._rows:
            if len(self._summaries) < _MAX_SUMMARIES:
                self._summaries[line.leaf[:_LONGEST_ID]] = titled(line.summary)
        elif line.summary and line.leaf:
            self._titles[session] = titled(line.summary)
        if line.uuid in self._summaries:
            self._titles[session] = self._summaries[line.uuid]

    def _keep(self, line: Line, turn: Turn) -> None:
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
        if len(self._known) > _MOST_SESSIONS:
            self._known = {key: self._known[key] for key in self._said}
        self._said, self._titles = {}, {}
        self._rows.forget()
        return told
