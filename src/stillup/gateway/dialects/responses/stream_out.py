"""A stream of Responses as it is written: items, their parts, and pieces of those, in the order every SDK expects."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from stillup.gateway.dialects.neutral import UNSIGNED, Citation, Seal
from stillup.gateway.dialects.responses.items import sealed
from stillup.gateway.dialects.responses.items_out import annotation
from stillup.gateway.dialects.responses.layout import ALL, REFUSAL, SUMMARY, TEXT, Item, Layout, Part

_encode = msgspec.json.encode
_DELTA = {
    TEXT: "response.output_text.delta",
    REFUSAL: "response.refusal.delta",
    SUMMARY: "response.reasoning_summary_text.delta",
    ALL: "response.reasoning_text.delta",
}
_LOGPROBS = b',"logprobs":[],"sequence_number":'
_NUMBER = b',"sequence_number":'


class Stream:
    """Writes events, with numbers that go on from those in the layout.

    ``item`` is what is said next's to go on with, ``part`` its part that takes more text.
    """

    def __init__(self, layout: Layout, stamp: str) -> None:
        self.out: list[bytes] = []
        self.item: Item | None = None
        self.part: Part | None = None
        self._layout = layout
        self._stamp = stamp
        self._delta = b""
        """How a piece of the open part's text begins, while there is one."""

    def settle(self) -> None:
        """The layout moved on: what is said next belongs to the last open item, if it belongs to any."""
        layout = self._layout
        self.item = layout.last_open
        self.part = None
        if self.item is not None and self.item.part is not None and not self.item.part.is_told:
            self._ready(self.item, self.item.part)

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """One event."""
        layout = self._layout
        data = _encode({"type": kind, **fields, "sequence_number": layout.sequence})
        layout.sequence += 1
        self.out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))

    def name(self, prefix: str) -> str:
        """A name for the next item."""
        return f"{prefix}_{self._stamp}_{self._layout.next_index}"

    def open_item(self, kind: str, name: str, announced: dict[str, Any] | Raw) -> Item:
        """An item begins; the one before it ends."""
        self.close_item()
        layout = self._layout
        item = self.item = layout.open[layout.next_index] = Item(kind, name, layout.next_index)
        layout.next_index += 1
        self.event("response.output_item.added", {"output_index": item.index, "item": announced})
        return item

    def item_done(self, item: Item, whole: Any) -> None:  # noqa: ANN401 - JSON
        """An item is whole."""
        layout = self._layout
        self.event("response.output_item.done", {"output_index": item.index, "item": whole})
        layout.done[item.index] = Raw(_encode(whole))
        layout.open.pop(item.index, None)
        if item is self.item:
            self.item = None

    def close_item(self, status: str = "completed", seal: Seal | None = None) -> None:
        """Whatever is open ends as it is."""
        item = self.item
        if item is None:
            return
        self.close_part()
        if item.kind == "message":
            content = [whole for _, whole in item.parts]
            whole = {"type": "message", "id": item.id, "status": status, "role": "assistant", "content": content}
            self.item_done(item, whole)
        elif item.kind == "reasoning":
            self.item_done(item, _reasoning(item, seal))
        else:
            self.item = None  # a call that broke off: _end says so, should no other one take its place

    def whole_item(self, kind: str, name: str, announced: dict[str, Any] | Raw, whole: dict[str, Any] | Raw) -> None:
        """An item that comes at once."""
        self.item_done(self.open_item(kind, name, announced), whole)

    def say(self, kind: str, text: str) -> None:
        """A piece of a part of that kind."""
        part = self.part
        if part is None or part.kind != kind:
            part = self._open_part(kind)
        part.add(text)
        layout = self._layout
        end = _LOGPROBS if kind == TEXT else _NUMBER
        self.out.append(b"%b%b%b%d}\n\n" % (self._delta, _encode(text), end, layout.sequence))
        layout.sequence += 1

    def _open_part(self, kind: str) -> Part:
        wanted = "message" if kind in {TEXT, REFUSAL} else "reasoning"
        item = self.item
        if item is None or item.kind != wanted:
            item = self._new_item(wanted)
        self.close_part()
        part = item.part = Part(kind, item.next_index(kind))
        if kind != ALL:
            self.event(_part_event(kind, "added"), {**_place(item, part), "part": part.whole})
        self._ready(item, part)
        return part

    def _new_item(self, kind: str) -> Item:
        if kind == "message":
            name = self.name("msg")
            rest: dict[str, Any] = {"status": "in_progress", "role": "assistant", "content": []}
        else:
            name = self.name(f"rs_{UNSIGNED}")
            rest = {"summary": []}
        return self.open_item(kind, name, {"type": kind, "id": name, **rest})

    def _ready(self, item: Item, part: Part) -> None:
        """Make the beginning of the events that come most often once for all of them."""
        kind = _DELTA.get(part.kind)
        if kind is not None:
            self.part = part
            fields = {"type": kind, **_place(item, part)}
            self._delta = b'event: %b\ndata: %b,"delta":' % (kind.encode(), _encode(fields)[:-1])

    def close_part(self) -> None:
        """What is told behind this is a part of its own."""
        self.part = None
        item = self.item
        if item is None or item.part is None:
            return
        part, item.part = item.part, None
        place, whole = _place(item, part), part.whole
        kind = _DELTA.get(part.kind)
        if not part.is_told and kind is not None:
            name = "refusal" if part.kind == REFUSAL else "text"
            fields = {**place, name: part.text}
            if part.kind == TEXT:
                fields["logprobs"] = []
            self.event(kind.removesuffix("delta") + "done", fields)
        if part.kind != ALL:
            self.event(_part_event(part.kind, "done"), {**place, "part": whole})
        item.parts.append((part.kind, whole))

    def cite(self, citation: Citation) -> None:
        """A citation for the open text."""
        item, part = self.item, self.part
        if item is None or part is None or part.kind != TEXT:
            return
        note = annotation(citation, part.length)
        if note is not None:
            fields = {**_place(item, part), "annotation_index": len(part.notes), "annotation": note}
            self.event("response.output_text.annotation.added", fields)
            part.notes.append(note)


def _place(item: Item, part: Part) -> dict[str, Any]:
    counted_as = "summary_index" if part.kind == SUMMARY else "content_index"
    return {"item_id": item.id, "output_index": item.index, counted_as: part.index}


def _part_event(kind: str, what: str) -> str:
    return f"response.{'reasoning_summary_part' if kind == SUMMARY else 'content_part'}.{what}"


def _reasoning(item: Item, seal: Seal | None) -> dict[str, Any]:
    """The thought that is over. Its id was announced before anyone knew its seal, so the seal holds the right one."""
    whole: dict[str, Any] = {
        "type": "reasoning",
        "id": item.id,
        "summary": [part for kind, part in item.parts if kind == SUMMARY],
    }
    content = [part for kind, part in item.parts if kind == ALL]
    if content:
        whole["content"] = content
    whole["encrypted_content"] = sealed(seal)
    return whole
