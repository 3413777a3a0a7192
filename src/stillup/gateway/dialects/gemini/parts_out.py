"""A conversation's messages as the contents of generateContent."""

from __future__ import annotations

from collections.abc import Iterator

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.gemini.names import NO_SIGNATURE, is_early, signature_of
from stillup.gateway.dialects.lenient import as_object
from stillup.gateway.dialects.neutral import (
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


class Contents:
    """Writes the contents of one prompt."""

    def __init__(self, prompt: Prompt, losses: Losses) -> None:
        self._prompt = prompt
        self._losses = losses
        self._is_early = is_early(prompt.model)
        self._names: dict[str, str] = {}

    def write(self) -> list[Json]:
        """All contents. Raises Untranslatable."""
        contents: list[Json] = []
        last: Message | None = None
        for n, message in enumerate(self._prompt.messages):
            parts = [part for i, p in enumerate(message.parts) for part in self._part(p, f"messages[{n}].content[{i}]")]
            if message.name:
                self._losses.add("a speaker's name")
            if message.role is Role.SYSTEM:
                self._losses.add("the system's role inside the conversation")
            if not parts:
                continue
            role = "model" if message.role is Role.ASSISTANT else "user"
            if last is not None and _belongs(last, message):
                contents[-1]["parts"] += parts
            else:
                contents.append({"role": role, "parts": parts})
            last = message
        if not self._is_early:
            _sign(contents)
        return contents

    def _part(self, part: Part, where: str) -> Iterator[Json]:
        match part:
            case Text():
                self._note(part)
                yield {"text": part.text}
            case Refused():
                yield {"text": part.text}
            case Thought():
                yield from self._thought(part)
            case Call():
                self._names[part.id] = part.name
                self._note(part)
                yield call_part(part)
            case Result():
                self._note(part)
                yield from self._result(part, where)
            case Media():
                self._note(part)
                yield self._media(part, where)
            case Foreign():
                yield dict(as_object(own(part, Protocol.GEMINI, where)))

    def _note(self, part: Text | Media | Call | Result) -> None:
        if part.cache is not None:
            self._losses.add("cache marker")
        if isinstance(part, Text) and part.citations:
            self._losses.add("citations")

    def _thought(self, thought: Thought) -> Iterator[Json]:
        signature = signature_of(thought.seal)
        if not signature:
            self._losses.add("another model's thoughts")
        elif thought.text:
            yield {"text": thought.text, "thought": True, "thoughtSignature": signature}
        else:
            yield {"text": "", "thoughtSignature": signature}

    def _result(self, result: Result, where: str) -> Iterator[Json]:
        name = result.name or self._names.get(result.id, "")
        if not name:
            msg = f"{where}: a result of a call that is not in the conversation; Gemini needs the tool's name"
            raise Untranslatable(msg)
        texts = [part.text for part in result.parts if isinstance(part, Text)]
        media = [self._media(part, where) for part in result.parts if isinstance(part, Media)]
        said: object = texts if len(texts) > 1 else "".join(texts)
        answered: Json = {"id": result.id, "name": name, "response": {"error" if result.is_error else "output": said}}
        for part in result.parts:
            self._note(part)
        if media and not self._is_early:
            answered["parts"] = media
        yield {"functionResponse": answered}
        if self._is_early:  # only models from 3 on take media inside a result
            yield from media

    def _media(self, media: Media, where: str) -> Json:
        for said, loss in ((media.name, "a document's name"), (media.detail, "image detail")):
            if said:
                self._losses.add(loss)
        if media.cited:
            self._losses.add("citations")
        if media.context:
            self._losses.add("a document's context")
        refuse_kept(media, Protocol.GEMINI, where)
        if media.file_id:
            return {"fileData": _typed(media.media_type) | {"fileUri": media.file_id}}
        if media.url:
            kind = media.media_type or ("application/pdf" if media.kind is Kind.DOCUMENT else "")
            return {"fileData": _typed(kind) | {"fileUri": media.url}}
        return media_part(media)


def media_part(media: Media) -> Json:
    """A medium that is here, whole."""
    if media.text:
        data = base64_of(media.text)
        return {"inlineData": {"mimeType": media.media_type or "text/plain", "data": data}}
    usual = {Kind.IMAGE: "image/png", Kind.AUDIO: "audio/wav", Kind.VIDEO: "video/mp4"}.get(media.kind)
    return {"inlineData": {"mimeType": media.media_type or usual or "application/pdf", "data": media.data}}


def call_part(call: Call, signature: str = "") -> Json:
    """A call; its own signature outranks the one given."""
    signature = signature_of(call.seal) or signature
    part: Json = {"functionCall": {"id": call.id, "name": call.name, "args": object_of(call.arguments)}}
    if signature:
        part["thoughtSignature"] = signature
    return part


def _typed(media_type: str) -> dict[str, str]:
    return {"mimeType": media_type} if media_type else {}


def _belongs(last: Message, message: Message) -> bool:
    """Whether it must stand in one content with the message before.

    A model's turn is one content, and the results of its calls are another: as many of them as there were calls.
    """
    if last.role is Role.ASSISTANT and message.role is Role.ASSISTANT:
        return True
    return (
        last.role is not Role.ASSISTANT
        and message.role is Role.USER
        and bool(message.parts and last.parts)
        and isinstance(message.parts[0], Result)
        and isinstance(last.parts[-1], Result)
    )


def _sign(contents: list[Json]) -> None:
    """The first call of each of the model's turns has a signature, or what stands for one."""
    for content in contents:
        parts: list[Json] = content["parts"]
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None:
            first.setdefault("thoughtSignature", NO_SIGNATURE)
