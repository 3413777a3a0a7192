"""How fast the store is: commits and signals a second, bytes a signal. ``python bench/store.py [FOLDER | ADDRESS]``.

FOLDER decides which disk is measured; a commit waits for it, a recording does not. ADDRESS is an empty PostgreSQL
database, as ``postgresql://user@127.0.0.1/bench``: there both wait for the server's disk.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stillup.clock import SystemClock
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, Layer, Problem, State
from stillup.model.signal import Alive, Counted, Declared, Outcome, Signal
from stillup.model.verdict import Verdict
from stillup.store import Key, open_store

if TYPE_CHECKING:
    from stillup.store.store import Store

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
SIGNALS = 100_000
STEPS = 1_000


def mixed(number: int) -> Iterator[Signal]:
    """Signals in about the proportion in which live sources send them."""
    for n in range(number):
        at = NOON + timedelta(seconds=n)
        match n % 10:
            case 0:
                state, title = State.PARTIAL_OUTAGE, "Elevated errors on sign-in"
                yield Declared(at=at, service="claude", source="statuspage", component="web", state=state, title=title)
            case 1 | 2 | 3:
                line = f"reddit:{at.isoformat()}:web:sign_in"
                problem = Problem.SIGN_IN
                yield Counted(
                    at=at,
                    service="claude",
                    source="reddit",
                    window_s=300,
                    count=3,
                    problem=problem,
                    component="web",
                    id=line,
                )
            case 4 | 5 | 6:
                layer = Layer.API_GATEWAY
                yield Outcome(at=at, service="claude", source="probe", layer=layer, ok=True, latency_ms=187.25)
            case _:
                yield Alive(at=at, service="claude", source="hackernews")


def step(n: int) -> tuple[Verdict, list[Evidence]]:
    """A change with evidence of three families."""
    at = NOON + timedelta(minutes=n)
    change = Verdict(at=at, service="claude", state=State.PARTIAL_OUTAGE, confidence=Confidence.CONFIRMED)
    families = (Family.CROWD, Family.SOCIAL, Family.PROBE)
    return change, [Evidence(family=f, standing=Standing.ALARM, log_e=14.2, observed=31.0, usual=0.4) for f in families]


def commits(store: Store, clock: SystemClock) -> float:
    """Steps a second, each on the disk before the next begins."""
    steps = [step(n) for n in range(STEPS)]
    began = clock.monotonic_s()
    for change, pieces in steps:
        store.commit_step([change], [], {Key.of(change): pieces})
    return STEPS / (clock.monotonic_s() - began)


def recorded(store: Store, clock: SystemClock) -> tuple[float, float]:
    """Signals a second, written and read."""
    signals = list(mixed(SIGNALS))
    began = clock.monotonic_s()
    store.record(signals)
    written = clock.monotonic_s()
    count = sum(1 for _ in store.signals("claude"))
    read = clock.monotonic_s()
    return count / (written - began), count / (read - written)


def main(where: str | None) -> None:
    with TemporaryDirectory(dir=None if where is None or "://" in where else where) as made:
        run(where if where is not None and "://" in where else Path(made) / "stillup.db")


def run(where: Path | str) -> None:
    """Measure one database."""
    clock = SystemClock()
    began = clock.monotonic_s()
    with open_store(where):
        print(f"make, imports included  {1000 * (clock.monotonic_s() - began):9,.1f} ms")
    began = clock.monotonic_s()
    with open_store(where) as store:
        print(f"open                    {1000 * (clock.monotonic_s() - began):9,.1f} ms")
        written, read = recorded(store, clock)
    with open_store(where) as store:
        print(f"signals written         {written:9,.0f} /s")
        print(f"signals read            {read:9,.0f} /s")
        if isinstance(where, Path):
            print(f"a signal takes          {where.stat().st_size / SIGNALS:9,.0f} bytes")
        print(f"durable steps           {commits(store, clock):9,.0f} /s")
        began = clock.monotonic_s()
        gone = store.prune(NOON + timedelta(days=30), timedelta(days=1))
        print(f"signals pruned          {gone / (clock.monotonic_s() - began):9,.0f} /s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
