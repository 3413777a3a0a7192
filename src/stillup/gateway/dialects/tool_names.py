"""Tools' names in the letters and at the length that another dialect takes, and as the client has them in the answer.

Claude takes names of 128 letters, and programs make such names of a server's and a tool's; elsewhere 64 are the most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from re import Pattern

from msgspec.structs import replace

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.neutral import Call, Calls, Part, Piece, Prompt, Reply, Result
from stillup.gateway.dialects.writing import digest

_CLAUDE = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_SHORT = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ALLOWED: dict[Protocol, Pattern[str]] = {
    Protocol.ANTHROPIC: _CLAUDE,
    Protocol.BEDROCK: _CLAUDE,
    Protocol.VERTEX: _CLAUDE,
    Protocol.OPENAI: _SHORT,
    Protocol.RESPONSES: _SHORT,
    Protocol.GEMINI: re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}"),
    Protocol.CONVERSE: _SHORT,
}
"""Sources: https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use,
https://developers.openai.com/api/reference (``FunctionObject.name``), https://ai.google.dev/api/caching
(``FunctionDeclaration.name``), https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html
"""
_NOT_PLAIN = re.compile(r"[^a-zA-Z0-9_-]")
_KEPT = 46
"""With a mark before it, a line and sixteen digits behind it: 64."""


def fitted(prompt: Prompt, protocol: Protocol) -> tuple[Prompt, Mapping[str, str]]:
    """The prompt with names that ``protocol`` takes, and the client's by those; the prompt itself where all fit."""
    allowed = _ALLOWED[protocol]
    new = {name: _fitting(name) for name in _names(prompt) if name and not allowed.fullmatch(name)}
    if not new:
        return prompt, {}
    choice = prompt.tool_choice
    return replace(
        prompt,
        tools=tuple(replace(tool, name=new.get(tool.name, tool.name)) for tool in prompt.tools),
        tool_choice=replace(choice, name=new.get(choice.name, choice.name)) if choice is not None else None,
        messages=tuple(
            replace(each, parts=tuple(_renamed(part, new) for part in each.parts)) for each in prompt.messages
        ),
    ), {short: name for name, short in new.items()}


class Renamed:
    """Gives the calls of an answer the client's names for its tools."""

    is_over = False

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def pass_on(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What the client is to get of these pieces."""
        for piece in pieces:
            if isinstance(piece, Calls) and piece.call.name in self._names:
                yield Calls(replace(piece.call, name=self._names[piece.call.name]))
            else:
                yield piece


def with_names(reply: Reply, names: Mapping[str, str]) -> Reply:
    """A whole answer with the client's names for its tools."""
    return replace(reply, parts=tuple(_renamed(part, names) for part in reply.parts)) if names else reply


def _names(prompt: Prompt) -> Iterator[str]:
    yield from (tool.name for tool in prompt.tools)
    if prompt.tool_choice is not None:
        yield prompt.tool_choice.name
    yield from (part.name for each in prompt.messages for part in each.parts if isinstance(part, Call | Result))


def _renamed(part: Part, new: Mapping[str, str]) -> Part:
    return replace(part, name=new[part.name]) if isinstance(part, Call | Result) and part.name in new else part


def _fitting(name: str) -> str:
    plain = _NOT_PLAIN.sub("_", name)[:_KEPT]
    mark = "" if plain[:1].isalpha() or plain[:1] == "_" else "_"
    return f"{mark}{plain}_{digest(name, 16)}"
