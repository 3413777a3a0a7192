"""Gemini's words for what all dialects have, and the members of its JSON under both of their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.lenient import UNREADABLE, as_object
from stillup.gateway.dialects.neutral import Effort, Kind, Seal, Stop
from stillup.gateway.dialects.typed import typed

T = TypeVar("T")

NO_SIGNATURE = "skip_thought_signature_validator"
"""Stands for the signature of a call that another model made: from Gemini 3 on a history's calls need one.

Source: https://ai.google.dev/gemini-api/docs/thought-signatures, on history of other models.
"""
_NO_SIGNATURES = frozenset({NO_SIGNATURE, "context_engineering_is_the_way_to_go"})
_EARLY = re.compile(r"(?:.*/)?(?:models/)?gemini-[12]\b")
"""Models before 3: they want no signatures, and take a thinking budget in place of a level."""

LEVELS = {
    "MINIMAL": Effort.MINIMAL,
    "LOW": Effort.LOW,
    "MEDIUM": Effort.MEDIUM,
    "HIGH": Effort.HIGH,
}
BUDGETS = {Effort.MINIMAL: 512, Effort.LOW: 1024, Effort.MEDIUM: 8192, Effort.HIGH: 24576}
"""An effort as a budget of tokens: low to high as Google's own OpenAI-compatible endpoint has them.

Source: https://ai.google.dev/gemini-api/docs/openai#thinking
"""

STOPS = {
    "STOP": Stop.END,
    "MAX_TOKENS": Stop.LENGTH,
    "CONTINUATION": Stop.LENGTH,
    "SAFETY": Stop.REFUSED,
    "RECITATION": Stop.REFUSED,
    "LANGUAGE": Stop.REFUSED,
    "BLOCKLIST": Stop.REFUSED,
    "PROHIBITED_CONTENT": Stop.REFUSED,
    "SPII": Stop.REFUSED,
    "ESCALATION": Stop.REFUSED,
    "MODEL_ARMOR": Stop.REFUSED,
    "IMAGE_SAFETY": Stop.REFUSED,
    "IMAGE_PROHIBITED_CONTENT": Stop.REFUSED,
    "IMAGE_RECITATION": Stop.REFUSED,
}
BROKEN = {
    "MALFORMED_FUNCTION_CALL": "the model made a call that cannot be read",
    "UNEXPECTED_TOOL_CALL": "the model called a tool it was not given",
    "MALFORMED_RESPONSE": "the model's answer cannot be read",
    "MISSING_THOUGHT_SIGNATURE": "a thought signature of the conversation is missing",
    "TOO_MANY_TOOL_CALLS": "the model made too many calls",
}
"""Reasons to end that leave no answer a client could use: as good as a cut."""
REASONS = {
    Stop.LENGTH: "MAX_TOKENS",
    Stop.CONTEXT: "MAX_TOKENS",
    Stop.REFUSED: "SAFETY",
}
"""Every other reason is ``STOP``."""

_NULL = Raw(b"null")


def camel(name: str) -> str:
    """``inline_data`` as ``inlineData``: protocol buffers' JSON takes both."""
    if "_" not in name:
        return name
    first, *rest = name.strip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def members(raw: bytes | Raw, where: str = "") -> dict[str, Raw]:
    """The members of an object under their camelCase names, without those that are null.

    Raises NoJson, or Untranslatable where it is no object.
    """
    found = read(as_object, raw, where)
    return {camel(name) if "_" in name else name: value for name, value in found.items() if value != _NULL}


def read(decode: Callable[[bytes], T], raw: bytes | Raw, where: str = "") -> T:
    """Like :func:`typed`, without a copy of what fits where it is a part of the body."""
    if not where:
        return typed(decode, bytes(raw))
    try:
        return decode(raw)
    except UNREADABLE:
        return typed(decode, bytes(raw), where)


def seal_of(signature: str) -> Seal | None:
    """The seal that a signature is; None for one that stands for none."""
    if not signature or signature.replace("/", "_") in _NO_SIGNATURES:
        return None
    return Seal(origin=Protocol.GEMINI, data=signature)


def signature_of(seal: Seal | None) -> str:
    """The signature in a seal; another provider's is none."""
    return seal.data if seal is not None and seal.origin is Protocol.GEMINI else ""


def is_early(model: str) -> bool:
    """A Gemini before 3."""
    return _EARLY.match(model) is not None


def kind_of(media_type: str) -> Kind:
    """What a medium of this type is."""
    head = media_type.partition("/")[0]
    return {"image": Kind.IMAGE, "audio": Kind.AUDIO, "video": Kind.VIDEO}.get(head, Kind.DOCUMENT)
