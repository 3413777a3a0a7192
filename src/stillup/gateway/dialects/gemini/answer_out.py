"""Answers as generateContent gives them: events, one growing array, or whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.dialect import Stamp, Writer
from stillup.gateway.dialects.errors import error_event
from stillup.gateway.dialects.gemini.answer_in import GeminiReader
from stillup.gateway.dialects.gemini.names import NO_SIGNATURE, REASONS, is_early, signature_of
from stillup.gateway.dialects.gemini.parts_out import call_part, media_part
from stillup.gateway.dialects.neutral import (
    Began,
    Call,
    Calls,
    Citation,
    Cites,
    Counts,
    Ended,
    Foreign,
    Gives,
    Media,
    Part,
    Piece,
    Refused,
    Refuses,
    Reply,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.writing import Json

_encode = msgspec.json.encode
_EMPTY: Json = {"text": ""}


class GeminiWriter(Writer):
    """Writes chunks, of which each batch of pieces becomes one."""

    def __init__(self, ask: Ask, stamp: Stamp) -> None:
        super().__init__()
        self._is_array = "alt=sse" not in ask.query
        self._signs = not is_early(ask.model)
        self._model = ask.model.removeprefix("models/")
        self._id = stamp.id
        self._reader = GeminiReader()
        self._any = False
        self._called = False
        self._tail = b""

    def absorb(self, data: bytes) -> None:
        pieces = self._reader.feed(data)
        if self._reader.stop is not None:
            pieces += self._reader.finish()
        self._any = self._any or bool(data.strip())
        for piece in pieces:
            if isinstance(piece, Began):
                self._id, self._model = piece.id or self._id, piece.model or self._model
            self._called = self._called or isinstance(piece, Calls)
            self.said.add(piece)

    def write(self, pieces: Sequence[Piece]) -> bytes:
        if self.said.ended is not None:
            return b""
        if len(pieces) == 1 and type(pieces[0]) is Words and self._tail and not self._is_array:
            words = pieces[0]
            self.said.add(words)
            return _HEAD + _encode(words.text) + self._tail if words.text else b""
        parts: list[Json] = []
        cited: list[Json] = []
        ended: Ended | None = None
        for piece in pieces:
            if isinstance(piece, Began) and self.said.began is None:
                self._model = piece.model or self._model
            self._add(piece, parts, cited)
            self.said.add(piece)
            if isinstance(piece, Ended):
                ended = piece
                break
        if self.said.began is None and pieces:
            self.said.add(Began(self._id, self._model))
        if not self._tail:
            self._tail = b'}],"role":"model"},"index":0}],' + _encode(self._about())[1:] + b"\n\n"
        if not parts and not cited and ended is None:
            return b""
        return self._event(self._chunk(parts, cited, ended), is_last=ended is not None)

    def _add(self, piece: Piece, parts: list[Json], cited: list[Json]) -> None:
        match piece:
            case Words(text) | Refuses(text):
                if text:
                    parts.append({"text": text})
            case Thinks(text):
                if text:
                    parts.append({"text": text, "thought": True})
            case ThoughtEnds(seal):
                if signature := signature_of(seal):
                    about: Json = {"thought": True} if self.said.is_thinking else {}
                    parts.append({"text": "", **about, "thoughtSignature": signature})
            case Calls(call):
                parts.append(call_part(call, NO_SIGNATURE if self._signs and not self._called else ""))
                self._called = True
            case Gives(part):
                parts += _given(part)
            case Cites(citation):
                before = "".join(p.text for p in self.said.parts[:-1] if isinstance(p, Text))
                said = self.said.text
                cited.append(_cited(citation, before, said[len(before) :]))
            case _:
                pass

    def error(self, fault: Fault, message: str) -> bytes:
        event = error_event(Protocol.GEMINI, fault, message)
        if not self._is_array:
            return event
        return self._event(event.removeprefix(b"data: ").strip(), is_last=True)

    def _about(self) -> Json:
        return {"modelVersion": self._model, "responseId": self._id}

    def _chunk(self, parts: list[Json], cited: list[Json], ended: Ended | None) -> bytes:
        candidate = _candidate(parts, cited)
        chunk: Json = {"candidates": [candidate]}
        if ended is not None:
            candidate["finishReason"] = REASONS.get(ended.stop, "STOP")
            chunk["usageMetadata"] = usage(self.said.counts)
        return _encode(chunk | self._about())

    def _event(self, chunk: bytes, *, is_last: bool) -> bytes:
        if not self._is_array:
            return b"data: " + chunk + b"\n\n"
        if self._reader.is_closed:
            return b""
        before = b",\n" if self._any else b"["
        self._any = True
        return before + chunk + (b"\n]" if is_last else b"")


_HEAD = b'data: {"candidates":[{"content":{"parts":[{"text":'


def _candidate(parts: list[Json], cited: list[Json]) -> Json:
    """A candidate always has a part: clients take one without for a broken answer."""
    candidate: Json = {"content": {"parts": parts or [_EMPTY], "role": "model"}, "index": 0}
    if cited:
        candidate["citationMetadata"] = {"citations": cited}
    return candidate


def _given(part: Media | Foreign) -> list[Json]:
    """What no other part can stand for is left out: it was asked for in another dialect."""
    if isinstance(part, Media):
        if part.data or part.text:
            return [media_part(part)]
        uri = part.url or (part.file_id if part.origin is Protocol.GEMINI else "")
        kind = {"mimeType": part.media_type} if part.media_type else {}
        return [{"fileData": kind | {"fileUri": uri}}] if uri else []
    if part.origin is not Protocol.GEMINI:
        return []
    found = msgspec.json.decode(part.raw, type=dict[str, Raw])
    return [dict(found)] if found else []


def _cited(citation: Citation, before: str, text: str) -> Json:
    """Gemini counts bytes of all the text."""
    written: Json = {}
    for name, at in (("startIndex", citation.start), ("endIndex", citation.end)):
        if at is not None:
            written[name] = len(before.encode("utf-8", "replace")) + len(text[: max(0, at)].encode("utf-8", "replace"))
    if citation.url:
        written["uri"] = citation.url
    if citation.title:
        written["title"] = citation.title
    return written


def usage(counts: Counts) -> Json:
    """Tokens in Gemini's words; what nobody said is left out."""
    prompt, output, thought = counts.input, counts.output, counts.thought
    said = {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": counts.cache_read,
        "candidatesTokenCount": None if output is None else max(0, output - (thought or 0)),
        "thoughtsTokenCount": thought,
        "totalTokenCount": None if prompt is None and output is None else (prompt or 0) + (output or 0),
    }
    return {name: n for name, n in said.items() if n is not None}


def write_reply(reply: Reply, ask: Ask, stamp: Stamp) -> bytes:
    """A whole answer."""
    parts: list[Json] = []
    cited: list[Json] = []
    before, called = "", is_early(ask.model)
    for part in reply.parts:
        parts += _whole_part(part, "" if called else NO_SIGNATURE)
        called = called or isinstance(part, Call)
        if isinstance(part, Text):
            cited += (_cited(citation, before, part.text) for citation in part.citations)
            before += part.text
    candidate = _candidate(parts, cited) | {"finishReason": REASONS.get(reply.stop, "STOP")}
    about = {"modelVersion": reply.model or ask.model.removeprefix("models/"), "responseId": stamp.id}
    return _encode({"candidates": [candidate], "usageMetadata": usage(reply.counts), **about})


def _whole_part(part: Part, signature: str) -> list[Json]:
    match part:
        case Text(text=text) | Refused(text=text):
            return [{"text": text}]
        case Thought():
            own = signature_of(part.seal)
            signed: Json = {"thoughtSignature": own} if own else {}
            if part.text:
                return [{"text": part.text, "thought": True, **signed}]
            return [{"text": "", **signed}] if own else []
        case Call():
            return [call_part(part, signature)]
        case Media() | Foreign():
            return _given(part)
        case _:
            return []
