"""What is asked, and what must come of it: four kinds of answer, each a script that every upstream holds.

The scripts have what is easily lost at a seam: lines, doubled words, letters of several bytes, JSON inside JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.protocols import ANTHROPIC, GEMINI, OPENAI, RESPONSES

Json = dict[str, Any]
MOST_TOKENS = 4_096
PROMPT = "Tell me of the river, please."

TEXT = (
    "# The river\n\nIt rises – so they say – where nobody has been, and that that is true nobody can tell. "
    "Süß ist das Wasser, 川は静かに流れる, and the ferry 🛶 crosses it at noon.\n\n"
    "- at noon, at noon it crosses;\n- at noon it crosses back.\n\n"
    "```python\nfor day in range(7):\n    print('noon', day)\n```\n\n"
    "The end is the sea, the sea is the end, and the end of it is 👩‍🚀 not in sight.\n"
)
THOUGHTS = "First I think of the source, then of the ferry at noon, and last of the sea. "
BEFORE_CALLS = "I look it up – the depth and the current – and note down when it crosses. "
CALLS: tuple[tuple[str, Json], ...] = (
    ("look_up", {"place": "Süßwasser, 川", "layers": ["depth", "current"], "within": {"km": 2.5, "side": None}}),
    ("note_down", {"text": 'She said "noon",\nthen\\left.', "tags": []}),
)
TREE: Json = {
    "name": "the river",
    "length_km": 402.5,
    "towns": [{"name": "Überlingen", "ferry": True}, {"name": "川越", "ferry": False}],
    "note": 'It says "noon"\tand means it.',
}
_PLACE: Json = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
_NOTE: Json = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
TOOLS = (("look_up", _PLACE), ("note_down", _NOTE))
_TOWN: Json = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "ferry": {"type": "boolean"}},
    "required": ["name", "ferry"],
    "additionalProperties": False,
}
SCHEMA: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "length_km": {"type": "number"},
        "towns": {"type": "array", "items": _TOWN},
        "note": {"type": "string"},
    },
    "required": ["name", "length_km", "towns", "note"],
    "additionalProperties": False,
}


@dataclass
class Got:
    """What a client has in its hands at the end of an answer.

    ``error`` is what its SDK raises; ``flaws`` are breaches of the protocol that an SDK may or may not notice.
    """

    text: str = ""
    thoughts: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Names, and arguments as JSON."""
    stop: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    error: str = ""
    flaws: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """One kind of answer: how an upstream says it, and what members a request has for it in each protocol."""

    name: str
    behaviour: Json
    tokens: int
    """How many pieces it comes in at the most: where it may break."""
    members: Callable[[str], Json]
    judge: Callable[[Got], str]
    """What is wrong with what came; empty for nothing."""


def _no_members(protocol: str) -> Json:  # noqa: ARG001
    return {}


def _tools(protocol: str) -> Json:
    """The same two tools in a protocol's words."""
    if protocol == ANTHROPIC:
        return {"tools": [{"name": name, "description": "", "input_schema": schema} for name, schema in TOOLS]}
    if protocol == GEMINI:
        declared = [{"name": name, "description": "", "parametersJsonSchema": schema} for name, schema in TOOLS]
        return {"tools": [{"functionDeclarations": declared}]}
    if protocol == RESPONSES:
        return {"tools": [{"type": "function", "name": n, "parameters": s, "strict": False} for n, s in TOOLS]}
    return {"tools": [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in TOOLS]}


def _thinking(protocol: str) -> Json:
    members: dict[str, Json] = {
        ANTHROPIC: {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
        OPENAI: {"reasoning_effort": "low"},
        RESPONSES: {"reasoning": {"effort": "low", "summary": "auto"}},
        GEMINI: {"generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1_024}}},
    }
    return members[protocol]


def _schema(protocol: str) -> Json:
    named = {"type": "json_schema", "name": "river", "schema": SCHEMA, "strict": True}
    inner = {"name": "river", "schema": SCHEMA, "strict": True}
    members: dict[str, Json] = {
        ANTHROPIC: {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        OPENAI: {"response_format": {"type": "json_schema", "json_schema": inner}},
        RESPONSES: {"text": {"format": named}},
        GEMINI: {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
    }
    return members[protocol]


def _compare(said: str, script: str) -> str:
    """Whether a text is the script, and if not, in which way it is none."""
    if said == script:
        return ""
    if not said:
        return "no text"
    if script.startswith(said):
        return "truncated"
    at = next((i for i, (x, y) in enumerate(zip(said, script, strict=False)) if x != y), min(len(said), len(script)))
    rest = script[at:]
    if rest and said.endswith(rest) and len(said) > len(script):
        return "text repeated"
    if len(said) < len(script):
        return "text lost"
    return "text repeated" if said[at : at + 8] in script else "other text"


def _text(got: Got) -> str:
    return _compare(got.text, TEXT)


def _called(got: Got) -> str:
    """All words, then calls: all of them, or as many as were whole when it broke off, at least one."""
    if wrong := _compare(got.text, BEFORE_CALLS):
        return wrong
    try:
        calls = [(name, json.loads(arguments)) for name, arguments in got.calls]
    except ValueError:
        return "half a call"
    if not calls:
        return "no call"
    if calls != list(CALLS[: len(calls)]):
        return "another call"
    return ""


def _thought(got: Got) -> str:
    """The text is whole; so is the last thought, and what stands before it are beginnings of it.

    Some protocols have no blocks: thoughts that were begun anew stand one behind the other there.
    """
    if wrong := _compare(got.text, TEXT):
        return wrong
    begins, thought = THOUGHTS[:5], "".join(got.thoughts).replace("\n\n", "").rstrip()
    if not thought.endswith(THOUGHTS.rstrip()):
        return "thought truncated"
    cut = thought.removesuffix(THOUGHTS.rstrip()).split(begins)
    return "" if all(THOUGHTS.startswith(begins + each) for each in cut[1:]) and not cut[0] else "thought damaged"


def _json(got: Got) -> str:
    try:
        return "" if json.loads(got.text) == TREE else "other JSON"
    except ValueError:
        return "no JSON"


_LETTERS = {"text": TEXT, "verbatim": True}
_SAID_TREE = json.dumps(TREE, ensure_ascii=False, indent=1)
TASKS = (
    Task("text", _LETTERS, 86, _no_members, _text),
    Task(
        "tools",
        {"text": BEFORE_CALLS, "verbatim": True, "calls": [{"name": n, "arguments": a} for n, a in CALLS]},
        26,
        _tools,
        _called,
    ),
    Task("thinking", _LETTERS | {"thoughts": THOUGHTS}, 103, _thinking, _thought),
    Task("schema", {"text": _SAID_TREE, "verbatim": True}, 41, _schema, _json),
)


def body(protocol: str, model: str, task: Task) -> Json:
    """What a client of a protocol asks for, as a stream."""
    more = task.members(protocol)
    if protocol == GEMINI:
        return {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]} | more
    if protocol == RESPONSES:
        return {"model": model, "input": PROMPT, "stream": True} | more
    said = {"model": model, "messages": [{"role": "user", "content": PROMPT}], "stream": True}
    if protocol == OPENAI:
        return said | {"stream_options": {"include_usage": True}} | more
    return said | {"max_tokens": MOST_TOKENS} | more
