"""Codex's sessions on this machine (``$CODEX_HOME/sessions/YYYY/MM/DD/rollout-*.jsonl``).

What it keeps was seen by running Codex 0.171 against servers that fail:

- ``event_msg/task_complete`` ends a turn; its ``error`` has a sentence and a name (``codex_error_info``: a word, or a
  word with the HTTP status in it). Retries leave no row, so an outage is seen once Codex gives a turn up, half a minute
  after its first failure, and while Codex waits for a network that is not there it writes nothing at all. Older
  versions have an ``event_msg/error`` in its place, or nothing.
- ``token_usage_record`` stands for each answered request; older versions have none, and a turn that ends well counts.
- ``event_msg/token_count`` has how much of the plan's limits is used, and when they open again.

The name ``other`` covers streams that broke off, too: then the fixed beginning of the program's own sentence decides.
The sentence is dropped, and no word of the conversation is read.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Raw, Struct

from stillup.sources._local_tries import (
    QUOTA,
    REQUEST_WAS_WRONG,
    LocalSource,
    Tries,
    Try,
    by_status,
    decoded,
    read_lines,
)
from stillup.sources.decode import moment

_MARKS = (b'"type":"task_complete"', b'"type":"turn_complete"', b'"type":"error"', b'"type":"token_usage_record"')
_LIMITS_MARK = b'"type":"token_count"'
_NEAR = timedelta(minutes=2)
"""So close to an error the word on the limits stands that explains it."""
_FULL_PERCENT = 100.0
_LIMIT_NAMES = {300: "five_hour", 10_080: "seven_day"}

_WORDS: dict[str, str | None] = {
    "usage_limit_exceeded": QUOTA,
    "rate_limit_exceeded": "rate_limit",
    "unauthorized": "authentication",
    "server_overloaded": "overloaded",
    "internal_server_error": "server_error",
    "http_connection_failed": "connection",
    "response_stream_connection_failed": "connection",
    "response_stream_disconnected": "connection",
    "response_too_many_failed_attempts": "other",
}
"""What is not here says nothing of the service: a request too long, a sandbox, a policy."""
_SENTENCES = (
    (re.compile(r"stream disconnected before completion|connection failed|error sending request"), "connection"),
    (re.compile(r"request timed out|timed out"), "timeout"),
    (re.compile(r"rate limit"), "rate_limit"),
)
_STATUS = re.compile(r"(?:unexpected status|last status:?) (\d{3})\b")
_SENTENCE_CHARS = 300
_Id = Annotated[str, Meta(max_length=200)]


class _Limit(Struct, frozen=True):
    used_percent: float | None = None
    window_minutes: int | None = None
    resets_at: float | None = None


class _Limits(Struct, frozen=True):
    primary: _Limit | None = None
    secondary: _Limit | None = None


class _Status(Struct, frozen=True):
    http_status_code: int | None = None


class _Error(Struct, frozen=True):
    message: str | None = None
    codex_error_info: str | dict[str, _Status | None] | None = None


class _Payload(Struct, frozen=True):
    type: str | None = None
    turn_id: _Id | None = None
    response_id: _Id | None = None
    error: _Error | None = None
    message: str | None = None
    codex_error_info: str | dict[str, _Status | None] | None = None
    rate_limits: _Limits | None = None


class _Row(Struct, frozen=True):
    timestamp: str
    type: str
    payload: _Payload


class _Envelope(Struct, frozen=True):
    """Enough of a row to know it for Codex's."""

    timestamp: str
    type: str
    payload: dict[str, Raw]


class Codex(LocalSource):
    """The user's real requests, as Codex noted them."""

    id = "codex"
    component = "codex"
    called = "Codex"

    def folder(self) -> Path:
        """Below ``CODEX_HOME``, as Codex itself has it."""
        return Path(os.environ.get("CODEX_HOME") or "~/.codex").expanduser() / "sessions"

    def tries(self, lines: bytes) -> Tries:
        """Read the lines of rollouts."""
        whole = read_lines(lines, lambda line: decoded(line, _Envelope), self.called)
        wanted = [line for line in whole if _LIMITS_MARK in line or any(mark in line for mark in _MARKS)]
        rows = [(at, r) for line in wanted if (r := decoded(line, _Row)) and (at := moment(r.timestamp))]
        full = _full_limits(rows)
        told = {row.payload.turn_id for _, row in rows if row.type == "token_usage_record"}
        tries = [t for at, row in rows if (t := _try(at, row, told, full)) is not None]
        return Tries(tuple(sorted(tries, key=lambda t: t.at)), left_out=len(wanted) - len(rows))


def _full_limits(rows: list[tuple[datetime, _Row]]) -> list[tuple[datetime, str, datetime]]:
    """When a limit of the plan was found used up: since when it is known, its name, and when it opens again."""
    found = []
    for at, row in rows:
        limits = row.payload.rate_limits
        for limit in (limits.primary, limits.secondary) if limits else ():
            if limit and (limit.used_percent or 0.0) >= _FULL_PERCENT and 0 < (limit.resets_at or 0) < 2**33:
                name = _LIMIT_NAMES.get(limit.window_minutes or 0, "")
                found.append((at, name, datetime.fromtimestamp(limit.resets_at or 0, UTC)))
    return found


def _try(at: datetime, row: _Row, told: set[str | None], full: list[tuple[datetime, str, datetime]]) -> Try | None:
    said = row.payload
    if row.type == "token_usage_record":
        return Try(at=at, request=said.response_id, error=None) if said.response_id else None
    if row.type != "event_msg" or said.type not in ("task_complete", "turn_complete", "error"):
        return None
    failed = said.error or (_Error(said.message, said.codex_error_info) if said.type == "error" else None)
    if failed is None:
        return None if said.turn_id in told else Try(at=at, request=said.turn_id, error=None)
    word = _word(failed)
    if word != QUOTA:
        return Try(at=at, request=None, error=word) if word else None
    # The last to open is the one that stands in the way.
    near = [(resets_at, name) for seen_at, name, resets_at in full if abs(at - seen_at) <= _NEAR]
    resets_at, name = max(near, default=(None, ""))
    return Try(at=at, request=None, error=f"{QUOTA}:{name}" if name else QUOTA, resets_at=resets_at)


def _word(error: _Error) -> str | None:
    """The word for what went wrong; None where it says nothing of the service."""
    info = error.codex_error_info
    name, status = (info, None) if isinstance(info, str) else next(iter((info or {}).items()), ("", None))
    code = status.http_status_code if status else None
    sentence = (error.message or "")[:_SENTENCE_CHARS].lower()
    if code is None and name in ("", "other"):
        found = _STATUS.search(sentence)
        code = int(found[1]) if found else None
    if code is not None:
        return None if code in REQUEST_WAS_WRONG else by_status(code)
    if name in ("", "other"):
        return next((word for pattern, word in _SENTENCES if pattern.search(sentence)), None)
    return _WORDS.get(name)


SOURCE = Codex()
