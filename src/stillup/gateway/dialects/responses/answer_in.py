"""An answer of Responses, streamed or whole, read into neutral words."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from stillup.gateway.dialects.dialect import Reader, Untranslatable
from stillup.gateway.dialects.lenient import NULL, NoJson
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
from stillup.gateway.dialects.responses.events import Event, Response, events, response_in
from stillup.gateway.dialects.responses.items import APART, citation_in, said_in
from stillup.gateway.dialects.trouble import said
from stillup.gateway.dialects.typed import typed

_whole = msgspec.json.Decoder(Response).decode
_SUMMARY, _ALL = "response.reasoning_summary_text.delta", "response.reasoning_text.delta"
_BY_FILTER = frozenset({"content_filter"})


def stop_of(response: Response, kinds: AbstractSet[type[Part]]) -> Stop:
    """Why it ended: the kinds of its parts tell more than its status."""
    reason = None if response.incomplete_details is None else response.incomplete_details.reason
    if reason in _BY_FILTER:
        return Stop.REFUSED
    if response.status == "incomplete" or reason:
        return Stop.LENGTH
    if Call in kinds:
        return Stop.TOOLS
    return Stop.REFUSED if Refused in kinds else Stop.END


def read_reply(data: bytes) -> Reply:
    """A whole response. Raises NoJson, also for JSON that is none."""
    try:
        response = typed(_whole, data)
        parts = tuple(part for raw in response.output or () for part in said_in(bytes(raw), "output"))
    except Untranslatable as misfit:
        raise NoJson(str(misfit)) from misfit
    return Reply(
        id=response.id or "",
        model=response.model or "",
        parts=parts,
        stop=stop_of(response, {type(part) for part in parts}),
        counts=Counts() if response.usage is None else response.usage.counts(),
    )


class ResponsesReader(Reader):
    """Reads a stream. Items are known by their index, and where that is missing the last one is meant."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._index = -1
        self._text_at: tuple[int, int] | None = None
        """Where the text that was told last stands, while nothing else was told behind it."""
        self._told: set[tuple[int, int]] = set()
        """Content that has come in pieces."""
        self._cited: set[tuple[int, int]] = set()
        self._done: set[int] = set()
        self._calls: dict[str, Call] = {}
        self._kinds: set[type[Part]] = set()
        self._thought: tuple[int, str] | None = None
        """The thought that is open: its item, and the event it comes by."""
        self._paragraph = 0
        self._ended = False
        self._seen: dict[str, Callable[[Event], None]] = {
            "response.created": self._begin,
            _SUMMARY: self._see_thought,
            _ALL: self._see_thought,
            "response.refusal.delta": self._see_refusal,
            "response.output_text.done": self._see_told,
            "response.refusal.done": self._see_told,
            "response.output_text.annotation.added": self._cite,
            "response.output_item.added": self._see_item,
            "response.output_item.done": self._see_whole_item,
            "response.completed": self._see_end,
            "response.incomplete": self._see_end,
            "response.failed": self._see_error,
            "error": self._see_error,
        }

    def feed(self, data: bytes) -> list[Piece]:
        self._pieces = []
        for event in events(data):
            if self._ended:
                break
            kind = event.type
            if event.output_index < 0:
                event.output_index = max(self._index, 0)
            if kind == "response.output_text.delta":
                self._say(event.output_index, event.content_index, event.delta)
            elif kind in self._seen:
                self._seen[kind](event)
            elif not kind and event.error != NULL:
                self._see_error(event)
        return self._pieces

    def finish(self) -> list[Piece]:
        self._pieces = []
        if not self._ended:  # its end could not be read, or was none
            self._over(Response())
        return self._pieces

    def _see_thought(self, event: Event) -> None:
        paragraph = event.summary_index if event.type == _SUMMARY else event.content_index
        self._think(event.type, event.output_index, paragraph, event.delta)

    def _see_refusal(self, event: Event) -> None:
        self._refuse(event.output_index, event.content_index, event.delta)

    def _see_told(self, event: Event) -> None:
        """All of a text or a refusal, which matters where it did not come in pieces."""
        at = (event.output_index, event.content_index)
        if at in self._told:
            return
        if event.type == "response.output_text.done":
            self._say(*at, event.text)
        else:
            self._refuse(*at, event.refusal)

    def _see_item(self, event: Event) -> None:
        self._index = max(event.output_index, self._index + 1)

    def _see_whole_item(self, event: Event) -> None:
        self._item_done(event.output_index, event.item)

    def _see_end(self, event: Event) -> None:
        response = response_in(bytes(event.response))
        if len(self._done) < len(response.output or ()):
            for n, raw in enumerate(response.output or ()):
                self._item_done(n, raw)
        if response.usage is not None:
            self._pieces.append(Counted(response.usage.counts()))
        if event.type == "response.incomplete":
            response.status = "incomplete"
        self._over(response)

    def _over(self, response: Response) -> None:
        self._close_thought()
        self._ended = True
        self._pieces.append(Ended(stop_of(response, self._kinds)))

    def _see_error(self, event: Event) -> None:
        self._ended = True
        error = event.error if event.response == NULL else event.response
        self._pieces.append(Failed(event.message or said(bytes(error)).message))

    def _begin(self, event: Event) -> None:
        if event.response != NULL:
            response = response_in(bytes(event.response))
            self._pieces.append(Began(response.id or "", response.model or ""))

    def _say(self, index: int, content: int, text: str) -> None:
        if not text:
            return
        at = (index, content)
        if at != self._text_at:
            if self._text_at is not None:
                self._pieces.append(Apart())
            self._text_at = at
            self._told.add(at)
        self._pieces.append(Words(text))

    def _refuse(self, index: int, content: int, text: str) -> None:
        if text:
            self._text_at = None
            self._told.add((index, content))
            self._kinds.add(Refused)
            self._pieces.append(Refuses(text))

    def _cite(self, event: Event) -> None:
        at = (event.output_index, event.content_index)
        if event.annotation == NULL or at != self._text_at:
            return
        try:
            self._pieces.append(Cites(citation_in(bytes(event.annotation))))
            self._cited.add(at)
        except (NoJson, Untranslatable):
            return

    def _think(self, kind: str, index: int, paragraph: int, text: str) -> None:
        if not text:
            return
        if self._thought is None or self._thought[0] != index:
            self._close_thought()
            self._thought = (index, kind)
            self._paragraph = paragraph
            self._text_at = None
        elif self._thought[1] != kind:
            return  # the same thought told twice: in full, and its summary
        elif paragraph != self._paragraph:
            self._paragraph = paragraph
            text = APART + text
        self._pieces.append(Thinks(text))

    def _close_thought(self) -> None:
        """A thought that nobody ended: it has no seal."""
        if self._thought is not None:
            self._thought = None
            self._pieces.append(ThoughtEnds())

    def _item_done(self, index: int, raw: Raw) -> None:
        if raw == NULL or index in self._done:
            return
        self._done.add(index)
        self._index = max(self._index, index)
        try:
            parts = said_in(bytes(raw), "item")
        except (NoJson, Untranslatable):
            return
        for n, part in enumerate(parts):
            self._part_done(index, n, part)

    def _part_done(self, index: int, content: int, part: Part) -> None:
        match part:
            case Text():
                self._text_done((index, content), part)
            case Refused() if (index, content) not in self._told:
                self._refuse(index, content, part.text)
            case Thought():
                self._thought_done(index, part)
            case Call():
                self._call(index, part)
            case Foreign():
                self._give(Gives(part), Foreign)

    def _text_done(self, at: tuple[int, int], part: Text) -> None:
        if at not in self._told:
            self._say(*at, part.text)
        if at == self._text_at and at not in self._cited:
            self._cited.add(at)
            self._pieces += map(Cites, part.citations)

    def _thought_done(self, index: int, part: Thought) -> None:
        if self._thought is not None and self._thought[0] != index:
            self._close_thought()
        if self._thought is None:
            if not part.text and part.seal is None:
                return
            self._text_at = None
            if part.text:
                self._pieces.append(Thinks(part.text))
        self._thought = None
        self._pieces.append(ThoughtEnds(part.seal))

    def _call(self, index: int, call: Call) -> None:
        before = self._calls.get(call.id)
        if before == call:
            return  # told once more at the end
        if before is not None or not call.id:  # nobody could tell the two apart, or answer it at all
            # Claude Code takes "x" and "x_1" for two parts of one call.
            call = replace(call, id=f"{call.id or 'call'}-{index}")
        self._calls[call.id] = call
        self._give(Calls(call), Call)

    def _give(self, piece: Piece, kind: type[Part]) -> None:
        self._close_thought()
        self._text_at = None
        self._kinds.add(kind)
        self._pieces.append(piece)
