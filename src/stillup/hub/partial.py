"""What one of several replicas counts, and how it says so: per minute and leaf how many, of which networks.

What crosses the bus grows with the leaves that are active, and not with reports: a leaf's word is its whole count of
the minute, some 60 bytes, and is said again only when it has changed. What it rests on (ten numbers of networks and a
sketch, at most some 650 bytes more) is said with the first ten networks, each five seconds, and when the minute is
over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from math import ceil
from struct import Struct as Packed
from typing import NamedTuple

from stillup.errors import BadDataError
from stillup.hub.crowd import QUORUM, Leaf, Pile
from stillup.hub.sketch import MOST_BYTES, Networks
from stillup.hub.windows import WINDOW_S

UNSENT_S = 600
"""So long what could not be said is held; who reported it was not told that it is kept."""

GROUNDS_S = 5.0
"""So often what a count rests on is said anew while its minute goes on."""

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
    """A replica's newest word on one leaf of one minute; without grounds they are as it said before."""

    service: str
    leaf: Leaf
    n: int
    grounds: bytes


class _Tally(Pile):
    __slots__ = ("ground_s", "grounded", "networks", "said", "wides_said")

    def __init__(self) -> None:
        super().__init__()
        self.networks: Networks | None = None
        self.said = 0
        """How many of it the log has."""
        self.grounded = self.wides_said = 0
        """Up to how many the log has the grounds, and with how many wide networks."""
        self.ground_s = float("-inf")

    def is_wanting(self, now_s: float, *, is_over: bool) -> bool:
        """Whether its grounds are to be said too."""
        if self.grounded >= self.count:
            return False
        return is_over or len(self.wides) > self.wides_said or now_s - self.ground_s >= GROUNDS_S


class Tallies:
    """The minutes of one replica. Times are the bus's, seconds since the epoch."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[str, dict[Leaf, _Tally]]] = {}
        self.lost = 0
        """Reports that could not be said within ten minutes."""

    def add(self, service: str, leaf: Leaf, wide: int, alone: int, now_s: float) -> None:
        """One report that counts; ``alone`` is its near network's number where that said what it may say alone."""
        tallies = self._minutes.setdefault(ceil(now_s / WINDOW_S) * WINDOW_S, {}).setdefault(service, {})
        tally = tallies.get(leaf)
        if tally is None:
            if len(tallies) >= MOST_LEAVES:
                leaf = Leaf(None, None, None)
            tally = tallies.setdefault(leaf, _Tally())
        tally.add(wide)
        if alone:
            tally.networks = tally.networks or Networks()
            tally.networks.add(alone)

    def leave(self) -> None:
        """The numbers of networks are of another key from now on."""
        for end_s in self._minutes:
            for _, _, tally in self._of(end_s):
                tally.wides.clear()
                tally.networks = None
                tally.grounded = tally.wides_said = 0

    def unsaid(self, born_s: int, now_s: float) -> dict[int, list[Word]]:
        """What has changed since it was said, by the end of its minute; nothing of one that has not."""
        found: dict[int, list[Word]] = {}
        for end_s in self._minutes:
            words = []
            for service, leaf, tally in self._of(end_s):
                is_over = end_s <= now_s
                is_wanting = tally.is_wanting(now_s, is_over=is_over)
                if tally.count > tally.said or (is_over and is_wanting):
                    words.append(Word(service, leaf, tally.count, _grounds(tally, born_s) if is_wanting else b""))
            if words:
                found[end_s] = words
        return found

    def said(self, end_s: int, words: Iterable[Word], now_s: float) -> None:
        """The log has these."""
        minute = self._minutes.get(end_s, {})
        for word in words:
            tally = minute.get(word.service, {}).get(word.leaf)
            if tally is not None:
                tally.said = max(tally.said, word.n)
                if word.grounds:
                    tally.grounded, tally.ground_s = word.n, now_s
                    tally.wides_said = len(grounds_of(word.grounds).wides)

    def drop(self, now_s: float) -> None:
        """Let go of minutes that are over and said, and of what could not be said for too long."""
        for end_s in [end for end in self._minutes if end < now_s]:
            left = sum(tally.count - tally.said for _, _, tally in self._of(end_s))
            is_grounded = all(tally.grounded >= tally.count for _, _, tally in self._of(end_s))
            if (not left and is_grounded) or end_s < now_s - UNSENT_S:
                self.lost += left
                del self._minutes[end_s]

    def _of(self, end_s: int) -> Iterator[tuple[str, Leaf, _Tally]]:
        for service, tallies in self._minutes[end_s].items():
            for leaf, tally in tallies.items():
                yield service, leaf, tally


def _grounds(tally: _Tally, born_s: int) -> bytes:
    alone = b"" if tally.networks is None else tally.networks.pack()
    return Grounds(born_s, tuple(tally.wides), alone).pack()
