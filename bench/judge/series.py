"""The detector of plain series against usual ones at equal false alarms, on generated series (simulated).

    python bench/judge/series.py [--data DIR] [--quick]

Eight kinds of series, each from its seed alone: steady, heavy-tailed, autocorrelated, with day and week, with bursts,
rare counts, shares, and a wandering level. Development used draws of its own; those here were made for the report.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from math import exp, inf, log, pi, sin, sqrt
from pathlib import Path
from statistics import median
from typing import NamedTuple

from stillup.verdict.series.detector import DEFAULT_RUN, Kind, Series

Points = list[tuple[float, float]]
START = 1_700_000_000.0
REST = 30
LASTS = 60


class Sort(NamedTuple):
    """A kind of series: what it is called, what it is to the detector, its interval, and how its values come."""

    name: str
    kind: Kind
    gap_s: float
    values: Callable[[random.Random, int, float], list[float]]


def _times(n: int, gap_s: float) -> list[float]:
    return [START + i * gap_s for i in range(n)]


def _ar(rng: random.Random, n: int, phi: float, scale: float) -> list[float]:
    out, x = [], 0.0
    for _ in range(n):
        x = phi * x + rng.gauss(0, scale)
        out.append(x)
    return out


def steady(rng: random.Random, n: int, gap_s: float) -> list[float]:  # noqa: ARG001
    return [exp(5 + 0.3 * rng.gauss(0, 1)) for _ in range(n)]


def heavy(rng: random.Random, n: int, gap_s: float) -> list[float]:  # noqa: ARG001
    return [exp(5 + 0.3 * rng.gauss(0, 1) / sqrt(rng.gammavariate(1.5, 1 / 1.5))) for _ in range(n)]


def load(rng: random.Random, n: int, gap_s: float) -> list[float]:  # noqa: ARG001
    return [max(0.0, 40 + 2 * x) for x in _ar(rng, n, 0.9, 1.0)]


def traffic(rng: random.Random, n: int, gap_s: float) -> list[float]:
    noise = _ar(rng, n, 0.7, 0.05)
    out = []
    for t, x in zip(_times(n, gap_s), noise, strict=True):
        day, weekend = 2 * pi * t / 86_400, int(t / 86_400 + 4) % 7 >= 5
        out.append(1000 * exp(0.8 * sin(day) + 0.3 * sin(2 * day) + x) * (0.85 if weekend else 1.0))
    return out


def mentions(rng: random.Random, n: int, gap_s: float) -> list[float]:
    out, burst = [], 0.0
    for t in _times(n, gap_s):
        burst = rng.expovariate(1 / 1.5) if rng.random() < 0.003 else 0.8 * burst
        mean = 30 * exp(0.6 * sin(2 * pi * t / 86_400) + burst + 0.2 * rng.gauss(0, 1))
        out.append(float(max(0, round(rng.gauss(mean, sqrt(mean))))))
    return out


def share(rng: random.Random, n: int, gap_s: float) -> list[float]:  # noqa: ARG001
    return [min(1.0, 0.01 * exp(x) + 0.003 * rng.random()) for x in _ar(rng, n, 0.8, 0.2)]


def rare(rng: random.Random, n: int, gap_s: float) -> list[float]:
    out = []
    for t in _times(n, gap_s):
        count, left = 0.0, rng.expovariate(1.0)
        mean = 0.3 * exp(0.5 * sin(2 * pi * t / 86_400))
        while left < mean:
            count, left = count + 1, left + rng.expovariate(1.0)
        out.append(count)
    return out


def wander(rng: random.Random, n: int, gap_s: float) -> list[float]:  # noqa: ARG001
    return [50 * exp(x + 0.05 * rng.gauss(0, 1)) for x in _ar(rng, n, 0.995, 0.05)]


SORTS = (
    Sort("steady latency, 1 min", Kind.LATENCY, 60.0, steady),
    Sort("heavy-tailed latency, 1 min", Kind.LATENCY, 60.0, heavy),
    Sort("wandering latency, 1 min", Kind.LATENCY, 60.0, wander),
    Sort("autocorrelated load, 5 min", Kind.RATE, 300.0, load),
    Sort("error share, 1 min", Kind.RATE, 60.0, share),
    Sort("requests with day and week, 5 min", Kind.COUNT, 300.0, traffic),
    Sort("mentions with bursts, 5 min", Kind.COUNT, 300.0, mentions),
    Sort("rare counts, 1 min", Kind.COUNT, 60.0, rare),
)


def series(sort: Sort, n: int, seed: int) -> Points:
    return list(zip(_times(n, sort.gap_s), sort.values(random.Random(seed), n, sort.gap_s), strict=True))


# -- scores: row by row, the higher the more of an alarm --------------------------------------------------------------


def standard(points: Points) -> list[float]:
    """Deviations of ln(1 + value) from a running mean, in running standard deviations (memory 300 rows)."""
    out, level, var, n = [], 0.0, 1.0, 0.0
    for _, value in points:
        z = log(1.0 + 100.0 * value)
        n = min(300.0, n + 1.0)
        d = z - level
        out.append(d / sqrt(var) if n > 25 else 0.0)
        d = max(-3 * sqrt(var), min(3 * sqrt(var), d)) if n > 25 else d
        level += d / n
        var = max(1e-6, var + (d * d - var) / n)
    return out


def sigma(points: Points) -> list[float]:
    return [abs(d) for d in standard(points)]


def ewma(points: Points) -> list[float]:
    out, level = [], 0.0
    for d in standard(points):
        level += 0.2 * (d - level)
        out.append(abs(level) * 3.0)
    return out


def cusum(points: Points) -> list[float]:
    out, up, down = [], 0.0, 0.0
    for d in standard(points):
        up, down = max(0.0, up + min(d, 8.0) - 0.75), max(0.0, down - max(d, -8.0) - 0.75)
        out.append(max(up, down))
    return out


BASELINES = {"3-sigma": sigma, "EWMA": ewma, "CUSUM": cusum}


def begins(scores: list[float], bar: float) -> list[int]:
    found, last = [], -REST
    for i, score in enumerate(scores):
        if score > bar:
            if i - last >= REST:
                found.append(i)
            last = i
    return found


def bar_for(calm: list[list[float]], alarms: int) -> float:
    """The lowest bar with at most so many alarms on calm series."""
    low, high = 0.0, 1e4
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if sum(len(begins(s, middle)) for s in calm) <= alarms else (middle, high)
    return high


def ours(sort: Sort, points: Points) -> list[int]:
    detector = Series(sort.kind)
    return [i for i, (at_s, value) in enumerate(points) if detector.take(at_s, value).alarm]


# -- report -----------------------------------------------------------------------------------------------------------


def broken(points: Points, start: int, times: float) -> Points:
    return [(t, v * times if start <= i < start + LASTS else v) for i, (t, v) in enumerate(points)]


def delay(found: list[int], start: int) -> float:
    return next((i - start + 1.0 for i in found if start <= i < start + LASTS), inf)


def row(sort: Sort, *, quick: bool) -> str:
    n, calm_runs, fault_runs = (3000, 1, 3) if quick else (8000, 4, 12)
    calm = [series(sort, n, 2 * k + 1) for k in range(calm_runs)]
    alarms = sum(len(ours(sort, points)) for points in calm)
    bars = {name: bar_for([f(p) for p in calm], alarms) for name, f in BASELINES.items()}
    cells = [sort.name, f"{alarms} in {n * calm_runs}"]
    folds = (1.5, 2.0, 4.0) if sort.kind is Kind.LATENCY or sort.name.startswith("error") else (0.3, 2.0, 4.0)
    for times in folds:
        delays: dict[str, list[float]] = {name: [] for name in ("ours", *BASELINES)}
        for k in range(fault_runs):
            start = n - LASTS - 1 - 97 * k
            points = broken(series(sort, n, 1001 + 2 * k), start, times)
            delays["ours"].append(delay(ours(sort, points), start))
            for name, f in BASELINES.items():
                delays[name].append(delay(begins(f(points), bars[name]), start))
        cells.append(f"×{times:g}: " + " / ".join(_median(d) for d in delays.values()))
    return f"| {' | '.join(cells)} |"


def _median(delays: list[float]) -> str:
    middle = median(delays)
    missed = sum(d == inf for d in delays) / len(delays)
    return ("–" if middle == inf else f"{middle:g}") + (f" ({missed:.0%} missed)" if missed else "")


def report(data: Path | None, *, quick: bool) -> str:  # noqa: ARG001 - all simulated
    """Everything as markdown."""
    rows = [row(sort, quick=quick) for sort in SORTS]
    points = series(SORTS[5], 4000 if quick else 20_000, 1)
    began = time.perf_counter()
    ours(SORTS[5], points)
    spent = (time.perf_counter() - began) / len(points) * 1e6
    head = "| series | false alarms | fault | fault | fault |\n|---|---|---|---|---|"
    return (
        "### Plain series (`stillup detect`)\n\n"
        f"Simulated. A fault multiplies {LASTS} rows. Cells: median delay in rows of this detector / 3-sigma / "
        "EWMA / CUSUM, whose bars are set for each kind of series so that they raise as many false alarms as this "
        f"detector does at its default promise ({DEFAULT_RUN} rows): they know the series beforehand, it does not.\n\n"
        f"{head}\n" + "\n".join(rows) + f"\n\n{spent:.0f} µs a row.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    print(report(args.data, quick=args.quick))


if __name__ == "__main__":
    main()
