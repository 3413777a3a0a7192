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
    """An answer with status 200, as it is and packed, with a strong validator for each; sent without being made."""

    __slots__ = ("_bare", "_identity", "_packed", "_tags", "size")

    def __init__(self, body: bytes, headers: Iterable[Header]) -> None:
        kept = [(name.lower(), value) for name, value in headers if name.lower() not in _MADE_ANEW]
        names = {name for name, _ in kept}
        if b"cache-control" not in names:
            kept.append((b"cache-control", b"no-cache"))
        kind = next((value for name, value in kept if name == b"content-type"), b"")
        packed = gzip.compress(body, 6, mtime=0) if len(body) > _WORTH_PACKING and kind.startswith(_PACKED) else None
        mark = blake2b(body + kind, digest_size=12).hexdigest().encode()
        self._tags = (b'"%b"' % mark, b'"%b-gz"' % mark)
        bare = [*secured(kept), (b"vary", b"accept-encoding")]
        self._bare = [header for header in bare if header[0] != b"content-type"]
        self._identity = _whole(body, bare, self._tags[0])
        self._packed: _Form | None = None
        if packed is not None and len(packed) < len(body):
            self._packed = _whole(packed, [*bare, (b"content-encoding", b"gzip")], self._tags[1])
        self.size = len(body) + len(packed or b"") + 2_000
        """Bytes that keeping it costs, about."""

    async def send(self, send: Send, *, packed: bool, is_head: bool, held: bytes | None) -> int:
        """Send it; ``held`` is what ``If-None-Match`` said. The status that went out."""
        status, headers, _, body = self._form(packed=packed, held=held)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else body, "more_body": False})
        return status

    def whole(self, *, packed: bool, is_head: bool, held: bytes | None) -> tuple[int, bytes, bytes]:
        """The status, the head in the form of HTTP/1.1 without its last line, and the body."""
        status, _, head, body = self._form(packed=packed, held=held)
        return status, head, b"" if is_head else body

    def _form(self, *, packed: bool, held: bytes | None) -> _Form:
        form = self._packed if packed and self._packed is not None else self._identity
        if held is not None and (same := self._match(held, is_packed=form is self._packed)):
            return _form(304, [*self._bare, (b"etag", same)], b"")
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
