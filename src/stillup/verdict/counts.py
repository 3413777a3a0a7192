"""Counts of one source about one service: windows in, alarm or calm out."""

from __future__ import annotations

from collections import Counter, deque
from math import ceil

from msgspec import Struct

from stillup.model.signal import Counted
from stillup.verdict.baseline import Baseline
from stillup.verdict.change import FallTest, RiseTest, count_llr, still_raised_ratio
from stillup.verdict.localise import Leaf, LeafRates, Localised, localise
from stillup.verdict.settings import TICK_S, Settings

_SILENCE_S = 2 * 24 * 3600
_FINALS_ROOM = 4096
_KEEP_S = 6 * 3600  # how far back an onset can be found
_NEW_NORMAL_S = 72 * 3600  # of 692 incidents on Claude's page 18 stayed open longer


class Seen(Struct, frozen=True):
    """One judged stretch of time: what was counted until ``at_s``, and what was usual."""

    at_s: float
    exposure_s: float
    x: float
    mean: float
    size: float


class CountStream:
    """All counts of one source about one service, judged as a whole; where the excess lies is asked when it alarms."""

    def __init__(self, source: str, interval_s: float, settings: Settings) -> None:
        self.source = source
        self.baseline = Baseline()
        self.leaves = LeafRates()
        self.alarm_since_s: float | None = None
        self.window_s = float(interval_s)
        self._calm_since_s = 0.0
        self._settings = settings
        self._rise = RiseTest()
        self._fall = FallTest()
        self._named = Localised()
        self._finals: dict[tuple[int, int, Leaf, str | None], int] = {}  # by window length, window, place, id
        self._fresh: Counter[Leaf] = Counter()
        self._published: dict[tuple[object, ...], tuple[float, int]] = {}
        self._published_rate: float | None = None
        self._covered_s: float | None = None
        self._spoke_s = 0.0
        self._at_once = True
        self._polled = False  # it is a live poll of windows still open, as ids or published expectations show
        self._closing: dict[int, Counter[Leaf]] = {}
        self._finals_room = _FINALS_ROOM
        self._history: deque[Seen] = deque()
        self._leaf_history: deque[tuple[float, Counter[Leaf]]] = deque()

    # -- taking lines in ------------------------------------------------------------------------------------------

    def take(self, line: Counted, at_s: float) -> None:
        """Note one line. Of two lines with one key and window the last one stands: only the difference is new."""
        self.window_s = float(line.window_s)
        self._spoke_s = at_s
        window = ceil(at_s / line.window_s)
        leaf = Leaf(line.component, line.region, line.problem and line.problem.value, line.client, line.model)
        key = (line.window_s, window, leaf, line.id)
        more = line.count - self._finals.get(key, 0)
        self._finals[key] = line.count
        self._polled = self._polled or line.id is not None or line.expected is not None
        self._at_once = self._polled or line.window_s <= TICK_S
        end_s = window * line.window_s
        if self._at_once or end_s <= (self._covered_s or 0.0):
            self._fresh[leaf] += more
        else:
            self._closing.setdefault(end_s, Counter())[leaf] += more
        if line.expected is not None:
            self._published[key] = (line.expected / line.window_s, window)
        if len(self._finals) > self._finals_room:
            self._drop_old_windows(at_s)

    def _drop_old_windows(self, at_s: float) -> None:
        self._finals = {k: n for k, n in self._finals.items() if k[0] * k[1] >= at_s - 2 * k[0]}
        self._finals_room = max(_FINALS_ROOM, 2 * len(self._finals))  # so that dropping costs little a line

    # -- judging --------------------------------------------------------------------------------------------------

    def next_due_s(self) -> float | None:
        """When a source that never says it is alive closes its next window, empty or not.

        After two days of silence nothing more is learned from another empty window, and none is judged.
        """
        if self._covered_s is None or self._covered_s - self._spoke_s > _SILENCE_S:
            return None
        return (self._covered_s // self.window_s + 1.0) * self.window_s

    def last_end_s(self, now_s: float) -> float:
        """The end of the newest window that is over."""
        return now_s // self.window_s * self.window_s

    def covered_by(self, now_s: float) -> float:
        """How far a word heard at ``now_s`` closes the account.

        Windows of a minute, polls with an id and counts with their own expectation are judged at once. Any other
        window may hold its whole count long before it ends, so it is judged when it is over.
        """
        return now_s if self._at_once else self.last_end_s(now_s)

    def tick(self, now_s: float, covered_s: float) -> bool:
        """Judge what was counted up to ``covered_s``; True when that says something new: a turn, more of an alarm."""
        for end_s in [end for end in self._closing if end <= covered_s]:
            self._fresh.update(self._closing.pop(end_s))
        gap_s = covered_s - self._covered_s if self._covered_s is not None else self.window_s
        if gap_s <= 0.0 and not self._fresh:
            return False
        # A longer gap than three windows is missing data, not zeros; a correction of the past has no time of its own.
        exposure_s = min(gap_s, 3 * max(self.window_s, TICK_S)) if gap_s > 0 else 0.0
        self._covered_s = max(covered_s, self._covered_s or covered_s)
        counted = +self._fresh
        self._fresh = Counter({leaf: n for leaf, n in self._fresh.items() if n < 0})  # a correction is owed, not lost
        return self._judge(now_s, float(counted.total()), max(exposure_s, 1.0), counted)

    def _judge(self, now_s: float, x: float, exposure_s: float, counted: Counter[Leaf]) -> bool:
        mean, size = self._expect(now_s, exposure_s)
        seen = Seen(now_s, exposure_s, x, mean, size)
        self._remember(seen, counted)
        if self.alarm_since_s is not None:
            return self._judge_recovery(seen) or bool(counted)
        cap = self._settings.cap_nats if self.window_s <= 2 * TICK_S else 500.0
        if self.is_warm:
            self._rise.update(x, mean, size, cap, self._least_ratio)
        threshold = self._settings.threshold(self.window_s)
        if self._rise.log_e >= threshold:
            self._begin_alarm()
            return True
        self.baseline.observe(now_s, x, exposure_s)
        self.leaves.observe(now_s, counted, exposure_s)
        return False

    def _expect(self, now_s: float, exposure_s: float) -> tuple[float, float]:
        if self._published:
            newest = max(window for _, window in self._published.values())
            self._published_rate = sum(rate for rate, window in self._published.values() if window == newest)
            self._published = {}
        mean, size = self.baseline.expect(now_s, exposure_s)
        if self._published_rate is not None:
            mean, size = max(self._published_rate * exposure_s, 1e-6), 1.0 / self.baseline.dispersion
        return mean, size

    @property
    def _least_ratio(self) -> float:
        return self.baseline.least_ratio if self._published_rate is None else 1.5

    @property
    def is_warm(self) -> bool:
        """Whether the usual rate is known well enough to judge by."""
        return self._published_rate is not None or self.baseline.is_warm

    def _remember(self, seen: Seen, counted: Counter[Leaf]) -> None:
        self._history.append(seen)
        if counted:
            self._leaf_history.append((seen.at_s, counted))
        horizon = seen.at_s - _KEEP_S
        while self._history[0].at_s < horizon:
            self._history.popleft()
        while self._leaf_history and self._leaf_history[0][0] < horizon:
            self._leaf_history.popleft()

    def _begin_alarm(self) -> None:
        self.alarm_since_s = self._onset_s()
        self.baseline.forget_since(self.alarm_since_s)
        self.leaves.forget_since(self.alarm_since_s)
        self._fall = FallTest()
        self._named = Localised()

    def _onset_s(self) -> float:
        """The start of the stretch up to now that speaks loudest for a raised rate: the maximum-likelihood onset."""
        last = self._history[-1]
        best, best_start, total_x, total_mean = 0.0, last.at_s - last.exposure_s, 0.0, 0.0
        for seen in reversed(self._history):
            if seen.at_s <= self._calm_since_s:
                break
            total_x += seen.x
            total_mean += seen.mean
            if total_x <= total_mean:
                continue
            ratio = min(1e4, max(1.5, total_x / total_mean))
            gain = count_llr(total_x, total_mean, 1e9, ratio)
            if gain >= best:
                best, best_start = gain, seen.at_s - seen.exposure_s
        return best_start

    def _judge_recovery(self, seen: Seen) -> bool:
        since = self.alarm_since_s or 0.0
        if seen.at_s - since > _NEW_NORMAL_S:
            return self._accept_new_normal()
        x, mean, _ = self.rates()
        threshold = self._settings.threshold(self.window_s)
        ratio = still_raised_ratio(seen.mean, seen.exposure_s, threshold, x / max(mean, 1e-9), self._least_ratio)
        if not self._fall.update(-count_llr(seen.x, seen.mean, seen.size, ratio)):
            return False
        self._end_alarm()
        return True

    def _accept_new_normal(self) -> bool:
        """A level that has lasted so long is no outage any more: learn it, and judge from there."""
        self.baseline = Baseline()
        for seen in self._history:
            self.baseline.observe(seen.at_s, seen.x, seen.exposure_s)
        self._end_alarm()
        return True

    def _end_alarm(self) -> None:
        self._calm_since_s = self._history[-1].at_s
        self.alarm_since_s = None
        self._rise.reset()

    # -- telling --------------------------------------------------------------------------------------------------

    @property
    def log_e(self) -> float:
        """The log e-value of the rise test; while in alarm, of the whole stretch since onset."""
        if self.alarm_since_s is None:
            return max(0.0, self._rise.log_e)
        x, mean, _ = self.rates()
        return max(self._rise.log_e, count_llr(x, mean, 10.0, min(1e4, max(1.5, x / max(mean, 1e-9)))))

    def rates(self) -> tuple[float, float, float]:
        """Counted and usual in the stretch that matters now, and its seconds.

        That is since onset, else the last hour, as far as it lies after the last alarm.
        """
        if not self._history:
            return 0.0, 0.0, 0.0
        since = self.alarm_since_s
        if since is None:
            since = max(self._calm_since_s, self._history[-1].at_s - 3600.0)
        part = [s for s in self._history if s.at_s > since]
        return sum(s.x for s in part), sum(s.mean for s in part), sum(s.exposure_s for s in part)

    def localised(self) -> Localised:
        """Which components, regions, problems and models the excess since onset lies in; only grows in one alarm."""
        since = self.alarm_since_s
        if since is None:
            return Localised()
        observed: Counter[Leaf] = Counter()
        for at_s, counted in self._leaf_history:
            if at_s > since:
                observed.update(counted)
        self._named = localise(observed, self.leaves.expected(self.rates()[1]), self._named)
        return self._named
