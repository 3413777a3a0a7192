"""The probability beside the rule: what moves it, what bounds it, and which alarms may move traffic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.model.evidence import Evidence, Numbers, Standing
from stillup.model.service import Family, Stage, State
from stillup.verdict.chance.probability import AGREED, LEAST, MOST, TALKERS, faded, probability, steers
from stillup.verdict.chance.table import PRIOR, RECORDS

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALARM, CALM, NO_DATA = Standing.ALARM, Standing.CALM, Standing.NO_DATA


def say(family, standing=ALARM, *, age_min=0, since_min=20, **rest):
    """One family's word; an alarm is of a partial outage and has strong evidence, where not said otherwise."""
    if standing is ALARM:
        rest = {"since": NOW - timedelta(minutes=since_min), "state": State.PARTIAL_OUTAGE, "log_e": 25.0, **rest}
    return Evidence(family=family, standing=standing, heard_at=NOW - timedelta(minutes=age_min), **rest)


def chance(*words, **rest):
    return probability(words, NOW, **rest)


def all_say(*alarming):
    return [say(f, ALARM if f in alarming else CALM) for f in Family]


words = st.builds(
    say,
    st.sampled_from(Family),
    st.sampled_from(Standing),
    age_min=st.integers(-5, 10_000),
    since_min=st.integers(-5, 10_000),
    log_e=st.floats(0, 1e6),
    state=st.sampled_from(State),
    stage=st.sampled_from([None, *Stage]),
)
sides = st.lists(words, max_size=6, unique_by=lambda e: e.family)


@given(sides, st.booleans(), st.booleans())
def test_the_probability_is_always_between_its_bounds_and_never_fails(evidence, outlived, at_work):
    assert LEAST <= probability(evidence, NOW, page_outlived=outlived, at_work=at_work) <= MOST


@given(sides)
def test_the_order_in_which_families_speak_makes_no_difference(evidence):
    assert probability(evidence, NOW) == probability(evidence[::-1], NOW)


def test_without_a_word_it_is_the_share_of_time_with_a_fault():
    assert chance() == pytest.approx(PRIOR, abs=0.001)
    assert chance(*(say(f, NO_DATA) for f in Family)) == chance()


@pytest.mark.parametrize("family", Family)
def test_an_alarm_never_speaks_against_a_fault_nor_calm_for_one(family):
    assert chance(say(family, CALM)) <= chance() <= chance(say(family, ALARM))


@pytest.mark.parametrize("pair", list(combinations(Family, 2)))
def test_what_two_families_confirm_is_never_called_unlikely(pair):
    assert chance(*all_say(*pair)) >= AGREED


@pytest.mark.parametrize("family", [f for f in Family if f not in (Family.OFFICIAL, Family.SEARCH)])
def test_a_rising_e_value_short_of_an_alarm_counts_by_degrees(family):
    said = [chance(say(family, CALM, log_e=nats)) for nats in (0.0, 3.0, 6.0, 9.0)]
    assert said == sorted(said)
    assert said[0] < said[-1]


def test_searches_and_posts_together_say_less_than_their_product():
    """One rumour moves them both."""

    def odds(p):
        return p / (1 - p)

    both = odds(chance(say(Family.SOCIAL), say(Family.CROWD)))
    apart = odds(chance(say(Family.SOCIAL))) * odds(chance(say(Family.CROWD))) / odds(chance())
    assert both < apart / 3


def test_however_loud_people_alone_are_it_stays_short_of_certain():
    """Talk is bounded by the odds of rumours; requests that fail bear it out."""
    loud = [say(f, log_e=1e6) for f in TALKERS]
    assert chance(*loud) < 0.98
    assert chance(*loud, say(Family.TRAFFIC)) > chance(*loud)


@pytest.mark.parametrize("other", [Family.PROBE, Family.TRAFFIC])
def test_tries_that_fail_beside_a_red_page_say_more_than_talk_does(other):
    assert chance(*all_say(Family.OFFICIAL, other)) > chance(*all_say(Family.OFFICIAL, Family.SEARCH))


def test_an_alarm_that_lasts_may_be_of_a_fault_that_is_over():
    fresh, old = (chance(say(Family.CROWD, since_min=m)) for m in (10, 180))
    assert old < fresh


def test_a_page_that_says_mended_is_weaker_and_one_that_says_major_stronger():
    states = [State.DEGRADED, State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE]
    said = [chance(say(Family.OFFICIAL, state=s)) for s in states]
    assert said == sorted(said)
    assert chance(say(Family.OFFICIAL, stage=Stage.MONITORING)) < 0.6 * chance(say(Family.OFFICIAL))


def test_a_page_that_everybody_else_has_outlived_says_nothing():
    others = say(Family.CROWD, CALM)
    assert chance(say(Family.OFFICIAL, CALM), others, page_outlived=True) == chance(others)


def test_a_calm_page_under_maintenance_says_nothing():
    assert chance(say(Family.OFFICIAL, CALM), at_work=True) == chance()


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("standing", [ALARM, CALM])
def test_a_word_fades_towards_nothing_as_it_ages(family, standing):
    far = [abs(chance(say(family, standing, age_min=m)) - chance()) for m in (0, 20, 40, 60)]
    assert far == sorted(far, reverse=True)
    assert chance(say(family, standing, age_min=600)) == chance(say(family, standing, age_min=60))


@given(st.floats(-8, 12), st.floats(0, 1e6))
def test_fading_never_turns_a_word_round_nor_makes_it_stronger(log_ratio, aged_s):
    left = faded(log_ratio, aged_s)
    assert left * log_ratio >= -1e-9
    assert abs(left) <= abs(log_ratio) + 1e-9


def test_only_those_who_talk_can_be_moved_by_a_rumour():
    assert {f for f in Family if RECORDS[f].rumoured != 0.0} <= set(TALKERS)


# -- what may move traffic --------------------------------------------------------------------------------------------


def counted(source, log_e):
    return Numbers(source=source, observed=9.0, usual=1.0, window_s=60.0, log_e=log_e)


@pytest.mark.parametrize(
    ("evidence", "moves"),
    [
        ((), False),
        ((say(Family.PROBE, CALM, sources=("probe",)),), False),
        ((say(Family.CROWD, sources=("hub",)),), False),
        ((say(Family.CROWD, sources=("hub",)), say(Family.TRAFFIC, sources=("pool",))), False),
        ((say(Family.TRAFFIC, sources=("gateway",)),), True),
        ((say(Family.CROWD, sources=("hub",)), say(Family.OFFICIAL, sources=("statuspage",))), True),
        ((say(Family.CROWD, sources=("hub",)), say(Family.OFFICIAL, CALM, sources=("statuspage",))), False),
        ((say(Family.CROWD, sources=("downdetector", "hub")),), False),
        ((say(Family.CROWD, sources=("downdetector", "hub"), numbers=(counted("hub", 40.0),)),), False),
        ((say(Family.CROWD, sources=("downdetector", "hub"), numbers=(counted("downdetector", 9.0),)),), True),
        ((say(Family.CROWD, sources=("downdetector", "hub"), numbers=(counted("downdetector", 1.0),)),), False),
    ],
)  # fmt: skip
def test_sources_that_anyone_can_feed_never_steer_alone(evidence, moves):
    assert steers(evidence) is moves
