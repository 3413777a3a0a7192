"""Outcomes of one kind of try: what is usual is learned, a fault is told from it, and its end is seen."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.model.service import Layer, State
from stillup.verdict.outcomes.failing import FailureTest, UsualRate, log_chance
from stillup.verdict.outcomes.stream import OutcomeStream, StreamKey
from stillup.verdict.settings import DAY_S, NOMINAL_SHARE, ONE_LOOK, Settings

KEY = StreamKey("probe", "api", Layer.INFERENCE, "opus", "")


class Tries:
    """Feeds a stream tick by tick and notes when it alarms and when it is calm again."""

    def __init__(self, settings=None, seed=1):
        self.stream = OutcomeStream(KEY, settings or Settings())
        self.rng = random.Random(seed)
        self.minute = 0
        self.turns: list[tuple[int, bool]] = []

    def run(self, ticks, rate, n=1, every=1):
        for _ in range(ticks):
            self.minute += every
            failed = sum(self.rng.random() < rate for _ in range(n)) if 0 < rate < 1 else round(n * rate)
            self.window(n - failed, failed)
        return self

    def window(self, n_ok, n_failed):
        before = self.stream.alarm_since_s is not None
        self.stream.take(n_ok, n_failed)
        self.stream.tick(self.minute * 60)
        after = self.stream.alarm_since_s is not None
        if before != after:
            self.turns.append((self.minute, after))

    @property
    def alarmed(self):
        return self.stream.alarm_since_s is not None


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("n", [1, 20, 1000])
def test_a_constant_failure_rate_is_usual_from_the_first_minute(rate, n):
    assert Tries().run(300, rate, n).turns == []


@pytest.mark.parametrize(
    ("n", "rate", "within"), [(1, 1.0, 5), (1, 0.5, 25), (20, 0.3, 5), (500, 0.1, 3), (500, 0.03, 15)]
)
def test_a_rate_above_the_usual_one_alarms(n, rate, within):
    tries = Tries().run(600, 0.002, n).run(within, rate, n)
    assert [a for _, a in tries.turns] == [True]


def test_an_outage_from_the_very_first_try_alarms():
    assert Tries().run(12, 1.0).alarmed


def test_one_huge_window_alarms_by_itself():
    tries = Tries()
    for _ in range(48):
        tries.run(1, 0.01, 10_000, every=60)
    assert not tries.alarmed
    assert tries.run(1, 0.6, 10_000, every=60).alarmed


def test_one_look_decides_on_three_failures_of_three_and_not_on_one():
    assert not Tries(ONE_LOOK).run(1, 1.0, 1).alarmed
    assert Tries(ONE_LOOK).run(1, 1.0, 3).alarmed
    assert not Tries().run(1, 1.0, 3).alarmed  # who watches for a year waits for more


def test_failures_that_come_in_bursts_become_usual():
    """1 % fails, some minutes 5 %, most none: were tries independent, such minutes would be a surprise."""
    tries = Tries()
    for _ in range(2 * 24 * 60):
        tries.minute += 1
        failed = round(1000 * tries.rng.betavariate(0.01 * 30, 0.99 * 30))
        tries.window(1000 - failed, failed)
    assert tries.turns == []


def test_an_outage_teaches_nothing():
    tries = Tries().run(1500, 0.01, 20)
    before = tries.stream.usual
    tries.run(600, 0.6, 20)
    assert tries.alarmed
    assert tries.stream.usual == pytest.approx(before, rel=0.05)


def test_a_slow_suspicion_teaches_nothing_while_it_lasts():
    """Failures a little too rare to alarm at once, at first: the alarm still comes, hours later."""
    tries = Tries().run(600, 0.004, every=5).run(100, 0.3, every=5)
    assert tries.turns
    assert tries.stream.usual < 0.03


def test_an_alarm_ends_within_ten_minutes_of_good_probes():
    tries = Tries().run(500, 0.005).run(60, 1.0).run(10, 0.0)
    assert [a for _, a in tries.turns] == [True, False]


def test_one_good_try_ends_no_outage():
    tries = Tries().run(500, 0.005)
    for _ in range(20):
        tries.run(5, 1.0).run(1, 0.0)
    assert [a for _, a in tries.turns] == [True]


def test_many_tries_a_minute_take_three_minutes_to_be_over():
    tries = Tries().run(300, 0.005, 1000).run(30, 1.0, 1000)
    tries.run(2, 0.0, 1000)
    assert tries.alarmed
    assert not tries.run(1, 0.0, 1000).alarmed


def test_ripples_after_an_outage_are_no_new_one_but_a_real_one_is_seen_at_once():
    tries = Tries().run(500, 0.0, 20).run(60, 1.0, 20).run(10, 0.0, 20)
    assert not tries.alarmed
    assert not tries.run(10, 0.2, 20).alarmed
    assert tries.run(2, 1.0, 20).alarmed


def test_the_onset_is_found_to_the_minute():
    tries = Tries().run(500, 0.0).run(10, 1.0)
    assert tries.stream.alarm_since_s == 500 * 60


def test_the_state_follows_what_fails_lately():
    tries = Tries().run(500, 0.0, 10).run(60, 1.0, 10)
    assert tries.stream.state is State.MAJOR_OUTAGE
    assert tries.run(60, 0.4, 10).stream.state is State.PARTIAL_OUTAGE
    assert tries.run(60, 0.1, 10).stream.state is State.DEGRADED
    assert tries.run(30, 0.0, 10).stream.state is State.OPERATIONAL


def test_the_grade_stays_while_recovery_is_being_tested():
    tries = Tries().run(500, 0.0).run(30, 1.0)
    states = {tries.run(1, 0.0).stream.state for _ in range(9)}
    assert states == {State.MAJOR_OUTAGE, State.OPERATIONAL}


def test_two_failures_are_never_a_major_outage():
    careless = Settings(arl_s=600.0)
    tries = Tries(careless).run(500, 0.0)
    while not tries.alarmed:
        tries.run(1, 1.0)
    ok, failed = tries.stream.tally()
    assert (tries.stream.state is State.MAJOR_OUTAGE) == (ok + failed >= 3)


def test_a_tick_without_tries_changes_nothing():
    tries = Tries().run(500, 0.0).run(10, 1.0)
    state, since = tries.stream.state, tries.stream.alarm_since_s
    assert not tries.stream.tick((tries.minute + 500) * 60)
    assert (tries.stream.state, tries.stream.alarm_since_s) == (state, since)


@pytest.fixture
def silenced():
    """A total outage whose tries stopped while it lasted, 20 minutes ago."""
    tries = Tries().run(500, 0.0).run(10, 1.0)
    assert tries.alarmed
    tries.minute += 20
    return tries


def test_a_success_after_a_long_silence_revives_no_alarm(silenced):
    silenced.run(3, 0.0)
    assert not silenced.alarmed
    assert silenced.stream.says_nothing(silenced.minute * 60)
    assert silenced.stream.state is State.UNKNOWN
    assert not silenced.stream.works


def test_enough_successes_after_a_long_silence_are_the_end(silenced):
    silenced.run(9, 0.0)
    assert not silenced.stream.says_nothing(silenced.minute * 60)
    assert silenced.stream.works
    assert silenced.stream.state is State.OPERATIONAL


def test_a_failure_after_a_long_silence_renews_the_alarm_by_what_it_says_itself(silenced):
    silenced.run(2, 0.0).run(1, 1.0)
    assert silenced.alarmed
    assert silenced.stream.alarm_since_s == (silenced.minute - 1) * 60
    assert silenced.stream.tally() == (0, 1)
    assert 3.0 < silenced.stream.log_e < 8.0  # of what came before nothing is left


def test_an_alarm_that_was_renewed_ends_like_any_other(silenced):
    silenced.run(3, 1.0)
    assert silenced.stream.state is State.MAJOR_OUTAGE
    assert not silenced.run(10, 0.0).alarmed
    assert silenced.stream.state is State.OPERATIONAL


def test_the_longer_the_silence_the_more_it_takes_to_renew_an_alarm():
    def failures_after(hours):
        tries = Tries().run(500, 0.0).run(10, 1.0)
        tries.minute += hours * 60
        while not tries.run(1, 1.0).alarmed:
            assert tries.minute < 5000
        return tries.stream.tally()[1]

    needed = [failures_after(hours) for hours in (1, 4, 24)]
    assert needed == sorted(needed)
    assert needed[0] == 1
    assert needed[-1] >= 4  # a day later it is a matter of its own


def test_tries_that_come_seldom_recover_though_each_follows_a_silence(silenced):
    silenced.run(1, 0.0)
    for _ in range(9):
        silenced.run(1, 0.0, every=20)
    assert silenced.turns[-1][1] is False
    assert silenced.stream.works


def test_a_pause_that_is_usual_is_no_silence():
    tries = Tries().run(100, 0.0, every=30).run(10, 1.0, every=30)
    assert tries.alarmed
    assert tries.run(1, 0.0, every=30).alarmed


def test_an_alarm_never_begins_with_a_success():
    tries = Tries().run(500, 0.0)
    while tries.stream.log_e < Settings().threshold(60) - 1.0:
        tries.run(1, 1.0)
    if not tries.alarmed:
        assert not tries.run(1, 0.0, every=600).alarmed


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_no_window_of_successes_alone_ever_turns_a_stream_to_alarm(windows):
    tries = Tries().run(60, 0.0).run(8, 1.0)
    for wait, n_ok, n_failed in windows:
        tries.minute += wait
        was_told = tries.alarmed and not tries.stream.says_nothing(tries.minute * 60)
        tries.window(n_ok, n_failed)
        assert n_failed or was_told or not tries.alarmed or n_ok == 0


def test_a_stand_of_three_days_at_a_modest_rate_is_the_new_usual():
    tries = Tries().run(1000, 0.005, 100).run(5 * 24 * 60, 0.1, 100)
    assert not tries.alarmed
    assert tries.stream.usual > 0.05


def test_a_total_outage_is_never_usual():
    assert Tries().run(1000, 0.005, 5).run(5 * 24 * 60, 1.0, 5).alarmed


@pytest.mark.parametrize("burst", [None, 0.5])
def test_false_alarms_are_rarer_than_promised(burst):
    """80 simulated days at a promise of ten, at 2 % usual failures, single or in runs; the first four days learn."""
    rng = random.Random(5)
    stream = OutcomeStream(KEY, Settings(arl_s=10 * DAY_S * NOMINAL_SHARE))
    alarms, failing, was = 0, False, False
    start = 0.02 if burst is None else 0.02 * (1 - burst) / 0.98
    for i in range(84 * 288):
        failing = rng.random() < (burst if failing and burst else start)
        stream.take(0 if failing else 1, 1 if failing else 0)
        stream.tick((i + 1) * 300)
        now = stream.alarm_since_s is not None
        alarms += now and not was and i > 4 * 288
        was = now
    assert alarms <= 8


@given(
    st.integers(0, 1000), st.integers(0, 1000), st.floats(0.001, 0.999), st.floats(0.01, 5000)
)  # fmt: skip
def test_a_windows_chance_is_that_of_its_tries_one_by_one(n_ok, n_failed, mean, size):
    if n_ok + n_failed == 0 or n_ok + n_failed > 60:
        n_ok, n_failed = n_ok % 30, n_failed % 30 + 1
    total, a, b = 0.0, mean * size, (1 - mean) * size
    for failed in [True] * n_failed + [False] * n_ok:
        total += log_chance(0 if failed else 1, 1 if failed else 0, a / (a + b), a + b)
        a, b = a + failed, b + (not failed)
    assert log_chance(n_ok, n_failed, mean, size) == pytest.approx(total, abs=1e-6)


def test_absurd_windows_stay_finite():
    usual, test = UsualRate(), FailureTest()
    for i, (ok, failed) in enumerate([(10**9, 10**9), (0, 10**9), (10**9, 0), (1, 0), (0, 1)] * 20):
        assert test.update(i * 60.0, ok, failed, usual) < 1000
        usual.observe(i * 60.0, ok, failed)
    assert 0 < usual.rate < 1
