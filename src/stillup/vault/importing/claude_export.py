"""Claude's data export: a zip with ``conversations.json`` and ``projects.json``, as a whole, unpacked or one of them.

Its shape is not documented; what is not known of it is named and left out, and the rest is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stillup.gateway.dialects.neutral import Call, Citation, Part, Result, Role, Text, Thought
from stillup.vault.importing.bounds import FILE_BYTES
from stillup.vault.importing.bundle import Bundle, Unreadable
from stillup.vault.importing.exports import Found, JsonExport
from stillup.vault.importing.fields import Fields, fields, file_name, rows, text, titled, when, written
from stillup.vault.importing.shaping import alternated, is_cut
from stillup.vault.values import Attachment, Conversation, Turn

_ROLES = {"human": Role.USER, "user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_SAY_NOTHING = frozenset({"token_budget", "flag"})
"""Blocks that are claude.ai's own book-keeping."""
_MINE = re.compile(rb'"chat_messages"|"prompt_template"|"is_starter_project"')
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class ClaudeExport(JsonExport):
    """See the module."""

    name: str = "claude_export"
    files = r"(conversations|projects)([-_]?\d+)?\.json"

    def is_mine(self, bundle: Bundle, peek: bytes) -> bool:
        if _MINE.search(peek):
            return True
        is_known = b'"mapping"' in peek or b'"messages"' in peek
        return not is_known and bool(bundle.named(r"users\.json"))

    def conversation(self, found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
        said = found.fields
        found.title = titled(text(said.get("name")))
        if "chat_messages" in said:
            return _conversation(found)
        if "prompt_template" in said or "docs" in said:
            return _project(found)
        found.skip("It has no chat_messages: a kind of export that is not known.", text(said.get("uuid")))
        return None


def _conversation(found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
    said = found.fields
    key = text(said.get("uuid"))
    if not key or not isinstance(said["chat_messages"], list):
        found.skip("It has no id or no list of messages: a kind of export that is not known.", key)
        return None
    whole = Conversation(
        origin=ClaudeExport.name,
        id=key,
        turns=(),
        title=found.title,
        service="claude",
        where=text(fields(said.get("project")).get("name")),
        began_s=when(said.get("created_at")),
        changed_s=when(said.get("updated_at")),
    )
    return whole, _turns(found, key, text(said.get("model")))


def _turns(found: Found, conversation: str, model: str) -> Iterator[Turn]:
    for n, message in enumerate(rows(found.fields["chat_messages"])):
        key = text(message.get("uuid")) or f"{conversation}/{n}"
        role = _ROLES.get(text(message.get("sender")))
        if role is None:
            found.skip("Who says this message is not known.", key)
            continue
        turn = Turn(
            id=key,
            role=role,
            parts=tuple(_parts(found, message, key)),
            at_s=when(message.get("created_at")),
            model=(text(message.get("model")) or model) if role is Role.ASSISTANT else "",
            parent=text(message.get("parent_message_uuid")),
            attachments=tuple(_attachments(found, message, key)),
        )
        if is_cut(turn):
            found.skip("This message is longer than 8 MiB.", key)
        else:
            yield from alternated(turn)


def _parts(found: Found, message: Fields, key: str) -> Iterator[Part]:
    blocks = rows(message.get("content"))
    if not blocks and (plain := text(message.get("text"))):
        yield Text(text=plain)
    call = ""
    for n, block in enumerate(blocks):
        kind = text(block.get("type"))
        match kind:
            case "text":
                if block.get("text"):
                    yield Text(text=text(block.get("text")), citations=tuple(_citations(block)))
            case "thinking":
                yield Thought(text=text(block.get("thinking")))
            case "tool_use":
                call = text(block.get("id")) or f"{key}/{n}"
                arguments = block.get("input")
                name = text(block.get("name")) or "tool"
                yield Call(id=call, name=name, arguments=written(arguments if isinstance(arguments, dict) else {}))
            case "tool_result":
                yield Result(
                    id=text(block.get("tool_use_id")) or call,
                    name=text(block.get("name")),
                    parts=tuple(_answered(block.get("content"))),
                    is_error=block.get("is_error") is True,
                )
            case _ if text(block.get("text")):
                yield Text(text=text(block.get("text")))
            case _ if kind not in _SAY_NOTHING:
                found.skip(f"A part of the kind “{titled(kind) or '?'}” is not known.", key)


def _citations(block: Fields) -> Iterator[Citation]:
    for place in rows(block.get("citations")):
        details = fields(place.get("details")) or place
        if url := text(details.get("url")):
            start, end = place.get("start_index"), place.get("end_index")
            yield Citation(
                url=url,
                title=text(details.get("title")),
                start=start if isinstance(start, int) else None,
                end=end if isinstance(end, int) else None,
            )


def _answered(content: object) -> Iterator[Text]:
    """What a tool gave, as text: claude.ai's own kinds mean nothing to any model's API."""
    if isinstance(content, str):
        yield Text(text=content)
    for block in rows(content):
        said = text(block.get("text")) or text(block.get("content"))
        yield Text(text=said or written(block))


def _attachments(found: Found, message: Fields, key: str) -> Iterator[Attachment]:
    files = found.bundle.index(_UUID)
    seen: set[str] = set()
    for row in (*rows(message.get("attachments")), *rows(message.get("files")), *rows(message.get("files_v2"))):
        name, file = text(row.get("file_name")), text(row.get("file_uuid")) or text(row.get("uuid"))
        if (file or name) in seen:
            continue
        seen.add(file or name)
        data = None
        if member := files.get(file.lower()):
            try:
                data = found.bundle.read(member, FILE_BYTES)
            except (Unreadable, OSError) as failed:
                found.skip(f"Its file “{file_name(name)}”: {failed}", key)
        kind = text(row.get("file_type")) or text(row.get("file_kind"))
        yield Attachment(
            name=file_name(name),
            media_type=kind if "/" in kind else "",
            data=data,
            text=text(row.get("extracted_content")),
        )


def _project(found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
    """A project: its instructions and its files, so that they move over too."""
    said = found.fields
    key = text(said.get("uuid"))
    docs = rows(said.get("docs"))
    instructions = text(said.get("prompt_template"))
    if not key or not (docs or instructions):
        return None
    whole = Conversation(
        origin=ClaudeExport.name,
        id=f"project/{key}",
        turns=(),
        title=found.title,
        service="claude",
        where=found.title,
        began_s=when(said.get("created_at")),
        changed_s=when(said.get("updated_at")),
    )
    turn = Turn(
        id=key,
        role=Role.SYSTEM,
        parts=(Text(text=instructions),) if instructions else (),
        at_s=whole.changed_s or whole.began_s,
        attachments=tuple(
            Attachment(name=file_name(text(doc.get("filename"))), text=text(doc.get("content"))) for doc in docs
        ),
    )
    if is_cut(turn):
        found.skip("A file or the instructions of this project are longer than 8 MiB.", key)
        return None
    return whole, iter((turn,))
