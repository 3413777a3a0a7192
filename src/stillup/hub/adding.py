"""What several replicas have counted, added up into what one would have counted.

A minute is told once, at the first tick at or behind its end, by what stands in the log then; what comes later of it
is added to the next, so that nothing is lost and nothing comes twice. A network that two replicas heard at the same
moment, before one told the other, counts once: its numbers are the same, and so are those in the sketches. It is a
function of the words and ticks in their order, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from msgspec import Struct

from stillup.errors import BadDataError
from stillup.hub.crowd import Kept, Leaf, Pile
from stillup.hub.keyed import DAY_S
from stillup.hub.partial import UNSENT_S, Grounds, grounds_of
from stillup.hub.sketch import heard_twice
from stillup.hub.values import Minute
from stillup.hub.windows import WINDOW_S, Gathered, Windows, pile_of
from stillup.model.service import Problem
from stillup.model.signal import Signal

KEPT_S = UNSENT_S + 300
"""So long after its end a replica may still say more of a minute."""
AHEAD = timedelta(minutes=2)
MOST_REPLICAS = 64


class PartLike(Protocol):
    """How many reports of one leaf."""

    @property
    def service(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def component(self) -> str | None: ...
    @property
    def region(self) -> str | None: ...
    @property
    def problem(self) -> Problem | None: ...
    @property
    def sketch(self) -> bytes:
        """Grounds, packed."""
        ...


class PartialLike(Protocol):
    """A replica's word on a minute: the leaves that have changed since its last one; none is a sign of life."""

    @property
    def replica(self) -> str:
        """Of one run of one process: another run counts from nothing."""
        ...

    @property
    def end(self) -> datetime: ...
    @property
    def parts(self) -> Sequence[PartLike]: ...


class _Whose(NamedTuple):
    replica: str
    service: str
    leaf: Leaf


class _Count(NamedTuple):
    n: int
    grounds: bytes
    grounded: int
    """Of how many reports those grounds are."""


class AddingState(Struct, frozen=True, kw_only=True):
    """All that is known, for a checkpoint."""

    began_s: float | None
    born_s: int
    over_s: int
    known: list[str]
    crowds: Kept
    open: list[tuple[int, list[tuple[_Whose, _Count]]]]
    alive: list[tuple[int, list[str]]]
    told: list[tuple[int, list[tuple[_Whose, int]]]]
    late: list[tuple[str, Leaf, int, list[int]]]


class Adding:
    """Adds up the words on some services. Times are the log's."""

    def __init__(self, services: Collection[str]) -> None:
        self._services = tuple(sorted(services))
        self._began_s: float | None = None
        self._windows = Windows(self._services, 0.0)
        self._born_s = 0
        self._open: dict[int, dict[_Whose, _Count]] = {}
        self._alive: dict[int, set[str]] = {}
        self._told: dict[int, dict[_Whose, int]] = {}
        self._late: Gathered = {}
        self.refused = 0
        """Words on a minute that is long over or has not come, of one replica too many, or damaged."""

    def hear(self, said: PartialLike, judged: datetime | None, at: datetime) -> None:
        """Take a replica's word; ``at`` is when the bus took it, ``judged`` the newest tick."""
        end_s = int(said.end.timestamp())
        over_s = max(self._windows.over_s, 0 if judged is None else int(judged.timestamp()))
        if end_s % WINDOW_S or end_s <= over_s - KEPT_S or said.end > at + AHEAD:
            self.refused += 1
            return
        self._begin(end_s - WINDOW_S)
        replicas = self._alive.setdefault(end_s, set())
        if said.replica not in replicas and len(replicas) >= MOST_REPLICAS:
            self.refused += 1
            return
        replicas.add(said.replica)
        for part in said.parts:
            if part.service in self._services:
                whose = _Whose(said.replica, part.service, Leaf(part.component, part.region, part.problem))
                self._take(
                    end_s,
                    whose,
                    _Count(part.count, part.sketch, part.count if part.sketch else 0),
                    is_late=end_s <= over_s,
                )

    def _take(self, end_s: int, whose: _Whose, word: _Count, *, is_late: bool) -> None:
        try:
            grounds = grounds_of(word.grounds)
        except BadDataError:
            self.refused += 1
            return
        if self._born_s < grounds.born_s <= end_s + DAY_S / 24:  # a key of the future would outlive all others
            self._born_s = grounds.born_s
            self._windows.leave()
            self._unname(self._late)
        if not is_late:
            before = self._open.setdefault(end_s, {}).get(whose)
            self._open[end_s][whose] = word if before is None else _newest(before, word)
            return
        told = self._told.setdefault(end_s, {})
        more = word.n - told.get(whose, 0)
        if more > 0:
            told[whose] = word.n
            pile_of(self._late, whose.service, whose.leaf).join(Pile(more, self._wides(grounds)))

    def due(self, tick: datetime) -> list[Signal]:
        """What is new of the minutes up to ``tick``, as signals of the source ``hub``."""
        tick_s = int(tick.timestamp())
        self._begin(tick_s - WINDOW_S)
        over_s, told = self._windows.over_s, []
        # Many minutes may be told at once, when whoever judges has just come: each as if it were the only one.
        for end_s in sorted({end for end in (*self._open, *self._alive) if over_s < end < tick_s} | {tick_s}):
            words = self._open.pop(end_s, {})
            self._windows.put(end_s, self._added(words))
            self._told.setdefault(end_s, {}).update({whose: word.n for whose, word in words.items()})
            if end_s == tick_s:
                self._windows.put(end_s, self._late)
                self._late = {}
            told += self._windows.due(float(end_s), is_alive=end_s in self._alive)
        for kept in (self._told, self._alive):
            for end_s in [end for end in kept if end <= tick_s - KEPT_S]:
                del kept[end_s]
        return told

    def minutes(self, service: str, tick: datetime) -> tuple[datetime, tuple[Minute, ...]]:
        """What other hubs are told, as of a tick that was told."""
        return self._windows.minutes(service, tick.timestamp())

    def _added(self, words: dict[_Whose, _Count]) -> Gathered:
        gathered: Gathered = {}
        alone: dict[tuple[str, Leaf], list[bytes]] = {}
        for whose in sorted(words, key=str):
            grounds = grounds_of(words[whose].grounds)
            pile_of(gathered, whose.service, whose.leaf).join(Pile(words[whose].n, self._wides(grounds)))
            if grounds.alone and grounds.born_s == self._born_s:
                alone.setdefault((whose.service, whose.leaf), []).append(grounds.alone)
        for (service, leaf), sketches in alone.items():
            pile = pile_of(gathered, service, leaf)
            pile.count = max(1, pile.count - self._doubled(sketches))
        return gathered

    def _doubled(self, sketches: list[bytes]) -> int:
        try:
            return heard_twice(sketches)
        except BadDataError:
            self.refused += 1
            return 0

    def _wides(self, grounds: Grounds) -> Iterable[int]:
        """Numbers under another key than the newest say nothing beside its own."""
        return grounds.wides if grounds.born_s and grounds.born_s == self._born_s else ()

    def _begin(self, began_s: float) -> None:
        if self._began_s is None:
            self._began_s = self._windows.crowds.began_s = began_s

    @staticmethod
    def _unname(gathered: Gathered) -> None:
        for piles in gathered.values():
            for pile in piles.values():
                pile.wides.clear()

    # -- what a checkpoint keeps --------------------------------------------------------------------------------------

    def state(self) -> AddingState:
        """All of it, but for what other hubs are told."""
        return AddingState(
            began_s=self._began_s,
            born_s=self._born_s,
            over_s=self._windows.over_s,
            known=list(self._windows.known),
            crowds=self._windows.crowds.keep(),
            open=[(end, list(words.items())) for end, words in sorted(self._open.items())],
            alive=[(end, sorted(replicas)) for end, replicas in sorted(self._alive.items())],
            told=[(end, list(counts.items())) for end, counts in sorted(self._told.items())],
            late=[
                (service, leaf, pile.count, list(pile.wides))
                for service, piles in self._late.items()
                for leaf, pile in piles.items()
            ],
        )

    def go_on(self, state: AddingState) -> None:
        """Take over what was kept."""
        self._windows = Windows(self._services, state.began_s or 0.0)
        self._windows.crowds.recall(state.crowds)
        self._windows.go_on(state.over_s, (s for s in state.known if s in self._services))
        self._began_s, self._born_s = state.began_s, state.born_s
        self._open = {end: dict(words) for end, words in state.open}
        self._alive = {end: set(replicas) for end, replicas in state.alive}
        self._told = {end: dict(counts) for end, counts in state.told}
        self._late = {}
        for service, leaf, count, wides in state.late:
            pile_of(self._late, service, leaf).join(Pile(count, wides))


def _newest(one: _Count, other: _Count) -> _Count:
    """What is known by both words, in whatever order they came."""
    of = max(one, other, key=lambda word: (word.grounded, word.grounds))
    return _Count(max(one.n, other.n), of.grounds, of.grounded)
