"""A conversation's messages as Converse's."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.converse.names import (
    SEE,
    checked_name,
    document_name,
    format_of,
    id_of,
    is_ours,
    may_cache,
)
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.lenient import as_object
from stillup.gateway.dialects.neutral import (
    Cache,
    Call,
    Foreign,
    Kind,
    Media,
    Message,
    Part,
    Prompt,
    Refused,
    Result,
    Role,
    Text,
    Thought,
)
from stillup.gateway.dialects.writing import Json, base64_of, object_of, own, refuse_kept


class Blocks:
    """Writes the messages of one prompt: users and the assistant take turns there."""

    def __init__(self, prompt: Prompt, losses: Losses) -> None:
        self._prompt = prompt
        self._losses = losses
        self._names: set[str] = set()
        self._caches = may_cache(prompt.model)

    def messages(self) -> list[Json]:
        """All messages. Raises Untranslatable."""
        turns: list[tuple[str, list[Json]]] = []
        for n, message in enumerate(self._prompt.messages):
            blocks = list(self._blocks(message, f"messages[{n}].content"))
            role = "assistant" if message.role is Role.ASSISTANT else "user"
            if message.name:
                self._losses.add("a speaker's name")
            if message.role is Role.SYSTEM:
                self._losses.add("the system's role inside the conversation")
            if turns and turns[-1][0] == role:
                turns[-1][1].extend(blocks)
            elif blocks:
                turns.append((role, blocks))
        return [{"role": role, "content": [*blocks, *_words_for(blocks)]} for role, blocks in turns]

    def cache(self, cache: Cache | None) -> Iterator[Json]:
        """The point behind what is marked, for the models that take one."""
        if cache is None:
            return
        if not self._caches:
            self._losses.add("cache marker")
            return
        ttl = {"ttl": cache.ttl} if cache.ttl in {"5m", "1h"} else {}
        yield {"cachePoint": {"type": "default", **ttl}}

    def _blocks(self, message: Message, where: str) -> Iterator[Json]:
        for n, part in enumerate(message.parts):
            yield from self._block(part, f"{where}[{n}]")
            if not isinstance(part, Thought | Refused | Foreign):
                yield from self.cache(part.cache)

    def _block(self, part: Part, where: str) -> Iterator[Json]:
        match part:
            case Text() | Refused():
                if isinstance(part, Text) and part.citations:
                    self._losses.add("citations")
                if part.text:
                    yield {"text": part.text}
            case Thought():
                found = thought_block(part)
                if found is None:
                    self._losses.add("another model's thoughts")
                else:
                    yield found
            case Call():
                checked_name(part.name, where)
                yield call_block(part)
            case Result():
                yield self._result(part, where)
            case Media():
                yield self._media(part, where)
            case Foreign():
                yield dict(as_object(own(part, Protocol.CONVERSE, where)))

    def _result(self, result: Result, where: str) -> Json:
        content: list[Json] = []
        for n, part in enumerate(result.parts):
            if isinstance(part, Media):
                content.append(self._media(part, f"{where}.content[{n}]"))
            elif part.text:
                content.append({"text": part.text})
        written: Json = {"toolUseId": id_of(result.id), "content": content}
        if result.is_error:
            written["status"] = "error"
        return {"toolResult": written}

    def _media(self, media: Media, where: str) -> Json:
        if media.detail:
            self._losses.add("image detail")
        if media.kind is not Kind.DOCUMENT and media.name:
            self._losses.add("an image's name")
        return media_block(media, where, self._names)


def _words_for(blocks: list[Json]) -> list[Json]:
    has_document = any("document" in block for block in blocks)
    return [{"text": SEE}] if has_document and not any("text" in block for block in blocks) else []


def media_block(media: Media, where: str, names: set[str]) -> Json:
    """A medium that is here, or that Amazon keeps. Raises Untranslatable."""
    source: Json = {"bytes": base64_of(media.text) if media.text else media.data}
    refuse_kept(media, Protocol.CONVERSE, where)
    if media.file_id:
        source = {"s3Location": {"uri": media.file_id}}
    elif media.url:
        msg = f"{where}: Bedrock fetches nothing from a URL, the {media.kind} must be sent along"
        raise Untranslatable(msg)
    inside: Json = {"format": format_of(media, where), "source": source}
    if media.kind is Kind.DOCUMENT:
        inside["name"] = document_name(media.name, names)
        if media.context:
            inside["context"] = media.context
        if media.cited:
            inside["citations"] = {"enabled": True}
    return {media.kind.value: inside}


def thought_block(thought: Thought) -> Json | None:
    """A thought that a model behind Converse has sealed; None for every other."""
    seal = thought.seal
    if seal is None or not is_ours(seal):
        return None
    if seal.data.startswith("{"):
        return {"reasoningContent": Raw(seal.data.encode())}
    return {"reasoningContent": {"reasoningText": {"text": thought.text, "signature": seal.data}}}


def call_block(call: Call) -> Json:
    """A call, with its id in the letters that are allowed."""
    return {"toolUse": {"toolUseId": id_of(call.id), "name": call.name, "input": object_of(call.arguments)}}
