"""Tools that only Responses has, as functions everyone knows, and back again.

A custom tool takes free text: elsewhere it is a function with one string, ``input``. A namespace's tools have its name
before theirs. A client that offered them so is called so: :class:`Named` remembers what each name stood for.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, read
from stillup.gateway.dialects.typed import typed

INPUT = "input"
"""The one argument of a function that stands for a custom tool."""
FREE_SCHEMA = b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'
_MAX_NAME = 64
"""What every dialect takes for a function's name."""


class Offered(Struct, gc=False):
    """A tool as a request offers it; ``tools`` are a namespace's."""

    type: str = ""
    name: str = ""
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    format: Raw = NULL
    tools: list[Raw] = []


class Real(Struct, frozen=True):
    """What a function's name stands for at the client."""

    name: str
    namespace: str = ""
    is_custom: bool = False


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
_items = msgspec.json.Decoder(list[Raw]).decode
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
    return f"{whole[: _MAX_NAME - 17]}_{blake2b(whole.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


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
    if b'"custom"' in body or b'"namespace"' in body:
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
    is_custom = tool.type == "custom"
    if is_custom or namespace:
        found[flat(tool.name, namespace)] = Real(tool.name, namespace, is_custom)


def _all_tools(body: bytes) -> list[Raw]:
    whole = read(_body, body, _Body)
    tools = list(whole.tools)
    if b'"additional_tools"' in body and bytes(whole.input).lstrip().startswith(b"["):
        for item in typed(_items, bytes(whole.input)):
            if b'"additional_tools"' in bytes(item):
                more = typed(_more, bytes(item))
                tools += more.tools if more.type == "additional_tools" else []
    return tools
