"""What the official record tells of pages: how late they are, how long red, and how often nothing fails meanwhile.

Truth here is what the text of an incident says of when the fault was. Only incidents that say so are used, so quick and
well-told ones weigh more than they should.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PAGES = ("anthropic", "github")
LEVELS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
UNTIL = datetime.fromisoformat("2026-01-01T00:00:00Z").timestamp()
DAY_S = 86_400.0


class Told(NamedTuple):
    """One incident: seconds since the epoch of its posts, and of the fault by its own text."""

    opened: float
    monitoring: float | None
    closed: float
    start: float
    end: float


def told(data: Path, page: str, since: float, until: float) -> list[Told]:
    """The incidents of one page that were live and say when the fault was, first posted in the given time.

    :raises LookupError: the record is not there.
    """
    rows = {r["id"]: r for r in _lines(data, page)}
    found = []
    for r in _lines(data, f"{page}_impact_windows"):
        opened, closed = _time(r["first_posted_at"]), _time(r["page_resolved_at"])
        if r.get("posthoc_only") or not (since <= opened < until and opened < closed < opened + 2 * DAY_S):
            continue
        mended = rows.get(r["id"], {}).get("monitoring_at")
        start, end = _time(r["declared_start"]), _time(r["declared_end"])
        found.append(Told(opened, _time(mended) if mended else None, closed, start, end))
    return found


def open_spells(data: Path, page: str, since: float, until: float) -> list[tuple[float, float]]:
    """When the page had an incident open, overlaps merged; those of more than two days left out as forgotten."""
    spells: list[tuple[float, float]] = []
    for r in sorted(_lines(data, page), key=lambda r: str(r.get("first_posted_at"))):
        if "posthoc_only" in r["quality"] or r["impact"] == "maintenance" or not r["resolved_at"]:
            continue
        a, b = _time(r.get("first_posted_at") or r["started_at"]), _time(r["resolved_at"])
        if not (since <= a < until and a < b < a + 2 * DAY_S):
            continue
        if spells and a <= spells[-1][1]:
            spells[-1] = (spells[-1][0], max(b, spells[-1][1]))
        else:
            spells.append((a, b))
    return spells


def figures(data: Path) -> str:
    """The figures that the simulation is made from, as lines of text."""
    lines = []
    for page in PAGES:
        seen = told(data, page, 0.0, UNTIL)
        mended = [(i.monitoring - i.end) / 60 for i in seen if i.monitoring]
        lines += [
            f"{page}: {len(seen)} live incidents until 2025-12 whose text says when the fault was",
            f"  minutes from start to first post  {_quantiles([(i.opened - i.start) / 60 for i in seen])}",
            f"  minutes from end to resolved      {_quantiles([(i.closed - i.end) / 60 for i in seen])}",
            f"  monitoring {len(mended)}, minutes from end {_quantiles(mended) if mended else '-'}",
            f"  posted after the end: {sum(i.opened >= i.end for i in seen)}",
        ]
    lines += [f"{page}: open {share:.3f} of 2024 and 2025, forgets in {h:.1f} h" for page, share, h in _memory(data)]
    return "\n".join(lines)


def _memory(data: Path) -> Iterator[tuple[str, float, float]]:
    """Share of time open, and the time constant of being open still, from its correlation over an hour."""
    since = datetime.fromisoformat("2024-01-01T00:00:00Z").timestamp()
    for page in (*PAGES, "openai"):
        spells = open_spells(data, page, since, UNTIL)
        grid = np.zeros(int((spells[-1][1] - spells[0][0]) // 60) + 2, bool)
        for a, b in spells:
            grid[int((a - spells[0][0]) // 60) : int((b - spells[0][0]) // 60) + 1] = True
        still = (grid[60:] & grid[:-60]).sum() / grid[:-60].sum()
        yield page, float(grid.mean()), float(-1 / np.log((still - grid.mean()) / (1 - grid.mean())))


def unseen_s(data: Path, page: str, since: float, until: float) -> tuple[float, float]:
    """Seconds of faults while the page was calm, as far as texts ever told (a lower bound), and of calm page."""
    spells = open_spells(data, page, since, until)
    calm = [(a, b) for (_, a), (b, _) in pairwise([(since, since), *spells, (until, until)])]
    seen = 0.0
    for r in _lines(data, f"{page}_impact_windows"):
        start, end = _time(r["declared_start"]), _time(r["declared_end"])
        seen += sum(max(0.0, min(end, b) - max(start, a)) for a, b in calm)
    return seen, sum(b - a for a, b in calm)


def _quantiles(values: Sequence[float]) -> tuple[int, ...]:
    return tuple(round(float(q)) for q in np.quantile(values, LEVELS))


def _lines(data: Path, name: str) -> Iterator[dict[str, Any]]:
    path = data / "incidents" / f"{name}.jsonl"
    if not path.is_file():
        msg = f"incidents/{path.name} is needed"
        raise LookupError(msg)
    for line in path.open():
        yield json.loads(line)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
