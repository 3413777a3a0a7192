"""Answers as Converse gives them. No client speaks it: this is for going there and back, and for tests."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.converse.answer_in import ConverseReader
from stillup.gateway.dialects.converse.blocks_out import call_block, media_block, thought_block
from stillup.gateway.dialects.converse.events import event, events
from stillup.gateway.dialects.converse.names import REASONS, id_of, is_ours
from stillup.gateway.dialects.dialect import Stamp, Untranslatable, Writer
from stillup.gateway.dialects.errors import error_event
from stillup.gateway.dialects.neutral import (
    Apart,
    Call,
    Calls,
    Citation,
    Cites,
    Counted,
    Counts,
    Ended,
    Failed,
    Foreign,
    Gives,
    Media,
    Part,
    Piece,
    Refused,
    Refuses,
    Reply,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.writing import Json, object_of

_TEXT, _THOUGHT = "text", "thought"


class ConverseWriter(Writer):
    """Writes events; blocks are numbered, and text and thoughts begin without an event of their own."""

    def __init__(self, ask: Ask, stamp: Stamp) -> None:  # noqa: ARG002 - nothing of them is in these events
        super().__init__()
        self._reader = ConverseReader()
        self._began = False
        self._index = 0
        self._open = ""

    def absorb(self, data: bytes) -> None:
        for name, found in events(data):
            self._began = True
            if name == b"contentBlockStop":
                self._index, self._open = self._index + 1, ""
            elif found.delta is not None:
                self._index = max(self._index, found.content_block_index or 0)
                self._open = _THOUGHT if found.delta.reasoning_content is not None else _TEXT
            elif found.start is not None:
                self._index = max(self._index, found.content_block_index or 0)
                self._open = "call"
        pieces = self._reader.feed(data)
        if self._reader.stop is not None:
            pieces += self._reader.finish()
        for piece in pieces:
            self.said.add(piece)

    def write(self, pieces: Sequence[Piece]) -> bytes:
        out: list[bytes] = []
        for piece in pieces:
            if self.said.ended is not None:
                break
            if not self._began and not isinstance(piece, Failed | Counted):
                self._began = True
                out.append(event("messageStart", role="assistant"))
            self._write(piece, out)
            self.said.add(piece)
        return b"".join(out)

    def _write(self, piece: Piece, out: list[bytes]) -> None:
        match piece:
            case Words(text) | Refuses(text) if text:
                self._delta(_TEXT, {"text": text}, out)
            case Thinks(text) if text:
                self._delta(_THOUGHT, {"reasoningContent": {"text": text}}, out)
            case ThoughtEnds():
                self._end_thought(piece, out)
            case Cites(citation):
                self._delta(_TEXT, {"citation": cited(citation)}, out)
            case Calls(call):
                self._call(call, out)
            case Gives(part):
                self._gives(part, out)
            case Ended():
                self._end(piece, out)
            case Apart():
                self._close(out)
            case _:
                pass

    def _end_thought(self, piece: ThoughtEnds, out: list[bytes]) -> None:
        seal = piece.seal
        if seal is not None and is_ours(seal):
            found = Raw(seal.data.encode()) if seal.data.startswith("{") else {"signature": seal.data}
            self._delta(_THOUGHT, {"reasoningContent": found}, out)
        if self._open == _THOUGHT:
            self._close(out)

    def _delta(self, kind: str, delta: Json, out: list[bytes]) -> None:
        if self._open != kind:
            self._close(out)
            self._open = kind
        out.append(event("contentBlockDelta", delta=delta, contentBlockIndex=self._index))

    def _close(self, out: list[bytes]) -> None:
        if self._open:
            out.append(event("contentBlockStop", contentBlockIndex=self._index))
            self._index, self._open = self._index + 1, ""

    def _call(self, call: Call, out: list[bytes]) -> None:
        self._close(out)
        start = {"toolUse": {"toolUseId": id_of(call.id), "name": call.name}}
        out.append(event("contentBlockStart", start=start, contentBlockIndex=self._index))
        self._open = "call"
        self._delta("call", {"toolUse": {"input": bytes(object_of(call.arguments)).decode()}}, out)
        self._close(out)

    def _gives(self, part: Media | Foreign, out: list[bytes]) -> None:
        if not isinstance(part, Media) or not part.data or part.kind != "image":
            return
        self._close(out)
        form = part.media_type.partition("/")[2] or "png"
        out.append(event("contentBlockStart", start={"image": {"format": form}}, contentBlockIndex=self._index))
        self._open = "image"
        self._delta("image", {"image": {"source": {"bytes": part.data}}}, out)
        self._close(out)

    def _end(self, ended: Ended, out: list[bytes]) -> None:
        self._close(out)
        stop = Stop.TOOLS if ended.stop is Stop.END and self.said.calls else ended.stop
        out.append(event("messageStop", stopReason=REASONS[stop]))
        out.append(event("metadata", usage=usage(self.said.counts), metrics={"latencyMs": 0}))

    def error(self, fault: Fault, message: str) -> bytes:
        data = error_event(Protocol.CONVERSE, fault, message).partition(b"data: ")[2]
        return b"event: error\ndata: " + data


def cited(citation: Citation) -> Raw | Json:
    """A citation: as it came where it is of here."""
    if citation.origin is Protocol.CONVERSE and citation.raw:
        return Raw(citation.raw)
    written: Json = {"title": citation.title} if citation.title else {}
    if citation.quote:
        written["sourceContent"] = [{"text": citation.quote}]
    if citation.url:
        written["location"] = {"web": {"url": citation.url}}
    return written


def usage(counts: Counts) -> Json:
    """Tokens in Converse's words, three of which are always there."""
    fresh, output = counts.fresh or 0, counts.output or 0
    total = fresh + output + (counts.cache_read or 0) + (counts.cache_write or 0)
    written: Json = {"inputTokens": fresh, "outputTokens": output, "totalTokens": total}
    if counts.cache_read is not None:
        written["cacheReadInputTokens"] = counts.cache_read
    if counts.cache_write is not None:
        written["cacheWriteInputTokens"] = counts.cache_write
    return written


def write_reply(reply: Reply, ask: Ask, stamp: Stamp) -> bytes:  # noqa: ARG001 - nothing of them is in this answer
    """A whole answer."""
    content = [block for part in reply.parts for block in _block(part)]
    stop = Stop.TOOLS if reply.stop is Stop.END and any(isinstance(p, Call) for p in reply.parts) else reply.stop
    return msgspec.json.encode(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": REASONS[stop],
            "usage": usage(reply.counts),
            "metrics": {"latencyMs": 0},
        }
    )


def _block(part: Part) -> list[Json]:
    match part:
        case Text(text=text, citations=citations) if citations:
            return [{"citationsContent": {"content": [{"text": text}], "citations": [cited(c) for c in citations]}}]
        case Text(text=text) | Refused(text=text):
            return [{"text": text}] if text else []
        case Thought():
            unsealed: Json = {"reasoningContent": {"reasoningText": {"text": part.text}}}
            return [thought_block(part) or unsealed] if part.text or is_ours(part.seal) else []
        case Call():
            return [call_block(part)]
        case _:
            return _given(part) if isinstance(part, Media) else []


def _given(media: Media) -> list[Json]:
    try:
        return [media_block(media, "", set())]
    except Untranslatable:
        return []
