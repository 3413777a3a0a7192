"""A small timeline language: lines of the replay format with times as minutes from a fixed start."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stillup.model.signal import Signal
from stillup.verdict.monitor import Monitor
from stillup.verdict.replay import Replay
from stillup.verdict.settings import Profile

START = datetime(2026, 3, 2, tzinfo=UTC)
COMPONENTS = ("web", "console", "api", "code", "mobile")


class Timeline:
    """Collects lines; ``run`` replays them and gives the changes."""

    def __init__(self):
        self.lines: list[dict] = []
        self.rng = random.Random(7)
        self.replay: Replay | None = None

    def at(self, minute: float) -> str:
        return (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")

    def add(self, minute, kind, source, **rest):
        self.lines.append({"kind": kind, "at": self.at(minute), "service": "claude", "source": source, **rest})
        return self

    def alive(self, source, start, stop, every=1, **rest):
        for minute in range(start, stop, every):
            self.add(minute, "alive", source, **rest)
        return self

    def declared(self, minute, state, component=None, source="statuspage", **rest):
        return self.add(minute, "declared", source, state=state, component=component, **rest)

    def counts(self, source, start, stop, mean, window_s=60, **rest):
        """Poisson counts, one line a window that is not empty, after an ``alive`` each window."""
        step = window_s // 60
        for minute in range(start, stop, step):
            self.add(minute, "alive", source)
            n = self.poisson(mean * step)
            if n:
                self.add(minute, "counted", source, window_s=window_s, count=n, **rest)
        return self

    def tries(self, start, stop, ok, component="api", layer="inference", source="probe", **rest):
        for minute in range(start, stop):
            self.add(minute, "outcome", source, component=component, layer=layer, ok=ok, **rest)
        return self

    def poisson(self, mean: float) -> int:
        if mean > 50:
            return max(0, round(self.rng.gauss(mean, mean**0.5)))
        limit, n, p = 2.718281828459045**-mean, 0, 1.0
        while (p := p * self.rng.random()) > limit:
            n += 1
        return n

    def encoded(self) -> list[bytes]:
        ordered = sorted(self.lines, key=lambda line: line["at"])
        return [msgspec.json.encode(line) for line in ordered]

    def signals(self) -> list[Signal]:
        return [msgspec.json.decode(raw, type=Signal) for raw in self.encoded()]

    def run(self, lines: list[bytes] | None = None):
        self.replay = Replay(Monitor(lambda s: Profile(service=s, components=COMPONENTS)))
        return list(self.replay.run(self.encoded() if lines is None else lines))

    def minute(self, verdict) -> float:
        return (verdict.at - START).total_seconds() / 60


@pytest.fixture
def timeline():
    return Timeline()


@pytest.fixture
def story():
    """The essence of the service's own changes: (minute, state, confidence, reason)."""

    def tell(timeline, changes, component=None):
        return [
            (timeline.minute(v), v.state.value, v.confidence and v.confidence.value, v.reason.value)
            for v in changes
            if v.component == component
        ]

    return tell
