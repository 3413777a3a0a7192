"""A hub with its own clock and dice, and people who report to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from stillup.daemon.jobs import profile_of
from stillup.hub.desk import Hub
from stillup.hub.values import Admission, CrowdReport
from stillup.model.service import Problem
from stillup.model.verdict import Verdict
from stillup.verdict.monitor import Monitor

BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SIGN_IN = CrowdReport(service="claude", problem=Problem.SIGN_IN, component="web", region="US-CA")


def hub_of(**rest) -> Hub:
    return Hub(Random(7).randbytes, BEGAN, ["claude", "chatgpt"], **rest)


class Watched:
    """A hub, the monitor that judges by it alone, and the minutes that pass."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.now = BEGAN
        self.monitor = Monitor(profile_of)
        self.changes: list[tuple[datetime, Verdict]] = []
        self.told = 0
        self._dice = Random(3)

    def report(self, sender: str, report: CrowdReport = SIGN_IN, *, at_s: float = 30.0) -> Admission:
        """Somebody opens a form and sends it, so many seconds into the minute."""
        at = self.now + timedelta(seconds=at_s)
        return self.hub.hand_in(report, sender, self.hub.token(at), at)

    def minute(self) -> None:
        """The minute ends and is judged."""
        self.now += timedelta(minutes=1)
        signals = list(self.hub.due(self.now))
        self.told += sum(getattr(s, "count", 0) for s in signals)
        self.changes += [(self.now, change) for change in self.monitor.step(self.now, signals)]

    def calm(self, hours: float, a_minute: float = 0.0) -> None:
        """So long only the usual reports come, each from anywhere."""
        for _ in range(int(hours * 60)):
            while self._dice.random() < a_minute / (1.0 + a_minute):
                said = CrowdReport(service="claude", problem=self._dice.choice(list(Problem)))
                self.report(anywhere(self._dice), said, at_s=self._dice.random() * 59)
            self.minute()

    @property
    def faults(self) -> list[tuple[datetime, Verdict]]:
        """The verdicts that say that something is wrong."""
        return [(at, v) for at, v in self.changes if v.state.is_fault]


def anywhere(dice: Random) -> str:
    """An address out of all of IPv4 that is anybody's."""
    return f"{dice.randint(11, 220)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"


@pytest.fixture
def watched() -> Callable[..., Watched]:
    return lambda **rest: Watched(hub_of(**rest))
