"""Images, files and recordings, as Chat Completions writes them in a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Losses, Untranslatable
from stillup.gateway.dialects.neutral import Cache, Kind, Media
from stillup.gateway.dialects.writing import data_url, refuse_kept, split_url, text_of

_FORMATS = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_FORMAT_OF = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


class Url(Struct, gc=False):
    """An image's or a video's address, which may be a data URL."""

    url: str = ""
    detail: str | None = None


class Audio(Struct, gc=False):
    """A recording in base64; ``format`` is ``wav`` or ``mp3``."""

    data: str = ""
    format: str = ""


class File(Struct, gc=False):
    """A file: in base64, mostly as a data URL, or by the id of one that is kept there."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


def image(given: str | Url, kind: Kind, cache: Cache | None) -> Media:
    """An image, or a video, by what its part holds."""
    found = Url(url=given) if isinstance(given, str) else given
    media_type, data, url = split_url(found.url)
    return Media(kind=kind, media_type=media_type, data=data, url=url, detail=found.detail or "", cache=cache)


def recording(given: Audio, cache: Cache | None) -> Media:
    """A recording."""
    media_type = _FORMATS.get(given.format, f"audio/{given.format}")
    return Media(kind=Kind.AUDIO, media_type=media_type, data=given.data, cache=cache)


def file(given: File, cache: Cache | None) -> Media:
    """A document."""
    name = given.filename or ""
    if given.file_id:
        return Media(kind=Kind.DOCUMENT, file_id=given.file_id, origin=Protocol.OPENAI, name=name, cache=cache)
    data = given.file_data or ""
    if not data.startswith(("data:", "http:", "https:")):
        return Media(kind=Kind.DOCUMENT, media_type="application/pdf", data=data, name=name, cache=cache)
    media_type, data, url = split_url(data)
    return Media(kind=Kind.DOCUMENT, media_type=media_type, data=data, url=url, name=name, cache=cache)


def parts_of(media: Media, place: str, losses: Losses) -> list[Mapping[str, Any]]:
    """What a message holds for it. Raises Untranslatable where a user's message cannot hold it."""
    refuse_kept(media, Protocol.OPENAI, place)
    if media.cited:
        losses.add("citations")
    written = _WRITTEN[media.kind](media, place)
    return [text_part(_about(media)), written] if media.context else [written]


def _about(media: Media) -> str:
    return f"About {media.name or 'the document that follows'}: {media.context}"


def text_part(text: str) -> Mapping[str, Any]:
    """A part of words."""
    return {"type": "text", "text": text}


def _image(media: Media, place: str) -> Mapping[str, Any]:
    if media.file_id:
        msg = f"{place}: Chat Completions takes no image by the id of a file"
        raise Untranslatable(msg)
    url = media.url or data_url(media.media_type or "image/png", media.data)
    return {"type": "image_url", "image_url": {"url": url, "detail": media.detail} if media.detail else {"url": url}}


def _document(media: Media, place: str) -> Mapping[str, Any]:
    if media.file_id:
        return {"type": "file", "file": {"file_id": media.file_id}}
    if media.url:
        msg = f"{place}: Chat Completions takes no document by its address"
        raise Untranslatable(msg)
    if media.text or media.media_type.startswith("text/"):
        name = media.name or "document"
        return text_part(f"{name}:\n\n{media.text or text_of(media.data, place)}")
    data = data_url(media.media_type or "application/pdf", media.data)
    return {"type": "file", "file": {"filename": media.name or "document.pdf", "file_data": data}}


def _recording(media: Media, place: str) -> Mapping[str, Any]:
    form = _FORMAT_OF.get(media.media_type.partition(";")[0])
    if form is None or not media.data:
        msg = f"{place}: Chat Completions takes recordings as WAV or MP3 only, in the message itself"
        raise Untranslatable(msg)
    return {"type": "input_audio", "input_audio": {"data": media.data, "format": form}}


def _video(_media: Media, place: str) -> Mapping[str, Any]:
    msg = f"{place}: Chat Completions takes no video"
    raise Untranslatable(msg)


_WRITTEN = {Kind.IMAGE: _image, Kind.DOCUMENT: _document, Kind.AUDIO: _recording, Kind.VIDEO: _video}
