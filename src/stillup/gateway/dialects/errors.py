"""Errors and signs of life of our own, in the words of each protocol, such that its SDK raises the right exception."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Headers, Protocol

JSON = b"application/json"
_ANTHROPICS = frozenset({Protocol.ANTHROPIC, Protocol.BEDROCK, Protocol.VERTEX})


class _Words(Struct, frozen=True):
    """One kind of error: its status, and what the three families call it (OpenAI: type and code)."""

    status: int
    anthropic: str
    openai: str
    code: str | None
    gemini: str


_BY_STATUS = {
    400: _Words(400, "invalid_request_error", "invalid_request_error", None, "INVALID_ARGUMENT"),
    401: _Words(401, "authentication_error", "invalid_request_error", "invalid_api_key", "UNAUTHENTICATED"),
    402: _Words(402, "billing_error", "insufficient_quota", "insufficient_quota", "RESOURCE_EXHAUSTED"),
    403: _Words(403, "permission_error", "invalid_request_error", "permission_denied", "PERMISSION_DENIED"),
    404: _Words(404, "not_found_error", "invalid_request_error", "not_found", "NOT_FOUND"),
    405: _Words(405, "invalid_request_error", "invalid_request_error", "method_not_supported", "UNIMPLEMENTED"),
    408: _Words(408, "timeout_error", "timeout", "request_timeout", "DEADLINE_EXCEEDED"),
    409: _Words(409, "conflict_error", "conflict", "conflict", "ABORTED"),
    413: _Words(413, "request_too_large", "invalid_request_error", "request_too_large", "INVALID_ARGUMENT"),
    429: _Words(429, "rate_limit_error", "rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"),
    500: _Words(500, "api_error", "server_error", "internal_error", "INTERNAL"),
    502: _Words(502, "api_error", "server_error", "bad_gateway", "UNAVAILABLE"),
    503: _Words(503, "overloaded_error", "server_error", "service_unavailable", "UNAVAILABLE"),
    504: _Words(504, "timeout_error", "server_error", "timeout", "DEADLINE_EXCEEDED"),
    529: _Words(529, "overloaded_error", "server_error", "overloaded", "UNAVAILABLE"),
}
_STATUS_OF = {
    Fault.REQUEST_TIMEOUT: 408,
    Fault.CONFLICT: 409,
    Fault.RATE_LIMITED: 429,
    Fault.QUOTA: 402,
    Fault.SERVER_ERROR: 500,
    Fault.OVERLOADED: 529,
    Fault.UNAUTHORIZED: 401,
    Fault.BAD_REQUEST: 400,
    Fault.TOO_LONG: 400,
    Fault.FILTERED: 400,
    Fault.UNSUPPORTED: 400,
    Fault.SLOW_FIRST_TOKEN: 504,
    Fault.STALL: 504,
    Fault.DEADLINE: 504,
    Fault.CONNECT_TIMEOUT: 504,
}
"""Every other fault is 502: something is wrong behind us."""
_CODE_OF = {
    Fault.TOO_LONG: "context_length_exceeded",
    Fault.FILTERED: "content_filter",
    Fault.QUOTA: "insufficient_quota",
}
_encode = msgspec.json.encode


def status_of(protocol: Protocol, fault: Fault) -> int:
    """The status that ``fault`` has in ``protocol``, where no upstream gave one."""
    status = _STATUS_OF.get(fault, 502)
    if status == 529 and not _is_anthropic(protocol):
        return 503  # 529 is Anthropic's alone
    if status == 402 and not _is_anthropic(protocol):
        return 429
    return status


def error_answer(
    protocol: Protocol,
    fault: Fault,
    message: str,
    *,
    status: int | None = None,
    retry_after_s: float | None = None,
    request_id: str = "",
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of an error answer. A given ``status`` decides the words unless the fault has its own.

    Retry-After is in whole seconds, rounded up: asking too early is worse than a second too late.
    """
    status = status_of(protocol, fault) if status is None else status
    words = _words(status)
    error = _error(protocol, words, _CODE_OF.get(fault, words.code), message, status)
    if request_id and _is_anthropic(protocol):
        error = {**error, "request_id": request_id}
    headers = [(b"content-type", JSON)]
    if request_id:
        headers.append((b"request-id" if _is_anthropic(protocol) else b"x-request-id", request_id.encode("ascii")))
    if retry_after_s is not None:
        headers.append((b"retry-after", str(max(0, math.ceil(retry_after_s))).encode()))
    return status, tuple(headers), _encode(error)


def error_event(protocol: Protocol, fault: Fault, message: str, *, sequence_number: int = 0) -> bytes:
    """An event that ends a stream with an error. ``sequence_number`` is what comes next in a stream of Responses."""
    words = _words(status_of(protocol, fault))
    code = _CODE_OF.get(fault, words.code)
    error = _error(protocol, words, code, message, words.status)
    if _is_anthropic(protocol):
        return b"event: error\ndata: " + _encode(error) + b"\n\n"
    if protocol is Protocol.RESPONSES:
        # The reference has code and message at the top; the service and its SDKs look into "error". Both are there.
        flat = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": sequence_number}
        return b"event: error\ndata: " + _encode({**flat, **error}) + b"\n\n"
    return b"data: " + _encode(error) + b"\n\n"


def ping(protocol: Protocol) -> bytes:
    """A sign of life that no client takes for content; Gemini's SDK knows none."""
    if _is_anthropic(protocol):
        return b'event: ping\ndata: {"type": "ping"}\n\n'
    return b"" if protocol is Protocol.GEMINI else b": ping\n\n"


def _words(status: int) -> _Words:
    known = _BY_STATUS.get(status)
    if known is None:
        known = _BY_STATUS[500 if status >= 500 else 400]
    return known


def _error(protocol: Protocol, words: _Words, code: str | None, message: str, status: int) -> Mapping[str, object]:
    if _is_anthropic(protocol):
        return {"type": "error", "error": {"type": words.anthropic, "message": message}}
    if protocol is Protocol.GEMINI:
        return {"error": {"code": status, "message": message, "status": words.gemini}}
    kind = "insufficient_quota" if code == "insufficient_quota" else words.openai
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _is_anthropic(protocol: Protocol) -> bool:
    return protocol in _ANTHROPICS
