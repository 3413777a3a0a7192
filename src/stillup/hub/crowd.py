"""What of a minute counts: what a crowd bears it out, or what is usual anyway.

Two bounds that no network can get round by saying more:

- **More than usual takes ten networks**: until ten wide networks (/16, /32) have been heard within half an hour, no
  more counts than is usual of this service, and two on top. The whole minute in which the tenth is heard counts.
- **So does a part**: a component, a region or a problem of which nobody spoke before would be news at three reports.
  A value that no ten networks name is dropped where it is more than usual of that value; the report counts without it.

Decided once a minute from what gathered in it, in whatever order it came: so it is the same whether one process heard
all of it or ten heard a part each (:mod:`stillup.hub.adding`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from math import exp
from typing import NamedTuple

from msgspec import Struct

from stillup.hub.values import CrowdReport
from stillup.model.service import Problem

CROWD_S = 1_800.0
QUORUM = 10
"""Wide networks without which a crowd is none."""

_MOST_CROWDS = 16_384
_MEMORY_MIN, _PRIOR_MIN = 2_880.0, 10.0
_LEAST_A_MIN = 1.0 / 720.0
_USUAL_SLACK, _ON_TOP = 1.5, 2.0
_BURST_MIN = 10.0
_MOST_TEACHES, _TEACHES_AT_LEAST = 4.0, 2.0


class Leaf(NamedTuple):
    """What a report speaks of."""

    component: str | None
    region: str | None
    problem: Problem | None


def leaf_of(report: CrowdReport) -> Leaf:
    """What a report speaks of."""
    return Leaf(report.component, report.region, report.problem)


class Pile:
    """The reports of one leaf in a minute: how many, and the first ten wide networks they came from.

    Ten are enough to tell whether there were ten; and where there were fewer all are here.
    """

    __slots__ = ("count", "wides")

    def __init__(self, count: int = 0, wides: Iterable[int] = ()) -> None:
        self.count = count
        self.wides = dict.fromkeys(wides)

    def add(self, wide: int) -> None:
        """One more."""
        self.count += 1
        if len(self.wides) < QUORUM:
            self.wides[wide] = None

    def join(self, other: Pile) -> None:
        """All of another one too."""
        self.count += other.count
        for wide in other.wides:
            if len(self.wides) >= QUORUM:
                break
            self.wides[wide] = None

    def __repr__(self) -> str:
        return f"Pile({self.count})"


class Of(StrEnum):
    """What a crowd speaks of: the service, or a value of one kind."""

    ALL = "all"
    COMPONENT = "component"
    REGION = "region"
    PROBLEM = "problem"


class Said(NamedTuple):
    """A crowd's subject; ``value`` is empty of the service as a whole."""

    service: str
    of: Of
    value: str


class _Crowd(Struct):
    """What is known of those who report one service, or one value of it; times are seconds since the epoch.

    ``x`` reports in ``minutes``, older ones less: a mean over two days in which no minute teaches much more than it
    was. ``owed`` of the reports that no crowd bore out are more than is usual by ``owed_s``.
    """

    seen_s: float
    x: float = 0.0
    minutes: float = 0.0
    owed: float = 0.0
    owed_s: float = 0.0
    heard: list[tuple[int, float]] = []
    """The ten wide networks heard last, oldest first."""

    @property
    def a_minute(self) -> float:
        return self.x / (self.minutes + _PRIOR_MIN)

    def hear(self, wides: Iterable[int], end_s: float) -> None:
        heard = OrderedDict(self.heard)
        for wide in wides:
            heard[wide] = end_s
            heard.move_to_end(wide)
        self.heard = list(heard.items())[-QUORUM:]

    def is_broad(self, now_s: float) -> bool:
        """Whether ten wide networks were heard in the last half hour."""
        return len(self.heard) == QUORUM and now_s - self.heard[0][1] <= CROWD_S

    def usual_of(self, n: int, now_s: float) -> int:
        """How many of ``n`` reports that no crowd bears out are no more than usual; they are taken."""
        usual = self.a_minute
        a_second = max(_USUAL_SLACK * usual, _LEAST_A_MIN) / 60.0
        # In reports, not in seconds: what was owed before anything was known must not outlast the learning.
        owed = max(0.0, self.owed - max(0.0, now_s - self.owed_s) * a_second)
        taken = min(n, max(0, int(_ON_TOP + _BURST_MIN * usual - owed)))
        self.owed, self.owed_s = owed + taken, max(now_s, self.owed_s)
        return taken

    def learn(self, n: int, end_s: float) -> None:
        """A minute with so many has ended, and all since the last one that was told had none.

        Fewer than ten wide networks in a day do not make usual what they say.
        """
        minutes = max(0.0, (end_s - self.seen_s) / 60.0)
        fade = exp(-minutes / _MEMORY_MIN)
        most = _MOST_TEACHES * self.a_minute + _TEACHES_AT_LEAST
        self.x = self.x * fade + (min(n, most) if len(self.heard) == QUORUM else 0.0)
        self.minutes = self.minutes * fade + minutes
        self.seen_s = end_s


Kept = list[tuple[Said, _Crowd]]


class Crowds:
    """Decides what of a minute counts. Services are those of the catalogue, so they are few.

    Until a value is first named nothing of it is usual: from ``began_s`` on, when it was begun to listen.
    """

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self._crowds: dict[Said, _Crowd] = {}

    def settle(self, service: str, gathered: Mapping[Leaf, Pile], end_s: float) -> Counter[Leaf]:
        """What of a minute counts in the end; what is usual is learned from all of it."""
        of_value: dict[Said, Pile] = {}
        for leaf, pile in gathered.items():
            for said in parts_of(service, leaf):
                of_value.setdefault(said, Pile()).join(pile)
        left: dict[Said, int] = {}
        for said, pile in sorted(of_value.items()):
            crowd = self._crowd(said)
            crowd.hear(sorted(pile.wides), end_s)
            left[said] = pile.count if crowd.is_broad(end_s) else crowd.usual_of(pile.count, end_s)
            crowd.learn(pile.count, end_s)
        counted: Counter[Leaf] = Counter()
        for leaf, pile in sorted(gathered.items(), key=lambda item: tuple(map(str, item[0]))):
            counted.update(_shared_out(service, leaf, pile.count, left))
        return counted

    def leave(self) -> None:
        """The day's numbers say nothing any more."""
        for crowd in self._crowds.values():
            crowd.heard = []

    def keep(self) -> Kept:
        """All that is known, to go on with later."""
        return list(self._crowds.items())

    def recall(self, kept: Kept) -> None:
        """Go on with what was known."""
        self._crowds = dict(kept)

    def _crowd(self, said: Said) -> _Crowd:
        crowd = self._crowds.get(said)
        if crowd is None:
            crowd = self._crowds[said] = _Crowd(self.began_s)
            if len(self._crowds) > _MOST_CROWDS:
                del self._crowds[next(s for s in self._crowds if s.of is not Of.ALL)]
        return crowd

    def __repr__(self) -> str:
        return f"Crowds({len(self._crowds)})"


def parts_of(service: str, leaf: Leaf) -> Iterator[Said]:
    """The whole, and every value that a report names."""
    yield Said(service, Of.ALL, "")
    for of, value in ((Of.COMPONENT, leaf.component), (Of.REGION, leaf.region), (Of.PROBLEM, leaf.problem)):
        if value is not None:
            yield Said(service, of, str(value))


def _shared_out(service: str, leaf: Leaf, n: int, left: dict[Said, int]) -> Counter[Leaf]:
    """What of ``n`` reports of a leaf counts, and as what, by what is left of each of its values."""
    kept: dict[Of, int] = {}
    for said in parts_of(service, leaf):
        kept[said.of] = min(n, left[said])
        left[said] -= kept[said.of]
        n = kept[Of.ALL]
    counted: Counter[Leaf] = Counter()
    done = 0
    for upto in sorted({*kept.values()}):
        shown = Leaf(
            leaf.component if kept.get(Of.COMPONENT, 0) >= upto else None,
            leaf.region if kept.get(Of.REGION, 0) >= upto else None,
            leaf.problem if kept.get(Of.PROBLEM, 0) >= upto else None,
        )
        if upto > done:
            counted[shown] += upto - done
        done = upto
    return counted
