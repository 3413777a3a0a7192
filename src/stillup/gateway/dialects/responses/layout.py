"""Where a stream of Responses stands: what of it is open, and the items that are whole."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.dialects.lenient import NULL, UNREADABLE, as_object
from stillup.gateway.dialects.responses.events import Event

TEXT, REFUSAL, SUMMARY, ALL = "output_text", "refusal", "summary_text", "reasoning_text"
_DELTAS = {
    "response.output_text.delta": TEXT,
    "response.refusal.delta": REFUSAL,
    "response.reasoning_summary_text.delta": SUMMARY,
    "response.reasoning_text.delta": ALL,
}
_TOLD = {
    "response.output_text.done",
    "response.refusal.done",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.done",
}
_ENDS = {"response.completed", "response.incomplete", "response.failed", "error"}


class Part:
    """A part of an item that is open; ``is_told``: the event with all of its text went out."""

    __slots__ = ("index", "is_told", "kind", "length", "notes", "pieces")

    def __init__(self, kind: str, index: int) -> None:
        self.kind = kind
        self.index = index
        self.pieces: list[str] = []
        self.length = 0
        self.notes: list[Any] = []
        self.is_told = False

    def add(self, text: str) -> None:
        """A piece of it."""
        self.pieces.append(text)
        self.length += len(text)

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.pieces)

    @property
    def whole(self) -> dict[str, Any]:
        """The part as it stands in its item."""
        if self.kind == REFUSAL:
            return {"type": REFUSAL, "refusal": self.text}
        if self.kind == TEXT:
            return {"type": TEXT, "text": self.text, "annotations": self.notes, "logprobs": []}
        return {"type": self.kind, "text": self.text}


class Item:
    """An item that is open. ``raw`` is how it was announced; ``parts`` are those that are whole."""

    __slots__ = ("id", "index", "kind", "part", "parts", "raw")

    def __init__(self, kind: str, name: str, index: int, raw: bytes = b"") -> None:
        self.kind = kind
        self.id = name
        self.index = index
        self.raw = raw
        self.part: Part | None = None
        self.parts: list[tuple[str, Any]] = []
        """Kind, and the part as JSON."""

    def next_index(self, kind: str) -> int:
        """Where the next part of that kind stands; a summary is counted apart from a thought's content."""
        if kind in {TEXT, REFUSAL}:
            return len(self.parts)
        return sum(one == kind for one, _ in self.parts)


class _Head(Struct, gc=False):
    type: str = ""
    id: str | None = None


class _Kind(Struct, gc=False):
    type: str = ""


_head = msgspec.json.Decoder(_Head).decode
_kind = msgspec.json.Decoder(_Kind).decode


class Layout:
    """Follows events that went out, and holds what the end of the stream has to say again."""

    def __init__(self) -> None:
        self.sequence = 0
        """The number of the next event."""
        self.next_index = 0
        self.head: dict[str, Any] = {}
        self.open: dict[int, Item] = {}
        self.done: dict[int, Any] = {}
        self.has_begun = False
        self.has_ended = False

    def see(self, event: Event) -> None:
        """One event that went out."""
        self.has_begun = True
        self.sequence = (event.sequence_number if event.sequence_number >= 0 else self.sequence) + 1
        kind = event.type
        if kind in _DELTAS:
            self._delta(event, _DELTAS[kind])
        elif kind in _TOLD:
            self._told(event)
        elif kind == "response.output_item.added":
            self._added(event)
        elif kind == "response.output_item.done":
            self._item_done(event)
        elif kind in {"response.content_part.added", "response.reasoning_summary_part.added"}:
            self._part_added(event)
        elif kind in {"response.content_part.done", "response.reasoning_summary_part.done"}:
            self._part_done(event)
        elif kind == "response.output_text.annotation.added":
            self._noted(event)
        elif kind in _ENDS:
            self.has_ended = True
        elif event.response != NULL:
            self._began(event)

    def _began(self, event: Event) -> None:
        try:
            self.head = {name: Raw(bytes(raw)) for name, raw in as_object(event.response).items()} or self.head
        except UNREADABLE:
            return

    @property
    def last_open(self) -> Item | None:
        """The item that was opened last of those that are open."""
        return self.open[next(reversed(self.open))] if self.open else None

    def _at(self, event: Event) -> Item | None:
        if event.output_index < 0:
            return self.last_open
        return self.open.get(event.output_index)

    def _added(self, event: Event) -> None:
        index = event.output_index if event.output_index >= 0 else self.next_index
        self.next_index = max(self.next_index, index + 1)
        if index in self.done:
            return
        try:
            head = _head(event.item)
        except UNREADABLE:
            head = _Head()
        self.open[index] = Item(head.type, head.id or event.item_id, index, bytes(event.item))

    def _item_done(self, event: Event) -> None:
        index = event.output_index
        if index < 0:
            index = self.next_index if self.last_open is None else self.last_open.index
        self.next_index = max(self.next_index, index + 1)
        self.open.pop(index, None)
        if event.item != NULL:
            self.done[index] = Raw(bytes(event.item))

    def _part_added(self, event: Event) -> None:
        item = self._at(event)
        if item is None:
            return
        is_summary = event.type == "response.reasoning_summary_part.added"
        try:
            kind = SUMMARY if is_summary else _kind(event.part).type or TEXT
        except UNREADABLE:
            kind = TEXT
        item.part = Part(kind, event.summary_index if is_summary else event.content_index)

    def _part_done(self, event: Event) -> None:
        item = self._at(event)
        if item is not None and item.part is not None:
            item.parts.append((item.part.kind, item.part.whole if event.part == NULL else Raw(bytes(event.part))))
            item.part = None

    def _delta(self, event: Event, kind: str) -> None:
        item = self._at(event)
        if item is None:
            return
        index = event.summary_index if kind == SUMMARY else event.content_index
        if item.part is None:
            item.part = Part(kind, index)
        elif item.part.kind != kind or item.part.index != index:
            item.parts.append((item.part.kind, item.part.whole))
            item.part = Part(kind, index)
        item.part.add(event.delta)

    def _told(self, event: Event) -> None:
        item = self._at(event)
        if item is None or item.part is None:
            return
        item.part.is_told = True
        if not item.part.pieces:
            item.part.add(event.text or event.refusal)

    def _noted(self, event: Event) -> None:
        item = self._at(event)
        if item is not None and item.part is not None and event.annotation != NULL:
            item.part.notes.append(Raw(bytes(event.annotation)))
