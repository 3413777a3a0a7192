"""Amazon's event stream: messages of length, headers and payload, each with two checksums, decoded as they come.

The format is Amazon's ``application/vnd.amazon.eventstream``: total length, headers' length and a CRC32 of these two;
the headers; the payload; a CRC32 of all before it. Numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

from msgspec import Struct

from stillup.gateway.dialects.base import MAX_HELD_BYTES

_PRELUDE = struct.Struct(">III")
_FIXED_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; types 6 and 7 (bytes and text) have a length before them."""
_TEXT = 7
_USUAL_BYTES = 200


class BadMessage(ValueError):
    """A message whose checksum, length or headers are wrong."""


class Message(Struct, frozen=True):
    """One message: the text headers by name, and the payload."""

    headers: dict[str, str]
    payload: bytes


class Messages:
    """Decodes a stream of messages in any division."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that are whole now. Raises BadMessage at the one that is broken, behind those that are not."""
        held = self.held
        held += chunk
        begin = 0
        try:
            while len(held) - begin >= _PRELUDE.size:
                total = _checked_length(held, begin)
                if len(held) - begin < total:
                    break
                yield _message(bytes(held[begin : begin + total]))
                begin += total
        finally:
            del held[:begin]


def _checked_length(held: bytearray, begin: int) -> int:
    total, headers, check = _PRELUDE.unpack_from(held, begin)
    if crc32(held[begin : begin + 8]) != check:
        msg = "the checksum of a message's lengths is wrong"
        raise BadMessage(msg)
    if total > MAX_HELD_BYTES or total < headers + 16:
        msg = "a message's length is wrong"
        raise BadMessage(msg)
    return int(total)


def _message(raw: bytes) -> Message:
    if crc32(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
        msg = "the checksum of a message is wrong"
        raise BadMessage(msg)
    end = _PRELUDE.size + int.from_bytes(raw[4:8], "big")
    headers = raw[_PRELUDE.size : end]
    return Message(_usual(headers) if len(headers) <= _USUAL_BYTES else _headers(headers), raw[end:-4])


@lru_cache(maxsize=64)
def _usual(raw: bytes) -> dict[str, str]:
    """Hundreds of messages of a stream have the same headers."""
    return _headers(raw)


def _headers(raw: bytes) -> dict[str, str]:
    headers = {}
    at = 0
    try:
        while at < len(raw):
            name_end = at + 1 + raw[at]
            name = raw[at + 1 : name_end].decode()
            kind = raw[name_end]
            at = name_end + 1
            size = _FIXED_SIZES.get(kind)
            if size is None:
                size = int.from_bytes(raw[at : at + 2], "big")
                at += 2
            if kind == _TEXT:
                headers[name] = raw[at : at + size].decode()
            at += size
    except (IndexError, UnicodeDecodeError) as broken:
        msg = "a message's headers are broken"
        raise BadMessage(msg) from broken
    return headers
