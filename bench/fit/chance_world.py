"""Whole services, simulated: their faults, rumours, pages and sources, told as signals and judged by the real Monitor.

How a page behaves is drawn from the official record (quantiles below, derived by ``bench/fit/chance_shipped.py``). How
people, searches, probes and requests answer to a fault, and how often rumours come, is assumed: no record tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import exp
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, Layer, Stage, State
from stillup.model.signal import Alive, Counted, Declared, Outcome, Signal
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import DAY_S, Profile

Rng = np.random.Generator

START_S = 1_772_409_600  # Monday, 2026-03-02, 00:00 UTC
STEP_S, WEEK_S = 300, 7 * DAY_S
NOTICED_S, SWELL_S = 180, 480  # as in the scenario of 2026-04-07
COMPONENTS = ("web", "api", "code")
OUTLIVED_NOTE = "still red about a fault that is over"

# Levels of the quantiles, and minutes: from true start to first post, from true end to monitoring, and to resolved.
LEVELS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


class Manner(NamedTuple):
    """How a page is kept, by the incidents until 2025-12 whose texts state when the fault really was."""

    lag_min: tuple[float, ...]
    close_min: tuple[float, ...]
    monitors: float
    monitoring_min: tuple[float, ...]


MANNERS = (
    Manner((0, 0, 8, 14, 27, 95, 707), (2, 4, 8, 31, 83, 210, 437), 20 / 32, (-76, -48, 0, 4, 5, 16, 246)),  # n = 32
    Manner((0, 9, 17, 40, 79, 214, 741), (-107, 0, 0, 2, 17, 42, 300), 0.0, (0,) * 7),  # n = 80
)
POSTED_AFTER = 0.1
"""Of the faults that ended before the page's lag, so many are posted all the same, as live: 6 of 112 posts are."""
HARMLESS = 0.08
"""Live incidents with impact none: 26 of 313 in 2025."""

RUMOURS_A_WEEK = 0.2
"""Assumed. A service has 1 to 12 faults a week."""


@dataclass(frozen=True)
class Event:
    """A fault or a rumour: when, how big (share of all that fails), where, and who notices by how much."""

    start_s: float
    end_s: float
    size: float
    component: str | None
    moved: dict[Family, float]
    tiring_s: float
    """Half-lives: of the interest while it lasts, and when it is over."""
    calming_s: float
    is_fault: bool = True


@dataclass(frozen=True)
class Post:
    """An incident on the page, by when it is read there."""

    open_s: float
    monitoring_s: float
    close_s: float
    state: State
    component: str | None


@dataclass
class Service:
    """One simulated service: its plan for the whole run, and what its sources are like."""

    name: str
    rates: dict[Family, float] = field(default_factory=dict)
    """Mean a step in calm; a family that is not in it is not watched here."""
    window_s: dict[Family, int] = field(default_factory=dict)
    swing: float = 1.0
    phase_h: float = 0.0
    weekend: float = 1.0
    dispersion: float = 0.0
    events: list[Event] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    dead: dict[Family, list[tuple[float, float]]] = field(default_factory=dict)
    own: dict[Family, list[tuple[float, float]]] = field(default_factory=dict)
    """When tries fail for a reason of this place, not of the service."""
    waiting: dict[Family, float] = field(default_factory=dict)

    def fails(self, at_s: float) -> bool:
        """The truth."""
        return any(e.is_fault and e.start_s <= at_s < e.end_s for e in self.events)


class Sample(NamedTuple):
    """What was said of a service at a moment, and the truth."""

    service: int
    now: datetime
    evidence: tuple[Evidence, ...]
    outlived: bool
    confidence: Confidence | None
    truth: bool
    at_change: bool


# -- the plan ---------------------------------------------------------------------------------------------------------


def plan(name: str, weeks: int, rng: Rng) -> Service:
    """Draw a service: which sources it has, and all that will happen to it."""
    s = Service(name, swing=rng.uniform(1, 4), phase_h=rng.uniform(0, 24), weekend=rng.uniform(0.5, 1.1))
    s.dispersion = rng.uniform(0.0, 0.2)
    end_s = START_S + weeks * WEEK_S
    for family, share, low, high in (
        (Family.OFFICIAL, 0.9, 1, 1), (Family.CROWD, 0.8, 0.05, 30), (Family.SOCIAL, 0.7, 0.02, 3),
        (Family.SEARCH, 0.5, 1, 1), (Family.PROBE, 0.6, 1, 1), (Family.TRAFFIC, 0.5, 0.5, 50),
    ):  # fmt: skip
        if rng.random() < share:
            s.rates[family] = float(low * (high / low) ** rng.random())
            s.window_s[family] = int(rng.choice((300, 900))) if family is Family.CROWD else 300
            s.dead[family] = list(_stretches(rng, 0.2, end_s, 360))
    s.own = {f: list(_stretches(rng, 0.15, end_s, 20)) for f in (Family.PROBE, Family.TRAFFIC)}
    a_week = float(np.exp(rng.uniform(0, np.log(12))))
    manner = MANNERS[int(rng.integers(len(MANNERS)))]
    for start_s, until_s in _stretches(rng, a_week, end_s, 45):
        fault = _fault(rng, start_s, until_s)
        s.events.append(fault)
        s.posts += _posts(rng, fault, manner)
    if s.posts:
        for start_s, until_s in _stretches(rng, HARMLESS * len(s.posts) / weeks, end_s, 72):
            s.posts.append(Post(start_s, until_s, until_s, State.DEGRADED, str(rng.choice(COMPONENTS))))
    s.events += [_rumour(rng, a, b) for a, b in _stretches(rng, RUMOURS_A_WEEK, end_s, 60)]
    return s


def _stretches(rng: Rng, a_week: float, end_s: float, median_min: float) -> Iterator[tuple[float, float]]:
    """Poisson starts, log-normal lengths."""
    for start_s in rng.uniform(START_S, end_s, rng.poisson(a_week * (end_s - START_S) / WEEK_S)):
        yield float(start_s), float(start_s + 60 * median_min * exp(rng.normal(0, 1.1)))


def _fault(rng: Rng, start_s: float, end_s: float) -> Event:
    moved = {
        Family.CROWD: 40 * exp(rng.normal(0, 1)),
        Family.SOCIAL: 25 * exp(rng.normal(0, 1)),
        Family.SEARCH: exp(rng.normal(-0.5, 1)),
        Family.PROBE: float(rng.random() < 0.75),
        Family.TRAFFIC: float(rng.random() < 0.8) * rng.uniform(0.3, 1),
    }
    part = None if rng.random() < 0.3 else str(rng.choice(COMPONENTS))
    if part not in (None, "web"):  # people who report are people at the web page
        moved[Family.CROWD] *= 0.4
        moved[Family.SEARCH] *= 0.4
    tiring_s, calming_s = 3600 * exp(rng.normal(0, 0.7)), 480 * exp(rng.normal(0, 0.5))
    return Event(start_s, end_s, float(0.03 ** rng.random()), part, moved, tiring_s, calming_s)


def _rumour(rng: Rng, start_s: float, end_s: float) -> Event:
    """News, a neighbour's outage, a misread post: one family is moved, or several by the same tale."""
    size = float(0.05 ** rng.random())
    several = int(rng.choice((1, 2, 3), p=(0.55, 0.3, 0.15)))
    who = rng.permutation(np.array([Family.CROWD, Family.SOCIAL, Family.SEARCH], dtype=object))[:several]
    moved = {f: 25 * exp(rng.normal(0, 1)) for f in who}
    return Event(start_s, end_s, size, None, moved, 3600 * exp(rng.normal(0, 0.7)), 600.0, is_fault=False)


def _posts(rng: Rng, fault: Event, manner: Manner) -> Iterator[Post]:
    """What the page makes of a fault: nothing, or one incident; bigger faults are shown more often."""
    lag_s = 60 * _draw(rng, manner.lag_min)
    shown = rng.random() < 0.6 + 0.35 * fault.size**0.5
    if fault.start_s + lag_s >= fault.end_s:
        shown = shown and rng.random() < POSTED_AFTER
    if not shown:
        return
    open_s = fault.start_s + lag_s
    close_s = max(open_s + 600, fault.end_s + 60 * _draw(rng, manner.close_min))
    monitoring_s = close_s
    if rng.random() < manner.monitors:
        monitoring_s = min(close_s, max(open_s, fault.end_s + 60 * _draw(rng, manner.monitoring_min)))
    grade = 3.0 * fault.size**0.5 + rng.normal(0, 0.5)
    states = (State.DEGRADED, State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE)
    yield Post(open_s, monitoring_s, close_s, states[int(np.clip(grade, 0, 2))], fault.component)


def _draw(rng: Rng, quantiles: Sequence[float]) -> float:
    return float(np.interp(rng.random(), LEVELS, quantiles))


# -- the sources ------------------------------------------------------------------------------------------------------


def tell(s: Service, at_s: int, rng: Rng) -> Iterator[Signal]:
    """All lines of the step that ends at ``at_s``."""
    at = datetime.fromtimestamp(at_s, UTC)
    for family in s.rates:
        if not any(a <= at_s < b for a, b in s.dead[family]):
            yield from _TELLERS[family](s, family, at_s, at, rng)


def _page(s: Service, _: Family, at_s: int, at: datetime, rng: Rng) -> Iterator[Signal]:
    del rng
    for i, post in enumerate(s.posts):
        stage = _stage(post, at_s)
        if stage is None:
            continue
        state = State.OPERATIONAL if stage.is_over else post.state
        for part in (post.component,) if post.component else COMPONENTS:
            yield Declared(at=at, service=s.name, source="statuspage", component=part, state=state, stage=stage,
                           incident=str(i), title="Elevated errors")  # fmt: skip
    yield Alive(at=at, service=s.name, source="statuspage")


def _stage(post: Post, at_s: float) -> Stage | None:
    """None where the page has nothing (more) of it; it stands there as resolved for two hours."""
    if at_s < post.open_s or at_s > post.close_s + 7200:
        return None
    if at_s >= post.close_s:
        return Stage.RESOLVED
    return Stage.MONITORING if at_s >= post.monitoring_s else Stage.INVESTIGATING


def _felt(s: Service, family: Family, at_s: float) -> float:
    """How many times more than usual a family counts: people notice, tire of it, fall silent when it is over."""
    felt = 0.0
    for e in s.events:
        if family in e.moved and e.start_s + NOTICED_S <= at_s <= e.end_s + 6 * 3600:
            lasted_s = min(at_s, e.end_s) - e.start_s - NOTICED_S
            swell = min(1.0, max(0.0, lasted_s) / SWELL_S) * 0.5 ** (lasted_s / e.tiring_s)
            felt += e.moved[family] * e.size * swell * 0.5 ** (max(0.0, at_s - e.end_s) / e.calming_s)
    return felt


def _counts(s: Service, family: Family, at_s: int, at: datetime, rng: Rng) -> Iterator[Signal]:
    hours = at_s / 3600 + s.phase_h
    low = 2 / (1 + s.swing)
    mean = s.rates[family] * (1 - (1 - low) * np.cos(hours / 24 * 2 * np.pi))
    mean *= s.weekend if (hours // 24 + 3) % 7 >= 5 else 1.0
    noise = rng.gamma(1 / s.dispersion, s.dispersion) if s.dispersion > 0.001 else 1.0
    source, window_s = _SOURCE[family], s.window_s[family]
    s.waiting[family] = s.waiting.get(family, 0) + rng.poisson(mean * noise * (1 + _felt(s, family, at_s)))
    if at_s % window_s == 0:
        if s.waiting[family]:
            yield Counted(at=at, service=s.name, source=source, window_s=window_s, count=int(s.waiting[family]))
        s.waiting[family] = 0
        yield Alive(at=at, service=s.name, source=source)


def _trends(s: Service, _: Family, at_s: int, at: datetime, rng: Rng) -> Iterator[Signal]:
    """A search trends half an hour after it began to be felt, and is new for ninety minutes."""
    if at_s % 600:
        return
    felt = max(_felt(s, Family.SEARCH, at_s - 1800 - lag) for lag in (0, 1800, 3600, 5400))
    if felt > 0.5:
        yield Counted(at=at, service=s.name, source="google_trends", window_s=600, expected=1.0, id=f"{at_s}",
                      count=int(rng.choice((200, 500, 1000, 2000))))  # fmt: skip
    yield Alive(at=at, service=s.name, source="google_trends")


def _failing(s: Service, family: Family, component: str, at_s: float) -> float:
    share = 0.004
    for e in s.events:
        if e.is_fault and e.start_s <= at_s < e.end_s and e.component in (None, component):
            share = max(share, e.size * e.moved[family])
    return 0.9 if any(a <= at_s < b for a, b in s.own[family]) else min(1.0, share)


def _probes(s: Service, family: Family, at_s: int, at: datetime, rng: Rng) -> Iterator[Signal]:
    for component in ("web", "api"):
        ok = bool(rng.random() >= _failing(s, family, component, at_s))
        layer = Layer.PRESENTATION if component == "web" else Layer.INFERENCE
        yield Outcome(at=at, service=s.name, source="probe", component=component, layer=layer, ok=ok)
    yield Alive(at=at, service=s.name, source="probe")


def _requests(s: Service, family: Family, at_s: int, at: datetime, rng: Rng) -> Iterator[Signal]:
    hours = at_s / 3600 + s.phase_h
    tries = int(rng.poisson(s.rates[family] * (1 - 0.8 * np.cos(hours / 24 * 2 * np.pi))))
    if tries:
        failed = int(rng.binomial(tries, _failing(s, family, "api", at_s)))
        yield Outcome(at=at, service=s.name, source="gateway", component="api", layer=Layer.INFERENCE,
                      window_s=STEP_S, n_ok=tries - failed, n_failed=failed)  # fmt: skip
    yield Alive(at=at, service=s.name, source="gateway")


_SOURCE = {Family.CROWD: "downdetector", Family.SOCIAL: "reddit"}
_TELLERS: dict[Family, Any] = {
    Family.OFFICIAL: _page, Family.CROWD: _counts, Family.SOCIAL: _counts, Family.SEARCH: _trends,
    Family.PROBE: _probes, Family.TRAFFIC: _requests,
}  # fmt: skip


# -- the run ----------------------------------------------------------------------------------------------------------


def run(seed: int, services: int, weeks: int = 2) -> list[Sample]:
    """Simulate services side by side through one Monitor; samples every quarter of an hour, and at every change.

    The first day is left out: nobody knows yet what is usual.
    """
    rng = np.random.default_rng([3, seed])
    plans = [plan(f"s{i}", weeks, rng) for i in range(services)]
    monitor = Monitor(lambda name: Profile(service=name, components=COMPONENTS))
    samples: list[Sample] = []
    for at_s in range(START_S + STEP_S, START_S + weeks * WEEK_S, STEP_S):
        now = datetime.fromtimestamp(at_s, UTC)
        changed = {c.service for c in monitor.step(now, [line for s in plans for line in tell(s, at_s, rng)])}
        if at_s < START_S + DAY_S:
            continue
        for i, s in enumerate(plans):
            if (at_s // STEP_S + i) % 3 == 0 or s.name in changed:
                samples.append(_sample(monitor, i, s, now, changed))
    return samples


def _sample(monitor: Monitor, i: int, s: Service, now: datetime, changed: set[str]) -> Sample:
    evidence = tuple(_staged(e, s, now.timestamp()) for e in monitor.evidence(s.name))
    verdict = monitor.verdicts(s.name).get(None)
    outlived = any(e.family is Family.OFFICIAL and OUTLIVED_NOTE in e.note for e in evidence)
    confidence = verdict.confidence if verdict else None
    return Sample(i, now, evidence, outlived, confidence, s.fails(now.timestamp()), s.name in changed)


def _staged(e: Evidence, s: Service, at_s: float) -> Evidence:
    """The page's word with the stage of its newest open incident."""
    if e.family is not Family.OFFICIAL or e.standing is not Standing.ALARM or e.stage is not None:
        return e
    told = [p for p in s.posts if p.open_s <= at_s < p.close_s]
    newest = max(told, key=lambda p: p.open_s, default=None)
    return e if newest is None else structs.replace(e, stage=_stage(newest, at_s))
