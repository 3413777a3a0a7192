"""Real probes of one model: outages as defined here, common rules beside the detector, faults laid over calm tries."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from stillup.model.service import Layer
from stillup.verdict.outcomes.stream import OutcomeStream, StreamKey
from stillup.verdict.settings import DAY_S, NOMINAL_SHARE, Settings

KEY = StreamKey("probe", "api", Layer.INFERENCE, "model", "")
OUTAGE_OF, OUTAGE_FAILS, OUTAGE_CALM = 12, 4, 12

_HEAD = (
    "| rule | alarms a day outside outages | in calm tries* | outages seen | delay, tries "
    "| injected 25 % | 50 % | 75 % | 100 % |"
)
_INJECTED = """\
*The calm tries put end to end. Injected (simulated faults on real calm tries): median delay in tries of five minutes,
and how many of the faults of 48 tries were missed."""

Step = Callable[[int], bool]
"""One try, 1 when it failed; True when the rule alarms."""
Rule = Callable[[], Step]


def stream_for(promise_d: float) -> OutcomeStream:
    """A stream whose own share of false alarms is one in so many days."""
    return OutcomeStream(KEY, Settings(arl_s=promise_d * DAY_S * NOMINAL_SHARE))


def feed(stream: OutcomeStream, at_s: float, n_ok: int, n_failed: int, latency_ms: float | None = None) -> bool:
    stream.take(n_ok, n_failed, latency_ms)
    stream.tick(at_s)
    return stream.alarm_since_s is not None


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
    def start() -> Step:
        last: list[int] = []

        def step(failed: int) -> bool:
            last.append(failed)
            del last[:-m]
            return sum(last) >= k

        return step

    return start


def ewma(weight: float, sigmas: float, usual: float) -> Rule:
    limit = usual + sigmas * (weight / (2 - weight) * usual * (1 - usual)) ** 0.5

    def start() -> Step:
        level = [usual]

        def step(failed: int) -> bool:
            level[0] += weight * (failed - level[0])
            return bool(level[0] > limit)

        return step

    return start


def three_sigma(m: int, sigmas: float, usual: float) -> Rule:
    limit = usual * m + sigmas * (m * usual * (1 - usual)) ** 0.5

    def start() -> Step:
        last: list[int] = []

        def step(failed: int) -> bool:
            last.append(failed)
            del last[:-m]
            return bool(sum(last) > limit)

        return step

    return start


def detector(promise_d: float) -> Rule:
    def start() -> Step:
        stream, at = stream_for(promise_d), [0.0]

        def step(failed: int) -> bool:
            at[0] += 300.0
            return feed(stream, at[0], 1 - failed, failed)

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


def real(data: Path, *, quick: bool) -> list[str]:
    rows = probes(data)
    oks = [ok for _, ok, _, _ in rows]
    faults = outages(oks)
    inside = {i for a, b in faults for i in range(a, b)}
    calm_oks = [ok for i, ok in enumerate(oks) if i not in inside]
    usual, days = calm_oks.count(False) / len(calm_oks), len(rows) * 300 / DAY_S
    calm_days = len(calm_oks) * 300 / DAY_S
    said = (
        f"{len(rows)} probes of one model over {days:.1f} days; {len(faults)} outages by the definition (four of "
        "twelve in a row fail, until twelve work), "
        f"{len(inside) / len(rows):.0%} of the time; {usual:.2%} fail outside them."
    )
    text = [said, "", _HEAD, "|---|---|---|---|---|---|---|---|---|"]
    for name, rule in rules(usual).items():
        whole = begins(map(rule(), (not ok for ok in oks)))
        outside = [i for i in whole if not any(a - 6 <= i < b + 12 for a, b in faults)]
        alone = begins(map(rule(), (not ok for ok in calm_oks)))
        seen = [next((i - a + 1 for i in whole if a - 6 <= i < b), None) for a, b in faults]
        hits = [s for s in seen if s is not None]
        cells = [injected(rule, calm_oks, rate, 4 if quick else 40) for rate in (0.25, 0.5, 0.75, 1.0)]
        text.append(
            f"| {name} | {len(outside) / days:.2f} | {len(alone) / calm_days:.2f} | {len(hits)} of {len(faults)} "
            f"| {median(hits) if hits else float('nan'):.0f} | {' | '.join(cells)} |"
        )
    return [*text, "", _INJECTED, "", *slow(rows, quick=quick)]


def injected(rule: Rule, oks: list[bool], rate: float, runs: int) -> str:
    rng = random.Random(7)
    starts = sorted(rng.sample(range(600, len(oks) - 60), runs))
    delays_, missed = [], 0
    for start in starts:
        step = rule()
        for ok in oks[max(0, start - 600) : start]:
            step(int(not ok))
        delay = next((k + 1 for k in range(48) if step(int(not oks[start + k] or rng.random() < rate))), None)
        missed += delay is None
        delays_ += [] if delay is None else [delay]
    return f"{median(delays_) if delays_ else float('nan'):.0f} ({missed / runs:.0%})"


def slow(rows: list[tuple[float, bool, float, float]], *, quick: bool) -> list[str]:
    text = [
        "| number | promise | slow alarms a day | share of time | ×2: delay, tries (missed) | ×4 | ×10 |",
        "|---|---|---|---|---|---|---|",
    ]
    days = len(rows) * 300 / DAY_S
    for name, column in (("latency", 2), ("time to first token", 3)):
        for promise, called in ((30.0, "30 days"), (365 / NOMINAL_SHARE, "default")):
            stream, alarms, slow_for, was = stream_for(promise), 0, 0, False
            states: list[OutcomeStream] = []
            every = max(1, len(rows) // (4 if quick else 40))
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
            text.append(
                f"| {name} | {called} | {alarms / days:.2f} | {slow_for / len(rows):.1%} | {' | '.join(cells)} |"
            )
    return text


def shifted(
    states: list[OutcomeStream], rows: list[tuple[float, bool, float, float]], column: int, times: float
) -> str:
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
