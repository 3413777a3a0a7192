"""How a scripted provider answers: in health, or failing in one named way."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Failure(StrEnum):
    """What goes wrong. Where it says *after*, so many tokens (or that share of a whole answer) come first."""

    NONE = "none"
    REFUSED = "refused"
    """Nobody listens on the port, and open connections are reset. In a script: the connection is reset."""
    RESET_AT_ONCE = "reset_at_once"
    """The connection is accepted and reset before anything is read."""
    RESET = "reset"
    """The request is read, then the connection is reset."""
    CLOSED = "closed"
    """The request is read, then the connection ends without a word."""
    HANG = "hang"
    """The request is read, then silence until ``release()``."""
    SLOW_HEADERS = "slow_headers"
    """The answer's head drips, a byte each ``gap_s`` (half a second when that is 0); what follows is whole."""
    STATUS = "status"
    """An error of ``status``, worded by ``reason``."""
    HTML = "html"
    """200 with a page of HTML."""
    WRONG_TYPE = "wrong_type"
    """The right body under a content type that no API has."""
    ERROR_FIRST = "error_first"
    """200, then the protocol's error event and nothing else; a whole answer is an error's body."""
    EMPTY = "empty"
    """200 and no body."""
    OPENING_ONLY = "opening_only"
    """A stream of the events before the first content, then a clean end; a whole answer is empty."""
    PINGS = "pings"
    """A stream that is kept alive for ever and never says anything."""
    DRIP = "drip"
    """Healthy, but a byte at a time."""
    CUT = "cut"
    """*After*, the connection ends (FIN) in the middle of the body."""
    CUT_INSIDE = "cut_inside"
    """*After*, half an event, and the connection ends."""
    CUT_RESET = "cut_reset"
    """*After*, the connection is reset."""
    STALL = "stall"
    """*After*, silence until ``release()``."""
    ERROR_EVENT = "error_event"
    """*After*, the protocol's own error event, then a clean end. A whole answer is an error's body. It says what an
    error of ``status`` and ``reason`` says."""
    FAILED_EVENT = "failed_event"
    """The same, by the other event there is for it in OpenAI's Responses: ``response.failed``."""
    MALFORMED = "malformed"
    """*After*, one event whose JSON is broken; the rest follows. A whole answer is broken JSON."""
    ENDS_EARLY = "ends_early"
    """*After*, a clean end of the body. A whole answer is half its JSON."""
    NO_END = "no_end"
    """Everything but the end marker. A whole answer is healthy."""
    WRONG_LENGTH = "wrong_length"
    """Everything, under a Content-Length that promises more."""


class Reason(StrEnum):
    """What an error says beyond its status."""

    PLAIN = "plain"
    QUOTA = "quota"
    """A plan's or a day's allowance is used up."""
    CREDIT = "credit"
    """What was paid in advance is used up."""
    NO_TIER = "no_tier"
    """This plan has none of it at all: Google's ``limit: 0``."""
    SLOW_DOWN = "slow_down"
    """Use grows too fast: OpenAI's ``slow_down``, Anthropic's acceleration limit."""
    CAPACITY = "capacity"
    """A rate limit's status, and it is the provider that has no room: Mistral's tiers, Groq's flex."""
    LOADING = "loading"
    """The model is not in memory yet."""
    EDGE = "edge"
    """The content delivery network in front of it says so, in a page of HTML."""
    CONTEXT = "context"
    """The request is longer than the model's context."""
    FILTER = "filter"
    """A content filter refused it."""
    PREFILL = "prefill"
    """The model takes no beginning of its answer from the client."""
    PARAMETER = "parameter"
    """The model, or the API, does not take one of the request's parameters, which the error names."""


class Called(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool to call and what with."""

    name: str
    arguments: dict[str, Any] = {}


class Turn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said and called in one turn of a conversation with tools."""

    text: str = ""
    calls: tuple[Called, ...] = ()


class Behaviour(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests are answered. Everything is healthy and at once by default.

    ``share`` is the part of requests that fails; the rest is healthy. ``left`` is the part of the rate limits that
    their headers say is left. ``model`` is the model that answers, where it is another than the one asked for.

    What is said is a script, and a request that brings a beginning of it, as the newest message of the assistant, gets
    the rest, from exactly there: when it is the last message, and when a user's message follows that asks to go on.
    """

    failure: Failure = Failure.NONE
    status: Annotated[int, Meta(ge=300, le=599)] = 529
    reason: Reason = Reason.PLAIN
    after: Count = 5
    share: Share = 1.0
    generates_only: bool = False
    """What generates nothing works all the same: lists of models, counts."""
    retry_after: str = ""
    """The value of a Retry-After header: seconds or a date. Empty: no such header."""
    headers: dict[str, str] = {}
    """More headers of the answer; they win over its own."""
    tokens: Count = 10
    text: str = ""
    """What is said, in place of ``tokens`` counted words; one token a word, and a space behind each."""
    verbatim: bool = False
    """``text`` is said to the letter, in tokens of up to six letters, with the white space that stands before them."""
    thoughts: str = ""
    """What is thought first, always. Without it there are three words for a client that asks for thinking."""
    tool: str = ""
    """The tool to call, with ``arguments``, in place of an answer in words."""
    arguments: dict[str, Any] = {}
    calls: tuple[Called, ...] = ()
    """The tools to call, all in one answer, behind ``text`` where there is any."""
    turns: tuple[Turn, ...] = ()
    """A conversation: ``text`` and ``calls`` of the first answer, of that to the first results of tools, and so on. The
    last stands for all behind it."""
    refusal: str = ""
    """The model refuses in these words."""
    follows_schema: bool = False
    """A request for JSON of a schema gets some."""
    tells_media: bool = False
    """What is said is which images and documents came."""
    repeats: Count = 0
    """One that is asked by a user's message to go on says so many characters once more, where so many were said."""
    knows_its_end: bool = False
    """Asked by a user's message when all was said, it has nothing to add. Without it that is a question like any other,
    and it says all from the start."""
    tells_usage: bool = False
    """A stream of Chat Completions tells its usage unasked, as Mistral's does."""
    rejects_prefix: bool = False
    """A request whose last message is the assistant's is refused."""
    refuses: tuple[str, ...] = ()
    """Members of a request that are refused by name (``temperature``, ``generationConfig.topK``)."""
    keeps_rules: bool = False
    """What that provider's API refuses of a beginning is refused: see :mod:`stillup.sim.provider.rules`."""
    headers_after_s: Seconds = 0.0
    first_token_after_s: Seconds = 0.0
    gap_s: Seconds = 0.0
    """Between two tokens, two pings, two dripping bytes."""
    pings: Count = 0
    """So many signs of life come before the answer: an event stream's comments, empty lines before a whole answer."""
    model: str = ""
    input_tokens: Count = 10
    cached_tokens: Count = 0
    left: Share = 0.9
    no_request_id: bool = False
    """The answer has no request id: null in a body, and no header."""
    needs_key: bool = False
    """A request without any credential is refused, as that provider does it."""

    @property
    def is_healthy(self) -> bool:
        """Nothing goes wrong."""
        return self.failure is Failure.NONE

    @property
    def when_well(self) -> Behaviour:
        """The same script, at once and with nothing going wrong: what the requests outside ``share`` get."""
        return Behaviour(**{name: getattr(self, name) for name in _SAID})


_SAID = (
    "tokens", "text", "verbatim", "thoughts", "tool", "arguments", "calls", "turns", "refusal", "follows_schema",
    "tells_media", "repeats", "knows_its_end", "tells_usage", "model", "input_tokens", "cached_tokens",
)  # fmt: skip
