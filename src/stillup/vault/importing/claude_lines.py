"""A line of Claude Code's transcripts, read with distrust: who says what, and what was given along."""

from __future__ import annotations

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from stillup.gateway.dialects.anthropic.blocks_in import part_in
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson
from stillup.gateway.dialects.neutral import Part, Role, Text
from stillup.vault.importing.fields import Fields, decoded, fields, file_name, text, whole
from stillup.vault.values import Attachment

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_CAVEAT = "<local-command-caveat>"
"""How a message begins that only says that what follows is none."""


class Message(Struct, gc=False):
    """As Anthropic's API has it. One answer is written down in several lines of the same id, a block each."""

    content: Raw = NULL
    id: str | None = None
    model: str | None = None


class Line(Struct, gc=False):
    """What any line may have."""

    type: str = ""
    uuid: str | None = None
    parent: str | None = field(name="parentUuid", default=None)
    logical: str | None = field(name="logicalParentUuid", default=None)
    """What was before it all was summed up."""
    session: str | None = field(name="sessionId", default=None)
    agent: str | None = field(name="agentId", default=None)
    is_side: bool | None = field(name="isSidechain", default=None)
    is_error: bool | None = field(name="isApiErrorMessage", default=None)
    """The program's own words on what went wrong; no model is told or has said them."""
    at: str | None = field(name="timestamp", default=None)
    folder: str | None = field(name="cwd", default=None)
    message: Raw = NULL
    attachment: Raw = NULL
    summary: str | None = None
    leaf: str | None = field(name="leafUuid", default=None)
    custom_title: str | None = field(name="customTitle", default=None)
    ai_title: str | None = field(name="aiTitle", default=None)


class Said(Struct, frozen=True, gc=False):
    """What a line says. ``answer`` is the id of the model's answer that it is a part of."""

    role: Role
    parts: tuple[Part, ...] = ()
    model: str = ""
    answer: str = ""
    attachments: tuple[Attachment, ...] = ()


class _Attached(Struct, gc=False):
    type: str = ""
    prompt: Raw = NULL
    path: str | None = field(name="displayPath", default=None)
    name: str | None = field(name="filename", default=None)
    content: Raw = NULL


_line = Decoder(Line, strict=False).decode
_message = Decoder(Message).decode
_attached = Decoder(_Attached).decode
_blocks = Decoder(list[Raw]).decode


def read(raw: bytes) -> Line:
    """The line. Raises NoJson."""
    for data in (raw, b""):
        try:
            return _line(data or whole(raw))
        except UNREADABLE:
            continue
    found = decoded(raw)  # raises with the reason where it is no JSON at all
    msg = "It is of a kind that is not known." if isinstance(found, dict) else "It is no JSON object."
    raise NoJson(msg)


def said(line: Line) -> Said | None:
    """What it says; None for what the program writes down for itself. Raises NoJson."""
    if line.type == "attachment":
        return _given(line.attachment)
    role = _ROLES.get(line.type)
    if role is None or line.message == NULL or line.is_error:
        return None
    try:
        message = _message(line.message)
    except UNREADABLE as refused:
        msg = "Its message is of a kind that is not known."
        raise NoJson(msg) from refused
    parts = _parts(message.content)
    if role is Role.USER:
        is_caveat = len(parts) == 1 and isinstance(parts[0], Text) and parts[0].text.startswith(_CAVEAT)
        return None if is_caveat else Said(role, parts)
    return Said(role, parts, (message.model or "").strip("<>").replace("synthetic", ""), message.id or "")


def _given(raw: Raw) -> Said | None:
    """What was said while the model worked, or a file that was given along; anything else is the program's own."""
    try:
        attached = _attached(raw)
        if attached.type == "queued_command":
            return Said(Role.USER, _parts(attached.prompt)) if attached.prompt != NULL else None
        if attached.type == "file":
            return Said(Role.USER, attachments=(_file(attached, fields(decoded(bytes(attached.content)))),))
    except (*UNREADABLE, NoJson):
        pass
    return None


def _file(attached: _Attached, content: Fields) -> Attachment:
    found = fields(content.get("file"))
    return Attachment(name=file_name(attached.path or attached.name or ""), text=text(found.get("content")))


def _parts(raw: Raw) -> tuple[Part, ...]:
    """The parts, as Anthropic's API has them; one that is broken is kept as the text it is."""
    content = whole(raw) if b"\\ud" in bytes(raw).lower() else bytes(raw)
    if not content.startswith(b"["):
        words = text(decoded(content))
        return (Text(text=words),) if words else ()
    parts: list[Part] = []
    for n, block in enumerate(_blocks(content)):
        try:
            parts.append(part_in(bytes(block), f"content[{n}]"))
        except (Untranslatable, NoJson):
            parts.append(Text(text=bytes(block).decode("utf-8", "replace")))
    return tuple(parts)
