"""Converse's words for what all dialects have."""

from __future__ import annotations

import re

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.neutral import Kind, Media, Seal, Stop
from stillup.gateway.dialects.writing import fitting_id

STOPS = {
    "end_turn": Stop.END,
    "tool_use": Stop.TOOLS,
    "max_tokens": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "guardrail_intervened": Stop.REFUSED,
    "content_filtered": Stop.REFUSED,
    "model_context_window_exceeded": Stop.CONTEXT,
}
BROKEN = {
    "malformed_model_output": "the model's answer cannot be read",
    "malformed_tool_use": "the model made a call that cannot be read",
}
"""Reasons to end that leave no answer a client could use: as good as a cut."""
REASONS = {stop: reason for reason, stop in STOPS.items() if reason != "guardrail_intervened"} | {
    Stop.PAUSED: "end_turn"
}

_FORMATS = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/mpeg": "mpeg",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
}
_TYPES: dict[tuple[Kind, str], str] = {}
for _type, _format in _FORMATS.items():
    _kind = {"image": Kind.IMAGE, "video": Kind.VIDEO, "audio": Kind.AUDIO}.get(_type.partition("/")[0], Kind.DOCUMENT)
    _TYPES.setdefault((_kind, _format), _type)
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
SEE = "(See the document.)"
"""Beside a document a message must have words there."""
NO_NAME = re.compile(r"document( \d+)?")
"""What a document is called that has no name: there must be one, unlike the others."""
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9()\[\] -]+")


def format_of(media: Media, where: str) -> str:
    """The format of a medium that Converse takes. Raises Untranslatable for every other."""
    usual = {Kind.IMAGE: "image/png", Kind.DOCUMENT: "text/plain" if media.text else "application/pdf"}
    kind = media.media_type.partition(";")[0].strip().lower() or usual.get(media.kind, "")
    found = _FORMATS.get(kind)
    if found is None or (media.kind, found) not in _TYPES:
        msg = f"{where}: Converse takes no {media.kind} of the type {kind[:60]!r}"
        raise Untranslatable(msg)
    return found


def type_of(kind: Kind, form: str) -> str:
    """The media type of one of Converse's formats."""
    return _TYPES.get((kind, form), f"{kind if kind is not Kind.DOCUMENT else 'application'}/{form}" if form else "")


def id_of(call_id: str) -> str:
    """A call's id in the letters that are allowed there: the same for the same id, another for every other."""
    return fitting_id(call_id, _ID)


def checked_name(name: str, where: str) -> str:
    """A tool's name. Raises Untranslatable where it holds what no name may."""
    if not _NAME.fullmatch(name):
        msg = f"{where}: a tool's name has at most 64 letters, digits, - and _ on Bedrock"
        raise Untranslatable(msg)
    return name


def document_name(name: str, taken: set[str]) -> str:
    """A document's name in the letters that are allowed there, unlike the others of the request."""
    plain = " ".join(_NOT_IN_A_NAME.sub("-", name).split())[:180].strip(" -") or "document"
    found, n = plain, 1
    while found in taken:
        n += 1
        found = f"{plain} {n}"
    taken.add(found)
    return found


def is_ours(seal: Seal | None) -> bool:
    """A seal that a model behind Converse gave."""
    return seal is not None and seal.origin is Protocol.CONVERSE


def may_cache(model: str) -> bool:
    """Models that take cache points; the others answer 400 to one.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
    """
    return "nova" in model or "claude" in model
