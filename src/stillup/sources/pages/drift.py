"""A page that changed its software under us: noticed, read all the same, and said.

When a page's answer is no longer in its platform's format, or its address is gone, the platform is looked for anew,
once an hour at most for each page. A page that is only broken stays *no data*: then nothing else is recognised either.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from stillup.errors import Malformed, Refused, SourceError
from stillup.net import Net, host_of
from stillup.sources.base import Context, Reading
from stillup.sources.pages.reading import reading_of

if TYPE_CHECKING:
    from stillup.sources.pages.source import PageSource

LOOK_AGAIN = timedelta(hours=1)
_GONE = frozenset((404, 405, 410))
"""Statuses that say: not here. Others say: not now, or not you."""
_MOST_PAGES = 1000


class _Foreign(Malformed):
    """A page of known software that has nothing of the service."""


class _Moved(Struct, frozen=True):
    """Which platform a page was found on, and when it was looked for; None: on no other that is known."""

    looked_at: datetime
    source: PageSource | None = None
    base: str = ""


_Key = tuple[str, str]
"""A platform of the catalogue, and the address that the page has there."""


class _Moves(dict[_Key, _Moved]):
    """What was found of the pages that were looked for: shared by all readings while the net is open."""

    def __init__(self, _net: Net) -> None:
        super().__init__()


async def read_wherever(source: PageSource, ctx: Context, net: Net) -> Reading:
    """The page read by its own platform, else by the one that makes it now.

    :raises SourceError: it cannot be read; the first platform's reason where no other is found.
    """
    key, moves = (source.id, source.base(ctx)), net.shared(_Moves)
    known = moves.get(key)
    if known is not None and known.source is not None:
        try:
            return await _read_as(known.source, known.base, source, ctx, net)
        except (Malformed, Refused):
            del moves[key]  # it moved again, or back
    try:
        return await source.read_here(ctx, net)
    except (Malformed, Refused) as exc:
        if not _has_left(exc) or _looked_lately(moves.get(key), ctx.now):
            raise
        why = exc
    try:
        return await _look(source, key, ctx, net, moves)
    except _Foreign:
        raise
    except SourceError:
        raise why from None


def _has_left(exc: SourceError) -> bool:
    return exc.status in _GONE if isinstance(exc, Refused) else True


def _looked_lately(known: _Moved | None, now: datetime) -> bool:
    return known is not None and abs(now - known.looked_at) < LOOK_AGAIN


async def _look(source: PageSource, key: _Key, ctx: Context, net: Net, moves: _Moves) -> Reading:
    from stillup.sources.pages.recognise import recognise

    while len(moves) >= _MOST_PAGES:
        del moves[next(iter(moves))]
    moves[key] = _Moved(ctx.now)
    found = await recognise(key[1], net, ctx.now, leave_out=source.id)
    try:
        reading = _note(reading_of(source.id, found.page, ctx), source, found.source, key[1])
    except Malformed as exc:  # which of both is true is for a person to see
        msg = f"{_made_by(key[1], found.source, source)}, and {exc}"
        raise _Foreign(msg) from exc
    moves[key] = _Moved(ctx.now, found.source, found.base)
    return reading


async def _read_as(other: PageSource, base: str, source: PageSource, ctx: Context, net: Net) -> Reading:
    """Under the old source's name: whoever heard of an incident from it hears of its end from it."""
    page = await other.page_at(base, net, ctx.now)
    return _note(reading_of(source.id, page, ctx), source, other, base)


def _note(reading: Reading, source: PageSource, other: PageSource, base: str) -> Reading:
    note = f"{_made_by(base, other, source)}; read so all the same"
    return replace(reading, notes=(note, *reading.notes))


def _made_by(base: str, other: PageSource, source: PageSource) -> str:
    return f"{host_of(base)} is made by {other.id} now, no longer by {source.id}"
