"""Gemini CLI's sessions on this machine (``~/.gemini/tmp/PROJECT/chats/**/*.jsonl``).

From its source (2026-08): a row is ``{id, timestamp, type, content, …}``; ``gemini`` is an answer, written again under
its id when its tokens are known; ``error`` is what the terminal showed when a request failed. Its ``content`` is the
program's own sentence, ``[API Error: … (Status: UNAVAILABLE)]``, with what the server said in it: it is matched and
dropped. Without a terminal (``gemini -p``) no error is written, retries never are, and versions before the row format
kept one document a session, which is not read.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from stillup.sources._local_tries import NETWORK, QUOTA, LocalSource, Tries, Try, by_status, decoded, read_lines
from stillup.sources.decode import moment

_ERROR_MARK, _ANSWER_MARK = b'"type":"error"', b'"type":"gemini"'
_SENTENCE_CHARS = 2_000
_OF_API = "[API Error:"

_STATES: dict[str, str | None] = {
    "UNAVAILABLE": "overloaded", "INTERNAL": "server_error", "UNKNOWN": "server_error",
    "DEADLINE_EXCEEDED": "timeout", "RESOURCE_EXHAUSTED": "rate_limit", "UNAUTHENTICATED": "authentication",
    "PERMISSION_DENIED": "permission", "NOT_FOUND": "not_found",
    "INVALID_ARGUMENT": None, "FAILED_PRECONDITION": None, "OUT_OF_RANGE": None, "CANCELLED": None,
}  # fmt: skip
_STATE = re.compile(r"\(Status: ([A-Z_]{3,30})\)")
_QUOTA = re.compile(
    r"exhausted your (?:capacity|daily quota)|exceeded your current quota|quota will reset after|quota exceeded"
)
_RESET = re.compile(r"(?:will )?reset (?:after|in) (?:(\d{1,3})h)?(?:(\d{1,3})m)?(?:(\d{1,5})s)?")
_SENTENCES = (
    (re.compile(r"to increase your limits, request a quota increase|possible quota limitations"), "rate_limit"),
    (re.compile(r"overloaded|high demand"), "overloaded"),
    (re.compile(r"eai_again|enetunreach|enetdown|network is unreachable"), NETWORK),
    (re.compile(r"fetch failed|econnre|enotfound|epipe|socket hang up|premature close"), "connection"),
    (re.compile(r"etimedout|timed out|timeout"), "timeout"),
    (re.compile(r"api key not valid|invalid authentication|login required|unauthorized"), "authentication"),
)
_HTTP = re.compile(r"\b(?:got status|status|status code)[: ]+([45]\d\d)\b")
_Id = Annotated[str, Meta(max_length=200)]


class _Row(Struct, frozen=True):
    id: _Id
    timestamp: str
    type: str


class _Said(Struct, frozen=True):
    content: str


class _Head(Struct, frozen=True, rename="camel"):
    session_id: _Id
    project_hash: _Id


class GeminiCli(LocalSource):
    """The user's real requests, as Gemini CLI noted them."""

    id = "gemini_cli"
    component = "code"
    called = "Gemini CLI"
    inside = "chats"

    def folder(self) -> Path:
        """Below ``GEMINI_CLI_HOME``, as Gemini CLI itself has it."""
        return Path(os.environ.get("GEMINI_CLI_HOME") or "~").expanduser() / ".gemini" / "tmp"

    def tries(self, lines: bytes) -> Tries:
        """Read the rows of chats."""
        whole = read_lines(lines, _known, self.called)
        tries, left_out = [], 0
        for line in whole:
            if _ERROR_MARK not in line and _ANSWER_MARK not in line:
                continue
            row = decoded(line, _Row)
            at = moment(row.timestamp) if row else None
            if row is None or at is None:
                left_out += 1
            elif row.type == "gemini":
                tries.append(Try(at=at, request=row.id, error=None))
            elif row.type == "error" and (sentence := _sentence(line)).startswith(_OF_API):
                word, opens_in = _word(sentence)
                left_out += word == ""
                if word:
                    tries.append(Try(at=at, request=row.id, error=word, resets_at=_later(at, opens_in)))
        return Tries(tuple(sorted(tries, key=lambda t: t.at)), left_out)


def _known(line: bytes) -> _Row | _Head | None:
    """A row, or the line at the head of a session."""
    return decoded(line, _Row) or decoded(line, _Head)


def _sentence(line: bytes) -> str:
    said = decoded(line, _Said)
    return said.content[:_SENTENCE_CHARS] if said else ""


def _word(sentence: str) -> tuple[str | None, timedelta | None]:
    """The word for what went wrong, and in how long a limit opens again.

    None where it says nothing of the service; empty where it cannot be told: it might as well be a quota.
    """
    text = sentence.lower()
    if _QUOTA.search(text):
        return QUOTA, _opens_in(text)
    state = _STATE.search(sentence)
    if state:
        return _STATES.get(state[1], ""), None
    http = _HTTP.search(text)
    if http:
        code = int(http[1])
        # Google answers 503 when a model is overloaded.
        return ("overloaded" if code == 503 else None if code == 400 else by_status(code)), None
    return next((word for pattern, word in _SENTENCES if pattern.search(text)), ""), None


def _later(at: datetime, by: timedelta | None) -> datetime | None:
    try:
        return at + by if by else None
    except OverflowError:  # a line dated at the end of the calendar
        return None


def _opens_in(text: str) -> timedelta | None:
    found = _RESET.search(text)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


SOURCE = GeminiCli()
