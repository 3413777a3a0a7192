"""The headers of each provider's answers: its request id, and what is left of the rate limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.call import Call, Dialect
from stillup.sim.provider.voices import Voice

_REQUESTS, _TOKENS = 1_000, 400_000
_RESET = timedelta(seconds=60)
_RESETS = {"openai": ("1s", "6m0s"), "groq": ("2m59.56s", "7.66s")}
"""When requests and tokens are full again, as durations in each one's spelling."""
_PHRASES = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 413: "Content Too Large",
    422: "Unprocessable Entity", 424: "Failed Dependency", 429: "Too Many Requests", 456: "Quota Exceeded",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    529: "Overloaded",
}  # fmt: skip


def headers_of(call: Call, behaviour: Behaviour, request_id: str | None, now: datetime, voice: Voice) -> dict[str, str]:
    """What the provider adds to every answer."""
    found = {"Server": "simulated"}
    if behaviour.failure is Failure.STATUS and behaviour.reason is Reason.EDGE:
        found = {"Server": "cloudflare", "CF-RAY": f"{request_id or 'simulated'}-FRA"}
    else:
        if voice.request_id and request_id:
            found[voice.request_id] = request_id
        found |= _limits(voice.limits, behaviour.left, now)
        found |= _own(call, behaviour, voice)
    if behaviour.retry_after:
        found["Retry-After"] = behaviour.retry_after
    return found | behaviour.headers


def _own(call: Call, behaviour: Behaviour, voice: Voice) -> dict[str, str]:
    """What only one provider says."""
    if voice.shape == "anthropic":
        return {"anthropic-organization-id": "simulated"}
    if voice.shape == "bedrock" and behaviour.failure is Failure.STATUS:
        return {
            "x-amzn-ErrorType": f"{voice.says(behaviour.status, behaviour.reason).kind}:http://internal.amazon.com/"
        }
    if call.dialect is Dialect.GEMINI:
        return {"Vary": "Origin, X-Origin, Referer", "X-Content-Type-Options": "nosniff"}
    if voice.vendor == "openai":
        return {"openai-processing-ms": "12", "openai-version": "2020-10-01"}
    return {}


def _limits(whose: str, left: float, now: datetime) -> dict[str, str]:
    requests, tokens = str(int(_REQUESTS * left)), str(int(_TOKENS * left))
    if whose == "anthropic":
        reset = (now + _RESET).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        rows = [("requests", _REQUESTS, requests)]
        rows += [(what, _TOKENS, tokens) for what in ("tokens", "input-tokens", "output-tokens")]
        return {
            f"anthropic-ratelimit-{what}-{part}": value
            for what, limit, rest in rows
            for part, value in (("limit", str(limit)), ("remaining", rest), ("reset", reset))
        }
    if whose == "mistral":
        limits = {"x-ratelimit-limit-req-minute": str(_REQUESTS), "x-ratelimit-limit-tokens-minute": str(_TOKENS)}
        rest = {"x-ratelimit-remaining-req-minute": requests, "x-ratelimit-remaining-tokens-minute": tokens}
        return limits | rest
    if whose not in _RESETS:
        return {}
    again = _RESETS[whose]
    spelled = (("requests", str(_REQUESTS), requests, again[0]), ("tokens", str(_TOKENS), tokens, again[1]))
    return {
        f"x-ratelimit-{part}-{what}": value
        for what, limit, rest_of, reset in spelled
        for part, value in (("limit", limit), ("remaining", rest_of), ("reset", reset))
    }


def phrase(status: int) -> str:
    """A status in words."""
    return _PHRASES.get(status, "Unknown")


def head_bytes(status: int, headers: dict[str, str]) -> bytes:
    """The status line and the headers, as they go on the wire."""
    lines = [f"HTTP/1.1 {status} {phrase(status)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
