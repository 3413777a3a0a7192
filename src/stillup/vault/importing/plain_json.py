"""Plain JSON: what the vault has written itself, the bodies of the providers' APIs, lists of messages with roles.

One object a conversation, in a file by itself, in an array or a line each; or the messages of one in an array.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Untranslatable, dialect_of
from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import (
    Call,
    Foreign,
    Media,
    Message,
    Part,
    Prompt,
    Refused,
    Result,
    Role,
    Text,
    Thought,
)
from stillup.vault.importing.bundle import Bundle, Single
from stillup.vault.importing.exports import Found, JsonExport
from stillup.vault.importing.fields import Fields, fields, file_name, rows, text, titled, when, written
from stillup.vault.importing.scan import CUT
from stillup.vault.importing.shaping import first_words, is_cut
from stillup.vault.values import Attachment, Conversation, Turn

OURS = "stillup conversation"
_MINE = re.compile(
    rb'"(?:messages|conversations|contents|input)"\s*:\s*\[|"format"\s*:\s*"stillup conversation|"role"\s*:'
)
_PARTS: dict[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (Text, Media, Thought, Call, Result, Refused, Foreign)
}
_ROLES = {
    **dict.fromkeys(("user", "human", "you", "me", "tool", "function"), Role.USER),
    **dict.fromkeys(("assistant", "ai", "bot", "model", "gpt", "claude", "chatgpt"), Role.ASSISTANT),
    **dict.fromkeys(("system", "developer"), Role.SYSTEM),
}
_ID = ("id", "uuid", "conversation_id", "chat_id")
_TITLE = ("title", "name", "subject")
_BEGAN = ("began", "created_at", "create_time", "createdAt", "created", "date", "timestamp")
_CHANGED = ("changed", "updated_at", "update_time", "updatedAt", "updated")
_SPEAKER = ("role", "sender", "author", "from")
_SAYS = ("content", "text", "message", "value")


class PlainJson(JsonExport):
    """See the module."""

    name: str = "plain_json"
    files: str = r".*\.jsonl?"

    def is_mine(self, bundle: Bundle, peek: bytes) -> bool:
        return isinstance(bundle, Single) and peek.lstrip()[:1] in {b"{", b"["} and _MINE.search(peek) is not None

    def conversation(self, found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
        said = found.fields
        found.title = titled(_first(said, _TITLE))
        if text(said.get("format")).startswith(OURS):
            return _ours(found)
        if _speaks(said):
            return _one_message(found)
        turns = _turns(found)
        if turns is None:
            found.skip("It holds no messages that are known.", _first(said, _ID))
            return None
        return _whole(found, turns), iter(turns)


def _first(said: Fields, names: tuple[str, ...]) -> str:
    return next((said[name] for name in names if isinstance(said.get(name), str) and said[name]), "")


def _time(said: Fields, names: tuple[str, ...]) -> float | None:
    return next((at for name in names if (at := when(said.get(name))) is not None), None)


def _whole(found: Found, turns: list[Turn]) -> Conversation:
    said = found.fields
    first = first_words(turns)
    told = f"{found.member.name}\n{first}\n{found.title}"
    return Conversation(
        origin=PlainJson.name,
        id=_first(said, _ID)[:200] or sha256(told.encode("utf-8", "replace")).hexdigest()[:32],
        turns=(),
        title=found.title or titled(first),
        service=text(said.get("service"))[:40],
        began_s=_time(said, _BEGAN),
        changed_s=_time(said, _CHANGED),
    )


def _turns(found: Found) -> list[Turn] | None:
    """The messages: as a provider's API has them, else as anyone might write them down. None where there are none."""
    raw = written(found.fields).encode()
    for protocol in _protocols(found.fields):
        ask = Ask(protocol=protocol, operation=Operation.GENERATE, method="POST", path="/", body=raw)
        try:
            prompt = dialect_of(protocol).read_prompt(ask)
        except (Untranslatable, NoJson):
            continue
        return _numbered(found, prompt)
    messages = found.fields.get("messages")
    messages = messages if isinstance(messages, list) else found.fields.get("conversations")
    if not isinstance(messages, list):
        return None
    turns = []
    for n, message in enumerate(rows(messages)):
        turn = _message(message, str(n))
        if turn is None:
            found.skip("Who says this message is not known.", str(n))
        elif is_cut(turn):
            found.skip("This message is longer than 8 MiB.", turn.id)
        else:
            turns.append(turn)
    return turns


def _protocols(said: Fields) -> tuple[Protocol, ...]:
    """Whose body it may be, the most likely first."""
    if isinstance(said.get("contents"), list):
        return (Protocol.GEMINI,)
    if isinstance(said.get("input"), list):
        return (Protocol.RESPONSES,)
    messages = rows(said.get("messages"))
    if not messages or not all("role" in message and "content" in message for message in messages):
        return (Protocol.OPENAI,) if any("tool_calls" in message for message in messages) else ()
    if any(message.get("id") or message.get("created_at") or message.get("timestamp") for message in messages):
        return ()  # what is written down has ids and times, which no API takes and which are worth more
    kinds = {text(block.get("type")) for message in messages for block in rows(message.get("content"))}
    if "system" in said or kinds & {"tool_use", "tool_result", "thinking", "image", "document"}:
        return Protocol.ANTHROPIC, Protocol.OPENAI
    return Protocol.OPENAI, Protocol.ANTHROPIC


def _numbered(found: Found, prompt: Prompt) -> list[Turn]:
    messages = [*((Message(role=Role.SYSTEM, parts=prompt.system),) if prompt.system else ()), *prompt.messages]
    turns = []
    for n, message in enumerate(messages):
        turn = Turn(
            id=str(n),
            role=message.role,
            parts=message.parts,
            model=prompt.model if message.role is Role.ASSISTANT else "",
        )
        if is_cut(turn):
            found.skip("This message is longer than 8 MiB.", str(n))
        else:
            turns.append(turn)
    return turns


# -- as anyone might write it down ------------------------------------------------------------------------------------


def _speaks(said: Fields) -> bool:
    return any(name in said for name in _SPEAKER) and any(name in said for name in _SAYS) and "messages" not in said


def _one_message(found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
    """A file that is an array of messages: each object is one of the conversation that the file is."""
    key = sha256(found.member.name.encode("utf-8", "replace")).hexdigest()[:32]
    turn = _message(found.fields, str(found.at))
    if turn is None or is_cut(turn):
        found.skip("Who says this message is not known." if turn is None else "This message is longer than 8 MiB.")
        return None
    title = titled(found.member.name.rsplit(".", 1)[0])
    return Conversation(origin=PlainJson.name, id=key, turns=(), title=title), iter((turn,))


def _message(message: Fields, key: str) -> Turn | None:
    speaker = next((message[name] for name in _SPEAKER if name in message), "")
    speaker = text(speaker) or text(fields(speaker).get("role"))
    role = _ROLES.get(speaker.lower())
    if role is None:
        return None
    parts: list[Part] = []
    for content in (message[name] for name in _SAYS if name in message):
        parts = list(_parts(content))
        if parts:
            break
    return Turn(
        id=_first(message, ("id", "uuid", "message_id"))[:200] or key,
        role=role,
        parts=tuple(parts),
        at_s=_time(message, ("at", *_BEGAN)),
        model=text(message.get("model"))[:100] if role is Role.ASSISTANT else "",
    )


def _parts(content: object) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(text=content)
        return
    blocks = content if isinstance(content, list) else [content]
    for block in blocks:
        if said := text(block) or text(fields(block).get("text")) or text(fields(block).get("content")):
            yield Text(text=said)


# -- what the vault has written ---------------------------------------------------------------------------------------


def _ours(found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
    """As it was: under its own origin and id, so that it meets itself."""
    said = found.fields
    origin, key = text(said.get("origin")), text(said.get("id"))
    if not re.fullmatch(r"[a-z_-]{1,40}", origin) or not key:
        found.skip("It does not say where it comes from.", key)
        return None
    whole = Conversation(
        origin=origin,
        id=key,
        turns=(),
        title=found.title,
        service=text(said.get("service")),
        where=text(said.get("where")),
        began_s=when(said.get("began")),
        changed_s=when(said.get("changed")),
    )
    return whole, _our_turns(found)


def _our_turns(found: Found) -> Iterator[Turn]:
    for n, row in enumerate(rows(found.fields.get("messages"))):
        key = text(row.get("id")) or str(n)
        try:
            turn = Turn(
                id=key,
                role=Role(text(row.get("role"))),
                parts=tuple(_our_part(part) for part in rows(row.get("parts"))),
                at_s=when(row.get("at")),
                model=text(row.get("model")),
                parent=text(row.get("parent")),
                attachments=tuple(_attachment(found, one, key) for one in rows(row.get("attachments"))),
            )
        except (ValueError, msgspec.ValidationError):
            found.skip("This message is not as the vault writes them.", key)
            continue
        if is_cut(turn):
            found.skip("This message is longer than 8 MiB.", key)
        else:
            yield turn


def _our_part(row: Fields) -> Part:
    kind = _PARTS.get(text(row.get("type")))
    if kind is None:
        msg = "an unknown part"
        raise ValueError(msg)
    if kind is Result:
        return Result(
            id=text(row.get("id")),
            name=text(row.get("name")),
            parts=tuple(part for part in map(_our_part, rows(row.get("parts"))) if isinstance(part, Text | Media)),
            is_error=row.get("is_error") is True,
        )
    part: Part = msgspec.convert({name: value for name, value in row.items() if name != "type"}, kind)
    return part


def _attachment(found: Found, row: Fields, key: str) -> Attachment:
    name = file_name(text(row.get("name")))
    if row.get("data") == CUT:
        found.skip(f"Its file “{name}” is longer than 6 MiB.", key)
        row = {**row, "data": None}
    return msgspec.structs.replace(msgspec.convert(row, Attachment), name=name)
