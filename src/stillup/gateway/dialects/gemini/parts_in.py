"""The parts of a content, read: text, thoughts, calls and their results, media."""

from __future__ import annotations

from collections import defaultdict, deque

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.gemini.names import camel, kind_of, members, read, seal_of
from stillup.gateway.dialects.lenient import as_object, as_string
from stillup.gateway.dialects.neutral import Call, Foreign, Kind, Media, Part, Result, Text, Thought
from stillup.gateway.dialects.writing import text_of

_SERVER_PARTS = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
_ABOUT = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})
"""What is said beside a part: nothing by itself."""
_DOCUMENTS = (".pdf", ".txt", ".md", ".html", ".htm", ".csv", ".docx", ".json", ".xml")
_URL_SAFE = str.maketrans("-_", "+/")


class _Called(Struct, gc=False):
    name: str
    id: str | None = None
    args: dict[str, Raw] | None = None


class _Blob(Struct, gc=False, rename="camel"):
    mime_type: str = ""
    data: str = ""
    file_uri: str = ""
    display_name: str | None = None


class _Answered(Struct, gc=False):
    name: str = ""
    id: str | None = None
    response: Raw = Raw(b"{}")
    parts: list[dict[str, Raw]] | None = None


_texts = msgspec.json.Decoder(list[str]).decode
_called = msgspec.json.Decoder(_Called).decode
_blob = msgspec.json.Decoder(_Blob).decode
_answered = msgspec.json.Decoder(_Answered).decode
_encode = msgspec.json.encode


class Parts:
    """Reads the parts of one conversation in their order.

    Calls need no id there: those without get one by their place, and a result without belongs to the first call of
    its name that has none yet.
    """

    def __init__(self) -> None:
        self._calls = 0
        self._open: defaultdict[str, deque[str]] = defaultdict(deque)
        self._names: dict[str, str] = {}

    def read(self, part: dict[str, Raw], where: str) -> tuple[Part, ...]:
        """One part. Raises Untranslatable and NoJson."""
        if len(part) == 1 and "text" in part:  # as most are
            text = read(as_string, part["text"], f"{where}.text")
            return (Text(text=text),) if text else ()
        found = {camel(name): value for name, value in part.items()}
        signature = found.get("thoughtSignature")
        seal = seal_of(read(as_string, signature, f"{where}.thoughtSignature")) if signature is not None else None
        if "text" in found:
            text = read(as_string, found["text"], f"{where}.text")
            if found.get("thought") == Raw(b"true"):
                return (Thought(text=text, seal=seal),)
            words = (Text(text=text),) if text else ()
            return words if seal is None else (*words, Thought(seal=seal))
        if "functionCall" in found:
            call = self._call(found["functionCall"], f"{where}.functionCall")
            return (call if seal is None else msgspec.structs.replace(call, seal=seal),)
        if not found.keys() - _ABOUT:
            return () if seal is None else (Thought(seal=seal),)
        return (self._other(found, where),)

    def _other(self, found: dict[str, Raw], where: str) -> Part:
        if "functionResponse" in found:
            return self._result(found["functionResponse"], f"{where}.functionResponse")
        if "inlineData" in found or "fileData" in found:
            return _media(found, where)
        what = next((name for name in _SERVER_PARTS if name in found), "")
        if not what:
            msg = f"{where}: must be text, functionCall, functionResponse, inlineData or fileData"
            raise Untranslatable(msg)
        return Foreign(origin=Protocol.GEMINI, what=what, raw=_encode(found))

    def _call(self, raw: Raw, where: str) -> Call:
        inside = members(raw, where)
        found = read(_called, _encode(inside), where)
        call_id = found.id or f"call_{self._calls}"
        self._calls += 1
        self._open[found.name].append(call_id)
        self._names[call_id] = found.name
        return Call(id=call_id, name=found.name, arguments=bytes(inside.get("args", b"{}")).decode())

    def _result(self, raw: Raw, where: str) -> Result:
        found = read(_answered, _encode(members(raw, where)), where)
        name = found.name or self._names.get(found.id or "", "")
        waiting = self._open[name]
        if found.id:
            result_id = found.id
            if result_id in waiting:
                waiting.remove(result_id)
        else:
            result_id = waiting.popleft() if waiting else f"call_{name}"
        texts, is_error = _said(found.response)
        media = (_media({camel(k): v for k, v in part.items()}, f"{where}.parts") for part in found.parts or ())
        return Result(id=result_id, name=name, parts=(*texts, *media), is_error=is_error)


def _said(response: Raw) -> tuple[tuple[Text, ...], bool]:
    """What a function answered. ``output`` and ``error`` are Gemini's own names for all of it."""
    try:
        inside = as_object(response)
    except msgspec.DecodeError:
        inside = {}
    names = tuple(inside)
    if not names:
        text = bytes(response).decode()
        return () if text.strip() in {"{}", "null", ""} else (Text(text=text),), False
    if names not in {("output",), ("error",)}:
        return (Text(text=bytes(response).decode()),), False
    value = inside[names[0]]
    return tuple(Text(text=text) for text in _as_texts(value) if text), names == ("error",)


def _as_texts(value: Raw) -> list[str]:
    try:
        return [as_string(value)]
    except msgspec.DecodeError:
        pass
    try:
        return _texts(value)
    except msgspec.DecodeError:
        return [bytes(value).decode()]


def _media(part: dict[str, Raw], where: str) -> Media:
    where = f"{where}.{'inlineData' if 'inlineData' in part else 'fileData'}"
    raw = part.get("inlineData", part.get("fileData"))
    if raw is None:
        msg = f"{where}: must be inlineData or fileData"
        raise Untranslatable(msg)
    found = read(_blob, _encode(members(raw, where)), where)
    kind, name = kind_of(found.mime_type), found.display_name or ""
    if not found.file_uri:
        return _inline(found, kind, name, where)
    uri = found.file_uri
    if uri.startswith(("http://", "https://")) and "generativelanguage.googleapis.com/" not in uri:
        kind = kind if found.mime_type else _kind_by_url(uri)
        return Media(kind=kind, media_type=found.mime_type, url=uri, name=name)
    return Media(kind=kind, media_type=found.mime_type, file_id=uri, origin=Protocol.GEMINI, name=name)


def _kind_by_url(uri: str) -> Kind:
    if "youtube.com/" in uri or "youtu.be/" in uri:
        return Kind.VIDEO
    return Kind.DOCUMENT if uri.partition("?")[0].lower().endswith(_DOCUMENTS) else Kind.IMAGE


def _inline(found: _Blob, kind: Kind, name: str, where: str) -> Media:
    data = found.data.translate(_URL_SAFE) if "-" in found.data or "_" in found.data else found.data
    if found.mime_type == "text/plain":
        return Media(kind=kind, media_type=found.mime_type, text=text_of(data, f"{where}.data"), name=name)
    return Media(kind=kind, media_type=found.mime_type, data=data, name=name)
