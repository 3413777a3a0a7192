"""An item of Responses, in a request's input or in an answer's output, as neutral parts."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, as_list, as_string
from stillup.gateway.dialects.neutral import (
    UNSIGNED,
    Cache,
    Call,
    Citation,
    Foreign,
    Kind,
    Media,
    Part,
    Refused,
    Result,
    Seal,
    Text,
    Thought,
)
from stillup.gateway.dialects.responses.named import SEARCH_TOOLS, as_arguments, flat
from stillup.gateway.dialects.typed import typed
from stillup.gateway.dialects.writing import split_url

_NULL = bytes(NULL)
ME = Protocol.RESPONSES
APART = "\n\n"
"""Between the paragraphs of a summary, which come one by one."""
_SEALED = f"{UNSIGNED}:"


class Item(Struct, gc=False):
    """What every item has."""

    type: str | None = None
    role: str | None = None
    id: str | None = None


class Annotation(Struct, gc=False):
    """Where something said stands; ``start_index`` and ``end_index`` count characters."""

    type: str = ""
    url: str | None = None
    title: str | None = None
    filename: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class _Content(Struct, gc=False):
    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: Raw = NULL
    prompt_cache_breakpoint: Raw = NULL


class _Sound(Struct, gc=False):
    data: str = ""
    format: str = ""


class _Message(Struct, gc=False):
    content: Raw = NULL


class _Paragraph(Struct, gc=False):
    text: str = ""


class Reasoning(Struct, gc=False):
    """A thought: a summary in paragraphs, or all of it as ``content``, and what proves it."""

    id: str | None = None
    summary: list[_Paragraph] | None = None
    content: list[_Paragraph] | None = None
    encrypted_content: str | None = None

    @property
    def text(self) -> str:
        """The summary, else the thought itself."""
        return APART.join(part.text for part in self.summary or self.content or ())

    @property
    def seal(self) -> Seal | None:
        """None for a thought that only this gateway can have written."""
        name, proof = self.id or "", self.encrypted_content or ""
        if proof.startswith(_SEALED):
            name, _, proof = proof.removeprefix(_SEALED).partition(":")
        if proof == UNSIGNED or UNSIGNED in name or not (name or proof):
            return None
        return Seal(origin=ME, data=proof, id=name)

    @property
    def is_ours(self) -> bool:
        """Whether this gateway has written it, or a part of it."""
        return (self.encrypted_content or "").startswith(UNSIGNED) or UNSIGNED in (self.id or "")


class Called(Struct, gc=False):
    """A call of a function (``arguments``), of a custom tool (``input``), or of the client's search for tools."""

    type: str = ""
    call_id: str | None = None
    id: str | None = None
    name: str = ""
    namespace: str | None = None
    arguments: Raw = NULL
    input: str | None = None
    execution: str | None = None

    @property
    def call(self) -> Call:
        """The call, as of a function that everyone knows. Raises NoJson and Untranslatable."""
        if self.type == "custom_tool_call":
            arguments = as_arguments(self.input or "")
        elif bytes(self.arguments).startswith(b'"'):
            arguments = typed(as_string, bytes(self.arguments), "arguments")
        else:
            arguments = "" if self.arguments == NULL else bytes(self.arguments).decode("utf-8", "replace")
        return Call(
            id=self.call_id or self.id or "",
            name=SEARCH_TOOLS if self.type == "tool_search_call" else flat(self.name, self.namespace),
            arguments=arguments if arguments.strip() else "{}",
        )


class _Output(Struct, gc=False):
    call_id: str | None = None
    output: Raw = NULL


def sealed(seal: Seal | None) -> str:
    """What stands for the proof of a thought whose item had been given another id before the proof came.

    A proof goes back to OpenAI with the id it came with, so that goes along, to be put in its place again.
    """
    return UNSIGNED if seal is None else f"{_SEALED}{seal.id}:{seal.data}"


_content = msgspec.json.Decoder(_Content).decode
_sound = msgspec.json.Decoder(_Sound).decode
_message = msgspec.json.Decoder(_Message).decode
_called = msgspec.json.Decoder(Called).decode
_output = msgspec.json.Decoder(_Output).decode
_annotation = msgspec.json.Decoder(Annotation).decode
reasoning = msgspec.json.Decoder(Reasoning).decode
peek = msgspec.json.Decoder(Item).decode
CALLS = frozenset({"function_call", "custom_tool_call", "tool_search_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})


def said_in(raw: bytes, where: str) -> tuple[Part, ...]:
    """What an assistant's item says: text, a refusal, a thought, a call; anything else is Responses' own."""
    kind = typed(peek, raw, where).type
    if kind is None or kind == "message":
        return message_parts(raw, where)
    if kind == "reasoning":
        thought = typed(reasoning, raw, where)
        return (Thought(text=thought.text, seal=thought.seal),)
    if kind in CALLS:
        called = typed(_called, raw, where)
        if kind == "tool_search_call":
            return (called.call,) if called.execution == "client" else (Foreign(origin=ME, what=kind, raw=raw),)
        if not called.name:
            msg = f"{where}.name: must be a non-empty string"
            raise Untranslatable(msg)
        return (called.call,)
    return (Foreign(origin=ME, what=kind, raw=raw),)


def message_parts(raw: bytes, where: str) -> tuple[Part, ...]:
    """The content of a message, which is a string or a list. Raises NoJson and Untranslatable."""
    return _parts(typed(_message, raw, where).content, f"{where}.content")


def result_in(raw: bytes, where: str, names: dict[str, str]) -> Result:
    """What came of a call; ``names`` has the tools' names by call."""
    output = typed(_output, raw, where)
    call = output.call_id or ""
    parts = []
    for part in _parts(output.output, f"{where}.output"):
        if not isinstance(part, Text | Media):
            msg = f"{where}.output: must be text, images and files"
            raise Untranslatable(msg)
        parts.append(part)
    return Result(id=call, name=names.get(call, ""), parts=tuple(parts))


def citation_in(raw: bytes) -> Citation:
    """An annotation; what has no URL is known by its file's name. Raises NoJson and Untranslatable."""
    note = typed(_annotation, raw, "annotations")
    return Citation(
        url=note.url or "",
        title=note.title or note.filename or "",
        start=note.start_index,
        end=note.end_index,
        origin=ME,
        raw=raw,
    )


def _parts(content: Raw, where: str) -> tuple[Part, ...]:
    raw = bytes(content).strip()
    if raw == _NULL:
        return ()
    if raw.startswith(b'"'):
        return (Text(text=typed(as_string, raw, where)),)
    if not raw.startswith(b"["):
        msg = f"{where}: must be a string or an array"
        raise Untranslatable(msg)
    return tuple(_part(bytes(one), f"{where}[{n}]") for n, one in enumerate(typed(as_list, raw, where)))


def _part(raw: bytes, where: str) -> Part:
    part = typed(_content, raw, where)
    match part.type:
        case "input_text" | "output_text" | "text" | "summary_text":
            return Text(
                text=part.text or "",
                citations=tuple(citation_in(bytes(one)) for one in part.annotations or ()),
                cache=_cache(part),
            )
        case "refusal":
            return Refused(text=part.refusal or "")
        case "input_image":
            return _image(part, where)
        case "input_file":
            return _file(part, where)
        case "input_audio":
            return _audio(part, where)
        case "":
            msg = f"{where}.type: must be a string"
            raise Untranslatable(msg)
    return Foreign(origin=ME, what=part.type, raw=raw)


def _cache(part: _Content) -> Cache | None:
    # Its life (30m, 12h) is OpenAI's alone: the others take another number or decide themselves.
    return None if part.prompt_cache_breakpoint == NULL else Cache()


def _image(part: _Content, where: str) -> Media:
    detail = "" if part.detail in {None, "auto"} else part.detail or ""
    cache = _cache(part)
    if part.file_id:
        return Media(kind=Kind.IMAGE, file_id=part.file_id, origin=ME, detail=detail, cache=cache)
    kind, data, url = split_url(part.image_url or "")
    if not (data or url):
        msg = f"{where}: must have image_url or file_id"
        raise Untranslatable(msg)
    return Media(kind=Kind.IMAGE, media_type=kind, data=data, url=url, detail=detail, cache=cache)


def _audio(part: _Content, where: str) -> Media:
    audio = typed(_sound, bytes(part.input_audio), f"{where}.input_audio")
    kind = {"mp3": "mpeg"}.get(audio.format, audio.format)
    return Media(kind=Kind.AUDIO, media_type=f"audio/{kind}" if kind else "", data=audio.data)


def _file(part: _Content, where: str) -> Media:
    name, cache = part.filename or "", _cache(part)
    if part.file_id:
        return Media(kind=Kind.DOCUMENT, file_id=part.file_id, origin=ME, name=name, cache=cache)
    if part.file_url:
        return Media(kind=Kind.DOCUMENT, url=part.file_url, name=name, cache=cache)
    if not part.file_data:
        msg = f"{where}: must have file_data, file_url or file_id"
        raise Untranslatable(msg)
    kind, data, bare = split_url(part.file_data)  # bare base64 is taken too
    return Media(kind=Kind.DOCUMENT, media_type=kind or "application/pdf", data=data or bare, name=name, cache=cache)
