"""The headers of each provider's answers: its request id, and what is left of the rate limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stillup.sim.provider.behaviour import Behaviour
from stillup.sim.provider.call import Call, Dialect

_REQUESTS, _TOKENS = 1_000, 400_000
_RESET = timedelta(seconds=60)
_PHRASES = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 413: "Content Too Large",
    429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 529: "Overloaded",
}  # fmt: skip


def headers_of(call: Call, behaviour: Behaviour, request_id: str, now: datetime) -> dict[str, str]:
    """What the provider adds to every answer."""
    found = {"Server": "simulated"}
    requests, tokens = str(int(_REQUESTS * behaviour.left)), str(int(_TOKENS * behaviour.left))
    if call.dialect is Dialect.ANTHROPIC:
        reset = (now + _RESET).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        found |= {"request-id": request_id, "anthropic-organization-id": "simulated"}
        left = (("requests", _REQUESTS, requests), ("tokens", _TOKENS, tokens), ("input-tokens", _TOKENS, tokens))
        for what, limit, rest in left:
            head = f"anthropic-ratelimit-{what}"
            found |= {f"{head}-limit": str(limit), f"{head}-remaining": rest, f"{head}-reset": reset}
    elif call.dialect is Dialect.GEMINI:
        found |= {"Vary": "Origin, X-Origin, Referer", "X-Content-Type-Options": "nosniff"}
    else:
        found |= {"x-request-id": request_id, "openai-processing-ms": "12", "openai-version": "2020-10-01"}
        for what, limit, rest in (("requests", _REQUESTS, requests), ("tokens", _TOKENS, tokens)):
            found |= {f"x-ratelimit-limit-{what}": str(limit), f"x-ratelimit-remaining-{what}": rest}
            found[f"x-ratelimit-reset-{what}"] = "1m0s"
    if behaviour.retry_after:
        found["Retry-After"] = behaviour.retry_after
    return found | behaviour.headers


def head_bytes(status: int, headers: dict[str, str]) -> bytes:
    """The status line and the headers, as they go on the wire."""
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
