"""Claude Code's transcript lines as tries: one request each that was answered, or failed and whose fault it was.

The decoder skips every field not named here, so no word of a conversation becomes a value.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stillup.errors import Malformed
from stillup.sources.decode import moment

# As Claude Code writes them, without blanks. Inside a text quotes are escaped, so talk about errors has no mark.
_ERROR_MARKS = (b'"isApiErrorMessage":true', b'"subtype":"api_error"')
_ANSWER_MARK = b'"type":"assistant"'
# Lines the program writes itself in the assistant's name: no request stands behind them.
_OWN_WORDS_MARK = b'"model":"<synthetic>"'
_LOOK_AT = 50
_LIMIT_NAME = re.compile(r"[a-z0-9_]{1,24}")

QUOTA = "quota"
_STATUSES = {
    401: "authentication", 402: "billing", 403: "permission", 404: "not_found", 408: "timeout", 429: "rate_limit",
    504: "timeout", 529: "overloaded",
}  # fmt: skip
_WORDS = {
    "authentication_failed": "authentication", "authentication_error": "authentication",
    "oauth_org_not_allowed": "permission", "permission_error": "permission",
    "billing_error": "billing",
    "rate_limit": "rate_limit", "rate_limit_error": "rate_limit",
    "overloaded": "overloaded", "overloaded_error": "overloaded",
    "server_error": "server_error", "api_error": "server_error",
    "timeout_error": "timeout", "etimedout": "timeout",
    "model_not_found": "not_found", "not_found_error": "not_found",
    "econnreset": "connection", "econnrefused": "connection", "enotfound": "connection", "epipe": "connection",
    "eai_again": "connection", "econnaborted": "connection", "connectionrefused": "connection",
    "failedtoopensocket": "connection", "und_err_socket": "connection", "und_err_connect_timeout": "connection",
    "connection_error": "connection",
}  # fmt: skip
_REQUEST_WAS_WRONG = frozenset((400, 409, 413, 422))
_REQUEST_WAS_WRONG_WORDS = frozenset(
    ("invalid_request", "invalid_request_error", "request_too_large", "max_output_tokens")
)


class _Quota(Struct, frozen=True, rename="camel"):
    rate_limit_type: str | None = None
    resets_at: float | str | None = None


class _Body(Struct, frozen=True, rename={"request_id": "requestID"}):
    status: int | None = None
    type: str | None = None
    code: str | None = None
    request_id: str | None = None
    error: _Body | str | None = None
    cause: _Body | str | None = None


class _Row(Struct, frozen=True, rename="camel"):
    type: str
    subtype: str | None = None
    timestamp: str | None = None
    is_api_error_message: bool | None = None
    api_error_status: int | None = None
    error: _Body | str | None = None
    quota_limits: _Quota | None = None
    request_id: Annotated[str, Meta(max_length=200)] | None = None


class Try(Struct, frozen=True, kw_only=True):
    """One request as a transcript tells it: ``error`` None when it was answered, else a word of the closed set."""

    at: datetime
    request: str | None
    error: str | None
    resets_at: datetime | None = None


class Transcript(Struct, frozen=True):
    """The tries of some lines, oldest first, and how many error lines had no time."""

    tries: tuple[Try, ...]
    timeless: int


_DECODER = msgspec.json.Decoder(_Row)


def transcript(lines: bytes) -> Transcript:
    """Read transcript lines in any order; a line that was cut or is not understood is left out.

    :raises Malformed: not one of them is a transcript's.
    """
    whole = [line for line in lines.split(b"\n") if line.strip()]
    if whole and not any(_decoded(line) for line in (*whole[:_LOOK_AT], *whole[-_LOOK_AT:])):
        msg = "not Claude Code's transcripts"
        raise Malformed(msg)
    rows = [row for line in whole if _is_telling(line) and (row := _decoded(line)) is not None]
    errors = [row for row in rows if _is_error(row)]
    tries = [t for row in rows if (t := _try(row)) is not None]
    return Transcript(
        tuple(sorted(tries, key=lambda t: t.at)),
        timeless=sum(moment(row.timestamp) is None for row in errors),
    )


def _is_telling(line: bytes) -> bool:
    """A cheap look before decoding: lines are long, and most are neither."""
    return any(mark in line for mark in _ERROR_MARKS) or (_ANSWER_MARK in line and _OWN_WORDS_MARK not in line)


def _decoded(line: bytes) -> _Row | None:
    try:
        return _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _is_error(row: _Row) -> bool:
    return bool(row.is_api_error_message) or row.subtype == "api_error"


def _try(row: _Row) -> Try | None:
    at = moment(row.timestamp)
    if at is None:
        return None
    if not _is_error(row):
        answered = row.type == "assistant" and row.request_id is not None
        return Try(at=at, request=row.request_id, error=None) if answered else None
    error = _error(row)
    if error is None:
        return None
    request = row.request_id or (row.error.request_id if isinstance(row.error, _Body) else None)
    return Try(at=at, request=request, error=error, resets_at=_resets(row.quota_limits))


def _error(row: _Row) -> str | None:
    """The word for what went wrong; None where it says nothing of the service or cannot be told."""
    body = row.error if isinstance(row.error, _Body) else None
    status = row.api_error_status or (body.status if body else None)
    words = [row.error] if isinstance(row.error, str) else _words(body)
    word = _by_status(status) if status else next((_WORDS[w] for w in words if w in _WORDS), None)
    if status in _REQUEST_WAS_WRONG or (not status and _REQUEST_WAS_WRONG_WORDS.intersection(words)):
        return None
    if word == "rate_limit" and row.quota_limits is not None:
        name = row.quota_limits.rate_limit_type or ""
        return f"{QUOTA}:{name}" if _LIMIT_NAME.fullmatch(name) else QUOTA
    return word or ("other" if words else None)


def _by_status(status: int) -> str:
    return _STATUSES.get(status) or ("server_error" if 500 <= status < 600 else "other")


def _words(body: _Body | None) -> list[str]:
    """The type and code names in an error and those inside it, the innermost first: the outer ones say less."""
    found: list[str] = []
    while isinstance(body, _Body):
        found += [word.lower() for word in (body.type, body.code) if word and word != "error"]
        inside = [part for part in (body.error, body.cause) if isinstance(part, _Body)]
        body = inside[0] if inside else None
    return found[::-1]


def _resets(quota: _Quota | None) -> datetime | None:
    """When the limit opens again; the wire has it in seconds."""
    at = quota.resets_at if quota else None
    if isinstance(at, str):
        return moment(at)
    return datetime.fromtimestamp(at, UTC) if at is not None and 0 < at < 2**33 else None
