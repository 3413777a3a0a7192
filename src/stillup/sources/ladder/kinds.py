"""The providers' own error words, in statuses and bodies, turned into ours."""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct

from stillup.sources.ladder.faults import OURS, Fault

# Anthropic's and OpenAI's error types and codes, and Google's statuses, as their documentation lists them.
_KINDS = {
    "overloaded_error": Fault.OVERLOADED,
    "server_is_overloaded": Fault.OVERLOADED,
    "service_unavailable_error": Fault.OVERLOADED,
    "unavailable": Fault.OVERLOADED,
    "unavailable_error": Fault.OVERLOADED,
    "provider_overloaded": Fault.OVERLOADED,
    "service_tier_capacity_exceeded": Fault.OVERLOADED,
    "capacity_exceeded": Fault.OVERLOADED,
    "api_error": Fault.SERVER_ERROR,
    "server_error": Fault.SERVER_ERROR,
    "internal": Fault.SERVER_ERROR,
    "timeout_error": Fault.TIMEOUT,
    "rate_limit_error": Fault.RATE_LIMIT,
    "rate_limit_exceeded": Fault.RATE_LIMIT,
    "rate_limited": Fault.RATE_LIMIT,
    "slow_down": Fault.RATE_LIMIT,
    "resource_exhausted": Fault.RATE_LIMIT,
    "insufficient_quota": Fault.BILLING,
    "credit_balance_exhausted": Fault.BILLING,
    "billing_error": Fault.BILLING,
    "payment_required": Fault.BILLING,
    "permission_error": Fault.PERMISSION,
    "permission_denied": Fault.PERMISSION,
    "authentication_error": Fault.AUTHENTICATION,
    "invalid_api_key": Fault.AUTHENTICATION,
    "api_key_invalid": Fault.AUTHENTICATION,
    "unauthenticated": Fault.AUTHENTICATION,
    "invalid_request_error": Fault.INVALID_REQUEST,
    "invalid_argument": Fault.INVALID_REQUEST,
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
    409: Fault.INVALID_REQUEST,
    413: Fault.INVALID_REQUEST,
    422: Fault.INVALID_REQUEST,
    429: Fault.RATE_LIMIT,
    456: Fault.BILLING,  # DeepL's: the plan's characters are used up
}
_VAGUE = frozenset((Fault.INVALID_REQUEST, Fault.SERVER_ERROR))
"""What a provider writes beside anything: DeepSeek's 402 has the code ``invalid_request_error``."""
_SPENT = re.compile(
    r"credit balance|insufficient (balance|credit)|used all available credits|run out of credits", re.IGNORECASE
)
_FULL = re.compile(r"overloaded|capacity exceeded|(over|at|no) capacity", re.IGNORECASE)
# Google's reason and OpenRouter's type of an error stand deeper in it.
_DEEPER = re.compile(rb'"(?:reason|error_type)"\s*:\s*"([A-Za-z_]{1,60})"')

OVERLOADED_STATUS = 529


class _Error(Struct):
    type: str | None = None
    code: str | int | None = None
    status: str | None = None
    message: str | None = None


class _Body(Struct):
    error: _Error | str | None = None


class _Bare(_Error):
    """Mistral's: the error is the body itself, and says so."""

    object: str | None = None


def kind_in(body: bytes) -> Fault | None:
    """The kind of error a JSON body names; None where it names none that we know."""
    error = _error(body)
    if error is None:
        return None
    text = error if isinstance(error, str) else error.message or ""
    # Spent credit and a full house come under words that mean other things in some APIs; their sentence tells.
    if _SPENT.search(text):
        return Fault.BILLING
    if _FULL.search(text):
        return Fault.OVERLOADED
    if isinstance(error, str):
        return None
    deeper = _DEEPER.search(body)
    # The code is finer than the type: a 429's type may be shared by a limit and an empty account.
    words = [str(word).lower() for word in (error.code, error.type, error.status) if word]
    if deeper is not None:
        words.insert(0, deeper[1].decode().lower())
    kinds = [_KINDS[word] for word in words if word in _KINDS]
    if not kinds and isinstance(error.code, int):
        return _by_number(error.code)
    return next((kind for kind in kinds if kind not in _VAGUE), kinds[0] if kinds else None)


def _by_number(code: int) -> Fault | None:
    """An error inside an answer may have no word but the status it would have had."""
    if code in _OWN_STATUS:
        return _OWN_STATUS[code]
    if code in (503, OVERLOADED_STATUS):
        return Fault.OVERLOADED
    return Fault.SERVER_ERROR if 500 <= code < 600 else None


def names_error(body: bytes) -> bool:
    """Whether a JSON body is an error object at all."""
    return bool(_error(body))


def _error(body: bytes) -> _Error | str | None:
    try:
        found = msgspec.json.decode(body, type=_Body).error
        if found is None:
            bare = msgspec.json.decode(body, type=_Bare)
            return bare if bare.object == "error" else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found


def own_fault(status: int, body: bytes) -> Fault | None:
    """What of ours a keyed request failed on: limit, bill, key or request; None where it is not ours."""
    if status not in _OWN_STATUS:
        return None
    named = kind_in(body)
    if named is None or named is Fault.INVALID_REQUEST:
        return _OWN_STATUS[status]
    return named if named in OURS else None


def provider_fault(status: int, body: bytes) -> str:
    """What an error status that is not ours says: overloaded, a server error, or the bare status."""
    named = kind_in(body)
    # OpenAI's "slow down" is a limit with 429, and no room for anybody with 503.
    if status == OVERLOADED_STATUS or named is Fault.OVERLOADED or (status >= 500 and named is Fault.RATE_LIMIT):
        return Fault.OVERLOADED.value
    return Fault.SERVER_ERROR.value if status >= 500 else f"http_{status}"
