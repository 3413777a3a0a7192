"""What an Anthropic upstream answers, streamed or whole, in neutral pieces."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from stillup.gateway.dialects.answer import answered
from stillup.gateway.dialects.anthropic.blocks_in import ME, citation_in, part_in, redacted_seal
from stillup.gateway.dialects.anthropic.events import (
    BLOCK,
    DECODE_DELTA,
    DELTA,
    END,
    ERROR,
    KIND,
    MESSAGE,
    START,
    STOPS,
    Start,
    decoded,
)
from stillup.gateway.dialects.base import MAX_HELD_BYTES
from stillup.gateway.dialects.dialect import Reader, Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, as_list, as_object
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Apart,
    Began,
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
    Seal,
    Stop,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.sse import events


class AnthropicReader(Reader):
    """Reads a stream of Messages. Only one block is open at a time, so indices need not be believed.

    ``begun`` counts the blocks.
    """

    def __init__(self) -> None:
        self._block: Start | None = None
        self._raw = b""
        self._json: list[str] = []
        self._size = 0
        self._seal = ""
        self._cites: list[Citation] = []
        self._has_words = self._thinks = False
        self._last_is_text = self._has_called = False
        self._stop: Stop | None = None
        self._sequence = ""
        self._is_over = False
        self.begun = 0

    def feed(self, data: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        for name, inside in events(data):
            self._see(name, inside, pieces)
        return pieces

    def finish(self) -> list[Piece]:
        pieces: list[Piece] = []
        if not self._is_over:
            self._end_block(pieces)
            self._over(Ended(self._stopped(), self._sequence), pieces)
        return pieces

    @property
    def open_type(self) -> str:
        """The type of the block that is open; empty for none."""
        return self._block.type if self._block is not None else ""

    def _see(self, name: bytes, data: bytes, pieces: list[Piece]) -> None:
        if self._is_over:
            return
        if name == b"content_block_delta":
            self._see_delta(data, pieces)
            return
        known = decoded(KIND, data)
        kind = (known.type if known is not None else "") or name.decode("latin-1")
        see = _SEE.get(kind)
        if see is not None:
            see(self, data, pieces)
        elif kind == "" and b'"error"' in data:
            self._see_error(data, pieces)

    def _see_delta(self, data: bytes, pieces: list[Piece]) -> None:
        try:
            delta = DECODE_DELTA(data).delta
        except UNREADABLE:
            event = decoded(DELTA, data)
            delta = None if event is None else event.delta
        if delta is None:
            return
        if delta.text is not None:
            if delta.text:
                self._say(delta.text, pieces)
        elif delta.thinking:
            self._thinks = True
            pieces.append(Thinks(delta.thinking))
        elif delta.partial_json is not None:
            self._hold(delta.partial_json)
        elif delta.signature is not None:
            self._seal = delta.signature
        elif delta.citation != NULL:
            self._cite(bytes(delta.citation), pieces)

    def _say(self, text: str, pieces: list[Piece]) -> None:
        if not self._has_words:
            if self._last_is_text:
                pieces.append(Apart())
            self._has_words = True
        pieces.append(Words(text))
        if self._cites:
            pieces.extend(map(Cites, self._cites))
            self._cites = []

    def _cite(self, raw: bytes, pieces: list[Piece]) -> None:
        try:
            citation = citation_in(raw)
        except (NoJson, Untranslatable):
            return
        if self._has_words:
            pieces.append(Cites(citation))
        elif len(self._cites) < 1000:
            self._cites.append(citation)

    def _hold(self, text: str) -> None:
        self._size += len(text)
        if self._size <= MAX_HELD_BYTES:
            self._json.append(text)

    def _see_message(self, data: bytes, pieces: list[Piece]) -> None:
        event = decoded(START, data)
        message = None if event is None else event.message
        if message is None:
            return
        pieces.append(Began(message.id, message.model))
        if message.usage is not None:
            pieces.append(Counted(message.usage.counts()))

    def _see_start(self, data: bytes, pieces: list[Piece]) -> None:
        self._end_block(pieces)
        self.begun += 1
        event = decoded(START, data)
        if event is None or event.content_block == NULL:
            return
        self._raw = bytes(event.content_block)
        self._block = decoded(BLOCK, self._raw)
        if self._block is None:
            return
        if self._block.text and self._block.type == "text":
            self._say(self._block.text, pieces)
        if self._block.thinking:
            self._thinks = True
            pieces.append(Thinks(self._block.thinking))
        self._seal = self._block.signature or ""

    def _see_stop(self, data: bytes, pieces: list[Piece]) -> None:  # noqa: ARG002 - its index says nothing
        self._end_block(pieces)

    def _end_block(self, pieces: list[Piece]) -> None:
        block, self._block = self._block, None
        if self._has_words:
            self._last_is_text = True
        elif self._thinks or self._seal:
            seal = None if self._seal in {"", UNSIGNED} else Seal(origin=ME, data=self._seal)
            if self._thinks or seal is not None:
                pieces.append(ThoughtEnds(seal))
                self._last_is_text = False
        elif block is not None and block.type not in {"text", "thinking"}:
            told = self._told(block)
            if told is not None:
                pieces.append(told)
                self._last_is_text = False
        self._json, self._size, self._seal, self._cites = [], 0, "", []
        self._has_words = self._thinks = False

    def _told(self, block: Start) -> Piece | None:
        """A block that is told of when it is whole; None where it is broken."""
        if block.type == "redacted_thinking":
            return ThoughtEnds(redacted_seal(block.data)) if block.data else None
        arguments = self._arguments(block)
        if arguments is None:
            return None
        if block.type == "tool_use":
            self._has_called = True
            return Calls(Call(id=block.id or "", name=block.name or "", arguments=arguments))
        raw = self._raw
        if self._json:
            raw = msgspec.json.encode({**as_object(raw), "input": Raw(arguments.encode())})
        return Gives(Foreign(origin=ME, what=block.type[:60], raw=raw))

    def _arguments(self, block: Start) -> str | None:
        text = "".join(self._json)
        if not text.strip():
            text = "{}" if block.input == NULL else bytes(block.input).decode()
        if self._size > MAX_HELD_BYTES:
            return None
        try:
            as_object(text.encode())
        except (*UNREADABLE, UnicodeEncodeError):
            return None
        return text

    def _see_end(self, data: bytes, pieces: list[Piece]) -> None:
        self._end_block(pieces)
        event = decoded(END, data)
        if event is None:
            return
        if event.usage is not None:
            pieces.append(Counted(event.usage.counts()))
        delta = event.delta
        if delta is not None and delta.stop_reason:
            self._stop = STOPS.get(delta.stop_reason, Stop.END)
            self._sequence = delta.stop_sequence or ""
            if delta.stop_details is not None and delta.stop_details.explanation:
                pieces.append(Refuses(delta.stop_details.explanation))

    def _see_over(self, data: bytes, pieces: list[Piece]) -> None:  # noqa: ARG002 - there is nothing in it
        self._end_block(pieces)
        self._over(Ended(self._stopped(), self._sequence), pieces)

    def _see_error(self, data: bytes, pieces: list[Piece]) -> None:
        event = decoded(ERROR, data)
        self._over(Failed(event.error.message if event is not None and event.error is not None else ""), pieces)

    def _stopped(self) -> Stop:
        """Without a reason it is what happened; a call that was not whole is no reason."""
        if self._stop is None or (self._stop is Stop.TOOLS and not self._has_called):
            return Stop.TOOLS if self._has_called else Stop.END
        return self._stop

    def _over(self, last: Piece, pieces: list[Piece]) -> None:
        pieces.append(last)
        self._is_over = True


_SEE = {
    "message_start": AnthropicReader._see_message,  # noqa: SLF001 - its own table
    "content_block_start": AnthropicReader._see_start,  # noqa: SLF001
    "content_block_delta": AnthropicReader._see_delta,  # noqa: SLF001
    "content_block_stop": AnthropicReader._see_stop,  # noqa: SLF001
    "message_delta": AnthropicReader._see_end,  # noqa: SLF001
    "message_stop": AnthropicReader._see_over,  # noqa: SLF001
    "error": AnthropicReader._see_error,  # noqa: SLF001
}


def read_reply(data: bytes) -> Reply:
    """A whole answer. Blocks that are broken are passed over. Raises NoJson."""
    message = answered(MESSAGE.decode, data)
    blocks = answered(as_list, message.content) if message.content != NULL else []
    parts: list[Part] = []
    for raw in blocks:
        try:
            part = part_in(bytes(raw), "content")
        except (Untranslatable, NoJson):
            continue
        if not isinstance(part, Media):
            parts.append(part)
    details = message.stop_details
    if details is not None and details.explanation:
        parts.append(Refused(text=details.explanation))
    has_called = any(isinstance(part, Call) for part in parts)
    stop = STOPS.get(message.stop_reason or "", Stop.TOOLS if has_called else Stop.END)
    return Reply(
        id=message.id,
        model=message.model,
        parts=tuple(part for part in parts if part != Thought()),
        stop=stop,
        sequence=message.stop_sequence or "",
        counts=Counts() if message.usage is None else message.usage.counts(),
    )
