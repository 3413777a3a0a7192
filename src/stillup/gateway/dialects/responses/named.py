"""Tools that only Responses has, as functions everyone knows, and back again.

A custom tool takes free text: elsewhere it is a function with one string, ``input``. A namespace's tools have its name
before theirs. A search for more tools that the client does itself is a function too, and what it found can be called
from then on. A client that offered them so is called so: :class:`Named` remembers what each name stood for.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, as_list, read
from stillup.gateway.dialects.typed import typed
from stillup.gateway.dialects.writing import digest

INPUT = "input"
"""The one argument of a function that stands for a custom tool."""
FREE_SCHEMA = b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'
_MAX_NAME = 64
"""What every dialect takes for a function's name."""


SEARCH_TOOLS = "tool_search"
"""The type of a tool that finds tools, and its name as a function."""
LOADERS = frozenset({"additional_tools", "tool_search_output"})
"""Items that bring more tools."""
_CALLED_AS = {"function": "function_call", "custom": "custom_tool_call"}


class Offered(Struct, gc=False):
    """A tool as a request offers it; ``tools`` are a namespace's."""

    type: str = ""
    name: str = ""
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    format: Raw = NULL
    execution: str | None = None
    tools: list[Raw] = []

    @property
    def called_as(self) -> str:
        """The type of the item that calls it; empty for a tool that the client does not run."""
        if self.type == SEARCH_TOOLS:
            return "tool_search_call" if self.execution == "client" else ""
        return _CALLED_AS.get(self.type, "")


class Real(Struct, frozen=True):
    """What a function's name stands for at the client."""

    name: str
    namespace: str = ""
    called_as: str = "function_call"


class _Free(Struct):
    input: str


class _Body(Struct):
    tools: list[Raw] = []
    input: Raw = NULL


class _More(Struct):
    type: str = ""
    tools: list[Raw] = []


_offered = msgspec.json.Decoder(Offered).decode
_free = msgspec.json.Decoder(_Free).decode
_body = msgspec.json.Decoder(_Body).decode
_more = msgspec.json.Decoder(_More).decode


def offered(raw: Raw, where: str) -> Offered:
    """One tool. Raises NoJson and Untranslatable."""
    return typed(_offered, bytes(raw), where)


def flat(name: str, namespace: str | None) -> str:
    """The name of a namespace's tool where there are no namespaces, short enough for everyone."""
    if not namespace:
        return name
    whole = f"{namespace}__{name}"
    if len(whole) <= _MAX_NAME:
        return whole
    return f"{whole[: _MAX_NAME - 17]}_{digest(whole, 16)}"


def as_arguments(text: str) -> str:
    """Free text as a function's arguments."""
    return msgspec.json.encode({INPUT: text}).decode()


def as_text(arguments: str) -> str:
    """The free text in a function's arguments; those themselves where a model put them otherwise."""
    try:
        return _free(arguments.encode()).input
    except (*UNREADABLE, UnicodeEncodeError):
        return arguments


class Named:
    """What the names of a client's tools stand for; looked up in its body when the first call is written."""

    __slots__ = ("_body", "_known")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._known: dict[str, Real] | None = None

    def real(self, name: str) -> Real:
        """What ``name`` stands for: itself, mostly."""
        if self._known is None:
            self._known = _known(self._body)
            self._body = b""
        return self._known.get(name) or Real(name)


def _known(body: bytes) -> dict[str, Real]:
    found: dict[str, Real] = {}
    if any(word in body for word in _SPECIAL):
        try:
            for raw in _all_tools(body):
                tool = offered(raw, "tools")
                if tool.type == "namespace":
                    for inner in tool.tools:
                        _add(found, offered(inner, "tools"), tool.name)
                else:
                    _add(found, tool, "")
        except (NoJson, Untranslatable):  # a body that is refused has no answer
            pass
    return found


def _add(found: dict[str, Real], tool: Offered, namespace: str) -> None:
    kind = tool.called_as
    name = SEARCH_TOOLS if kind == "tool_search_call" else tool.name
    if kind and (namespace or kind != "function_call"):
        found[flat(name, namespace)] = Real(name, namespace, kind)


_SPECIAL = (b'"custom"', b'"namespace"', b'"tool_search"')


def _all_tools(body: bytes) -> list[Raw]:
    whole = read(_body, body, _Body)
    tools = list(whole.tools)
    if bytes(whole.input).lstrip().startswith(b"["):
        for item in typed(as_list, bytes(whole.input)):
            if any(kind.encode() in bytes(item) for kind in LOADERS):
                more = typed(_more, bytes(item))
                tools += more.tools if more.type in LOADERS else []
    return tools
