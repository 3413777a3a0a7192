"""What people reported of late beside what is usual: of a service, and of each place and problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from stillup.verdict.counts.bank import CountBank
from stillup.verdict.counts.stream import CountStream
from stillup.verdict.counts.stretch import UsualCount, added


class Place(Struct, frozen=True):
    """Counted in one region; a country's count is without its parts. ``usual`` is None while too little is known."""

    count: float
    usual: float | None


class Reported(Struct, frozen=True):
    """Counted and usual in the last stretch. ``usual`` is None while too little is known."""

    count: float = 0.0
    usual: float | None = None
    regions: dict[str, Place] = {}
    problems: dict[str, float] = {}


def usual(bank: CountBank, streams: Sequence[CountStream], at_s: float, seconds: float) -> UsualCount | None:
    """What is usual of all streams together in so many seconds up to ``at_s``, by what is known now.

    None while one that has counted anything in the last hours is not known well enough: what is left would be too low.
    """
    known = [s for s in streams if s.is_warm]
    if not known or any(s.has_counted and not s.is_warm for s in streams):
        return None
    rows, published = np.array([s.row for s in known]), np.array([s.published_rate for s in known])
    return added(bank.usual(rows, at_s, seconds, published))


def reported(streams: Sequence[CountStream], since_s: float) -> Reported:
    """What was judged after ``since_s``, six hours back at most."""
    count = mean = 0.0
    is_known = False
    regions: Counter[str] = Counter()
    usual_there: dict[str, float | None] = {}
    problems: Counter[str] = Counter()
    for stream in streams:
        whole, leaves = stream.of_late(since_s)
        count, mean = count + whole.x, mean + whole.mean
        is_known |= stream.is_warm
        here: Counter[str] = Counter()
        for leaf, n in leaves.items():
            if leaf.problem is not None:
                problems[leaf.problem] += n
            if leaf.region is not None:
                here[leaf.region] += n
        for region, n in here.items():
            regions[region] += n
            share = stream.share_of_region(region) if stream.is_warm else None
            before = usual_there.get(region, 0.0)
            usual_there[region] = None if share is None or before is None else before + share * whole.mean
    return Reported(
        count,
        mean if is_known else None,
        {r: Place(float(n), usual_there[r]) for r, n in regions.items() if n > 0},
        {p: float(n) for p, n in problems.items() if n > 0},
    )
