"""Outcomes of one kind of try (one source, component, layer and model): failing more than usual, or not."""

from __future__ import annotations

import re
from collections import deque
from enum import StrEnum
from math import log

from msgspec import Struct

from stillup.model.service import Layer, Problem, State
from stillup.verdict.outcomes.failing import (
    RECOVERED_NATS,
    FailureTest,
    RecoveryTest,
    UsualRate,
    log_chance,
    still_failing,
)
from stillup.verdict.outcomes.latency import LatencyTest
from stillup.verdict.settings import TICK_S, Settings

MAJOR, PARTIAL = 0.8, 0.2
"""Shares of tries that fail lately, from which an outage is major, or partial."""

_SLACK = 0.6  # a grade is left downwards at three fifths of the share that led to it
_FEWEST_TRIES = 3  # for a major outage
_RECENT_S, _RECENT_TRIES = 15 * 60, 12
_FAILING_NATS, _SLOW_NATS = log(8.0 / 7.0), log(8.0)
"""Of the stream's share of false alarms, seven eighths go to failures and one to latency."""

_KEEP = 360
_SUSPICION = 4.0  # nats
_GAPS = (TICK_S, 3600.0)
_GAP_MEMORY = 50.0
_RECOVERY_S = 180.0  # however many tries a minute has, being back takes three of them
_GOOD_TRIES = (3.0, 8.0)  # in a row, after which a total outage is over: as many as come in eight minutes
_GOOD_S = 480.0
_DOUBT = (0.5, 1.5)  # failed, and tries, added to a share so that three failures of three are not yet "all fail"
_HELD_NATS = 1.0  # once recovery shows, the share that failed and the grade stay as they were
_AFTERMATH_S = 30 * 60
_FLARE_S, _FLARE_GAPS = 30 * 60, 12.0  # a shorter alarm, again and again, is how this service is
_NEW_NORMAL_S = 72 * 3600
_MOST_USUAL = 0.3  # what fails more often than that is never usual
_SILENT_GAPS, _SILENT_S = 3, 15 * 60.0  # without a try for so long, an alarm is no data
_LASTS_S = 3600.0  # each hour of silence makes it e times less likely that what failed before it still fails


class ErrorKind(StrEnum):
    """Whose an error is."""

    PROVIDER = "provider"
    YOURS = "yours"


_YOURS = re.compile(
    r"rate.?limit|too.?many.?requests|quota|credit|billing|payment|\bo?auth|authentic|permission|log(?:ged)?.?in.?required|not.?logged.?in|unauthori[sz]ed|forbidden"
    r"|api.?key|usage.?limit|(?:token|key|session|credentials?).?(?:is.?)?(?:expired|invalid|missing)|(?:expired|invalid|missing).?(?:token|key|session|credentials?)|resource.?exhausted|(?<!\d)(?:401|402|403|429|456)(?!\d)"
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


class Tally(Struct, frozen=True):
    """The tries of one tick."""

    at_s: float
    n_ok: int
    n_failed: int


class OutcomeStream:
    """The tries of one key, tick by tick: do more fail than usual, do those that work take longer than usual."""

    def __init__(self, key: StreamKey, settings: Settings) -> None:
        self.key = key
        self.last_s = 0.0
        self.usual_gap_s: float = TICK_S
        """The usual time between two ticks with tries."""
        self.state = State.OPERATIONAL
        """How bad it is, by the share of tries that failed lately; never better while recovery is being tested, unknown
        while a silence has left open whether they fail."""
        self._settings = settings
        self._ok, self._failed = 0, 0
        self._usual = UsualRate()
        self._test = FailureTest()
        self._recovery = RecoveryTest()
        self._latency = LatencyTest()
        self._history: deque[Tally] = deque(maxlen=_KEEP)
        self._failing_since_s: float | None = None
        self._share_then = 1.0  # what failed before recovery began to show
        self._ended: tuple[float, float] | None = None  # when the last outage ended, and what share failed in it
        self._woken: tuple[float, float] | None = None
        """Tries that fell silent while failing, and speak again: since when, and the nats that renew the alarm. None as
        soon as they have shown whether the fault still stands."""

    # -- taking tries in ----------------------------------------------------------------------------------------------

    def take(self, n_ok: int, n_failed: int, latency_ms: float | None = None) -> None:
        """Note one outcome or one window of them; the latency counts only where tries worked."""
        self._ok += n_ok
        self._failed += n_failed
        if latency_ms is not None and n_ok:
            self._latency.take(latency_ms)

    def tick(self, now_s: float) -> bool:
        """Judge this tick's tally; True when that says something new: a turn, or more of an alarm."""
        now = Tally(now_s, self._ok, self._failed)
        self._ok, self._failed = 0, 0
        if now.n_ok + now.n_failed == 0:
            return False
        woke = self._is_lapsed(now_s)
        if woke:
            self._wake(now_s)
        self._pace(now_s)
        self._history.append(now)
        threshold = self._settings.threshold(self.usual_gap_s)
        was_slow = self._latency.slow_since_s is not None
        turned = self._latency.tick(now_s, threshold + _SLOW_NATS, self.usual_gap_s)
        if self._woken is not None and self._still_fails(now, threshold + _FAILING_NATS, self._woken):
            self._alarm(since_s=self._woken[0])
        elif self._failing_since_s is not None:
            self._judge_recovery(now, self._failing_since_s)
        else:
            self._judge_rise(now, threshold + _FAILING_NATS)
        self.state = self._grade()
        return turned or woke or was_slow or self._failing_since_s is not None or self._ended_at(now_s)

    def _ended_at(self, now_s: float) -> bool:
        return self._ended is not None and self._ended[0] == now_s

    def _pace(self, now_s: float) -> None:
        if self.last_s:
            low, high = _GAPS
            gap_s = min(high, max(low, now_s - self.last_s))
            self.usual_gap_s += (gap_s - self.usual_gap_s) / _GAP_MEMORY
        self.last_s = now_s

    # -- silence ------------------------------------------------------------------------------------------------------

    @property
    def silent_from_s(self) -> float:
        """When tries in alarm that do not come any more stop counting: three of their usual gaps, a quarter hour."""
        return self.last_s + max(_SILENT_GAPS * self.usual_gap_s, _SILENT_S)

    def says_nothing(self, now_s: float) -> bool:
        """Whether tries in alarm are not made any more, or again but too few to tell: neither failing nor working."""
        return self._woken is not None or self._is_lapsed(now_s)

    def _is_lapsed(self, now_s: float) -> bool:
        in_alarm = self._failing_since_s is not None or self._latency.slow_since_s is not None
        return in_alarm and now_s > self.silent_from_s

    def _wake(self, now_s: float) -> None:
        """Put in doubt what was in alarm before the silence: only what comes after it can say whether that goes on."""
        self._latency.doubt()
        if self._failing_since_s is None:
            return
        faded = (now_s - self.last_s) / _LASTS_S
        if self._woken is not None:
            self._woken = (self._woken[0], self._woken[1] + faded)
            return
        self._woken = (now_s - TICK_S, RECOVERED_NATS + faded)
        self._test.reset()
        self._recovery = RecoveryTest()

    def _still_fails(self, now: Tally, threshold: float, woken: tuple[float, float]) -> bool:
        """Whether the tries since the silence show the fault: twenty to one will do, for there was one before it."""
        log_e = self._test.update(now.at_s, now.n_ok, now.n_failed, self._usual)
        return now.n_failed > 0 and log_e >= min(threshold, woken[1])

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge_rise(self, now: Tally, threshold: float) -> None:
        self._test.update(now.at_s, now.n_ok, now.n_failed, self._usual, self._least(now.at_s))
        if self._test.log_e < threshold or not now.n_failed:
            self._usual.observe(now.at_s, now.n_ok, now.n_failed, suspicious=self._test.log_e > _SUSPICION)
            return
        self._alarm(since_s=self._ended[0] if self._ended else 0.0)

    def _alarm(self, since_s: float) -> None:
        """Tries fail, and began to after ``since_s``."""
        self._failing_since_s = self._onset_s(since_s)
        self._usual.forget_since(self._failing_since_s)
        self._recovery = RecoveryTest()
        self._woken = None

    def _least(self, now_s: float) -> float:
        """The smallest failure rate worth an alarm: soon after an outage only one like it, not its last ripples."""
        if self._ended is None or now_s - self._ended[0] > _AFTERMATH_S:
            return 0.0
        return self._ended[1] / 2.0

    def _judge_recovery(self, now: Tally, since_s: float) -> None:
        cap = RECOVERED_NATS * max(TICK_S, self.usual_gap_s) / _RECOVERY_S
        low, high = _GOOD_TRIES
        if self._recovery.nats < _HELD_NATS and self._woken is None:
            self._share_then = self._share(self._recent(), _DOUBT)
        still = still_failing(self._share_then, min(high, max(low, _GOOD_S / self.usual_gap_s)))
        over = self._recovery.update(now.n_ok, now.n_failed, self._usual, still, cap)
        if now.at_s - since_s > _NEW_NORMAL_S and self.failing <= _MOST_USUAL:
            self._usual.observe(now.at_s, now.n_ok, now.n_failed)
        if over:
            if now.at_s - since_s <= max(_FLARE_S, _FLARE_GAPS * self.usual_gap_s):
                self._usual.flare((t.at_s, t.n_ok, t.n_failed) for t in self._since_onset())
            self._ended = (now.at_s, self._share(self._since_onset()))
            self._failing_since_s, self._woken = None, None
            self._test.reset()

    def _onset_s(self, since_s: float) -> float:
        """Where the likelihood of the fault, summed backwards to ``since_s``, is greatest."""
        rate, size = self._test.likeliest, 1.0 / self._usual.rho - 1.0
        best, total, start = 0.0, 0.0, self._history[-1].at_s - TICK_S
        for t in reversed(self._since(since_s)):
            total += log_chance(t.n_ok, t.n_failed, rate, size) - log_chance(t.n_ok, t.n_failed, self.usual, size)
            if total > best:
                best, start = total, t.at_s - TICK_S
        return start

    def _grade(self) -> State:
        if self._woken is not None:
            return State.UNKNOWN
        if self._failing_since_s is None:
            return State.OPERATIONAL if self._latency.slow_since_s is None else State.DEGRADED
        if self.state.is_fault and self._recovery.nats >= _HELD_NATS:
            return self.state
        share = self.failing
        bounds = {s: b * (_SLACK if self.state is s else 1.0) for s, b in _GRADES}
        recent = self._recent()
        if share >= bounds[State.MAJOR_OUTAGE] and sum(t.n_ok + t.n_failed for t in recent) >= _FEWEST_TRIES:
            return State.MAJOR_OUTAGE
        return State.PARTIAL_OUTAGE if share >= bounds[State.PARTIAL_OUTAGE] else State.DEGRADED

    # -- telling ------------------------------------------------------------------------------------------------------

    @property
    def alarm_since_s(self) -> float | None:
        """Since when tries fail, or are slow; None when neither, or while a silence has left that open."""
        if self._woken is not None:
            return None
        return self._failing_since_s if self._failing_since_s is not None else self._latency.slow_since_s

    @property
    def problem(self) -> Problem | None:
        """``slow`` when that is all that is wrong, else None: then the layer tells the problem."""
        slow = self._failing_since_s is None and self._latency.slow_since_s is not None
        return Problem.SLOW if slow else None

    @property
    def latency_ms(self) -> tuple[float, float] | None:
        """The newest and the usual latency, None while the usual is not known."""
        recent, usual = self._latency.recent_ms, self._latency.usual_ms
        return None if recent is None or usual is None else (recent, usual)

    @property
    def usual(self) -> float:
        """The usual failure rate."""
        return self._usual.rate

    @property
    def failing(self) -> float:
        """The share that failed in the last 15 minutes or 12 tries, whichever is more, but not before onset."""
        return self._share(self._recent())

    @property
    def works(self) -> bool:
        """Whether the newest tick with tries had one that worked; not while a silence has left that open."""
        return bool(self._history) and self._history[-1].n_ok > 0 and self._woken is None

    def tally(self) -> tuple[int, int]:
        """Worked and failed since onset, or in the last hour of tries."""
        part = self._since_onset() if self._failing_since_s is not None else self._since(self.last_s - 3600.0)
        return sum(t.n_ok for t in part), sum(t.n_failed for t in part)

    @property
    def log_e(self) -> float:
        """The larger log e-value of both tests, never below 0."""
        return max(0.0, self._test.log_e, self._latency.log_e)

    def _since(self, start_s: float) -> list[Tally]:
        return [t for t in self._history if t.at_s > start_s]

    def _since_onset(self) -> list[Tally]:
        return self._since(self._failing_since_s or 0.0)

    def _recent(self) -> list[Tally]:
        part: list[Tally] = []
        tries = 0
        for t in reversed(self._history):
            old = t.at_s <= self.last_s - _RECENT_S and tries >= _RECENT_TRIES
            if old or (self._failing_since_s is not None and t.at_s <= self._failing_since_s):
                break
            part.append(t)
            tries += t.n_ok + t.n_failed
        return part

    @staticmethod
    def _share(part: list[Tally], doubt: tuple[float, float] = (0.0, 0.0)) -> float:
        failed, tries = doubt[0] + sum(t.n_failed for t in part), doubt[1] + sum(t.n_ok + t.n_failed for t in part)
        return failed / tries if tries else 0.0


_GRADES = ((State.MAJOR_OUTAGE, MAJOR), (State.PARTIAL_OUTAGE, PARTIAL))
