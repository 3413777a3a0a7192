"""What an upstream's error means: one table of the words providers use, then the status, then the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Headers, Protocol
from stillup.gateway.dialects.lenient import NoJson, plain

_WORDS = {
    Fault.OVERLOADED: (
        "overloaded_error overloaded engine_overloaded engine_overloaded_error server_overloaded model_overloaded "
        "server_is_overloaded slow_down unavailable service_unavailable service_unavailable_error "
        "serviceunavailableexception modelnotreadyexception capacity_exceeded service_tier_capacity_exceeded "
        "provider_overloaded unavailable_error"
    ),
    Fault.RATE_LIMITED: (
        "rate_limit_error rate_limit_exceeded rate_limit rate_limited rate_limit_reached resource_exhausted "
        "too_many_requests throttlingexception requests tokens"
    ),
    Fault.QUOTA: (
        "insufficient_quota billing_error billing_hard_limit_reached billing_not_active billing_disabled "
        "credit_balance_too_low insufficient_credits insufficient_balance payment_required quota_exceeded "
        "servicequotaexceededexception usage_limit_reached usage_not_included credit_balance_exhausted"
    ),
    Fault.UNAUTHORIZED: (
        "authentication_error permission_error permission_denied unauthenticated unauthorized forbidden "
        "invalid_api_key api_key_invalid incorrect_api_key invalid_authentication accessdeniedexception "
        "unrecognizedclientexception expiredtokenexception invalidsignatureexception"
    ),
    Fault.TOO_LONG: (
        "context_length_exceeded request_too_large string_above_max_length context_window_exceeded "
        "exceed_context_size_error prompt_too_long tokens_limit_reached"
    ),
    Fault.FILTERED: (
        "content_filter content_filter_error content_policy_violation responsibleaipolicyviolation "
        "image_content_policy_violation moderation_blocked safety prohibited_content content_blocked"
    ),
    Fault.SERVER_ERROR: (
        "api_error server_error internal_server_error internal_error internal unknown timeout_error timeout "
        "deadline_exceeded gateway_timeout bad_gateway provider_error upstream_error vector_store_timeout "
        "internalserverexception modelerrorexception modelstreamerrorexception modeltimeoutexception aborted"
    ),
    Fault.BAD_REQUEST: (
        "invalid_request_error invalid_request not_found_error not_found model_not_found invalid_argument "
        "failed_precondition invalid_prompt unsupported_value validationexception resourcenotfoundexception "
        "badrequesterror notfounderror unprocessable_entity_error"
    ),
}
"""Types, codes and statuses of errors, in lower case, by what they mean. ``requests`` and ``tokens`` are OpenAI's
types of a 429."""
_FAULT_OF = {word: fault for fault, words in _WORDS.items() for word in words.split()}
_VAGUE = frozenset({Fault.BAD_REQUEST, Fault.SERVER_ERROR, Fault.RATE_LIMITED})
"""What a more exact code in the same error may overrule: OpenAI's ``invalid_request_error`` comes with
``context_length_exceeded``, and its 429 with ``insufficient_quota``."""

_PHRASES = (
    (
        Fault.TOO_LONG,
        re.compile(
            r"prompt is too long|input is too long|request too large|context[ _](length|window|size)"
            r"|too many (input )?tokens|maximum context|exceed context limit|longer than the model"
            r"|exceeds? the (maximum|model'?s?|available|context)[^.]{0,60}(token|context)|reduce the length of",
            re.IGNORECASE,
        ),
    ),
    (
        Fault.QUOTA,
        re.compile(
            r"credit balance|insufficient (credit|balance|funds|quota)|out of credits|never purchased credits"
            r"|requires more credits|key limit exceeded|check your plan and billing"
            r"|used all available credits|monthly spending limit",
            re.IGNORECASE,
        ),
    ),
    (
        Fault.FILTERED,
        re.compile(
            r"content[ _](filter|management policy|policy)|was flagged|moderation"
            r"|safety (system|policy|guidelines)|jailbreak",
            re.IGNORECASE,
        ),
    ),
    (
        Fault.UNAUTHORIZED,
        re.compile(
            r"(api[ _]?key|token)[^.]{0,20}(not valid|invalid|expired|incorrect)|incorrect api[ _]?key", re.IGNORECASE
        ),
    ),
)
"""What providers write where they give no code of their own; the first that is found counts."""
_OVERLOADED = re.compile(r"overloaded|(at|over|no) capacity|capacity exceeded", re.IGNORECASE)
_GEMINI_QUOTA = re.compile(r"limit: 0\b|PerDay")
"""Google answers 429 both for a minute's limit and for a quota that a wait of minutes does not mend."""

MAX_READ_BYTES = 64 * 1024
"""No provider's error is longer; what is behind it is not looked at."""
_MAX_DEPTH = 8


class Said(Struct, frozen=True):
    """What an error body says: its codes in lower case, its sentence, a number if it has one, and all of its text."""

    words: tuple[str, ...] = ()
    message: str = ""
    code: int | None = None
    text: str = ""

    @property
    def fault(self) -> Fault | None:
        """What its codes mean, the more exact one first; None when they are unknown."""
        known = [_FAULT_OF[word] for word in self.words if word in _FAULT_OF]
        exact = [fault for fault in known if fault not in _VAGUE]
        return next(iter(exact or known), None)


def said(body: bytes) -> Said:
    """Read an error's body, whole or cut short, JSON or not."""
    text = body[:MAX_READ_BYTES].decode("utf-8", "replace")
    if text.lstrip()[:1] == "<":
        return Said()  # a page of something in between: its words are not about the request
    try:
        return said_by(plain(body), text)
    except NoJson:
        # JSON cut short, or plain text: what stands behind "type", "code", "status" and "message" can still be read.
        words = tuple(word.lower() for word in re.findall(r'"(?:type|code|status|reason)"\s*:\s*"([^"]{1,80})"', text))
        message = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.){1,400})', text)
        return Said(words, message[1] if message else "", None, text)


def said_by(value: object, text: str = "") -> Said:
    """The same for a value that is decoded already; ``text`` is searched for phrases beside the message."""
    if isinstance(value, list) and value:
        value = value[0]  # Google's arrays
    if not isinstance(value, dict):
        return Said(message=value if isinstance(value, str) else "", text=text)
    words: list[str] = []
    numbers: list[int] = []
    messages: list[str] = []
    for key, leaf in _leaves(value, 0):
        if key in {"type", "code", "status", "reason", "__type"} and isinstance(leaf, str):
            words.append(leaf.rpartition("#")[2].lower())
            if leaf.isdecimal():
                numbers.append(int(leaf[:6]))
        elif key in {"code", "status"} and isinstance(leaf, int | float) and 0 < leaf < 1000:
            numbers.append(int(leaf))
        elif key in {"message", "error", "detail", "msg", "Message"} and isinstance(leaf, str):
            messages.append(leaf)
    status = next((number for number in numbers if 300 <= number <= 599), None)
    return Said(tuple(words), messages[0] if messages else "", status, text or "\n".join(messages))


def _leaves(value: object, depth: int) -> Iterator[tuple[str, object]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield from _leaves(inner, depth + 1)
            else:
                yield str(key), inner
    elif isinstance(value, list):
        for inner in value[:20]:
            yield from _leaves(inner, depth + 1)


def fault_in_stream(error: Said) -> Fault:
    """What an error inside an answer means, where no status helps."""
    fault = error.fault
    if fault in {None, Fault.BAD_REQUEST}:
        fault = _by_phrase(error) or fault
    if fault is None and error.code is not None:
        fault = classify_said(error.code, error)
    if fault is None and _OVERLOADED.search(error.text):
        fault = Fault.OVERLOADED
    return fault or Fault.ERROR_EVENT


def classify(protocol: Protocol, status: int, headers: Headers, body_prefix: bytes) -> Fault:
    """What an HTTP status other than 2xx means, with what its body says. Cost: some µs for a usual error body."""
    if status == 409:
        again = any(name.lower() == b"x-should-retry" and value.strip() == b"true" for name, value in headers)
        return Fault.CONFLICT if again else Fault.BAD_REQUEST
    error = said(body_prefix)
    if protocol in {Protocol.BEDROCK, Protocol.CONVERSE}:
        kinds = [value.decode("latin-1") for name, value in headers if name.lower() == b"x-amzn-errortype"]
        error = replace(error, words=(*(kind.partition(":")[0].lower() for kind in kinds), *error.words))
    return classify_said(status, error)


def classify_said(status: int, error: Said) -> Fault:
    """The same for an error that was read already."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 429:
        return _too_many(error)
    if status in {401, 403}:
        # A key that may not pay, or a moderation's refusal; anything else with these is about the key itself.
        fault = error.fault if error.fault in {Fault.QUOTA, Fault.FILTERED} else _by_phrase(error)
        return fault if fault in {Fault.QUOTA, Fault.FILTERED} else Fault.UNAUTHORIZED
    if 400 <= status < 500:
        return _wrong_request(status, error)
    if status >= 500:
        full = error.fault is Fault.OVERLOADED or (status == 503 and _OVERLOADED.search(error.text))
        return Fault.OVERLOADED if full else Fault.SERVER_ERROR
    return Fault.NOT_API


_BY_STATUS = {402: Fault.QUOTA, 408: Fault.REQUEST_TIMEOUT, 413: Fault.TOO_LONG, 529: Fault.OVERLOADED}


def _too_many(error: Said) -> Fault:
    if "resource_exhausted" in error.words:
        return Fault.QUOTA if _GEMINI_QUOTA.search(error.text) else Fault.RATE_LIMITED
    if "slow_down" in error.words:
        return Fault.RATE_LIMITED  # with 503 it is OpenAI that has no room; here it is this client that grew too fast
    if error.fault in {Fault.QUOTA, Fault.OVERLOADED}:
        return error.fault
    if error.fault in {None, Fault.BAD_REQUEST} and _OVERLOADED.search(error.text):
        return Fault.OVERLOADED  # Mistral's full tiers come as an "invalid_request_error"
    # "Request too large for … tokens per minute": no wait makes it fit.
    phrase = _by_phrase(error)
    if phrase is Fault.TOO_LONG or (phrase is Fault.QUOTA and error.fault is None):
        return phrase
    return Fault.RATE_LIMITED


def _wrong_request(status: int, error: Said) -> Fault:
    fault = error.fault
    if fault in {None, Fault.BAD_REQUEST}:
        return _by_phrase(error) or Fault.BAD_REQUEST
    if fault is Fault.SERVER_ERROR and status != 424:
        return Fault.BAD_REQUEST  # 424 is how Bedrock says that the model failed; elsewhere the status knows better
    return fault or Fault.BAD_REQUEST


def _by_phrase(error: Said) -> Fault | None:
    text = error.text
    return next((fault for fault, phrase in _PHRASES if phrase.search(text)), None)
