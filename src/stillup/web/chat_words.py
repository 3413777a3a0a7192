"""What the chat page takes and says: one conversation, its attachments, and their bounds. Values only."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

from msgspec import Meta, Struct

from stillup.errors import BadDataError
from stillup.sources.decode import clean

MAX_BODY_BYTES = 28 * 1024 * 1024
"""Of one message with everything that goes with it; the gateway takes 32 MB by default."""
MAX_IMAGE_BYTES = 5 * 1024 * 1024
MAX_PDF_BYTES = 10 * 1024 * 1024
MAX_TEXT_BYTES = 512 * 1024
MOST_FILES = 10
MOST_TURNS = 400
MOST_SEAMS = 12
"""The gateway goes on with one answer no more often."""
LONGEST_NAME = 120

IMAGES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
"""Kinds of images that models see, and how such a file begins."""
PDF = "application/pdf"
_PDF_BEGINS = b"%PDF-"
_MIB = 1024 * 1024

_ASCII_CONTROLS = {c: None for c in range(32) if c not in (9, 10)} | {127: None}
_TIDY = str.maketrans(
    _ASCII_CONTROLS
    | dict.fromkeys((*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F))
)


class Upload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file as the browser sends it; ``data`` is base64."""

    name: Annotated[str, Meta(max_length=300)] = ""
    type: Annotated[str, Meta(max_length=100)] = ""
    data: str = ""

    def __repr__(self) -> str:
        """Without its content."""
        return f"Upload({len(self.data)} characters)"


class Seam(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who went on, behind how many characters (code points) of the answer as it is shown."""

    upstream: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""
    model: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""
    at: Annotated[int, Meta(ge=0, le=10**9)] = 0

    @property
    def who(self) -> str:
        """For a person."""
        return name_of(self.upstream, self.model)


def name_of(upstream: str, model: str) -> str:
    """Who answers, for a person."""
    return f"{model} via {upstream}" if model and upstream else model or upstream or "another"


class Turn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    text: str = ""
    files: Annotated[tuple[Upload, ...], Meta(max_length=MOST_FILES)] = ()
    seams: Annotated[tuple[Seam, ...], Meta(max_length=MOST_SEAMS)] = ()
    """Who went on with it, where one did: kept for its reader, told to no model."""

    def __repr__(self) -> str:
        """Without its text."""
        return f"Turn({self.role}, {len(self.text)} characters, {len(self.files)} files)"


class Talk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A conversation whose last message wants an answer from ``model``."""

    model: Annotated[str, Meta(min_length=1, max_length=300)]
    turns: Annotated[tuple[Turn, ...], Meta(min_length=1, max_length=MOST_TURNS)]


class Piece(Struct, frozen=True):
    """One file ready to go out. ``kind``: ``text`` (then ``data`` is the text), ``image`` or ``pdf`` (then base64)."""

    kind: Literal["text", "image", "pdf"]
    name: str
    media_type: str
    data: str


class Trouble(Struct, frozen=True):
    """What went wrong, and what to do about it; one sentence or two each, without anything of the conversation."""

    says: str
    todo: str = ""
    retry_after_s: int | None = None


def tidy(text: str) -> str:
    """A text without control and bidirectional characters; lines and tabs stay."""
    return text.replace("\r\n", "\n").translate(_TIDY)


def piece_of(upload: Upload) -> Piece:
    """A file as a model can read it.

    :raises BadDataError: it cannot be sent; the message names it and says why.
    """
    name = clean(upload.name, 120) or "file"
    raw = _bytes_of(upload, name)
    if not raw:
        raise _refused(name, "it is empty")
    for media_type, begins in IMAGES.items():
        if raw.startswith(begins) and (media_type != "image/webp" or raw[8:12] == b"WEBP"):
            _bounded(name, raw, MAX_IMAGE_BYTES, "an image")
            return Piece("image", name, media_type, upload.data)
    if raw.startswith(_PDF_BEGINS):
        _bounded(name, raw, MAX_PDF_BYTES, "a PDF")
        return Piece("pdf", name, PDF, upload.data)
    if upload.type.startswith("image/") or upload.type == PDF:
        raise _refused(name, "it is not a PNG, JPEG, GIF or WebP image or a PDF, whatever its name says")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise _refused(name, "only texts (UTF-8), images (PNG, JPEG, GIF, WebP) and PDFs can be attached")
    _bounded(name, raw, MAX_TEXT_BYTES, "a text")
    return Piece("text", name, "text/plain", text)


def _bytes_of(upload: Upload, name: str) -> bytes:
    try:
        return base64.b64decode(upload.data, validate=True)
    except (binascii.Error, ValueError):
        raise _refused(name, "it did not arrive whole") from None


def _bounded(name: str, raw: bytes, most: int, what: str) -> None:
    if len(raw) > most:
        bound = f"{most // _MIB} MB" if most >= _MIB else f"{most // 1024} KB"
        raise _refused(name, f"it has {len(raw) / _MIB:.1f} MB, and {what} may have {bound}")


def _refused(name: str, why: str) -> BadDataError:
    msg = f"{name} cannot be sent: {why}."
    return BadDataError(msg)
