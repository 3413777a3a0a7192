"""The binary event stream of AWS, as Bedrock wraps Anthropic's events in it."""

from __future__ import annotations

import struct
from base64 import b64encode
from binascii import crc32
from collections.abc import Mapping

import msgspec

_STRING = 7


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: lengths, their checksum, headers, payload, and the checksum of it all."""
    head = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _STRING, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return body + struct.pack("!I", crc32(body))


def bedrock_chunk(event: bytes) -> bytes:
    """One of Anthropic's events, as Bedrock streams it."""
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return message(headers, msgspec.json.encode({"bytes": b64encode(event).decode()}))


def bedrock_exception(kind: str, text: str) -> bytes:
    """A failure inside the stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, msgspec.json.encode({"message": text}))
