"""The counts detector: rise and fall tests of many streams and their cells, one array row each.

A *stream* is all that one source counts about one service; its *cells* are the parts of it that can fail alone (a
component, a region, a problem …). Each stream is one e-detector with one promised run length: the average of the test
of the whole, with half of the weight, and of its cells, which share the other half. The usual rate of a cell is its
share of the stream's, so rhythm and level are kept once a stream, and a cell costs :data:`CELL` ``.itemsize`` bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillup.verdict.counts.change import MULTIPLIERS, REALARM_S, count_llr, rise, still_raised
from stillup.verdict.counts.rhythm import Rhythm, Usual
from stillup.verdict.counts.rows import Array, Rows
from stillup.verdict.counts.stretch import UsualCount
from stillup.verdict.settings import DAY_S, TICK_S, Settings

MOST_CELLS = 64
"""Cells of one stream that are tested; the next ones are counted in the whole alone."""

PUBLISHED_TOLERANCE = 1.1
"""What a source calls usual itself may be a tenth too low."""

_WHOLE, _PART = 0.5, 0.5 / MOST_CELLS
_SUSPICION = 4.0  # nats: a stretch under suspicion teaches nothing of the last hour
_BLOCKS_S = (900, 3600)
_PRIOR_BLOCKS, _PRIOR_RUN = 12.0, 1.5  # how far errors come in runs, until the stream has shown it
_RUN_MEMORY_S = 4 * DAY_S
_WILDEST = 16.0  # one block counts as at most so many times what it should be
_SHARE_FADE = 0.93  # each time the same hour comes round, twice a day: a week's memory of who counts how much
_FEW = 30.0  # reports: a stream with less known lets its last hours count too
_LOUD = 0.1  # rows with a tenth of the evidence of the alarm are in alarm
_NO_CAP = 40.0
_UNHEARD = 0.25  # reports a window at least, where a source calls less usual and nothing is learned yet
_BELIEVED, _BELIEVED_RATIO = 100.0, 300.0  # a minute; a window with more than this needs a second one to alarm
_WANDER_SD = 4.0  # once in 30,000 blocks: about once a year

PARTS = 12
"""Two hours of the day each: regions wake at different hours, so a cell's share is kept by the time of day."""

CELL = np.dtype(
    [
        ("stream", "i4"), ("alarm", "?"), ("learned", "f4", PARTS), ("now", "f8"), ("last", "f8"),
        ("z", "f8", 2), ("run", "f4", 2), ("blocks", "f4", 2),
        ("fall", "f4"), ("raised_x", "f8"), ("raised_mean", "f8"), ("r", "f4", (2, len(MULTIPLIERS))),
    ]
)  # fmt: skip
"""A row of the tests; the first row of a stream is the whole of it."""


STREAM = np.dtype([("whole", "i8"), ("cells", "i8"), ("share", "f8"), ("block", "i8", 2), ("windows", "i8", 2)])
"""By stream: the row of its whole, how many cells it has, its share of the false-alarm budget, and the block it is in
with the windows it has so far."""


class Windows(NamedTuple):
    """One window of each of some streams, all ending at ``at_s``: ``x`` counted in ``exposure_s`` seconds.

    ``published`` is what the source itself calls usual, per second, NaN where it does not say. ``cells`` are rows of
    the bank (wholes excepted), all those of the streams named, and ``cell_x`` what was counted in each. ``patience``
    multiplies the promised run length for now: less than 1 where a smaller one is enough. ``enough`` nats
    against the fault end an alarm. ``beset`` are those of whose service another family is in alarm: one that is not
    warm yet then learns nothing, for it would take the fault for the usual.
    """

    streams: Array
    at_s: float
    x: Array
    exposure_s: Array
    window_s: Array
    published: Array
    cells: Array
    cell_x: Array
    patience: Array
    enough: Array
    beset: Array


class Judged(NamedTuple):
    """What a step says of each of its streams; ``mean`` and ``size`` of the whole are those it was judged by."""

    mean: Array
    size: Array
    log_e: Array
    warm: Array
    began: Array
    ended: Array


class _Step(NamedTuple):
    """The rows of a step (wholes first), whose they are, what was counted, and what each stream is held against."""

    rows: Array
    owner: Array
    x: Array
    thresholds: Array
    alarmed: Array


class CountBank:
    """All count streams that are judged together."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.rhythm = Rhythm()
        self._rows = Rows(CELL)
        self._streams = Rows(STREAM)

    @property
    def cells(self) -> Array:
        """The rows of the tests, wholes and cells."""
        return self._rows.used

    def add_stream(self, family: int = 0, share: float = 1.0) -> int:
        """Follow one stream more; ``family`` is a small number whose streams lend each other the shape of days.

        ``share`` is its part of the false-alarm budget: the run length it is promised is ``arl_s / share``.
        """
        stream = self.rhythm.add(family)
        self._streams.add(1)
        self._streams.used["block"][stream] = -1
        self._streams.used["whole"][stream] = self._rows.add(1)[0]
        self.cells["stream"][self.whole(stream)] = stream
        self.give(stream, share)
        return stream

    def add_cells(self, streams: Array) -> Array:
        """Follow one cell more of each stream named; their rows."""
        rows = self._rows.add(len(streams))
        self.cells["stream"][rows] = streams
        np.add.at(self._streams.used["cells"], streams, 1)
        return rows

    def give(self, stream: int, share: float) -> None:
        """Give a stream another share of the false-alarm budget."""
        self._streams.used["share"][stream] = share

    def whole(self, stream: int) -> int:
        """The row of the whole of a stream."""
        return int(self._streams.used["whole"][stream])

    # -- one step -----------------------------------------------------------------------------------------------------

    def step(self, w: Windows) -> Judged:
        """Judge one window of each stream in ``w`` and learn from it."""
        s = self._lay_out(w)
        self._turn(w, s)
        usual = self.rhythm.expect(w.streams, w.at_s, w.exposure_s)
        mean, size, tolerance = self._expect(w, s, usual)
        warm = self.rhythm.is_warm(w.streams) | ~np.isnan(w.published)
        e = self._rise(w, s, mean, size, tolerance, warm)
        log_e = np.log(np.maximum(np.bincount(s.owner, e, len(w.streams)), 1e-300))
        began = self._begin(s, e, log_e)
        ended = self._fall(w, s, mean, size, began)
        self._learn(w, s, mean, size, usual, log_e)
        k = len(w.streams)
        return Judged(mean[:k], size[:k], log_e, warm, began, ended)

    def _lay_out(self, w: Windows) -> _Step:
        wholes = self._streams.used["whole"][w.streams]
        place = np.zeros(len(self._streams.used), np.int64)
        place[w.streams] = np.arange(len(w.streams))
        rows = np.concatenate([wholes, w.cells])
        owner = np.concatenate([np.arange(len(wholes)), place[self.cells["stream"][w.cells]]])
        arl_s = self._settings.arl_s * w.patience
        thresholds = np.log(np.maximum(2.0, arl_s / w.window_s) / self._streams.used["share"][w.streams])
        x = np.concatenate([w.x, w.cell_x])
        alarmed = np.bincount(owner, self.cells["alarm"][rows], len(wholes)) > 0
        return _Step(rows, owner, x, thresholds, alarmed)

    def _turn(self, w: Windows, s: _Step) -> None:
        """Close the hours and blocks that are over."""
        cells = self.cells
        turned = self.rhythm.turn(w.streams, w.at_s)
        if len(turned):
            closed = np.zeros(len(self._streams.used), bool)
            closed[turned] = True
            rows = s.rows[closed[w.streams][s.owner]]
            part = int((w.at_s - 1.0) // 3600 - 2) // 2 % PARTS  # of the hour before the one that closes
            cells["learned"][rows, part] = cells["learned"][rows, part] * _SHARE_FADE + cells["last"][rows]
            cells["last"][rows] = cells["now"][rows]
            cells["now"][rows] = 0.0
        for i, block_s in enumerate(_BLOCKS_S):
            self._close_blocks(w, s, i, block_s)

    def _close_blocks(self, w: Windows, s: _Step, i: int, block_s: int) -> None:
        """The square of a block's summed errors, beside what it would be were they independent."""
        cells, streams = self.cells, self._streams.used
        block = int((w.at_s - 1.0) // block_s)
        over = streams["block"][w.streams, i] != block
        if not over.any():
            return
        windows = streams["windows"][w.streams, i]
        ready = (over & (windows > 0))[s.owner]
        rows = s.rows[ready]
        square = cells["z"][rows, i] ** 2 / windows[s.owner[ready]]
        fade = 1.0 - block_s / _RUN_MEMORY_S
        told = np.minimum(square, _WILDEST * self._runs(rows)[:, i])
        cells["run"][rows, i] = cells["run"][rows, i] * fade + told
        cells["blocks"][rows, i] = cells["blocks"][rows, i] * fade + 1.0
        cells["z"][s.rows[over[s.owner]], i] = 0.0
        streams["windows"][w.streams[over], i] = 0
        streams["block"][w.streams[over], i] = block

    def _runs(self, rows: Array) -> Array:
        """How much errors come in runs: a block's variance over that of independent windows (rows, block lengths)."""
        run = self.cells["run"][rows] + _PRIOR_BLOCKS * _PRIOR_RUN
        return np.maximum(1.0, run / (self.cells["blocks"][rows] + _PRIOR_BLOCKS))

    def _expect(self, w: Windows, s: _Step, usual: Usual) -> tuple[Array, Array, Array]:
        """Mean and size of every row, and the rise that a rhythm not yet known still explains."""
        k, cells = len(w.streams), self.cells
        said = ~np.isnan(w.published)
        learned = np.where(self.rhythm.is_warm(w.streams), usual.mean, _UNHEARD)
        mean = np.where(said, np.maximum(w.published * w.exposure_s, learned), usual.mean)
        size = np.where(said, 1.0 / self.rhythm.dispersion(w.streams), usual.size)
        tolerance = np.where(said, PUBLISHED_TOLERANCE, self.rhythm.tolerance(w.streams))
        learned = cells["learned"][s.rows].sum(axis=1, dtype=float)
        fresh = (learned[:k] < _FEW)[s.owner]
        learned = learned + np.where(fresh, cells["now"][s.rows] + cells["last"][s.rows], 0.0)
        share = (learned + 0.5) / (learned[:k][s.owner] + 1.0)
        here = cells["learned"][s.rows, int((w.at_s - 1.0) // 7200) % PARTS].astype(float)
        share = (here + _FEW * share) / (here[:k][s.owner] + _FEW)
        share[:k] = 1.0
        known = np.where(np.arange(len(share)) < k, 0.0, 1.0 / (learned + 0.5))
        return np.maximum(mean[s.owner] * share, 1e-9), 1.0 / (1.0 / size[s.owner] + known), tolerance[s.owner]

    def _rise(self, w: Windows, s: _Step, mean: Array, size: Array, tolerance: Array, warm: Array) -> Array:
        """Bring the rise tests of all rows up to date; the part of each in the e-value of its stream.

        Two tests answer to errors that come in runs, each best where the other is poor. One tempers its evidence: it
        finds small lasting rises. One lets the mean wander as far as it is known to: it finds big rises at once.
        """
        cells, k = self.cells, len(w.streams)
        runs = self._runs(s.rows)
        wander = self._wander(w, s, runs, mean, size)
        nulls = np.stack([mean * tolerance, mean * np.maximum(tolerance, wander)], axis=1)
        tempering = np.stack([runs.max(axis=1), np.ones(len(runs))], axis=1)
        believed = _BELIEVED * np.maximum(1.0, w.window_s / TICK_S)
        doubted = s.x > believed[s.owner] + _BELIEVED_RATIO * mean
        cap = np.minimum(_NO_CAP, np.where(doubted, self._settings.cap_share * s.thresholds[s.owner], _NO_CAP))
        r = rise(cells["r"][s.rows], s.x, nulls, size, tempering, cap)
        idle = cells["alarm"][s.rows] | s.alarmed[s.owner] | ~warm[s.owner]
        idle[:k] = cells["alarm"][s.rows[:k]] | ~warm
        r[idle] = 0.0
        cells["r"][s.rows] = r
        e: Array = r.mean(axis=(1, 2), dtype=float)
        e[:k] *= np.where(self._streams.used["cells"][w.streams] > 0, _WHOLE, 1.0)
        e[k:] *= _PART
        return e

    def _wander(self, w: Windows, s: _Step, runs: Array, mean: Array, size: Array) -> Array:
        """How far above the mean the level strays by itself: the high quantile of a gamma with the variance shown.

        With a level of variance v around 1, the variance of a block of n windows is
        ``1 + (n - 1) v m² / (m + m²/size)`` times that of independent ones. The quantile is by Wilson and Hilferty
        (1931).
        """
        windows = np.maximum(2.0, np.array(_BLOCKS_S) / w.window_s[:, None])[s.owner]
        each = np.maximum(mean * mean / (mean + mean * mean / size), 1e-12)
        variance = ((runs - 1.0) / ((windows - 1.0) * each[:, None])).max(axis=1)
        ninth = np.minimum(variance, 2.0) / 9.0
        wander: Array = (1.0 - ninth + _WANDER_SD * np.sqrt(ninth)) ** 3
        return wander

    def _begin(self, s: _Step, e: Array, log_e: Array) -> Array:
        """Raise the alarm where the threshold is passed; which streams it began in."""
        cells = self.cells
        over: Array = log_e >= s.thresholds
        if not over.any():
            return over
        loud = over[s.owner] & (e >= _LOUD * np.exp(np.minimum(log_e, 570.0))[s.owner])
        rows = s.rows[loud]
        cells["alarm"][rows] = True
        for field in ("fall", "raised_x", "raised_mean"):
            cells[field][rows] = 0.0
        cells["r"][rows] = 0.0
        return over & ~s.alarmed

    def _fall(self, w: Windows, s: _Step, mean: Array, size: Array, began: Array) -> Array:
        """Bring the fall tests of the rows in alarm up to date; which streams are calm again."""
        cells = self.cells
        raised = np.flatnonzero(cells["alarm"][s.rows])
        if not len(raised):
            return np.zeros(len(w.streams), bool)
        rows, owner = s.rows[raised], s.owner[raised]
        seen_x, seen_mean = cells["raised_x"][rows] + s.x[raised], cells["raised_mean"][rows] + mean[raised]
        ratio = still_raised(
            mean[raised],
            np.maximum(1.0, REALARM_S / w.exposure_s[owner]),
            s.thresholds[owner],
            seen_x / np.maximum(seen_mean, 1e-9),
        )
        back = -count_llr(s.x[raised], mean[raised], size[raised], ratio)
        fall = np.where(began[owner], 0.0, np.maximum(0.0, cells["fall"][rows] + back))
        # What may already be calm again says nothing of how bad the fault is.
        cells["raised_x"][rows] = np.where(fall > 0.0, cells["raised_x"][rows], seen_x)
        cells["raised_mean"][rows] = np.where(fall > 0.0, cells["raised_mean"][rows], seen_mean)
        over = fall >= w.enough[owner]
        cells["fall"][rows] = np.where(over, 0.0, fall)
        cells["alarm"][rows[over]] = False
        left = np.bincount(owner, ~over, len(w.streams))
        ended: Array = s.alarmed & (left == 0)
        cells["r"][s.rows[ended[s.owner]]] = 0.0
        return ended

    def _learn(self, w: Windows, s: _Step, mean: Array, size: Array, usual: Usual, log_e: Array) -> None:
        cells, streams = self.cells, self._streams.used
        alarmed = np.bincount(s.owner, cells["alarm"][s.rows], len(w.streams)) > 0
        told = ~w.beset | self.rhythm.is_warm(w.streams)
        calm = ~(alarmed | s.alarmed) & told
        self.rhythm.observe(
            w.streams[told], w.x[told], w.exposure_s[told], Usual(*(of_it[told] for of_it in usual)), calm[told],
            log_e[:len(told)][told] < _SUSPICION,
        )  # fmt: skip
        self.rhythm.forget(w.streams[~told])  # it may have begun before anybody was in alarm
        rows = s.rows[~told[s.owner]]
        cells["now"][rows] = cells["last"][rows] = 0.0
        quiet = calm[s.owner]
        rows = s.rows[quiet]
        cells["now"][rows] += s.x[quiet]
        z = (s.x - mean) / np.sqrt(mean + mean * mean / size)
        cells["z"][rows] += z[quiet, None]
        streams["windows"][w.streams[calm]] += 1
        spoiled = alarmed & ~s.alarmed
        if spoiled.any():
            self.rhythm.spoil(w.streams[spoiled], usual.mean[spoiled] / w.exposure_s[spoiled])
            rows = s.rows[spoiled[s.owner]]
            cells["now"][rows] = cells["last"][rows] = 0.0
            cells["z"][rows] = 0.0
            streams["windows"][w.streams[spoiled]] = 0

    def usual(self, streams: Array, at_s: float, seconds: float, published: Array) -> list[UsualCount]:
        """What is usual in so many seconds up to ``at_s``; ``published`` is what a source itself says, a second."""
        learned, said = self.rhythm.usual_at(streams, at_s, seconds), ~np.isnan(published)
        floor = np.where(self.rhythm.is_warm(streams), learned.mean, _UNHEARD)
        mean = np.where(said, np.maximum(published * seconds, floor), learned.mean)
        size = np.where(said, 1.0 / self.rhythm.dispersion(streams), learned.size)
        return [UsualCount(m, s) for m, s in zip(mean.tolist(), size.tolist(), strict=True)]

    def share(self, stream: int, row: int) -> float:
        """The usual share of a cell in its stream."""
        cells = self.cells
        learned, of_all = cells["learned"][row].sum(), cells["learned"][self.whole(stream)].sum()
        return float((learned + 0.5) / (of_all + 1.0))

    def forget(self, stream: int) -> None:
        """Drop what this hour and the last have taught: the source was not counting."""
        rows = np.flatnonzero(self.cells["stream"] == stream)
        self.cells["now"][rows] = self.cells["last"][rows] = 0.0
        self.rhythm.forget(stream)

    def restart(self, stream: int) -> None:
        """Drop what a stream's rise tests have gathered so far."""
        self.cells["r"][self.cells["stream"] == stream] = 0.0

    # -- what a stream's keeper knows better --------------------------------------------------------------------------

    def raised_since_onset(self, row: int, x: float, mean: float) -> None:
        """Tell a row in alarm what was counted, and usual, since the fault began: before the alarm did."""
        self.cells["raised_x"][row], self.cells["raised_mean"][row] = x, mean

    def accept(self, stream: int) -> None:
        """Take the present level of a stream in alarm as the new usual one."""
        rows = np.flatnonzero(self.cells["stream"] == stream)
        whole = self.whole(stream)
        if self.cells["raised_mean"][whole] > 0.0:
            self.rhythm.relevel(stream, self.cells["raised_x"][whole] / self.cells["raised_mean"][whole])
        self.cells["alarm"][rows] = False
        self.cells["r"][rows] = 0.0
        self.cells["learned"][rows] *= 0.0
