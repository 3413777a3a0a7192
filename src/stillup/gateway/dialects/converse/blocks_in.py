"""Blocks of content of Converse, read."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.converse.names import NO_NAME, SEE, type_of
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, as_string
from stillup.gateway.dialects.neutral import (
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
from stillup.gateway.dialects.writing import text_of

_SERVER_BLOCKS = ("guardContent", "searchResult", "toolAddition", "toolRemoval")
_KINDS = {"image": Kind.IMAGE, "document": Kind.DOCUMENT, "video": Kind.VIDEO, "audio": Kind.AUDIO}


class _S3(Struct, gc=False):
    uri: str = ""


class _Source(Struct, gc=False, rename="camel"):
    bytes: str | None = None
    text: str | None = None
    s3_location: _S3 | None = None
    content: Raw = NULL


class _Cited(Struct, gc=False):
    enabled: bool = False


class _Media(Struct, gc=False):
    source: _Source
    format: str = ""
    name: str = ""
    context: str | None = None
    citations: _Cited | None = None


class _Reasoned(Struct, gc=False):
    text: str = ""
    signature: str | None = None


class _Reasoning(Struct, gc=False, rename="camel"):
    reasoning_text: _Reasoned | None = None
    redacted_content: str | None = None


class _ToolUse(Struct, gc=False, rename="camel"):
    tool_use_id: str
    name: str
    input: Raw = Raw(b"{}")
    type: str | None = None


class _ToolResult(Struct, gc=False, rename="camel"):
    tool_use_id: str
    content: list[dict[str, Raw]] = []
    status: str | None = None
    type: str | None = None


class _CachePoint(Struct, gc=False):
    ttl: str | None = None


class _Web(Struct, gc=False):
    url: str | None = None


class _Location(Struct, gc=False):
    web: _Web | None = None


class _Quote(Struct, gc=False):
    text: str | None = None


class _Citation(Struct, gc=False, rename="camel"):
    title: str | None = None
    source_content: list[_Quote] | None = None
    location: _Location | None = None


class _CitedText(Struct, gc=False):
    content: list[_Quote] | None = None
    citations: list[Raw] | None = None


_SEE = Text(text=SEE)
_media = msgspec.json.Decoder(_Media).decode
_reasoning = msgspec.json.Decoder(_Reasoning).decode
_tool_use = msgspec.json.Decoder(_ToolUse).decode
_tool_result = msgspec.json.Decoder(_ToolResult).decode
_cache_point = msgspec.json.Decoder(_CachePoint).decode
_citation = msgspec.json.Decoder(_Citation).decode
_cited_text = msgspec.json.Decoder(_CitedText).decode


class Blocks:
    """Reads the blocks of one conversation in their order; results learn their tool's name from the call."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def read_all(self, blocks: list[dict[str, Raw]], where: str) -> tuple[Part, ...]:
        """The parts. Raises Untranslatable and NoJson."""
        parts: list[Part] = []
        for n, block in enumerate(blocks):
            if "cachePoint" in block:
                ttl = typed(_cache_point, bytes(block["cachePoint"]), f"{where}[{n}].cachePoint").ttl
                last = parts[-1] if parts else None
                if isinstance(last, Text | Media | Call | Result):
                    parts[-1] = msgspec.structs.replace(last, cache=Cache(ttl=ttl or ""))
                continue
            part = self._read(block, f"{where}[{n}]")
            if part != _SEE:
                parts.append(part)
        return tuple(parts)

    def _read(self, block: dict[str, Raw], where: str) -> Part:
        name = next((name for name in block if block[name] != NULL), "")
        raw = bytes(block.get(name, b""))
        where = f"{where}.{name}"
        if name in _KINDS:
            return _read_media(_KINDS[name], raw, where)
        reader: Callable[[bytes, str], Part] | None = {
            "text": _read_text,
            "toolUse": self._call,
            "toolResult": self._result,
            "reasoningContent": _read_thought,
            "citationsContent": _read_cited,
        }.get(name)
        if reader is not None:
            return reader(raw, where)
        if name in _SERVER_BLOCKS:
            return Foreign(origin=Protocol.CONVERSE, what=name, raw=msgspec.json.encode(block))
        msg = f"{where}: must be text, image, document, toolUse, toolResult or reasoningContent"
        raise Untranslatable(msg)

    def _call(self, raw: bytes, where: str) -> Part:
        found = typed(_tool_use, raw, where)
        if found.type is not None:
            return Foreign(origin=Protocol.CONVERSE, what=found.type, raw=b'{"toolUse":' + raw + b"}")
        self._names[found.tool_use_id] = found.name
        return Call(id=found.tool_use_id, name=found.name, arguments=bytes(found.input).decode())

    def _result(self, raw: bytes, where: str) -> Part:
        found = typed(_tool_result, raw, where)
        if found.type is not None:
            return Foreign(origin=Protocol.CONVERSE, what=found.type, raw=b'{"toolResult":' + raw + b"}")
        parts: list[Text | Media] = []
        for n, block in enumerate(found.content):
            if "json" in block:
                parts.append(Text(text=bytes(block["json"]).decode()))
                continue
            part = self._read(block, f"{where}.content[{n}]")
            if not isinstance(part, Text | Media):
                msg = f"{where}.content[{n}]: must be json, text, image or document"
                raise Untranslatable(msg)
            parts.append(part)
        name = self._names.get(found.tool_use_id, "")
        return Result(id=found.tool_use_id, name=name, parts=tuple(parts), is_error=found.status == "error")


def _read_text(raw: bytes, where: str) -> Text:
    return Text(text=typed(as_string, raw, where))


def _read_thought(raw: bytes, where: str) -> Thought:
    return thought_of(typed(_reasoning, raw, where))


def thought_of(found: _Reasoning) -> Thought:
    """A thought; one that is redacted has all of its block in its seal."""
    if found.redacted_content is not None:
        data = msgspec.json.encode({"redactedContent": found.redacted_content}).decode()
        return Thought(seal=Seal(origin=Protocol.CONVERSE, data=data))
    inside = found.reasoning_text or _Reasoned()
    seal = Seal(origin=Protocol.CONVERSE, data=inside.signature) if inside.signature else None
    return Thought(text=inside.text, seal=seal)


def citation_of(raw: bytes, where: str = "citation") -> Citation:
    """A citation, with all of it for going back. Raises Untranslatable and NoJson."""
    found = typed(_citation, raw, where)
    quote = "".join(part.text or "" for part in found.source_content or ())
    url = found.location.web.url if found.location is not None and found.location.web is not None else None
    return Citation(url=url or "", title=found.title or "", quote=quote, origin=Protocol.CONVERSE, raw=raw)


def _read_cited(raw: bytes, where: str) -> Text:
    found = typed(_cited_text, raw, where)
    text = "".join(part.text or "" for part in found.content or ())
    citations = (citation_of(bytes(one), f"{where}.citations") for one in (found.citations or ())[:1000])
    return Text(text=text, citations=tuple(citations))


def _read_media(kind: Kind, raw: bytes, where: str) -> Media:
    found = typed(_media, raw, where)
    source = found.source
    media_type = type_of(kind, found.format)
    about = Media(
        kind=kind,
        media_type=media_type,
        name="" if NO_NAME.fullmatch(found.name) else found.name,
        context=found.context or "",
        cited=found.citations is not None and found.citations.enabled,
    )
    if source.s3_location is not None:
        return msgspec.structs.replace(about, file_id=source.s3_location.uri, origin=Protocol.CONVERSE)
    if source.text is not None:
        return msgspec.structs.replace(about, text=source.text, media_type=media_type or "text/plain")
    if source.bytes is None:
        msg = f"{where}.source: must have bytes"
        raise Untranslatable(msg)
    if media_type == "text/plain":
        return msgspec.structs.replace(about, text=text_of(source.bytes, f"{where}.source.bytes"))
    return msgspec.structs.replace(about, data=source.bytes)
