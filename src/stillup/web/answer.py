"""Whole answers as bytes: the headers that every answer carries, and answers that are sent again and again."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from litestar.types import Send

Header: TypeAlias = tuple[bytes, bytes]
_Form: TypeAlias = tuple[int, list[Header], bytes, bytes]
"""Status, headers, the head as HTTP/1.1 writes it, body."""

_PHRASES = {200: b"OK", 304: b"Not Modified"}

FOR_ALL = b"public, max-age=0, s-maxage=1, stale-while-revalidate=2, stale-if-error=60"
"""On a page that is the same for everybody. A front (a CDN, nginx, Varnish) keeps it for a second, so that a crowd
costs one request a second; a browser asks each time. While no page answers, the front shows what it has, and how old
that is stands on it."""

_CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY: tuple[Header, ...] = (
    (b"content-security-policy", _CSP),
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: a browser would then send the page's own forms with the origin `null`, as a stranger's.
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)
"""On every answer. There is no word of HTTPS only: whether there is HTTPS is for the proxy in front to say."""

_OWN = (b"cross-origin-resource-policy", b"same-origin")
_OURS = frozenset({name for name, _ in SECURITY})
_MADE_ANEW = _OURS | {b"content-length", b"content-encoding", b"etag", b"vary", b"date", b"connection"}
_PACKED = (b"text/", b"application/json", b"application/feed+json", b"application/atom+xml", b"image/svg+xml")
_WORTH_PACKING = 512
_LONGEST_LIST = 4_096


def secured(headers: Iterable[Header]) -> list[Header]:
    """An answer's headers with ours beside them; where both say something, ours hold."""
    kept = [(name, value) for name, value in headers if name.lower() not in _OURS]
    kept += SECURITY
    if not any(name.lower() == _OWN[0] for name, _ in kept):
        kept.append(_OWN)  # a badge says itself whether it may stand in other people's pages
    return kept


def private(headers: list[Header]) -> list[Header]:
    """An answer's headers where it is for those with the token: no cache between us and them may keep it."""
    said = [value for name, value in headers if name == b"cache-control"] or [b"no-cache"]
    kept = [(name, value) for name, value in headers if name != b"cache-control"]
    return [*kept, (b"cache-control", b", ".join([b"private", *said]))]


class Answer:
    """An answer with status 200, as it is and packed, with a strong validator for each; sent without being made.

    ``for_all``: it is a page that is the same for everybody, and whoever asks without a token is told so.
    """

    __slots__ = ("_for_all", "_for_one", "_tags", "size")

    def __init__(self, body: bytes, headers: Iterable[Header], *, for_all: bool = False) -> None:
        kept = [(name.lower(), value) for name, value in headers if name.lower() not in _MADE_ANEW]
        says_itself = any(name == b"cache-control" for name, _ in kept)
        kind = next((value for name, value in kept if name == b"content-type"), b"")
        packed = gzip.compress(body, 6, mtime=0) if len(body) > _WORTH_PACKING and kind.startswith(_PACKED) else None
        mark = blake2b(body + kind, digest_size=12).hexdigest().encode()
        self._tags = (b'"%b"' % mark, b'"%b-gz"' % mark)
        bare = [*secured(kept), (b"vary", b"accept-encoding")]
        worth = packed if packed is not None and len(packed) < len(body) else None
        said = [] if says_itself else [(b"cache-control", b"no-cache")]
        self._for_one = _Forms(body, worth, [*bare, *said], self._tags)
        self._for_all = self._for_one
        if for_all and not says_itself:
            self._for_all = _Forms(body, worth, [*bare, (b"cache-control", FOR_ALL)], self._tags)
        self.size = len(body) + len(packed or b"") + 4_000
        """Bytes that keeping it costs, about."""

    async def send(self, send: Send, *, packed: bool, is_head: bool, held: bytes | None, by_token: bool = False) -> int:
        """Send it; ``held`` is what ``If-None-Match`` said. The status that went out.

        ``by_token``: whoever asks showed a token, and nobody between us is told that it is for all.
        """
        status, headers, _, body = self._form(packed=packed, held=held, by_token=by_token)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else body, "more_body": False})
        return status

    def whole(
        self, *, packed: bool, is_head: bool, held: bytes | None, by_token: bool = False
    ) -> tuple[int, bytes, bytes]:
        """The status, the head in the form of HTTP/1.1 without its last line, and the body."""
        status, _, head, body = self._form(packed=packed, held=held, by_token=by_token)
        return status, head, b"" if is_head else body

    def _form(self, *, packed: bool, held: bytes | None, by_token: bool) -> _Form:
        forms = self._for_one if by_token else self._for_all
        form = forms.packed if packed and forms.packed is not None else forms.identity
        if held is not None and (same := self._match(held, is_packed=form is forms.packed)):
            return _form(304, [*forms.bare, (b"etag", same)], b"")
        return form

    def _match(self, held: bytes, *, is_packed: bool) -> bytes | None:
        """The validator among those held that is ours; compared weakly, as RFC 9110 13.1.2 has it."""
        if held.strip() == b"*":
            return self._tags[is_packed]
        for one in held[:_LONGEST_LIST].split(b","):
            mark = one.strip().removeprefix(b"W/")
            if mark in self._tags:
                return mark
        return None


class _Forms:
    """The same answer with the same headers, as it is and packed."""

    __slots__ = ("bare", "identity", "packed")

    def __init__(self, body: bytes, packed: bytes | None, headers: list[Header], tags: tuple[bytes, bytes]) -> None:
        self.bare = [header for header in headers if header[0] != b"content-type"]
        self.identity = _whole(body, headers, tags[0])
        self.packed: _Form | None = None
        if packed is not None:
            self.packed = _whole(packed, [*headers, (b"content-encoding", b"gzip")], tags[1])


def _form(status: int, headers: list[Header], body: bytes) -> _Form:
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return status, headers, b"HTTP/1.1 %d %b\r\n%b" % (status, _PHRASES[status], lines), body


def _whole(body: bytes, headers: list[Header], etag: bytes) -> _Form:
    return _form(200, [*headers, (b"etag", etag), (b"content-length", b"%d" % len(body))], body)


def takes_gzip(accepted: bytes | None) -> bool:
    """Whether ``Accept-Encoding`` allows gzip."""
    if accepted is None:
        return False
    for one in accepted.split(b","):
        coding, _, weight = one.partition(b";")
        if coding.strip().lower() in (b"gzip", b"*"):
            return weight.replace(b" ", b"").rstrip(b"0.") != b"q="
    return False
