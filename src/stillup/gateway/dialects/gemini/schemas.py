"""Gemini's own schemas (a part of OpenAPI's, types in capitals) as JSON schemas."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.gemini.names import camel, read

_MAX_DEPTH = 64
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
"""Numbers of 64 bits, which protocol buffers write as text."""
_RENAMED = {"defs": "$defs", "ref": "$ref", "example": "examples"}
_value = msgspec.json.Decoder(object).decode


def json_schema(raw: Raw, where: str) -> bytes:
    """The schema as JSON schema has it; the bytes as they came where that is no different.

    Raises Untranslatable where it is nested too deeply.
    """
    value = read(_value, raw, where)
    changed = _changed(value, where, 0)
    return bytes(raw) if changed == value else msgspec.json.encode(changed)


def _changed(value: object, where: str, depth: int) -> object:
    if depth > _MAX_DEPTH:
        msg = f"{where}: must be nested at most {_MAX_DEPTH} levels deep"
        raise Untranslatable(msg)
    if not isinstance(value, dict):
        return value
    schema: dict[str, object] = {}
    for key, inner in value.items():
        name = camel(str(key)) if not str(key).startswith("$") else str(key)
        if name == "propertyOrdering" or (name == "type" and inner == "TYPE_UNSPECIFIED"):
            continue  # the order of an object's members means nothing elsewhere
        if name != "nullable":
            schema[_RENAMED.get(name, name)] = _inner(name, inner, where, depth)
    return _nullable(schema) if value.get("nullable") is True else schema


def _inner(name: str, inner: object, where: str, depth: int) -> object:
    if name == "type" and isinstance(inner, str):
        return inner.lower()
    if name in _COUNTS and isinstance(inner, str) and inner.isdecimal():
        return int(inner[:20])
    if name in {"properties", "defs", "$defs"} and isinstance(inner, dict):
        return {key: _changed(part, where, depth + 1) for key, part in inner.items()}
    if name in {"anyOf", "oneOf", "allOf", "prefixItems"} and isinstance(inner, list):
        return [_changed(part, where, depth + 1) for part in inner]
    if name in {"items", "additionalProperties"}:
        return _changed(inner, where, depth + 1)
    return [inner] if name == "example" else inner


def _nullable(schema: dict[str, object]) -> dict[str, object]:
    kind, anyof = schema.get("type"), schema.get("anyOf")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]  # type: ignore[misc]  # a list, as was just seen
    elif isinstance(anyof, list):
        schema["anyOf"] = [*anyof, {"type": "null"}]
    return schema
