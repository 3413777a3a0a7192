"""Claude Code's transcript lines as tries: one request each that was answered, or failed and whose fault it was.

The decoder skips every field not named here, so no word of a conversation becomes a value. An error comes in rows: one
``system/api_error`` for each retry, and an assistant's line that the program wrote itself once it gave up. They hang
together by ``parentUuid``; of each HTTP attempt only the request's id is another. What the fields hold was seen by
running the program against failing servers (2.1.332) and in rows of older versions.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from stillup.sources._local_tries import (
    NETWORK,
    OWN_FAULTS,
    QUOTA,
    REQUEST_WAS_WRONG,
    Tries,
    Try,
    by_status,
    decoded,
    read_lines,
)
from stillup.sources.decode import moment

# As Claude Code writes them, without blanks. Inside a text quotes are escaped, so talk about errors has no mark.
_ERROR_MARKS = (b'"isApiErrorMessage":true', b'"subtype":"api_error"')
_ANSWER_MARK = b'"type":"assistant"'
# Lines the program writes itself in the assistant's name: no request stands behind them.
_OWN_WORDS_MARK = b'"model":"<synthetic>"'
_LIMIT_NAME = re.compile(r"[a-z0-9_]{1,24}")

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
    "econnaborted": "connection", "connectionrefused": "connection",
    "failedtoopensocket": "connection", "und_err_socket": "connection", "und_err_connect_timeout": "connection",
    "connection_error": "connection", "connection_failed": "connection",
    # The resolver does not answer, or there is no way out: no server was ever asked.
    "eai_again": NETWORK, "enetunreach": NETWORK, "enetdown": NETWORK, "eaddrnotavail": NETWORK,
}  # fmt: skip
_REQUEST_WAS_WRONG_WORDS = frozenset(
    ("invalid_request", "invalid_request_error", "request_too_large", "max_output_tokens")
)
_Id = Annotated[str, Meta(max_length=200)]


class _Quota(Struct, frozen=True, rename="camel"):
    rate_limit_type: str | None = None
    resets_at: float | str | None = None


class _Connection(Struct, frozen=True):
    code: str | None = None


class _Body(Struct, frozen=True, rename={"request_id": "requestID", "request": "requestId"}):
    status: int | None = None
    type: str | None = None
    code: str | None = None
    request_id: _Id | None = None
    request: _Id | None = None
    error: _Body | str | None = None
    cause: _Body | str | None = None
    connection: _Connection | None = None


class _Row(Struct, frozen=True, rename="camel"):
    type: str
    subtype: str | None = None
    uuid: _Id | None = None
    parent_uuid: _Id | None = None
    timestamp: str | None = None
    is_api_error_message: bool | None = None
    api_error_status: int | None = None
    api_error: str | None = None
    error: _Body | str | None = None
    quota_limits: _Quota | None = None
    request_id: _Id | None = None


def transcript(lines: bytes) -> Tries:
    """Read transcript lines in any order; a line that was cut or is not understood is left out.

    :raises Malformed: not one of them is a transcript's.
    """
    whole = read_lines(lines, _decoded, "Claude Code")
    rows = [row for line in whole if _is_telling(line) and (row := _decoded(line)) is not None]
    roots: dict[str, str] = {}
    tries = [t for row in rows if (t := _try(row, roots)) is not None]
    timeless = sum(_is_error(row) and moment(row.timestamp) is None for row in rows)
    return Tries(tuple(sorted(tries, key=lambda t: t.at)), left_out=timeless)


def _is_telling(line: bytes) -> bool:
    """A cheap look before decoding: lines are long, and most are neither."""
    return any(mark in line for mark in _ERROR_MARKS) or (_ANSWER_MARK in line and _OWN_WORDS_MARK not in line)


def _decoded(line: bytes) -> _Row | None:
    return decoded(line, _Row)


def _is_error(row: _Row) -> bool:
    return bool(row.is_api_error_message) or row.subtype == "api_error"


def _try(row: _Row, roots: dict[str, str]) -> Try | None:
    at = moment(row.timestamp)
    if at is None:
        return None
    if not _is_error(row):
        answered = row.type == "assistant" and row.request_id is not None
        return Try(at=at, request=row.request_id, error=None) if answered else None
    request = _request(row, roots)
    error = _error(row)
    if error is None:
        return None
    return Try(at=at, request=request, error=error, resets_at=_resets(row.quota_limits))


def _request(row: _Row, roots: dict[str, str]) -> str | None:
    """What names the request that failed: the first row of its chain of retries, else the id of the attempt."""
    if row.uuid is not None:
        root = roots[row.uuid] = roots.get(row.parent_uuid or "", row.uuid)
        return root
    body = row.error if isinstance(row.error, _Body) else _Body()
    return row.request_id or body.request or body.request_id


def _error(row: _Row) -> str | None:
    """The word for what went wrong; None where it says nothing of the service or cannot be told."""
    body = row.error if isinstance(row.error, _Body) else None
    status = row.api_error_status or (body.status if body else None)
    words = _words(body) if body else [w.lower() for w in (row.api_error, row.error) if isinstance(w, str)]
    named = next((_WORDS[w] for w in words if w in _WORDS), None)
    # A 400 whose reason is an empty purse is not the request's fault.
    if status in REQUEST_WAS_WRONG or (not status and _REQUEST_WAS_WRONG_WORDS.intersection(words)):
        return named if named in OWN_FAULTS else None
    word = by_status(status) if status else named
    if word == "rate_limit" and row.quota_limits is not None:
        name = row.quota_limits.rate_limit_type or ""
        return f"{QUOTA}:{name}" if _LIMIT_NAME.fullmatch(name) else QUOTA
    return word or ("connection" if body and body.connection else None) or ("other" if words else None)


def _words(body: _Body) -> list[str]:
    """The type and code names in an error and those inside it, the innermost first: the outer ones say less."""
    found: list[str] = []
    inner: _Body | None = body
    while inner is not None:
        code = inner.connection.code if inner.connection else None
        found += [word.lower() for word in (inner.type, inner.code, code) if word and word != "error"]
        inside = [part for part in (inner.error, inner.cause) if isinstance(part, _Body)]
        inner = inside[0] if inside else None
    return found[::-1]


def _resets(quota: _Quota | None) -> datetime | None:
    """When the limit opens again; the wire has it in seconds."""
    at = quota.resets_at if quota else None
    if isinstance(at, str):
        return moment(at)
    return datetime.fromtimestamp(at, UTC) if at is not None and 0 < at < 2**33 else None
