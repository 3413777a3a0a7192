"""Do intervals of 90 % hold the truth in 90 % of simulated worlds? With what two simpler ways would say.

Worlds are not drawn from what the method believes: other rates, three tails, bursts, fixed shares of common causes.
``log miss`` is the Winkler score of the interval of ln(hours + 1 minute), lower is better: its width, and twenty times
by how much it misses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from math import log
from random import Random
from statistics import fmean
from typing import NamedTuple

from worlds import TAILS, World, world

from stillup.risk.downtimes import Figures
from stillup.risk.kin import Kin
from stillup.risk.posterior import hours_of
from stillup.risk.stretches import all_down, seen
from stillup.risk.values import HOURS_A_YEAR, Hours, Subject, Watched

SHARED = {Kin.NONE: (0.0, 0.0, 0.05), Kin.SHARED: (0.0, 0.05, 0.2), Kin.SAME: (0.3, 0.5, 0.8)}
DAYS = (30, 90, 365, 1095)
MINUTE = 1 / 60


class Case(NamedTuple):
    """One world, watched for so long."""

    days: int
    tail: str
    kin: Kin
    shared: float
    hours: str


class Tried(NamedTuple):
    """What was said of one truth."""

    case: Case
    what: str
    way: str
    truth: float
    said: Hours
    none_seen: bool

    @property
    def held(self) -> bool:
        return self.said.low <= self.truth <= self.said.high

    @property
    def score(self) -> float:
        low, high, truth = (log(max(x, 0.0) + MINUTE) for x in (self.said.low, self.said.high, self.truth))
        return high - low + 20 * (max(low - truth, 0) + max(truth - high, 0))


def tries(worlds: int, seed: int, cases: Callable[[], Iterator[Case]] | None = None) -> Iterator[Tried]:
    """All of them, for so many worlds a case."""
    for case in (cases or all_cases)():
        for number in range(worlds):
            random = Random(f"{seed}|{case}|{number}")
            made = world(random, case.tail, case.shared)
            yield from judged(case, made, made.watch(case.days, random, case.hours))


def all_cases() -> Iterator[Case]:
    for days in DAYS:
        for tail in TAILS:
            for kin, shares in SHARED.items():
                for shared in shares:
                    yield Case(days, tail, kin, shared, "always")
    for hours in ("office", "asleep"):
        for tail in TAILS:
            yield Case(365, tail, Kin.SHARED, 0.05, hours)


def judged(case: Case, made: World, records: list[Watched]) -> Iterator[Tried]:
    subjects = [Subject("sim-" + "abc"[i]) for i in range(len(records))]
    figures = Figures(dict(zip(subjects, records, strict=True)), related=lambda *_: case.kin)
    for i, (subject, record) in enumerate(zip(subjects, records, strict=True)):
        none = not record.down
        yield Tried(case, "alone", "stillup", made.hours(i), figures.alone(subject).hours, none)
        yield Tried(case, "alone", "plug-in", made.hours(i), plug_in(record), none)
    for which in ((0, 1), (0, 1, 2)):
        what, truth = ("two", "three")[len(which) - 2], made.hours(*which)
        joint = all_down([records[i] for i in which])
        none = not joint.down
        chain = [subjects[i] for i in which]
        yield Tried(case, what, "stillup", truth, figures.together(chain).hours, none)
        yield Tried(case, what, "plug-in", truth, plug_in(joint), none)
        yield Tried(case, what, "independence", truth, independent(figures, chain), none)


def plug_in(record: Watched) -> Hours:
    """What was seen, per year; the interval is Garwood's, of a Poisson number of incidents that all take their mean."""
    told = seen(record)
    lengths = [*told.ended, *told.open]
    mean, years = (fmean(lengths) if lengths else 1.0), max(told.days / 365.25, 1e-9)
    count = len(lengths)
    ends = (count, _gamma(0.05, count) if count else 0.0, _gamma(0.95, count + 1))
    mid, low, high = (min(n / years * mean, HOURS_A_YEAR) for n in ends)
    return Hours(mid, low, high)


def independent(figures: Figures, chain: list[Subject]) -> Hours:
    """The product of what is said of each."""
    possible = [[d.share for d in figures.possible(s)] for s in chain]
    products = []
    for shares in zip(*possible, strict=True):
        product = 1.0
        for share in shares:
            product *= share
        products.append(product)
    return hours_of(products)


def _gamma(level: float, shape: int) -> float:
    """Quantile of a gamma of whole shape, by halving: 1 - sum of Poisson terms."""
    low, high = 0.0, 10.0 * shape + 20.0
    for _ in range(60):
        middle = (low + high) / 2
        term, total = 2.718281828459045 ** (-middle), 0.0
        for i in range(shape):
            total += term
            term *= middle / (i + 1)
        low, high = (middle, high) if 1 - total < level else (low, middle)
    return low


def table(found: list[Tried], by: Callable[[Tried], str]) -> Iterator[str]:
    """Lines of coverage, width and score by what, way and a further key."""
    groups: dict[tuple[str, str, str], list[Tried]] = defaultdict(list)
    for tried in found:
        groups[by(tried), tried.what, tried.way].append(tried)
    yield f"{'':22} {'what':6} {'way':13} {'n':>6} {'held':>6} {'below':>6} {'above':>6} {'width':>7} {'score':>7}"
    for (key, what, way), some in groups.items():
        below = fmean(t.truth < t.said.low for t in some)
        above = fmean(t.truth > t.said.high for t in some)
        width = fmean(log((t.said.high + MINUTE) / (t.said.low + MINUTE)) for t in some)
        yield (
            f"{key:22} {what:6} {way:13} {len(some):6} {1 - below - above:6.1%} {below:6.1%} {above:6.1%} "
            f"{width:7.2f} {fmean(t.score for t in some):7.2f}"
        )
