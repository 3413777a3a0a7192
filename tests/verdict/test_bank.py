"""The counts detector on arrays: calm in calm times, quick in bad ones, the same one by one and all at once."""

from math import cos, pi

import numpy as np
import pytest

from stillup.verdict.counts.bank import CELL, MOST_CELLS, CountBank, Windows
from stillup.verdict.counts.change import MULTIPLIERS, RECOVERED_NATS, count_llr
from stillup.verdict.counts.rhythm import Rhythm
from stillup.verdict.settings import DAY_S, Settings

START_S = 1_772_409_600  # a Monday
NO_CELLS = (np.zeros(0, np.int64), np.zeros(0))


class Play:
    """Streams of Poisson counts fed to a bank, window by window."""

    def __init__(self, n=5, window_s=300, arl_days=365.0, seed=3):
        self.bank = CountBank(Settings(arl_s=arl_days * DAY_S))
        self.rows = np.array([self.bank.add_stream() for _ in range(n)])
        self.rng = np.random.default_rng(seed)
        self.window_s = window_s
        self.now_s = START_S
        self.judged = None

    def step(self, x, cells=NO_CELLS, rows=None, beset=False):
        rows = self.rows if rows is None else rows
        column = np.full(len(rows), float(self.window_s))
        self.now_s += self.window_s
        self.judged = self.bank.step(
            Windows(
                rows, float(self.now_s), np.broadcast_to(np.asarray(x, float), len(rows)).copy(), column, column,
                np.full(len(rows), np.nan), *cells, np.ones(len(rows)), np.full(len(rows), RECOVERED_NATS),
                np.full(len(rows), beset),
            )
        )  # fmt: skip
        return self.judged

    def run(self, hours, a_minute):
        """Alarms begun and ended in so many hours at a rate (a number, or a function of the hour)."""
        began = ended = 0
        for _ in range(int(hours * 3600 / self.window_s)):
            rate = a_minute(self.now_s / 3600) if callable(a_minute) else a_minute
            judged = self.step(self.rng.poisson(rate * self.window_s / 60, len(self.rows)))
            began, ended = began + judged.began, ended + judged.ended
        return began, ended


def test_a_stream_that_begins_in_a_fault_others_see_does_not_take_it_for_the_usual():
    born, taught = Play(), Play()
    for streams in (born, taught):
        for minute in range(24):
            streams.step(30.0, beset=streams is born and minute > 1)
        for _ in range(24):
            judged = streams.step(2.0)
    assert judged.mean.mean() > 4.0, "without the guard the fault is what it knows"
    assert born.judged.mean.mean() == pytest.approx(2.0, abs=0.5)


def test_what_a_stream_knew_before_a_fault_goes_on_as_before():
    alone, beset = Play(), Play()
    for streams in (alone, beset):
        streams.run(6, 1.0)
        for _ in range(24):
            streams.step(5.0, beset=streams is beset)
    assert (alone.judged.mean == beset.judged.mean).all()


def test_a_likelihood_ratio_is_that_of_the_negative_binomial():
    from math import lgamma, log

    def log_p(x, mean, size):
        return (
            lgamma(x + size) - lgamma(size) - lgamma(x + 1)
            + size * log(size / (size + mean)) + x * log(mean / (size + mean))
        )  # fmt: skip

    assert float(count_llr(7.0, 2.0, 5.0, 3.0)) == pytest.approx(log_p(7, 6.0, 5.0) - log_p(7, 2.0, 5.0))


@pytest.mark.parametrize("a_minute", [0.02, 1.0, 150.0])
def test_calm_streams_raise_no_alarm_and_a_fivefold_rise_is_found_in_all(a_minute):
    play = Play()
    assert not play.run(60, a_minute)[0].any()
    began, ended = play.run(6, 5 * a_minute + 0.3)
    assert (began >= 1).all()
    assert not ended.any()
    assert (play.run(6, a_minute)[1] == 1).all()


def test_a_rhythm_of_day_and_night_raises_no_alarm_from_the_first_day_on():
    play = Play()
    assert not play.run(10 * 24, lambda hour: 10.0 * (1 - 0.7 * cos(hour / 24 * 2 * pi)))[0].any()


def test_a_level_that_wanders_by_itself_raises_no_alarm():
    play = Play(window_s=300)
    alarms = 0
    for quarter in range(10 * 96):
        level = play.rng.gamma(1 / 0.05, 0.05, 5) if quarter >= 0 else 1.0
        for _ in range(3):
            alarms += play.step(play.rng.poisson(50 * level)).began.sum()
    assert alarms == 0


def test_a_fault_teaches_a_grown_stream_nothing():
    play = Play(n=1, window_s=900)
    play.run(16 * 24, 2.0)
    before = play.judged.mean[0]
    play.run(5, 40.0)
    play.run(3, 2.0)
    assert play.judged.mean[0] == pytest.approx(before, rel=0.1)


def test_a_fault_teaches_a_young_stream_little():
    play = Play(n=1)
    play.run(12, 2.0)
    before = play.judged.mean[0]
    play.run(5, 40.0)
    play.run(12, 2.0)
    assert play.judged.mean[0] < 1.5 * before


def test_a_fault_in_one_cell_is_found_though_the_whole_hardly_moves():
    play = Play(n=1)
    cells = play.bank.add_cells(np.zeros(10, np.int64))
    began = 0
    for k in range(600):
        x = play.rng.poisson(np.array([20.0] * 9 + [0.05]))
        x[9] += 6 * (k >= 590)
        judged = play.step([x.sum()], (cells, x.astype(float)))
        began += judged.began[0]
        if k == 589:
            assert began == 0
    assert began == 1
    assert play.bank.cells["alarm"][cells[9]]
    assert not play.bank.cells["alarm"][cells[:9]].any()


def test_streams_judged_together_or_one_by_one_are_the_same():
    together, apart = Play(n=3), Play(n=3)
    rng = np.random.default_rng(9)
    for _ in range(200):
        x = rng.poisson([0.2, 5.0, 80.0])
        judged = together.step(x)
        for i in range(3):
            alone = apart.step(x[i], rows=apart.rows[i : i + 1])
            assert alone.log_e[0] == judged.log_e[i]
            apart.now_s -= apart.window_s
        apart.now_s += apart.window_s


def test_a_new_stream_learns_the_shape_of_days_from_its_family():
    def rate(hour):
        return 5.0 * (1 - 0.8 * cos(hour / 24 * 2 * pi))

    old, lone = Play(n=4, window_s=900), Rhythm()
    old.run(20 * 24, rate)
    row = np.array([old.bank.rhythm.add(0)])
    old.bank.rhythm.turn(row, old.now_s + 1.0)
    noon = old.bank.rhythm.expect(row, old.now_s + 1.0, np.array([900.0])).shape[0]
    assert noon != pytest.approx(1.0, abs=0.2)
    alone = np.array([lone.add(0)])
    lone.turn(alone, old.now_s + 1.0)
    assert lone.expect(alone, old.now_s + 1.0, np.array([900.0])).shape[0] == 1.0


def test_a_window_beyond_belief_needs_a_second_one():
    play = Play(n=2, window_s=60)
    play.run(12, 0.5)
    assert not play.step([1_000_000, 0]).began.any()
    assert list(play.step([1_000_000, 0]).began) == [True, False]


def test_a_longer_run_length_takes_more_evidence():
    waited = []
    for arl_days in (1.0, 3650.0):
        play = Play(n=1, arl_days=arl_days)
        play.run(48, 1.0)
        waited.append(next(k for k in range(99) if play.step([18.0]).began[0]))
    assert waited[0] < waited[1]


def test_a_cell_costs_less_than_two_hundred_bytes():
    assert CELL.itemsize <= 200
    assert MOST_CELLS >= 50
    assert (np.diff(MULTIPLIERS) > 0).all()


def test_numbers_beyond_all_measure_leave_a_finite_state():
    play = Play(n=2, window_s=60)
    play.run(4, 0.5)
    for x in (1e9, 0.0, 1e9, 1e9, 0.0):
        play.step([x, 0])
    assert np.isfinite(play.bank.cells["r"]).all()
    assert np.isfinite(play.judged.log_e).all()
    assert np.isfinite(play.judged.mean).all()
