"""What of a request's head is kept: what is needed to read it or to send it again, and never what could be a key."""

from __future__ import annotations

from stillup.gateway.core.values import Headers

HEADERS = frozenset(
    {
        b"anthropic-beta",
        b"anthropic-version",
        b"content-encoding",
        b"content-type",
        b"openai-beta",
        b"user-agent",
    }
)
PARAMETERS = frozenset(
    {
        "after",
        "after_id",
        "alt",
        "api-version",
        "before",
        "before_id",
        "beta",
        "include",
        "limit",
        "order",
        "pageSize",
        "pageToken",
        "starting_after",
        "stream",
    }
)


def headers(lines: Headers) -> tuple[tuple[str, str], ...]:
    """Those lines that are known to be harmless, names in lower case."""
    kept = []
    for name, value in lines:
        lowered = name.lower()
        if lowered in HEADERS:
            kept.append((lowered.decode("ascii"), value.decode("latin-1")))
    return tuple(kept)


def query(text: str) -> str:
    """Those parameters that are known to be harmless: Gemini's clients put their key among them."""
    if not text:
        return ""
    return "&".join(part for part in text.split("&") if part.partition("=")[0] in PARAMETERS)
