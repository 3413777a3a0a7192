"""A neutral answer for an Anthropic client, streamed or whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.anthropic.answer_in import AnthropicReader
from stillup.gateway.dialects.anthropic.blocks_out import (
    ME,
    call_block,
    citation_raw,
    plain_id,
    sealed_block,
)
from stillup.gateway.dialects.dialect import Losses, Stamp, Writer
from stillup.gateway.dialects.errors import error_event
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Apart,
    Began,
    Call,
    Calls,
    Cites,
    Counted,
    Counts,
    Ended,
    Failed,
    Foreign,
    Gives,
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

_encode = msgspec.json.encode
_STOPS = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.SEQUENCE: "stop_sequence",
    Stop.TOOLS: "tool_use",
    Stop.REFUSED: "refusal",
    Stop.PAUSED: "pause_turn",
    Stop.CONTEXT: "model_context_window_exceeded",
}
_STOPPED = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_TEXT = {"type": "text", "text": ""}
_THINKING = {"type": "thinking", "thinking": "", "signature": ""}
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%s}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":'
_BLOCK_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'


class AnthropicWriter(Writer):
    """Writes a stream of Messages: one block at a time, numbered from 0."""

    def __init__(self, ask: Ask, stamp: Stamp) -> None:
        super().__init__()
        self._model = ask.model
        self._stamp = stamp
        self._next = 0  # the next block's index
        self._open: bytes = b""  # the type of the open block
        self._head = b""  # how a delta of the open block begins
        self._refused: list[str] = []
        self._made = 0
        self._follower = AnthropicReader()  # of what went to the client as it came

    def absorb(self, data: bytes) -> None:
        reader = self._follower
        for piece in reader.feed(data):
            if isinstance(piece, Refuses):
                self._refused.append(piece.text)
            self.said.add(piece)
        self._next = reader.begun
        self._opened(self._next - 1, reader.open_type.encode())

    def write(self, pieces: Sequence[Piece]) -> bytes:
        said = self.said
        out: list[bytes] = []
        for piece in pieces:
            if said.ended is not None:
                break
            if said.began is None and not isinstance(piece, Failed):
                self._begin(piece, pieces, out)
            if type(piece) is Words:
                if piece.text:
                    if self._open != b"text":
                        self._start(b"text", _TEXT, out)
                    out.append(self._head + _encode(piece.text) + b"}}\n\n")
                    said.add(piece)
            elif type(piece) not in _SILENT:
                write = _WRITE.get(type(piece))
                if write is not None:
                    write(self, piece, out)
                said.add(piece)
        return b"".join(out)

    def error(self, fault: Fault, message: str) -> bytes:
        return error_event(Protocol.ANTHROPIC, fault, message)

    def _think(self, piece: Thinks, out: list[bytes]) -> None:
        if piece.text:
            if self._open != b"thinking":
                self._start(b"thinking", _THINKING, out)
            out.append(self._head + _encode(piece.text) + b"}}\n\n")

    def _cite(self, piece: Cites, out: list[bytes]) -> None:
        if self._open != b"text":
            self._start(b"text", _TEXT, out)
        out.append(_delta(self._next - 1, b"citations_delta", b"citation", citation_raw(piece.citation)))

    def _refuse(self, piece: Refuses, out: list[bytes]) -> None:  # noqa: ARG002 - it stands in the end
        self._refused.append(piece.text)

    def _apart(self, piece: Apart, out: list[bytes]) -> None:  # noqa: ARG002 - nothing in it
        if self._open == b"text":
            self._close(out)

    def _begin(self, piece: Piece, pieces: Sequence[Piece], out: list[bytes]) -> None:
        """The counts that come with the beginning stand in it; others only at the end."""
        began = piece if isinstance(piece, Began) else Began("", "")
        self.said.add(Began("msg_" + self._stamp.id, began.model or self._model))
        early = next((later.counts for later in pieces if isinstance(later, Counted)), Counts())
        message = {
            "id": "msg_" + self._stamp.id,
            "type": "message",
            "role": "assistant",
            "model": began.model or self._model,
            "content": (),
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(early, at_start=True),
        }
        out.append(
            b'event: message_start\ndata: {"type":"message_start","message":' + _encode(message) + b"}\n\n",
        )

    def _start(self, kind: bytes, block: object, out: list[bytes]) -> None:
        self._close(out)
        self.said.add(_APART)  # a new block is a new part, also behind one that an upstream closed
        out.append(_START % (self._next, _encode(block)))
        self._opened(self._next, kind)
        self._next += 1

    def _opened(self, index: int, kind: bytes) -> None:
        self._open = kind
        if kind == b"thinking":
            self._head = _DELTA % (index, b"thinking_delta", b"thinking")
        else:
            self._head = _DELTA % (index, b"text_delta", b"text")

    def _close(self, out: list[bytes]) -> None:
        if self._open == b"thinking":
            out.append(_delta(self._next - 1, b"signature_delta", b"signature", UNSIGNED))
        if self._open:
            out.append(_BLOCK_STOP % (self._next - 1))
            self._open = b""

    def _end_thought(self, piece: ThoughtEnds, out: list[bytes]) -> None:
        seal = piece.seal
        data = seal.data if seal is not None and seal.origin is ME else ""
        if data[:1] == "{":
            self._whole(Raw(data.encode()), out)
        elif self._open == b"thinking" or data:
            if self._open != b"thinking":
                self._start(b"thinking", _THINKING, out)
            out.append(_delta(self._next - 1, b"signature_delta", b"signature", data or UNSIGNED))
            out.append(_BLOCK_STOP % (self._next - 1))
            self._open = b""

    def _call(self, piece: Calls, out: list[bytes]) -> None:
        call = piece.call
        block = call_block(call, self._id_of(call), Losses())
        arguments, block["input"] = _encode(block["input"]), {}
        self._start(b"tool_use", block, out)
        out.append(_delta(self._next - 1, b"input_json_delta", b"partial_json", arguments.decode()))
        self._close(out)

    def _id_of(self, call: Call) -> str:
        if call.id:
            return plain_id(call.id)
        self._made += 1
        return f"toolu_{self._stamp.id}_{self._made}"

    def _give(self, piece: Gives, out: list[bytes]) -> None:
        """What has no form here is left out: no answer to a request of this dialect has it."""
        part = piece.part
        if isinstance(part, Foreign) and part.origin is ME:
            self._whole(Raw(part.raw), out)

    def _whole(self, block: Raw, out: list[bytes]) -> None:
        self._start(b"whole", block, out)
        self._close(out)

    def _end(self, piece: Ended, out: list[bytes]) -> None:
        self._close(out)
        delta = _ending(piece.stop, piece.sequence, "".join(self._refused), has_called=bool(self.said.calls))
        event = {"type": "message_delta", "delta": delta, "usage": _usage(self.said.counts)}
        out.append(b"event: message_delta\ndata: " + _encode(event) + b"\n\n")
        out.append(_STOPPED)


_APART = Apart()
_SILENT = (Began, Failed)
_WRITE: dict[type[Piece], Callable[[AnthropicWriter, Any, list[bytes]], None]] = {
    Thinks: AnthropicWriter._think,  # noqa: SLF001 - its own table
    ThoughtEnds: AnthropicWriter._end_thought,  # noqa: SLF001
    Calls: AnthropicWriter._call,  # noqa: SLF001
    Cites: AnthropicWriter._cite,  # noqa: SLF001
    Refuses: AnthropicWriter._refuse,  # noqa: SLF001
    Gives: AnthropicWriter._give,  # noqa: SLF001
    Apart: AnthropicWriter._apart,  # noqa: SLF001
    Ended: AnthropicWriter._end,  # noqa: SLF001
}
"""Counts are told at the end."""


def _delta(index: int, kind: bytes, member: bytes, value: object) -> bytes:
    return _DELTA % (index, kind, member) + _encode(value) + b"}}\n\n"


def _usage(counts: Counts, *, at_start: bool = False) -> dict[str, Any]:
    """What was not told is left out; the output's count, and at the start the input's, must be there."""
    usage: dict[str, Any] = {"output_tokens": counts.output or 0}
    if counts.fresh is not None or at_start:
        usage = {"input_tokens": counts.fresh or 0, **usage}
    if counts.cache_read is not None:
        usage["cache_read_input_tokens"] = counts.cache_read
    if counts.cache_write is not None:
        usage["cache_creation_input_tokens"] = counts.cache_write
    if counts.thought is not None:
        usage["output_tokens_details"] = {"thinking_tokens": counts.thought}
    return usage


def _ending(stop: Stop, sequence: str, refused: str, *, has_called: bool) -> dict[str, Any]:
    """``stop_reason`` and what belongs to it. A refusal's words stand in ``stop_details``, where Anthropic has them."""
    if has_called and stop is Stop.END:
        stop = Stop.TOOLS
    if refused:
        stop = Stop.REFUSED
    ending: dict[str, Any] = {"stop_reason": _STOPS[stop], "stop_sequence": sequence or None}
    if refused:
        ending["stop_details"] = {"type": "refusal", "category": None, "explanation": refused}
    return ending


def write_reply(reply: Reply, ask: Ask, stamp: Stamp) -> bytes:
    """A whole message. What no client of this dialect can have asked for (an image) is left out."""
    blocks: list[object] = []
    refused = ""
    for n, part in enumerate(reply.parts):
        if isinstance(part, Refused):
            refused += part.text
        else:
            block = _block(part, f"toolu_{stamp.id}_{n}")
            if block is not None:
                blocks.append(block)
    has_called = any(isinstance(part, Call) for part in reply.parts)
    message = {
        "id": "msg_" + stamp.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model or ask.model,
        "content": blocks,
        **_ending(reply.stop, reply.sequence, refused, has_called=has_called),
        "usage": _usage(reply.counts, at_start=True),
    }
    return _encode(message)


def _block(part: Part, made_id: str) -> object:
    match part:
        case Text(text=text, citations=citations):
            block: dict[str, Any] = {"type": "text", "text": text}
            if citations:
                block["citations"] = [citation_raw(citation) for citation in citations]
            return block if text else None
        case Call():
            return call_block(part, plain_id(part.id) if part.id else made_id, Losses())
        case Thought(text=text):
            sealed = sealed_block(part)
            if sealed is None and text:
                return {"type": "thinking", "thinking": text, "signature": UNSIGNED}
            return sealed
        case Foreign(origin=origin, raw=raw):
            return Raw(raw) if origin is ME else None
        case _:
            return None
