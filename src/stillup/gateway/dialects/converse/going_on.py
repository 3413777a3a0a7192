"""A request for Converse that asks for the rest of an answer, or that is freed of thoughts nobody sealed."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Form
from stillup.gateway.dialects.continuing import GO_ON
from stillup.gateway.dialects.lenient import as_list, as_object
from stillup.gateway.dialects.neutral import UNSIGNED
from stillup.gateway.dialects.splice import members
from stillup.gateway.dialects.typed import typed

_MARK = UNSIGNED.encode()
_encode = msgspec.json.encode


def go_on(body: bytes, said: str, form: Form, max_tokens: int | None) -> bytes:
    """The same request after what was said. A form that is not Converse's counts as a prefill. Raises NoJson."""
    inside = members(body)
    if form is not Form.NONE:
        # A beginning that ends in white space is refused by Claude's models, and means nothing to the others.
        begun = said if form is Form.INSTRUCTION else said.rstrip() or said
        more: list[object] = [{"role": "assistant", "content": [{"text": begun}]}]
        if form is Form.INSTRUCTION:
            more.append({"role": "user", "content": [{"text": GO_ON}]})
        messages = typed(as_list, bytes(inside.get("messages", b"[]")), "messages")
        inside["messages"] = Raw(_encode([*messages, *more]))
    if max_tokens is not None:
        options = typed(as_object, bytes(inside.get("inferenceConfig", b"{}")), "inferenceConfig")
        inside["inferenceConfig"] = Raw(_encode({**options, "maxTokens": max_tokens}))
    return _encode(inside)


def cleaned(body: bytes) -> bytes:
    """Without the thoughts that bear the mark. Raises NoJson."""
    inside = members(body)
    kept = []
    for raw in typed(as_list, bytes(inside.get("messages", b"[]")), "messages"):
        message = typed(as_object, bytes(raw), "messages")
        blocks = typed(as_list, bytes(message.get("content", b"[]")), "messages")
        left = [block for block in blocks if not _is_marked(block)]
        if left:
            kept.append({**message, "content": left})
    return _encode({**inside, "messages": kept}) if kept else body


def _is_marked(block: Raw) -> bool:
    data = bytes(block)
    return _MARK in data and "reasoningContent" in typed(as_object, data, "messages")
