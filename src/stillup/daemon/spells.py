"""How long a subject was in which state, and how much of that was watched. Pure.

An outage counts from its onset, not from the minute in which it was called; what was only suspected counts once its
incident was confirmed, and never where it was not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from stillup.board import Day, Record
from stillup.model.service import Confidence, State, worst
from stillup.model.verdict import Verdict
from stillup.risk.stretches import meet

Span = tuple[datetime, datetime]
_DAY = timedelta(days=1)


class Spell(Struct, frozen=True):
    """One stretch in one state; ``sure`` is False for a fault that nobody confirmed."""

    begin: datetime
    end: datetime
    state: State
    sure: bool

    @property
    def span(self) -> Span:
        """From when until when."""
        return self.begin, self.end


def spells_of(changes: Sequence[Verdict], confirmed: Collection[str], until: datetime) -> list[Spell]:
    """The stretches of one subject from its changes, oldest first; ``confirmed`` are the ids of confirmed incidents."""
    out: list[Spell] = []
    ends = [*(c.at for c in changes), until][1:]
    for change, onset, end in zip(changes, _onsets(changes), ends, strict=True):
        begin, fault = change.at, change.state.is_fault
        if fault and onset is not None and out and not out[-1].state.is_fault:
            begin = max(out[-1].begin, min(onset, begin))
            out[-1] = Spell(out[-1].begin, begin, out[-1].state, out[-1].sure)
        sure = not fault or change.confidence is Confidence.CONFIRMED or change.incident in confirmed
        out.append(Spell(begin, max(begin, end), change.state, sure))
    return out


def _onsets(changes: Sequence[Verdict]) -> list[datetime | None]:
    """The onset of each change as it was put last while that fault went on: the more was known, the better."""
    onsets: list[datetime | None] = []
    after: Verdict | None = None
    for change in reversed(changes):
        goes_on = after is not None and after.state.is_fault and after.incident == change.incident
        onsets.append(onsets[-1] if goes_on and onsets[-1] is not None else change.since)
        after = change
    return onsets[::-1]


def down(spells: Iterable[Spell]) -> list[Span]:
    """When it was in a confirmed outage."""
    return [s.span for s in spells if s.sure and s.state.is_outage]


def seconds(spans: Iterable[Span]) -> float:
    """How long they are together."""
    return sum((end - begin).total_seconds() for begin, end in spans)


def record_of(
    service: str, component: str | None, spells: Sequence[Spell], watched: Sequence[Span], first: date, last: date
) -> Record:
    """Day by day. A component was watched while its service was and something was known of it."""
    spoken = [s.span for s in spells if s.state is not State.UNKNOWN]
    seen = meet(watched, spoken)
    watched_s = _by_day(seen)
    down_s = _by_day(meet(seen, down(spells)))
    degraded_s = _by_day(meet(seen, [s.span for s in spells if s.sure and s.state is State.DEGRADED]))
    states = _states(spells, seen)
    days = []
    for n in range((last - first).days + 1):
        day = first + n * _DAY
        told = worst(states.get(day, ()), State.OPERATIONAL)
        known = watched_s.get(day, 0.0) > 0 or day in states
        days.append(
            Day(
                day=day,
                worst=told if known else None,
                down_s=down_s.get(day, 0.0),
                degraded_s=degraded_s.get(day, 0.0),
                watched_s=watched_s.get(day, 0.0),
            )
        )
    return Record(service=service, component=component, days=tuple(days))


def _states(spells: Sequence[Spell], seen: Sequence[Span]) -> dict[date, set[State]]:
    """What it was in, day by day: what was watched, and a fault that was called, for that was kept in any case."""
    out: dict[date, set[State]] = {}
    for state in {s.state for s in spells if s.sure}:
        those = [s.span for s in spells if s.sure and s.state is state]
        called = {begin.astimezone(UTC).date() for begin, _ in those} if state.is_fault else set()
        for day in {*_by_day(meet(seen, those)), *called}:
            out.setdefault(day, set()).add(state)
    return out


def _by_day(spans: Iterable[Span]) -> dict[date, float]:
    out: dict[date, float] = {}
    for span in spans:
        for day, length_s in _split(span):
            out[day] = out.get(day, 0.0) + length_s
    return out


def _split(span: Span) -> Iterator[tuple[date, float]]:
    """The seconds of each day (UTC) that a stretch lies in."""
    begin, end = (at.astimezone(UTC) for at in span)
    while begin < end:
        midnight = datetime.combine(begin.date() + _DAY, time(), UTC)
        yield begin.date(), (min(end, midnight) - begin).total_seconds()
        begin = midnight
