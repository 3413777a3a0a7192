"""From signals to slots of five minutes: what our probes, this machine's requests, and the provider's page said. Pure.

What says something of the user's own side alone (this machine, its network, a limit, a key) counts for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from statistics import median

from msgspec import Struct

from stillup.model.service import Family, State, worst
from stillup.model.signal import Declared, Outcome, Signal
from stillup.registry import SOURCES
from stillup.risk.sla import SLOT_S, Side, Slot
from stillup.verdict.here import HERE
from stillup.verdict.official.book import Book, Entry
from stillup.verdict.outcomes.stream import ErrorKind, kind_of

PROBES = ("probe",)
REQUESTS = ("gateway", "claude_code", "codex", "gemini_cli")
PAGES = tuple(s.id for s in SOURCES.values() if s.family is Family.OFFICIAL)

Part = tuple[str | None, Side]
"""A component (None: the service as a whole) as one side sees it."""
Slots = dict[Part, dict[int, Slot]]

MOST_PARTS = 200
"""Parts of a service, each as one side sees it; more are left out."""

_LEAST_S, _MOST_S = 300.0, 3_600.0
"""A word of a page stands that long at least, and at most."""
_INTERVALS = 3
"""… and three of its usual intervals in between."""


class _Try(Struct, frozen=True):
    """What one look, or the requests of one moment, came to."""

    component: str | None
    at_s: float
    ok: int
    failed: int


def read(signals: Sequence[Signal], end_s: float, models: Sequence[str] = ()) -> Slots:
    """All sides of one service at once; ``signals`` in the order of time, ``end_s`` is until when they were read."""
    out: Slots = {}
    told = [s for s in signals if isinstance(s, Outcome) and _is_about_it(s)]
    for side, sources, tries in ((Side.PROBE, PROBES, _looks), (Side.TRAFFIC, REQUESTS, _requests)):
        for one in tries(s for s in told if s.source in sources):
            _add(out, (one.component, side), int(one.at_s // SLOT_S), Slot(one.ok, one.failed))
    pages = [s for s in signals if s.source in PAGES]
    for component, begin, until, state in _stretches(pages, end_s, models):
        for number, length_s in _split(begin, until):
            down, slow = state.is_outage, state is State.DEGRADED
            slot = Slot(0.0 if down else length_s, length_s if down else 0.0, length_s if slow else 0.0)
            _add(out, (component, Side.OFFICIAL), number, slot)
    return out


def merge(into: Slots, more: Slots) -> None:
    """Add what was read later."""
    for part, slots in more.items():
        for number, slot in slots.items():
            _add(into, part, number, slot)


def _add(out: Slots, part: Part, number: int, slot: Slot) -> None:
    if part not in out and len(out) >= MOST_PARTS:  # names come from pages
        return
    slots = out.setdefault(part, {})
    slots[number] = slots.get(number, Slot()) + slot


def _is_about_it(line: Outcome) -> bool:
    return line.layer not in HERE and not (line.tally[1] and kind_of(line.error) is ErrorKind.YOURS)


def _looks(lines: Iterable[Outcome]) -> Iterator[_Try]:
    """One for each component and reading: it worked if no rung failed."""
    for (at, component), rungs in _grouped(lines):
        failed = any(r.tally[1] for r in rungs)
        yield _Try(component, at, int(not failed), int(failed))


def _requests(lines: Iterable[Outcome]) -> Iterator[_Try]:
    """A failure is told once. A success is told at each layer where something failed before, and counts once."""
    for (at, component), told in _grouped(lines):
        named: dict[str, int] = {}
        unnamed: dict[str, int] = {}
        for line in told:
            kept = named if line.model else unnamed
            kept[f"{line.source} {line.layer}"] = kept.get(f"{line.source} {line.layer}", 0) + line.tally[0]
        by_source: dict[str, int] = {}
        for place, ok in (*named.items(), *unnamed.items()):
            source = place.partition(" ")[0]
            by_source[source] = max(by_source.get(source, 0), ok)
        yield _Try(component, at, sum(by_source.values()), sum(line.tally[1] for line in told))


def _grouped(lines: Iterable[Outcome]) -> Iterator[tuple[tuple[float, str | None], list[Outcome]]]:
    def key(line: Outcome) -> tuple[float, str]:
        return line.at.timestamp(), line.component or ""

    for (at, component), group in groupby(sorted(lines, key=key), key):
        yield (at, component or None), list(group)


def _stretches(
    lines: Sequence[Signal], end_s: float, models: Sequence[str]
) -> Iterator[tuple[str | None, float, float, State]]:
    """How the page said each component was, from when until when; a silent page says nothing."""
    book = Book(models)
    states: dict[str | None, State] = {}
    is_old = False
    stands = _stands(lines)
    for place, line in enumerate(lines):
        at_s = line.at.timestamp()
        if isinstance(line, Declared):
            is_old |= book.declare(line, at_s) or not states
        elif not states and not is_old:
            states = {None: State.OPERATIONAL}
        next_s = lines[place + 1].at.timestamp() if place + 1 < len(lines) else end_s
        until = min(next_s, end_s, at_s + stands[line.source])
        if at_s < until:
            if is_old:  # once for all that was said at one time: a page may have thousands of parts
                states, is_old = _states(book), False
            for component, state in states.items():
                yield component, at_s, until, state


def _states(book: Book) -> dict[str | None, State]:
    faults = book.faults(lambda _: True)
    states: dict[str | None, State] = {c: _state(faults, c) for c in sorted(book.components)}
    whole = worst([_state(faults, None), *states.values()], State.OPERATIONAL)
    everywhere = states and all(s is State.MAJOR_OUTAGE for s in states.values())
    milder = whole is State.MAJOR_OUTAGE and states and not everywhere and not _state(faults, None).is_fault
    return {None: State.PARTIAL_OUTAGE if milder else whole, **states}


def _state(faults: Iterable[Entry], component: str | None) -> State:
    """The worst that stands of a component; of one region or one model it is never more than degraded."""
    told = (
        State.DEGRADED if e.region is not None or e.model is not None else e.state
        for e in faults
        if e.component in (None, component)
    )
    return worst(told, State.OPERATIONAL)


def _stands(lines: Sequence[Signal]) -> dict[str, float]:
    """How long a word of each source stands: three of the intervals at which it was usually read."""
    times: dict[str, list[float]] = {}
    for line in lines:
        told = times.setdefault(line.source, [])
        if not told or line.at.timestamp() > told[-1]:
            told.append(line.at.timestamp())
    return {
        source: min(_MOST_S, max(_LEAST_S, _INTERVALS * median([b - a for a, b in pairwise(told)] or [0.0])))
        for source, told in times.items()
    }


def _split(begin_s: float, end_s: float) -> Iterator[tuple[int, float]]:
    """The seconds of each slot that a stretch lies in."""
    while begin_s < end_s:
        number = int(begin_s // SLOT_S)
        until = min(end_s, float((number + 1) * SLOT_S))
        yield number, until - begin_s
        begin_s = until
