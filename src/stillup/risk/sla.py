"""How available something was, as one side saw it, and what that leaves of the budget of errors. Pure.

Each side is told by itself; nothing here adds two of them up. Time is cut into slots of five minutes: of tries a slot
holds how many worked and how many failed, of declared states how many seconds were up and how many down.

The interval of tries is that of a weighted sum of Poisson counts by Fay and Feuer (Statistics in Medicine 16, 1997):
the failures of one episode come together, so an episode counts once, with its size as its weight. The upper end of
what fails imagines one episode more, as large as the largest, or one slot where none was seen: that is no proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from math import sqrt
from statistics import median
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from stillup.risk.values import Subject

SLOT_S = 300
DAY_S = 86_400
LEVEL = 0.9
_Z = 1.6448536269514722
"""The 95 % quantile of the normal distribution: between minus and plus that lie 90 %."""

_HOUR = 3600 // SLOT_S
_TRIES_ENOUGH = 10
"""Fewer tries than that in a window say nothing of how fast a budget burns."""


class Side(StrEnum):
    """Who saw it. They are never mixed."""

    __hash__ = str.__hash__

    PROBE = "probe"
    """Our own probes, from this machine."""
    TRAFFIC = "traffic"
    """Real requests from this machine: the gateway's, and what Claude Code, Codex and Gemini CLI wrote down."""
    OFFICIAL = "official"
    """What the provider's own page declared."""
    PEOPLE = "people"
    """Reports, posts and searches: when they were in alarm."""
    VERDICT = "verdict"
    """What stillup made of all of them: confirmed outages. The one side that is a mix, and says so."""

    @property
    def of_tries(self) -> bool:
        """Whether it counts tries; the others tell stretches of time."""
        return self in (Side.PROBE, Side.TRAFFIC)


class Slot(NamedTuple):
    """Five minutes: tries, or seconds. What was degraded is among the ``good``."""

    good: float = 0.0
    bad: float = 0.0
    degraded: float = 0.0

    @property
    def all(self) -> float:
        """All that was seen."""
        return self.good + self.bad

    def __add__(self, other: object) -> Slot:
        if not isinstance(other, Slot):
            return NotImplemented
        return Slot(self.good + other.good, self.bad + other.bad, self.degraded + other.degraded)


class Period(Struct, frozen=True):
    """From when until when (seconds since the epoch), and what it is called."""

    begin_s: float
    end_s: float
    name: str = ""

    @property
    def length_s(self) -> float:
        return self.end_s - self.begin_s


class Seen(Struct, frozen=True, kw_only=True):
    """All that one side saw of one subject: slots by their number since the epoch."""

    subject: Subject
    side: Side
    slots: Mapping[int, Slot]

    def within(self, begin_s: float, end_s: float) -> Iterable[tuple[int, Slot]]:
        """The slots that begin in a stretch of time, oldest first."""
        first, last = -int(-begin_s // SLOT_S), -int(-end_s // SLOT_S)
        return ((n, slot) for n, slot in sorted(self.slots.items()) if first <= n < last and slot.all > 0)


class Measured(Struct, frozen=True, kw_only=True):
    """One side's word on a period. Shares are of 1; None: nothing was seen."""

    subject: Subject
    side: Side
    period: Period
    available: float | None = None
    low: float | None = None
    high: float | None = None
    """The interval of :data:`LEVEL` for tries; for time: if all that was not watched had been down, or up."""
    watched: float = 0.0
    """The share of the period (so far) that this side looked at."""
    seen: float = 0.0
    """Tries, or seconds."""
    failed: float = 0.0
    down_s: float = 0.0
    """Time lost: whole slots of tries weigh by the share that failed."""
    degraded: float = 0.0
    effect: float = 1.0
    """The design effect: so many tries are worth one that is independent."""


class Budget(Struct, frozen=True, kw_only=True):
    """What may fail in a whole period by the target, and what is left of it."""

    target: float
    allowed_s: float
    spent_s: float

    @property
    def left_s(self) -> float:
        """Negative: overspent."""
        return self.allowed_s - self.spent_s

    @property
    def left(self) -> float | None:
        """The share that is left; None where nothing may fail."""
        return self.left_s / self.allowed_s if self.allowed_s > 0 else None


class Burn(Struct, frozen=True, kw_only=True):
    """How many times faster than just affordable the budget goes, over a long and a short window."""

    long_s: int
    short_s: int
    above: float
    """Where it is an alarm: both windows must be above it."""
    urgent: bool
    """Worth waking somebody; else worth a ticket."""
    long: float | None
    short: float | None

    @property
    def fires(self) -> bool:
        """The rule: the long window says that it matters, the short one that it goes on."""
        return self.long is not None and self.short is not None and self.long >= self.above <= self.short


_RULES = ((3_600, 300, 14.4, True), (6 * 3_600, 1_800, 6.0, True), (3 * 86_400, 6 * 3_600, 1.0, False))
"""Windows and factors of the multi-window, multi-burn-rate alerts in Google's SRE workbook (ch. 5), for 30 days: 2 % of
the budget in an hour, 5 % in six, 10 % in three days."""


def measure(seen: Seen, period: Period, now_s: float) -> Measured:
    """What one side saw in a period, so far as it is over."""
    end_s = min(period.end_s, now_s)
    slots = list(seen.within(period.begin_s, end_s))
    total = sum((slot for _, slot in slots), Slot())
    length_s = max(end_s - period.begin_s, 1.0)
    told = Measured(subject=seen.subject, side=seen.side, period=period, seen=total.all, failed=total.bad)
    if total.all <= 0:
        return told
    told = replace(told, available=total.good / total.all, degraded=total.degraded / total.all)
    return _of_tries(told, slots, length_s) if seen.side.of_tries else _of_time(told, length_s)


def _of_tries(told: Measured, slots: list[tuple[int, Slot]], length_s: float) -> Measured:
    least, most = failing(slots)
    return replace(
        told,
        low=max(0.0, 1.0 - most / told.seen),
        high=1.0 - least / told.seen,
        effect=design_effect(slots),
        watched=min(1.0, len(slots) * SLOT_S / length_s),
        down_s=sum(SLOT_S * slot.bad / slot.all for _, slot in slots),
    )


def _of_time(told: Measured, length_s: float) -> Measured:
    watched = min(1.0, told.seen / length_s)
    up = watched * (told.available or 0.0)
    return replace(told, low=up, high=up + 1 - watched, watched=watched, down_s=told.failed)


def episodes(slots: list[tuple[int, Slot]]) -> tuple[list[float], float]:
    """The failures of each episode, and how many others there were, which come one by one.

    A slot belongs to one where more fail than three standard deviations above what is usual (the median of the hours);
    within an hour of each other they are the same.
    """
    usual = _usual(slots)
    sizes: list[float] = []
    alone, last = 0.0, -_HOUR - 1
    for number, slot in slots:
        expected = usual * slot.all
        if slot.bad <= expected + 3 * sqrt(expected):
            alone += slot.bad
        elif sizes and number - last <= _HOUR:
            sizes[-1] += slot.bad
            last = number
        else:
            sizes.append(slot.bad)
            last = number
    return sizes, alone


def _usual(slots: list[tuple[int, Slot]]) -> float:
    hours: dict[int, Slot] = {}
    for number, slot in slots:
        hours[number // _HOUR] = hours.get(number // _HOUR, Slot()) + slot
    return median(h.bad / h.all for h in hours.values())


def failing(slots: list[tuple[int, Slot]]) -> tuple[float, float]:
    """How many failures one would have to expect in such a stretch, at least and at most; there is a slot at least."""
    sizes, alone = episodes(slots)
    found, spread = sum(sizes) + alone, sum(b * b for b in sizes) + alone
    one_more = max([*sizes, sum(slot.all for _, slot in slots) / len(slots)])
    least = spread / (2 * found) * _chi2(2 * found**2 / spread, -_Z) if found else 0.0
    more, wider = found + one_more, spread + one_more**2
    return min(least, found), max(found, wider / (2 * more) * _chi2(2 * more**2 / wider, _Z))


def design_effect(slots: list[tuple[int, Slot]]) -> float:
    """So many failures came together on average, weighted by size: 1 where each came alone."""
    sizes, alone = episodes(slots)
    found = sum(sizes) + alone
    return (sum(b * b for b in sizes) + alone) / found if found else 1.0


def _chi2(freedom: float, z: float) -> float:
    """The quantile of the chi-squared distribution at the normal quantile ``z`` (Wilson and Hilferty, 1931)."""
    part = 2 / (9 * freedom)
    return float(freedom * max(0.0, 1 - part + z * sqrt(part)) ** 3)


def budget(measured: Measured, target: float) -> Budget:
    """What may be lost in the whole period by a target (a share), and what was."""
    return Budget(target=target, allowed_s=(1 - target) * measured.period.length_s, spent_s=measured.down_s)


def burns(seen: Seen, now_s: float, target: float) -> tuple[Burn, ...]:
    """How fast the budget goes now, by each rule; empty where nothing may fail at all."""
    if target >= 1:
        return ()
    return tuple(
        Burn(
            long_s=long_s, short_s=short_s, above=above, urgent=urgent,
            long=_rate(seen, now_s - long_s, now_s, target), short=_rate(seen, now_s - short_s, now_s, target),
        )
        for long_s, short_s, above, urgent in _RULES
    )  # fmt: skip


def _rate(seen: Seen, begin_s: float, end_s: float, target: float) -> float | None:
    # The slot that is open belongs to the window: what fails now is what this is for.
    total = sum((slot for _, slot in seen.within(begin_s - SLOT_S + 1, end_s + 1)), Slot())
    if total.all <= 0 or (seen.side.of_tries and total.all < _TRIES_ENOUGH and end_s - begin_s > SLOT_S):
        return None
    return total.bad / total.all / (1 - target)


def lost(seen: Seen, period: Period) -> Iterator[float | None]:
    """Seconds lost, day by day of a period; None where nothing was seen."""
    days: dict[int, float] = {}
    for number, slot in seen.within(period.begin_s, period.end_s):
        day = int((number * SLOT_S - period.begin_s) // DAY_S)
        days[day] = days.get(day, 0.0) + (SLOT_S * slot.bad / slot.all if seen.side.of_tries else slot.bad)
    return (days.get(day) for day in range(round(period.length_s / DAY_S)))


def month(name: str) -> Period:
    """``2026-10`` as a period, in UTC.

    :raises ValueError: it is no month.
    """
    year, _, number = name.partition("-")
    if not (len(year) == 4 and len(number) == 2 and (year + number).isascii() and (year + number).isdigit()):
        msg = f"{name[:20]!r} is no month; allowed: as 2026-10"
        raise ValueError(msg)
    if not (1970 <= int(year) < 9999 and 1 <= int(number) <= 12):
        msg = f"{name[:20]!r} is no month; allowed: as 2026-10"
        raise ValueError(msg)
    return _months(int(year), int(number), 1, name)


def quarter_of(period: Period) -> Period:
    """The calendar quarter in which a period begins."""
    at = datetime.fromtimestamp(period.begin_s, UTC)
    first = (at.month - 1) // 3 * 3 + 1
    return _months(at.year, first, 3, f"{at.year}-Q{first // 3 + 1}")


def _months(year: int, first: int, count: int, name: str) -> Period:
    after = first + count
    begin, end = (
        datetime(year, first, 1, tzinfo=UTC),
        datetime(year + (after > 12), (after - 1) % 12 + 1, 1, tzinfo=UTC),
    )
    return Period(begin.timestamp(), end.timestamp(), name)
