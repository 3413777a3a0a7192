"""What a dialect can do for translation and for going on: one :class:`Dialect` a folder, loaded when first needed.

::

    client's body ─ read_prompt ─► Prompt ─ write_prompt ─► upstream's body ─ go_on ─► the same, after a break
    upstream's events ─ Reader ─► pieces ─ Writer ─► client's events          whole: read_reply ─► Reply ─ write_reply
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module

from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Form, Protocol
from stillup.gateway.dialects.neutral import Piece, Prompt, Reply
from stillup.gateway.dialects.said import Said


class Untranslatable(ValueError):
    """The request would mean something else there.

    The text says what, where in the body, and what would go; it is for the client and holds nothing of the prompt but
    names.
    """


_MOST_LOSSES = 48
_LONGEST_NAME = 80


class Losses:
    """What a translation leaves out without changing the meaning (a cache marker, a user's id), each named once."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Something is left out; ``name`` is a few plain words, or a member's name, of which a client may write any."""
        if len(self._names) < _MOST_LOSSES:
            is_plain = name.isascii() and name.isprintable()
            self._names[name[:_LONGEST_NAME] if is_plain else "a member of another name"] = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Stamp(Struct, frozen=True, kw_only=True):
    """What an answer of ours is called, and when it was made (Unix seconds): the dialects have no clock and no dice.

    ``id`` is plain letters and digits; each dialect puts its own prefix before it, and numbers what it needs more of.
    """

    id: str
    created_s: int


class Reader(ABC):
    """Reads one streamed answer.

    Unknown events and members are passed over, an index may be missing or repeated: an upstream that breaks its own
    protocol costs at most what it broke.
    """

    @abstractmethod
    def feed(self, data: bytes) -> list[Piece]:
        """Whole events, as :class:`~stillup.gateway.dialects.base.Watch` hands them out. Half a call is not told of.

        A failure event gives Failed. Data that is no JSON is passed over: the watch has seen it before.
        """

    @abstractmethod
    def finish(self) -> list[Piece]:
        """The answer is whole: what was held back, and Ended where the server has no end marker of its own."""


class Writer(ABC):
    """Writes one streamed answer to a client, and knows all that the client has.

    There is one for an answer, however many upstreams it comes from.
    """

    def __init__(self) -> None:
        self.said = Said()

    @abstractmethod
    def absorb(self, data: bytes) -> None:
        """Whole events of this dialect went to the client as they came from an upstream.

        What is written after them goes on with their ids, indices and sequence numbers; ``said`` has their content.
        """

    @abstractmethod
    def write(self, pieces: Sequence[Piece]) -> bytes:
        """These pieces as whole events.

        A second Began writes nothing: the message has begun. Ended writes all that ends an answer, with the counts told
        so far; Failed writes nothing. ``said`` has them too.
        """

    @abstractmethod
    def error(self, fault: Fault, message: str) -> bytes:
        """Ends the answer where the client stands, with an error that its SDK raises as retryable."""


class Dialect(Struct, frozen=True, kw_only=True):
    """One dialect's translations. All of them are pure.

    ``read_prompt`` raises Untranslatable for a body that is none of this dialect (with the place and what is
    allowed), NoJson for no JSON. ``write_prompt`` raises Untranslatable where the meaning would change, and names
    what is merely left out in the losses; what it writes names the prompt's own model. ``address`` gives path and
    query for a model, an operation's name and whether it streams, as a client of this dialect sends them.

    ``go_on(body, said, form, max_tokens)`` is a body of this dialect that asks for the rest of an answer of which
    the text ``said`` is there already; ``max_tokens`` None leaves the limit alone. Every other member stays as it is.
    ``cleaned`` is a client's body without the thoughts that only this gateway could have sent (UNSIGNED is in them).

    ``read_count`` and ``write_count`` are for answers to token counting, ``count_prompt`` makes the request for one;
    None where the dialect has no such request. What reads an answer raises NoJson, also for JSON that is no such
    answer.
    """

    protocol: Protocol
    read_prompt: Callable[[Ask], Prompt]
    write_prompt: Callable[[Prompt, Losses], bytes]
    address: Callable[[str, bool], tuple[str, str]]
    go_on: Callable[[bytes, str, Form, int | None], bytes]
    cleaned: Callable[[bytes], bytes]
    read_reply: Callable[[bytes], Reply]
    write_reply: Callable[[Reply, Ask, Stamp], bytes]
    reader: Callable[[], Reader]
    writer: Callable[[Ask, Stamp], Writer]
    count_address: Callable[[str], tuple[str, str]] | None = None
    count_prompt: Callable[[Prompt, Losses], bytes] | None = None
    read_count: Callable[[bytes], int] | None = None
    write_count: Callable[[int], bytes] | None = None


_SPOKEN = {
    Protocol.ANTHROPIC: "anthropic",
    Protocol.BEDROCK: "anthropic",
    Protocol.VERTEX: "anthropic",
    Protocol.OPENAI: "chat",
    Protocol.RESPONSES: "responses",
    Protocol.GEMINI: "gemini",
    Protocol.CONVERSE: "converse",
}
"""The folder that has a protocol's dialect: Claude in the clouds speaks Anthropic's, in another envelope."""


def is_same_dialect(one: Protocol, other: Protocol) -> bool:
    """Whether nothing needs to be translated between them."""
    return _SPOKEN[one] == _SPOKEN[other]


@cache
def dialect_of(protocol: Protocol) -> Dialect:
    """The dialect that a protocol is spoken in."""
    found = import_module(f"stillup.gateway.dialects.{_SPOKEN[protocol]}.translation").DIALECT
    if not isinstance(found, Dialect):
        raise TypeError(found)
    return found
