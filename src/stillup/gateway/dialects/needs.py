"""What a request needs of a model, found cheaply: most bodies are not decoded for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, is_crowded, plain, read

_SIGNS = {
    Protocol.ANTHROPIC: (b'"source"',),
    Protocol.OPENAI: (b'"image_url"', b'"file"'),
    Protocol.RESPONSES: (b'"input_image"', b'"input_file"'),
    Protocol.GEMINI: (b'"inlineData"', b'"inline_data"', b'"fileData"', b'"file_data"'),
}
"""Without these words there is neither image nor document. A scan of a large body costs more than reading its head."""
_LARGE_SIGNS = {protocol: re.compile(b"|".join(words)) for protocol, words in _SIGNS.items()}
_LARGE_BYTES = 1 << 20
_DOCUMENT_TYPES = frozenset({"document", "file", "input_file"})
_DOCUMENT_MIMES = frozenset({"application/pdf", "text/plain"})
_BYTES_A_TOKEN = 4
_LONGEST_NUMBER = 9
_LEAST_DATA = 512
_BLANK = b" \t\r\n"
_EMPTY = b"[] \t\r\n"
"""What is left of a list without anything in it."""
_IMAGE_TYPES = frozenset({"image", "image_url", "input_image"})
_IMAGE_MEMBERS = ("inlineData", "inline_data", "fileData", "file_data")
_MEDIA_TYPES = _IMAGE_TYPES | _DOCUMENT_TYPES
_MEDIA_MEMBERS = frozenset({"citations", "data", "url", "image_url", "file_data", "bytes", *_IMAGE_MEMBERS})
_MOST_OBJECTS, _MOST_MEDIA = 50_000, 10_000
"""More are not looked at: a million tokens of conversation have some 20,000 objects."""
_HOLDING = (dict, list)
_MAX_DEPTH = 12


class Needs(Struct, frozen=True):
    """What a request needs.

    ``tokens`` is a guess from the size of its words: four bytes to a token; ``wanted`` is how many the answer may have,
    None where it does not say. ``whole`` says that its answer is of no use in parts: JSON by a schema, several answers,
    log probabilities, citations, a provider's own tools.
    """

    tokens: int
    has_images: bool = False
    has_tools: bool = False
    has_documents: bool = False
    has_schema: bool = False
    """JSON by a schema, or JSON at all."""
    has_stop: bool = False
    """Stop sequences."""
    wanted: int | None = None
    whole: bool = False


class _Config(Struct):
    """Gemini's."""

    most: Raw = msgspec.field(name="maxOutputTokens", default=NULL)
    most_too: Raw = msgspec.field(name="max_output_tokens", default=NULL)
    mime: Raw = msgspec.field(name="responseMimeType", default=NULL)
    mime_too: Raw = msgspec.field(name="response_mime_type", default=NULL)
    schema: Raw = msgspec.field(name="responseSchema", default=NULL)
    schema_too: Raw = msgspec.field(name="responseJsonSchema", default=NULL)
    count: Raw = msgspec.field(name="candidateCount", default=NULL)
    logprobs: Raw = msgspec.field(name="responseLogprobs", default=NULL)
    stop: Raw = msgspec.field(name="stopSequences", default=NULL)
    stop_too: Raw = msgspec.field(name="stop_sequences", default=NULL)


class _Head(Struct):
    """Every dialect's members that decide something; no value is built but of the small ones."""

    tools: Raw = NULL
    functions: Raw = NULL
    n: Raw = NULL
    logprobs: Raw = NULL
    top_logprobs: Raw = NULL
    include: Raw = NULL
    max_tokens: Raw = NULL
    max_completion_tokens: Raw = NULL
    max_output_tokens: Raw = NULL
    response_format: Raw = NULL
    output_format: Raw = NULL
    output_config: Raw = NULL
    text: Raw = NULL
    config: Raw = msgspec.field(name="generationConfig", default=NULL)
    config_too: Raw = msgspec.field(name="generation_config", default=NULL)
    web_search_options: Raw = NULL
    stop: Raw = NULL
    stop_sequences: Raw = NULL


_NO_HEAD = _Head()
_head = msgspec.json.Decoder(_Head).decode
_config = msgspec.json.Decoder(_Config).decode
_NO = frozenset({b"", b"null", b"false", b"0"})
_OWN_TOOL = re.compile(rb'"type"\s*:\s*"(?!function"|custom")[a-z_0-9]+"')
"""A tool that is neither the client's function nor its free-form one: who asks for it has it run at the provider."""
_GEMINI_OWN = re.compile(
    rb'"(?:google_?[sS]earch\w*|code_?[eE]xecution|url_?[cC]ontext|google_?[mM]aps|file_?[sS]earch)"\s*:'
)
_JSON = (b'"json_schema"', b'"json_object"', b'"json"')


def needs(ask: Ask) -> Needs:
    """The facts that decide which model can stand in. Neither a body in a content coding nor a crowded one is read.

    Cost: one pass that builds nothing, and a scan or two for images and documents; with any, the body is decoded.
    """
    body = ask.body
    try:
        head = _NO_HEAD if is_crowded(body) else read(_head, body, _Head)
    except NoJson:
        return Needs(tokens=len(body) // _BYTES_A_TOKEN)
    config = _gemini_config(head)
    schema = _has_schema(head, config)
    seen = _NO_MEDIA if head is _NO_HEAD else _media(ask.protocol, body)
    return Needs(
        tokens=(len(body) - seen.bytes) // _BYTES_A_TOKEN,
        has_images=seen.images,
        has_tools=_is_any(_EMPTY, head.tools, head.functions)
        or (ask.protocol is Protocol.RESPONSES and _LATER_TOOLS in body),
        has_documents=seen.documents,
        has_schema=schema,
        has_stop=_is_any(_EMPTY, head.stop, head.stop_sequences, config.stop, config.stop_too),
        wanted=_wanted(head, config),
        whole=schema or seen.cited or _is_odd(ask.protocol, head, config),
    )


def _is_said(raw: Raw, empty: bytes = _BLANK) -> bool:
    return raw is not NULL and bytes(raw).strip(empty) not in _NO


def _is_any(empty: bytes, *raws: Raw) -> bool:
    for raw in raws:  # noqa: SIM110 - a generator would cost more than what it looks at
        if raw is not NULL and bytes(raw).strip(empty) not in _NO:
            return True
    return False


def _gemini_config(head: _Head) -> _Config:
    raw = next((r for r in (head.config, head.config_too) if _is_said(r)), None)
    if raw is None:
        return _NO_CONFIG
    try:
        return read(_config, bytes(raw), _Config)
    except NoJson:
        return _NO_CONFIG


_NO_CONFIG = _Config()


def _has_schema(head: _Head, config: _Config) -> bool:
    if _is_said(head.output_format) or b'"format"' in bytes(head.output_config):
        return True
    for raw in (head.response_format, head.text):
        if raw is not NULL and any(word in bytes(raw) for word in _JSON):
            return True
    if config is _NO_CONFIG:
        return False
    if _is_said(config.schema) or _is_said(config.schema_too):
        return True
    return b"json" in bytes(config.mime) or b"json" in bytes(config.mime_too)


def _wanted(head: _Head, config: _Config) -> int | None:
    for raw in (head.max_completion_tokens, head.max_output_tokens, head.max_tokens, config.most, config.most_too):
        if raw is not NULL:
            number = bytes(raw).strip()
            if number.isdigit() and len(number) < _LONGEST_NUMBER:
                return int(number)
    return None


def _is_odd(protocol: Protocol, head: _Head, config: _Config) -> bool:
    """Several answers, log probabilities, or a tool that the provider runs."""
    for raw in (head.n, config.count):
        if raw is not NULL and bytes(raw).strip() not in {b"null", b"", b"1"}:
            return True
    if _is_any(_BLANK, head.logprobs, head.top_logprobs, config.logprobs, head.web_search_options):
        return True
    if head.include is not NULL and b"logprobs" in bytes(head.include):
        return True
    if head.tools is NULL:
        return False
    tools = bytes(head.tools)
    if protocol is Protocol.GEMINI:
        return _GEMINI_OWN.search(tools) is not None
    return _runs_there(protocol, tools)


def _runs_there(protocol: Protocol, tools: bytes) -> bool:
    if _OWN_TOOL.search(tools) is None:  # in most schemas there are types too: those are looked at one by one
        return False
    try:
        found = _tools(tools)
    except UNREADABLE:
        return False
    own = [tool.type for tool in found if _is_own(tool)]
    if protocol is Protocol.RESPONSES and len(own) < len(found):
        # Codex always offers a search beside its own tools; an answer in which one is made is no plain one then.
        own = [kind for kind in own if not kind.startswith(_SEARCHES)]
    return bool(own)


class _Tool(Struct):
    type: Any = None
    input_schema: Raw = NULL


_tools = msgspec.json.Decoder(list[_Tool]).decode
_CLIENTS = (
    "function",
    "custom",
    "bash_",
    "text_editor_",
    "computer_",
    "memory_",
    "local_shell",
    "apply_patch",
    "shell",
    "namespace",
    "tool_search",
)
"""Beginnings of the types of tools that the client runs."""
_SEARCHES = "web_search"
_LATER_TOOLS = b'"additional_tools"'
"""An input item that offers tools, as Codex does."""


def _is_own(tool: _Tool) -> bool:
    return isinstance(tool.type, str) and not tool.type.startswith(_CLIENTS) and not _is_said(tool.input_schema)


class _Media(Struct, frozen=True):
    images: bool = False
    documents: bool = False
    cited: bool = False
    """Citations are asked for."""
    bytes: int = 0
    """Of what is not words: a picture's bytes are no tokens."""


_NO_MEDIA = _Media()


def _media(protocol: Protocol, body: bytes) -> _Media:
    if not _has_sign(protocol, body):
        return _NO_MEDIA
    images = documents = cited = False
    size = 0
    try:
        found = list(islice(_objects(plain(body)), _MOST_MEDIA))
    except NoJson:
        return _NO_MEDIA
    for part in found:
        images = images or _is_image(part)
        documents = documents or _is_document(part)
        cited = cited or _is_cited(part)
        size += _data_size(part)
    return _Media(images, documents, cited, min(size, len(body)))


def _has_sign(protocol: Protocol, body: bytes) -> bool:
    signs = _SIGNS.get(protocol, ())
    if len(body) < _LARGE_BYTES or not signs:
        return any(sign in body for sign in signs)
    # A search for a word is slow where a text is made of its letters; this one goes from quote to quote.
    return _LARGE_SIGNS[protocol].search(body) is not None


def _is_cited(part: dict[str, object]) -> bool:
    asked = part.get("citations")
    return isinstance(asked, dict) and asked.get("enabled") is True


def _data_size(part: dict[str, object]) -> int:
    """Of base64 in a part: all dialects have it as a long text without a space, under one of a few names."""
    found = (part.get(name) for name in ("data", "url", "image_url", "file_data", "bytes"))
    return sum(len(v) for v in found if isinstance(v, str) and len(v) > _LEAST_DATA)


def _kind(part: dict[str, object]) -> str:
    kind = part.get("type")
    return kind if isinstance(kind, str) else ""


def _is_document(part: dict[str, object]) -> bool:
    if _kind(part) in _DOCUMENT_TYPES:
        return True
    for name in _IMAGE_MEMBERS:
        inside = part.get(name)
        if isinstance(inside, dict):
            kind = inside.get("mimeType", inside.get("mime_type"))
            return isinstance(kind, str) and kind in _DOCUMENT_MIMES
    return False


def _is_image(part: dict[str, object]) -> bool:
    if _kind(part) in _IMAGE_TYPES:
        return True
    for name in _IMAGE_MEMBERS:
        inside = part.get(name)
        if isinstance(inside, dict):
            kind = inside.get("mimeType", inside.get("mime_type", "image/"))
            return isinstance(kind, str) and kind.startswith("image/")
    return False


def _objects(value: object) -> Iterator[dict[str, object]]:
    """Those that may be media, so deep as media are; of more than a conversation has, the first."""
    level: list[Any] = [value] if type(value) in _HOLDING else []
    depth, left = 0, _MOST_OBJECTS
    while level and depth <= _MAX_DEPTH and left > 0:
        below: list[Any] = []
        for each in level[:left]:
            if type(each) is dict:
                if _kind(each) in _MEDIA_TYPES or not _MEDIA_MEMBERS.isdisjoint(each):
                    yield each
                below += each.values()
            else:
                below += each
        left -= len(level)
        level, depth = [each for each in below if type(each) in _HOLDING], depth + 1
