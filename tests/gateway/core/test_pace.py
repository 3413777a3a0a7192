"""How long a target usually keeps silent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.pace import KEPT, STREAM, WHOLE, FirstTokens, Gaps, Quantiles

SILENCES = st.lists(st.floats(0, 1000), min_size=1, max_size=200)


def learned(*silences: float, manner=STREAM) -> FirstTokens:
    pace = FirstTokens(manner)
    for silence in silences:
        pace.add(silence)
    return pace


@given(SILENCES, st.floats(0.01, 1))
def test_a_quantile_is_that_of_the_last_64_samples(samples, share):
    quantiles = Quantiles()
    for sample in samples:
        quantiles.add(sample)
    last = sorted(samples[-KEPT:])
    assert len(quantiles) == len(last)
    found = quantiles.at(share)
    assert sum(sample <= found for sample in last) >= share * len(last) - 1e-9
    assert found == last[0] or sum(sample < found for sample in last) < share * len(last)


def test_no_samples_have_no_quantile():
    assert Quantiles().at(0.5) is None


@pytest.mark.parametrize(("manner", "after"), [(STREAM, 8.0), (WHOLE, 60.0)])
def test_unlearned_patience_is_eight_seconds_for_streams_and_a_minute_for_whole_answers(manner, after):
    assert learned(*[0.2] * 9, manner=manner).hedge_after_s(0) == after


@pytest.mark.parametrize(
    ("manner", "silence", "after"),
    [
        (STREAM, 0.2, 1.0),
        (STREAM, 1.5, 3.0),
        (STREAM, 40.0, 30.0),
        (WHOLE, 1.0, 5.0),
        (WHOLE, 20.0, 40.0),
        (WHOLE, 300.0, 120.0),
    ],
)
def test_learned_patience_is_twice_the_95th_percentile_within_bounds(manner, silence, after):
    assert learned(*[silence] * 10, manner=manner).hedge_after_s(0) == after


def test_a_few_slow_answers_in_a_hundred_do_not_make_it_patient():
    assert learned(*[0.7] * 61, 20.0, 20.0, 20.0).hedge_after_s(0) == pytest.approx(1.4)


def test_a_long_body_is_granted_a_second_for_200_kb():
    assert learned(*[1.5] * 10).hedge_after_s(1_000_000) == 8.0


@given(SILENCES, st.integers(0, 33_554_432), st.integers(0, 1000))
def test_a_trickle_is_never_more_patient_than_a_first_choice(silences, body_bytes, lost):
    pace = learned(*silences)
    assert 0 < pace.trickle_after_s(body_bytes, lost) <= pace.hedge_after_s(body_bytes)


def test_a_trickle_waits_a_second_and_longer_only_for_what_usually_takes_longer():
    assert [learned(*[0.3] * 10).trickle_after_s(0, lost) for lost in range(4)] == [1, 1, 1, 1]
    assert [learned(*[5.0] * 10).trickle_after_s(0, lost) for lost in range(5)] == [1, 2, 4, 5, 5]
    assert [learned().trickle_after_s(0, lost) for lost in range(5)] == [1, 2, 4, 4, 4]


def test_a_silence_longer_than_usual_is_conclusive_and_a_common_one_is_nearly_nothing():
    pace = learned(*[1.0, 2.0, 3.0, 4.0] * 16)
    assert pace.surprise(4.5) == 1
    assert pace.surprise(4.0) == 1
    assert pace.surprise(1.0) == 0
    assert 0.1 < pace.surprise(2.5) < 0.3
    assert learned(1.0).surprise(0.5) == 1  # nothing is learned: patience was what the configuration says


@given(SILENCES, st.floats(0, 1000), st.floats(0, 1000))
def test_a_longer_silence_never_tells_less(silences, one, other):
    pace = learned(*silences)
    assert 0 <= pace.surprise(min(one, other)) <= pace.surprise(max(one, other)) <= 1


def gaps(*longest: float) -> Gaps:
    found = Gaps()
    for each in longest:
        found.samples.add(each)
    return found


def test_a_stall_is_what_the_configuration_says_until_gaps_are_known():
    assert gaps(*[30.0] * 9).stall_after_s(20) == 20


def test_a_stall_is_never_less_than_three_times_the_usual_gap():
    assert gaps(*[12.0] * 10).stall_after_s(20) == 36
    assert gaps(*[0.5] * 10).stall_after_s(20) == 20


def test_no_gap_makes_it_wait_for_longer_than_two_minutes_unless_configured():
    assert gaps(*[100.0] * 10).stall_after_s(20) == 120
    assert gaps(*[100.0] * 10).stall_after_s(300) == 300
