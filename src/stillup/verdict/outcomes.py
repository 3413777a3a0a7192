"""Outcomes of one kind of try (one source, component, layer and model): failing more than usual, or not."""

from __future__ import annotations

import re
from collections import deque
from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Layer, State
from stillup.verdict.change import FailureTest, FallTest, outcome_llr
from stillup.verdict.settings import TICK_S, Settings

_PRIOR = (0.5, 49.5)  # one failure in a hundred until the stream has shown its own rate
_USUAL_RANGE = (0.005, 0.3)
_MEMORY = 20_000.0  # tries; older ones fade
_KEEP = 360


class ErrorKind(StrEnum):
    """Whose an error is."""

    PROVIDER = "provider"
    YOURS = "yours"


_YOURS = re.compile(
    r"rate.?limit|too.?many.?requests|quota|credit|billing|payment|authentic|permission|unauthori[sz]ed|forbidden"
    r"|api.?key|usage.?limit|token.?expired|resource.?exhausted|(?<!\d)(?:401|402|403|429|456)(?!\d)"
)
"""Words and codes of the user's own limit, key or bill."""

_MAX_ERROR = 200


def kind_of(error: str | None) -> ErrorKind:
    """Whether an error is the provider's or the user's own; without a word it is the provider's."""
    return ErrorKind.YOURS if _YOURS.search((error or "")[:_MAX_ERROR].lower()) else ErrorKind.PROVIDER


class StreamKey(Struct, frozen=True, order=True):
    """What makes outcomes comparable."""

    source: str
    component: str
    layer: Layer
    model: str
    region: str


class OutcomeStream:
    """The tallies of one key, tick by tick."""

    def __init__(self, key: StreamKey, settings: Settings) -> None:
        self.key = key
        self.alarm_since_s: float | None = None
        self._settings = settings
        self._test = FailureTest()
        self._fall = FallTest()
        self._ok, self._failed = 0, 0
        self._failures, self._successes = _PRIOR
        self._history: deque[tuple[float, int, int]] = deque(maxlen=_KEEP)
        self.last_s = 0.0

    def take(self, n_ok: int, n_failed: int) -> None:
        """Note one outcome or one window of them."""
        self._ok += n_ok
        self._failed += n_failed

    @property
    def usual(self) -> float:
        """The usual failure rate, kept between 0.5 % and 30 %."""
        low, high = _USUAL_RANGE
        return min(high, max(low, self._failures / (self._failures + self._successes)))

    def tick(self, now_s: float) -> bool:
        """Judge this tick's tally; True when that says something new: a turn, or more of an alarm."""
        n_ok, n_failed, self._ok, self._failed = self._ok, self._failed, 0, 0
        if n_ok + n_failed == 0:
            return False
        self.last_s = now_s
        self._history.append((now_s, n_ok, n_failed))
        if self.alarm_since_s is not None:
            self._judge_recovery(n_ok, n_failed)
            return True
        self._test.update(n_ok, n_failed, self.usual, self._settings.cap_nats)
        if self._test.log_e >= self._settings.threshold(TICK_S):
            self.alarm_since_s = self._onset_s()
            self._fall = FallTest()
            return True
        if self._test.log_e < 3.0:  # a stretch under suspicion teaches nothing
            self._learn(n_ok, n_failed)
        return False

    def _learn(self, n_ok: int, n_failed: int) -> None:
        total = self._failures + self._successes
        fade = min(1.0, _MEMORY / (total + n_ok + n_failed))
        self._failures = self._failures * fade + n_failed
        self._successes = self._successes * fade + n_ok

    def _onset_s(self) -> float:
        best, total, start = 0.0, 0.0, self._history[-1][0] - TICK_S
        for at_s, n_ok, n_failed in reversed(self._history):
            total += outcome_llr(n_ok, n_failed, self.usual, max(0.5, min(0.95, 2 * self.usual)))
            if total > best:
                best, start = total, at_s - TICK_S
        return start

    def _judge_recovery(self, n_ok: int, n_failed: int) -> None:
        still = max(2.0 * self.usual, 0.1, self.failing / 2.0)
        if self._fall.update(-outcome_llr(n_ok, n_failed, self.usual, min(still, 0.95))):
            self.alarm_since_s = None
            self._test.reset()

    @property
    def failing(self) -> float:
        """The share that failed since onset, or in the last hour of ticks."""
        ok, failed = self.tally()
        return failed / (ok + failed) if ok + failed else 0.0

    @property
    def works(self) -> bool:
        """Whether the newest tick with tries had one that worked."""
        return bool(self._history) and self._history[-1][1] > 0

    def tally(self) -> tuple[int, int]:
        """Worked and failed since onset, or in the last hour of tries."""
        since = self.alarm_since_s if self.alarm_since_s is not None else self.last_s - 3600.0
        part = [(ok, failed) for at_s, ok, failed in self._history if at_s > since]
        return sum(p[0] for p in part), sum(p[1] for p in part)

    @property
    def state(self) -> State:
        """How bad it is, by the share of tries that fail since onset."""
        if self.alarm_since_s is None:
            return State.OPERATIONAL
        if self.failing >= 0.8:
            return State.MAJOR_OUTAGE
        return State.PARTIAL_OUTAGE if self.failing >= 0.2 else State.DEGRADED

    @property
    def log_e(self) -> float:
        """The log e-value of the failure test, never below 0."""
        return max(0.0, self._test.log_e)
