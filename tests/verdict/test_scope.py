"""Who is hit: the first rule that fits, with the values it saw; and when it is only this machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Family, Scope
from stillup.model.signal import Outcome
from stillup.verdict.diagnosis.scope import ScopeReason, own_scope, scope_of
from stillup.verdict.here import LASTS_S, Here

PARTS = ("api", "code", "web")


def alarm(family=Family.CROWD, **rest):
    return Evidence(family=family, standing=Standing.ALARM, **rest)


@pytest.mark.parametrize(
    ("alarms", "rest", "scope", "reason"),
    [
        ([], {}, None, "nobody_hit"),
        ([alarm()], {}, "everyone", "no_limit_seen"),
        ([alarm()], {"named": PARTS}, "everyone", "no_limit_seen"),
        ([alarm()], {"named": ("web",)}, "component", "some_parts"),
        ([alarm()], {"regions": ("FR",)}, "region", "some_regions"),
        ([alarm()], {"named": ("web",), "regions": ("FR",)}, "component", "some_parts"),
        ([alarm(Family.OFFICIAL, models=("opus",))], {"named": PARTS}, "model", "models_named"),
        ([alarm(Family.OFFICIAL, models=("opus",)), alarm()], {"named": ("api",)}, "model", "models_named"),
        ([alarm(Family.OFFICIAL), alarm(Family.TRAFFIC, models=("opus",))], {}, "everyone", "no_limit_seen"),
    ],
)
def test_the_first_rule_that_fits_stands(alarms, rest, scope, reason):
    found = scope_of(alarms, everything=PARTS, **rest)
    assert (found.scope and found.scope.value, found.reason.value) == (scope, reason)


def test_all_the_models_there_are_is_not_some_models():
    page = alarm(Family.OFFICIAL, models=("opus", "sonnet"))
    assert scope_of([page], known_models=("opus", "sonnet", "haiku")).scope is Scope.MODEL
    assert scope_of([page], known_models=("opus", "sonnet")).scope is Scope.EVERYONE


def test_the_rule_says_what_it_saw():
    page = alarm(Family.OFFICIAL, models=("opus",))
    assert scope_of([page], known_models=("opus", "sonnet", "haiku")).observed == "opus: 1 of 3 models"
    assert scope_of([alarm()], named=("web",), everything=PARTS).observed == "web: 1 of 3 parts"
    assert scope_of([alarm()], regions=("US", "FR")).observed == "FR, US"
    assert scope_of([alarm()]).observed == "no part named, no place stands out"


def test_your_own_trouble_counts_only_while_nobody_else_is_in_alarm():
    own = own_scope(here="every control host failed too", quota="5-hour limit")
    assert own is not None
    assert scope_of([], own=own).scope is Scope.YOU
    assert scope_of([alarm()], own=own).scope is Scope.EVERYONE


def test_the_machine_goes_before_the_limit_and_nothing_is_nothing():
    limit = own_scope(quota="5-hour limit")
    assert limit is not None
    assert (limit.scope, limit.reason) == (Scope.YOUR_QUOTA, ScopeReason.YOUR_LIMIT)
    assert own_scope() is None


# -- this machine ----------------------------------------------------------------------------------------------------


def tried(ok=False, layer="network", error=None, source="probe", **rest):
    whole = {"at": "2026-03-02T00:00:00Z", "service": "claude", "source": source, "layer": layer, "ok": ok}
    return convert({**whole, "error": error, **rest}, Outcome)


def told(*ticks):
    """A machine after so many ticks, each a list of tries, a minute apart from minute 1."""
    here = Here()
    for n, tries in enumerate(ticks, 1):
        here.look(tries, n * 60)
    return here


def test_one_failed_try_is_not_yet_this_machines_fault():
    assert told([tried()]).since(60) is None


def test_two_failed_tries_at_different_moments_are_since_the_first():
    here = told([tried()], [tried()])
    assert here.since(120) == 60
    assert here.observed(120) == "2 tries before the service failed in a row, none worked"


def test_a_try_that_worked_in_between_starts_anew():
    assert told([tried()], [tried(ok=True)], [tried()]).since(180) is None


def test_failed_control_hosts_of_one_moment_are_enough_when_most_failed():
    assert told([tried(), tried(), tried(ok=True)]).since(60) == 60
    assert told([tried(), tried(ok=True)]).since(60) is None


@pytest.mark.parametrize("error", ["offline", "captive_portal"])
def test_a_word_that_only_all_control_hosts_together_can_give_is_enough(error):
    here = told([tried(layer="local", error=error)])
    assert here.since(60) == 60
    assert here.observed(60) == "every control host failed too"


def test_tries_from_elsewhere_say_nothing_of_this_machine():
    assert told([tried(region="FR")], [tried(region="FR")]).since(120) is None


def test_tries_at_the_services_own_layers_say_nothing_of_this_machine():
    assert told([tried(layer="inference")], [tried(layer="edge")]).since(120) is None


def test_the_word_lapses_and_an_old_failure_does_not_count_for_a_new_one():
    here = told([tried()], [tried()])
    assert here.expiries_s() == [120 + LASTS_S]
    assert here.since(120 + LASTS_S) is None
    assert here.observed(120 + LASTS_S) == ""
    here.look([tried()], 240 + int(LASTS_S))
    assert here.since(240 + LASTS_S) is None


@given(st.lists(st.lists(st.booleans(), max_size=4), max_size=8))
def test_a_machine_whose_tries_all_worked_is_never_blamed(ticks):
    here = told(*[[tried(ok=True) for _ in tick] for tick in ticks])
    assert here.since(60 * (len(ticks) + 1)) is None


@given(st.lists(st.integers(0, 3), min_size=2, max_size=8))
def test_a_machine_whose_tries_all_failed_is_blamed_from_the_second_on(ticks):
    here = told(*[[tried() for _ in range(n)] for n in ticks])
    assert (here.since(60 * len(ticks)) is not None) == (sum(ticks) >= 2)
