"""The outcome detector: run length achieved beside the promised one, delay, recovery, and real probes.

    python bench/judge/outcomes.py [--data DIR] [--quick]

``DIR/incidents/probe_outcomes_together.jsonl`` holds real probes of one model, one a line, every five minutes.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable
from math import exp, log
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from probes import KEY, feed, real, stream_for

from stillup.verdict.outcomes.stream import OutcomeStream
from stillup.verdict.settings import DAY_S, Settings

_RUN_LENGTH = """\
Simulated. *Run length*: false alarms of one key's tests at a promise of 30 days, after four days of learning. Bursts:
after a failure one in two fails (single tries), or minutes whose rate is beta with correlation 1/31."""
_DELAY = """\
Simulated. *Delay* at default settings (32 years for one key), usual failures 0.5 %: median from the first failing tick,
the bound log(run length)/KL beside it; *back*: from the first good tick; *false ends*: alarms that ended while the
fault went on."""

PROMISE_D = 30.0


# -- run length -------------------------------------------------------------------------------------------------------


def calm(rng: random.Random, ticks: int, gap_s: float, n: int, rate: float, bursts: str) -> Iterable[tuple[float, int]]:
    """Usual failures (simulated): alone, in runs (after a failure one in two fails), or in minutes that fail more."""
    failing = False
    for i in range(ticks):
        if n == 1:
            start = rate if bursts == "none" else rate * 0.5 / (1.0 - rate)
            failing = rng.random() < (0.5 if failing and bursts != "none" else start)
            yield (i + 1) * gap_s, int(failing)
            continue
        p = rate if bursts == "none" else rng.betavariate(rate * 30, (1 - rate) * 30)
        yield (i + 1) * gap_s, sum(rng.random() < p for _ in range(n))


def achieved(rate: float, gap_s: float, n: int, bursts: str, days: float, seed: int) -> int:
    """False alarms after four days of learning."""
    stream, rng, alarms, was = stream_for(PROMISE_D), random.Random(seed), 0, False
    learn = 4 * DAY_S
    for at_s, failed in calm(rng, int((days * DAY_S + learn) / gap_s), gap_s, n, rate, bursts):
        now = feed(stream, at_s, n - failed, failed)
        alarms += now and not was and at_s > learn
        was = now
    return alarms


def between(alarms: int, days: float) -> str:
    """Achieved run length with its exact 95 % Poisson interval, in days."""
    low, high = poisson_bounds(alarms)
    top = "∞" if low == 0 else f"{days / low:.0f}"
    return f"{days / alarms:.0f} ({days / high:.0f}–{top})" if alarms else f"> {days / high:.0f}"


def poisson_bounds(k: int) -> tuple[float, float]:
    def tail(mean: float, upto: int) -> float:
        term = total = exp(-mean)
        for i in range(1, upto + 1):
            term *= mean / i
            total += term
        return total

    def solve(upto: int, level: float) -> float:
        low, high = 0.0, k + 10.0 * (k + 4) ** 0.5
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if tail(middle, upto) > level else (low, middle)
        return low

    return (solve(k - 1, 0.975) if k else 0.0), solve(k, 0.025)


def run_lengths(*, quick: bool) -> list[str]:
    rows = ["| usual failures | bursts | tries | promised | achieved, days (95 %) |", "|---|---|---|---|---|"]
    for gap_s, n, days in ((300.0, 1, 20 if quick else 1500), (60.0, 20, 1 if quick else 60)):
        for rate in (0.01, 0.1) if quick else (0.001, 0.01, 0.03, 0.1):
            for bursts in ("none", "yes"):
                alarms = achieved(rate, gap_s, n, bursts, days, seed=int(rate * 1000) + n)
                every = f"{n} every {gap_s / 60:.0f} min"
                rows.append(f"| {rate:.1%} | {bursts} | {every} | {PROMISE_D:.0f} | {between(alarms, days)} |")
    return rows


# -- delay ------------------------------------------------------------------------------------------------------------


def divergence(rate: float, usual: float) -> float:
    """Nats a try brings when it fails at ``rate`` and ``usual`` was expected."""
    if rate >= 1.0:
        return -log(usual)
    return rate * log(rate / usual) + (1 - rate) * log((1 - rate) / (1 - usual))


def delays(*, quick: bool) -> list[str]:
    usual, runs = 0.005, 4 if quick else 60
    rows = [
        "| tries | failing | delay, min | bound, min | ratio | missed | back, min | false ends |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for gap_s, n in ((60.0, 1), (300.0, 1), (60.0, 20), (60.0, 1000)):
        for rate in (0.25, 0.5, 0.75, 1.0) if n == 1 else (0.05, 0.25, 1.0):
            found = [fault(rate, usual, gap_s, n, seed) for seed in range(runs)]
            seen = [f[0] for f in found if f[0] is not None]
            back = [f[1] for f in found if f[1] is not None]
            settings = Settings()
            bound = max(1.0, settings.threshold(gap_s) / (n * divergence(rate, usual))) * gap_s / 60
            delay = median(seen) if seen else float("nan")
            rows.append(
                f"| {n} every {gap_s / 60:.0f} min | {rate:.0%} | {delay:.0f} | {bound:.0f} | {delay / bound:.1f} "
                f"| {sum(f[0] is None for f in found)} of {runs} | {median(back) if back else float('nan'):.0f} "
                f"| {sum(f[2] for f in found)} |"
            )
    return rows


def fault(rate: float, usual: float, gap_s: float, n: int, seed: int) -> tuple[float | None, float | None, int]:
    """Delay and recovery in minutes, and how often the alarm ended too soon; default settings."""
    rng, stream = random.Random(seed), OutcomeStream(KEY, Settings())
    warm, lasts, after = (300 if n > 100 else 800), 90, 120
    delay = back = None
    ends, was = 0, False
    for i in range(warm + lasts + after):
        p = rate if warm <= i < warm + lasts else usual
        failed = sum(rng.random() < p for _ in range(n))
        now = feed(stream, (i + 1) * gap_s, n - failed, failed)
        if now and delay is None and warm <= i < warm + lasts:
            delay = (i - warm + 1) * gap_s / 60
        if was and not now and i >= warm:
            if i < warm + lasts:
                ends += 1
            elif back is None:
                back = (i - warm - lasts + 1) * gap_s / 60
        was = now
    return delay, back, ends


def report(data: Path | None, *, quick: bool) -> str:
    """Everything as markdown.

    :raises LookupError: there are no probes under ``data``.
    """
    if data is None or not (data / "incidents" / "probe_outcomes_together.jsonl").is_file():
        msg = "incidents/probe_outcomes_together.jsonl is needed"
        raise LookupError(msg)
    parts = [
        "### Outcomes: run length, delay, recovery",
        _RUN_LENGTH,
        "\n".join(run_lengths(quick=quick)),
        _DELAY,
        "\n".join(delays(quick=quick)),
        "Real probes.",
        "\n".join(real(data, quick=quick)),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    print(report(args.data, quick=args.quick))


if __name__ == "__main__":
    main()
