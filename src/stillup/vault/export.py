"""A conversation written out: Markdown for people, JSON with all of it, or a provider's messages. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Losses, dialect_of
from stillup.gateway.dialects.neutral import Call, Foreign, Media, Part, Prompt, Refused, Result, Role, Text, Thought
from stillup.vault.branch import newest_branch
from stillup.vault.onward import messages_of, split
from stillup.vault.values import Attachment, Conversation, Turn

FORMATS = {
    "markdown": "md",
    "json": "json",
    "anthropic": "json",
    "openai": "json",
    "openai-responses": "json",
    "gemini": "json",
}
"""What can be written, and how such a file's name ends."""
_WHO = {Role.USER: "You", Role.ASSISTANT: "Answer", Role.SYSTEM: "System"}
_UNSAFE = re.compile(r"[^\w.-]+")
_MOST_NAME = 60
_TICKS = re.compile(r"`{3,}")


def written(conversation: Conversation, how: str, key: str, files: dict[str, bytes] | None = None) -> bytes:
    """The conversation in one of :data:`FORMATS`.

    ``files`` takes what Markdown refers to, by its path beside the Markdown file; without it, files are only named.

    :raises Untranslatable: it cannot be said in that provider's messages.
    """
    if how == "markdown":
        return "\n".join(_markdown(conversation, key, files)).encode("utf-8", "replace")
    if how == "json":
        return msgspec.json.format(msgspec.json.encode(_plain(conversation)), indent=1)
    system, messages = split(messages_of(newest_branch(conversation.turns)))
    prompt = Prompt(model="", system=system, messages=messages)
    body: dict[str, Any] = msgspec.json.decode(dialect_of(Protocol(how)).write_prompt(prompt, Losses()))
    for name in ("model", "max_tokens", "stream"):
        body.pop(name, None)
    return msgspec.json.format(msgspec.json.encode(body), indent=1)


def file_name(conversation: Conversation, key: str, how: str) -> str:
    """A name that tells what it is: day, title and key; nothing in it can lead to another folder."""
    day = "" if conversation.began_s is None else f"{_moment(conversation.began_s):%Y-%m-%d} "
    title = _UNSAFE.sub("-", conversation.title)[:_MOST_NAME].strip("-.") or "conversation"
    return f"{day}{title} {key}.{FORMATS[how]}".replace(" ", "_")


# -- Markdown ---------------------------------------------------------------------------------------------------------


def _markdown(conversation: Conversation, key: str, files: dict[str, bytes] | None) -> Iterator[str]:
    title = " ".join(conversation.title.split()) or "Untitled"
    yield f"# {title}"
    yield ""
    facts = [
        conversation.service, conversation.where,
        *([f"{_moment(conversation.began_s):%Y-%m-%d %H:%M} UTC"] if conversation.began_s is not None else []),
        f"from {conversation.origin}", f"vault {key}",
    ]  # fmt: skip
    yield f"*{' · '.join(fact for fact in facts if fact)}*"
    for turn in newest_branch(conversation.turns):
        yield ""
        yield f"## {_heading(turn)}"
        for text in _said(turn.parts, key, files):
            yield ""
            yield text
        for attachment in turn.attachments:
            yield ""
            yield _attached(attachment, key, files)
    yield ""


def _heading(turn: Turn) -> str:
    at = f"{_moment(turn.at_s):%Y-%m-%d %H:%M}" if turn.at_s is not None else ""
    return " · ".join(word for word in (_WHO[turn.role], turn.model, at) if word)


def _said(parts: Sequence[Part], key: str, files: dict[str, bytes] | None) -> Iterator[str]:
    for part in parts:
        match part:
            case Text(text=text) | Refused(text=text):
                yield text
            case Thought(text=text) if text:
                yield "\n".join(f"> {line}".rstrip() for line in ("*Thought:*", *text.splitlines()))
            case Call(name=name, arguments=arguments):
                yield f"**Calls `{name}`**\n\n{fenced(arguments, 'json')}"
            case Result(parts=inner):
                body = "\n\n".join(_said(inner, key, files))
                yield f"**{'Error' if part.is_error else 'Result'}**\n\n{fenced(body)}"
            case Media():
                yield _medium(part, key, files)
            case Foreign(what=what):
                yield f"*({what})*"


def fenced(text: str, language: str = "") -> str:
    """A block of code that the text cannot end."""
    ticks = max((len(found) for found in _TICKS.findall(text)), default=2) + 1
    return f"{'`' * ticks}{language}\n{text}\n{'`' * ticks}"


def _medium(part: Media, key: str, files: dict[str, bytes] | None) -> str:
    if part.text:
        return f"*{part.name or 'document'}:*\n\n{fenced(part.text)}"
    if part.data:
        attachment = Attachment(name=part.name or part.kind.value, media_type=part.media_type)
        data = base64.b64decode(part.data + "=" * (-len(part.data) % 4))
        return _attached(msgspec.structs.replace(attachment, data=data), key, files)
    return f"*({part.kind.value}: {part.name or part.url or part.file_id})*"


def _attached(attachment: Attachment, key: str, files: dict[str, bytes] | None) -> str:
    name = " ".join(attachment.name.split()) or "file"
    shown = name.replace("[", "(").replace("]", ")")
    if attachment.data is None or files is None:
        missing = "" if attachment.data is not None else ", not kept by the export"
        text = f"\n\n{fenced(attachment.text)}" if attachment.text else ""
        return f"*Attached: {shown}{missing}*{text}"
    safe = _UNSAFE.sub("-", name.rpartition("/")[2])[-_MOST_NAME:].strip("-.") or "file"
    path = f"{key}-files/{len(files)}-{safe}"
    files[path] = attachment.data
    picture = "!" if attachment.media_type.startswith("image/") else ""
    return f"{picture}[{shown}]({path})"


# -- JSON -------------------------------------------------------------------------------------------------------------


def _plain(conversation: Conversation) -> dict[str, Any]:
    """All of it, in names that mean something to a reader; bytes are base64."""
    return {
        "format": "stillup conversation 1",
        "origin": conversation.origin,
        "id": conversation.id,
        "title": conversation.title,
        "service": conversation.service,
        "where": conversation.where,
        "began": _iso(conversation.began_s),
        "changed": _iso(conversation.changed_s),
        "messages": [_turn(turn) for turn in conversation.turns],
    }


def _turn(turn: Turn) -> dict[str, Any]:
    facts: dict[str, Any] = {"id": turn.id, "role": turn.role.value, "at": _iso(turn.at_s), "model": turn.model}
    if turn.parent:
        facts["parent"] = turn.parent
    facts["parts"] = [_part(part) for part in turn.parts]
    if turn.attachments:
        facts["attachments"] = [msgspec.to_builtins(one) for one in turn.attachments]
    return facts


def _part(part: Part) -> dict[str, Any]:
    facts: dict[str, Any] = {"type": type(part).__name__.lower()}
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if isinstance(part, Result) and name == "parts":
            facts[name] = [_part(one) for one in part.parts]
        elif value not in (None, "", (), b"", False):
            facts[name] = msgspec.to_builtins(value)
    return facts


def _iso(at_s: float | None) -> str | None:
    return None if at_s is None else _moment(at_s).isoformat()


def _moment(at_s: float) -> datetime:
    try:
        return datetime.fromtimestamp(at_s, UTC)
    except (OverflowError, ValueError, OSError):  # an export may say anything
        return datetime.fromtimestamp(0, UTC)
