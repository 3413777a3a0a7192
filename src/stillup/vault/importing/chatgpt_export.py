"""ChatGPT's data export: a zip with ``conversations.json`` (or several of it) and the files, or one of those.

A conversation is a tree of messages, for a question asked again is a branch. All branches are kept, the one that
ChatGPT shows comes last. Its shape is not documented; what is not known of it is named and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from stillup.gateway.dialects.neutral import Call, Result, Role, Text
from stillup.vault.importing.bundle import Bundle
from stillup.vault.importing.chatgpt_files import attachments
from stillup.vault.importing.chatgpt_parts import as_call, parts_of
from stillup.vault.importing.exports import Found, JsonExport
from stillup.vault.importing.fields import Fields, fields, text, titled, when
from stillup.vault.importing.shaping import is_cut
from stillup.vault.values import Conversation, Turn

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM, "tool": Role.SYSTEM}


class ChatGptExport(JsonExport):
    """See the module."""

    name: str = "chatgpt_export"
    files: str = r"conversations([-_]?\d+)?\.json"

    def is_mine(self, bundle: Bundle, peek: bytes) -> bool:
        if b'"mapping"' in peek:
            return True
        is_known = b'"chat_messages"' in peek or b'"messages"' in peek
        return not is_known and bool(bundle.named(r"chat\.html|user\.json|message_feedback\.json"))

    def conversation(self, found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
        said = found.fields
        found.title = titled(text(said.get("title")))
        key = text(said.get("conversation_id")) or text(said.get("id"))
        if not key or not isinstance(said.get("mapping"), dict):
            found.skip("It has no id or no mapping of messages: a kind of export that is not known.", key)
            return None
        whole = Conversation(
            origin=self.name,
            id=key,
            turns=(),
            title=found.title,
            service="chatgpt",
            began_s=when(said.get("create_time")),
            changed_s=when(said.get("update_time")),
        )
        return whole, _turns(found, text(said.get("default_model_slug")))


def _turns(found: Found, model: str) -> Iterator[Turn]:
    mapping: dict[str, Any] = found.fields["mapping"]
    stands_for: dict[str, str] = {}
    calls: dict[str, Call] = {}
    for key, above in _ordered(mapping, text(found.fields.get("current_node"))):
        parent = stands_for.get(above) or text(fields(mapping[key]).get("parent"))
        message = fields(fields(mapping[key]).get("message"))
        turn = _turn(found, key, message, model) if message else None
        if turn is not None and turn.role is Role.ASSISTANT and _is_answered(mapping, key):
            call = as_call(message, turn)
            if call is not None:
                calls[key] = call
                turn = replace(turn, parts=(call,))
        elif turn is not None and above in calls and text(fields(message.get("author")).get("role")) == "tool":
            turn = _answer(turn, calls.pop(above))
        files_here = tuple(attachments(found, message)) if message else ()
        if turn is None or not (turn.parts or files_here):
            stands_for[key] = parent or key
            continue
        turn = replace(turn, parent=parent, attachments=files_here)
        if is_cut(turn):
            found.skip("This message is longer than 8 MiB.", key)
            stands_for[key] = parent or key
            continue
        stands_for[key] = key
        yield turn


def _turn(found: Found, key: str, message: Fields, model: str) -> Turn | None:
    role = _ROLES.get(text(fields(message.get("author")).get("role")))
    if role is None:
        found.skip("Who says this message is not known.", key)
        return None
    parts = tuple(parts_of(found, key, message))
    if text(fields(message.get("content")).get("content_type")) in {"user_editable_context", "model_editable_context"}:
        role = Role.SYSTEM
    slug = text(fields(message.get("metadata")).get("model_slug")) or model
    return Turn(
        id=key, role=role, parts=parts, at_s=when(message.get("create_time")), model=slug if role == "assistant" else ""
    )


def _answer(turn: Turn, call: Call) -> Turn:
    """A tool's message as the result of the call before it."""
    said = tuple(part for part in turn.parts if isinstance(part, Text))
    return replace(turn, role=Role.USER, parts=(Result(id=call.id, name=call.name, parts=said),))


def _is_answered(mapping: dict[str, Any], key: str) -> bool:
    """Whether a tool says something right after it: a call that nothing came of is no call to any provider."""
    children = fields(mapping[key]).get("children")
    for child in children if isinstance(children, list) else ():
        message = fields(fields(mapping.get(child) if isinstance(child, str) else None).get("message"))
        if text(fields(message.get("author")).get("role")) == "tool":
            return True
    return False


def _ordered(mapping: dict[str, Any], current: str) -> Iterator[tuple[str, str]]:
    """Every node once with the one above it, those above first; the branch that is shown comes last."""
    shown: set[str] = set()
    while current in mapping and current not in shown:
        shown.add(current)
        current = text(fields(mapping[current]).get("parent"))
    seen: set[str] = set()
    roots = [key for key, node in mapping.items() if text(fields(node).get("parent")) not in mapping]
    roots.sort(key=shown.__contains__)
    hanging = [pair for root in roots for pair in _below(mapping, root, shown, seen)]
    for key in list(mapping):  # nodes of a ring hang on nothing
        yield from _below(mapping, key, shown, seen)
    yield from hanging


def _below(mapping: dict[str, Any], root: str, shown: set[str], seen: set[str]) -> Iterator[tuple[str, str]]:
    waiting = [(root, "")]
    while waiting:
        key, above = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        yield key, above
        children = fields(mapping[key]).get("children")
        below = [c for c in children if isinstance(c, str) and c in mapping] if isinstance(children, list) else []
        below.sort(key=shown.__contains__)
        waiting += [(child, key) for child in reversed(below)]
