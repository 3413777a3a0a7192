"""Asking for the rest of an answer, and taking out of a conversation what only this gateway can have put there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Form
from stillup.gateway.dialects.chat.makers import is_newer_openais, thought_instead, wants_thoughts
from stillup.gateway.dialects.continuing import GO_ON
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, as_list, as_object, as_string
from stillup.gateway.dialects.neutral import UNSIGNED
from stillup.gateway.dialects.splice import members
from stillup.gateway.dialects.typed import typed

_encode = msgspec.json.encode
_NEWER, _OLDER = "max_completion_tokens", "max_tokens"
_THOUGHTS = ("reasoning_details", "thinking_blocks")
"""Where OpenRouter and LiteLLM put thoughts with the proofs that their providers gave."""


class _Last(Struct, gc=False):
    """The last message of a body."""

    role: str = ""
    content: Raw = NULL
    prefix: bool | None = None


_last = msgspec.json.Decoder(_Last).decode


def go_on(body: bytes, said: str, form: Form, max_tokens: int | None) -> bytes:
    """The body that asks for what follows ``said``. Raises Untranslatable for a body without messages."""
    given = members(body)
    messages = typed(as_list, bytes(given.get("messages", NULL)), "messages")
    is_final = bytes(given.get("continue_final_message", NULL)) == b"true"
    answer: dict[str, Any] = {"role": "assistant", "content": said}
    if messages and (begun := _begun(messages[-1], is_final=is_final)) is not None:
        messages.pop()
        answer["content"] = begun + said
    if form is Form.PREFIX:
        answer["prefix"] = True
    if wants_thoughts(_model(given)) and any(b'"tool_calls"' in bytes(message) for message in messages):
        answer["reasoning_content"] = thought_instead(answer["content"], ())
    messages.append(Raw(_encode(answer)))
    if form is Form.INSTRUCTION:
        messages.append(Raw(_encode({"role": "user", "content": GO_ON})))
    elif form is Form.NONE:
        msg = "this model cannot be asked to go on"
        raise Untranslatable(msg)
    changed: dict[str, Any] = {**given, "messages": messages}
    if form is Form.FINAL:
        changed |= {"add_generation_prompt": False, "continue_final_message": True}
    elif is_final:  # the last message is another one now
        del changed["continue_final_message"]
        changed.pop("add_generation_prompt", None)
    if max_tokens is not None:
        changed[_limit(given)] = max_tokens
    return _encode(changed)


def _begun(message: Raw, *, is_final: bool) -> str | None:
    """The beginning of the answer, where the client itself gave one; ``said`` goes on with that."""
    last = typed(_last, bytes(message), "messages[-1]")
    if last.role != "assistant" or not (last.prefix or is_final) or bytes(last.content)[:1] != b'"':
        return None
    return typed(as_string, bytes(last.content))


def _limit(given: Mapping[str, Raw]) -> str:
    for name in (_NEWER, _OLDER):
        if bytes(given.get(name, NULL)) != b"null":
            return name
    return _NEWER if is_newer_openais(_model(given)) else _OLDER


def _model(given: Mapping[str, Raw]) -> str:
    return bytes(given.get("model", NULL)).decode("utf-8", "replace").strip('"')


def cleaned(body: bytes) -> bytes:
    """The body without thoughts that are marked as without proof: no provider takes them.

    Plain ``reasoning_content`` stays: it has no proof anywhere, and DeepSeek wants it back. Raises NoJson.
    """
    given = members(body)
    try:
        messages = as_list(given.get("messages", NULL))
    except UNREADABLE:
        return body
    mark = UNSIGNED.encode()
    changed = [_without(message) if mark in bytes(message) else message for message in messages]
    return body if changed == messages else _encode({**given, "messages": changed})


def _without(message: Raw) -> Raw:
    mark = UNSIGNED.encode()
    try:
        given = as_object(message)
        for name in _THOUGHTS:
            if mark in bytes(given.get(name, NULL)):
                kept = [thought for thought in as_list(given[name]) if mark not in bytes(thought)]
                given[name] = Raw(_encode(kept))
                if not kept:
                    del given[name]
    except UNREADABLE:
        return message
    return Raw(_encode(given))
