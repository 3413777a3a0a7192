"""Law 4: what no client can use in part is held back until it is whole, so that a break costs nothing.

Half a tool call; with ``thinking_cut = "hold"`` half a thought; all of an answer whose meaning is in its whole (JSON by
a schema, several answers, citations). The bytes that are let go are those that came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import CONTENT, END, ERROR, HELD, Watch, Wrapping
from stillup.gateway.dialects.dialect import dialect_of
from stillup.gateway.dialects.lenient import NULL, NoJson, plain, read
from stillup.gateway.dialects.neutral import Calls
from stillup.gateway.dialects.sse import Splitter, fields_of_lines

LONGEST_HELD_BYTES = 8 * 1024 * 1024
"""More is let go as it comes; should the answer break off then, nobody can go on with it."""
_MOST_LOOKS = 16
"""So often what is held is read anew, where something ended in it and its calls are not whole; then at its end only."""


class Holds(Enum):
    """What is held back."""

    CALLS = "calls"
    THOUGHTS = "thoughts"
    """And calls."""
    ALL = "all"


class Room:
    """How many bytes all requests together may hold back; ``left`` may be below nothing for a moment."""

    __slots__ = ("left",)

    def __init__(self, most_bytes: int = 256 * 1024 * 1024) -> None:
        self.left = most_bytes


class HoldingWatch(Wrapping):
    """A watch that hands out late what must not come in parts.

    ``is_capped``: it was too long, or the ``room`` of all was used up, and it went out.
    """

    __slots__ = (
        "_has_let_go", "_held", "_holds", "_is_holding", "_looks", "_protocol", "_room", "_rule", "_size", "is_capped",
    )  # fmt: skip

    def __init__(self, watch: Watch, protocol: Protocol, holds: Holds, room: Room) -> None:
        super().__init__(watch)
        self._room = room
        self._protocol = protocol
        self._rule = _RULES[protocol]
        self._holds = holds
        self._is_holding = holds is not Holds.CALLS
        self._held: list[bytes] = []
        self._size = self._looks = 0
        self._has_let_go = False
        self.is_capped = False

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        if self.flags & ERROR:
            return self.flags, b""
        flags, ready = self._inner.feed(chunk)
        self._copy()
        if self.is_capped or (not self._is_holding and not self._rule.may_begin(ready)):
            self.flags = flags
            return flags, ready
        out = self._sorted(ready, is_over=flags & END > 0)
        if self.flags & ERROR:
            return self.flags, out
        if self._size > LONGEST_HELD_BYTES or (self._size and self._room.left < 0):
            self.is_capped = True
            out += self._let_go()
        self.flags |= flags & (END | ERROR)
        if flags & CONTENT:
            self.flags = self.flags | HELD if self._is_holding else self.flags & ~HELD
            self.flags |= CONTENT if self._has_let_go or not self._is_holding else 0
        return self.flags, out

    def finish(self) -> tuple[Fault | None, bytes]:
        fault, rest = self._inner.finish()
        self._copy()
        self.flags |= self._inner.flags
        if fault is not None:
            self._forget()
            return fault, rest
        return None, self._let_go() + rest

    def _sorted(self, ready: bytes, *, is_over: bool) -> bytes:
        """What of these events may go now; the rest is held."""
        if self._holds is Holds.ALL:
            self._hold(ready)
            return self._let_go() if is_over else b""
        out = []
        for event in _events(ready):
            if self._is_holding and self._holds is Holds.THOUGHTS and self._rule.ends_thought(event):
                self._holds = Holds.CALLS
                out.append(self._let_go())
            if not self._is_holding and self._rule.begins(event):
                self._is_holding = True
            if not self._is_holding:
                out.append(event)
                continue
            self._hold(event)
            if self._holds is Holds.CALLS and self._rule.ends(event):
                is_last = self._rule.is_last(event)
                if self._rule.is_cut_short(event) or ((is_last or self._looks < _MOST_LOOKS) and self._is_sound()):
                    out.append(self._let_go())
                elif is_last:
                    self._forget()
                    self._fail(Fault.MALFORMED, message="the arguments of a call are no JSON")
                    return b"".join(out)
        if is_over:
            out.append(self._let_go())
        return b"".join(out)

    def _is_sound(self) -> bool:
        """Whether the calls that are held are whole: a lost event shows in arguments that are no JSON."""
        self._looks += 1
        reader = dialect_of(self._protocol).reader()
        pieces = [*reader.feed(b"".join(self._held)), *reader.finish()]
        calls = [piece.call for piece in pieces if isinstance(piece, Calls)]
        return bool(calls) and all(_is_json(call.arguments) for call in calls)

    def _hold(self, event: bytes) -> None:
        self._held.append(event)
        self._size += len(event)
        self._room.left -= len(event)

    def _forget(self) -> None:
        self._held.clear()
        self._room.left += self._size
        self._size = 0

    def __del__(self) -> None:
        """A client that leaves takes its part of the room with it."""
        self._room.left += self._size

    def _let_go(self) -> bytes:
        held = b"".join(self._held)
        self._forget()
        self._looks, self._is_holding = 0, False
        self._has_let_go = self._has_let_go or bool(held)
        return held


def _events(ready: bytes) -> list[bytes]:
    splitter = Splitter()
    events = splitter.feed(ready)
    return [*events, bytes(splitter.held)] if splitter.held else events


class _Rule(Struct, frozen=True):
    """Where a call begins and ends in one dialect; ``words`` are what the events that begin one have in them."""

    words: re.Pattern[bytes]
    begins: Callable[[bytes], bool]
    ends: Callable[[bytes], bool]
    ends_thought: Callable[[bytes], bool]
    short: tuple[bytes, ...] = ()
    """What the event that ends an answer at a limit has in it: its last call may be half, and that is its end."""
    last: tuple[bytes, ...] = ()
    """What the event that ends an answer has in it."""

    def is_cut_short(self, event: bytes) -> bool:
        """The answer ends here at a limit."""
        return any(word in event for word in self.short)

    def is_last(self, event: bytes) -> bool:
        """The answer ends here: no later event makes its calls whole."""
        return any(word in event for word in self.last)

    def may_begin(self, ready: bytes) -> bool:
        """A quick look, right nearly always."""
        return self.words.search(ready) is not None


class _Block(Struct):
    type: str = ""


class _Delta(Struct):
    content: Raw = NULL
    refusal: Raw = NULL
    tool_calls: Raw = NULL
    function_call: Raw = NULL
    stop_reason: str | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Event(Struct):
    """What is looked at of an event, in every dialect that has calls in parts."""

    type: str = ""
    content_block: _Block | None = None
    item: _Block | None = None
    choices: list[_Choice] | None = None


_event = msgspec.json.Decoder(_Event).decode
_CALLED = ("function_call", "custom_tool_call")
_NOTHING = (b"null", b"[]", b'""', b"{}")


def _read(event: bytes) -> _Event:
    try:
        return read(_event, fields_of_lines(event)[1] or b"{}", _Event)
    except NoJson:
        return _Event()


def _block_begins(event: bytes) -> bool:
    block = _read(event).content_block
    return block is not None and block.type == "tool_use"


def _block_ends(event: bytes) -> bool:
    return _read(event).type in {"content_block_stop", "message_delta", "message_stop"}


def _block_ends_thought(event: bytes) -> bool:
    seen = _read(event)
    block = seen.content_block
    return seen.type == "message_delta" or (block is not None and block.type not in {"thinking", "redacted_thinking"})


def _item_begins(event: bytes) -> bool:
    seen = _read(event)
    return seen.type == "response.output_item.added" and seen.item is not None and seen.item.type in _CALLED


def _item_ends(event: bytes) -> bool:
    return _read(event).type in {"response.output_item.done", "response.completed", "response.incomplete"}


def _item_ends_thought(event: bytes) -> bool:
    seen = _read(event)
    is_item = seen.type == "response.output_item.added" and seen.item is not None and seen.item.type != "reasoning"
    return is_item or seen.type in {"response.completed", "response.incomplete"}


def _choice_begins(event: bytes) -> bool:
    return any(
        bytes(raw) not in _NOTHING
        for choice in _read(event).choices or ()
        if choice.delta is not None
        for raw in (choice.delta.tool_calls, choice.delta.function_call)
    )


def _choice_ends(event: bytes) -> bool:
    return any(choice.finish_reason for choice in _read(event).choices or ())


def _choice_ends_thought(event: bytes) -> bool:
    return _choice_ends(event) or any(
        bytes(raw) not in _NOTHING
        for choice in _read(event).choices or ()
        if choice.delta is not None
        for raw in (choice.delta.content, choice.delta.refusal, choice.delta.tool_calls, choice.delta.function_call)
    )


def _is_json(text: str) -> bool:
    try:
        plain(text.encode("utf-8", "replace"))
    except NoJson:
        return False
    return True


def _never(event: bytes) -> bool:  # noqa: ARG001
    return False


def _part_ends_thought(event: bytes) -> bool:
    return b'"thought"' not in event or b'"finishReason"' in event


_BLOCKS = _Rule(
    re.compile(rb'"tool_use"'),
    _block_begins,
    _block_ends,
    _block_ends_thought,
    short=(b'"max_tokens"', b'"model_context_window_exceeded"'),
    last=(b"message_delta", b"message_stop"),
)
_RULES = {
    Protocol.ANTHROPIC: _BLOCKS,
    Protocol.OPENAI: _Rule(
        re.compile(rb'"(?:tool_calls|function_call)"'),
        _choice_begins,
        _choice_ends,
        _choice_ends_thought,
        short=(b'"length"',),
        last=(b'"finish_reason"',),
    ),
    Protocol.RESPONSES: _Rule(
        re.compile(rb'_call"'),
        _item_begins,
        _item_ends,
        _item_ends_thought,
        short=(b"response.incomplete",),
        last=(b"response.completed",),
    ),
    # Gemini's calls come whole.
    Protocol.GEMINI: _Rule(re.compile(rb"(?!)"), _never, _never, _part_ends_thought),
}
"""By the client's protocol: the events are those that it gets."""
