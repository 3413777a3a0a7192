"""Blocks of Anthropic's messages as neutral parts; the same ones stand in requests and in answers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, as_list, as_string
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Cache,
    Call,
    Citation,
    Foreign,
    Kind,
    Media,
    Part,
    Result,
    Seal,
    Text,
    Thought,
)
from stillup.gateway.dialects.typed import typed

ME = Protocol.ANTHROPIC


class Marker(Struct, gc=False):
    """``cache_control``."""

    ttl: str | None = None


class _Source(Struct, gc=False):
    type: str = ""
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None


class _Cited(Struct, gc=False):
    enabled: bool | None = None


class _Place(Struct, gc=False):
    """A citation, as far as other dialects have a word for it."""

    cited_text: str | None = None
    title: str | None = None
    document_title: str | None = None
    url: str | None = None
    source: str | None = None
    encrypted_index: str | None = None


class Block(Struct, gc=False):
    """Any block; ``type`` says which members count."""

    type: str
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = NULL
    tool_use_id: str | None = None
    content: Raw = NULL
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    source: Raw = NULL
    title: str | None = None
    context: str | None = None
    citations: Raw = NULL
    cache_control: Marker | None = None
    caller: Raw = NULL
    toolset_name: str | None = None


class _Caller(Struct, gc=False):
    type: str = ""


_blocks = msgspec.json.Decoder(list[Block]).decode
_block = msgspec.json.Decoder(Block).decode
_source = msgspec.json.Decoder(_Source).decode
_cited = msgspec.json.Decoder(_Cited).decode
_caller = msgspec.json.Decoder(_Caller).decode
_place = msgspec.json.Decoder(_Place).decode
_KINDS = {"image": Kind.IMAGE, "document": Kind.DOCUMENT}


def parts_in(content: bytes, where: str) -> tuple[Part, ...]:
    """A message's content, a string or blocks. Raises Untranslatable where it is neither, NoJson."""
    if content[:1] == b'"':
        text = typed(as_string, content, where)
        return (Text(text=text),) if text else ()
    if content[:1] != b"[":
        msg = f"{where}: must be a string or an array of content blocks"
        raise Untranslatable(msg)
    parts = [part_of(block, f"{where}[{n}]") for n, block in enumerate(typed(_blocks, content, where))]
    if None in parts:  # blocks that only this dialect knows stay as they are written
        written = typed(as_list, content, where)
        return tuple(_foreign(written[n]) if part is None else part for n, part in enumerate(parts))
    return tuple(part for part in parts if part is not None)


def part_in(raw: bytes, where: str) -> Part:
    """One block by itself. Raises Untranslatable, NoJson."""
    part = part_of(typed(_block, raw, where), where)
    return _foreign(Raw(raw)) if part is None else part


def part_of(block: Block, where: str) -> Part | None:
    """The block as a part; None for one that only this dialect knows."""
    read = _READ.get(block.type)
    return read(block, where) if read is not None else None


def _foreign(raw: Raw) -> Foreign:
    return Foreign(origin=ME, what=typed(_block, raw).type[:60], raw=bytes(raw))


def cache_of(marker: Marker | None) -> Cache | None:
    """``cache_control`` as a neutral marker."""
    return None if marker is None else Cache(ttl=marker.ttl or "")


def citation_in(raw: bytes, where: str = "") -> Citation:
    """A citation; one that this gateway wrote for an answer of another provider is nobody's any more."""
    place = typed(_place, raw, where)
    is_ours = place.encrypted_index == UNSIGNED
    return Citation(
        url=place.url or place.source or "",
        title=place.title or place.document_title or "",
        quote=place.cited_text or "",
        origin=None if is_ours else ME,
        raw=b"" if is_ours else bytes(raw),
    )


def _text(block: Block, where: str) -> Part:
    citations: tuple[Citation, ...] = ()
    if block.citations != NULL:
        listed = typed(as_list, block.citations, f"{where}.citations")
        citations = tuple(citation_in(raw, f"{where}.citations") for raw in listed)
    return Text(text=_needed(block.text, where, "text"), citations=citations, cache=cache_of(block.cache_control))


def _media(block: Block, where: str) -> Part | None:
    source = typed(_source, block.source, f"{where}.source")
    if source.type not in {"base64", "url", "text", "file"}:
        return None
    is_text = source.type == "text"
    return Media(
        kind=_KINDS[block.type],
        media_type=source.media_type or ("application/pdf" if block.type == "document" else ""),
        data="" if is_text else source.data or "",
        text=(source.data or "") if is_text else "",
        url=source.url or "",
        file_id=source.file_id or "",
        origin=ME if source.type == "file" else None,
        name=block.title or "",
        context=block.context or "",
        cited=block.citations != NULL and bool(typed(_cited, block.citations, f"{where}.citations").enabled),
        cache=cache_of(block.cache_control),
    )


def _thinking(block: Block, where: str) -> Part:
    seal = block.signature or ""
    return Thought(
        text=_needed(block.thinking, where, "thinking"),
        seal=Seal(origin=ME, data=seal) if seal and seal != UNSIGNED else None,
    )


def _redacted(block: Block, where: str) -> Part:
    return Thought(seal=redacted_seal(_needed(block.data, where, "data")))


def redacted_seal(data: str) -> Seal:
    """All of a redacted block: its JSON, which no signature looks like."""
    block = {"type": "redacted_thinking", "data": data}
    return Seal(origin=ME, data=msgspec.json.encode(block).decode())


def _call(block: Block, where: str) -> Part | None:
    if block.toolset_name or (block.caller != NULL and typed(_caller, block.caller, where).type != "direct"):
        return None  # a provider's tool calls it, or it is one of a provider's own set
    if bytes(block.input)[:1] not in {b"{", b"n"}:
        msg = f"{where}.input: must be an object"
        raise Untranslatable(msg)
    return Call(
        id=_needed(block.id, where, "id"),
        name=_needed(block.name, where, "name"),
        arguments="{}" if block.input == NULL else bytes(block.input).decode(),
        cache=cache_of(block.cache_control),
    )


def _result(block: Block, where: str) -> Part | None:
    parts = () if block.content == NULL else parts_in(bytes(block.content), f"{where}.content")
    inside = tuple(part for part in parts if isinstance(part, Text | Media))
    if len(inside) < len(parts) or block.toolset_name:
        return None  # it holds a block that only this dialect knows
    return Result(
        id=_needed(block.tool_use_id, where, "tool_use_id"),
        parts=inside,
        is_error=bool(block.is_error),
        cache=cache_of(block.cache_control),
    )


def _needed(value: str | None, where: str, name: str) -> str:
    if value is None:
        msg = f"{where}.{name}: must be a string"
        raise Untranslatable(msg)
    return value


_READ: dict[str, Callable[[Block, str], Part | None]] = {
    "text": _text,
    "image": _media,
    "document": _media,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _call,
    "tool_result": _result,
}
"""None stands for a block that only this dialect knows after all."""
