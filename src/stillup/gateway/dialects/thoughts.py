"""Sealed thoughts taken out of a conversation that goes where they are not known.

A seal is its maker's and its account's, and with the newest models it is bound to the model and to the exact prompt
that made it: whoever did not make it refuses the whole request.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.editing import Edited
from stillup.gateway.dialects.gemini.names import NO_SIGNATURE
from stillup.gateway.dialects.lenient import UNREADABLE, NoJson, as_list, as_object
from stillup.gateway.dialects.typed import mended

_THINKING = (b'"thinking"', b'"redacted_thinking"')
_SIGNATURES = ("thoughtSignature", "thought_signature")
_encode = msgspec.json.encode
_DUMMY = Raw(_encode(NO_SIGNATURE))


class _Kind(msgspec.Struct):
    type: str = ""
    role: str = ""
    thought: bool = False


_kind = msgspec.json.Decoder(_Kind).decode


def drop_thoughts(edited: Edited, protocol: Protocol) -> None:
    """Take every sealed thought out of what was said before, and a message that was nothing else.

    The rest stays as it is written. A body of another shape stays as it is: its upstream says what is wrong with it.
    """
    name, words, without = _PLACES.get(protocol, ("", (), _claude))
    raw = edited.raw(name) if name else b""
    if not any(word in raw for word in words):
        return
    try:
        messages, kept = _split(raw, without)
    except UNREADABLE:
        try:
            messages, kept = _split(mended(raw), without)
        except (*UNREADABLE, NoJson):
            return
    if kept and (len(kept) < len(messages) or any(a is not b for a, b in zip(kept, messages, strict=True))):
        edited.put_raw(_encode(kept), name)
        edited.note("earlier thoughts left out")


def _split(raw: bytes, without: Callable[[Raw], Raw | None]) -> tuple[list[Raw], list[Raw]]:
    messages = as_list(raw)
    return messages, [m for m in map(without, messages) if m is not None]


def _claude(message: Raw) -> Raw | None:
    """The very same where there is no thought in it; None where there is nothing else."""
    if not any(word in bytes(message) for word in _THINKING) or _kind(message).role != "assistant":
        return message
    return _with_parts(message, "content", lambda part: None if _kind(part).type in _KINDS else part)


_KINDS = ("thinking", "redacted_thinking")


def _openai(item: Raw) -> Raw | None:
    return None if b'"reasoning"' in bytes(item) and _kind(item).type == "reasoning" else item


def _gemini(content: Raw) -> Raw | None:
    if not any(name.encode() in bytes(content) for name in _SIGNATURES):
        return content
    return _with_parts(content, "parts", _unsigned)


def _unsigned(part: Raw) -> Raw | None:
    members = as_object(part)
    signed = [name for name in _SIGNATURES if name in members]
    if _kind(part).thought:
        return None
    if not signed:
        return part
    if not any(name in members for name in ("functionCall", "function_call")):
        return Raw(_encode({k: v for k, v in members.items() if k not in signed}))
    if all(bytes(members[name]) == bytes(_DUMMY) for name in signed):
        return part
    return Raw(_encode({**members, **dict.fromkeys(signed, _DUMMY)}))


def _with_parts(message: Raw, name: str, without: Callable[[Raw], Raw | None]) -> Raw | None:
    members = as_object(message)
    content = members.get(name, Raw(b""))
    if not bytes(content).lstrip().startswith(b"["):
        return message
    parts = as_list(content)
    kept = [part for part in map(without, parts) if part is not None]
    if len(kept) == len(parts) and all(a is b for a, b in zip(kept, parts, strict=True)):
        return message
    return Raw(_encode({**members, name: kept})) if kept else None


_PLACES: dict[Protocol, tuple[str, tuple[bytes, ...], Callable[[Raw], Raw | None]]] = {
    Protocol.ANTHROPIC: ("messages", _THINKING, _claude),
    Protocol.BEDROCK: ("messages", _THINKING, _claude),
    Protocol.VERTEX: ("messages", _THINKING, _claude),
    Protocol.RESPONSES: ("input", (b'"reasoning"',), _openai),
    Protocol.GEMINI: ("contents", tuple(name.encode() for name in _SIGNATURES), _gemini),
}
"""Where each dialect has what was said, and how thoughts look in it; in Chat Completions they have no seal."""
