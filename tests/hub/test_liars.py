"""What a liar can do with one network, and what people can do with many: judged by a real monitor."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from stillup.hub.values import CrowdReport, Reason
from stillup.hub.weight import Counts
from stillup.model.evidence import Standing
from stillup.model.service import Confidence, Family, Problem, State
from stillup.verdict.chance.probability import steers
from tests.hub.conftest import SIGN_IN, Watched, anywhere, hub_of

HOSTS = {
    "one /24": lambda i: f"203.0.113.{i % 256}",
    "one /48": lambda i: f"2001:db8:77:{i % 65536:x}::1",
    "one /16": lambda i: f"198.51.{i // 256 % 256}.{i % 256}",
    "one /32": lambda i: f"2001:db8:{i % 65536:x}::1",
}
RATES = {"silent": 0.0, "quiet": 0.05, "busy": 3.0}


@pytest.fixture(scope="module")
def calm_hubs():
    """Makes a watched hub that has had a calm day."""

    def make(rate: str) -> Watched:
        watched = Watched(hub_of())
        watched.calm(24, RATES[rate])
        assert not watched.faults
        return watched

    return make


ATTACKS = [
    ("one /24", "quiet", 100_000),
    ("one /48", "quiet", 100_000),
    *[(net, rate, 10_000) for net in HOSTS for rate in ("silent", "busy")],
]


@pytest.mark.parametrize(("net", "rate", "forged"), ATTACKS)
def test_a_flood_of_forged_reports_from_one_network_moves_no_verdict(calm_hubs, net, rate, forged):
    watched, dice = calm_hubs(rate), Random(1)
    problems, minutes = list(Problem), 20
    for _ in range(minutes):
        for i in range(forged // minutes):
            said = CrowdReport(service="claude", problem=dice.choice(problems), region=dice.choice(("US", "DE", None)))
            watched.report(HOSTS[net](dice.randrange(100_000)), said, at_s=i * 50 * minutes / forged)
        watched.calm(1 / 60, RATES[rate])
    watched.calm(1, RATES[rate])

    assert sum(watched.hub.reasons.values()) >= forged
    assert not watched.faults


@pytest.mark.parametrize("rate", RATES)
def test_three_hundred_honest_reports_from_two_hundred_networks_move_it_within_three_minutes(calm_hubs, rate):
    watched, dice = calm_hubs(rate), Random(2)
    began = watched.now
    networks = [anywhere(dice).rpartition(".")[0] for _ in range(200)]
    for _ in range(3):
        for i in range(100):
            watched.report(f"{dice.choice(networks)}.{dice.randrange(1, 255)}", at_s=i * 0.59)
        watched.calm(1 / 60, RATES[rate])

    at, verdict = watched.faults[0]
    assert at - began <= timedelta(minutes=3)
    assert (verdict.state, verdict.confidence) == (State.PARTIAL_OUTAGE, Confidence.SUSPECTED)


def test_a_suspicion_of_the_crowd_alone_steers_nothing(calm_hubs):
    watched, dice = calm_hubs("quiet"), Random(2)
    for _ in range(3):
        for i in range(100):
            watched.report(anywhere(dice), at_s=i * 0.59)
        watched.minute()

    (crowd,) = watched.monitor.evidence("claude")
    assert (crowd.family, crowd.standing, crowd.sources) == (Family.CROWD, Standing.ALARM, ("hub",))
    assert not steers([crowd])


@pytest.mark.parametrize("wide", [3, 9])
def test_fewer_than_ten_wide_networks_raise_nothing_at_a_silent_hub(calm_hubs, wide):
    watched = calm_hubs("silent")
    for _ in range(180):
        for net in range(wide):
            for host in range(10):
                watched.report(f"{20 + net}.{net}.{host}.7", at_s=30)
        watched.minute()

    assert not watched.faults


def test_ten_wide_networks_can_raise_a_suspicion_at_a_silent_hub(calm_hubs):
    watched = calm_hubs("silent")
    for net in range(12):
        watched.report(f"{20 + net}.1.2.7")
    watched.minute()

    assert {v.confidence for _, v in watched.faults} == {Confidence.SUSPECTED}


def test_one_network_patient_for_three_days_moves_nothing(calm_hubs):
    watched, said = calm_hubs("silent"), list(Problem)
    for hour in range(3 * 24):
        for i in range(30):
            watched.report(f"198.51.{i}.{hour % 250 + 1}", CrowdReport(service="claude", problem=said[i % 12]))
        for _ in range(60):
            watched.minute()

    assert not watched.faults


def test_a_hub_that_has_just_begun_does_not_say_what_it_cannot_know():
    watched, dice = Watched(hub_of()), Random(5)
    for _ in range(3):
        for i in range(100):
            watched.report(anywhere(dice), at_s=i * 0.59)
        watched.minute()

    (crowd,) = watched.monitor.evidence("claude")
    assert crowd.standing is Standing.NO_DATA
    assert "still learning" in crowd.note
    assert not watched.faults


def test_a_silent_hub_knows_after_half_an_hour_that_none_is_usual():
    watched, dice = Watched(hub_of()), Random(5)
    watched.calm(0.5)
    for i in range(100):
        watched.report(anywhere(dice), at_s=i * 0.59)
    watched.minute()

    assert watched.faults


def test_a_long_outage_is_not_over_because_its_networks_have_spoken(calm_hubs):
    watched, dice = calm_hubs("quiet"), Random(4)
    networks = [anywhere(dice).rpartition(".")[0] for _ in range(200)]
    for _ in range(180):
        for i in range(20):
            watched.report(f"{dice.choice(networks)}.{dice.randrange(1, 255)}", at_s=i * 2.9)
        watched.minute()

    (crowd,) = watched.monitor.evidence("claude")
    assert crowd.standing is Standing.ALARM


def test_people_of_the_operators_own_networks_count_each_for_themselves():
    watched = Watched(hub_of(own=["10.0.0.0/8"]))
    watched.calm(1)
    for i in range(30):
        watched.report(f"10.1.2.{i + 1}")
    watched.minute()

    assert watched.faults
    assert watched.told == 30


def test_what_is_beyond_a_networks_weight_is_taken_and_does_not_count():
    hub = Watched(hub_of())
    answers = [hub.report(f"203.0.113.{i}") for i in range(1, 101)]

    assert {a.reason for a in answers} == {Reason.ADMITTED}
    assert hub.hub.counts[Counts.NETWORK] == 99
    hub.minute()
    assert hub.told <= 1


def test_one_region_adds_at_most_sixty_and_a_minutes_worth():
    watched, dice = Watched(hub_of()), Random(9)
    for i in range(600):
        watched.report(anywhere(dice), SIGN_IN, at_s=i / 600)
    watched.minute()

    assert 60 <= watched.told <= 62
    assert watched.hub.counts[Counts.REGION] > 500
