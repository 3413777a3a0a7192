"""Fit the figures of downtime and write them, with their provenance, into the catalogue.

    STILLUP_DATA=/path/to/data python bench/fit/downtime_fit.py [--data DIR] [--until 2026-01-01] [--print]

What was on a page before ``--until`` is used, nothing later: of each subject the last two years, or as far back as it
takes to see ten outages, five years at most. Peers are fitted by moments over the subjects (empirical Bayes), every
subject's belief starts from its peers. The share of a common cause of two is fitted by a quasi-Poisson likelihood of
how often both were down at once, whose dispersion comes from a bootstrap by blocks of four weeks, and shrunk towards
what two of their relation share; that is fitted by marginal likelihood over all pairs of the relation.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from math import log
from pathlib import Path
from statistics import fmean, median, variance
from typing import NamedTuple

import msgspec
import numpy as np
from downtime_data import YEAR_S, History, load, stamp
from numpy.typing import NDArray

from stillup.catalog.load import catalogue
from stillup.risk.joint import possible_shared
from stillup.risk.kin import Kin, kin
from stillup.risk.posterior import Prior, after, mean_length
from stillup.risk.shipped import Figure, Pair, Provenance, Shared, Table
from stillup.risk.stretches import Seen, all_down, seen
from stillup.risk.values import HOURS_A_YEAR, Subject, Watched

TARGET = Path(__file__).parents[2] / "src/stillup/catalog/downtime.json"
LEAST_DAYS, LEAST_OUTAGES = 180, 10
YEARS, MOST_YEARS, ENOUGH = 2, 5, 10
BLOCK_S = 28 * 86_400.0
IMPACT = 0.8
"""True hours by hours on the page, of 44 outages whose text states when it really was (27 of Claude: 0.5; 17 of GitHub:
1.2). It moves every length; how little it is known is in how little a shipped record weighs."""
WIDE = 4.0
"""For vendors and years that the record has not: the variance of mean log lengths is so many times as much."""
COVERS = {
    "aws": "EC2, load balancing and S3 of N. Virginia",
    "gcp": "Compute Engine and networking of any region",
    "vertex": "any part in any region",
    "cloudflare": "any part but single cities",
}
THIRD = (2.0, 1.0)
"""Assumed: no record has enough of three vendors at once. What two share is mostly a cloud, and takes all on it."""
LEAST_SHAPE, MOST_SHAPE = 0.3, 2.0
"""Of two with nothing in common it is not known that they have nothing; few vendors tell how alike their parts are."""
NOTHING = {Kin.NONE: 0.5, Kin.SHARED: 0.3, Kin.STANDS_ON: 0.2, Kin.SAME: 0.0, Kin.LOCAL: 0.5}
"""How likely such two are to share no cause at all. Assumed: no record is long enough to see that it never happens."""
GRID = np.array(possible_shared(Shared(none=0.0, share=(1.0, 1.0)))[0])
Floats = NDArray[np.float64]


class Both(NamedTuple):
    """What the record of two says."""

    one: Subject
    other: Subject
    days: float
    together: int
    spread: float
    """Dispersion of the number of times that both went down; 1: as Poisson."""
    shares: tuple[float, float]
    likelihood: Floats
    """Of the share of a common cause, on ``GRID``."""


def fit(history: History, until: float) -> Table:
    """The table from what was known at ``until``."""
    records = {s: recent(history, s, until) for s in history.spans}
    records = {s: r for s, r in records.items() if seen(r).days >= LEAST_DAYS}
    told = {s: seen(r) for s, r in records.items()}
    peers = peers_of([s for s in told.values() if s.begun >= 3])
    figures = {str(s): figure(history, s, records[s], peers, until) for s in sorted(records, key=str)}
    pairs = [b for p in combinations(sorted(records, key=str), 2) if (b := both(history, *p, until))]
    kins = {k: kin_of([b for b in pairs if kin(b.one, b.other) is k], k) for k in Kin}
    day = datetime.fromtimestamp(until, UTC).date().isoformat()
    return Table(
        provenance=Provenance(
            script="bench/fit/downtime_fit.py",
            until=day,
            note="Public status pages; derived figures only. Down is what a page called a partial or major outage.",
        ),
        peers=peers,
        figures=figures,
        pairs={f"{b.one}+{b.other}": pair(b, kins[kin(b.one, b.other)]) for b in pairs if _asked_for(b)},
        kin=kins,
        near=near_of(history, pairs, until),
        third=THIRD,
    )


def recent(history: History, subject: Subject, until: float) -> Watched:
    record = history.watched(subject, until - YEARS * YEAR_S, until)
    for years in range(YEARS + 1, MOST_YEARS + 1):
        if seen(record).begun >= ENOUGH:
            break
        record = history.watched(subject, until - years * YEAR_S, until)
    return record


def peers_of(told: Sequence[Seen]) -> Prior:
    """Between subjects: a gamma of rates, a normal of mean log lengths, an inverse gamma of their variance."""
    rates = [s.begun / s.up_years for s in told]
    logs = [[log(h) for h in s.ended] for s in told]
    means = [fmean(x) for x in logs]
    spreads = [variance(x) for x in logs if len(x) >= 5]
    noise = fmean(r / s.up_years for r, s in zip(rates, told, strict=True))
    shape = fmean(rates) ** 2 / max(variance(rates) - noise, 1.0)
    within = fmean(spreads)
    between = max(variance(means) - within * fmean(1 / len(x) for x in logs), 0.1) * WIDE
    return rounded(
        Prior(
            shape=shape,
            years=shape / fmean(rates),
            log_hours=median(means) + log(IMPACT),
            lengths=within / between,
            spread2=within,
            freedom=6.0,
        )
    )


def figure(history: History, subject: Subject, record: Watched, peers: Prior, until: float) -> Figure:
    told = seen(record)
    begin = record.watched[0][0]
    hurt = history.watched(subject, begin, until, outage=False)
    by: dict[str, float] = defaultdict(float)
    for d in history.downs:
        if d.subject == subject and begin <= d.begin < until:
            by[d.impact] += (min(d.end, until) - d.begin) / 3600 / told.days * 365.25
    lengths = sorted(told.ended)
    return Figure(
        days=round(told.days),
        until=datetime.fromtimestamp(record.watched[-1][1], UTC).date().isoformat(),
        incidents=told.begun,
        covers=COVERS.get(str(subject), ""),
        belief=belief(peers, told),
        degraded=belief(peers, seen(hurt)),
        hours={k: round(v, 1) for k, v in sorted(by.items())},
        lengths_h=_three(lengths, (0.1, 0.5, 0.9)) if len(lengths) > 9 else None,
    )


def _three(lengths: Sequence[float], at: tuple[float, float, float]) -> tuple[float, float, float]:
    low, mid, high = (round(lengths[int(q * len(lengths))], 2) for q in at)
    return low, mid, high


def belief(peers: Prior, told: Seen) -> Prior:
    true = tuple(h * IMPACT for h in told.ended)
    return rounded(after(peers, Seen(up_years=told.up_years, ended=true, days=told.days)))


def both(history: History, one: Subject, other: Subject, until: float) -> Both | None:
    """What the record says of two that have one at the same time, and are not a whole and its part."""
    if one.service == other.service and None in (one.component, other.component):
        return None
    records = [history.watched(s, until - MOST_YEARS * YEAR_S, until) for s in (one, other)]
    joint = all_down(records)
    told = seen(joint)
    if told.days < LEAST_DAYS:
        return None
    begin, end = joint.watched[0][0], joint.watched[-1][1]
    p, q = (sum(e - b for b, e in within(r, begin, end)) / (end - begin) for r in records)
    downs = [within(r, begin, end) for r in records]
    if min(map(len, downs)) < LEAST_OUTAGES:
        return None
    starts = np.array([b for b, _ in joint.down])
    spread = dispersion(starts, begin, end)
    singles = [fmean((e - b) / 3600 for b, e in down) for down in downs]
    overlap = [(e - b) / 3600 for b, e in joint.down]
    hours = (sum(overlap) + 0.5 * min(singles)) / (len(overlap) + 1)  # one more, of half the shorter, as a start
    expected = (p * q + GRID * min(p, q)) * HOURS_A_YEAR / hours * told.up_years
    likelihood = (len(overlap) * np.log(expected) - expected) / spread
    return Both(one, other, told.days, len(overlap), spread, (p, q), np.exp(likelihood - likelihood.max()))


def within(record: Watched, begin: float, end: float) -> list[tuple[float, float]]:
    return [(max(b, begin), min(e, end)) for b, e in record.down if b < end and e > begin]


def dispersion(starts: Floats, begin: float, end: float) -> float:
    """Variance by mean of a number of events over blocks of four weeks, bootstrapped; never less than Poisson's."""
    if len(starts) < 3:
        return 1.0
    counts = np.histogram(starts, bins=np.arange(begin, end + BLOCK_S, BLOCK_S))[0]
    random = np.random.default_rng(len(starts))
    sums = counts[random.integers(0, len(counts), (400, len(counts)))].sum(axis=1)
    return float(max(1.0, sums.var() / sums.mean()))


def kin_of(pairs: Sequence[Both], of: Kin) -> Shared:
    """What two of a relation share: what makes their records likeliest, and is not too narrow."""
    if of is Kin.LOCAL:
        return Shared(none=NOTHING[of], share=(0.5, 40.0))  # assumed: nobody's record has it
    best, found = -np.inf, Shared(none=NOTHING[of], share=(LEAST_SHAPE, 10.0))
    for mean in (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.45, 0.55):
        for weight in (1.0, 2.0, 4.0, 6.0, 8.0):
            if not LEAST_SHAPE <= min(mean, 1 - mean) * weight <= MOST_SHAPE:
                continue
            tried = Shared(none=NOTHING[of], share=(round(mean * weight, 4), round((1 - mean) * weight, 4)))
            weights = np.array(possible_shared(tried)[1])
            score = sum(log(max(float((weights * b.likelihood).sum()), 1e-300)) for b in pairs)
            if score > best:
                best, found = score, tried
    return found


def pair(found: Both, of_kin: Shared) -> Pair:
    weights = np.array(possible_shared(of_kin)[1]) * found.likelihood
    weights /= weights.sum()
    some = weights[1:] / weights[1:].sum()
    mean = float((some * GRID[1:]).sum())
    var = max(float((some * (GRID[1:] - mean) ** 2).sum()), 1e-8)
    weight = min(max(mean * (1 - mean) / var - 1, 0.5), 200.0)
    ends = GRID[np.searchsorted(np.cumsum(weights), [0.5, 0.05, 0.95]).clip(max=len(GRID) - 1)].tolist()
    each = min(found.shares) / (found.shares[0] * found.shares[1])
    low, mid, high = (round(1 + b * each, 2) for b in (ends[1], ends[0], ends[2]))
    return Pair(
        days=round(found.days),
        together=found.together,
        times=(mid, low, high),
        shared=Shared(none=round(float(weights[0]), 4), share=(round(mean * weight, 4), round((1 - mean) * weight, 4))),
    )


def near_of(history: History, pairs: Sequence[Both], until: float) -> tuple[float, float]:
    """Two parts of one service and a third elsewhere: all three are down, of when the two that are tied least are."""
    together = {(b.one, b.other): b.together for b in pairs}
    subjects = sorted({s for b in pairs for s in (b.one, b.other)}, key=str)
    shares = []
    for trio in combinations(subjects, 3):
        if len({s.service for s in trio}) != 2 or any(together.get(p, 0) < 3 for p in combinations(trio, 2)):
            continue
        records = [history.watched(s, until - MOST_YEARS * YEAR_S, until) for s in trio]
        joint = all_down(records)
        begin, end = joint.watched[0][0], joint.watched[-1][1]
        cut = [Watched(watched=joint.watched, down=tuple(within(r, begin, end))) for r in records]
        shares.append(min(1.0, _hours(joint) / min(_hours(all_down(list(p))) for p in combinations(cut, 2))))
    mean = fmean(shares) if shares else 0.8
    print(f"near: {len(shares)} trios, mean {mean:.2f}, quartiles {np.quantile(shares or [0.8], [0.25, 0.75])}")
    return (round(8 * mean, 3), round(8 * (1 - mean), 3))


def _hours(record: Watched) -> float:
    return sum(e - b for b, e in record.down) / 3600


def _asked_for(pair: Both) -> bool:
    return pair.one.service in catalogue() and pair.other.service in catalogue()


def rounded(prior: Prior) -> Prior:
    return msgspec.convert({k: round(v, 4) for k, v in msgspec.to_builtins(prior).items()}, Prior)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("STILLUP_DATA", "")) or None)
    parser.add_argument("--until", default="2026-01-01")
    parser.add_argument("--print", action="store_true", help="only say what would be written")
    args = parser.parse_args()
    try:
        history = load(args.data)
    except LookupError as exc:
        print(exc, file=sys.stderr)
        return 64
    table = fit(history, stamp(args.until))
    print("peers", table.peers, "mean length", round(mean_length(table.peers.log_hours, table.peers.spread2), 2), "h")
    print("kin", {k.value: (v.none, v.share) for k, v in table.kin.items()}, "third", table.third)
    for name, known in table.figures.items():
        print(f"{name:26} {known.days:5.0f} days {known.incidents:4} outages {known.hours} {known.lengths_h}")
    for name, two in table.pairs.items():
        print(
            f"{name:40} {two.days:5.0f} days {two.together:4} together, times {two.times}, "
            f"shared {two.shared.none, two.shared.share}"
        )
    if not args.print:
        TARGET.write_bytes(msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
