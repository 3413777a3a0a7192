"""The parts of a message to bytes and back: nothing is lost; what is large stands apart, under its hash."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import TypeVar

import msgspec
from msgspec import Struct

from stillup.errors import StoreError
from stillup.gateway.dialects.neutral import Call, Foreign, Media, Part, Refused, Result, Text, Thought

HASH_BYTES = 16
_APART = 1024
"""Characters of base64 from which a medium stands apart: one image is often sent again and again."""
_PACKED = 1_000
"""Bytes from which a message is packed: in shorter ones half of the time would go for a tenth of the room."""
_PLAIN, _ZLIB = b"\0", b"\1"
_MOST_BYTES = 1 << 30
_S = TypeVar("_S", bound=Struct)


class _Text(Text, frozen=True, kw_only=True, tag="text", omit_defaults=True):
    pass


class _Media(Media, frozen=True, kw_only=True, tag="media", omit_defaults=True):
    blob: bytes = b""


class _Thought(Thought, frozen=True, kw_only=True, tag="thought", omit_defaults=True):
    pass


class _Call(Call, frozen=True, kw_only=True, tag="call", omit_defaults=True):
    pass


class _Result(Result, frozen=True, kw_only=True, tag="result", omit_defaults=True):
    parts: tuple[_Text | _Media, ...] = ()


class _Refused(Refused, frozen=True, kw_only=True, tag="refused"):
    pass


class _Foreign(Foreign, frozen=True, kw_only=True, tag="foreign"):
    pass


_Kept = _Text | _Media | _Thought | _Call | _Result | _Refused | _Foreign
_KEPT: dict[type[Struct], type[Struct]] = {
    Text: _Text, Media: _Media, Thought: _Thought, Call: _Call, Refused: _Refused, Foreign: _Foreign,
}  # fmt: skip
_AS_IS: dict[type[Struct], type[Struct]] = {kept: said for said, kept in _KEPT.items()}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[_Kept, ...]).decode

BlobOf = Callable[[bytes], bytes | None]
"""The bytes that are kept under a hash; None where they are not."""


def name_of(data: bytes) -> bytes:
    """What a blob is filed under."""
    return blake2b(data, digest_size=HASH_BYTES).digest()


def pack(parts: Iterable[Part]) -> tuple[bytes, dict[bytes, bytes]]:
    """The parts as bytes, the same for the same parts, and the blobs that stand apart, by their hash."""
    blobs: dict[bytes, bytes] = {}
    kept = tuple(_kept(part, blobs) for part in parts)
    try:
        return _encode(kept), blobs
    except UnicodeEncodeError:  # half of a surrogate pair is no character, and no file could hold it
        return _encode(_mended(msgspec.to_builtins(kept, builtin_types=(bytes,)))), blobs


def squeezed(data: bytes) -> bytes:
    """What was packed, as it is stored."""
    if len(data) >= _PACKED and len(small := zlib.compress(data, 1)) < len(data):
        return _ZLIB + small
    return _PLAIN + data


def unsqueezed(data: bytes) -> bytes:
    """The way back.

    :raises StoreError: the data is damaged.
    """
    if data[:1] == _PLAIN:
        return data[1:]
    try:
        return zlib.decompressobj().decompress(data[1:], _MOST_BYTES)
    except zlib.error as exc:
        raise _damaged() from exc


def unpack(data: bytes, blob_of: BlobOf) -> tuple[Part, ...]:
    """The parts again. A medium whose bytes are gone is one without data.

    :raises StoreError: the data is damaged.
    """
    try:
        return tuple(_said(part, blob_of) for part in _decode(data))
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise _damaged() from exc


def blobs_in(data: bytes) -> set[bytes]:
    """The hashes of the blobs that packed parts need.

    :raises StoreError: the data is damaged.
    """
    try:
        kept = _decode(data)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise _damaged() from exc
    inner = [part for one in kept for part in (one.parts if isinstance(one, _Result) else (one,))]
    return {part.blob for part in inner if isinstance(part, _Media) and part.blob}


def _damaged() -> StoreError:
    return StoreError("a message in the vault is damaged; `stillup vault verify` says where")


def _kept(part: Part, blobs: dict[bytes, bytes]) -> Struct:
    if type(part) is Text and not part.citations and part.cache is None:
        return _Text(text=part.text)  # nearly all of them, at a third of the cost
    if isinstance(part, Result):
        inner = tuple(_kept(one, blobs) for one in part.parts)
        return _as(_Result, part, parts=inner)
    if isinstance(part, Media) and len(part.data) >= _APART:
        raw = _bytes_of(part.data)
        if raw is not None:
            name = name_of(raw)
            blobs[name] = raw
            return _as(_Media, part, data="", blob=name)
    return _as(_KEPT[type(part)], part)


def _said(part: _Kept, blob_of: BlobOf) -> Part:
    if isinstance(part, _Result):
        return _as(Result, part, parts=tuple(_said(one, blob_of) for one in part.parts))
    if isinstance(part, _Media):
        raw = blob_of(part.blob) if part.blob else None
        data = part.data if raw is None else base64.b64encode(raw).decode()
        return Media(**{name: getattr(part, name) for name in Media.__struct_fields__} | {"data": data})
    said: Part = _as(_AS_IS[type(part)], part)  # type: ignore[assignment]
    return said


def _as(kind: type[_S], value: Struct, **instead: object) -> _S:
    """The same fields in another struct."""
    return kind(**{name: getattr(value, name) for name in value.__struct_fields__} | instead)


def _bytes_of(text: str) -> bytes | None:
    """The bytes that base64 stands for; None where they would not come back as the same text."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _mended(value: object) -> object:
    match value:
        case str():
            return readable(value)
        case dict():
            return {key: _mended(one) for key, one in value.items()}
        case list() | tuple():
            return [_mended(one) for one in value]
        case _:
            return value


def readable(text: str) -> str:
    """The text with a question mark for what is no character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
