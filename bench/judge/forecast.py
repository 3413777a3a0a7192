"""Score the forecast of recovery on months it was not fitted on, beside simpler forecasts.

    python bench/judge/forecast.py [--data DIR] [--quick]

Every live incident of the tested months is asked about 0, 15, 30, 60 and 120 minutes after its first post, as it was
known then. The score is the mean over five quantiles of the pinball loss of ln(remaining seconds); intervals are
bootstrapped over incidents, pairwise.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import exp, lgamma, log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "fit"))
from forecast_data import STAGED, Incident, begun_between, load
from forecast_fit import fit

from stillup.catalog.forecast import forecast_table
from stillup.verdict.forecast.forecaster import Forecaster
from stillup.verdict.forecast.next import chance_of_another
from stillup.verdict.forecast.question import Question
from stillup.verdict.forecast.record import Record
from stillup.verdict.forecast.table import Table

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
HORIZONS_MIN = (0, 15, 30, 60, 120)
LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
RULES_H = (
    (("login", "log in", "sign in", "auth", "oauth", "sso"), (2.0, 4.0)),
    (("history", "conversations missing", "database"), (1.0, 6.0)),
    (("overload", "elevated", "529", "capacity", "rate limit", "api"), (0.5, 2.0)),
)
OTHER_H = (4.0, 12.0)
OURS, ROLLING, EVERYONE, RULES = "stillup", "rolling 100", "all services", "usual ranges"

Floats = NDArray[np.float64]


class Scored(NamedTuple):
    """One question: which incident, how many minutes in, ln of what it took, and every model's quantiles in ln."""

    incident: str
    service: str
    minutes: int
    left: float
    quantiles: Mapping[str, Floats]


def score(tested: Iterable[Incident], known: Sequence[Incident], record: Record, table: Table) -> list[Scored]:
    forecaster = Forecaster(table)
    everyone = np.array([i.lasted_s for i in known if i.live and i.ended < datetime(2026, 1, 1, tzinfo=UTC)])
    found = []
    for incident in tested:
        for minutes in HORIZONS_MIN:
            after_s = minutes * 60.0
            if incident.lasted_s - after_s < 1:
                continue
            question = incident.question(after_s)
            past = record.before(question.service, question.at, 100)
            predicted = forecaster.predict(question, record)
            found.append(
                Scored(
                    incident.id,
                    incident.service,
                    minutes,
                    log(incident.lasted_s - after_s),
                    {
                        OURS: np.log([predicted.quantile_s(float(p)) for p in LEVELS]),
                        ROLLING: empirical(past.lasted_s, after_s),
                        EVERYONE: empirical(everyone, after_s),
                        RULES: usual_range(question, after_s),
                    },
                )
            )
    return found


def empirical(lasted_s: Floats, elapsed_s: float) -> Floats:
    """Quantiles of the remaining time of what lasted longer than this has; half as long again where nothing did."""
    left = lasted_s[lasted_s > elapsed_s] - elapsed_s
    if not len(left):
        left = np.array([max(elapsed_s, 600) / 2])
    return np.asarray(np.log(np.quantile(left, LEVELS)))


def usual_range(question: Question, elapsed_s: float) -> Floats:
    """The usual range of the class that the title points at, as the 10 % and 90 % quantiles of a log-normal."""
    title = (question.title or "").lower()
    low, high = next((r for words, r in RULES_H if any(w in title for w in words)), OTHER_H)
    middle, wide = (log(low * 3600) + log(high * 3600)) / 2, (log(high) - log(low)) / 2 / 1.2816
    draws = np.exp(middle + wide * _normal_grid())
    return empirical(draws, elapsed_s)


def _normal_grid() -> Floats:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf((i + 0.5) / 2000) for i in range(2000)])


def pinball(left: Floats, quantiles: Floats) -> Floats:
    error = left[:, None] - quantiles
    return np.asarray(np.maximum(LEVELS * error, (LEVELS - 1) * error).mean(axis=1))


def tables(scored: Sequence[Scored], draws: int) -> str:
    """Losses, gains with 95 % intervals and coverage, by horizon."""
    models = list(scored[0].quantiles)
    rows = _head(models)
    for minutes in HORIZONS_MIN:
        rows += [_row(f"{minutes} min", [s for s in scored if s.minutes == minutes], models, draws)]
    rows.append(_row("15–120 min", [s for s in scored if s.minutes], models, draws))
    seconds = [_loss_seconds(scored, minutes, models) for minutes in HORIZONS_MIN]
    rows += [
        "",
        "Pinball loss in minutes:",
        "",
        "| after | " + " | ".join(models) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    rows += seconds
    return "\n".join(rows)


def _head(models: Sequence[str]) -> list[str]:
    last = "gain on rolling (95 %) | 80 % interval covers (band) | rolling covers"
    return [f"| after | open | {' | '.join(models)} | {last} |", "|---" * (len(models) + 5) + "|"]


def _row(name: str, some: Sequence[Scored], models: Sequence[str], draws: int) -> str:
    left = np.array([s.left for s in some])
    losses = {m: pinball(left, np.array([s.quantiles[m] for s in some])) for m in models}
    best = min(models, key=lambda m: losses[m].mean())
    cells = [f"**{losses[m].mean():.3f}**" if m == best else f"{losses[m].mean():.3f}" for m in models]
    low, high = _interval([s.incident for s in some], losses[OURS], losses[ROLLING], draws)
    gain = 1 - losses[OURS].mean() / losses[ROLLING].mean()
    band = _band(len(some))
    covers = {m: np.mean([s.quantiles[m][0] <= s.left <= s.quantiles[m][-1] for s in some]) for m in (OURS, ROLLING)}
    inside = "" if band[0] <= covers[OURS] <= band[1] else " outside"
    spread = f"({band[0]:.0%}–{band[1]:.0%}){inside}" if name.endswith(" min") and "–" not in name else ""
    return (
        f"| {name} | {len(some)} | {' | '.join(cells)} | {gain:+.1%} ({low:+.1%} … {high:+.1%}) "
        f"| {covers[OURS]:.0%} {spread} | {covers[ROLLING]:.0%} |"
    )


def _loss_seconds(scored: Sequence[Scored], minutes: int, models: Sequence[str]) -> str:
    some = [s for s in scored if s.minutes == minutes]
    left = np.exp([s.left for s in some])
    cells = [f"{pinball(left, np.exp([s.quantiles[m] for s in some])).mean() / 60:.1f}" for m in models]
    return f"| {minutes} min | {' | '.join(cells)} |"


def _interval(ids: Sequence[str], ours: Floats, other: Floats, draws: int) -> tuple[float, float]:
    """95 % bootstrap interval of the gain; whole incidents are drawn."""
    names, place = np.unique(np.array(ids), return_inverse=True)
    a, b = np.bincount(place, ours), np.bincount(place, other)
    rng = np.random.default_rng(1)
    picks = rng.integers(0, len(names), (draws, len(names)))
    gains = 1 - a[picks].sum(axis=1) / b[picks].sum(axis=1)
    return float(np.quantile(gains, 0.025)), float(np.quantile(gains, 0.975))


def _band(n: int) -> tuple[float, float]:
    """The middle 95 % of a binomial share of 80 % among ``n``."""
    ways = [lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(n + 1)]
    below = np.cumsum([exp(way + k * log(0.8) + (n - k) * log(0.2)) for k, way in enumerate(ways)])
    return float(np.searchsorted(below, 0.025)) / n, float(np.searchsorted(below, 0.975)) / n


def next_day(incidents: Sequence[Incident], table: Table) -> str:
    """Brier and log score of "another within 24 h" at every incident's end and every six hours, for Claude."""
    starts = [i.begun for i in incidents if i.service == "claude"]
    ticks = [SINCE + timedelta(hours=6 * k) for k in range(int((UNTIL - SINCE).days * 4) - 4)]
    found: dict[str, list[float]] = {OURS: [], "rate of the last 90 days": [], "rate of the last 7 days": []}
    came = []
    for at in ticks:
        known = [s for s in starts if s <= at]
        came.append(any(at < s <= at + timedelta(days=1) for s in starts))
        found[OURS].append(chance_of_another(table, "claude", known, at))
        for days in (90, 7):
            rate = sum((at - s).days < days for s in known) / days
            found[f"rate of the last {days} days"].append(1 - np.exp(-max(rate, 0.01)))
    truth = np.array(came, float)
    rows = ["| chance of another within 24 h | Brier | log score |", "|---|---|---|"]
    for name, values in found.items():
        p = np.clip(np.array(values), 0.001, 0.999)
        brier, logs = np.mean((p - truth) ** 2), -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))
        rows.append(f"| {name} | {brier:.3f} | {logs:.3f} |")
    return "\n".join([*rows, "", f"{len(ticks)} moments, six hours apart; it came in {truth.mean():.0%} of them."])


def rolling_origin(incidents: Sequence[Incident], record: Record, draws: int) -> str:
    """Three half-years, each asked of a table fitted on what was over before it: Claude, and every service in short."""
    halves = [datetime(*month, 1, tzinfo=UTC) for month in ((2024, 7), (2025, 1), (2025, 7), (2026, 1))]
    scored: list[Scored] = []
    for since, until in pairwise(halves):
        table = fit(incidents, since, ships=False)
        tested = [i for i in begun_between(incidents, since, until) if i.service in {*STAGED, "github"}]
        scored += score(tested, incidents, record, table)
    models = list(scored[0].quantiles)
    rows = [_row(f"{s}, 15–120 min", late, models, draws) for s in (*STAGED, "github") if (late := _late(scored, s))]
    claude = [s for s in scored if s.service == "claude"]
    everyone = _row("all, 0 min", [s for s in scored if not s.minutes], models, draws)
    all_late = _row("all, 15–120 min", [s for s in scored if s.minutes], models, draws)
    return "\n".join([tables(claude, draws), "", *_head(models), *rows, everyone, all_late])


def _late(scored: Sequence[Scored], service: str) -> list[Scored]:
    return [s for s in scored if s.service == service and s.minutes]


def cost(questions: Sequence[Question], record: Record, table: Table) -> str:
    forecaster = Forecaster(table)
    begun = time.perf_counter()
    for question in questions:
        forecaster.predict(question, record)
    each_s = (time.perf_counter() - begun) / len(questions)
    return f"{each_s * 1e6:.0f} µs a prediction (one core, {len(questions)} questions)."


def report(data: Path | None, *, quick: bool) -> str:
    incidents = load(data)
    table = forecast_table()
    tested = [i for i in begun_between(incidents, SINCE, UNTIL) if i.service == "claude"]
    record = Record(i.resolved() for i in incidents)
    draws = 200 if quick else 2000
    said = (
        f"{len(tested)} live incidents of Claude, {SINCE:%Y-%m} to 2026-03; fitted on what was over before "
        f"{table.provenance.until}; the record grows as incidents are resolved. Loss: mean pinball of "
        "ln(remaining seconds) over five quantiles, less is better."
    )
    parts = ["### Forecast of recovery", said, tables(score(tested, incidents, record, table), draws)]
    parts += [
        next_day(incidents, table),
        cost([i.question(m * 60.0) for i in tested for m in HORIZONS_MIN], record, table),
    ]
    if not quick:
        title = "Rolling origin, 2024-07 to 2025-12, where the method was chosen: Claude, then every service."
        parts += [title, rolling_origin(incidents, record, draws)]
    return "\n\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("STILLUP_DATA"))
    parser.add_argument("--quick", action="store_true")
    wanted = parser.parse_args()
    try:
        print(report(Path(wanted.data) if wanted.data else None, quick=wanted.quick))
    except LookupError as exc:
        print(f"skipped: {exc}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
