"""Answers of Converse, read: the events of a stream, or whole."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.converse.blocks_in import Blocks, citation_of
from stillup.gateway.dialects.converse.events import Delta, Event, Reasoned, Start, Usage, events
from stillup.gateway.dialects.converse.names import BROKEN, STOPS, type_of
from stillup.gateway.dialects.dialect import Reader, Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, as_object
from stillup.gateway.dialects.neutral import (
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
    Kind,
    Media,
    Piece,
    Reply,
    Seal,
    Stop,
    Thinks,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.trouble import said
from stillup.gateway.dialects.typed import typed

_MOST_CHARACTERS = 16 * 1024 * 1024
"""Of one call's arguments, or one image."""


class _Held(Struct, gc=False):
    """A block that is told of when it is whole."""

    id: str = ""
    name: str = ""
    is_server: bool = False
    image: str = ""
    pieces: list[str] = []
    size: int = 0


class ConverseReader(Reader):
    """Reads events. The end is told when the body ends: the counts follow the reason."""

    def __init__(self) -> None:
        self._began = False
        self._over = False
        self._index: int | None = None
        self._in_text = self._has_text = self._thinking = False
        self._signature = ""
        self._calls = 0
        self._held: _Held | None = None
        self.stop: Stop | None = None

    def feed(self, data: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        for name, event in events(data):
            if self._over:
                break
            if not self._began:
                self._began = True
                pieces.append(Began())
            if event.delta is not None:
                if event.content_block_index != self._index and event.content_block_index is not None:
                    self._open(event.content_block_index, pieces)
                self._delta(event.delta, pieces)
            else:
                self._other(name, event, pieces)
        return pieces

    def finish(self) -> list[Piece]:
        if self._over:
            return []
        pieces: list[Piece] = []
        self._close(pieces)
        if not self._over:
            self._over = True
            pieces.append(Ended(self.stop or Stop.END))
        return pieces

    def _other(self, name: bytes, event: Event, pieces: list[Piece]) -> None:
        if event.error != NULL or name == b"error":
            self._over = True
            pieces.append(Failed(said(bytes(event.error)).message))
            return
        if event.start is not None:
            self._open(event.content_block_index, pieces)
            self._start(event.start)
        elif name == b"contentBlockStop":
            self._close(pieces)
        if event.usage is not None:
            pieces.append(Counted(event.usage.counts()))
        if event.stop_reason is not None:
            self._stop(event.stop_reason, pieces)

    def _open(self, index: int | None, pieces: list[Piece]) -> None:
        """Another block begins, and ends the one before it."""
        self._close(pieces)
        self._index = index

    def _start(self, start: Start) -> None:
        if start.tool_use is not None:
            use = start.tool_use
            self._held = _Held(use.tool_use_id or "", use.name or "", is_server=use.type is not None, pieces=[])
        elif start.image is not None:
            self._held = _Held(image=start.image.format or "png", pieces=[])

    def _delta(self, delta: Delta, pieces: list[Piece]) -> None:
        text = delta.text
        if text is not None:
            if text:
                self._say(text, pieces)
        elif delta.tool_use is not None:
            self._hold(delta.tool_use.input or "")
        elif delta.reasoning_content is not None:
            self._reason(delta.reasoning_content, pieces)
        elif delta.citation != NULL:
            with suppress(NoJson, Untranslatable):
                pieces.append(Cites(citation_of(bytes(delta.citation))))
        elif delta.image is not None and delta.image.source is not None:
            self._hold(delta.image.source.bytes or "")

    def _say(self, text: str, pieces: list[Piece]) -> None:
        if self._thinking or self._signature or self._held is not None:
            self._close(pieces)  # its end went missing, and so did the index that tells them apart
        if self._has_text and not self._in_text:
            pieces.append(Apart())
        self._has_text = self._in_text = True
        pieces.append(Words(text))

    def _reason(self, reasoned: Reasoned, pieces: list[Piece]) -> None:
        self._has_text = self._in_text = False
        if reasoned.redacted_content:
            data = msgspec.json.encode({"redactedContent": reasoned.redacted_content}).decode()
            pieces.append(ThoughtEnds(Seal(origin=Protocol.CONVERSE, data=data)))
        if reasoned.text:
            self._thinking = True
            pieces.append(Thinks(reasoned.text))
        if reasoned.signature:
            self._signature += reasoned.signature

    def _hold(self, piece: str) -> None:
        held = self._held
        if held is not None and held.size + len(piece) <= _MOST_CHARACTERS:
            held.size += len(piece)
            held.pieces.append(piece)

    def _close(self, pieces: list[Piece]) -> None:
        """The open block is whole."""
        self._index, self._in_text = None, False
        if self._thinking or self._signature:
            seal = Seal(origin=Protocol.CONVERSE, data=self._signature) if self._signature else None
            pieces.append(ThoughtEnds(seal))
            self._thinking, self._signature = False, ""
        held, self._held = self._held, None
        if held is None:
            return
        self._has_text = False
        found = _whole(held, f"call_{self._calls}")
        self._calls += 1
        pieces.append(found)
        self._over = self._over or isinstance(found, Failed)

    def _stop(self, reason: str, pieces: list[Piece]) -> None:
        self._close(pieces)
        if reason in BROKEN and not self._over:
            self._over = True
            pieces.append(Failed(BROKEN[reason]))
        self.stop = STOPS.get(reason, Stop.END)


def _whole(held: _Held, other_id: str) -> Piece:
    data = "".join(held.pieces)
    if held.image:
        return Gives(Media(kind=Kind.IMAGE, media_type=type_of(Kind.IMAGE, held.image), data=data))
    if held.is_server:
        return Gives(Foreign(origin=Protocol.CONVERSE, what="server_tool_use", raw=b"{}"))
    arguments = data.strip() or "{}"
    try:
        as_object(arguments.encode())
        if not held.name:
            return Failed("the model made a call of nothing")
    except (UnicodeEncodeError, *UNREADABLE):
        return Failed("the model made a call that cannot be read")
    return Calls(Call(id=held.id or other_id, name=held.name, arguments=arguments))


class _Message(Struct, gc=False):
    content: list[dict[str, Raw]] = []


class _Output(Struct, gc=False):
    message: _Message | None = None


class _Answer(Struct, gc=False, rename="camel"):
    output: _Output | None = None
    stop_reason: str | None = None
    usage: Usage | None = None


_answer = msgspec.json.Decoder(_Answer).decode


def read_reply(data: bytes) -> Reply:
    """A whole answer. Raises NoJson, also for one of another shape or one that is broken."""
    try:
        found = typed(_answer, data)
        content = found.output.message.content if found.output is not None and found.output.message is not None else []
        parts = Blocks().read_all(content, "output.message.content")
    except Untranslatable as refused:
        raise NoJson(str(refused)) from refused
    reason = found.stop_reason or ""
    if reason in BROKEN:
        raise NoJson(BROKEN[reason])
    counts = Counts() if found.usage is None else found.usage.counts()
    return Reply(parts=parts, stop=STOPS.get(reason, Stop.END), counts=counts)
