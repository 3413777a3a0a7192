"""What a model takes no parameter for, asked of it in words beside its system prompt: a tool's call, a JSON schema."""

from __future__ import annotations

from typing import Any

import msgspec

from stillup.catalog.constraints import Constraints, Json, When
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import CLAUDES
from stillup.gateway.dialects.editing import Edited
from stillup.gateway.dialects.thinking import asks_to_think, stop_thinking

_FORCED = ("any", "tool")
_NAME = 200
_CALL_ONE = "Call one of the tools now; do not answer in words."
_CALL = "Call the tool {} now; do not answer in words."
_IN_JSON = "Answer with one JSON object and nothing else: no words around it, no code fence."
_OF_SCHEMA = (
    "Answer with one JSON value that is valid by this JSON schema, and nothing else: no words around it, no code fence."
    "\n{}"
)
_encode = msgspec.json.encode


def adapt_forced_tools(edited: Edited, protocol: Protocol, limits: Constraints) -> None:
    """A tool that must be called: Claude is not made to while it thinks, and its newest models not at all."""
    if protocol not in CLAUDES or limits.forced_tools in (None, When.YES):
        return
    choice = edited.table("tool_choice")
    if choice.get("type") not in _FORCED:
        return
    if limits.forced_tools is When.NOT_THINKING:
        if not asks_to_think(edited, protocol):
            return
        if stop_thinking(edited, limits, "a tool must be called"):
            return
    name = choice.get("name")
    kept = {k: v for k, v in choice.items() if k == "disable_parallel_tool_use"}
    edited.put({"type": "auto", **kept}, "tool_choice")
    tell(edited, protocol, _CALL.format(name[:_NAME]) if isinstance(name, str) else _CALL_ONE)
    edited.note("the tool's call asked for in words")


def adapt_schema(edited: Edited, protocol: Protocol, limits: Constraints) -> None:
    """JSON by a schema, from a model that takes no schema."""
    if limits.json in (None, Json.SCHEMA):
        return
    if protocol in CLAUDES:
        for path in (("output_config", "format"), ("output_format",)):
            if edited.has(*path):
                schema = edited.table(*path).get("schema")
                edited.drop(*path)
                _say_schema(edited, protocol, schema)
    elif protocol is Protocol.OPENAI:
        _chat(edited, limits)
    elif protocol is Protocol.RESPONSES:
        told = edited.table("text", "format")
        if told.get("type") in _KINDS:
            edited.drop("text", "format")
            _say_schema(edited, protocol, told.get("schema"))
    elif protocol is Protocol.GEMINI:
        _gemini(edited, limits)


_KINDS = ("json_schema", "json_object")


def _gemini(edited: Edited, limits: Constraints) -> None:
    config = next((name for name in ("generationConfig", "generation_config") if edited.has(name)), "")
    if not config:
        return
    schemas = ("responseSchema", "responseJsonSchema", "response_schema", "response_json_schema")
    schema = next((edited.get(config, name) for name in schemas if edited.has(config, name)), None)
    mimes = ("responseMimeType", "response_mime_type")
    is_json = any("json" in str(edited.get(config, name)) for name in mimes)
    for name in (*schemas, *(mimes if limits.json is Json.NONE else ())):
        edited.drop(config, name)
    if schema is not None or (is_json and limits.json is Json.NONE):
        _say_schema(edited, Protocol.GEMINI, schema)


def _chat(edited: Edited, limits: Constraints) -> None:
    told = edited.table("response_format")
    kind = told.get("type")
    if kind == "json_object" and limits.json is Json.NONE:
        edited.drop("response_format")
        _say_schema(edited, Protocol.OPENAI, None)
    elif kind == "json_schema":
        inside = told.get("json_schema")
        if limits.json is Json.OBJECT:
            edited.put({"type": "json_object"}, "response_format")
        else:
            edited.drop("response_format")
        _say_schema(edited, Protocol.OPENAI, inside.get("schema") if isinstance(inside, dict) else None)


def _say_schema(edited: Edited, protocol: Protocol, schema: Any) -> None:  # noqa: ANN401 - a JSON schema
    says = _IN_JSON if schema is None else _OF_SCHEMA.format(_encode(schema).decode())
    tell(edited, protocol, says)
    edited.note("the JSON schema asked for in words" if schema is not None else "JSON asked for in words")


def tell(edited: Edited, protocol: Protocol, says: str) -> None:
    """Add a sentence to the system prompt; what is there stays as it is written, before it."""
    if protocol in CLAUDES:
        _add(edited, {"type": "text", "text": says}, says, "system")
    elif protocol is Protocol.RESPONSES:
        before = edited.get("instructions")
        edited.put(f"{before}\n\n{says}" if isinstance(before, str) and before else says, "instructions")
    elif protocol is Protocol.GEMINI:
        name = "system_instruction" if edited.has("system_instruction") else "systemInstruction"
        _add(edited, {"text": says}, "", name, "parts")
    else:
        inside = edited.raw("messages").strip()
        if inside.startswith(b"["):
            first = _encode({"role": "system", "content": says})
            rest = inside[1:].lstrip()
            edited.put_raw(b"".join((b"[", first, b"" if rest.startswith(b"]") else b",", rest)), "messages")


def _add(edited: Edited, block: dict[str, str], alone: str, *path: str) -> None:
    """At the end of a list of blocks, of a text, or alone."""
    before = edited.get(*path)
    if isinstance(before, str) and before:
        edited.put(f"{before}\n\n{block['text']}", *path)
    elif isinstance(before, list) and before:
        raw = edited.raw(*path).rstrip()
        edited.put_raw(b"".join((raw[:-1], b",", _encode(block), b"]")), *path)
    else:
        edited.put(alone or [block], *path)
