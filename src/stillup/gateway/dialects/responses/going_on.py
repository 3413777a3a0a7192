"""A request of Responses that asks for the rest of an answer, or that is freed of what only this gateway has said."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Form
from stillup.gateway.dialects.continuing import GO_ON
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, as_list
from stillup.gateway.dialects.neutral import UNSIGNED
from stillup.gateway.dialects.responses.items import peek, reasoning
from stillup.gateway.dialects.responses.prompt_out import LEAST_TOKENS
from stillup.gateway.dialects.splice import members
from stillup.gateway.dialects.typed import typed

_NULL = bytes(NULL)
_MARK = UNSIGNED.encode()
_encode = msgspec.json.encode


def go_on(body: bytes, said: str, form: Form, max_tokens: int | None) -> bytes:
    """``body`` with what was said, and the request to go on in instruction form. Raises NoJson and Untranslatable.

    Responses has no flag of its own for a prefix: in every other form the answer simply stands last.
    """
    parts = members(body)
    content = [{"type": "output_text", "text": said, "annotations": []}]
    added = [_encode({"type": "message", "role": "assistant", "content": content})] if said else []
    if form is Form.INSTRUCTION:
        asked = [{"type": "input_text", "text": GO_ON}]
        added.append(_encode({"type": "message", "role": "user", "content": asked}))
    parts["input"] = Raw(b"[" + b",".join([*_items(parts.get("input", NULL)), *added]) + b"]")
    if form is Form.FINAL:
        parts |= {"add_generation_prompt": Raw(b"false"), "continue_final_message": Raw(b"true")}
    if max_tokens is not None:
        parts["max_output_tokens"] = Raw(str(max(max_tokens, LEAST_TOKENS)).encode())
    return _encode(parts)


def _items(raw: Raw) -> list[bytes]:
    """The input's items, written as one piece."""
    value = bytes(raw).strip()
    if value == _NULL:
        return []
    if value.startswith(b'"'):
        return [b'{"type":"message","role":"user","content":' + value + b"}"]
    if not value.startswith(b"["):
        msg = "input: must be a string or an array of items"
        raise Untranslatable(msg)
    inner = value[1:-1].strip()
    return [inner] if inner else []


def cleaned(body: bytes) -> bytes:
    """``body`` without the thoughts that bear our mark; as it is where there are none. Raises NoJson."""
    if _MARK not in body:
        return body
    parts = members(body)
    value = bytes(parts.get("input", NULL)).strip()
    if _MARK not in value or not value.startswith(b"["):
        return body
    items = [bytes(item) for item in typed(as_list, value, "input")]
    kept = [item if _MARK not in item else _without_mark(item) for item in items]
    if kept == items:
        return body
    parts["input"] = Raw(b"[" + b",".join(item for item in kept if item) + b"]")
    return _encode(parts)


def _without_mark(item: bytes) -> bytes:
    """The item as its provider made it; nothing where there is no provider's proof in it."""
    try:
        if peek(item).type != "reasoning":
            return item
        thought = reasoning(item)
        fields = members(item)
    except (*UNREADABLE, NoJson):
        return item
    if not thought.is_ours:
        return item
    if thought.seal is None:
        return b""
    fields |= {"id": Raw(_encode(thought.seal.id)), "encrypted_content": Raw(_encode(thought.seal.data))}
    return _encode({name: value for name, value in fields.items() if value != b'""'})
