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
_NAMES = {name: name.decode("ascii") for name in HEADERS}
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
    """Those lines that are known to be harmless and say something, names in lower case."""
    return tuple(
        [(known, value.decode("latin-1")) for name, value in lines if value and (known := _NAMES.get(name.lower()))]
    )


def query(text: str) -> str:
    """Those parameters that are known to be harmless: Gemini's clients put their key among them."""
    if not text:
        return ""
    return "&".join(part for part in text.split("&") if part.partition("=")[0] in PARAMETERS)
