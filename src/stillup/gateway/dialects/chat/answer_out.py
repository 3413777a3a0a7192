"""An answer written as a chat completion: in chunks, or whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.chat.answer_in import ChatReader
from stillup.gateway.dialects.chat.told import read_chunk
from stillup.gateway.dialects.dialect import Stamp, Writer
from stillup.gateway.dialects.errors import error_event
from stillup.gateway.dialects.lenient import NULL, NoJson, read
from stillup.gateway.dialects.neutral import (
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
    Gives,
    Kind,
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
from stillup.gateway.dialects.sse import events
from stillup.gateway.dialects.writing import data_url

_encode = msgspec.json.encode
_DONE = b"data: [DONE]\n\n"
_REASONS = {
    Stop.LENGTH: "length",
    Stop.CONTEXT: "length",
    Stop.TOOLS: "tool_calls",
    Stop.REFUSED: "content_filter",
}
"""Every other end is ``stop``."""


class _Options(Struct, gc=False):
    include_usage: bool | None = None


class _Wants(Struct, gc=False):
    """What the client's request says about the form of its answer."""

    stream_options: _Options | None = None
    functions: Raw = NULL
    tools: Raw = NULL

    @property
    def usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def legacy(self) -> bool:
        """It knows functions only: it would not look at ``tool_calls``."""
        return bytes(self.functions) not in _NOTHING and bytes(self.tools) in _NOTHING


_NOTHING = (b"null", b"[]")
_wants = msgspec.json.Decoder(_Wants).decode


def _wanted(ask: Ask) -> _Wants:
    try:
        return read(_wants, ask.body, _Wants)
    except NoJson:
        return _Wants()


class ChatWriter(Writer):
    """Writes chunks. Usage is sent only to a client that asked for it."""

    def __init__(self, ask: Ask, stamp: Stamp) -> None:
        super().__init__()
        wants = _wanted(ask)
        self._ask_model = ask.model
        self._wants_usage, self._legacy = wants.usage, wants.legacy
        self._id, self._created_s = f"chatcmpl-{stamp.id}", stamp.created_s
        self._head = b""
        self._tail = b""
        self._reader: ChatReader | None = None
        self._has_stopped = False
        self._has_usage = False
        self._is_over = False
        self._lists: dict[str, int] = {}
        self._characters = 0
        self._part_at = 0
        self._in_text = False
        self._after_thought = False

    # --- what went out as it came

    def absorb(self, data: bytes) -> None:
        if self._reader is None:
            self._reader = ChatReader()
        if not self._head:
            self._adopt(data)
        pieces = self._reader.feed(data)
        for piece in (*pieces, *self._reader.settle()):
            self._note(piece)
        if self._reader.has_stopped:
            self._has_stopped = True
            self._has_usage = self._has_usage or any(isinstance(piece, Counted) for piece in pieces)

    def _adopt(self, data: bytes) -> None:
        """The chunks that follow have the same id, time and model."""
        for _, inside in events(data):
            try:
                chunk = read_chunk(inside)
            except NoJson:
                continue
            if chunk.choices:
                self._id = chunk.id or self._id
                self._created_s = self._created_s if chunk.created is None else chunk.created
                self._begin(chunk.model or "")
                return

    def _note(self, piece: Piece) -> None:
        """Keeps count of what is numbered, and of where in the text the next part begins."""
        match piece:
            case Words(text):
                if not self._in_text:
                    self._in_text, self._part_at = True, self._characters
                self._characters += len(text)
                self._after_thought = False
            case Apart():
                self._in_text = False
            case Calls():
                self._number("tool_calls")
                self._in_text = self._after_thought = False
            case Cites(citation) if citation.url:
                self._number("annotations")
            case Thinks():
                self._in_text = False
            case ThoughtEnds():
                self._in_text, self._after_thought = False, True
            case Ended():
                self._is_over = self._has_stopped = True
        self.said.add(piece)

    # --- what is ours

    def write(self, pieces: Sequence[Piece]) -> bytes:
        out: list[bytes] = []
        for piece in pieces:
            if self._is_over:
                break
            if piece.__class__ is Words and self._in_text and self._head:  # nearly all there is
                text: str = piece.text
                if text:
                    self._characters += len(text)
                    self.said.add(piece)
                    out += (self._head, b'{"content":', _encode(text), b"}", self._tail)
            elif piece.__class__ is Counted and self._head:
                self.said.add(piece)
            else:
                self._write_other(piece, out)
        return b"".join(out)

    def _write_other(self, piece: Piece, out: list[bytes]) -> None:
        if isinstance(piece, Failed):
            return
        if not self._head:
            out.append(self._opening(piece.model if isinstance(piece, Began) else ""))
        if isinstance(piece, Words | Thinks | Refuses) and not piece.text:
            return
        out.append(self._of(piece))
        self._note(piece)

    def _of(self, piece: Piece) -> bytes:
        match piece:
            case Calls(call):
                return self._call(call)
            case Ended():
                return self._end(piece)
        delta = self._delta_of(piece)
        return b"" if delta is None else self._delta(delta)

    def _delta_of(self, piece: Piece) -> Mapping[str, Any] | None:
        delta: Mapping[str, Any] | None = None
        match piece:
            case Words(text):
                delta = {"content": text}
            case Thinks(text):
                # Two thoughts on end are one text here: a cut one, and the one that is thought instead.
                apart = "\n\n" if self._after_thought and not self.said.is_thinking else ""
                delta = {"reasoning_content": apart + text}
            case Refuses(text):
                delta = {"refusal": text}
            case Cites(citation) if citation.url:
                at = self._part_at if self._in_text else self._characters
                delta = {"annotations": [_annotation(citation, at, self._lists.get("annotations", 0))]}
            case Gives(Media() as media) if media.kind is Kind.IMAGE:
                delta = {"images": [_image(media, self._number("images"))]}
        return delta

    def _number(self, name: str) -> int:
        number = self._lists.get(name, 0)
        self._lists[name] = number + 1
        return number

    def _begin(self, model: str) -> None:
        head = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created_s,
            "model": model or self._ask_model,
        }
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":[{"index":0,"delta":'
        usage = b',"usage":null' if self._wants_usage else b""
        self._tail = b',"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"

    def _opening(self, model: str) -> bytes:
        self._begin(model)
        return self._delta({"role": "assistant", "content": "", "refusal": None})

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return b"".join((self._head, _encode(delta), self._tail))

    def _call(self, call: Call) -> bytes:
        if self._legacy:
            begun = self._delta({"function_call": {"name": call.name, "arguments": ""}})
            return begun + self._delta({"function_call": {"arguments": call.arguments}})
        index = self._lists.get("tool_calls", 0)
        begun_call = {
            "index": index,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        rest = {"index": index, "function": {"arguments": call.arguments}}
        return self._delta({"tool_calls": [begun_call]}) + self._delta({"tool_calls": [rest]})

    def _end(self, ended: Ended) -> bytes:
        out = b""
        if not self._has_stopped:
            reason = _encode(self._reason(ended.stop))
            out = b"".join(
                (self._head, b"{}", self._tail.replace(b'"finish_reason":null', b'"finish_reason":' + reason))
            )
        usage = _usage(self.said.counts)
        if self._wants_usage and usage is not None and not self._has_usage:
            head = self._head[: self._head.rindex(b'"choices":')]
            out += b"".join((head, b'"choices":[],"usage":', _encode(usage), b"}\n\n"))
        return out + _DONE

    def _reason(self, stop: Stop) -> str:
        calls = bool(self._lists.get("tool_calls"))
        refused = any(isinstance(part, Refused) for part in self.said.parts)
        return reason_of(stop, calls=calls, refused=refused, legacy=self._legacy)

    def error(self, fault: Fault, message: str) -> bytes:
        self._is_over = True
        return error_event(Protocol.OPENAI, fault, message)


def reason_of(stop: Stop, *, calls: bool, refused: bool, legacy: bool) -> str:
    """Why it ended, in this dialect's words. A refusal in words is an answer."""
    if stop is Stop.END and calls:
        stop = Stop.TOOLS
    if stop is Stop.REFUSED and refused:
        return "stop"
    reason = _REASONS.get(stop, "stop")
    return "function_call" if legacy and reason == "tool_calls" else reason


def _usage(counts: Counts) -> Mapping[str, Any] | None:
    """None where nobody counted: the SDKs know no unknown number, and nought would be a wrong one."""
    if counts.input is None and counts.output is None:
        return None
    given, made = counts.input or 0, counts.output or 0
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": {"cached_tokens": counts.cache_read or 0, "audio_tokens": 0}
        | ({"cache_write_tokens": counts.cache_write} if counts.cache_write else {}),
        "completion_tokens_details": {"reasoning_tokens": counts.thought or 0, "audio_tokens": 0},
    }


def _annotation(citation: Citation, at: int, index: int | None = None) -> Mapping[str, Any]:
    """``at`` is where in all the content the citation's part begins."""
    found: dict[str, Any] = {"url": citation.url, "title": citation.title}
    if citation.start is not None and citation.end is not None:
        found |= {"start_index": at + citation.start, "end_index": at + citation.end}
    else:
        found |= {"start_index": at, "end_index": at}
    numbered = {} if index is None else {"index": index}
    return {**numbered, "type": "url_citation", "url_citation": found}


def _image(media: Media, index: int | None = None) -> Mapping[str, Any]:
    url = media.url or data_url(media.media_type or "image/png", media.data)
    numbered = {} if index is None else {"index": index}
    return {**numbered, "type": "image_url", "image_url": {"url": url}}


def write_reply(reply: Reply, ask: Ask, stamp: Stamp) -> bytes:
    """A completion."""
    wants = _wanted(ask)
    message = _message(reply.parts, legacy=wants.legacy)
    calls = "tool_calls" in message or "function_call" in message
    reason = reason_of(reply.stop, calls=calls, refused=message["refusal"] is not None, legacy=wants.legacy)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    whole: dict[str, Any] = {
        "id": f"chatcmpl-{stamp.id}",
        "object": "chat.completion",
        "created": stamp.created_s,
        "model": reply.model or ask.model,
        "choices": [choice],
    }
    usage = _usage(reply.counts)
    if usage is not None:
        whole["usage"] = usage
    return _encode(whole)


def _message(parts: Sequence[Part], *, legacy: bool) -> dict[str, Any]:
    calls = [part for part in parts if isinstance(part, Call)]
    refusals = [part.text for part in parts if isinstance(part, Refused)]
    texts = [part for part in parts if isinstance(part, Text)]
    thoughts = [part.text for part in parts if isinstance(part, Thought) and part.text]
    images = [_image(part) for part in parts if isinstance(part, Media) and part.kind is Kind.IMAGE]
    text = "".join(part.text for part in texts)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if texts or not (calls or refusals) else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    if annotations := _annotations(texts):
        message["annotations"] = annotations
    if images:
        message["images"] = images
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)
    if calls and legacy:
        message["function_call"] = _function(calls[-1])
    elif calls:
        message["tool_calls"] = [{"id": call.id, "type": "function", "function": _function(call)} for call in calls]
    return message


def _annotations(texts: Iterable[Text]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    at = 0
    for text in texts:
        found += (_annotation(citation, at) for citation in text.citations if citation.url)
        at += len(text.text)
    return found


def _function(call: Call) -> Mapping[str, str]:
    return {"name": call.name, "arguments": call.arguments}
