"""The providers' own error words, in statuses and bodies, turned into ours."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from stillup.sources.ladder.faults import OURS, Fault

# Anthropic's and OpenAI's error types and codes, and Google's statuses, as their documentation lists them.
_KINDS = {
    "overloaded_error": Fault.OVERLOADED,
    "server_is_overloaded": Fault.OVERLOADED,
    "service_unavailable_error": Fault.OVERLOADED,
    "slow_down": Fault.OVERLOADED,
    "unavailable": Fault.OVERLOADED,
    "api_error": Fault.SERVER_ERROR,
    "server_error": Fault.SERVER_ERROR,
    "internal": Fault.SERVER_ERROR,
    "timeout_error": Fault.TIMEOUT,
    "rate_limit_error": Fault.RATE_LIMIT,
    "rate_limit_exceeded": Fault.RATE_LIMIT,
    "resource_exhausted": Fault.RATE_LIMIT,
    "insufficient_quota": Fault.BILLING,
    "credit_balance_exhausted": Fault.BILLING,
    "billing_error": Fault.BILLING,
    "permission_error": Fault.PERMISSION,
    "permission_denied": Fault.PERMISSION,
    "authentication_error": Fault.AUTHENTICATION,
    "invalid_api_key": Fault.AUTHENTICATION,
    "unauthenticated": Fault.AUTHENTICATION,
    "invalid_request_error": Fault.INVALID_REQUEST,
    "not_found_error": Fault.INVALID_REQUEST,
    "model_not_found": Fault.INVALID_REQUEST,
    "request_too_large": Fault.INVALID_REQUEST,
}

# What a status means once our own key and request body were in it.
_OWN_STATUS = {
    400: Fault.INVALID_REQUEST,
    401: Fault.AUTHENTICATION,
    402: Fault.BILLING,
    403: Fault.PERMISSION,
    404: Fault.INVALID_REQUEST,
    413: Fault.INVALID_REQUEST,
    422: Fault.INVALID_REQUEST,
    429: Fault.RATE_LIMIT,
}

OVERLOADED_STATUS = 529


class _Error(Struct):
    type: str | None = None
    code: str | int | None = None
    status: str | None = None
    message: str | None = None


class _Body(Struct):
    error: _Error | str | None = None


def kind_in(body: bytes) -> Fault | None:
    """The kind of error a JSON body names; None where it names none that we know."""
    error = _error(body)
    if not isinstance(error, _Error):
        return None
    # Spent credit comes as a plain "invalid request" in one provider's API; only its sentence tells it apart.
    if "credit balance" in (error.message or "").lower():
        return Fault.BILLING
    # The code is finer than the type: a 429's type may be shared by a limit and an empty account.
    words = (str(word).lower() for word in (error.code, error.type, error.status) if word)
    return next((_KINDS[word] for word in words if word in _KINDS), None)


def names_error(body: bytes) -> bool:
    """Whether a JSON body is an error object at all."""
    return bool(_error(body))


def _error(body: bytes) -> _Error | str | None:
    try:
        return msgspec.json.decode(body, type=_Body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def own_fault(status: int, body: bytes) -> Fault | None:
    """What of ours a keyed request failed on: limit, bill, key or request; None where it is not ours."""
    if status not in _OWN_STATUS:
        return None
    named = kind_in(body)
    if named is None:
        return _OWN_STATUS[status]
    return named if named in OURS else None


def provider_fault(status: int, body: bytes) -> str:
    """What an error status that is not ours says: overloaded, a server error, or the bare status."""
    named = kind_in(body)
    if status == OVERLOADED_STATUS or named is Fault.OVERLOADED:
        return Fault.OVERLOADED.value
    return Fault.SERVER_ERROR.value if status >= 500 else f"http_{status}"
