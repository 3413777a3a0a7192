"""An upstream's answer in another dialect, or one that goes on with another: read into pieces, written for the client.

The watch of the upstream's own protocol frames and checks what comes; this one only ever sees whole events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from msgspec.structs import replace

from stillup.gateway.core.fault import Fault
from stillup.gateway.dialects.base import CONTENT, END, ERROR, HELD, MAX_WHOLE_BYTES, Watch, Wrapping
from stillup.gateway.dialects.coding import CannotDecode, decoded, fair_bound
from stillup.gateway.dialects.dialect import Reader, Untranslatable, Writer
from stillup.gateway.dialects.lenient import NoJson
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
    Media,
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
from stillup.gateway.dialects.said import CHARACTERS_A_TOKEN
from stillup.gateway.dialects.seam import Seam

_SILENT = (Began, Counted, Apart, Failed)
"""Pieces that show the client nothing."""
_THOUGHTS = (Thinks, ThoughtEnds)


class Between(Protocol):
    """Stands between what an upstream says and what the client gets; ``is_over``: nothing more is passed on."""

    @property
    def is_over(self) -> bool: ...

    def pass_on(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What the client is to get of these pieces."""
        ...


def passing(pieces: Iterable[Piece], between: Sequence[Between]) -> Iterable[Piece]:
    """The pieces as they come out behind all of these."""
    for each in between:
        pieces = each.pass_on(pieces)
    return pieces


class Named:
    """Says which model answers where its dialect does not."""

    is_over = False

    def __init__(self, model: str) -> None:
        self._model = model

    def pass_on(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What the client is to get of these pieces."""
        for piece in pieces:
            yield Began(piece.id, self._model) if isinstance(piece, Began) and not piece.model else piece


class Joint:
    """What an upstream says, as it goes on with what the client has.

    Thoughts behind words are left out, the text is joined at the seam, and the counts are those of both.
    """

    def __init__(self, seam: Seam, *, has_words: bool, sent: Counts) -> None:
        self._seam = seam
        self._has_words = has_words
        self._sent = sent
        self._new = 0
        self._is_counted = False
        self.is_over = False

    def pass_on(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What the client is to get of these pieces."""
        for piece in pieces:
            if self.is_over:
                return
            if isinstance(piece, Words):
                yield from self._words(piece)
            elif isinstance(piece, _THOUGHTS):
                if not self._has_words:
                    yield piece
            elif isinstance(piece, Counted):
                self._is_counted = self._is_counted or piece.counts.output is not None
                yield Counted(self._added(piece.counts))
            else:
                if self._has_words and not isinstance(piece, _SILENT):
                    yield from self._rest()
                if isinstance(piece, Ended) and not self._is_counted:
                    yield Counted(self._added(Counts(output=round(self._new / CHARACTERS_A_TOKEN))))
                yield piece

    def _words(self, piece: Words) -> Iterator[Piece]:
        text = self._seam.take(piece.text) if self._seam.is_open else piece.text
        self._new += len(text)
        if text:
            yield Words(text)
        if self._seam.stopped_by:
            self.is_over = True
            yield Ended(Stop.SEQUENCE, self._seam.stopped_by)

    def _rest(self) -> Iterator[Piece]:
        text = self._seam.finish() if self._seam.is_open else ""
        if text:
            yield Words(text)
        if self._seam.stopped_by:
            self.is_over = True
            yield Ended(Stop.SEQUENCE, self._seam.stopped_by)

    def _added(self, counts: Counts) -> Counts:
        """Output: what was sent before (an estimate) and what is said now; input: as the first counted it."""
        sent = self._sent
        output = None if counts.output is None else counts.output + (sent.output or 0)
        if sent.fresh is None:
            return replace(counts, output=output)
        return replace(sent, output=output, thought=counts.thought)


class TranslatedWatch(Wrapping):
    """Hands out whole events of the client's dialect. Nothing is written before the first content.

    ``writer`` is the client's: several upstreams that are asked to go on share it, and only the one that comes first
    writes with it.
    """

    __slots__ = ("_between", "_early", "_ended", "_reader", "_size", "_writer")

    def __init__(
        self, watch: Watch, reader: Reader, writer: Writer, content_type: bytes, between: Sequence[Between] = ()
    ) -> None:
        super().__init__(watch)
        self._reader = reader
        self._writer = self.writer = writer
        self.content_type, self.decodes = content_type, True
        self._between = between
        self._early: list[Piece] = []
        self._ended: Ended | None = None
        self._size = 0

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        if self.flags & (END | ERROR):
            return self.flags, b""
        flags, ready = self._inner.feed(chunk)
        self._size += len(ready)
        if self._size > MAX_WHOLE_BYTES:  # all of it is known to the writer
            self._fail(Fault.MALFORMED, message="the answer is too long")
            return self.flags, b""
        pieces = self._reader.feed(ready) if ready else []
        if flags & END:
            pieces += self._reader.finish()
        data = self._written(pieces, is_last=flags & END > 0)
        self.flags |= flags & ERROR
        if flags & CONTENT and not self.flags & CONTENT:
            self.flags |= HELD
        self._copy()
        return self.flags, data

    def finish(self) -> tuple[Fault | None, bytes]:
        if self.flags & END:
            return None, b""
        fault, rest = self._inner.finish()
        self._copy()
        if fault is not None:
            return fault, b""
        data = self._written([*(self._reader.feed(rest) if rest else ()), *self._reader.finish()], is_last=True)
        if not self.flags & END:
            self._fail(Fault.CUT, message="the stream ended early")
        return self.fault, data

    def error_ending(self, fault: Fault, message: str) -> bytes:
        return self._writer.error(fault, message)

    def _copy(self) -> None:
        super()._copy()
        self.error_event = b""  # it is in the upstream's dialect

    def _written(self, pieces: Sequence[Piece], *, is_last: bool) -> bytes:
        """The end is written last of all: counts may come behind it (Chat)."""
        passed: list[Piece] = []
        for piece in passing(pieces, self._between):
            if isinstance(piece, Ended):
                self._ended = self._ended or piece
            elif self._ended is None or isinstance(piece, Counted):
                passed.append(piece)
        if self._ended is not None and (is_last or any(each.is_over for each in self._between)):
            passed.append(self._ended)
            self.flags |= END
        if self.flags & CONTENT:
            return self._writer.write(passed) if passed else b""
        self._early += passed
        if all(isinstance(piece, _SILENT) for piece in passed):
            return b""
        self.flags = (self.flags & ~HELD) | CONTENT
        early, self._early = self._early, []
        return self._writer.write(early)


class TranslatedWhole(Wrapping):
    """A whole answer of another dialect, as a whole answer or, for a client that reads a stream, as one."""

    reads_coded = True
    __slots__ = ("_coding", "_write")

    def __init__(
        self,
        watch: Watch,
        coding: str,
        write: Callable[[bytes], bytes],
        content_type: bytes,
        writer: Writer | None = None,
    ) -> None:
        super().__init__(watch)
        self._coding = coding
        self._write = write
        self.content_type, self.decodes = content_type, True
        self.writer = writer
        self.is_stream = writer is not None

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        flags, _ = self._inner.feed(chunk)
        self.flags |= flags
        self._copy()
        return self.flags, b""

    def finish(self) -> tuple[Fault | None, bytes]:
        fault, data = self._inner.finish()
        self._copy()
        self.flags |= self._inner.flags
        if fault is not None:
            return fault, b""
        try:
            plain = decoded(data, self._coding, fair_bound(len(data), MAX_WHOLE_BYTES)) if self._coding else data
            return None, self._write(plain)
        except (NoJson, CannotDecode, Untranslatable) as broken:
            self._fail(Fault.MALFORMED, message=f"the answer is broken: {broken}")
            return self.fault, b""

    def error_ending(self, fault: Fault, message: str) -> bytes:  # noqa: ARG002 - nothing was handed out
        return b""


def pieces_of(reply: Reply) -> list[Piece]:
    """A whole answer as the pieces of a streamed one."""
    pieces: list[Piece] = [Began(reply.id, reply.model)]
    for part in reply.parts:
        match part:
            case Text():
                pieces += [Words(part.text), *map(Cites, part.citations), Apart()]
            case Thought():
                pieces += [*((Thinks(part.text),) if part.text else ()), ThoughtEnds(part.seal)]
            case Call():
                pieces.append(Calls(part))
            case Refused():
                pieces.append(Refuses(part.text))
            case Media() | Foreign():
                pieces.append(Gives(part))
    return [*pieces, Counted(reply.counts), Ended(reply.stop, reply.sequence)]
