"""What one message of ChatGPT's export says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from stillup.gateway.dialects.lenient import NoJson
from stillup.gateway.dialects.neutral import Call, Citation, Part, Text, Thought
from stillup.vault.importing.exports import Found
from stillup.vault.importing.fields import Fields, decoded, fields, rows, text, titled, written
from stillup.vault.values import Turn

_MARKED = "\ue200"
_MARKER = re.compile("\ue200[^\ue201]{0,2000}\ue201|[\ue200-\ue206]")
"""ChatGPT's own signs for citations and pictures: they are shown as something else and mean nothing elsewhere."""
_POINTERS = re.compile(r".*(asset_pointer|image_url)$")
_CITATIONS = 200


def parts_of(found: Found, key: str, message: Fields) -> Iterator[Part]:
    """Its parts in order; files are looked for elsewhere. A kind that is not known is named."""
    content = fields(message.get("content"))
    kind = text(content.get("content_type"))
    read = _READ.get(kind)
    if read is not None:
        yield from read(content)
    elif content.get("parts") is not None:
        yield from _listed(found, key, message, content)
    elif said := next((text(content[name]) for name in _SAID if text(content.get(name))), ""):
        yield Text(text=said)
    elif kind not in _MAY_BE_EMPTY:
        found.skip(f"A message of the kind “{titled(kind) or '?'}” is not known.", key)


def _code(content: Fields) -> Iterator[Part]:
    if said := text(content.get("text")):
        yield Text(text=f"```{_language(content)}\n{said}\n```")


def _thoughts(content: Fields) -> Iterator[Part]:
    for thought in rows(content.get("thoughts")):
        if said := "\n\n".join(filter(None, (text(thought.get("summary")), text(thought.get("content"))))):
            yield Thought(text=said)


def _context(content: Fields) -> Iterator[Part]:
    """What the user has told ChatGPT to know of them, and what it has noted itself."""
    for name in ("user_profile", "user_instructions", "model_set_context"):
        if said := text(content.get(name)):
            yield Text(text=said)


def _listed(found: Found, key: str, message: Fields, content: Fields) -> Iterator[Part]:
    parts = content.get("parts")
    citations = _citations(message)
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, str):
            if part:
                yield Text(text=_MARKER.sub("", part) if _MARKED in part else part, citations=citations)
                citations = ()
            continue
        kind = text(fields(part).get("content_type"))
        if said := text(fields(part).get("text")) or text(fields(part).get("result")):
            yield from _quoted(part) if fields(part).get("url") else (Text(text=said),)
        elif part and not _POINTERS.fullmatch(kind):
            found.skip(f"A part of the kind “{titled(kind) or '?'}” is not known.", key)


def _quoted(content: Fields) -> Iterator[Part]:
    """Something found on a page."""
    said = text(content.get("text")) or text(content.get("snippet"))
    url, title = text(content.get("url")), text(content.get("title"))
    if said or url:
        yield Text(text=said or title or url, citations=(Citation(url=url, title=title),) if url else ())


_READ: dict[str, Callable[[Fields], Iterator[Part]]] = {
    "code": _code,
    "thoughts": _thoughts,
    "reasoning_recap": lambda _: iter(()),
    "user_editable_context": _context,
    "model_editable_context": _context,
    "tether_quote": _quoted,
    "sonic_webpage": _quoted,
}
_SAID = ("text", "result", "content")
_MAY_BE_EMPTY = frozenset({"text", "tether_browsing_display", "execution_output", "system_error"})


def _citations(message: Fields) -> tuple[Citation, ...]:
    """The pages an answer names, each once; where in it is counted in ChatGPT's own signs and is of no use."""
    metadata = fields(message.get("metadata"))
    told = [fields(row.get("metadata")) for row in rows(metadata.get("citations"))]
    for reference in rows(metadata.get("content_references")):
        told += [reference, *rows(reference.get("items"))]
    found: dict[str, Citation] = {}
    for place in told:
        if (url := text(place.get("url"))) and len(found) < _CITATIONS:
            found.setdefault(url, Citation(url=url, title=text(place.get("title"))))
    return tuple(found.values())


def as_call(message: Fields, turn: Turn) -> Call | None:
    """The call that an assistant's message is when it is said to a tool."""
    recipient = text(message.get("recipient"))
    if recipient in {"", "all"}:
        return None
    content = fields(message.get("content"))
    parts = content.get("parts")
    said = text(content.get("text"))
    if not said and isinstance(parts, list):
        said = "\n".join(part for part in parts if isinstance(part, str))
    try:
        arguments = decoded(said.encode("utf-8", "replace"))
    except NoJson:
        arguments = None
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", recipient)[:64]
    return Call(
        id=turn.id, name=name, arguments=written(arguments) if isinstance(arguments, dict) else written({"input": said})
    )


def _language(content: Fields) -> str:
    language = text(content.get("language"))
    return "" if language == "unknown" or not re.fullmatch(r"[\w+#.-]{1,20}", language) else language
