"""Is the probability beside the rule calibrated: on simulated services it was not fitted on, and on official records.

    python bench/judge/chance.py [--data DIR] [--quick] [--svg FILE]

``bench/fit/chance_world.py`` simulates services through the real Monitor; the seeds here are not those of the fit.
Intervals are bootstrapped over services, since the samples of one service hang together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
from reliability import Bin, diagram

sys.path.insert(0, str(Path(__file__).parents[1] / "fit"))
from chance_fit import Table, log_odds, rows
from chance_record import PAGES, UNTIL, Told, told, unseen_s
from chance_world import Sample, run

from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, Stage, State
from stillup.verdict.chance import probability as chance
from stillup.verdict.chance.table import ECHO, ECHO_GROWS, PRIOR, RECORDS, RUMOUR

Array = np.ndarray[Any, Any]

# Seeds 1 and 2 are of the fit; 11 and 12 were looked at while the formula was chosen; these were not.
SEEDS, SERVICES, WEEKS = (13, 14), 45, 2
QUICK_SEEDS, QUICK_SERVICES, QUICK_WEEKS = (21,), 8, 1
LAST = datetime(2026, 4, 1, tzinfo=UTC).timestamp()
_BOOTS = 400

RULES_OF_THUMB = {
    Family.OFFICIAL: (500.0, 0.4), Family.CROWD: (300.0, 0.3), Family.SOCIAL: (60.0, 0.6),
    Family.SEARCH: (20.0, 1.0), Family.PROBE: (100.0, 0.4), Family.TRAFFIC: (200.0, 0.2),
}  # fmt: skip
"""The table before this one, with a prior of 0.05: how much likelier (alarm, calm) is in an outage."""


def by_thumb(s: Sample) -> float:
    odds = log(0.05 / 0.95)
    for e in s.evidence:
        if e.standing is not Standing.NO_DATA:
            odds += log(RULES_OF_THUMB[e.family][e.standing is Standing.CALM])
    return min(0.999, max(0.001, 1 / (1 + exp(-odds))))


def by_rule(s: Sample) -> float:
    return {None: 0.001, Confidence.SUSPECTED: 0.5, Confidence.CONFIRMED: 0.999}[s.confidence]


def shipped(s: Sample) -> float:
    return chance.probability(s.evidence, s.now, page_outlived=s.outlived)


PREDICTORS: dict[str, Callable[[Sample], float]] = {
    "**shipped**": shipped, "rules of thumb, before": by_thumb, "the rule alone (0, ½, 1)": by_rule,
}  # fmt: skip


# -- simulation -------------------------------------------------------------------------------------------------------


def scores(samples: Sequence[Sample]) -> list[str]:
    """Brier score and log loss of every predictor, by what is going on."""
    lines = ["| samples | predictor | Brier | log loss |", "|---|---|---|---|"]
    parts = {
        "every quarter of an hour": [s for s in samples if not s.at_change],
        "those with any alarm": [s for s in samples if any(e.standing is Standing.ALARM for e in s.evidence)],
        "at a change of verdict": [s for s in samples if s.at_change],
    }
    for name, part in parts.items():
        truth = np.array([s.truth for s in part], float)
        head = f"{name}: {len(part):,}, {truth.mean():.1%} in a fault"
        who = np.array([s.service for s in part])
        found = {of: np.array([p(s) for s in part]) for of, p in PREDICTORS.items()}
        found["base rate"] = np.full(len(part), truth.mean())
        for of, p in found.items():
            brier = _interval((p - truth) ** 2, who)
            loss = _interval(-np.log(np.where(truth > 0, p, 1 - p)), who)
            lines.append(f"| {head} | {of} | {brier} | {loss} |")
            head = ""
    return lines


def _interval(values: Array, who: Array) -> str:
    sums, counts = np.bincount(who, values), np.bincount(who)
    drawn = np.random.default_rng(1).integers(len(sums), size=(_BOOTS, len(sums)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / np.maximum(1, counts[drawn].sum(axis=1)), (0.025, 0.975))
    return f"{values.mean():.4f} [{low:.4f}, {high:.4f}]"


def bins(samples: Sequence[Sample]) -> list[Bin]:
    """Ten equal bins of what was said: how often it was so, with an interval over services."""
    p, truth = np.array([shipped(s) for s in samples]), np.array([s.truth for s in samples], float)
    who = np.array([s.service for s in samples])
    n = int(who.max()) + 1
    drawn = np.random.default_rng(2).integers(n, size=(_BOOTS, n))
    found = []
    for k in range(10):
        inside = np.minimum((p * 10).astype(int), 9) == k
        if not inside.any():
            continue
        counts, hits = np.bincount(who[inside], minlength=n), np.bincount(who[inside], truth[inside], n)
        total = counts[drawn].sum(axis=1)
        shares = (hits[drawn].sum(axis=1) / np.maximum(total, 1))[total > 0]
        low, high = np.quantile(shares, (0.025, 0.975))
        found.append(Bin(int(inside.sum()), float(p[inside].mean()), float(truth[inside].mean()), low, high))
    return found


def reliability(found: Sequence[Bin]) -> list[str]:
    lines = ["| said, mean of the bin | samples | was so | 95 % interval |", "|---|---|---|---|"]
    return lines + [f"| {b.said:.3f} | {b.samples:,} | {b.seen:.3f} | {b.low:.3f} – {b.high:.3f} |" for b in found]


def agreement(samples: Sequence[Sample]) -> float:
    """The largest difference between the shipped formula and the one that was fitted."""
    table = Table(PRIOR, RUMOUR, ECHO, ECHO_GROWS, RECORDS)
    r = rows(samples)
    least = np.where(r.alarm.sum(axis=1) >= 2, chance.AGREED, chance.LEAST)
    fitted = np.clip(1 / (1 + np.exp(-log_odds(table.flat(), r))), least, chance.MOST)
    return max(abs(float(a) - shipped(s)) for a, s in zip(fitted, samples, strict=True))


# -- official records -------------------------------------------------------------------------------------------------


def page_alone(data: Path) -> list[str]:
    """What a red page alone is said to mean, beside how often the fault was there by the incident's own text."""
    lines = [
        "| page, posts of | stage | incidents | minutes red | said | was so | 95 % interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for page in PAGES:
        for since, until, months in ((0.0, UNTIL, "until 2025-12"), (UNTIL, LAST, "2026-01 to 03")):
            found = told(data, page, since, until)
            for stage in (Stage.INVESTIGATING, Stage.MONITORING):
                minutes = [_minutes(i, stage) for i in found]
                lines += _row(f"{page}, {months}", stage, [m for m in minutes if m])
    return lines


def _minutes(i: Told, stage: Stage) -> list[tuple[float, bool]]:
    """What is said, and the truth, each minute that an incident is in the stage."""
    mended = i.monitoring or i.closed
    start, end = (i.opened, mended) if stage is Stage.INVESTIGATING else (mended, i.closed)
    opened = datetime.fromtimestamp(i.opened, UTC)
    found = []
    for at_s in np.arange(start, end, 60.0):
        now = datetime.fromtimestamp(float(at_s), UTC)
        word = Evidence(family=Family.OFFICIAL, standing=Standing.ALARM, state=State.PARTIAL_OUTAGE,
                        since=opened, heard_at=now, stage=stage)  # fmt: skip
        found.append((chance.probability([word], now), bool(i.start <= at_s < i.end)))
    return found


def _row(head: str, stage: Stage, minutes: Sequence[Sequence[tuple[float, bool]]]) -> list[str]:
    if not minutes:
        return []
    n, hits = np.array([len(m) for m in minutes]), np.array([sum(t for _, t in m) for m in minutes])
    said = sum(p for m in minutes for p, _ in m) / n.sum()
    drawn = np.random.default_rng(3).integers(len(n), size=(_BOOTS, len(n)))
    low, high = np.quantile(hits[drawn].sum(axis=1) / n[drawn].sum(axis=1), (0.025, 0.975))
    words = "monitoring" if stage is Stage.MONITORING else "before"
    share = hits.sum() / n.sum()
    interval = f"{low:.2f} – {high:.2f}" if hits.any() else f"none of {len(n)}"
    return [f"| {head} | {words} | {len(n)} | {n.sum():,} | {said:.2f} | {share:.2f} | {interval} |"]


def calm_page(data: Path) -> str:
    """What a calm page alone is said to mean, beside the least it was."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    word = Evidence(family=Family.OFFICIAL, standing=Standing.CALM, heard_at=now)
    seen, calm = unseen_s(data, PAGES[0], UNTIL, LAST)
    return (
        f"A calm page alone is said to leave {chance.probability([word], now):.3f}. Of the {calm / 3600:,.0f} hours of "
        f"2026-01 to 03 in which {PAGES[0]}'s page was calm, texts own up to a fault in {seen / calm:.4f}; that is the "
        "least it was, for most texts do not say when the fault was and some faults are never told."
    )


def report(data: Path | None, *, quick: bool, svg: Path | None = None) -> str:
    """Everything as markdown; without ``data`` the part on records is left out.

    :raises LookupError: ``data`` is given and has no incident record.
    """
    seeds, services, weeks = (QUICK_SEEDS, QUICK_SERVICES, QUICK_WEEKS) if quick else (SEEDS, SERVICES, WEEKS)
    samples = [
        s._replace(service=s.service + k * services) for k, seed in enumerate(seeds) for s in run(seed, services, weeks)
    ]
    found = bins(samples)
    if svg:
        svg.write_text(diagram(found, f"simulated, {len(samples):,} samples of {services * len(seeds)} services"))
    intro = (
        f"Simulated: {services * len(seeds)} services over {weeks} weeks through the real Monitor, seeds not used in "
        "the fit; pages behave as the official records say, the rest is assumed (docs/probability.md). Intervals are "
        "bootstrapped over services."
    )
    parts = [
        "### The probability beside the rule",
        intro,
        "\n".join(scores(samples)),
        "\n".join(reliability(found)),
        f"The formula that was fitted and the one that is shipped differ by at most {agreement(samples):.4f}.",
    ]
    if data is not None:
        parts += ["Official records: a red page and nothing else.", "\n".join(page_alone(data)), calm_page(data)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--svg", type=Path, help="draw the reliability diagram there")
    args = parser.parse_args()
    print(report(args.data, quick=args.quick, svg=args.svg))


if __name__ == "__main__":
    main()
