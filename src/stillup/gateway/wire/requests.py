"""Bytes of a client, read into whole requests or into the reason for reading no further. Knows no socket and no clock.

httptools' parser (llhttp) is strict about the grammar: two body lengths, a length beside a transfer coding, bare line
feeds, folded lines, spaces and control characters where none may be. What it lets pass and two parties could read in
two ways is refused here: transfer codings other than ``chunked``, trailers as headers, absolute addresses, other
versions, other protocols.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import httptools
from msgspec import Struct

from stillup.gateway.core.values import Headers

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 128
MAX_TARGET_BYTES = 8 * 1024
MAX_BARREN_BYTES = MAX_HEAD_BYTES + 1024
"""So much may come in a row that brings no body: an unfinished head, chunk extensions, trailers, empty lines."""
MOST_WAITING = 16
"""Requests that a client may send ahead on one connection in one go."""
_MOST_PIECES = 1024  # of a body, before they are folded: many tiny chunks would weigh far more than what they hold
_AROUND_BYTES = 4  # of a header line: the colon, a space, the line's end
_MOST_DIGITS = 20  # of a Content-Length: 2 ** 64 has twenty

_LARGE_HEAD = f"the request's head passes {MAX_HEAD_BYTES // 1024} KiB"
_NO_UPGRADE = "this gateway speaks HTTP/1.1 only; it does not switch protocols or open tunnels"


class Incoming(Struct, gc=False):
    """One whole request as it stood on the wire, without trailers; header names as the client wrote them."""

    method: str
    target: bytes
    headers: Headers
    body: bytes
    keep_alive: bool = True
    is_http_1_0: bool = False


class Stop(Struct, frozen=True):
    """Why nothing more is read, as an answer's status and a sentence."""

    status: int
    says: str


Admit = Callable[[bytes, Headers], Stop | None]
"""Looks at the target and the headers before any of the body is taken in, and may refuse."""


class Reader:
    """Feed it what arrives; take whole requests from ``ready``, and when that is empty, what ``stop`` says.

    ``target`` and ``headers`` are those of the request being read, as far as they came.
    """

    __slots__ = (
        "_admit",
        "_barren_bytes",
        "_body",
        "_body_bytes",
        "_chunk_bytes",
        "_folded",
        "_is_http_1_0",
        "_lines",
        "_max_body_bytes",
        "_parser",
        "_seen_bytes",
        "headers",
        "in_body",
        "is_final",
        "is_new",
        "is_reading",
        "ready",
        "stop",
        "target",
        "wants_continue",
    )

    def __init__(self, max_body_bytes: int, admit: Admit | None = None) -> None:
        self._max_body_bytes = max_body_bytes
        self._admit = admit
        self._parser = httptools.HttpRequestParser(self)
        self.ready: deque[Incoming] = deque()
        self.stop: Stop | None = None
        self.is_final = False
        """The last request said that none follows it: whatever does is not read."""
        self.is_reading = False
        """A request has begun and is not whole."""
        self.is_new = False
        """A request has begun since somebody last set this to False."""
        self.in_body = False
        self.wants_continue = False
        """The client waits for a word before it sends the body."""
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._folded = bytearray()
        self._lines = self.headers
        self._body_bytes = 0
        self._is_http_1_0 = False
        self._chunk_bytes = self._seen_bytes = self._barren_bytes = 0

    @property
    def is_over(self) -> bool:
        """Nothing more is read."""
        return self.is_final or self.stop is not None

    @property
    def body_bytes(self) -> int:
        """How much of the body has come."""
        return self._body_bytes

    def feed(self, data: bytes) -> None:
        """Read on. After the last request, or when there is a reason to stop, this does nothing."""
        if self.is_final or self.stop is not None:
            return
        self._chunk_bytes = len(data)
        seen = self._seen_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(426, _NO_UPGRADE)
        except httptools.HttpParserError as exc:
            if isinstance(exc, httptools.HttpParserCallbackError) and not isinstance(exc.__context__, _Halt):
                raise  # a mistake of ours, not of the client's
            self.refuse(400, "the request is not valid HTTP/1.1")
        if self._seen_bytes != seen:
            self._barren_bytes = 0
            return
        self._barren_bytes += self._chunk_bytes
        if self._barren_bytes > MAX_BARREN_BYTES:
            if self.is_reading and not self.in_body:
                self.refuse(431, _LARGE_HEAD)
            else:
                self.refuse(400, f"{MAX_BARREN_BYTES // 1024} KiB came in a row that are neither a head nor a body")

    def refuse(self, status: int, says: str) -> None:
        """Read no further; also for a reason that is not in the bytes. The first reason stays."""
        self.is_reading = self.wants_continue = False
        if self.stop is None and not self.is_final:
            self.stop = Stop(status, says)

    # --- the parser's side

    def on_message_begin(self) -> None:
        if self.is_final:
            raise _Halt
        self.target = b""
        self.headers = self._lines = []
        self._body_bytes = 0
        self._barren_bytes = -self._chunk_bytes  # what came before it in the same read is not its own
        self.in_body, self.is_reading, self.is_new = False, True, True

    def on_url(self, url: bytes) -> None:
        self.target += url
        if len(self.target) > MAX_TARGET_BYTES:
            self._halt(414, f"the address passes {MAX_TARGET_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        lines = self._lines
        lines.append((name, value))
        if len(lines) > MAX_HEADERS:
            self._halt(431, f"more than {MAX_HEADERS} headers")

    def on_headers_complete(self) -> None:
        self.in_body = True
        self._lines = []  # a trailer is no header: it comes after everything that headers decide
        if self._barren_bytes >= 0 or self._chunk_bytes > MAX_HEAD_BYTES:  # nearly every head comes in one small piece
            size = len(self.target) + sum(len(name) + len(value) + _AROUND_BYTES for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                self._halt(431, _LARGE_HEAD)
        parser = self._parser
        version = parser.get_http_version()
        self._is_http_1_0 = version == "1.0"
        if parser.should_upgrade():
            self._halt(426, _NO_UPGRADE)
        if version != "1.1" and not self._is_http_1_0:
            self._halt(505, "this gateway speaks HTTP/1.1")
        if not self.target.startswith(b"/") or b"#" in self.target:
            self._halt(400, "the address of a request is a path: it begins with a slash and has no fragment")
        if self._admit is not None:
            self.stop = self._admit(self.target, tuple(self.headers))
            if self.stop is not None:
                raise _Halt
        self._check_framing()

    def on_body(self, piece: bytes) -> None:
        size = len(piece)
        self._seen_bytes += size
        self._body_bytes += size
        self.wants_continue = False
        if self._body_bytes > self._max_body_bytes:
            self._halt(413, self._too_large())
        if len(self._body) >= _MOST_PIECES:
            self._folded += b"".join(self._body)
            self._body = []
        self._body.append(piece)

    def on_message_complete(self) -> None:
        if len(self.ready) >= MOST_WAITING:
            self._halt(429, "too many requests were sent ahead on one connection")
        body = self._body[0] if len(self._body) == 1 and not self._folded else b"".join((self._folded, *self._body))
        self._body, self._folded = [], bytearray()
        self.is_reading = self.in_body = self.wants_continue = False
        # An HTTP/1.0 client that asked to keep the connection may read until it closes all the same.
        keep_alive = not self._is_http_1_0 and self._parser.should_keep_alive()
        self.is_final = not keep_alive
        method = self._parser.get_method().decode("latin-1")
        self.ready.append(Incoming(method, self.target, tuple(self.headers), body, keep_alive, self._is_http_1_0))

    # --- what is refused

    def _check_framing(self) -> None:
        expects = has_body = False
        for name, value in self.headers:
            size = len(name)
            if size == 14 and name.lower() == b"content-length":
                digits = value.strip()
                if len(digits) > _MOST_DIGITS or int(digits) > self._max_body_bytes:
                    self._halt(413, self._too_large())
                has_body = digits != b"0"
            elif size == 17 and name.lower() == b"transfer-encoding":
                # "gzip, chunked" is chunked to llhttp, and its body would be taken for plain JSON.
                if value.strip().lower() != b"chunked":
                    self._halt(501, "the only transfer coding that is read here is chunked")
                if self._is_http_1_0:
                    self._halt(400, "HTTP/1.0 has no transfer codings")
                has_body = True
            elif size == 6 and name.lower() == b"expect":
                expects = value.strip().lower() == b"100-continue"
        self.wants_continue = expects and has_body and not self._is_http_1_0

    def _too_large(self) -> str:
        return f"the body passes {self._max_body_bytes / 1_048_576:g} MiB, which is this gateway's limit"

    def _halt(self, status: int, says: str) -> None:
        self.refuse(status, says)
        raise _Halt


class _Halt(Exception):
    """Raised in a parser's callback: read no further."""
