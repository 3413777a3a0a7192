"""Stay or switch, after an incident: what the records can carry, and what they cannot. Pure.

The rule is shown with its numbers. A switch is only ever "worth a look": it needs records of both seen from here, for
what two vendors' pages call an outage is not the same thing; and a difference beyond doubt that matters.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from stillup.catalog.load import Precedence
from stillup.risk.gain import Candidate, Cost
from stillup.risk.values import Alone, Basis, Hours
from stillup.risk.words import hours

SURE = 0.95
"""How sure it must be that another is down less."""
_TIMES = 2.0
_HOURS = 8.0
"""It must be down twice as long, and by a working day a year, or a switch buys less than it costs."""


class Advice(StrEnum):
    """What can honestly be said."""

    TOO_LITTLE = "too_little_known"
    """There is no record to compare."""
    ADD_BACKUP = "stay_and_add_a_backup"
    """No record says that another is better beyond doubt; two that fail apart beat either."""
    STAY = "stay"
    """The same, and a backup is there."""
    WORTH_A_LOOK = "worth_a_look"
    """Another was down less beyond doubt, as seen from here."""


class Lengths(Struct, frozen=True, kw_only=True):
    """How long this incident was beside others of this service."""

    this_s: float
    is_over: bool
    own_s: tuple[float, ...] = ()
    """Those seen from here before it, confirmed and over, in no order."""
    usual_h: tuple[float, float, float] | None = None
    """Hours that a tenth, half and nine tenths stayed below, by the public record."""

    @property
    def longer_than(self) -> float | None:
        """The share of one's own that were shorter; None with fewer than five of them."""
        return sum(o < self.this_s for o in self.own_s) / len(self.own_s) if len(self.own_s) >= 5 else None


class Rival(Struct, frozen=True, kw_only=True):
    """Somebody else who does the same."""

    candidate: Candidate
    alone: Alone
    better: float | None
    """How likely it is to be down less than this one, by both records; None where one is assumed."""
    both: Hours
    """Hours a year in which neither answers: with it as the backup."""
    saved: Hours
    """Hours a year that it takes off as a backup."""
    cost: Cost | None = None
    falls_too: tuple[str, ...] = ()
    """What both stand on."""
    precedence: tuple[Precedence, ...] = ()
    is_backup: bool = False


class Comparison(Struct, frozen=True, kw_only=True):
    """Everything a decision could rest on, and what it comes to."""

    service: str
    name: str
    task: str
    alone: Alone
    rivals: tuple[Rival, ...]
    advice: Advice
    because: tuple[str, ...]
    incident: str | None = None
    title: str = ""
    lengths: Lengths | None = None
    precedence: tuple[Precedence, ...] = ()
    moves: tuple[str, ...] = ()
    stays_behind: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def choice(self) -> Rival | None:
        """Whom the advice is about."""
        if self.advice is Advice.WORTH_A_LOOK:
            return next((r for r in self.rivals if is_better(self.alone, r)), None)
        return backup(self.rivals) if self.advice is Advice.ADD_BACKUP else None


def likelier_down_less(one: Sequence[float], other: Sequence[float]) -> float:
    """How likely the second is to be down less than the first, each drawn by itself; ties count half."""
    if not one or not other:
        return 0.5
    ordered = sorted(other)
    wins = sum((bisect_left(ordered, a) + bisect_right(ordered, a)) / 2 for a in one)
    return wins / (len(one) * len(other))


def is_better(this: Alone, rival: Rival) -> bool:
    """Whether a switch could pay: seen from here on both sides, beyond doubt, and by enough."""
    seen = this.basis is Basis.OWN and rival.alone.basis is Basis.OWN
    sure = rival.better is not None and rival.better >= SURE
    less = this.hours.mid - rival.alone.hours.mid
    return seen and sure and less >= _HOURS and this.hours.mid >= _TIMES * rival.alone.hours.mid


def backup(rivals: Sequence[Rival]) -> Rival | None:
    """The one that takes most off as a backup; of those within a twentieth of it, the first that stands apart."""
    if not rivals:
        return None
    most = max(r.saved.mid for r in rivals)
    near = [r for r in rivals if r.saved.mid >= 0.95 * most]
    return next((r for r in near if not r.falls_too), near[0])


def advise(this: Alone, rivals: Sequence[Rival]) -> tuple[Advice, tuple[str, ...]]:
    """The advice, and its reasons with their numbers."""
    known = [r for r in rivals if r.alone.basis is not Basis.ASSUMED]
    if this.basis is Basis.ASSUMED:
        return Advice.TOO_LITTLE, ("Of this service itself there is no record, only a guess.",)
    if not known:
        return Advice.TOO_LITTLE, ("Of nobody else who could do this there is a record.",)
    better = next((r for r in rivals if is_better(this, r)), None)
    if better is not None:
        return Advice.WORTH_A_LOOK, tuple(_why_better(this, better))
    there = next((r for r in rivals if r.is_backup), None)
    return (Advice.STAY if there else Advice.ADD_BACKUP), tuple(_why_stay(this, known, there, rivals))


def _why_better(this: Alone, better: Rival) -> list[str]:
    seen = f"as seen from here in {better.alone.days:.0f} and {this.days:.0f} days"
    less = f"{better.candidate.title} was down {better.alone.hours.mid:.0f} h a year, this one {this.hours.mid:.0f} h"
    return [
        f"{less}, both {seen}; that it is down less is {_sure(better.better or 0.0)}.",
        "As a backup it would take off nearly as much, and nothing would have to move.",
    ]


def _why_stay(this: Alone, known: Sequence[Rival], there: Rival | None, rivals: Sequence[Rival]) -> list[str]:
    least = min(known, key=lambda r: r.alone.hours.mid)
    out = []
    if least.better is None or least.better < SURE:
        sure = "not known" if least.better is None else _sure(least.better)
        out.append(f"Down less than this one beyond doubt: nobody. Nearest is {least.candidate.title}, {sure}.")
    elif this.basis is not Basis.OWN or least.alone.basis is not Basis.OWN:
        out.append(
            f"{least.candidate.title}'s page tells of less downtime ({_sure(least.better)}); but what two vendors "
            "post as an outage is not the same, so it carries no switch until both were watched from here for a month."
        )
    else:
        out.append(f"{least.candidate.title} was down less, by too little to pay for a move.")
    one = there or backup(rivals)
    if one is not None:
        has = "is a backup already" if there else "would be a backup"
        guess = ", though its own record is a guess" if one.alone.basis is Basis.ASSUMED else ""
        out.append(
            f"{one.candidate.title} {has}: with both, nobody answers for {hours(one.both.mid)} a year "
            f"({hours(one.both.low)} to {hours(one.both.high)}) instead of {hours(this.hours.mid)}{guess}."
        )
    out.append("One incident moves a record of years by little; it is no reason by itself.")
    return out


def _sure(chance: float) -> str:
    """Never nothing and never all."""
    return f"{min(99, max(1, round(chance * 100)))} % sure"
