"""The format of a segment: a header, then records, each with its length, a checksum, its exchange and its time.

::

    file    magic(16) began(f64)  record*
    record  length(u32) crc32(u32) | kind(u8) exchange(u32) ms(u32) | payload(length)

Little-endian. The checksum covers everything after itself; ``ms`` counts from the segment's beginning. Payloads are
msgpack arrays to which fields may be added at the end, but for ``BLOB`` (hash and bytes) and ``BYTES`` (bytes).
A segment needs no other: what its exchanges refer to stands before them in the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from hashlib import blake2b
from struct import Struct as Layout
from typing import NamedTuple
from zlib import crc32

import msgspec
from msgspec import Struct

MAGIC = b"stillup journal1"
HEADER = Layout("<16sd")
HEAD = Layout("<IIBII")
BEFORE = Layout("<II")
CHECKED = Layout("<BII")
HASH_BYTES = 16
LAST_MS = 2**32 - 1

encode = msgspec.msgpack.Encoder().encode


class Kind(IntEnum):
    """What a record holds. A reader passes over kinds it does not know."""

    BLOB = 1
    BEGIN = 2
    TRY = 3
    ANSWERING = 4
    BYTES = 5
    END = 6
    SEAM = 7


class Begin(Struct, frozen=True, array_like=True):
    """A client asked. The body is ``literals[0] blob[0] literals[1] …``; ``refs`` is the names of the blobs."""

    id: str
    protocol: str
    operation: str
    method: str
    path: str
    query: str
    model: str
    stream: bool
    headers: tuple[tuple[str, str], ...]
    """Those few that are kept, names in lower case."""
    literals: tuple[bytes, ...]
    refs: bytes = b""


class TryRecord(Struct, frozen=True, array_like=True):
    """A try ended."""

    n: int
    upstream: str
    model: str
    protocol: str
    ok: bool
    fault: str | None = None
    status: int | None = None
    first_token_s: float | None = None
    total_s: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    why: str = ""
    changes: tuple[str, ...] = ()
    drill: str = ""


class Answering(Struct, frozen=True, array_like=True):
    """From here on the bytes that are forwarded come from this try."""

    n: int
    upstream: str
    model: str
    protocol: str
    status: int
    content_type: str = ""
    content_encoding: str = ""


class Seam(Struct, frozen=True, array_like=True):
    """The answer broke off, and goes on from this try: stands behind the bytes that the client had by then.

    ``broken`` is the try that broke off, with its fault; ``characters`` how much of the text there was; ``form`` how
    the upstream was asked to go on, empty where there was no text yet.
    """

    n: int
    upstream: str
    model: str
    protocol: str
    broken: int
    fault: str
    characters: int
    form: str = ""


class End(Struct, frozen=True, array_like=True):
    """The exchange is over."""

    outcome: str
    status: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reason: str = ""
    """The one that the client was told."""


class Record(NamedTuple):
    """One sound record, and where its payload stands in the segment."""

    kind: int
    exchange: int
    ms: int
    start: int
    stop: int


def head(kind: int, exchange: int, ms: int, payload: bytes, before: bytes = b"") -> bytes:
    """What stands in the file before the payload, whose first bytes may be given apart, as ``before``.

    Apart, so that a body of 32 MB is not copied to be written.
    """
    crc = crc32(CHECKED.pack(kind, exchange, ms))
    if before:
        crc = crc32(before, crc)
    return HEAD.pack(len(before) + len(payload), crc32(payload, crc), kind, exchange, ms) + before


def whole(kind: int, exchange: int, ms: int, payload: bytes) -> bytes:
    """A record as it stands in the file: quicker than :func:`head` for a small payload, and copies it."""
    checked = CHECKED.pack(kind, exchange, ms) + payload
    return BEFORE.pack(len(payload), crc32(checked)) + checked


def digest(piece: bytes) -> bytes:
    """What a blob is called: collisions cannot be made, or an answer could pose as part of another request."""
    return blake2b(piece, digest_size=HASH_BYTES).digest()


def began_at(segment: memoryview) -> float | None:
    """When the segment was begun (seconds since the epoch), or None if it is none."""
    if len(segment) < HEADER.size:
        return None
    magic, began_s = HEADER.unpack_from(segment)
    return began_s if magic == MAGIC else None


def scan(segment: memoryview) -> Iterator[Record]:
    """Every sound record, in order.

    A record whose checksum is wrong is passed over; one that would reach past the end is where a process died, or
    one that is being written just now, and ends the segment.
    """
    at, size = HEADER.size, len(segment)
    while at + HEAD.size <= size:
        length, crc, kind, exchange, ms = HEAD.unpack_from(segment, at)
        start = at + HEAD.size
        stop = start + length
        if stop > size:
            return
        if crc32(segment[at + 8 : stop]) == crc:  # the checksum begins behind length and itself
            yield Record(kind, exchange, ms, start, stop)
        at = stop
