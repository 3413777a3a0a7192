"""Fit the table of the forecast and write it, with its provenance, into the catalogue.

    STILLUP_DATA=/path/to/data python bench/fit/forecast_fit.py [--data DIR] [--until 2026-01-01]

What was over before ``--until`` is used, nothing later.

The additive effects minimise the smoothed pinball loss of ln(remaining seconds) over five quantiles at once, by
iteratively reweighted ridge regression (Hunter and Lange, 2000: a majorise-minimise algorithm for quantile regression).
Rows are moments of incidents: fixed times after the first post, and half a minute after each update.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from forecast_data import STAGED, Incident, load
from numpy.typing import NDArray

from stillup.verdict.forecast.cues import cues, words
from stillup.verdict.forecast.left import MOST, left, level
from stillup.verdict.forecast.next import next_cues
from stillup.verdict.forecast.question import Question, parts, progress
from stillup.verdict.forecast.record import Record
from stillup.verdict.forecast.table import LEVELS, SCORES, Effect, Provenance, Table

TARGET = Path(__file__).parents[2] / "src/stillup/catalog/forecast.json"
MOMENTS_MIN = (0, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360)
SCORED = (0.1, 0.25, 0.5, 0.75, 0.9)
AT = [LEVELS.index(p) for p in SCORED]
Z = np.array([SCORES[i] for i in AT])
RIDGE, RIDGE_WORD, SPREAD_TIMES, SPREAD_TIMES_WORD = 3e-3, 3e-3, 3.0, 10.0
WORDS, WORD_IN_POSTS, WORD_IN_SERVICES = 300, 20, 3
SMOOTH, STEPS, YOUNG = 0.1, 25, 15
CLOUDFLARE = 0.3  # it has two thirds of the rows and is no AI service
DRIFT = 0.1
"""Added to the spread: out of time the 80 % interval covers less, as levels drift; up to 0.15 this costs no loss."""

PLAIN = ("aws", "azure", "azure-openai", "bedrock", "copilot", "gcp", "github", "vertex")
NAMES = {"google cloud": "gcp", "google-cloud": "gcp", "googlecloud": "gcp", "google_cloud": "gcp"}

Floats = NDArray[np.float64]


class Moment(msgspec.Struct):
    """One row: the question, what the record alone says, and ln of what it really took."""

    question: Question
    record: list[float]
    left: float


def moments(incidents: Sequence[Incident], record: Record, table: Table) -> list[Moment]:
    rows = []
    for incident in incidents:
        posted = [(u.posted_at - incident.begun).total_seconds() + 30 for u in incident.updates if u.posted_at]
        times = [m * 60 + 0.5 for m in MOMENTS_MIN] + [s for s in posted if 30 < s <= MOMENTS_MIN[-1] * 60]
        for after_s in times:
            left_s = incident.lasted_s - after_s
            if left_s < 1:
                continue
            question = incident.question(after_s)
            past = record.before(question.service, question.at, MOST)
            if len(past.logs) >= YOUNG:
                own = parts(question.components)
                alone = left(table, question.service, past, own, after_s).tolist()
                rows.append(Moment(question, alone, float(np.log(left_s))))
    return rows


def vocabulary(rows: Sequence[Moment]) -> list[str]:
    """The words most updates have, counted once an update, and only those several services use."""
    counts: Counter[str] = Counter()
    users: dict[str, set[str]] = {}
    seen = set()
    for row in rows:
        key = (row.question.service, row.question.id, len(row.question.updates or ()))
        if key in seen:
            continue
        seen.add(key)
        for word in words(progress(row.question).text):
            counts[word] += 1
            users.setdefault(word, set()).add(row.question.service)
    common = (w for w, n in counts.most_common() if n >= WORD_IN_POSTS and len(users[w]) >= WORD_IN_SERVICES)
    return [w for w, _ in zip(common, range(WORDS), strict=False)]


def fit_effects(rows: Sequence[Moment], record: Record) -> dict[str, Effect]:
    known = {f"word.{w}" for w in vocabulary(rows)}
    found = []
    for row in rows:
        q = row.question
        own = parts(q.components)
        found.append(dict(cues(q, progress(q), level(record.before(q.service, q.at, MOST), own), known)))
    names = sorted({n for cue in found for n in cue})
    place = {n: i for i, n in enumerate(names)}
    x = np.zeros((len(rows), len(names)))
    for i, cue in enumerate(found):
        for name, value in cue.items():
            x[i, place[name]] = value
    beyond = np.array([row.left for row in rows])[:, None] - np.array([row.record for row in rows])[:, AT]
    is_word = np.array([n.startswith("word.") for n in names])
    # Words are centred, and what that takes away is the effect of there being a text: without one they say nothing.
    mean = np.where(is_word | (np.array(names) == "text.length"), x.mean(axis=0), 0.0)
    weight = np.array([CLOUDFLARE if row.question.service == "cloudflare" else 1.0 for row in rows])
    shift, spread = _solve(x - mean, beyond, is_word, weight / weight.sum())
    shift[place["text"]] -= shift @ mean
    spread[place["text"]] -= spread @ mean
    spread[place["base"]] += DRIFT
    return {n: Effect(round(float(shift[i]), 4), round(float(spread[i]), 4)) for n, i in place.items()}


def _solve(x: Floats, beyond: Floats, is_word: NDArray[np.bool_], weight: Floats) -> tuple[Floats, Floats]:
    k = x.shape[1]
    levels = np.array(SCORED)
    ridge = np.where(is_word, RIDGE_WORD, RIDGE)
    penalty = np.diag(np.r_[ridge, ridge * np.where(is_word, SPREAD_TIMES_WORD, SPREAD_TIMES)])
    each = weight[:, None] / len(levels)
    both = np.zeros(2 * k)
    for _ in range(STEPS):
        residual = beyond - (x @ both[:k])[:, None] - np.outer(x @ both[k:], Z)
        s = 0.5 * each / np.sqrt(residual**2 + SMOOTH**2)
        cross = [x.T @ (x * (s @ Z**power)[:, None]) for power in (0, 1, 2)]
        normal = np.block([[cross[0], cross[1]], [cross[1], cross[2]]])
        pull = s * beyond + (levels - 0.5) * each
        new = np.linalg.solve(normal + penalty, np.r_[x.T @ pull.sum(axis=1), x.T @ (pull @ Z)])
        done = np.abs(new - both).max() < 2e-3
        both = new
        if done:
            break
    return both[:k], both[k:]


def fit_next(incidents: Sequence[Incident], until: datetime) -> dict[str, float]:
    """Weights of the chance of another incident within a day, by maximum likelihood (Newton's method, light ridge)."""
    xs, ys = [], []
    for service in sorted({i.service for i in incidents}):
        starts = np.array([i.begun.timestamp() / 86_400 for i in incidents if i.service == service])
        if len(starts) < 50:
            continue
        end = min(until.timestamp() / 86_400, float(starts[-1])) - 1
        for at in np.arange(starts[0] + 90, end, 0.75):
            ages = at - starts[starts <= at]
            moment = datetime.fromtimestamp(at * 86_400, UTC)
            xs.append(next_cues([float(a) for a in ages if a < 900], 0.2, moment))
            ys.append(bool(((starts > at) & (starts <= at + 1)).any()))
    names = list(xs[0])
    return _newton(names, np.array([[x[n] for n in names] for x in xs]), np.array(ys, float))


def _newton(names: list[str], x: Floats, y: Floats) -> dict[str, float]:
    w = np.zeros(len(names))
    for _ in range(30):
        rate = np.exp(np.clip(x @ w, -10, 3))
        p = np.clip(1 - np.exp(-rate), 1e-9, 1 - 1e-9)
        pull = rate * (y - p) / p  # the score of a complementary log-log model
        curve = rate**2 * (1 - p) / p
        w = w + np.linalg.solve(x.T @ (x * curve[:, None]) + np.eye(len(names)), x.T @ pull - w)
    return {n: round(float(v), 4) for n, v in zip(names, w, strict=True)}


def grid(lasted_s: Sequence[float], points: int) -> tuple[float, ...]:
    return tuple(round(float(q)) for q in np.quantile(lasted_s, (np.arange(points) + 0.5) / points))


def fit(incidents: Sequence[Incident], until: datetime, *, ships: bool) -> Table:
    """The table from what was over before ``until``; only one that ``ships`` needs levels and rates of services."""
    known = [i for i in incidents if i.ended < until]
    pool = grid([i.lasted_s for i in known if i.live and i.service in STAGED][-2000:], 40)
    empty = Provenance(script="", until="", incidents={}, rows=0)
    bare = Table(provenance=empty, effects={}, pool=pool, services={}, next_incident={}, plain=PLAIN)
    record = Record(i.resolved() for i in known)
    rows = moments([i for i in known if i.live and i.service in STAGED], record, bare)
    table = msgspec.structs.replace(
        bare,
        effects=fit_effects(rows, record),
        provenance=Provenance(
            script="bench/fit/forecast_fit.py",
            until=until.date().isoformat(),
            incidents=dict(Counter(i.service for i in known)),
            rows=len(rows),
            note="Public status pages; derived figures only. Effects are fitted on " + ", ".join(STAGED) + ".",
        ),
    )
    return _with_services(table, known, until) if ships else table


def _with_services(table: Table, known: Sequence[Incident], until: datetime) -> Table:
    levels, rates = {}, {}
    for service in sorted({i.service for i in known}):
        own = sorted((i for i in known if i.service == service), key=lambda i: i.ended)
        levels[service] = grid([i.lasted_s for i in own[-100:]], min(25, len(own)))
        end = min(until, max(i.begun for i in own))
        lately = sum((end - i.begun).days < 90 for i in own)
        rates[service] = round(lately / 90, 3)
    return msgspec.structs.replace(
        table, services=levels, rates=rates, next_incident=fit_next(known, until), names=NAMES
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("STILLUP_DATA"))
    parser.add_argument("--until", default="2026-01-01")
    wanted = parser.parse_args()
    incidents = load(Path(wanted.data) if wanted.data else None)
    table = fit(incidents, datetime.fromisoformat(wanted.until).replace(tzinfo=UTC), ships=True)
    TARGET.write_bytes(msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n")
    print(f"{TARGET}: {len(table.effects)} effects from {table.provenance.rows} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
