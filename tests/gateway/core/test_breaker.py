"""One breaker: evidence, pauses, recovery."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.breaker import LONGEST_S, OPENS_AT, Breaker


class Line:
    """One breaker and the time."""

    def __init__(self, random: Random) -> None:
        self.breaker = Breaker()
        self.now = 0.0
        self.random = random

    def bad(self, weight: float = 0.5, **more: float) -> bool:
        return self.breaker.bad(self.breaker.epoch, weight, self.now, self.random, **more)

    def good(self, times: int = 1) -> None:
        for _ in range(times):
            self.breaker.good(self.breaker.epoch, self.now)

    def pause(self) -> float:
        """Wait until a trickle may go; how long that was."""
        pause = self.breaker.until - self.now
        self.now = self.breaker.until
        return pause


@pytest.fixture
def line(no_jitter) -> Line:
    return Line(no_jitter)


def test_a_conclusive_fault_opens_it_at_once(line):
    assert line.bad(1.0)
    assert not line.breaker.closed


def test_a_single_500_only_makes_it_suspicious(line):
    assert not line.bad()
    assert line.breaker.closed
    assert 0 < line.breaker.evidence < OPENS_AT


def test_two_in_a_row_open_it(line):
    line.bad()
    assert line.bad()


@pytest.mark.parametrize(("good", "opens"), [(0, True), (1, True), (2, False), (10, False)])
def test_good_answers_between_two_faults_outweigh_them(line, good, opens):
    line.bad()
    line.good(good)
    assert line.bad() is opens


def test_one_in_a_hundred_failing_never_opens_it_and_every_second_does(line):
    for _ in range(1000):
        line.bad()
        line.good(99)
    assert line.breaker.closed
    for _ in range(4):
        line.bad()
        line.good()
    assert not line.breaker.closed


def test_half_the_evidence_is_enough_while_an_outage_is_suspected(line):
    assert line.bad(opens_at=OPENS_AT / 2)


def test_suspicion_is_forgotten_after_ten_minutes_without_a_word(line):
    line.bad()
    line.now += 601
    assert not line.bad()


def test_what_weighs_nothing_changes_nothing(line):
    for _ in range(100):
        assert not line.bad(0.0)
    assert line.breaker.evidence == 0


def test_pauses_double_from_a_second_to_a_minute_while_trickles_fail(line):
    line.bad(1.0)
    pauses = []
    for _ in range(9):
        pauses.append(line.pause())
        line.bad()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_three_good_answers_in_a_row_close_it(line):
    line.bad(1.0)
    line.pause()
    line.good(2)
    assert not line.breaker.closed
    line.good()
    assert line.breaker.closed
    assert line.breaker.evidence == 0


def test_a_fault_after_two_good_answers_begins_the_count_anew(line):
    line.bad(1.0)
    line.pause()
    line.good(2)
    line.bad()
    line.pause()
    line.good(2)
    assert not line.breaker.closed


def test_one_that_opens_soon_after_closing_goes_on_with_its_longer_pauses(line):
    line.bad(1.0)
    line.pause()
    line.bad()
    assert line.pause() == 2
    line.good(3)
    line.now += 5
    line.bad(1.0)
    assert line.pause() == 4
    line.good(3)
    line.now += 61
    line.bad(1.0)
    assert line.pause() == 1


def test_an_upstreams_own_retry_after_is_kept_exactly(line):
    line.random = Random(3)
    line.bad(1.0, retry_after_s=17.0)
    assert line.breaker.until == 17.0


def test_no_retry_after_keeps_it_shut_for_longer_than_an_hour(line):
    line.bad(1.0, retry_after_s=86_400.0)
    assert line.breaker.until == 3600


def test_a_fault_of_a_last_resort_while_it_is_open_makes_no_pause_longer(line):
    line.bad(1.0)
    until = line.breaker.until
    assert not line.bad(1.0)
    assert line.breaker.until == until


def test_one_trickle_waits_at_a_time_and_three_are_out_in_all(line):
    line.bad(1.0)
    assert not line.breaker.may_trickle(line.now)
    line.pause()
    for _ in range(3):
        assert line.breaker.may_trickle(line.now)
        line.breaker.take(line.now)
        assert not line.breaker.may_trickle(line.now)
        line.breaker.slots.content()
    assert not line.breaker.may_trickle(line.now)
    line.breaker.slots.release(waited=False)
    assert line.breaker.may_trickle(line.now)


def test_a_trickle_nobody_hears_of_gives_its_slot_back(line):
    line.bad(1.0)
    line.pause()
    line.breaker.take(line.now)
    assert not line.breaker.may_trickle(line.now + 120)
    assert line.breaker.may_trickle(line.now + 121)


def test_nothing_is_taken_back_of_what_has_changed_since(line):
    line.bad(1.0)
    silence = line.breaker.epoch
    line.pause()
    line.bad(1.0)
    assert line.breaker.take_back(silence, line.now) == line.breaker.epoch
    assert not line.breaker.closed


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_pauses_keep_to_a_fifth_around_their_length_and_the_same_seed_gives_the_same(seed, rounds):
    one, other = Line(Random(seed)), Line(Random(seed))
    for each in range(rounds):
        one.bad(1.0)
        other.bad(1.0)
        length = min(2.0**each, LONGEST_S)
        assert one.breaker.until == other.breaker.until
        pause = one.pause()
        other.pause()
        assert 0.8 * length - 1e-6 <= pause <= 1.2 * length + 1e-6


STEPS = st.lists(st.tuples(st.sampled_from(["good", "bad", "old good", "old bad"]), st.floats(0, 20)), max_size=60)


@given(STEPS)
def test_results_of_an_older_epoch_change_nothing_whatever_happens_between(steps):
    one, other = Line(Random(1)), Line(Random(1))
    for what, wait in steps:
        for line in (one, other):
            line.now += wait
        if what == "good":
            one.good()
            other.good()
        elif what == "bad":
            assert one.bad(0.5) == other.bad(0.5)
        elif what == "old good":
            one.breaker.good(one.breaker.epoch - 1, one.now)
        else:
            assert not one.breaker.bad(one.breaker.epoch - 1, 1.0, one.now, one.random)
        mine, its = one.breaker, other.breaker
        assert (mine.closed, mine.until, mine.evidence, mine.wins) == (its.closed, its.until, its.evidence, its.wins)
        assert mine.evidence >= 0
