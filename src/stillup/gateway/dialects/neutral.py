"""A conversation in no dialect's words: what is asked (Prompt), an answer whole (Reply), and the pieces it comes in.

Every dialect reads its own bodies into these and writes them from these. JSON inside them (a tool's schema, a call's
arguments) stays as it was written. Nothing here is checked against any provider: the dialects do that.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol

UNSIGNED = "stillup_unsigned"
"""Stands where a provider's proof of a thought would, for thoughts that have none (cut, or another provider's).

Anthropic clients get it as the signature, Responses clients in the reasoning item's id (``rs_stillup_unsigned_…``):
what comes back with it is taken out again before any upstream sees it.
"""


class Role(StrEnum):
    """Who says a message. What a developer says in mid-conversation is the system's."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Cache(Struct, frozen=True):
    """A marker: the prompt up to here is worth keeping. ``ttl`` as in ``5m``; empty where the provider decides."""

    ttl: str = ""


class Citation(Struct, frozen=True, kw_only=True):
    """Where something said stands. ``start`` and ``end`` count characters of the text part it belongs to.

    ``raw`` is the citation as its own dialect (``origin``) wrote it, for going back there unchanged.
    """

    url: str = ""
    title: str = ""
    quote: str = ""
    start: int | None = None
    end: int | None = None
    origin: Protocol | None = None
    raw: bytes = b""


class Text(Struct, frozen=True, kw_only=True):
    """Words."""

    text: str
    citations: tuple[Citation, ...] = ()
    cache: Cache | None = None


class Kind(StrEnum):
    """What a medium is."""

    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"


class Media(Struct, frozen=True, kw_only=True):
    """An image, a document or a recording: one of ``data`` (base64), ``url``, ``text`` (a plain document) is set.

    ``file_id`` instead names a file that one provider (``origin``) keeps: it goes nowhere else. ``cited`` asks for
    citations of it. ``detail`` is OpenAI's word for how closely to look.
    """

    kind: Kind
    media_type: str = ""
    data: str = ""
    url: str = ""
    text: str = ""
    file_id: str = ""
    origin: Protocol | None = None
    name: str = ""
    context: str = ""
    detail: str = ""
    cited: bool = False
    cache: Cache | None = None


class Seal(Struct, frozen=True, kw_only=True):
    """What proves a thought to the provider that made it, and means nothing to any other.

    ``data`` is Anthropic's signature (or all of a redacted block), OpenAI's encrypted content, Gemini's thought
    signature; ``id`` is OpenAI's item id.
    """

    origin: Protocol
    data: str
    id: str = ""


class Thought(Struct, frozen=True, kw_only=True):
    """Reasoning. ``text`` is empty where it is redacted. Without a seal nobody takes it back."""

    text: str = ""
    seal: Seal | None = None


class Call(Struct, frozen=True, kw_only=True):
    """A tool is called; ``arguments`` is a JSON object as text, never empty (``{}``). A seal is Gemini's."""

    id: str
    name: str
    arguments: str = "{}"
    seal: Seal | None = None
    cache: Cache | None = None


class Result(Struct, frozen=True, kw_only=True):
    """What came of a call. ``name`` is that of the tool, empty where only the id is known."""

    id: str
    name: str = ""
    parts: tuple[Text | Media, ...] = ()
    is_error: bool = False
    cache: Cache | None = None


class Refused(Struct, frozen=True, kw_only=True):
    """The model says that it will not answer, in words."""

    text: str


class Foreign(Struct, frozen=True, kw_only=True):
    """A part that only one dialect knows (a server tool's call or result), as JSON of that dialect.

    It means something: it goes out in that dialect or not at all.
    """

    origin: Protocol
    what: str
    """Its type, for a person."""
    raw: bytes


Part = Text | Media | Thought | Call | Result | Refused | Foreign


class Message(Struct, frozen=True, kw_only=True):
    """One turn's parts in order. Two messages of one role may follow each other."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""


class Tool(Struct, frozen=True, kw_only=True):
    """A tool of the client's; ``schema`` is the JSON schema of its arguments as written, empty for none."""

    name: str
    description: str = ""
    schema: bytes = b""
    strict: bool | None = None
    cache: Cache | None = None


class Choose(StrEnum):
    """Whether a tool must be called."""

    AUTO = "auto"
    NONE = "none"
    ANY = "any"
    ONE = "one"


class ToolChoice(Struct, frozen=True, kw_only=True):
    """``name`` is set for ONE. ``parallel`` None leaves it to the provider whether several may be called at once."""

    choose: Choose = Choose.AUTO
    name: str = ""
    parallel: bool | None = None


class Schema(Struct, frozen=True, kw_only=True):
    """The answer must be JSON: of this schema, or of any (``schema`` empty)."""

    schema: bytes = b""
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Effort(StrEnum):
    """How long to think, where that is said in words."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class Thinking(Struct, frozen=True, kw_only=True):
    """How to think. All None: the client did not say. ``shown`` asks for the thoughts, or a summary of them."""

    on: bool | None = None
    budget_tokens: int | None = None
    effort: Effort | None = None
    shown: bool | None = None


class Sampling(Struct, frozen=True, kw_only=True):
    """How words are drawn; None where the client did not say."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None


class Prompt(Struct, frozen=True, kw_only=True):
    """One request for an answer.

    ``count`` is how many answers are wanted, ``logprobs`` how many alternatives a token (0: only its own, None: none).
    ``server_tools`` are tools the provider runs itself. ``others`` are members of the body that are only hints (a
    user's id, metadata, a service tier) by name, with their values as written: what a dialect does not share is lost
    without changing the meaning. ``unknown`` names members that the reader does not know.
    """

    model: str = ""
    system: tuple[Text, ...] = ()
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    server_tools: tuple[Foreign, ...] = ()
    tool_choice: ToolChoice | None = None
    schema: Schema | None = None
    thinking: Thinking = Thinking()
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    count: int = 1
    logprobs: int | None = None
    stream: bool = False
    wants_usage: bool = True
    """Chat's ``stream_options.include_usage``; the other dialects always tell."""
    previous: str = ""
    """A response stored at one provider that this one follows."""
    others: dict[str, Raw] = {}
    unknown: tuple[str, ...] = ()


class Stop(StrEnum):
    """Why an answer ended."""

    END = "end"
    LENGTH = "length"
    SEQUENCE = "sequence"
    TOOLS = "tools"
    REFUSED = "refused"
    """By the model or a filter."""
    PAUSED = "paused"
    """Anthropic's ``pause_turn``: a server tool wants another turn."""
    CONTEXT = "context"
    """The model's context is full."""


class Counts(Struct, frozen=True, kw_only=True):
    """Tokens of one answer; None where nobody said.

    On the input side they are disjoint: ``fresh`` holds neither what was read from a cache nor what was written to one.
    ``thought`` is a part of ``output``.
    """

    fresh: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    thought: int | None = None

    @property
    def input(self) -> int | None:
        """All tokens of the prompt."""
        if self.fresh is None:
            return None
        return self.fresh + (self.cache_read or 0) + (self.cache_write or 0)


# --- pieces of a streamed answer, in order: Began, then any of the others, Counted whenever it is told, Ended or Failed


class Began(Struct, frozen=True, gc=False):
    """An answer begins."""

    id: str = ""
    model: str = ""


class Words(Struct, frozen=True, gc=False):
    """A piece of text; it belongs to the text part that is open, or opens one."""

    text: str


class Apart(Struct, frozen=True, gc=False):
    """What text follows is a part of its own."""


class Thinks(Struct, frozen=True, gc=False):
    """A piece of a thought; it belongs to the thought that is open, or opens one."""

    text: str


class ThoughtEnds(Struct, frozen=True, gc=False):
    """The open thought is whole, with its seal; without an open one, a redacted thought."""

    seal: Seal | None = None


class Calls(Struct, frozen=True, gc=False):
    """A whole call: what comes in parts is held until it is complete."""

    call: Call


class Cites(Struct, frozen=True, gc=False):
    """A citation for the open text part."""

    citation: Citation


class Refuses(Struct, frozen=True, gc=False):
    """A piece of a refusal."""

    text: str


class Gives(Struct, frozen=True, gc=False):
    """A whole part that is none of the others: an image, a server tool's call."""

    part: Media | Foreign


class Counted(Struct, frozen=True, gc=False):
    """Tokens, as far as they are known; a later one overrules an earlier one where it speaks."""

    counts: Counts


class Ended(Struct, frozen=True, gc=False):
    """The answer is whole. ``sequence`` is the stop sequence that ended it."""

    stop: Stop
    sequence: str = ""


class Failed(Struct, frozen=True, gc=False):
    """The answer failed inside its stream; the watch knows how."""

    message: str = ""


Piece = Began | Words | Apart | Thinks | ThoughtEnds | Calls | Cites | Refuses | Gives | Counted | Ended | Failed


class Reply(Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str = ""
    model: str = ""
    parts: tuple[Part, ...] = ()
    stop: Stop = Stop.END
    sequence: str = ""
    counts: Counts = Counts()
