"""What a scripted provider says, and from where: from its start, or on from what was said before. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from stillup.sim.provider import asked, rules
from stillup.sim.provider.behaviour import Behaviour, Called
from stillup.sim.provider.call import Call, Dialect, Tool

_TOKEN = re.compile(r"\s*\S{1,6}|\s+")
_STOPS = ("stop_sequences", "stop", "generationConfig.stopSequences", "inferenceConfig.stopSequences", "options.stop")


class Script(Struct, frozen=True, kw_only=True):
    """What one answer says, in tokens, and then calls; ``before`` tokens of it were said earlier."""

    words: tuple[str, ...]
    calls: tuple[Tool, ...] = ()
    before: int = 0
    stopped_by: str = ""
    """The client's stop sequence before which it ends."""


def script_for(call: Call, behaviour: Behaviour, name: str) -> Script:
    """What the server called ``name`` says to a call, without limits."""
    words, calls = _told(call, behaviour)
    script = Script(words=tuple(_counted(name, behaviour.tokens) if words is None else words), calls=calls)
    begun = asked.begun_in(call.dialect, call.body)
    if begun is not None and not begun.has_calls and rules.goes_on(call, begun, behaviour):
        script = _rest(script, begun, behaviour)
    return _until_stop(replace(script, calls=_freed(call, script.calls)), _stops(call.body))


def _told(call: Call, behaviour: Behaviour) -> tuple[list[str] | None, tuple[Tool, ...]]:
    """Words and calls; None where the words are the counted ones."""
    schema = asked.schema_in(call.body) if behaviour.follows_schema else None
    if schema is not None:
        return _exact(asked.instance_of(schema)), ()
    if behaviour.tells_media:
        return _exact(f"I see {' and '.join(asked.media_in(call.body)) or 'nothing'}."), ()
    text, calls = behaviour.text, _tools(behaviour.calls)
    if behaviour.turns:
        turn = behaviour.turns[min(asked.turn_of(call.dialect, call.body), len(behaviour.turns) - 1)]
        text, calls = turn.text, _tools(turn.calls)
    elif behaviour.tool or call.tool:
        one = Tool(behaviour.tool, behaviour.arguments) if behaviour.tool else call.tool
        text, calls = (text, calls) if calls or one is None else ("", (one,))
    if not text:
        return [] if calls or behaviour.turns else None, calls
    return _exact(text) if behaviour.verbatim else [f"{word} " for word in text.split()], calls


def _freed(call: Call, calls: tuple[Tool, ...]) -> tuple[Tool, ...]:
    """Those of them that the client offered as custom tools are called as such."""
    offered = call.body.get("tools")
    rows = offered if call.dialect is Dialect.RESPONSES and isinstance(offered, list) else []
    free = [row.get("name") for row in rows if isinstance(row, dict) and row.get("type") == "custom"]
    return tuple(replace(each, is_free=True) if each.name in free else each for each in calls)


def _tools(calls: tuple[Called, ...]) -> tuple[Tool, ...]:
    return tuple(Tool(each.name, each.arguments) for each in calls)


def _exact(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _counted(name: str, count: int) -> list[str]:
    """``A0 A1 A2 …``: who said it, and whether anything is missing, doubled or out of order, can be seen."""
    return [f"{name}{i} " for i in range(count)]


def _rest(script: Script, begun: asked.Begun, behaviour: Behaviour) -> Script:
    """On from what was said; the script from its start where that is no beginning of it, or a question follows."""
    text, at, repeats = "".join(script.words), len(begun.text), behaviour.repeats
    is_over = not text[at:].strip() and not script.calls
    is_question = is_over and not begun.is_last and not behaviour.knows_its_end
    if not begun.text or not text.startswith(begun.text) or is_question:
        return script
    before = len(_from(script.words, 0)) - len(_from(script.words, at))
    again = at if begun.is_last or at < repeats else at - repeats
    return replace(script, words=_from(script.words, again), before=before)


def _from(words: tuple[str, ...], at: int) -> tuple[str, ...]:
    """The tokens behind so many characters; the one in which they end is cut."""
    for i, word in enumerate(words):
        if at < len(word):
            return (word[at:], *words[i + 1 :])
        at -= len(word)
    return ()


def _stops(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The client's stop sequences, wherever its protocol has them."""
    found: list[object] = []
    for path in _STOPS:
        value = asked.member(body, tuple(path.split(".")))
        found += value if isinstance(value, list) else [value]
    return tuple(each for each in found if isinstance(each, str) and each)


def _until_stop(script: Script, stops: tuple[str, ...]) -> Script:
    """It ends before the first stop sequence, and calls nothing behind it."""
    text = "".join(script.words)
    found = [(at, stop) for stop in stops if (at := text.find(stop)) >= 0]
    if not found:
        return script
    at, stop = min(found)
    kept: list[str] = []
    for word in script.words:
        kept.append(word[:at])
        at -= len(word)
        if at <= 0:
            break
    return Script(words=tuple(filter(None, kept)), before=script.before, stopped_by=stop)
