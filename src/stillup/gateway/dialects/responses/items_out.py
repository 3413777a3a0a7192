"""Neutral parts as items of Responses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.neutral import (
    Call,
    Citation,
    Foreign,
    Kind,
    Media,
    Message,
    Part,
    Refused,
    Result,
    Role,
    Text,
    Thought,
)
from stillup.gateway.dialects.writing import Json, base64_of, data_url, fitting_id, own, refuse_kept

ME = Protocol.RESPONSES
_ID = re.compile(r".{1,64}", re.DOTALL)
"""OpenAI refuses a longer ``call_id``."""
_NAMES = {"application/pdf": "document.pdf", "text/plain": "document.txt"}


def items_of(messages: Sequence[Message], losses: Losses) -> list[Any]:
    """The conversation as input. Raises Untranslatable."""
    items: list[Any] = []
    for n, message in enumerate(messages):
        if message.name:
            losses.add("a speaker's name")
        _add_message(items, message, losses, f"messages[{n}]")
    return items


def _add_message(items: list[Any], message: Message, losses: Losses, where: str) -> None:
    content: list[Any] = []
    open_message: Json | None = None
    for n, part in enumerate(message.parts):
        at = f"{where}.content[{n}]"
        item = _item(part, losses, at)
        if item is not None:
            open_message = None
            items.append(item)
            continue
        said = _content(part, message.role, losses, at)
        if said is None:
            continue
        if open_message is None:
            content = []
            open_message = {"type": "message", "role": _role(message.role), "content": content}
            items.append(open_message)
        content.append(said)


def _role(role: Role) -> str:
    return "developer" if role is Role.SYSTEM else role.value


def _item(part: Part, losses: Losses, where: str) -> Any:  # noqa: ANN401 - JSON
    """A part that is an item of its own; None for one that stands in a message."""
    match part:
        case Call():
            _forget_cache(part, losses)
            return {
                "type": "function_call",
                "call_id": call_id(part.id),
                "name": part.name,
                "arguments": part.arguments,
            }
        case Result():
            return _result(part, losses, where)
        case Foreign():
            return _foreign(part, where)
        case Thought(seal=seal) if seal is not None and seal.origin is ME:
            item: Json = {"type": "reasoning", "summary": summary(part.text)}
            if seal.id:
                item["id"] = seal.id
            if seal.data:
                item["encrypted_content"] = seal.data
            return item
    return None


def summary(text: str) -> list[dict[str, str]]:
    """A thought's summary in one paragraph."""
    return [{"type": "summary_text", "text": text}] if text else []


def _foreign(part: Foreign, where: str) -> Raw | None:
    raw = own(part, ME, where)
    # A part of a message cannot be told from an item by its type alone, but no item's begins so.
    return None if part.what.startswith(("input_", "output_")) else raw


def _content(part: Part, role: Role, losses: Losses, where: str) -> Any:  # noqa: ANN401 - JSON
    match part:
        case Text():
            _forget_cache(part, losses)
            if role is not Role.ASSISTANT:
                return {"type": "input_text", "text": part.text}
            return {"type": "output_text", "text": part.text, "annotations": notes(part.citations, part.text)}
        case Refused():
            return {"type": "refusal", "refusal": part.text}
        case Media():
            if role is Role.ASSISTANT:
                msg = f"{where}: Responses takes no {part.kind} from an assistant"
                raise Untranslatable(msg)
            return media(part, losses, where)
        case Thought():
            losses.add("another model's thoughts")
        case Foreign():
            return Raw(part.raw)
    return None


def _forget_cache(part: Text | Media | Call | Result, losses: Losses) -> None:
    # Only the newest models take a marker, and all of them keep what is repeated without one.
    if part.cache is not None:
        losses.add("cache marker")


def _result(part: Result, losses: Losses, where: str) -> Json:
    _forget_cache(part, losses)
    if part.is_error:
        losses.add("error mark of a tool's result")
    parts = part.parts
    output: Any
    if not parts or (len(parts) == 1 and isinstance(parts[0], Text)):
        output = parts[0].text if parts and isinstance(parts[0], Text) else ""
        if parts:
            _forget_cache(parts[0], losses)
    else:
        output = [_content(one, Role.USER, losses, f"{where}.content[{n}]") for n, one in enumerate(parts)]
    return {"type": "function_call_output", "call_id": call_id(part.id), "output": output}


def call_id(name: str) -> str:
    """The call's own id where it is short enough, else one made of it."""
    return fitting_id(name, _ID)


def media(part: Media, losses: Losses, where: str) -> Json:
    """An image or a file. Raises Untranslatable for what Responses does not take."""
    _forget_cache(part, losses)
    if part.cited:
        losses.add("citations")
    if part.context:
        losses.add("a document's context")
    refuse_kept(part, ME, where)
    if part.kind is Kind.IMAGE:
        return _image(part, where)
    if part.kind is Kind.DOCUMENT:
        return _file(part)
    msg = f"{where}: Responses takes no {part.kind}"
    raise Untranslatable(msg)


def _image(part: Media, where: str) -> Json:
    image = {"type": "input_image", "detail": part.detail or "auto"}
    if part.file_id:
        return image | {"file_id": part.file_id}
    if part.url:
        return image | {"image_url": part.url}
    if part.text:
        msg = f"{where}: an image is no text"
        raise Untranslatable(msg)
    return image | {"image_url": data_url(part.media_type or "image/png", part.data)}


def _file(part: Media) -> Json:
    file: Json = {"type": "input_file"}
    if part.file_id:
        return file | {"file_id": part.file_id}
    if part.url:
        return file | {"file_url": part.url} | ({"filename": part.name} if part.name else {})
    kind = part.media_type or ("text/plain" if part.text else "application/pdf")
    data = base64_of(part.text) if part.text else part.data
    return file | {"filename": part.name or _NAMES.get(kind, "document"), "file_data": data_url(kind, data)}


def notes(citations: Sequence[Citation], text: str) -> list[Any]:
    """Those that Responses has words for: its own, and what has a URL."""
    return [note for note in (annotation(one, len(text)) for one in citations) if note is not None]


def annotation(citation: Citation, length: int) -> Any:  # noqa: ANN401 - JSON
    """One of them in a text of that many characters; None where there are no words for it."""
    if citation.origin is ME and citation.raw:
        return Raw(citation.raw)
    if not citation.url:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": citation.start or 0,
        "end_index": length if citation.end is None else citation.end,
    }
