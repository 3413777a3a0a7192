"""A body as a certain model takes it: what the catalogue and this session's refusals know, each change named.

Members at the top are edited, and the messages are left alone but where something can only be said there. A model that
nobody knows gets the body as it is: nothing is assumed, a refusal teaches.
"""

from __future__ import annotations

from msgspec.structs import replace

from stillup.catalog.constraints import UNKNOWN, Constraints, Json, Thinks, Way, When, constraints_of
from stillup.catalog.models import find_model
from stillup.gateway.core.values import Form, Protocol
from stillup.gateway.dialects.base import CLAUDES
from stillup.gateway.dialects.editing import Edited
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.lessons import Learned, Lessons, Pupil, is_about_thoughts
from stillup.gateway.dialects.thinking import adapt_thinking, asks_to_think, leave_room, stop_thinking, thinks
from stillup.gateway.dialects.thoughts import drop_thoughts
from stillup.gateway.dialects.wording import adapt_forced_tools, adapt_schema

__all__ = ["STOPS_LEFT_OUT", "Learned", "Lessons", "Pupil", "adapted", "constrained", "is_about_thoughts"]

_GENERATION = ("generationConfig", "generation_config")

_NAMES: dict[Protocol, dict[str, tuple[tuple[str, ...], ...]]] = {
    Protocol.ANTHROPIC: {
        "temperature": (("temperature",),),
        "top_p": (("top_p",),),
        "top_k": (("top_k",),),
        "stop": (("stop_sequences",),),
        "max_tokens": (("max_tokens",),),
    },
    Protocol.OPENAI: {
        "temperature": (("temperature",),),
        "top_p": (("top_p",),),
        "top_k": (("top_k",),),
        "frequency_penalty": (("frequency_penalty",),),
        "presence_penalty": (("presence_penalty",),),
        "stop": (("stop",),),
        "max_tokens": (("max_completion_tokens",), ("max_tokens",)),
    },
    Protocol.RESPONSES: {
        "temperature": (("temperature",),),
        "top_p": (("top_p",),),
        "max_tokens": (("max_output_tokens",),),
    },
    Protocol.GEMINI: {
        name: tuple((config, each) for config in _GENERATION for each in names)
        for name, names in {
            "temperature": ("temperature",),
            "top_p": ("topP", "top_p"),
            "top_k": ("topK", "top_k"),
            "frequency_penalty": ("frequencyPenalty", "frequency_penalty"),
            "presence_penalty": ("presencePenalty", "presence_penalty"),
            "stop": ("stopSequences", "stop_sequences"),
            "max_tokens": ("maxOutputTokens", "max_output_tokens"),
        }.items()
    },
    Protocol.CONVERSE: {
        "temperature": (("inferenceConfig", "temperature"),),
        "top_p": (("inferenceConfig", "topP"),),
        "stop": (("inferenceConfig", "stopSequences"),),
        "max_tokens": (("inferenceConfig", "maxTokens"),),
    },
}
"""Where each dialect has what all of them have."""
_CONTAINERS = ("output_config", "reasoning", "text", *_GENERATION, "inferenceConfig", "additionalModelRequestFields")
_SAYS = {"stop": "stop sequences"}
_STOPS = ("stop", "stop_sequences", "stopSequences")
STOPS_LEFT_OUT = "stop sequences left out"
"""The change of a request to a model that takes none: whoever reads its answer keeps them."""


def adapted(
    body: bytes, protocol: Protocol, model: str, learned: Learned, *, goes_on: Form | None = None
) -> tuple[bytes, tuple[str, ...]]:
    """``body`` as ``model`` takes it in ``protocol``, and each change in a few words: "temperature left out".

    The very bytes that came where nothing had to be changed, or where they are no JSON. ``goes_on`` is how a broken
    answer is gone on with in it. Cost: some tens of µs, one pass over the body.
    """
    limits = constrained(model, learned)
    most = _most_output(model, learned)
    if limits is UNKNOWN and most is None and not learned:
        return body, ()
    try:
        edited = Edited(body)
    except NoJson:
        return body, ()
    if learned.thoughts is False or _is_foreign(edited, protocol, model):
        drop_thoughts(edited, protocol)
    adapt_thinking(edited, protocol, limits, tools_unthinking=learned.chat_tools is False)
    if goes_on is Form.PREFILL and asks_to_think(edited, protocol):
        stop_thinking(edited, limits, "it goes on with an answer")
    if not _is_same(edited, model):
        leave_room(edited, protocol, limits)
    adapt_forced_tools(edited, protocol, limits)
    _adapt_refused(edited, learned)
    _adapt_sampling(edited, protocol, limits)
    _adapt_length(edited, protocol, limits, most)
    adapt_schema(edited, protocol, limits)
    return edited.body, tuple(edited.changes)


def _is_same(edited: Edited, model: str) -> bool:
    """Whether the body names the very model, in whatever name; Gemini's name none."""
    named = edited.get("model")
    if not isinstance(named, str):
        return False
    found = find_model(model)
    return named == model or (found is not None and find_model(named) is found)


def _is_foreign(edited: Edited, protocol: Protocol, model: str) -> bool:
    """Whether the sealed thoughts in a body are another model's: of another maker, and with Claude any other one's."""
    named = edited.get("model")
    if not isinstance(named, str) or _is_same(edited, model):
        return False
    before, after = find_model(named), find_model(model)
    return protocol in CLAUDES or (before is not None and after is not None and before.maker != after.maker)


def constrained(model: str, learned: Learned) -> Constraints:
    """What the catalogue says of a model, overruled by what was learnt of it."""
    limits = constraints_of(model)
    if not learned:
        return limits
    changed: dict[str, object] = {}
    if learned.thinking in {"adaptive", "enabled"}:
        changed["asked"] = Way(learned.thinking)
    elif learned.thinking:
        changed["thinking"] = Thinks(learned.thinking)
    if learned.efforts:
        changed["efforts"] = learned.efforts
    if learned.only_one:
        changed["one_of_sampling"] = True
    if learned.completion_tokens is not None:
        changed["completion_tokens"] = learned.completion_tokens
    if learned.forced_tools:
        changed["forced_tools"] = When(learned.forced_tools)
    if learned.schema is False:
        changed["json"] = Json.OBJECT if limits.json is Json.SCHEMA else Json.NONE
    return replace(limits, **changed) if changed else limits


def _most_output(model: str, learned: Learned) -> int | None:
    found = find_model(model)
    known = (learned.max_output, found.max_output if found else None)
    return min((n for n in known if n is not None), default=None)


def _paths(protocol: Protocol, name: str) -> tuple[tuple[str, ...], ...]:
    return _NAMES[Protocol.ANTHROPIC if protocol in CLAUDES else protocol].get(name, ())


def _leave_out(edited: Edited, protocol: Protocol, name: str) -> None:
    for path in _paths(protocol, name):
        if edited.has(*path):
            edited.drop(*path)
            edited.note(f"{_SAYS.get(name, name)} left out")


def _adapt_refused(edited: Edited, learned: Learned) -> None:
    """Leave out what was refused by name, wherever this dialect has it."""
    for name in dict.fromkeys(each for known in learned.without for each in (known, _snake(known))):
        for path in ((name,), *((outer, name) for outer in _CONTAINERS if edited.has(outer))):
            if edited.has(*path):
                edited.drop(*path)
                edited.note(STOPS_LEFT_OUT if name in _STOPS else f"{name} left out")


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _adapt_sampling(edited: Edited, protocol: Protocol, limits: Constraints) -> None:
    lacks = limits.lacks
    if limits.lacks_thinking and thinks(edited, protocol, limits):
        lacks += limits.lacks_thinking
    for name in lacks:
        _leave_out(edited, protocol, name)
    both = (*_paths(protocol, "temperature")[:1], *_paths(protocol, "top_p")[:1])
    if limits.one_of_sampling and all(edited.has(*path) for path in both):
        _leave_out(edited, protocol, "top_p")


def _adapt_length(edited: Edited, protocol: Protocol, limits: Constraints, most: int | None) -> None:
    for path in _paths(protocol, "max_tokens"):
        wanted = edited.get(*path)
        if most is not None and isinstance(wanted, int) and wanted > most:
            edited.put(most, *path)
            edited.note(f"{path[-1]} lowered to {most}")
    if protocol is Protocol.OPENAI and limits.completion_tokens is not None:
        old, new = "max_tokens", "max_completion_tokens"
        if not limits.completion_tokens:
            old, new = new, old
        if edited.has(old):
            if not edited.has(new):
                edited.put_raw(edited.raw(old), new)
            edited.drop(old)
            edited.note(f"{old} sent as {new}")
