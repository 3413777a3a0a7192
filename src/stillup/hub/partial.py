"""What one of several replicas counts, and how it says so: per minute and leaf how many, of which networks.

What crosses the bus grows with the leaves that are active, and not with reports: a leaf's word is its whole count of
the minute with ten numbers of networks and a sketch, at most some 700 bytes, and is said again only when it has
changed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from math import ceil
from struct import Struct as Packed
from typing import NamedTuple

from stillup.errors import BadDataError
from stillup.hub.crowd import QUORUM, Leaf, Pile
from stillup.hub.sketch import MOST_BYTES, Networks
from stillup.hub.windows import WINDOW_S

UNSENT_S = 600
"""So long what could not be said is held; who reported it was not told that it is kept."""

MOST_LEAVES = 500
"""Of a service in a minute; what comes beyond counts for the service alone."""

_HEAD = Packed(">IB")


class Grounds(NamedTuple):
    """Whom a leaf's reports came from, under the key that was made at ``born_s`` (0: one that nobody else has)."""

    born_s: int
    wides: tuple[int, ...] = ()
    """The first ten wide networks."""
    alone: bytes = b""
    """A sketch of the near networks that said there what they may say alone."""

    def pack(self) -> bytes:
        """In bytes."""
        wides = self.wides[:QUORUM]
        return _HEAD.pack(self.born_s, len(wides)) + struct.pack(f">{len(wides)}Q", *wides) + self.alone

    def __repr__(self) -> str:
        return "Grounds(****)"


def grounds_of(data: bytes) -> Grounds:
    """What was packed; nothing of nothing.

    :raises BadDataError: it is no such thing.
    """
    if not data:
        return Grounds(0)
    try:
        born_s, n = _HEAD.unpack_from(data)
        wides = struct.unpack_from(f">{min(n, QUORUM)}Q", data, _HEAD.size)
        alone = data[_HEAD.size + 8 * n :]
    except struct.error as exc:
        msg = "what a count of reports rests on is cut short"
        raise BadDataError(msg) from exc
    if n > QUORUM or len(alone) > MOST_BYTES:
        msg = "what a count of reports rests on is longer than it can be"
        raise BadDataError(msg)
    return Grounds(born_s, wides, alone)


class Word(NamedTuple):
    """A replica's newest word on one leaf of one minute."""

    service: str
    leaf: Leaf
    n: int
    grounds: bytes


class _Tally(Pile):
    __slots__ = ("networks", "said")

    def __init__(self) -> None:
        super().__init__()
        self.networks: Networks | None = None
        self.said = 0
        """How many of it the log has."""


class Tallies:
    """The minutes of one replica. Times are the bus's, seconds since the epoch."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[tuple[str, Leaf], _Tally]] = {}
        self.lost = 0
        """Reports that could not be said within ten minutes."""

    def add(self, service: str, leaf: Leaf, wide: int, alone: int, now_s: float) -> None:
        """One report that counts; ``alone`` is its near network's number where that said what it may say alone."""
        minute = self._minutes.setdefault(ceil(now_s / WINDOW_S) * WINDOW_S, {})
        tally = minute.get((service, leaf))
        if tally is None:
            if len(minute) >= MOST_LEAVES and sum(name == service for name, _ in minute) >= MOST_LEAVES:
                leaf = Leaf(None, None, None)
            tally = minute.setdefault((service, leaf), _Tally())
        tally.add(wide)
        if alone:
            tally.networks = tally.networks or Networks()
            tally.networks.add(alone)

    def leave(self) -> None:
        """The numbers of networks are of another key from now on."""
        for minute in self._minutes.values():
            for tally in minute.values():
                tally.wides.clear()
                tally.networks = None

    def unsaid(self, born_s: int) -> dict[int, list[Word]]:
        """What has changed since it was said, by the end of its minute; nothing of one that has not."""
        found: dict[int, list[Word]] = {}
        for end_s, minute in self._minutes.items():
            words = [
                Word(service, leaf, tally.count, _grounds(tally, born_s))
                for (service, leaf), tally in minute.items()
                if tally.count > tally.said
            ]
            if words:
                found[end_s] = words
        return found

    def said(self, end_s: int, words: Iterable[Word]) -> None:
        """The log has these."""
        minute: Mapping[tuple[str, Leaf], _Tally] = self._minutes.get(end_s, {})
        for word in words:
            tally = minute.get((word.service, word.leaf))
            if tally is not None:
                tally.said = max(tally.said, word.n)

    def drop(self, now_s: float) -> None:
        """Let go of minutes that are over and said, and of what could not be said for too long."""
        for end_s in [end for end in self._minutes if end < now_s]:
            left = sum(tally.count - tally.said for tally in self._minutes[end_s].values())
            if not left or end_s < now_s - UNSENT_S:
                self.lost += left
                del self._minutes[end_s]


def _grounds(tally: _Tally, born_s: int) -> bytes:
    alone = b"" if tally.networks is None else tally.networks.pack()
    return Grounds(born_s, tuple(tally.wides), alone).pack()
