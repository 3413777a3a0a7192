"""A client's body changed in one place: asked to go on with an answer, or without thoughts that were never sealed."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Form
from stillup.gateway.dialects.anthropic.thinking_out import begins_with_thought
from stillup.gateway.dialects.continuing import GO_ON
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, as_list, as_object
from stillup.gateway.dialects.neutral import UNSIGNED
from stillup.gateway.dialects.typed import typed

_message = msgspec.json.Decoder(dict[str, Any]).decode
_plain_messages = msgspec.json.Decoder(list[dict[str, Any]]).decode
_encode = msgspec.json.encode
_MARK = UNSIGNED.encode()


def go_on(body: bytes, said: str, form: Form, max_tokens: int | None) -> bytes:
    """The body that asks for the rest of an answer. Raises Untranslatable, NoJson.

    A beginning of the client's own, its last message, becomes one with what was said. White space at the end of a
    beginning is refused there and left out.
    """
    if form is Form.NONE:
        msg = "this model cannot be asked to go on"
        raise Untranslatable(msg)
    inside = typed(as_object, body)
    messages = typed(as_list, inside.get("messages", NULL), "messages")
    if form is Form.INSTRUCTION:
        _append(messages, said)
        messages.append(Raw(_encode({"role": "user", "content": GO_ON})))
    else:
        _append(messages, said.rstrip())
    inside["messages"] = Raw(_encode(messages))
    if max_tokens is not None:
        inside["max_tokens"] = Raw(_encode(max_tokens))
    return _encode(inside)


def _append(messages: list[Raw], said: str) -> None:
    """Lets the assistant have said this, in its last message where that is the conversation's last."""
    if not said.strip():
        return
    last = typed(_message, messages[-1], "messages") if messages else {}
    if last.get("role") != "assistant":
        messages.append(Raw(_encode({"role": "assistant", "content": said})))
        return
    content = last.get("content")
    if isinstance(content, str):
        last["content"] = content + said
    elif isinstance(content, list):
        end = content[-1] if content else None
        if isinstance(end, dict) and end.get("type") == "text" and isinstance(end.get("text"), str):
            content[-1] = {**end, "text": end["text"] + said}
        else:
            content.append({"type": "text", "text": said})
    messages[-1] = Raw(_encode(last))


def cleaned(body: bytes) -> bytes:
    """The body without thoughts and citations that this gateway marked; a message of nothing else goes with them.

    Where a turn with tools begins without a thought then, thinking with a budget would be refused: it is turned off
    for this request. Raises NoJson, Untranslatable.
    """
    inside = typed(as_object, body)
    messages = typed(as_list, inside.get("messages", NULL), "messages")
    kept = [
        message
        for message in (_without(raw) if _MARK in bytes(raw) else raw for raw in messages)
        if message is not None
    ]
    inside["messages"] = Raw(_encode(kept))
    thinking = inside.get("thinking", NULL)
    if b'"enabled"' in bytes(thinking):
        tail = typed(_plain_messages, inside["messages"], "messages")[-2:]
        if not begins_with_thought(tail):
            inside["thinking"] = Raw(b'{"type":"disabled"}')
    return _encode(inside)


def _without(raw: Raw) -> Raw | None:
    message = typed(_message, raw, "messages")
    content = message.get("content")
    if message.get("role") != "assistant" or not isinstance(content, list):
        return raw
    blocks = [_uncited(block) for block in content if not _is_unsigned(block)]
    if not blocks:
        return None
    return Raw(_encode({**message, "content": blocks}))


def _is_unsigned(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and block.get("signature") == UNSIGNED


def _uncited(block: Any) -> Any:  # noqa: ANN401 - JSON
    citations = block.get("citations") if isinstance(block, dict) else None
    if not isinstance(citations, list):
        return block
    own = [c for c in citations if not (isinstance(c, dict) and c.get("encrypted_index") == UNSIGNED)]
    rest = {name: value for name, value in block.items() if name != "citations"}
    return {**rest, "citations": own} if own else rest
