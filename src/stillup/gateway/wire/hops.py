"""Law 1: which header lines of an answer are the client's to see."""

from __future__ import annotations

from stillup.gateway.core.values import Headers

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OURS = b"x-stillup-"


def end_to_end(headers: Headers, *, decoded: bool = False) -> list[tuple[bytes, bytes]]:
    """Everything but what is between two hops, the length (the sender sets it anew), and lines under our own names.

    ``decoded`` drops the content coding too, which was taken off on the way.
    """
    named = {
        token.strip().lower() for name, value in headers if name.lower() == b"connection" for token in value.split(b",")
    }
    kept = []
    for line in headers:
        name = line[0].lower()
        if name in _HOP_BY_HOP or name in named or name.startswith(_OURS):
            continue
        if decoded and name == b"content-encoding":
            continue
        kept.append(line)
    return kept


def header_value(text: str) -> bytes:
    """Text that may hold anything, as a header's value: one printable line of ASCII, 200 characters at most."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:200]).encode()
