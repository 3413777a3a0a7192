"""Neutral parts as blocks of Anthropic's messages, for requests and for whole answers."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Cache,
    Call,
    Citation,
    Foreign,
    Kind,
    Media,
    Part,
    Refused,
    Result,
    Seal,
    Text,
    Thought,
)
from stillup.gateway.dialects.writing import Json, fitting_id, is_object, object_of, own, refuse_kept, text_of

ME = Protocol.ANTHROPIC
_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""https://platform.claude.com/docs/en/build-with-claude/vision"""


class Ids:
    """Calls' ids as Anthropic takes them: of few characters, and each only once in a conversation.

    An id of another shape becomes a hash of it, so that call and result still agree; one that comes again (some
    servers count from 0 in every answer) gets a number.
    """

    __slots__ = ("_current", "_times")

    def __init__(self) -> None:
        self._current: dict[str, str] = {}
        self._times: dict[str, int] = {}

    def of_call(self, id_: str) -> str:
        """The id of a new call."""
        base = written = plain_id(id_)
        while written in self._times:
            self._times[base] = n = self._times[base] + 1
            written = f"{base}-{n}"
        self._times[written] = 1
        self._current[id_] = written
        return written

    def of_result(self, id_: str) -> str:
        """The id of the call that this is the result of."""
        return self._current.get(id_) or plain_id(id_)


def plain_id(id_: str) -> str:
    """The id itself where Anthropic takes it."""
    return fitting_id(id_, _ID, "toolu_")


def block_out(  # noqa: PLR0911 - a table of kinds
    part: Part, where: str, ids: Ids, losses: Losses
) -> Json | Raw | None:
    """A part of a request as a block; None where it is left out. Raises Untranslatable."""
    match part:
        case Text():
            return _text(part, losses)
        case Call():
            return marked(call_block(part, ids.of_call(part.id), losses), part.cache)
        case Result():
            return _result(part, where, ids, losses)
        case Media():
            return _media(part, where, losses)
        case Thought():
            block = sealed_block(part)
            if block is None:
                losses.add("another model's thoughts")
            return block
        case Refused(text=text):
            return {"type": "text", "text": text} if text else None
        case Foreign():
            return own(part, ME, where)


def call_block(call: Call, id_: str, losses: Losses) -> Json:
    """A call; arguments that are no JSON object (a model wrote them) are told of as what they are."""
    if not is_object(call.arguments):
        losses.add("arguments of a call that are no JSON object (they stand in one)")
    if call.seal is not None and call.seal.origin is not ME:
        losses.add("another model's thoughts")
    return {"type": "tool_use", "id": id_, "name": call.name, "input": object_of(call.arguments)}


def sealed_block(thought: Thought) -> Json | Raw | None:
    """A thought that Anthropic can prove to be its own; no other one is sent there."""
    seal = thought.seal
    if seal is None or seal.origin is not ME:
        return None
    if is_redacted(seal):
        return Raw(seal.data.encode())
    return {"type": "thinking", "thinking": thought.text, "signature": seal.data}


def is_redacted(seal: Seal) -> bool:
    """Whether the seal is all of a redacted block."""
    return seal.data[:1] == "{"


def citation_raw(citation: Citation) -> Raw:
    """A citation for a client; another provider's becomes that of a web page, marked so that it is known again."""
    if citation.origin is ME and citation.raw:
        return Raw(citation.raw)
    place = {
        "type": "web_search_result_location",
        "cited_text": citation.quote,
        "encrypted_index": UNSIGNED,
        "title": citation.title or None,
        "url": citation.url,
    }
    return Raw(msgspec.json.encode(place))


def marked(block: Json, cache: Cache | None) -> Json:
    """The block with its cache marker."""
    if cache is not None:
        marker = {"type": "ephemeral"}
        if cache.ttl:
            marker["ttl"] = cache.ttl
        block["cache_control"] = marker
    return block


def _text(text: Text, losses: Losses) -> Json | None:
    if not text.text:
        return None  # refused there
    block: Json = {"type": "text", "text": text.text}
    if text.citations:
        own = [Raw(citation.raw) for citation in text.citations if citation.origin is ME and citation.raw]
        if len(own) < len(text.citations):
            losses.add("citations")
        if own:
            block["citations"] = own
    return marked(block, text.cache)


def _result(result: Result, where: str, ids: Ids, losses: Losses) -> Json:
    inside = [block_out(part, f"{where}.content[{n}]", ids, losses) for n, part in enumerate(result.parts)]
    blocks = [block for block in inside if block is not None]
    block: Json = {"type": "tool_result", "tool_use_id": ids.of_result(result.id)}
    only = result.parts[0] if len(result.parts) == 1 else None
    if isinstance(only, Text) and only.cache is None and not only.citations:
        block["content"] = only.text
    elif blocks:
        block["content"] = blocks
    if result.is_error:
        block["is_error"] = True
    return marked(block, result.cache)


def _media(media: Media, where: str, losses: Losses) -> Json:
    if media.detail and media.detail != "auto":
        losses.add("image detail")
    if media.kind is Kind.IMAGE:
        if media.cited or media.name or media.context:
            losses.add("an image's name")
        return marked({"type": "image", "source": _image(media, where)}, media.cache)
    if media.kind is not Kind.DOCUMENT:
        msg = f"{where}: Anthropic takes no {media.kind}"
        raise Untranslatable(msg)
    block: Json = {"type": "document", "source": _document(media, where)}
    if media.name:
        block["title"] = media.name
    if media.context:
        block["context"] = media.context
    if media.cited:
        block["citations"] = {"enabled": True}
    return marked(block, media.cache)


def _image(media: Media, where: str) -> Json:
    if media.data:
        kind = media.media_type.lower() or "image/png"
        kind = "image/jpeg" if kind == "image/jpg" else kind
        if kind not in _IMAGES:
            msg = f"{where}: Anthropic takes no {kind[:60]}; they take {', '.join(sorted(_IMAGES))}"
            raise Untranslatable(msg)
        return {"type": "base64", "media_type": kind, "data": media.data}
    return _elsewhere(media, where)


def _document(media: Media, where: str) -> Json:
    if media.data:
        kind = media.media_type.lower().partition(";")[0] or "application/pdf"
        if kind == "application/pdf":
            return {"type": "base64", "media_type": kind, "data": media.data}
        if kind.startswith("text/") or kind in {"application/json", "application/xml"}:
            return {"type": "text", "media_type": "text/plain", "data": text_of(media.data, where)}
        msg = f"{where}: Anthropic takes PDF and plain text as documents, not {kind[:60]}"
        raise Untranslatable(msg)
    if media.text:
        return {"type": "text", "media_type": "text/plain", "data": media.text}
    return _elsewhere(media, where)


def _elsewhere(media: Media, where: str) -> Json:
    refuse_kept(media, ME, where)
    if media.file_id:
        return {"type": "file", "file_id": media.file_id}
    if media.url.startswith(("https://", "http://")):
        return {"type": "url", "url": media.url}
    if media.url:
        msg = f"{where}: only http and https addresses can be fetched by Anthropic"
        raise Untranslatable(msg)
    if media.kind is Kind.DOCUMENT:
        return {"type": "text", "media_type": "text/plain", "data": ""}
    msg = f"{where}: the image is empty"
    raise Untranslatable(msg)
