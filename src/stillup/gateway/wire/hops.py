"""Law 1: which header lines of an answer are the client's to see."""

from __future__ import annotations

from functools import lru_cache

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
_OF_ITS_HOST = frozenset(
    {b"alt-svc", b"clear-site-data", b"public-key-pins", b"set-cookie", b"strict-transport-security"}
)
"""What an answer says of the place it comes from. To the client that place is the gateway, of which none of it is true,
and a cookie is a credential: none is sent on to an upstream, so none is taken from it."""
_NOT_THE_CLIENTS = _HOP_BY_HOP | _OF_ITS_HOST
_OURS = b"x-stillup-"
_LONGEST_VALUE = 200


def end_to_end(headers: Headers, *, decoded: bool = False) -> list[tuple[bytes, bytes]]:
    """Everything but what is of a hop or of the upstream's host, the length (set anew), and lines of our own names.

    ``decoded`` drops the content coding too, which was taken off on the way.
    """
    kept: list[tuple[bytes, bytes]] = []
    named: set[bytes] = set()
    for line in headers:
        name = line[0].lower()
        if name == b"connection":
            named.update(token.strip().lower() for token in line[1].split(b","))
        elif not (name in _NOT_THE_CLIENTS or name.startswith(_OURS) or (decoded and name == b"content-encoding")):
            kept.append(line)
    return [line for line in kept if line[0].lower() not in named] if named else kept


def header_value(text: str) -> bytes:
    """Text that may hold anything, as a header's value: one printable line of ASCII, 200 characters at most."""
    return _printable(text[:_LONGEST_VALUE])


@lru_cache(maxsize=1024)
def _printable(text: str) -> bytes:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text).encode()
