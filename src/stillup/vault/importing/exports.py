"""What the exports of conversations as JSON objects share: how they are walked, resumed, and what breaks in them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from stillup.gateway.dialects.lenient import NoJson
from stillup.vault.importing.bundle import Bundle, Folder, Member, Single, Unreadable
from stillup.vault.importing.fields import Fields, decoded, titled
from stillup.vault.importing.marks import Mark, mark_of
from stillup.vault.importing.opened import objects, opened, peeked
from stillup.vault.importing.scan import Item
from stillup.vault.importing.shaping import in_pieces
from stillup.vault.values import Conversation, Read, Skipped, Turn

_LOOKS = 4
"""So many files are looked into to see whose export it is."""
_QUOTE = b'"'


class Found:
    """One object of an export on its way into the vault. ``skipped`` are what of it could not be read.

    ``at`` is the byte of its member that it begins at.
    """

    __slots__ = ("at", "bundle", "fields", "member", "skipped", "title")

    def __init__(self, bundle: Bundle, member: Member, found: Fields, at: int = 0) -> None:
        self.bundle, self.member, self.fields, self.at = bundle, member, found, at
        self.skipped: list[Skipped] = []
        self.title = ""

    def skip(self, why: str, where: str = "") -> None:
        """Leave something out; ``where`` is within this object."""
        names = [self.member.name, f"“{self.title}”" if self.title else "", where]
        self.skipped.append(Skipped(where=" › ".join(filter(None, names)), why=why))


class JsonExport(ABC):
    """A kind of export; the importers say which files are its, and what an object in them means."""

    name: str
    files: str
    """Pattern of the names of files that hold the objects."""

    @abstractmethod
    def is_mine(self, bundle: Bundle, peek: bytes) -> bool:
        """Whether a bundle is of this kind; ``peek`` begins its first file of objects."""

    @abstractmethod
    def conversation(self, found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
        """What the object says; None where it says nothing, with a reason in ``found.skipped`` if it is a pity."""

    def recognises(self, source: Path) -> bool:
        """Whether it is this kind of export; a look at its table of contents and the beginning of one file."""
        try:
            with opened(source) as bundle:
                members = self.members(bundle)
                return any(self.is_mine(bundle, peeked(bundle, member)) for member in members[:_LOOKS])
        except (Unreadable, OSError):
            return False

    def members(self, bundle: Bundle) -> list[Member]:
        """The files that hold the objects; of a single file, itself, whatever it is called.

        Of a folder, those directly in it: there may be another export in each folder below.
        """
        if isinstance(bundle, Single):
            return bundle.members
        return [m for m in bundle.named(self.files) if "/" not in m.name or not isinstance(bundle, Folder)]

    def read(self, source: Path, mark: str = "") -> Iterator[Read]:
        """Everything from the mark on."""
        try:
            bundle = opened(source)
        except (Unreadable, OSError) as failed:
            yield Read(what=Skipped(where=source.name, why=_why(failed)), mark=mark, done_bytes=0)
            return
        with bundle:
            yield from self._read(bundle, source, mark_of(mark, bundle.seal))

    def _read(self, bundle: Bundle, source: Path, begin: Mark) -> Iterator[Read]:
        if bundle.broken and not begin.member and not begin.at:
            what = Skipped(where=source.name, why=bundle.broken)
            yield Read(what=what, mark=begin.written(bundle.seal), done_bytes=0)
        done = 0
        for n, member in enumerate(self.members(bundle)):
            if n >= begin.member:
                start = begin.at if n == begin.member else 0
                yield from self._member(bundle, member, Mark(member=n, at=start), done)
            done += member.packed_bytes

    def _member(self, bundle: Bundle, member: Member, begin: Mark, done: int) -> Iterator[Read]:
        """All objects of one file; the mark behind the last one stands at the next file."""
        mark = begin.written(bundle.seal)
        held: Item | None = None
        for item in objects(bundle, member, begin.at):
            if held is not None:
                after = Mark(member=begin.member, at=held.end).written(bundle.seal)
                yield from self._item(bundle, member, held, (mark, after), done)
                mark = after
            held = item
        if held is not None:
            after = Mark(member=begin.member + 1).written(bundle.seal)
            yield from self._item(bundle, member, held, (mark, after), done)

    def _item(self, bundle: Bundle, member: Member, item: Item, marks: tuple[str, str], done: int) -> Iterator[Read]:
        done += _share(member, item.end)
        before, after = marks
        if item.why:
            where = f"{member.name} › {_name_of(item)}" if item.end > item.start else member.name
            yield Read(what=Skipped(where=where, why=item.why), mark=after, done_bytes=done)
            return
        try:
            found = Found(bundle, member, decoded(item.raw), item.start)
        except NoJson as refused:
            where = f"{member.name} › {_name_of(item)}"
            yield Read(what=Skipped(where=where, why=str(refused)), mark=after, done_bytes=done)
            return
        del item
        said = self.conversation(found)
        if said is not None:
            whole, turns = said
            yield from in_pieces(whole, turns, before, after, done)
        for n, skipped in enumerate(found.skipped):
            is_last = n == len(found.skipped) - 1
            yield Read(what=skipped, mark=after if is_last else before, done_bytes=done)


def _share(member: Member, at: int) -> int:
    """How much of the packed bytes stands before a byte of the unpacked."""
    if not member.size_bytes:
        return 0
    return round(member.packed_bytes * min(at / member.size_bytes, 1.0))


def _name_of(item: Item) -> str:
    """What a lost object is known by: a title at its beginning, else where it stands."""
    named = re.search(rb'"(?:title|name)"\s*:\s*"((?:[^"\\]|\\.){1,200})"', item.head or item.raw[:4096])
    place = f"bytes {item.start:,} to {item.end:,}"
    if named is None:
        return place
    try:
        return f"“{titled(str(decoded(b''.join((_QUOTE, named[1], _QUOTE)))))}” ({place})"
    except NoJson:
        return place


def _why(failed: Exception) -> str:
    return str(failed) if isinstance(failed, Unreadable) else f"It cannot be read: {getattr(failed, 'strerror', '')}."
