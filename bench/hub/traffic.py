"""What desks of a cluster put on its bus at 1, 10 and 100 times the reports, of a fixed number of kinds.

    python bench/hub/traffic.py [--minutes 2]

One desk's own code with time as an argument: reports from random networks, said as often as the desk would; of 24
kinds, then of a long tail (three services, four components, twelve problems, ten regions: 1,440 kinds at most). Bytes
are those of the records in the log (packed as they are sent, without the wire's own head) and of the notes to the
other desks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from stillup.daemon.cluster.records import Part, Partial, pack
from stillup.hub.replica import Batch, Replica
from stillup.hub.values import CrowdReport
from stillup.model.service import Problem

BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SAID_S, SLOWEST_S, BYTES_A_SECOND, NOTED_S = 0.2, 1.0, 65_536.0, 0.25
REGIONS = (None, "US-CA", "US-NY", "US-TX", "DE", "FR", "GB", "IN", "BR", "JP")
COMPONENTS = (None, "web", "api", "mobile")


class Sent(NamedTuple):
    log_bytes: int
    records: int
    note_bytes: int
    kinds: int
    counted: int
    each_us: float


def tail(dice: Random) -> CrowdReport:
    """One of a long tail: most are of one service, one component and a few problems."""

    def place(n: int) -> int:
        return min(n - 1, int(dice.expovariate(0.8)))

    problem = list(Problem)[place(len(Problem))]
    service = ("claude", "chatgpt", "gemini")[place(3)]
    return CrowdReport(service=service, problem=problem, component=COMPONENTS[place(4)], region=REGIONS[place(10)])


def few(dice: Random) -> CrowdReport:
    """One of a few kinds, as likely as each other."""
    problem = dice.choice(list(Problem)[:6])
    return CrowdReport(service="claude", problem=problem, component=dice.choice(COMPONENTS))


def packed(batch: Batch) -> tuple[int, int]:
    """How many bytes and records a batch is."""
    records = [
        Partial(
            replica="hub-1.4f21c0",
            end=datetime.fromtimestamp(end_s, UTC),
            parts=tuple(Part(service=w.service, count=w.n, sketch=w.grounds, **w.leaf._asdict()) for w in words),
        )
        for end_s, words in batch.words.items()
    ]
    return sum(len(pack(record)) for record in records), len(records)


def run(a_second: float, minutes: int, draw: Callable[[Random], CrowdReport]) -> Sent:
    """So many reports a second, evenly."""
    desk, dice = Replica("hub-1.4f21c0", Random(1).randbytes, BEGAN), Random(2)
    desk.share((b"k" * 32, int(BEGAN.timestamp())), (b"f" * 32, int(BEGAN.timestamp())))
    log_bytes = records = notes = 0
    kinds: set[object] = set()
    says_at = notes_at = spent_s = 0.0
    for i in range(int(a_second * minutes * 60)):
        at_s = i / a_second
        n = dice.getrandbits(32)
        said, who = draw(dice), f"{11 + n % 210}.{n >> 8 & 255}.{n >> 16 & 255}.{n >> 24}"
        kinds.add((said.service, said.component, said.region, said.problem))
        began_s = time.process_time()
        desk.hand_in(said, who, None, BEGAN + timedelta(seconds=at_s))
        spent_s += time.process_time() - began_s
        if at_s >= says_at:
            batch = desk.batch((BEGAN + timedelta(seconds=at_s)).timestamp())
            size, n_records = packed(batch)
            desk.was_said(batch)
            log_bytes, records = log_bytes + size, records + n_records
            says_at = at_s + min(SLOWEST_S, max(SAID_S, size / BYTES_A_SECOND))
        if at_s >= notes_at:
            notes += len(desk.note() or b"")
            notes_at = at_s + NOTED_S
    each_us = spent_s / max(1.0, a_second * minutes * 60) * 1e6
    return Sent(log_bytes, records, notes, len(kinds), desk.handed, each_us)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=2)
    args = parser.parse_args()
    span_s = args.minutes * 60
    for name, draw in (("of 24 kinds, all active", few), ("of a long tail of 1,440 kinds", tail)):
        print(f"\nReports {name}:\n")
        heads = (
            "reports/s",
            "times",
            "counted",
            "kinds",
            "log KB/s",
            "records/s",
            "notes KB/s",
            "bytes each",
            "µs each",
        )
        print(f"| {' | '.join(heads)} |")
        print("|---|---|---|---|---|---|---|---|---|")
        for times in (1, 10, 100):
            a_second = 100.0 * times
            sent = run(a_second, args.minutes, draw)
            each = (sent.log_bytes + sent.note_bytes) / (a_second * span_s)
            log, notes = (size / span_s / 1e3 for size in (sent.log_bytes, sent.note_bytes))
            row = f"| {a_second:,.0f} | {times} | {sent.counted:,} | {sent.kinds} | {log:.1f}"
            print(f"{row} | {sent.records / span_s:.1f} | {notes:.1f} | {each:.1f} | {sent.each_us:.0f} |", flush=True)


if __name__ == "__main__":
    main()
