"""What is answered, before it takes a protocol's shape. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from stillup.sim.provider.behaviour import Behaviour
from stillup.sim.provider.call import Call, Tool
from stillup.sim.provider.script import script_for

CREATED = 1_775_563_200
"""When every simulated answer was made: an answer is the same, to the byte, each time the same thing is asked."""
THOUGHTS = ("Thinking ", "it ", "over. ")


class Answer(Struct, frozen=True, kw_only=True):
    """One answer: words, and calls of tools behind them, what it cost, and the names it goes by."""

    key: str
    name: str
    model: str
    words: tuple[str, ...]
    thoughts: tuple[str, ...] = ()
    calls: tuple[Tool, ...] = ()
    refusal: tuple[str, ...] = ()
    """The words in which it refuses; there are no others then."""
    is_cut_short: bool = False
    """It ended at the client's limit."""
    stopped_by: str = ""
    """The client's stop sequence that ended it."""
    input_tokens: int = 10
    cached_tokens: int = 0
    wants_usage: bool = False

    @property
    def text(self) -> str:
        """All words."""
        return "".join(self.words)

    @property
    def thought(self) -> str:
        """All thoughts."""
        return "".join(self.thoughts)

    @property
    def tool(self) -> Tool | None:
        """The first tool to call."""
        return self.calls[0] if self.calls else None

    @property
    def arguments(self) -> str:
        """The first tool's arguments as JSON."""
        return arguments_of(self.calls[0]) if self.calls else ""

    @property
    def pieces(self) -> tuple[str, ...]:
        """The first tool's arguments in three parts."""
        return pieces_of(self.calls[0]) if self.calls else ()

    @property
    def output_tokens(self) -> int:
        """What it cost to say."""
        said = len(self.thoughts) + len(self.words) + len(self.refusal)
        return said + sum(len(pieces_of(call)) for call in self.calls)

    def call_key(self, index: int) -> str:
        """What one of its calls is known by; not with ``_1`` behind it, which means something to Claude Code."""
        return f"{self.key}-{index}" if index else self.key


def arguments_of(call: Tool) -> str:
    """A call's arguments as JSON, or the text that a free one takes."""
    if call.is_free and isinstance(text := call.arguments.get("input"), str):
        return text
    return msgspec.json.encode(call.arguments).decode()


def pieces_of(call: Tool) -> tuple[str, ...]:
    """The arguments in three parts that do not respect its JSON."""
    whole = arguments_of(call)
    a, b = len(whole) // 3, 2 * len(whole) // 3
    return tuple(p for p in (whole[:a], whole[a:b], whole[b:]) if p)


class Shape(Struct, frozen=True, kw_only=True):
    """A streamed answer in a protocol's events.

    ``opening`` says nothing yet, each of ``tokens`` carries a piece of content, ``closing`` winds up, and ``end`` is
    the end marker. ``error`` is what breaks it off, ``ping`` what keeps it alive; none for what has no streams.
    """

    opening: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    closing: tuple[bytes, ...]
    end: tuple[bytes, ...]
    error: bytes = b""
    ping: bytes = b""


def answer_to(call: Call, behaviour: Behaviour, name: str) -> Answer:
    """What the server called ``name`` answers."""
    script = script_for(call, behaviour, name)
    most = len(script.words) if call.most_tokens is None else call.most_tokens
    is_cut_short = most < len(script.words)
    thoughts = tuple(f"{word} " for word in behaviour.thoughts.split()) or (THOUGHTS if call.thinks else ())
    refusal = tuple(f"{word} " for word in behaviour.refusal.split())
    return Answer(
        key=f"{name}{call.key}",
        name=name,
        model=behaviour.model or call.model,
        words=() if refusal else script.words[:most],
        thoughts=thoughts,
        calls=() if refusal or is_cut_short else script.calls,
        refusal=refusal,
        is_cut_short=is_cut_short and not refusal,
        stopped_by="" if is_cut_short or refusal else script.stopped_by,
        input_tokens=behaviour.input_tokens + script.before,
        cached_tokens=behaviour.cached_tokens,
        wants_usage=call.wants_usage or behaviour.tells_usage,
    )


def sse(value: object, kind: str = "") -> bytes:
    """A server-sent event."""
    head = f"event: {kind}\n".encode() if kind else b""
    return head + b"data: " + msgspec.json.encode(value) + b"\n\n"
