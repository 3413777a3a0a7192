"""Replay years of real incident posts as declared signals: do incidents open and close as the page did?

    STILLUP_DATA=/path/to/data python bench/incidents.py        (or --data PATH)

Reads ``incidents/anthropic.jsonl`` under the data folder (one incident a line: ``id title impact components[]
updates[{status posted_at body}] quality[]``). Posts are replayed by the time they were really made; incidents that
were only posted after the fact have no live phase and are left out. The page's impact is its final one, so severities
are not compared, only openings and endings. The baseline is the record itself: intervals with any incident open.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

from stillup.catalog.load import find_service
from stillup.daemon.jobs import profile_of
from stillup.verdict.monitor import Monitor
from stillup.verdict.replay import Replay

Row = dict[str, Any]
STATES = {"minor": "degraded", "major": "partial_outage", "critical": "major_outage", "none": "degraded"}
STAGES = {"update": None}
OVER = ("resolved", "postmortem", "completed")
PLANNED = ("scheduled", "in_progress", "verifying", "completed")


def posts(rows: list[Row]) -> Iterator[tuple[str, Row, bool]]:
    """Every post that matters: when, the row, and whether it ends the incident."""
    for row in rows:
        if "posthoc_only" in row["quality"] or any(u["status"] in PLANNED for u in row["updates"]):
            continue
        for update in sorted(row["updates"], key=lambda u: u["posted_at"]):
            over = update["status"] in OVER
            yield update["posted_at"], {**row, "update": update}, over
            if over:
                break


def lines(rows: list[Row]) -> Iterator[bytes]:
    names = {c.name: c.id for c in find_service("claude").components}
    for at, row, over in sorted(posts(rows), key=lambda p: p[0]):
        for component in [names.get(c, c) for c in row["components"]] or [None]:
            line = {
                "kind": "declared", "at": at, "service": "claude", "source": "statuspage", "component": component,
                "incident": row["id"], "state": "operational" if over else STATES.get(row["impact"], "degraded"),
                "title": row["title"], "stage": STAGES.get(row["update"]["status"], row["update"]["status"]),
            }  # fmt: skip
            yield json.dumps(line).encode()


def minute(at: str | datetime) -> int:
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return ceil(moment.timestamp() / 60)


def intervals(events: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches of minutes with a positive sum of ``(minute, +1 or -1)`` events; touching stretches are one."""
    found, depth, begun = [], 0, 0
    by_minute: dict[int, int] = {}
    for at, step in events:
        by_minute[at] = by_minute.get(at, 0) + step
    for at in sorted(by_minute):
        before, depth = depth, depth + by_minute[at]
        if before == 0 < depth:
            begun = at
        elif depth == 0 < before:
            found.append((begun, at))
    return found


def expected(rows: list[Row]) -> list[tuple[int, int]]:
    first: dict[str, int] = {}
    events = []
    for at, row, over in sorted(posts(rows), key=lambda p: p[0]):
        if row["id"] not in first and not over:
            first[row["id"]] = minute(at)
            events.append((minute(at), 1))
        elif over and row["id"] in first:
            events.append((minute(at), -1))
    return intervals(events)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("STILLUP_DATA"))
    data = parser.parse_args().data
    path = Path(data, "incidents", "anthropic.jsonl") if data else None
    if path is None or not path.exists():
        print("skipped: no incident record; give its folder by --data or STILLUP_DATA")
        return 0
    rows = [json.loads(line) for line in path.open()]
    replay = Replay(Monitor(profile_of))
    begun = time.perf_counter()
    service = [v for v in replay.run(lines(rows)) if v.component is None]
    seconds = time.perf_counter() - begun
    found, opened = [], None
    for verdict in service:
        if verdict.state.is_fault and opened is None:
            opened = minute(verdict.at)
        elif not verdict.state.is_fault and opened is not None:
            found.append((opened, minute(verdict.at)))
            opened = None
    wanted = expected(rows)
    same = len(set(found) & set(wanted))
    print(f"{len(rows)} incidents; {len(wanted)} stretches with one open on the page; {len(found)} found,")
    print(f"{same} equal to the minute; {seconds:.2f} s; late {replay.late_count}, bad {replay.bad_count}")
    for odd in sorted(set(found) ^ set(wanted))[:10]:
        print(
            "differs:",
            *(datetime.fromtimestamp(m * 60, UTC).isoformat() for m in odd),
            "found" if odd in found else "missed",
        )
    return 0 if same == len(wanted) == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
