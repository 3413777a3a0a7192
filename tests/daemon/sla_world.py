"""Days of signals in a database, with outages whose lengths are known; for tests of what was promised."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Layer, Stage, State
from stillup.model.signal import Alive, Counted, Declared, Outcome, Signal
from stillup.model.verdict import Verdict
from stillup.store.store import Store
from stillup.store.values import Key

MINUTE = timedelta(minutes=1)


def signals(begin: datetime, days: float, outages: dict[int, int], *, service="claude", every=1) -> Iterator[Signal]:
    """``outages`` begin in these minutes and last so many; the page trails them by ten minutes, both ways."""
    rng = random.Random(3)
    for minute in range(0, round(days * 1440), every):
        at = begin + minute * MINUTE
        down = _within(minute, outages)
        about = {"at": at, "service": service}
        yield Outcome(**about, source="probe", layer=Layer.LOCAL, ok=True, id=f"l{minute}")
        yield Outcome(**about, source="probe", layer=Layer.EDGE, component="api", ok=True, id=f"e{minute}")
        error = "overloaded" if down else None
        yield Outcome(
            **about, source="probe", layer=Layer.INFERENCE, component="api", ok=not down, error=error, id=f"i{minute}"
        )
        if 8 * 60 <= minute % 1440 < 18 * 60:
            asked = rng.randrange(1, 5)
            failed = sum(rng.random() < (0.9 if down else 0.002) for _ in range(asked))
            yield Outcome(
                **about, source="gateway", layer=Layer.INFERENCE, component="api", model="opus", window_s=60,
                n_ok=asked - failed, n_failed=failed, id=f"g{minute}",
            )  # fmt: skip
        if minute % 5 == 0:
            yield from _page(about, minute, outages)
        if down:
            yield Counted(**about, source="hub", window_s=60, count=9)
        else:
            yield Alive(**about, source="hub")


def _page(about: dict[str, object], minute: int, outages: dict[int, int]) -> Iterator[Signal]:
    red = _within(minute - 10, outages)
    state = State.MAJOR_OUTAGE if red else State.OPERATIONAL
    yield Declared(**about, source="statuspage", component="api", state=state)
    yield Declared(**about, source="statuspage", component="web", state=State.OPERATIONAL)
    if red:
        told = {"incident": "p1", "title": "Errors", "component": "api", "stage": Stage.INVESTIGATING}
        yield Declared(**about, source="statuspage", state=state, **told)
    elif _within(minute - 15, outages):
        over = {"incident": "p1", "title": "Errors", "component": "api", "stage": Stage.RESOLVED}
        yield Declared(**about, source="statuspage", state=State.OPERATIONAL, **over)


def _within(minute: int, outages: dict[int, int]) -> bool:
    return any(first <= minute < first + length for first, length in outages.items())


def fill(store: Store, begin: datetime, days: float, outages: dict[int, int], *, service="claude", every=1) -> None:
    """Signals, and the changes of verdict that they came to: two minutes late, as a monitor is."""
    store.record(signals(begin, days, outages, service=service, every=every))
    end = begin + timedelta(days=days)
    store.watch([(end, [service])], end - begin)
    _change(store, begin, service, State.OPERATIONAL, None, None)
    for number, (first, length) in enumerate(sorted(outages.items())):
        onset = begin + first * MINUTE
        incident = Incident(
            id=f"{service}-{number}", service=service, opened_at=onset + 2 * MINUTE, since=onset,
            state=State.MAJOR_OUTAGE, confidence=Confidence.CONFIRMED, recovered_at=onset + (length + 2) * MINUTE,
            components=("api",), title="Errors",
        )  # fmt: skip
        _change(store, onset + 2 * MINUTE, service, State.MAJOR_OUTAGE, onset, incident)
        _change(store, onset + (length + 2) * MINUTE, service, State.OPERATIONAL, None, incident)


def _change(store, at, service, state, since, incident) -> None:
    fault = state.is_fault
    why = Reason.FAMILIES_AGREE if fault else Reason.ALL_CALM
    told = [
        Verdict(
            at=at, service=service, component=component, state=state, reason=why,
            confidence=Confidence.CONFIRMED if fault else None, since=since, incident=incident.id if fault else None,
        )
        for component in (None, "api")
    ]  # fmt: skip
    people = Evidence(family=Family.CROWD, standing=Standing.ALARM if fault else Standing.CALM, sources=("hub",))
    store.commit_step(told, [incident] if incident is not None else [], {Key.of(told[0]): [people]})
