"""The tools that a request of Responses offers, and which of them may be called."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, as_string
from stillup.gateway.dialects.neutral import Choose, Foreign, Result, Text, Tool, ToolChoice
from stillup.gateway.dialects.responses.named import FREE_SCHEMA, SEARCH_TOOLS, Offered, flat, offered
from stillup.gateway.dialects.typed import typed

SEARCHES = frozenset({"web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"})
_NAMED = frozenset({"function", "custom"})
SEARCH = "web_search"
"""The hint in a prompt's ``others`` that holds a search the model may do besides calling functions."""


class _Choice(Struct, gc=False):
    type: str = ""
    name: str | None = None
    namespace: str | None = None
    mode: str | None = None
    tools: list[Raw] = []


class _Format(Struct, gc=False):
    type: str = ""
    syntax: str | None = None
    definition: str | None = None


class _More(Struct, gc=False):
    type: str = ""
    tools: list[Raw] = []
    execution: str | None = None
    call_id: str | None = None


_NULL = bytes(NULL)
_choice = msgspec.json.Decoder(_Choice).decode
_format = msgspec.json.Decoder(_Format).decode
_more = msgspec.json.Decoder(_More).decode


class Tools:
    """Collects what is offered."""

    def __init__(self) -> None:
        self._functions: dict[str, Tool] = {}
        self._served: list[Foreign] = []
        self._count = 0
        self._must_search = False

    @property
    def functions(self) -> tuple[Tool, ...]:
        """The client's own, custom ones and those of namespaces among them."""
        return tuple(self._functions.values())

    @property
    def _searches(self) -> bool:
        """Whether all that the provider does itself is a search, which the model may well do without.

        Agents (Codex) offer it beside their own tools in every request. A request that offers nothing else is one for a
        search.
        """
        kinds = {tool.what for tool in self._served}
        return bool(self._functions and kinds) and kinds <= SEARCHES and not self._must_search

    @property
    def served(self) -> tuple[Foreign, ...]:
        """Those that the provider runs itself, but for a search that is merely offered."""
        return () if self._searches else tuple(self._served)

    @property
    def offers(self) -> dict[str, Raw]:
        """The search that is merely offered, as a hint."""
        return {SEARCH: Raw(self._served[0].raw)} if self._searches else {}

    def add(self, tools: Iterable[Raw]) -> None:
        """The body's ``tools``. Raises NoJson and Untranslatable."""
        for raw in tools:
            where = f"tools[{self._count}]"
            self._count += 1
            tool = offered(raw, where)
            if tool.type == "namespace":
                for n, inner in enumerate(tool.tools):
                    self._add(offered(inner, f"{where}.tools[{n}]"), inner, tool.name, f"{where}.tools[{n}]")
            else:
                self._add(tool, raw, "", where)

    def add_from(self, item: bytes, where: str) -> Result | None:
        """The tools that an item offers in mid-conversation; what to say of those the client was asked to find."""
        more = typed(_more, item, where)
        known = len(self._functions)
        self.add(more.tools)
        if more.type != "tool_search_output" or more.execution != "client":
            return None
        names = ", ".join(islice(self._functions, known, None))
        text = f"These tools can be called from now on: {names}" if names else "No tool was found."
        return Result(id=more.call_id or "", name=SEARCH_TOOLS, parts=(Text(text=text),))

    def _add(self, tool: Offered, raw: Raw, namespace: str, where: str) -> None:
        if tool.type in _NAMED and not tool.name:
            msg = f"{where}.name: must be a non-empty string"
            raise Untranslatable(msg)
        match tool.called_as:
            case "custom_tool_call":
                self._offer(_custom(tool, namespace, where))
            case "function_call":
                self._offer(_function(tool, namespace))
            case "tool_search_call":
                self._offer(_search(tool))
            case _ if not tool.type:
                msg = f"{where}.type: must be a string"
                raise Untranslatable(msg)
            case _ if tool.type != SEARCH_TOOLS:  # who has all tools before it need not look for any
                self._served.append(Foreign(origin=Protocol.RESPONSES, what=tool.type, raw=bytes(raw)))

    def _offer(self, tool: Tool) -> None:
        self._functions.setdefault(tool.name, tool)  # it may be found twice

    def choice(self, raw: Raw, *, parallel: bool | None) -> ToolChoice | None:
        """Which must be called; a choice among some leaves the others out. Raises NoJson and Untranslatable."""
        value = bytes(raw).strip()
        if value == _NULL:
            return None if parallel is None else ToolChoice(parallel=parallel)
        if value.startswith(b'"'):
            return ToolChoice(choose=_mode(typed(as_string, value, "tool_choice")), parallel=parallel)
        choice = typed(_choice, value, "tool_choice")
        if choice.type in {"function", "custom"} and choice.name:
            return ToolChoice(choose=Choose.ONE, name=flat(choice.name, choice.namespace), parallel=parallel)
        if choice.type == "allowed_tools":
            self._allow(choice.tools)
            return ToolChoice(choose=_mode(choice.mode or "auto"), parallel=parallel)
        if any(tool.what == choice.type for tool in self._served):
            self._must_search = True
            return None  # the tool itself is refused
        msg = "tool_choice: must be auto, none, required, or name a tool that is offered"
        raise Untranslatable(msg)

    def _allow(self, tools: Iterable[Raw]) -> None:
        allowed = [typed(_choice, bytes(raw), "tool_choice.tools") for raw in tools]
        names = {flat(tool.name, tool.namespace) for tool in allowed if tool.name}
        kinds = {tool.type for tool in allowed}
        self._functions = {name: tool for name, tool in self._functions.items() if name in names}
        self._served = [tool for tool in self._served if tool.what in kinds]


def _mode(said: str) -> Choose:
    match said:
        case "auto":
            return Choose.AUTO
        case "none":
            return Choose.NONE
        case "required":
            return Choose.ANY
    msg = "tool_choice: must be auto, none or required, or name a tool"
    raise Untranslatable(msg)


def _function(tool: Offered, namespace: str) -> Tool:
    return Tool(
        name=flat(tool.name, namespace),
        description=tool.description or "",
        schema=b"" if tool.parameters == NULL else bytes(tool.parameters),
        strict=tool.strict or None,  # false is what every other dialect takes for granted
    )


def _search(tool: Offered) -> Tool:
    schema = b"" if tool.parameters == NULL else bytes(tool.parameters)
    return Tool(name=SEARCH_TOOLS, description=tool.description or "", schema=schema)


def _custom(tool: Offered, namespace: str, where: str) -> Tool:
    """Free text as one string; the grammar that it follows is told in words, for nobody else would enforce it."""
    description = tool.description or ""
    if tool.format != NULL:
        form = typed(_format, bytes(tool.format), f"{where}.format")
        if form.type == "grammar" and form.definition:
            told = f"The string `input` follows this {form.syntax or 'lark'} grammar exactly:\n{form.definition}"
            description = f"{description}\n\n{told}" if description else told
    return Tool(name=flat(tool.name, namespace), description=description, schema=FREE_SCHEMA)
