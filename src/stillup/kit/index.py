"""What is known of every file of the kit, kept in one file so that ten thousand need not be read again.

Each look compares names, sizes and times with the folder's, and reads only what has changed. The index holds what the
files hold, so it is private too; one that is damaged, or of another version, is made anew. The texts, nine tenths of
it, are unpacked only for a search that finds too little without them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import msgspec
from msgspec import Struct

from stillup.kit.entry import Entry, Kind
from stillup.kit.folder import Found, Skipped, files_in, read_file
from stillup.model.service import Capability
from stillup.private import private_folder, replace_file

_VERSION = 2
_MAX_BYTES = 1 << 28
_SEARCHED = 8_192
"""Characters of a text that are searched."""


class Row(Struct, frozen=True, array_like=True, gc=False):
    """One file: what is shown of it, ``head`` (between spaces, in small letters) is searched."""

    name: str
    is_own: bool
    size: int
    changed_ns: int
    title: str
    kind: Kind
    about: str
    tasks: tuple[Capability, ...]
    tags: tuple[str, ...]
    variables: tuple[str, ...]
    trouble: str
    head: str


class _Kept(Struct, array_like=True):
    version: int
    roots: tuple[str, str]
    rows: list[Row]
    words: dict[str, bytes]
    texts: msgspec.Raw
    """A list of texts, one for each row."""


class Index:
    """The kit as it is now, by name. ``words`` are those of all heads; ``skipped`` could not be used, with why."""

    def __init__(self, kept: _Kept, skipped: list[Skipped]) -> None:
        self.rows = kept.rows
        self.words = kept.words
        self.skipped = skipped
        self._texts = kept.texts

    @cached_property
    def texts(self) -> list[str]:
        """The beginning of each row's text, in small letters."""
        return _texts(self._texts)

    def places(self, word: str) -> Sequence[int]:
        """Where a word of a head stands: numbers of rows."""
        return memoryview(self.words[word]).cast("I")


def look(starter: Path, own: Path, cache: Path | None) -> Index:
    """Everything in both folders, by name; one's own stands for a starter of the same name.

    ``cache`` None, or one that cannot be written: every file is read.
    """
    roots = (str(starter), str(own))
    kept = _load(cache, roots) if cache else _nothing(roots)
    before = {(row.name, row.is_own): (n, row) for n, row in enumerate(kept.rows)}
    rows: list[tuple[Row, int | str]] = []
    skipped: list[Skipped] = []
    is_new = False
    for found in _all(starter, own, skipped):
        place, row = before.get((found.name, found.is_own), (0, None))
        if row is not None and (row.size, row.changed_ns) == (found.size, found.changed_ns):
            rows.append((row, place))
            continue
        is_new = True
        entry = read_file(found.name, found.path)
        if isinstance(entry, Skipped):
            skipped.append(entry)
        else:
            rows.append((row_of(entry, found), entry.text[:_SEARCHED].lower()))
    if is_new or len(rows) != len(before):
        kept = _made(roots, rows, kept)
        if cache:
            _save(cache, kept)
    return Index(kept, skipped)


def _made(roots: tuple[str, str], rows: list[tuple[Row, int | str]], before: _Kept) -> _Kept:
    """An index of rows, each with its text or the place of it in the index before."""
    rows.sort(key=lambda row: row[0].name)
    old = _texts(before.texts)
    texts = [old[text] if isinstance(text, int) else text for _, text in rows]
    bare = [row for row, _ in rows]
    return _Kept(_VERSION, roots, bare, _places(bare), msgspec.Raw(msgspec.msgpack.encode(texts)))


def _texts(raw: msgspec.Raw) -> list[str]:
    return msgspec.msgpack.decode(raw, type=list[str])


def _nothing(roots: tuple[str, str]) -> _Kept:
    return _Kept(_VERSION, roots, [], {}, msgspec.Raw(msgspec.msgpack.encode([])))


def _places(rows: Sequence[Row]) -> dict[str, bytes]:
    places: dict[str, array[int]] = {}
    for number, row in enumerate(rows):
        for word in set(row.head.split()):
            places.setdefault(word, array("I")).append(number)
    return {word: numbers.tobytes() for word, numbers in places.items()}


def _all(starter: Path, own: Path, skipped: list[Skipped]) -> Iterator[Found]:
    mine = set()
    for found in files_in(own, is_own=True):
        if isinstance(found, Skipped):
            skipped.append(found)
        else:
            mine.add(found.name)
            yield found
    for found in files_in(starter, is_own=False):
        if isinstance(found, Found) and found.name not in mine:
            yield found


def row_of(entry: Entry, found: Found) -> Row:
    """What the index keeps of an entry."""
    head = " ".join(("", entry.title, entry.name.replace("/", " "), entry.about, *entry.tags, *entry.tasks, "")).lower()
    return Row(
        entry.name, found.is_own, found.size, found.changed_ns, entry.title, entry.kind, entry.about, entry.tasks,
        entry.tags, tuple(v.name for v in entry.variables), entry.trouble, head,
    )  # fmt: skip


def _load(cache: Path, roots: tuple[str, str]) -> _Kept:
    try:
        if cache.stat().st_size > _MAX_BYTES:
            return _nothing(roots)
        kept = msgspec.msgpack.decode(cache.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return _nothing(roots)
    return kept if (kept.version, kept.roots) == (_VERSION, roots) else _nothing(roots)


def _save(cache: Path, kept: _Kept) -> None:
    with suppress(OSError):  # it only saves time
        private_folder(cache.parent)
        replace_file(cache, msgspec.msgpack.encode(kept))
