"""An answer in neutral words, streamed or whole, as Responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.dialect import Stamp, Writer
from stillup.gateway.dialects.errors import error_event
from stillup.gateway.dialects.lenient import UNREADABLE, as_object
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Apart,
    Began,
    Call,
    Calls,
    Cites,
    Counted,
    Ended,
    Foreign,
    Gives,
    Kind,
    Media,
    Piece,
    Refused,
    Refuses,
    Reply,
    Seal,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.responses.answer_in import ResponsesReader
from stillup.gateway.dialects.responses.events import events
from stillup.gateway.dialects.responses.head import ended, head_of
from stillup.gateway.dialects.responses.items_out import ME, summary
from stillup.gateway.dialects.responses.layout import ALL, REFUSAL, SUMMARY, TEXT, Item, Layout
from stillup.gateway.dialects.responses.named import Named, as_text
from stillup.gateway.dialects.responses.stream_out import Stream

_encode = msgspec.json.encode
_raw = msgspec.json.Decoder(Raw).decode
_PREFIX = {"function_call": "fc", "custom_tool_call": "ctc", "tool_search_call": "tsc"}


class _Announced(Struct, gc=False):
    call_id: str | None = None


_announced = msgspec.json.Decoder(_Announced).decode


class ResponsesWriter(Writer):
    """Writes a stream. Whatever else went out as it came is in the layout, which the last event says again in full."""

    def __init__(self, ask: Ask, stamp: Stamp) -> None:
        super().__init__()
        self._ask = ask
        self._stamp = stamp
        self._named = Named(ask.body)
        self._reader = ResponsesReader()
        self._layout = Layout()
        self._stream = Stream(self._layout, stamp.id)

    def absorb(self, data: bytes) -> None:
        for piece in self._reader.feed(data):
            self.said.add(piece)
        for event in events(data):
            self._layout.see(event)
        self._stream.settle()
        if self._stream.part is None and not self.said.is_thinking:
            self.said.add(Apart())  # the text is whole: what is said next is another one

    def write(self, pieces: Sequence[Piece]) -> bytes:
        stream, layout = self._stream, self._layout
        for piece in pieces:
            if layout.has_ended:
                break
            self.said.add(piece)
            if type(piece) is Words and layout.head:
                if piece.text:
                    stream.say(TEXT, piece.text)
            else:
                self._write(piece)
        data = b"".join(stream.out)
        stream.out.clear()
        return data

    def _write(self, piece: Piece) -> None:
        if isinstance(piece, Words | Thinks | Refuses):
            self._say(piece)
            return
        match piece:
            case Began():
                self._begin()
            case ThoughtEnds(seal):
                self._end_thought(seal)
            case Calls(call):
                self._begin()
                self._call(call)
            case Cites(citation):
                self._stream.cite(citation)
            case Apart():
                if self._stream.part is not None and self._stream.part.kind == TEXT:
                    self._stream.close_part()
            case Gives(part):
                self._begin()
                self._give(part)
            case Ended():
                self._end()

    def _begin(self) -> None:
        layout = self._layout
        if not layout.head:
            began = self.said.began or Began()
            layout.head = head_of(self._ask, self._stamp, began.id, began.model)
        if not layout.has_begun:
            layout.has_begun = True
            self._stream.event("response.created", {"response": layout.head})
            self._stream.event("response.in_progress", {"response": layout.head})

    def _say(self, piece: Words | Thinks | Refuses) -> None:
        if not piece.text:
            return
        self._begin()
        if isinstance(piece, Words):
            self._stream.say(TEXT, piece.text)
        elif isinstance(piece, Refuses):
            self._stream.say(REFUSAL, piece.text)
        else:  # an upstream that told a thought in full may have been cut there
            part = self._stream.part
            self._stream.say(ALL if part is not None and part.kind == ALL else SUMMARY, piece.text)

    def error(self, fault: Fault, message: str) -> bytes:
        self._layout.has_ended = True
        return error_event(Protocol.RESPONSES, fault, message, sequence_number=self._layout.sequence)

    @property
    def response(self) -> dict[str, Any]:
        """The whole answer, once Ended was written."""
        layout = self._layout
        stop = Stop.END if self.said.ended is None else self.said.ended.stop
        refused = any(isinstance(part, Refused) for part in self.said.parts)
        output = [layout.done[index] for index in sorted(layout.done)]
        return ended(layout.head, output, stop, self.said.counts, refused=refused)

    def add_thought(self, thought: Thought) -> None:
        """A thought that is whole already, so that it is called by the name it was sealed with."""
        self.said.add(Thinks(thought.text))
        self.said.add(ThoughtEnds(thought.seal))
        self._begin()
        self._add_thought(thought.text, _mine(thought.seal))

    def _end_thought(self, seal: Seal | None) -> None:
        mine = _mine(seal)
        if self._stream.item is not None and self._stream.item.kind == "reasoning":
            self._stream.close_item(seal=mine)
        elif mine is not None:
            self._begin()
            self._add_thought("", mine)

    def _add_thought(self, text: str, seal: Seal | None) -> None:
        if seal is None:
            name, proof = self._stream.name(f"rs_{UNSIGNED}"), UNSIGNED
        else:
            name, proof = seal.id or self._stream.name("rs"), seal.data
        announced: dict[str, Any] = {"type": "reasoning", "id": name, "summary": []}
        whole = announced | {"summary": summary(text)} | ({"encrypted_content": proof} if proof else {})
        self._stream.whole_item("reasoning", name, announced, whole)

    def _call(self, call: Call) -> None:
        real = self._named.real(call.name)
        kind = real.called_as
        broken = self._broken_call(kind)
        fields: dict[str, Any] = {"type": kind}
        if broken is None:
            fields |= {"id": self._stream.name(_PREFIX[kind]), "call_id": call.id}
        else:  # the client knows it by what it was announced as; what is said of it when it is whole counts
            fields |= {"id": broken.id, "call_id": _call_id(broken.raw) or call.id}
        if kind == "tool_search_call":
            self._search(call, fields, broken)
            return
        fields["name"] = real.name
        if real.namespace:
            fields["namespace"] = real.namespace
        what, value = ("arguments", call.arguments) if kind == "function_call" else ("input", as_text(call.arguments))
        event = f"response.{kind}_{what}"
        item = broken
        if item is None:
            item = self._stream.open_item(kind, fields["id"], {**fields, "status": "in_progress", what: ""})
            self._stream.event(f"{event}.delta", {**_place(item), "delta": value})
        self._stream.event(f"{event}.done", {**_place(item), "name": real.name, what: value})
        self._stream.item_done(item, {**fields, "status": "completed", what: value})

    def _search(self, call: Call, fields: dict[str, Any], broken: Item | None) -> None:
        fields["execution"] = "client"
        announced = {**fields, "status": "in_progress", "arguments": {}}
        item = broken or self._stream.open_item("tool_search_call", fields["id"], announced)
        self._stream.item_done(item, {**fields, "status": "completed", "arguments": _as_value(call.arguments)})

    def _broken_call(self, kind: str) -> Item | None:
        self._stream.close_item()
        return next((item for item in self._layout.open.values() if item.kind == kind), None)

    def _give(self, part: Media | Foreign) -> None:
        if isinstance(part, Foreign):
            if part.origin is ME and not part.what.startswith(("input_", "output_")):
                raw = Raw(part.raw)
                self._stream.whole_item(part.what, "", raw, raw)
        elif part.kind is Kind.IMAGE and part.data:
            fields = {"type": "image_generation_call", "id": self._stream.name("ig")}
            announced = {**fields, "status": "in_progress", "result": None}
            whole = {**fields, "status": "completed", "result": part.data}
            self._stream.whole_item("image_generation_call", fields["id"], announced, whole)

    def _end(self) -> None:
        self._begin()
        status = self.response["status"]
        self._stream.close_item(status)
        for item in list(self._layout.open.values()):
            self._stream.item = item
            if item.kind in {"message", "reasoning"}:
                self._stream.close_item("incomplete")
            else:
                self._stream.item_done(item, _broken(item))
        self._stream.event(f"response.{status}", {"response": self.response})
        self._layout.has_ended = True


def _place(item: Item) -> dict[str, Any]:
    return {"item_id": item.id, "output_index": item.index}


def _as_value(arguments: str) -> Raw | str:
    try:
        return _raw(arguments.encode())
    except (*UNREADABLE, UnicodeEncodeError):
        return arguments


def _mine(seal: Seal | None) -> Seal | None:
    return seal if seal is not None and seal.origin is ME else None


def _call_id(raw: bytes) -> str:
    try:
        return _announced(raw).call_id or ""
    except UNREADABLE:
        return ""


def _broken(item: Item) -> dict[str, Any]:
    """An item of which no more will come, as it was announced."""
    try:
        fields = as_object(item.raw)
    except UNREADABLE:
        fields = {"type": Raw(_encode(item.kind)), "id": Raw(_encode(item.id))}
    return {**fields, "status": "incomplete"}


def write_reply(reply: Reply, ask: Ask, stamp: Stamp) -> bytes:
    """A whole response."""
    writer = ResponsesWriter(ask, stamp)
    writer.write([Began(reply.id, reply.model)])
    for part in reply.parts:
        match part:
            case Text():
                writer.write([Words(part.text), *map(Cites, part.citations), Apart()])
            case Thought():
                writer.add_thought(part)
            case Call():
                writer.write([Calls(part)])
            case Refused():
                writer.write([Refuses(part.text)])
            case Media() | Foreign():
                writer.write([Gives(part)])
    writer.write([Counted(reply.counts), Ended(reply.stop, reply.sequence)])
    return _encode(writer.response)
