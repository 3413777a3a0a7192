"""Counts of one source about one service: windows in, alarm or calm out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from math import ceil, nan
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from stillup.model.service import Family
from stillup.model.signal import Counted
from stillup.verdict.counts.bank import MOST_CELLS, CountBank, Windows
from stillup.verdict.counts.change import RECOVERED_NATS, count_llr
from stillup.verdict.counts.fresh import Unjudged, grown
from stillup.verdict.counts.stretch import Seen, onset, total
from stillup.verdict.locate.localise import Leaf, LeafRates, Localised, localise, part_of_day
from stillup.verdict.locate.regions import country
from stillup.verdict.settings import TICK_S

_SILENCE_S = 2 * 24 * 3600
_FINALS_ROOM = 4096
_KEEP_S = 6 * 3600  # how far back an onset can be found
_INCREDIBLE = 14.0  # reports missing in a row, by chance once in a million windows
_NEW_NORMAL_S = 72 * 3600  # of 692 incidents on Claude's page 18 stayed open longer
_LOOK_AGAIN = 1.1  # where the excess lies is asked again when the count has grown by a tenth
_EASED_NATS = 1.0
"""Once another family has seen the end, three to one is enough against the fault still being there."""

_EASED = 7.0 / 365.0
"""While another family is in alarm, this part of the promised run length is enough: this one only has to agree."""

_REFRACTORY, _REFRACTORY_S = 1e6, 30 * 60
"""For half an hour after an alarm it takes that much more: the last reports of a fault are no new one."""

_AS_LOUD, _AS_LOUD_S, _NEVER = 0.5, 10 * 60, 1e18
"""Ten minutes in it that do not reach half the rate of the alarm raise none: people go on about what is over."""


class Found(NamedTuple):
    """What the bank says of one window: the fields of :class:`Judged`."""

    mean: float
    size: float
    log_e: float
    warm: bool
    began: bool
    ended: bool


class CountStream:
    """All counts of one source about one service, and the row of the bank that judges them."""

    def __init__(self, source: str, interval_s: float, bank: CountBank, family: Family) -> None:
        self.source = source
        self.family = family
        self.row = bank.add_stream(list(Family).index(family))
        self.leaves = LeafRates()
        self.alarm_since_s: float | None = None
        self.window_s = float(interval_s)
        self.is_warm = False
        """Whether the usual rate is known well enough to judge by."""
        self._bank = bank
        self._cells: dict[tuple[int, str], int] = {}
        self._log_e = 0.0
        self._calm_since_s = 0.0
        self._ebbs = False  # since the last alarm no half hour has passed
        self._was_rate = 0.0  # what came a second in the last alarm
        self._since = Seen(0.0, 0.0, 0.0, 0.0)  # the sum since onset
        self._named = Localised()
        self._whole_in_alarm = False
        self._observed: Counter[Leaf] = Counter()
        self._usual_since: dict[int, float] = {}  # by part of the day
        self._looked_at = 0.0
        self._finals: dict[tuple[int, int, Leaf, str | None], int] = {}  # by window length, window, place, id
        self._unjudged: Unjudged = {}
        self._published: dict[tuple[object, ...], tuple[float, int]] = {}
        self._published_rate = nan
        self._covered_s: float | None = None
        self._spoke_s = 0.0
        self._at_once = True
        self._missed = 0.0  # reports that were usual since the last one came
        self._polled = False  # it is a live poll of windows still open, as ids or published expectations show
        self._closing: Unjudged = {}  # of windows that are judged when they are over
        self._finals_room = _FINALS_ROOM
        self._history: deque[Seen] = deque()
        self._leaf_history: deque[tuple[float, Counter[Leaf]]] = deque()

    # -- taking lines in ----------------------------------------------------------------------------------------------

    def take(self, line: Counted, at_s: float) -> None:
        """Note one line. Of two lines with one key and window the last one stands: only the difference is new."""
        self.window_s = float(line.window_s)
        self._spoke_s = at_s
        window = ceil((line.until.timestamp() if line.until else at_s) / line.window_s)
        leaf = Leaf(line.component, line.region, line.problem and line.problem.value, line.client, line.model)
        key = (line.window_s, window, leaf, line.id)
        more = line.count - self._finals.get(key, 0)
        self._finals[key] = line.count
        self._polled = self._polled or line.id is not None or line.expected is not None
        self._at_once = self._polled or line.window_s <= TICK_S
        end_s = window * line.window_s
        ready = self._at_once or end_s <= (self._covered_s or 0.0)
        (self._unjudged if ready else self._closing).setdefault((line.window_s, window), Counter())[leaf] += more
        if line.expected is not None:
            self._published[key] = (line.expected / line.window_s, window)
        if len(self._finals) > self._finals_room:
            self._drop_old_windows(at_s)

    def _drop_old_windows(self, at_s: float) -> None:
        self._finals = {k: n for k, n in self._finals.items() if k[0] * k[1] >= at_s - 2 * k[0]}
        self._finals_room = max(_FINALS_ROOM, 2 * len(self._finals))  # so that dropping costs little a line

    # -- one window ---------------------------------------------------------------------------------------------------

    def next_due_s(self) -> float | None:
        """When a source that never says it is alive closes its next window, empty or not.

        After two days of silence, or when so long a one is incredible at the usual rate, the source is taken for dead:
        no empty window is judged, and nothing learned.
        """
        if self._covered_s is None or self._covered_s - self._spoke_s > _SILENCE_S or self._missed > _INCREDIBLE:
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

    def close(self, covered_s: float) -> Closed | None:
        """What was counted up to ``covered_s`` and not judged yet; None when no time has passed and nothing is new."""
        for span in [span for span in self._closing if span[0] * span[1] <= covered_s]:
            self._unjudged.setdefault(span, Counter()).update(self._closing.pop(span))
        gap_s = covered_s - self._covered_s if self._covered_s is not None else self.window_s
        counted, self._unjudged = grown(self._unjudged, covered_s)
        if gap_s <= 0.0 and not counted:
            return None
        # A longer gap than three windows is missing data, not zeros; a correction of the past has no time of its own.
        exposure_s = min(gap_s, 3 * max(self.window_s, TICK_S)) if gap_s > 0 else 0.0
        self._covered_s = max(covered_s, self._covered_s or covered_s)
        if self._published:
            newest = max(window for _, window in self._published.values())
            self._published_rate = sum(rate for rate, window in self._published.values() if window == newest)
            self._published = {}
        return Closed(self, float(counted.total()), max(exposure_s, 1.0), counted)

    def cell_counts(self, counted: Counter[Leaf]) -> tuple[list[int], list[int]]:
        """The rows of this stream's cells in the bank, and what each has in ``counted``: sums over one attribute."""
        here: Counter[tuple[int, str]] = Counter()
        for leaf, n in counted.items():
            for attribute, value in enumerate(leaf):
                if value is not None:
                    here[attribute, value] += n
            if leaf.region is not None and (whole := country(leaf.region)) != leaf.region:
                here[1, whole] += n
        for key in here.keys() - self._cells.keys():
            if len(self._cells) < MOST_CELLS:
                self._cells[key] = int(self._bank.add_cells(np.array([self.row]))[0])
        return list(self._cells.values()), [here[key] for key in self._cells]

    @property
    def published_rate(self) -> float:
        """What the source itself calls usual, a second; NaN where it does not say."""
        return self._published_rate

    # -- what the bank has found --------------------------------------------------------------------------------------

    def settle(self, window: Closed, at_s: float, found: Found) -> bool:
        """Take in the bank's judgement of a window; True when that says something new: a turn, more of an alarm."""
        self._missed = self._missed + found.mean if window.assumed else 0.0
        if self._missed > _INCREDIBLE:
            self._bank.forget(self.row)
        self._remember(Seen(at_s, window.exposure_s, window.x, found.mean), window.counted)
        self._log_e = found.log_e
        news, self.is_warm = found.warm != self.is_warm, found.warm
        if found.began:
            self._begin_alarm()
        elif self.alarm_since_s is None:
            self.leaves.observe(at_s, window.counted)
        elif found.ended:
            self._end_alarm(at_s)
        else:
            return self._go_on(window, at_s, found.mean)
        return news or found.began or found.ended

    def _go_on(self, window: Closed, at_s: float, mean: float) -> bool:
        since = self._since
        self._since = Seen(at_s, since.exposure_s + window.exposure_s, since.x + window.x, since.mean + mean)
        self._observed.update(window.counted)
        self._note_usual(at_s, mean)
        if not self._whole_in_alarm and self._in_alarm(None):
            self._tell_raised(None)
        if at_s - (self.alarm_since_s or 0.0) > _NEW_NORMAL_S:
            self._bank.accept(self.row)  # a level that has lasted so long is no outage any more
            self._end_alarm(at_s)
            return True
        return bool(window.counted)

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
        self._whole_in_alarm = self._in_alarm(None)
        part = None if self._whole_in_alarm else next((key for key in self._cells if self._in_alarm(key)), None)
        onset_s = onset([s for s in self._part_history(part) if s.at_s > self._calm_since_s])
        self.alarm_since_s = onset_s
        self._since = total(s for s in self._history if s.at_s > onset_s)
        self._observed, self._usual_since = Counter(), {}
        for seen in self._history:
            if seen.at_s > onset_s:
                self._note_usual(seen.at_s, seen.mean)
        for at_s, counted in self._leaf_history:
            if at_s > onset_s:
                self._observed.update(counted)
        self.leaves.forget_since(onset_s)
        for part in (None, *self._cells):
            if self._in_alarm(part):
                self._tell_raised(part)
        self._named, self._looked_at = Localised(), 0.0

    def _note_usual(self, at_s: float, mean: float) -> None:
        part = part_of_day(at_s)
        self._usual_since[part] = self._usual_since.get(part, 0.0) + mean

    def _row(self, part: tuple[int, str] | None) -> int:
        return self._bank.whole(self.row) if part is None else self._cells[part]

    def _in_alarm(self, part: tuple[int, str] | None) -> bool:
        return bool(self._bank.cells["alarm"][self._row(part)])

    def _tell_raised(self, part: tuple[int, str] | None) -> None:
        """Tell the bank what was counted, and usual, since the onset in the whole or a cell that is in alarm."""
        raised = total(s for s in self._part_history(part) if s.at_s > (self.alarm_since_s or 0.0))
        self._bank.raised_since_onset(self._row(part), raised.x, raised.mean)
        self._whole_in_alarm = self._whole_in_alarm or part is None

    def _part_history(self, part: tuple[int, str] | None) -> list[Seen]:
        """The history of the whole, or of one cell."""
        if part is None:
            return list(self._history)
        attribute, value = part
        share = self._bank.share(self.row, self._cells[part])
        counts = {
            at_s: sum(n for leaf, n in counted.items() if _is_of(leaf, attribute, value))
            for at_s, counted in self._leaf_history
        }
        return [Seen(s.at_s, s.exposure_s, counts.get(s.at_s, 0.0), s.mean * share) for s in self._history]

    def _end_alarm(self, at_s: float) -> None:
        self._calm_since_s = at_s
        self._ebbs = True
        self._was_rate = self._since.x / max(self._since.exposure_s, 1.0)
        self.alarm_since_s = None
        self._log_e = 0.0

    def patience(self, now_s: float, *, others_alarm: bool) -> float:
        """What the promised run length is multiplied with for now."""
        if self.alarm_since_s is None and self._is_just_over(now_s):
            if not self._is_as_loud(now_s):
                return _NEVER
            return 1.0 if others_alarm else _REFRACTORY
        return _EASED if others_alarm else 1.0

    def forget_the_ebb(self, now_s: float) -> None:
        """Half an hour after an alarm, begin anew: what the last reports of a fault add up to is no new one."""
        if self._ebbs and not self._is_just_over(now_s):
            self._ebbs = False
            if self.alarm_since_s is None:
                self._bank.restart(self.row)

    def _is_as_loud(self, now_s: float) -> bool:
        """Whether the last ten minutes come near what the last alarm was."""
        since = max(self._calm_since_s, now_s - _AS_LOUD_S)
        return sum(s.x for s in self._history if s.at_s > since) >= _AS_LOUD * self._was_rate * _AS_LOUD_S

    def _is_just_over(self, now_s: float) -> bool:
        return 0.0 < self._calm_since_s > now_s - _REFRACTORY_S

    # -- telling ------------------------------------------------------------------------------------------------------

    @property
    def log_e(self) -> float:
        """The log e-value of the rise test; while in alarm, of the whole stretch since onset."""
        if self.alarm_since_s is None:
            return max(0.0, self._log_e)
        ratio = min(1e4, max(1.5, self._since.x / max(self._since.mean, 1e-9)))
        return max(0.0, float(count_llr(self._since.x, max(self._since.mean, 1e-9), 10.0, ratio)))

    def rates(self) -> tuple[float, float, float]:
        """Counted and usual in the stretch that matters now, and its seconds.

        That is since onset, else the last hour, as far as it lies after the last alarm.
        """
        if self.alarm_since_s is not None:
            return self._since.x, self._since.mean, self._since.exposure_s
        if not self._history:
            return 0.0, 0.0, 0.0
        since = max(self._calm_since_s, self._history[-1].at_s - 3600.0)
        part = total(s for s in self._history if s.at_s > since)
        return part.x, part.mean, part.exposure_s

    def of_late(self, since_s: float) -> tuple[Seen, Counter[Leaf]]:
        """What was judged after ``since_s``, six hours back at most: the sum of it, and what was counted by place."""
        leaves: Counter[Leaf] = Counter()
        for at_s, counted in self._leaf_history:
            if at_s > since_s:
                leaves.update(counted)
        return total(s for s in self._history if s.at_s > since_s), leaves

    @property
    def has_counted(self) -> bool:
        """Whether anything was counted in the last six hours."""
        return bool(self._leaf_history)

    def share_of_region(self, region: str) -> float | None:
        """The usual part of a region in all that is counted, a country's without its parts; None: not followed."""
        row = self._cells.get((1, region))
        if row is None:
            return None
        parts = [r for (a, v), r in self._cells.items() if a == 1 and v != region and country(v) == region]
        return max(0.0, self._bank.share(self.row, row) - sum(self._bank.share(self.row, r) for r in parts))

    def localised(self) -> Localised:
        """Which components, regions, problems and models the excess since onset lies in; only grows in one alarm."""
        if self.alarm_since_s is None:
            return Localised()
        if self._since.x >= _LOOK_AGAIN * self._looked_at:
            self._looked_at = self._since.x
            self._named = localise(self._observed, self.leaves.expected(self._usual_since), self._named)
        return self._named


class Closed(Struct):
    """A stretch of one stream that is ready to be judged.

    ``assumed`` empty because nothing was heard; ``patience`` multiplies the promised run length; ``ending`` when
    another one that had alarmed in the same incident has seen it end; ``beset`` while another family is in alarm.
    """

    stream: CountStream
    x: float
    exposure_s: float
    counted: Counter[Leaf]
    assumed: bool = False
    patience: float = 1.0
    ending: bool = False
    beset: bool = False


def judge(bank: CountBank, windows: Sequence[Closed], at_s: float) -> list[bool]:
    """Judge the closed stretches of some streams in one step of their bank; for each, whether it says something new."""
    if not windows:
        return []
    cells: list[int] = []
    cell_x: list[int] = []
    for window in windows:
        window.stream.forget_the_ebb(at_s)
        rows, counts = window.stream.cell_counts(window.counted)
        cells += rows
        cell_x += counts
    judged = bank.step(
        Windows(
            streams=np.array([w.stream.row for w in windows]),
            at_s=at_s,
            x=np.array([w.x for w in windows]),
            exposure_s=np.array([w.exposure_s for w in windows]),
            window_s=np.array([w.stream.window_s for w in windows]),
            published=np.array([w.stream.published_rate for w in windows]),
            cells=np.array(cells, np.int64),
            cell_x=np.array(cell_x, float),
            patience=np.array([w.patience for w in windows]),
            enough=np.array([_EASED_NATS if w.ending else RECOVERED_NATS for w in windows]),
            beset=np.array([w.beset for w in windows]),
        )
    )
    found = zip(*(column.tolist() for column in judged), strict=True)
    return [w.stream.settle(w, at_s, Found(*of_it)) for w, of_it in zip(windows, found, strict=True)]


def _is_of(leaf: Leaf, attribute: int, value: str) -> bool:
    found = leaf[attribute]
    return found == value or (attribute == 1 and found is not None and country(found) == value)
