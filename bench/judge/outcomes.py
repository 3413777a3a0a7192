"""The outcome detector: run length achieved beside the promised one, delay, recovery, and real probes.

    python bench/judge/outcomes.py [--data DIR] [--quick]

``DIR/incidents/probe_outcomes_together.jsonl`` holds real probes of one model, one a line, every five minutes.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
from collections.abc import Callable, Iterable
from datetime import datetime
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Any

from stillup.model.service import Layer
from stillup.verdict.outcomes import OutcomeStream, StreamKey
from stillup.verdict.settings import DAY_S, NOMINAL_SHARE, Settings

KEY = StreamKey("probe", "api", Layer.INFERENCE, "model", "")
PROMISE_D = 30.0
OUTAGE_OF, OUTAGE_FAILS, OUTAGE_CALM = 12, 4, 12

Tries = list[tuple[float, int, int]]
Rule = Callable[[], Callable[[bool], bool]]


def stream_for(promise_d: float) -> OutcomeStream:
    """A stream whose own share of false alarms is one in so many days."""
    return OutcomeStream(KEY, Settings(arl_s=promise_d * DAY_S * NOMINAL_SHARE))


def feed(stream: OutcomeStream, at_s: float, n_ok: int, n_failed: int, latency_ms: float | None = None) -> bool:
    stream.take(n_ok, n_failed, latency_ms)
    stream.tick(at_s)
    return stream.alarm_since_s is not None


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


def run_lengths(quick: bool) -> list[str]:
    rows = ["| usual failures | bursts | tries | promised | achieved, days (95 %) |", "|---|---|---|---|---|"]
    for gap_s, n, days in ((300.0, 1, 60 if quick else 1500), (60.0, 20, 6 if quick else 60)):
        for rate in (0.001, 0.01, 0.03, 0.1):
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


def delays(quick: bool) -> list[str]:
    usual, runs = 0.005, 10 if quick else 60
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


# -- real probes ------------------------------------------------------------------------------------------------------


def probes(data: Path) -> list[tuple[float, bool, float, float]]:
    """Time, whether it worked, latency and time to first token of the longest row of probes."""
    path = data / "incidents" / "probe_outcomes_together.jsonl"
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    regions = [row["probe_region"] for row in rows]
    region = max(set(regions), key=regions.count)
    return sorted(
        (
            datetime.fromisoformat(r["timestamp"]).timestamp(),
            bool(r["success"]),
            float(r["latency_ms"] or 0),
            float(r["ttft_ms"] or 0),
        )
        for r in rows
        if r["probe_region"] == region
    )


def outages(oks: list[bool]) -> list[tuple[int, int]]:
    """What is called an outage here: four of twelve tries in a row fail, until twelve in a row work."""
    found: list[tuple[int, int]] = []
    i = 0
    while i < len(oks):
        if not oks[i] and oks[i : i + OUTAGE_OF].count(False) >= OUTAGE_FAILS:
            end, good = i, 0
            while end < len(oks) and good < OUTAGE_CALM:
                good = good + 1 if oks[end] else 0
                end += 1
            found.append((i, end - good))
            i = end
        i += 1
    return found


def in_a_row(k: int) -> Rule:
    return k_of(k, k)


def k_of(k: int, m: int) -> Rule:
    def start() -> Callable[[bool], bool]:
        last: list[bool] = []

        def step(ok: bool) -> bool:
            last.append(not ok)
            del last[:-m]
            return sum(last) >= k

        return step

    return start


def ewma(weight: float, sigmas: float, usual: float) -> Rule:
    limit = usual + sigmas * (weight / (2 - weight) * usual * (1 - usual)) ** 0.5

    def start() -> Callable[[bool], bool]:
        level = [usual]

        def step(ok: bool) -> bool:
            level[0] += weight * ((not ok) - level[0])
            return level[0] > limit

        return step

    return start


def three_sigma(m: int, sigmas: float, usual: float) -> Rule:
    limit = usual * m + sigmas * (m * usual * (1 - usual)) ** 0.5

    def start() -> Callable[[bool], bool]:
        last: list[bool] = []

        def step(ok: bool) -> bool:
            last.append(not ok)
            del last[:-m]
            return sum(last) > limit

        return step

    return start


def detector(promise_d: float) -> Rule:
    def start() -> Callable[[bool], bool]:
        stream, at = stream_for(promise_d), [0.0]

        def step(ok: bool) -> bool:
            at[0] += 300.0
            return feed(stream, at[0], int(ok), int(not ok))

        return step

    return start


def begins(alarms: Iterable[bool], rest: int = 12) -> list[int]:
    """Where alarms begin; one that comes within ``rest`` tries of the last is the same."""
    found, last = [], -rest
    for i, alarm in enumerate(alarms):
        if alarm:
            if i - last >= rest:
                found.append(i)
            last = i
    return found


def rules(usual: float) -> dict[str, Rule]:
    return {
        "this detector, promise 30 days": detector(30.0),
        "this detector, default": detector(365 / NOMINAL_SHARE),
        "2 in a row": in_a_row(2),
        "3 in a row": in_a_row(3),
        "4 in a row": in_a_row(4),
        "2 of 3": k_of(2, 3),
        "3 of 5": k_of(3, 5),
        "3 sigma of 12 tries": three_sigma(12, 3.0, usual),
        "6 sigma of 12 tries": three_sigma(12, 6.0, usual),
        "EWMA 0.2, 3 sigma": ewma(0.2, 3.0, usual),
        "EWMA 0.2, 9 sigma": ewma(0.2, 9.0, usual),
    }


def real(data: Path, quick: bool) -> list[str]:
    rows = probes(data)
    oks = [ok for _, ok, _, _ in rows]
    faults = outages(oks)
    inside = {i for a, b in faults for i in range(a, b)}
    calm_oks = [ok for i, ok in enumerate(oks) if i not in inside]
    usual, days = calm_oks.count(False) / len(calm_oks), len(rows) * 300 / DAY_S
    calm_days = len(calm_oks) * 300 / DAY_S
    text = [
        f"{len(rows)} probes of one model over {days:.1f} days; {len(faults)} outages by the definition (four of twelve "
        f"in a row fail, until twelve work), {len(inside) / len(rows):.0%} of the time; {usual:.2%} fail outside them.",
        "",
        "| rule | alarms a day outside outages | of which in calm days* | outages seen | delay, tries "
        "| injected 25 % | 50 % | 75 % | 100 % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, rule in rules(usual).items():
        whole = begins(map(rule(), oks))
        outside = [i for i in whole if not any(a - 6 <= i < b + 12 for a, b in faults)]
        alone = begins(map(rule(), calm_oks))
        seen = [next((i - a + 1 for i in whole if a - 6 <= i < b), None) for a, b in faults]
        hits = [s for s in seen if s is not None]
        cells = [injected(rule, calm_oks, rate, 8 if quick else 40) for rate in (0.25, 0.5, 0.75, 1.0)]
        text.append(
            f"| {name} | {len(outside) / days:.2f} | {len(alone) / calm_days:.2f} | {len(hits)} of {len(faults)} "
            f"| {median(hits) if hits else float('nan'):.0f} | {' | '.join(cells)} |"
        )
    text += ["", "*the calm tries put end to end. Injected (simulated faults on real calm tries): median delay in tries of "
             "five minutes, and how many of the faults of 48 tries were missed."]  # fmt: skip
    return text + ["", *slow(rows, quick)]


def injected(rule: Rule, oks: list[bool], rate: float, runs: int) -> str:
    rng = random.Random(7)
    starts = sorted(rng.sample(range(600, len(oks) - 60), runs))
    step, delays_, missed = rule(), [], 0
    states: dict[int, Any] = {}
    wanted = set(starts)
    for i, ok in enumerate(oks):
        if i in wanted:
            states[i] = i
        step(ok)
    for start in states:
        step = rule()
        for ok in oks[max(0, start - 600) : start]:
            step(ok)
        delay = next((k + 1 for k in range(48) if step(oks[start + k] and rng.random() >= rate)), None)
        missed += delay is None
        delays_ += [] if delay is None else [delay]
    return f"{median(delays_) if delays_ else float('nan'):.0f} ({missed / runs:.0%})"


def slow(rows: list[tuple[float, bool, float, float]], quick: bool) -> list[str]:
    text = ["| number | promise | slow alarms a day | share of time | ×2: delay, tries (missed) | ×4 | ×10 |", "|---|---|---|---|---|---|---|"]
    days = len(rows) * 300 / DAY_S
    for name, column in (("latency", 2), ("time to first token", 3)):
        for promise, called in ((30.0, "30 days"), (365 / NOMINAL_SHARE, "default")):
            stream, alarms, slow_for, was = stream_for(promise), 0, 0, False
            states: list[OutcomeStream] = []
            every = max(1, len(rows) // (8 if quick else 40))
            for i, row in enumerate(rows):
                if i >= 600 and i % every == 0 and i < len(rows) - 48 and stream.alarm_since_s is None:
                    states.append(copy.deepcopy(stream))
                    states[-1].usual_gap_s = float(i)  # where it stood; reset below
                feed(stream, i * 300.0 + 300.0, int(row[1]), int(not row[1]), float(row[column]))
                now = stream.problem is not None
                alarms += now and not was
                slow_for += now
                was = now
            cells = [shifted(states, rows, column, times) for times in (2.0, 4.0, 10.0)]
            text.append(f"| {name} | {called} | {alarms / days:.2f} | {slow_for / len(rows):.1%} | {' | '.join(cells)} |")
    return text


def shifted(states: list[OutcomeStream], rows: list[tuple[float, bool, float, float]], column: int, times: float) -> str:
    delays_, missed = [], 0
    for state in states:
        stream, start = copy.deepcopy(state), int(state.usual_gap_s)
        stream.usual_gap_s = 300.0
        delay = None
        for k, row in enumerate(rows[start : start + 48]):
            ok, latency = row[1], float(row[column])
            if feed(stream, (start + k + 1) * 300.0, int(ok), int(not ok), latency * times):
                delay = k + 1
                break
        missed += delay is None
        delays_ += [] if delay is None else [delay]
    return f"{median(delays_) if delays_ else float('nan'):.0f} ({missed / max(1, len(states)):.0%})"


def report(data: Path | None, *, quick: bool) -> str:
    """Everything as markdown.

    :raises LookupError: there are no probes under ``data``.
    """
    if data is None or not (data / "incidents" / "probe_outcomes_together.jsonl").is_file():
        msg = "incidents/probe_outcomes_together.jsonl is needed"
        raise LookupError(msg)
    parts = [
        "### Outcomes: run length, delay, recovery",
        "Simulated. *Run length*: false alarms of one key's tests at a promise of 30 days, after four days of learning. "
        "Bursts: after a failure one in two fails (single tries), or minutes whose rate is beta with correlation 1/31.",
        "\n".join(run_lengths(quick)),
        "Simulated. *Delay* at default settings (32 years for one key), usual failures 0.5 %: median from the first "
        "failing tick, the bound log(run length)/KL beside it; *back*: from the first good tick; *false ends*: alarms "
        "that ended while the fault went on.",
        "\n".join(delays(quick)),
        "Real probes.",
        "\n".join(real(data, quick)),
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
