"""This month's drill: which failures to practise, in which order, how many minutes each, and why those. Pure.

What went wrong the last time comes first, then what is known to be weak, then what was never practised, then what was
not practised for longest. Short scenes are taken together; what is played goes from the small to the worst.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from stillup.drill.score import score_of
from stillup.drill.values import Drill, Kind, Play, Step
from stillup.drill.words import ago, count, title

MINUTES = {Kind.MODE: 1, Kind.GREEN_PAGE: 4, Kind.PROVIDER: 4, Kind.REGION: 4, Kind.ALL: 5}
"""For playing a scene and reading what came of it; steps by hand come on top. A rule of thumb, not a measurement."""
BEFORE, AFTER = 3, 5
_A_STEP = 1
_MOST_BY_HAND = 8
_MOST_MODES = 6
"""Of the ways to fail in one drill: they are alike, and `stillup drill run --all` has them all in minutes."""
_ORDER = (Kind.MODE, Kind.GREEN_PAGE, Kind.PROVIDER, Kind.REGION, Kind.ALL)


class Reason(StrEnum):
    """Why a scene is proposed."""

    FAILED = "failed"
    """Something was lost with the backups when it was practised last."""
    WEAK = "weak"
    """The toolkit or the map of risks says that it is weak there."""
    NEVER = "never"
    """It was never practised."""
    LONG_AGO = "long_ago"
    """It was practised, and other things were more lately."""


_RANK = (Reason.FAILED, Reason.WEAK, Reason.NEVER, Reason.LONG_AGO)


class Weak(Struct, frozen=True, kw_only=True):
    """A weakness. ``key`` is the practice it belongs to (:attr:`Play.key`); empty: it is mended, not practised."""

    key: str = ""
    says: str
    todo: str = ""


class Item(Struct, frozen=True, kw_only=True):
    """One part of the plan: scenes that are played together, and the steps that are done by hand meanwhile."""

    plays: tuple[Play, ...]
    title: str
    minutes: int
    reason: Reason
    why: str
    by_hand: tuple[Step, ...] = ()


class Plan(Struct, frozen=True, kw_only=True):
    """The proposal. ``left_out`` are the practices for which there is no time this month."""

    minutes: int
    items: tuple[Item, ...]
    prepare: tuple[Weak, ...]
    left_out: tuple[Play, ...]

    @property
    def took(self) -> int:
        """Minutes in all, with those before and after."""
        return BEFORE + AFTER + sum(item.minutes for item in self.items)

    @property
    def plays(self) -> tuple[Play, ...]:
        """Every scene, in order."""
        return tuple(play for item in self.items for play in item.plays)


class Practised(Struct, frozen=True):
    """When a practice was last played to its end with something asked, and whether all came through."""

    at: datetime
    whole: bool


def practised(history: Iterable[Drill]) -> dict[str, Practised]:
    """The newest time of each practice, by :attr:`Play.key`."""
    found: dict[str, Practised] = {}
    for drill in sorted(history, key=lambda d: d.at):
        for scene in drill.scenes:
            scores = [score_of(scene, lane) for lane in scene.lanes if lane.backed]
            if any(score.requests for score in scores) and not scene.aborted:
                key = Play(kind=scene.kind, name=scene.name).key
                found[key] = Practised(drill.at, all(score.errors == 0 for score in scores))
    return found


def propose(
    possible: Sequence[Play],
    history: Iterable[Drill],
    now: datetime,
    minutes: int,
    *,
    weak: Sequence[Weak] = (),
    by_hand: Mapping[str, Sequence[Step]] | None = None,
) -> Plan:
    """The plan; ``by_hand`` are the steps that belong to a practice, by its key."""
    past, hands = practised(history), by_hand or {}
    reasons = {w.key: w for w in reversed(weak) if w.key}
    ranked = _ranked(possible, past, reasons)
    room, chosen = minutes - BEFORE - AFTER, list[Item]()
    modes = 0
    left_out: list[Play] = []
    for play in ranked:
        steps = tuple(hands.get(play.key, ()))[:_MOST_BY_HAND]
        needs = MINUTES[play.kind] + _A_STEP * len(steps)
        is_much = play.kind is Kind.MODE and modes >= _MOST_MODES
        if is_much or needs > room:
            left_out.append(play)
            continue
        room -= needs
        modes += play.kind is Kind.MODE
        reason, why = _why(play, past, reasons, now)
        chosen.append(Item(plays=(play,), title=title(play), minutes=needs, reason=reason, why=why,
                           by_hand=steps))  # fmt: skip
    return Plan(
        minutes=minutes,
        items=tuple(_in_order(chosen)),
        prepare=tuple(w for w in weak if not w.key),
        left_out=tuple(left_out),
    )


def _ranked(possible: Sequence[Play], past: Mapping[str, Practised], weak: Mapping[str, Weak]) -> Sequence[Play]:
    """The most wanted first. One of each kind comes before a second of any, but for what went wrong the last time.

    Among equals the worst kinds come first: a month in which only ways to fail are practised leaves out the outage.
    """

    def need(play: Play) -> tuple[int, float]:
        last = past.get(play.key)
        return _RANK.index(_reason(play, past, weak)), last.at.timestamp() if last else 0.0

    plays = sorted({play.key: play for play in reversed(possible)}.values(), key=lambda p: (need(p), possible.index(p)))
    nth: dict[str, int] = {}
    seen = dict.fromkeys(Kind, 0)
    for play in plays:
        nth[play.key] = seen[play.kind]
        seen[play.kind] += 1

    def rank(play: Play) -> tuple[bool, int, int, int, float]:
        why, last_s = need(play)
        failed = why == _RANK.index(Reason.FAILED)
        return not failed, 0 if failed else nth[play.key], why, -_ORDER.index(play.kind), last_s

    return sorted(plays, key=rank)


def _reason(play: Play, past: Mapping[str, Practised], weak: Mapping[str, Weak]) -> Reason:
    last = past.get(play.key)
    if last is not None and not last.whole:
        return Reason.FAILED
    if play.key in weak:
        return Reason.WEAK
    return Reason.NEVER if last is None else Reason.LONG_AGO


def _why(play: Play, past: Mapping[str, Practised], weak: Mapping[str, Weak], now: datetime) -> tuple[Reason, str]:
    reason, last = _reason(play, past, weak), past.get(play.key)
    when = ago((now - last.at).days) if last else ""
    match reason:
        case Reason.FAILED:
            return reason, f"something was lost when it was last practised, {when}"
        case Reason.WEAK:
            return reason, weak[play.key].says
        case Reason.NEVER:
            return reason, "never practised"
        case Reason.LONG_AGO:
            return reason, f"last practised {when}"


def _in_order(items: Sequence[Item]) -> Iterator[Item]:
    """From the small to the worst; the ways to fail as one, for they take seconds each."""
    modes = [item for item in items if item.plays[0].kind is Kind.MODE]
    if modes:
        first = min(modes, key=lambda item: _RANK.index(item.reason))
        names = ", ".join(item.plays[0].name for item in modes)
        named = modes[0].title if len(modes) == 1 else f"{count(len(modes), 'way')} to fail: {names}"
        yield Item(
            plays=tuple(item.plays[0] for item in modes),
            title=named,
            minutes=sum(item.minutes for item in modes),
            reason=first.reason,
            why=first.why,
        )
    yield from sorted(
        (i for i in items if i.plays[0].kind is not Kind.MODE), key=lambda i: _ORDER.index(i.plays[0].kind)
    )


# -- in words ---------------------------------------------------------------------------------------------------------


def command(item: Item) -> str:
    """What plays it."""
    return " ".join(("stillup drill run", *(play.key for play in item.plays)))


def lines(plan: Plan) -> Iterator[str]:
    """The plan as Markdown, with the minute at which each part begins."""
    yield f"# A drill of {plan.took} minutes"
    yield ""
    yield f"- **0 min** Before: tell those who would be surprised; open the page at `/drills`. ({BEFORE} min)"
    for weak in plan.prepare:
        yield f"  - First mend: {weak.says}" + (f": {weak.todo}" if weak.todo else "")
    at = BEFORE
    for item in plan.items:
        yield f"- **{at} min** {item.title} ({item.minutes} min)"
        yield f"  - Why: {item.why}."
        yield f"  - `{command(item)}`"
        yield from (f"  - [ ] By hand: {step.says}" + (f" ({step.note})" if step.note else "") for step in item.by_hand)
        at += item.minutes
    yield f"- **{at} min** After: `stillup drill report`; write down one thing to mend, and who does it. ({AFTER} min)"
    if plan.left_out:
        yield ""
        others = count(len(plan.left_out), "other practice")
        yield f"No time for {others} this month; `stillup drill run --all` plays all there are."
