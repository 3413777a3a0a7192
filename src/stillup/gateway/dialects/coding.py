"""Content codings that can be read here, decoded as they come and never beyond a bound."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from stillup.gateway.core.values import Headers
from stillup.gateway.dialects.base import MAX_HELD_BYTES

_PIECE_BYTES = 16 * 1024
_MOST_MEMBERS = 1_000
"""Of a gzip body in one call. All that stands behind each is copied, so that many empty ones would cost hours."""

_ALWAYS_BYTES, _FOLD = 4 * 1024 * 1024, 30

READABLE = frozenset({"gzip", "x-gzip", "deflate", "identity", ""})


_HEADER = b"content-encoding"


def coding_of(headers: Headers) -> str:
    """How a head says that its body is coded; empty where it does not.

    Lines that come more than once are one list (RFC 9110, 5.3), and a list is of codings over each other, which nobody
    here takes off: it is refused as a whole, so that no two readers can mean two bodies.
    """
    said = [line[1].strip() for line in headers if len(line[0]) == len(_HEADER) and line[0].lower() == _HEADER]
    return b", ".join(value for value in said if value).decode("latin-1")


class CannotDecode(ValueError):
    """The bytes are not in the coding they claim, or grow beyond the bound."""


class UnknownCoding(CannotDecode):
    """It claims a coding that cannot be read here."""


class Decoder:
    """Decodes one body. ``limit_bytes`` bounds what one call may give, whatever its input promises."""

    __slots__ = ("_begun", "_coding", "_inflate", "_limit", "_members")

    def __init__(self, coding: str, limit_bytes: int = MAX_HELD_BYTES) -> None:
        self._coding = coding.strip().lower()
        if self._coding not in READABLE:
            msg = f"the content coding {self._coding[:20]!r} is not one of gzip and deflate"
            raise UnknownCoding(msg)
        self._inflate = zlib.decompressobj(31 if self._coding.endswith("gzip") else 15)
        self._limit = limit_bytes
        self._begun = False
        self._members = 0

    @property
    def ended(self) -> bool:
        """The coded stream has come to its own end."""
        return self._coding in {"identity", ""} or self._inflate.eof

    def feed(self, chunk: bytes) -> bytes:
        """What ``chunk`` adds. Raises CannotDecode."""
        if self._coding in {"identity", ""}:
            return chunk
        self._members = 0
        if len(chunk) <= _PIECE_BYTES:
            return self._decoded(chunk, self._limit)
        out, left = [], self._limit
        for at in range(0, len(chunk), _PIECE_BYTES):
            out.append(self._decoded(chunk[at : at + _PIECE_BYTES], left))
            left -= len(out[-1])
        return b"".join(out)

    def _decoded(self, chunk: bytes, left: int) -> bytes:
        out = []
        if self._inflate.eof and not self._coding.endswith("gzip"):
            return b""  # rubbish behind the end, of which zlib would keep a growing copy
        while chunk:
            if left <= 0:
                msg = "the body grows beyond the bound when it is decoded"
                raise CannotDecode(msg)
            try:
                part = self._inflate.decompress(chunk, left)
            except zlib.error as broken:
                if self._begun or self._coding != "deflate":
                    raise CannotDecode(str(broken)) from broken
                self._inflate = zlib.decompressobj(-15)  # many servers send deflate without its wrapper
                self._begun = True
                continue
            self._begun = True
            out.append(part)
            left -= len(part)
            chunk = self._next()
        return b"".join(out)

    def _next(self) -> bytes:
        more = self._inflate.unconsumed_tail
        if not more and self._inflate.eof and self._inflate.unused_data and self._coding.endswith("gzip"):
            more = self._inflate.unused_data  # a gzip body may have several members
            self._members += 1
            if self._members >= _MOST_MEMBERS:
                msg = "the gzip body has too many parts"
                raise CannotDecode(msg)
            self._inflate = zlib.decompressobj(31)
        return more


def decoded(body: bytes, coding: str, limit_bytes: int) -> bytes:
    """A whole body decoded. Raises CannotDecode, also when it is cut short."""
    decoder = Decoder(coding, limit_bytes)
    data = decoder.feed(body)
    if not decoder.ended:
        msg = "the coded body is cut short"
        raise CannotDecode(msg)
    return data


def fair_bound(size_bytes: int, most_bytes: int) -> int:
    """What an answer of that size may unpack to: text becomes ten times as long, a bomb a thousand times."""
    return min(most_bytes, _ALWAYS_BYTES + _FOLD * size_bytes)


def readable_codings(accept: bytes) -> bytes:
    """An Accept-Encoding without the codings that cannot be read here; the same bytes when there are none."""
    parts = accept.decode("latin-1").split(",")
    kept = [part for part in parts if _coding_of(part) in READABLE]
    if len(kept) == len(parts):
        return accept
    return _joined(kept)


def _coding_of(part: str) -> str:
    return part.partition(";")[0].strip().lower()


def _joined(parts: Iterable[str]) -> bytes:
    return ", ".join(stripped for part in parts if (stripped := part.strip())).encode("latin-1") or b"identity"
