"""The gateway's words: what a client asks, which upstream may answer it, and what came of a try."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import astuple

Headers = tuple[tuple[bytes, bytes], ...]
"""Header lines in order, names and values as they stood on the wire."""


class Protocol(StrEnum):
    """What an upstream speaks. Clients speak the first four of them."""

    __hash__ = str.__hash__  # an enum's own is computed in Python, at every look-up in a table

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    RESPONSES = "openai-responses"
    GEMINI = "gemini"
    BEDROCK = "bedrock"
    """Claude on Amazon Bedrock: Anthropic's messages in another envelope."""
    VERTEX = "vertex"
    """Claude on Google Vertex AI: Anthropic's messages at other paths."""
    CONVERSE = "bedrock-converse"
    """Every other model on Amazon Bedrock. No upstream is configured so: one of ``bedrock`` is asked so for them."""


class Form(StrEnum):
    """How a model is asked to go on with an answer that broke off (law 4)."""

    __hash__ = str.__hash__

    PREFILL = "prefill"
    """The last message is the assistant's, and it goes on from its end."""
    PREFIX = "prefix"
    """The same, with a flag in that message: Mistral, DeepSeek."""
    FINAL = "continue_final_message"
    """The same, with vLLM's flags beside the messages."""
    INSTRUCTION = "instruction"
    """The assistant's message, then a user's that asks to go on exactly there."""
    NONE = "none"
    """Not at all."""


class Operation(StrEnum):
    """What a request is for."""

    __hash__ = str.__hash__

    GENERATE = "generate"
    COUNT_TOKENS = "count_tokens"
    EMBED = "embed"
    MODELS = "models"
    """The list of models, or one of them."""
    STORED = "stored"
    """Something that one upstream keeps (a stored response): it can be asked of that upstream only."""


class Ask(Struct, frozen=True, kw_only=True):
    """One request of a client, understood far enough to route it.

    ``path`` and ``query`` are as the client sent them, ``query`` without its question mark. ``headers`` are the
    end-to-end ones, credentials still among them. ``model`` is empty where the request names none.
    """

    protocol: Protocol
    operation: Operation
    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    model: str = ""
    stream: bool = False

    def __repr__(self) -> str:
        """Without headers, query and body: there are keys and prompts in them."""
        return (
            f"Ask({self.protocol}, {self.operation}, {self.path[:80]!r}, {self.model[:80]!r}, {len(self.body)} bytes)"
        )


class Target(Struct, frozen=True):
    """One link of a chain: an upstream and the model to ask of it. An empty model keeps the client's."""

    upstream: str
    model: str
    protocol: Protocol
    service: str = ""
    component: str = ""

    @property
    def name(self) -> str:
        """``upstream/model``, as routes write it."""
        return f"{self.upstream}/{self.model}" if self.model else self.upstream


class Usage(Struct, frozen=True):
    """Tokens as the upstream counted them; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None

    def believable(self) -> Usage:
        """Without counts that nobody can have: an upstream may write any number, of any length and below zero."""
        for n in (self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens):
            if n != believable(n):
                return Usage(*map(believable, astuple(self)))
        return self


_MOST_TOKENS = 1_000_000_000


def believable(tokens: int | None) -> int | None:
    """The number; None for one that nobody can have."""
    return tokens if tokens is not None and 0 <= tokens <= _MOST_TOKENS else None
