"""What an upstream's 400 teaches about a model, kept for the session: the catalogue can be old, or not know a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from stillup.gateway.core.values import Form, Protocol
from stillup.gateway.dialects.continuing import form_of
from stillup.gateway.dialects.trouble import Said, said

MOST_MODELS = 512
"""Models that are learnt of. Clients may make names up: what comes later is not learnt."""
_LEARNT_FROM = frozenset({400, 422})
_MOST_TOKENS = 10_000_000

HINTS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "topP",
        "topK",
        "presence_penalty",
        "frequency_penalty",
        "presencePenalty",
        "frequencyPenalty",
        "seed",
        "random_seed",
        "logit_bias",
        "service_tier",
        "user",
        "metadata",
        "store",
        "verbosity",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "reasoning_effort",
        "reasoningEffort",
        "reasoning",
        "thinking",
        "thinkingConfig",
        "thinkingLevel",
        "thinkingBudget",
        "effort",
        "stop",
        "stop_sequences",
        "stopSequences",
        "stream_options",
        "context_management",
    }
)
"""Members that may be left out when a model refuses them: each of them shapes an answer, none is the question."""


class Learned(Struct, frozen=True, kw_only=True):
    """What was learnt of one model at one upstream; empty when nothing was.

    ``without`` are members it refuses by name, ``only_one`` of temperature and top_p. ``thinking`` is how it wants to
    be asked to think: ``adaptive``, ``enabled``, ``always`` (it cannot be turned off) or ``never``. ``forced_tools`` is
    ``no`` where it cannot be made to call a tool, ``not_thinking`` where it can only while it does not think.
    ``schema`` is False where it refuses JSON schemas.
    """

    without: tuple[str, ...] = ()
    only_one: bool = False
    completion_tokens: bool | None = None
    """It takes ``max_completion_tokens`` and not ``max_tokens``; False: the other way round."""
    max_output: int | None = None
    refuses_prefix: bool = False
    thinking: str = ""
    efforts: tuple[str, ...] = ()
    forced_tools: str = ""
    schema: bool | None = None
    chat_tools: bool | None = None
    """False where it takes tools in Chat Completions only while it does not think."""
    thoughts: bool | None = None
    """False where it refused its own or another's signed thoughts."""

    def __bool__(self) -> bool:
        return self != _NOTHING


_NOTHING = Learned()

_PREFIX = re.compile(
    r"prefill|(must|should|has to|requests) end with a (user|human)|final (message|position)[^.]{0,80}assistant"
    r"|last (message|role|turn)[^.]{0,60}(user|tool)|expected last role"
    r"|prefix[^.]{0,40}(not supported|only|unsupported|beta)"
    r"|continue_final_message|(assistant|model)[^.]{0,40}(last|final) (message|turn)[^.]{0,40}not",
    re.IGNORECASE,
)
_COMPLETION = re.compile(r"max_tokens.{0,80}max_completion_tokens", re.IGNORECASE | re.DOTALL)
_NO_COMPLETION = re.compile(r"max_completion_tokens\W", re.IGNORECASE)
_ONLY_ONE = re.compile(r"temperature[^.]{0,20}\band\b[^.]{0,20}top_?p[^.]{0,40}(both|only one|together)", re.IGNORECASE)
_MOST_OUTPUT = (
    re.compile(r"max_tokens: \d+ > (\d+)", re.IGNORECASE),
    re.compile(
        r"(?:max_(?:completion_|output_)?tokens|maxOutputTokens)\b.{0,160}?"
        r"(?:at most|maximum (?:of|is|allowed|value)?|less than or equal to|<=|limit (?:of|is)|up to)\D{0,40}(\d+)",
        re.IGNORECASE | re.DOTALL,
    ),
    re.compile(r"maxOutputTokens\b.{0,160}?to (\d+) \(exclusive\)", re.IGNORECASE | re.DOTALL),
)
_ADAPTIVE = re.compile(
    r"thinking\.type\.enabled.{0,40}not supported|use .{0,12}thinking\.type\.adaptive", re.IGNORECASE
)
_ENABLED = re.compile(r"adaptive( thinking)?.{0,40}not supported", re.IGNORECASE)
_ALWAYS = re.compile(
    r"thinking\.type\.disabled.{0,40}not supported|only works in thinking mode"
    r"|cannot (disable|turn off) (thinking|reasoning)"
    r"|(thinking|reasoning) (cannot|can.t|can not) be (disabled|turned off)|between_tools",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"(does not|doesn.t) support (extended )?(thinking|reasoning)\b(?!\.)|thinking( level| budget)? is not supported",
    re.IGNORECASE,
)
_FORCED = re.compile(
    r"tool_?choice.{0,80}(forces|forced|not supported|may not|incompatible|must be auto)"
    r"|thinking may not be enabled when",
    re.IGNORECASE | re.DOTALL,
)
_SCHEMA = re.compile(
    r"(response_format|json_schema|output_config|output_format|structured output|response_?schema).{0,80}"
    r"(not supported|unsupported|unavailable|does not support|not available)|"
    r"(not support|unsupported|unavailable).{0,60}(response_format|json_schema|structured output|response_?schema)",
    re.IGNORECASE | re.DOTALL,
)
_EFFORTS = re.compile(r"supported values are([^.]{0,160})", re.IGNORECASE)
_THOUGHTS = re.compile(
    r"signature[^.]{0,40}thinking|bound to a different conversation|redacted_thinking[^.]{0,60}cannot be modified"
    r"|encrypted.content.{0,400}?(could not be|cannot be) (verified|decrypted)|invalid_encrypted_content"
    r"|(corrupted|invalid) thought.signature|thought.signature is not valid",
    re.IGNORECASE,
)
_OF_EFFORT = re.compile(r"reasoning|effort", re.IGNORECASE)
_CHAT_TOOLS = re.compile(r"function tools with reasoning_effort", re.IGNORECASE)
_PENALTY = re.compile(r"penalty is not enabled", re.IGNORECASE)
_WORDS_OF_EFFORT = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_REFUSED = re.compile(
    r"not supported|unsupported|not support|unknown|unrecognized|unexpected|not permitted|deprecated|not allowed|"
    r"cannot find field|not enabled|does not exist|invalid (argument|parameter|field|option)|no longer|removed|"
    r"not accept",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_]{3,30}")
_PARAM = re.compile(r'"param"\s*:\s*"([^"]{1,80})"|"loc"\s*:\s*\[([^\]]{1,200})\]')
_NAMED = re.compile(
    r"['\"`]([A-Za-z_.]{3,60})['\"`]|\b([A-Za-z_.]{3,60}): |\b([A-Za-z]+_[a-z_]+|[a-z]+[A-Z][A-Za-z]+|temperature)\b"
)
"""A member in a sentence: in quotes, before a colon, or a word that is nothing else."""
_PATH = re.compile(r"[A-Za-z_.]{3,60}")
_OF_VALUES = re.compile(
    r"between|(less|greater|more|smaller|larger) than|\brange\b|at (most|least)|[<>]=", re.IGNORECASE
)
_OF_LENGTH = re.compile(r"max\w*tokens", re.IGNORECASE)
"""It is a value that is refused, and another may be taken; but a limit of tokens is the model's."""
_READ = 2_000
"""Characters of an error that are looked at: a refusal says at once what it refuses."""


class Lessons:
    """What was learnt of models since the gateway began. Nothing of a request is in it but names of members.

    ``providers`` names the provider of each upstream where it is known: some forms are a provider's and no model's.
    """

    def __init__(self, providers: Mapping[str, str] | None = None) -> None:
        self._learned: dict[tuple[str, str], Learned] = {}
        self._providers = providers or {}
        self.chat_only: set[str] = set()
        """Upstreams that turned out to serve Chat Completions and no Responses."""

    def of(self, upstream: str, model: str) -> Learned:
        """What was learnt of a model at an upstream."""
        return self._learned.get((upstream, model), _NOTHING)

    def form(self, upstream: str, model: str, protocol: Protocol, body: bytes) -> Form:
        """How this model goes on with an answer that broke off, asked for with this body."""
        if self.of(upstream, model).refuses_prefix:
            return Form.INSTRUCTION
        return form_of(self._providers.get(upstream, ""), model, protocol, body)

    def learn(self, upstream: str, model: str, protocol: Protocol, status: int, body: bytes) -> str:  # noqa: ARG002
        """What a refusal teaches, in a few words; empty where it teaches nothing new. Cost: some tens of µs."""
        before = self.of(upstream, model)
        after = taught(before, status, body)
        return _told(before, after) if after != before and self.keep(upstream, model, after) else ""

    def keep(self, upstream: str, model: str, learned: Learned) -> bool:
        """Have it known to all requests from now on; False where there is no room for another model."""
        at = (upstream, model)
        if at not in self._learned and len(self._learned) >= MOST_MODELS:
            return False
        self._learned[at] = learned
        return True


class Pupil:
    """What one request learns. Others get to know of it only once the request was answered by what it taught.

    The words of an error may be the client's own, and the fault its own too: nobody can have the gateway leave out of
    everybody's requests what a model takes.
    """

    def __init__(self, lessons: Lessons) -> None:
        self._lessons = lessons
        self._own: dict[tuple[str, str], Learned] = {}
        self._values: set[tuple[str, str]] = set()
        self._chat_only: set[str] = set()

    def of(self, upstream: str, model: str) -> Learned:
        """What is known of a model at an upstream."""
        return self._own.get((upstream, model)) or self._lessons.of(upstream, model)

    def form(self, upstream: str, model: str, protocol: Protocol, body: bytes) -> Form:
        """See :meth:`Lessons.form`."""
        if self.of(upstream, model).refuses_prefix:
            return Form.INSTRUCTION
        return self._lessons.form(upstream, model, protocol, body)

    def is_chat_only(self, upstream: str) -> bool:
        """Whether it serves Chat Completions and no Responses."""
        return upstream in self._chat_only or upstream in self._lessons.chat_only

    def has_only_chat(self, upstream: str) -> None:
        """It seems so."""
        self._chat_only.add(upstream)

    def learn(self, upstream: str, model: str, status: int, body: bytes) -> bool:
        """Whether a refusal teaches something new."""
        at, before = (upstream, model), self.of(upstream, model)
        after = taught(before, status, body)
        if after == before:
            return False
        self._own[at] = after
        message = said(body[: 4 * _READ]).message[:_READ]
        if _OF_VALUES.search(message) and not _OF_LENGTH.search(message):
            self._values.add(at)
        return True

    def was_answered(self, upstream: str, model: str) -> None:
        """What was learnt of it is true."""
        at = (upstream, model)
        if upstream in self._chat_only:
            self._lessons.chat_only.add(upstream)
        learned = self._own.get(at)
        if learned is not None and at not in self._values:
            self._lessons.keep(upstream, model, learned)


def taught(before: Learned, status: int, body: bytes) -> Learned:
    """What is known after a refusal, of which ``before`` was known; the same where it teaches nothing."""
    if status not in _LEARNT_FROM:
        return before
    error = said(body[: 4 * _READ])
    error = replace(error, message=error.message[:_READ], text=error.text[: 2 * _READ])
    found = (lesson(error, before) for lesson in _LESSONS)
    return next((after for after in found if after is not None and after != before), before)


def _told(before: Learned, after: Learned) -> str:
    changed = [name for name in Learned.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    what = changed[0]
    if what == "without":
        names = ", ".join(name for name in after.without if name not in before.without)
        return f"takes no {names}"
    return _SAYS[what].format(getattr(after, what))


_SAYS = {
    "only_one": "takes temperature or top_p, not both",
    "completion_tokens": "takes the other name of max_tokens",
    "max_output": "answers with at most {} tokens",
    "refuses_prefix": "takes no beginning of an answer",
    "thinking": "thinking: {}",
    "efforts": "takes other efforts",
    "forced_tools": "cannot be made to call a tool",
    "schema": "takes no JSON schema",
    "chat_tools": "takes no tools while it thinks",
    "thoughts": "takes no earlier thoughts",
}


def _completion(error: Said, known: Learned) -> Learned | None:
    if _COMPLETION.search(error.message):
        return replace(known, completion_tokens=True)
    if _NO_COMPLETION.search(error.message) and _REFUSED.search(error.message):
        return replace(known, completion_tokens=False)
    return None


def _most_output(error: Said, known: Learned) -> Learned | None:
    for pattern in _MOST_OUTPUT:
        found = pattern.search(error.message)
        if found and len(found[1]) < 9:
            most = int(found[1]) - (1 if "exclusive" in found[0] else 0)
            return replace(known, max_output=most) if 0 < most < _MOST_TOKENS else None
    return None


def _only_one(error: Said, known: Learned) -> Learned | None:
    return replace(known, only_one=True) if _ONLY_ONE.search(error.message) else None


def _thinking(error: Said, known: Learned) -> Learned | None:
    for pattern, way in ((_ADAPTIVE, "adaptive"), (_ENABLED, "enabled"), (_ALWAYS, "always"), (_NEVER, "never")):
        if pattern.search(error.message):
            return replace(known, thinking=way)
    return None


def _forced(error: Said, known: Learned) -> Learned | None:
    if not _FORCED.search(error.message):
        return None
    # Said of thinking it is about both; where thinking is off already and it is said again, nothing helps.
    only = "thinking" in error.message.lower() and not known.forced_tools
    return replace(known, forced_tools="not_thinking" if only else "no")


def _prefix(error: Said, known: Learned) -> Learned | None:
    return replace(known, refuses_prefix=True) if _PREFIX.search(error.message) else None


def _schema(error: Said, known: Learned) -> Learned | None:
    return replace(known, schema=False) if _SCHEMA.search(error.message) else None


def _chat_tools(error: Said, known: Learned) -> Learned | None:
    return replace(known, chat_tools=False) if _CHAT_TOOLS.search(error.message) else None


def _efforts(error: Said, known: Learned) -> Learned | None:
    found = _EFFORTS.search(error.message) if _OF_EFFORT.search(error.text) else None
    words = set(_NAME.findall(found[1].lower())) if found else set()
    efforts = tuple(word for word in _WORDS_OF_EFFORT if word in words)
    return replace(known, efforts=efforts) if efforts else None


def _refused_name(error: Said, known: Learned) -> Learned | None:
    """A member that is refused by name, and is no more than a hint."""
    if not _REFUSED.search(error.message):
        return None
    if _PENALTY.search(error.message):
        both = ("frequencyPenalty", "presencePenalty")
        return replace(known, without=tuple(dict.fromkeys((*known.without, *both))))
    found = [each for match in (*_PARAM.findall(error.text), *_NAMED.findall(error.message)) for each in match]
    for name in (path.rpartition(".")[2] for each in found for path in _PATH.findall(each)):
        if name in HINTS and name not in known.without:
            return replace(known, without=(*known.without, name))
    return None


def _thoughts(error: Said, known: Learned) -> Learned | None:
    """It is one conversation whose thoughts do not fit, and nobody says which: from then on this model gets none.

    The cost: in this session it does not see what it thought before in other conversations either.
    """
    return replace(known, thoughts=False) if _THOUGHTS.search(error.message) else None


def is_about_thoughts(status: int, body: bytes) -> bool:
    """Whether a request is refused for a sealed thought in it: that may be another upstream's.

    Of all refusals this one is worth another try where the request was the client's own too.
    """
    return status in _LEARNT_FROM and _THOUGHTS.search(said(body[: 4 * _READ]).message[:_READ]) is not None


_LESSONS: tuple[Callable[[Said, Learned], Learned | None], ...] = (
    _thoughts,
    _chat_tools,
    _completion,
    _most_output,
    _only_one,
    _forced,
    _thinking,
    _efforts,
    _prefix,
    _schema,
    _refused_name,
)
"""The more exact ones first: the last one would take a word of theirs for a member's name."""
