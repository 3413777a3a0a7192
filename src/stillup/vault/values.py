"""A conversation as the vault keeps it, wherever it comes from.

What is said stands in the parts of :mod:`stillup.gateway.dialects.neutral`, so that it can go on with any model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from stillup.gateway.dialects.neutral import Part, Role


class Attachment(Struct, frozen=True, kw_only=True):
    """A file that belongs to a message. ``data`` None: the export names it and does not have it.

    ``text`` is what a provider had read out of it, empty where nothing is known.
    """

    name: str
    media_type: str = ""
    data: bytes | None = None
    text: str = ""


class Turn(Struct, frozen=True, kw_only=True):
    """One message. ``id`` is its own in its origin, the same each time it is read; ``at_s`` is Unix seconds.

    ``parent`` names the message before it where an origin keeps branches; the newest branch comes last.
    """

    id: str
    role: Role
    parts: tuple[Part, ...] = ()
    at_s: float | None = None
    model: str = ""
    parent: str = ""
    attachments: tuple[Attachment, ...] = ()


class Conversation(Struct, frozen=True, kw_only=True):
    """``origin`` is an importer's name, ``id`` the conversation's own there: together they are its identity.

    ``service`` is a catalogue id (``claude``, ``chatgpt``, …), empty where it is not known; ``where`` is a project or
    folder it belongs to, for people.
    """

    origin: str
    id: str
    turns: tuple[Turn, ...]
    title: str = ""
    service: str = ""
    where: str = ""
    began_s: float | None = None
    changed_s: float | None = None


class Skipped(Struct, frozen=True, kw_only=True):
    """Something that could not be read, and was left out: where it stands, and why, as a sentence."""

    where: str
    why: str


class Read(Struct, frozen=True, kw_only=True):
    """One thing read. ``mark`` is where to go on behind it: opaque, short, and understood by the same importer only."""

    what: Conversation | Skipped
    mark: str
    done_bytes: int
    """Of the source, for a progress bar."""


class Importer(Protocol):
    """One kind of source. Bounded in memory whatever the source's size; never writes anywhere."""

    name: str

    def recognises(self, source: Path) -> bool:
        """Whether this is its kind of file or folder; a quick look."""
        ...

    def read(self, source: Path, mark: str = "") -> Iterator[Read]:
        """Everything in it from the mark on, in an order that is the same each time."""
        ...
