"""What a request needs of a model, found cheaply: most bodies are not decoded for it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.lenient import NULL, NoJson, plain, read

_IMAGES = {
    Protocol.ANTHROPIC: (b'"image"',),
    Protocol.OPENAI: (b'"image_url"',),
    Protocol.RESPONSES: (b'"input_image"',),
    Protocol.GEMINI: (b'Data"', b'_data"'),
}
"""Without these words there is no image. One scan of a large body costs as much as reading all of its head."""
_IMAGE_TYPES = frozenset({"image", "image_url", "input_image"})
_IMAGE_MEMBERS = ("inlineData", "inline_data", "fileData", "file_data")
_MAX_DEPTH = 12


class Needs(Struct, frozen=True):
    """``tokens`` is a guess from the body's size: four bytes to a token."""

    tokens: int
    has_images: bool = False
    has_tools: bool = False


class _Tools(Struct):
    tools: Raw = NULL
    functions: Raw = NULL


_tools = msgspec.json.Decoder(_Tools).decode


def needs(ask: Ask) -> Needs:
    """The facts that decide which model can stand in. A body in a content coding is not looked into."""
    body = ask.body
    return Needs(tokens=len(body) // 4, has_images=_has_images(ask.protocol, body), has_tools=_has_tools(body))


def _has_tools(body: bytes) -> bool:
    try:
        found = read(_tools, body, _Tools)
    except NoJson:
        return False
    return any(bytes(raw).strip(b"[] \t\r\n") not in {b"", b"null"} for raw in (found.tools, found.functions))


def _has_images(protocol: Protocol, body: bytes) -> bool:
    if not any(word in body for word in _IMAGES.get(protocol, ())):
        return False
    try:
        return any(_is_image(part) for part in _objects(plain(body), 0))
    except NoJson:
        return False


def _is_image(part: dict[str, object]) -> bool:
    if part.get("type") in _IMAGE_TYPES:
        return True
    for name in _IMAGE_MEMBERS:
        inside = part.get(name)
        if isinstance(inside, dict):
            kind = inside.get("mimeType", inside.get("mime_type", "image/"))
            return isinstance(kind, str) and kind.startswith("image/")
    return False


def _objects(value: object, depth: int) -> Iterator[dict[str, object]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner, depth + 1)
