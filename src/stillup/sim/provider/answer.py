"""What is answered, before it takes a protocol's shape. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from stillup.sim.provider.behaviour import Behaviour
from stillup.sim.provider.call import Call, Tool

CREATED = 1_775_563_200
"""When every simulated answer was made: an answer is the same, to the byte, each time the same thing is asked."""
THOUGHTS = ("Thinking ", "it ", "over. ")


class Answer(Struct, frozen=True, kw_only=True):
    """One answer: words or a tool's call, what it cost, and the names it goes by."""

    key: str
    name: str
    model: str
    words: tuple[str, ...]
    thoughts: tuple[str, ...] = ()
    tool: Tool | None = None
    is_cut_short: bool = False
    """It ended at the client's limit."""
    input_tokens: int = 10
    cached_tokens: int = 0
    wants_usage: bool = False

    @property
    def text(self) -> str:
        """All words."""
        return "".join(self.words)

    @property
    def arguments(self) -> str:
        """The tool's arguments as JSON."""
        return msgspec.json.encode(self.tool.arguments).decode() if self.tool else ""

    @property
    def pieces(self) -> tuple[str, ...]:
        """The arguments in three parts that do not respect its JSON."""
        whole = self.arguments
        a, b = len(whole) // 3, 2 * len(whole) // 3
        return tuple(p for p in (whole[:a], whole[a:b], whole[b:]) if p)

    @property
    def output_tokens(self) -> int:
        """What it cost to say."""
        return len(self.thoughts) + (len(self.pieces) if self.tool else len(self.words))


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
    spoken = [f"{word} " for word in behaviour.text.split()] if behaviour.text else _counted(name, behaviour.tokens)
    tool = Tool(behaviour.tool, behaviour.arguments) if behaviour.tool else call.tool
    most = len(spoken) if call.most_tokens is None else call.most_tokens
    return Answer(
        key=f"{name}{call.key}",
        name=name,
        model=behaviour.model or call.model,
        words=() if tool else tuple(spoken[:most]),
        thoughts=THOUGHTS if call.thinks else (),
        tool=tool,
        is_cut_short=most < len(spoken) and tool is None,
        input_tokens=behaviour.input_tokens,
        cached_tokens=behaviour.cached_tokens,
        wants_usage=call.wants_usage,
    )


def _counted(name: str, count: int) -> list[str]:
    """``A0 A1 A2 …``: who said it, and whether anything is missing, doubled or out of order, can be seen."""
    return [f"{name}{i} " for i in range(count)]


def sse(value: object, kind: str = "") -> bytes:
    """A server-sent event."""
    head = f"event: {kind}\n".encode() if kind else b""
    return head + b"data: " + msgspec.json.encode(value) + b"\n\n"
