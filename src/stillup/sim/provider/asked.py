"""What a conversation says that matters for an answer: where it ends, its media, its schema. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from stillup.sim.provider.call import Dialect

Json = Mapping[str, Any]
_ROWS = {Dialect.GEMINI: "contents", Dialect.RESPONSES: "input"}
_OURS = ("assistant", "model")
_CALLS = ("function_call", "custom_tool_call")
_OUR_ITEMS = ("reasoning", *_CALLS)
"""Items of OpenAI's Responses that are the assistant's, and have no role."""
_RESULTS = ("function_call_output", "custom_tool_call_output")


class Begun(Struct, frozen=True, kw_only=True):
    """What the assistant said last, where no tool has answered since."""

    text: str
    is_last: bool
    """Nothing follows it: the model is to go on in it."""
    has_calls: bool
    is_flagged: bool
    """It is marked as a beginning, as Mistral and DeepSeek want it."""


def rows_of(dialect: Dialect, body: Json) -> list[Json]:
    """The messages, in order."""
    said = body.get(_ROWS.get(dialect, "messages"))
    return [row for row in said if isinstance(row, dict)] if isinstance(said, list) else []


def begun_in(dialect: Dialect, body: Json) -> Begun | None:
    """The beginning of an answer that a request brings; none where a user, or a tool, begins a new turn."""
    texts: list[str] = []
    is_last, has_calls, is_flagged = True, False, False
    for row in reversed(rows_of(dialect, body)):
        if is_result(row):
            break
        if not _is_ours(row):
            if texts or has_calls:
                break
            is_last = False
            continue
        texts.append(text_of(row))
        has_calls = has_calls or _has_calls(row)
        is_flagged = is_flagged or row.get("prefix") is True
    text = "".join(reversed(texts))
    return Begun(text=text, is_last=is_last, has_calls=has_calls, is_flagged=is_flagged) if texts else None


def turn_of(dialect: Dialect, body: Json) -> int:
    """How many times tools have answered so far."""
    turns, is_new = 0, True
    for row in rows_of(dialect, body):
        if is_result(row):
            turns += is_new
            is_new = False
        elif _is_ours(row):
            is_new = True
    return turns


def is_result(row: Json) -> bool:
    """Whether a message holds what a tool answered."""
    if row.get("role") == "tool" or row.get("type") in _RESULTS:
        return True
    return any(p.get("type") == "tool_result" or "functionResponse" in p or "toolResult" in p for p in _parts(row))


def text_of(row: Json) -> str:
    """The words of a message, without thoughts."""
    content = row.get("content")
    if isinstance(content, str):
        return content
    said = (p.get("text") for p in _parts(row) if p.get("thought") is not True)
    return "".join(text for text in said if isinstance(text, str))


def _parts(row: Json) -> list[Json]:
    parts = row.get("content") or row.get("parts")
    return [p for p in parts if isinstance(p, dict)] if isinstance(parts, list) else []


def _is_ours(row: Json) -> bool:
    return row.get("role") in _OURS or row.get("type") in _OUR_ITEMS


def _has_calls(row: Json) -> bool:
    if row.get("tool_calls") or row.get("type") in _CALLS:
        return True
    return any(p.get("type") == "tool_use" or "functionCall" in p or "toolUse" in p for p in _parts(row))


def media_in(body: Json) -> list[str]:
    """Every image and document that came: its type, and how long its base64 is, or where it lies."""
    return [told for value in _objects(body) if (told := _medium(value))]


def _objects(value: object) -> Iterator[Json]:
    """All objects below a value, in order."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _medium(value: Json) -> str:
    kind = value.get("media_type") or value.get("mimeType") or value.get("mime_type")
    data = value.get("data")
    if isinstance(kind, str) and isinstance(data, str):
        return f"{kind} of {len(data)}"
    if "bytes" in value and isinstance(value["bytes"], str):
        return f"bytes of {len(value['bytes'])}"
    found = [value.get(name) for name in ("url", "image_url", "file_data", "file_url", "fileUri")]
    where = next((each for each in found if isinstance(each, str)), "")
    if where.startswith("data:"):
        head, _, data = where.removeprefix("data:").partition(",")
        return f"{head.partition(';')[0]} of {len(data)}"
    return f"one at {where}" if where else ""


def schema_in(body: Json) -> Json | None:
    """The schema that the answer is to have."""
    for path in (
        ("output_config", "format", "schema"),
        ("output_format", "schema"),
        ("response_format", "json_schema", "schema"),
        ("text", "format", "schema"),
        ("generationConfig", "responseJsonSchema"),
        ("generationConfig", "responseSchema"),
        ("format",),
    ):
        if isinstance(found := member(body, path), dict):
            return found
    return None


def member(body: object, path: tuple[str, ...]) -> object:
    """The member of a request at a path; None where there is none."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body


_DEEP = 12
_PLAIN: Mapping[str, object] = {"integer": 1, "number": 1.5, "boolean": True, "null": None, "object": {}, "array": []}


def instance_of(schema: Json) -> str:
    """JSON that a schema allows."""
    return msgspec.json.encode(_instance(schema, schema, _DEEP)).decode()


def _instance(schema: object, root: Json, deep: int) -> object:
    if not isinstance(schema, dict) or not deep:
        return None
    if isinstance(where := schema.get("$ref"), str):
        return _instance(member(root, tuple(where.removeprefix("#/").split("/"))), root, deep - 1)
    choices = [some for name in ("anyOf", "oneOf", "allOf") if isinstance(some := schema.get(name), list) and some]
    if choices:
        return _instance(choices[0][0], root, deep - 1)
    fixed = [schema["const"]] if "const" in schema else schema.get("enum")
    return fixed[0] if isinstance(fixed, list) and fixed else _of_type(schema, root, deep)


def _of_type(schema: Json, root: Json, deep: int) -> object:
    kind = schema.get("type")
    kind = str(kind[0] if isinstance(kind, list) and kind else kind).lower()
    fields = schema.get("properties")
    if isinstance(fields, dict):
        return {name: _instance(field, root, deep - 1) for name, field in fields.items()}
    if kind == "array":
        return [_instance(schema.get("items"), root, deep - 1) for _ in range(2)]
    return _PLAIN.get(kind, f"Said of {schema.get('description') or 'it'}.")
