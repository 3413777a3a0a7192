"""What is said now, in tables that every gateway and page watches: one key a service, the newest minute stands.

Two that judge the same log (one was paused, and does not know yet that it was replaced) write the same of a minute; an
older minute never replaces a newer one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from stillup.board import ServiceBoard
from stillup.bus.base import UNREADABLE
from stillup.errors import BadDataError
from stillup.model.evidence import Evidence
from stillup.model.signal import At
from stillup.model.verdict import Verdict

if TYPE_CHECKING:
    from stillup.bus.base import Table

VERDICTS = "verdicts"
"""The table of :class:`Word`. Words do not go by themselves: whoever reads one looks how old its minute is."""
BOARDS = "boards"
"""The table of :class:`Shown`."""

MOST_BYTES = 4 << 20
"""Of one value, once it is inflated."""
AHEAD = timedelta(minutes=10)
"""A minute so far to come is of a clock that was off, or of nobody of ours: it must not silence what follows."""
_TRIES = 8


class Word(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was judged of one service: renewed with every minute, changed or not."""

    at: At
    """The minute that was judged."""
    service: str
    seq: int
    """The number of the record in the partition's log that made it be judged."""
    fence: int
    """The number of the lease of whoever says so."""
    verdicts: tuple[Verdict, ...] = ()
    """Of the service and of each component that was spoken of."""
    evidence: tuple[Evidence, ...] = ()
    partition: str = ""
    trace: str = ""
    """Whose doing it was, as W3C ``traceparent``."""


class Shown(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One service as pages show it, as of a minute."""

    at: At
    board: ServiceBoard
    resumed: bool = False
    """Whoever judges knows what was known before."""


_T = TypeVar("_T", Word, Shown)
_word = msgspec.msgpack.Decoder(Word)
_shown = msgspec.msgpack.Decoder(Shown)


def pack(word: Word) -> bytes:
    """A value of the table of verdicts."""
    return _deflate(word)


def unpack(value: bytes) -> Word:
    """What it says.

    :raises BadDataError: it is none of ours, or of another version of stillup.
    """
    return _inflate(value, _word)


def pack_board(shown: Shown) -> bytes:
    """A value of the table of boards."""
    return _deflate(shown)


def unpack_board(value: bytes) -> Shown:
    """What it says.

    :raises BadDataError: it is none of ours, or of another version of stillup.
    """
    return _inflate(value, _shown)


def _deflate(value: Word | Shown) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(value), 1)


def _inflate(value: bytes, decoder: msgspec.msgpack.Decoder[_T]) -> _T:
    inflating = zlib.decompressobj()
    try:
        plain = inflating.decompress(value, MOST_BYTES)
        if not inflating.eof:
            msg = f"what a table says is cut short, or longer than {MOST_BYTES} bytes"
            raise BadDataError(msg)
        if not _is_finite(msgspec.msgpack.decode(plain)):
            msg = "what a table says has a number in it that is none"
            raise BadDataError(msg)
        return decoder.decode(plain)
    except (zlib.error, *UNREADABLE) as exc:
        msg = "what a table says cannot be read by this version of stillup"
        raise BadDataError(msg) from exc


def _is_finite(value: object) -> bool:
    """Whether a page could count with every number in it; so deep that the decoder gave up is no question here."""
    if isinstance(value, float):
        return isfinite(value)
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(_is_finite, inside))


def replaces(at: datetime, known: datetime) -> bool:
    """Whether a reader takes a word of ``at`` after one of ``known``: it is later, or that one was far to come.

    Writers let no earlier minute follow a later one (:class:`Publisher`), unless that one was far to come.
    """
    return at > known or known - at > AHEAD


class Publisher:
    """Writes values of one table, each under its key, unless what stands there is of a later minute that has been."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now
        self._revisions: dict[str, int] = {}

    async def put(self, key: str, at: datetime, value: bytes) -> bool:
        """Say it; False where a later minute stands there already.

        :raises stillup.errors.BusError: the bus cannot take it now.
        """
        for _ in range(_TRIES):
            known = self._revisions.get(key)
            if known is None:
                entry = await self._table.get(key)
                if entry is not None and entry.value is not None and _later(entry.value, at, self._now() + AHEAD):
                    return False
                known = entry.revision if entry is not None else 0
            revision = await self._table.put(key, value, revision=known)
            if revision is not None:
                self._revisions[key] = revision
                return True
            self._revisions.pop(key, None)
        return False

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """The table is looked at anew: somebody else may have written to it."""
        for key in [*self._revisions] if keys is None else keys:
            self._revisions.pop(key, None)


class _At(Struct, frozen=True):
    at: At


def _later(value: bytes, at: datetime, most: datetime) -> bool:
    """Whether a value is of a later minute; one that nobody can read, or that cannot have been yet, is replaced."""
    try:
        plain = zlib.decompressobj().decompress(value, MOST_BYTES)
        stands = msgspec.msgpack.decode(plain, type=_At)
    except (zlib.error, *UNREADABLE):
        return False
    return at < stands.at <= most
