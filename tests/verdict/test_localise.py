"""Where counted reports rise: the values named, the faults told apart, regions at the finest level that explains."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.verdict.locate.localise import Leaf, LeafRates, Localised, localise, part_of_day
from stillup.verdict.locate.regions import agreed, continent, groups, grown, roll_up

PLACES = ("US-CA", "US-NY", "US-IL", "FR", "DE", "JP", "IN")
NONE = Localised()


def leaf(component="web", region="US-CA", problem="other", client=None, model=None):
    return Leaf(component, region, problem, client, model)


def usual(total):
    """Calm counts: web and api, everywhere, of two kinds."""
    leaves = [leaf(c, r, p) for c in ("web", "api") for r in PLACES for p in ("other", "slow")]
    return dict.fromkeys(leaves, total / len(leaves))


def drawn(expected, rng):
    """Poisson counts for these expectations."""
    counts = Counter()
    for at, mean in expected.items():
        left = rng.expovariate(1.0)
        while left < mean:
            counts[at] += 1
            left += rng.expovariate(1.0)
    return counts


def test_values_never_seen_in_calm_are_named_in_full():
    observed = Counter({leaf("mobile", r, "sign_in"): 30 for r in ("US-IL", "FR")}) + Counter(
        drawn(usual(4), random.Random(1))
    )
    told = localise(observed, usual(4), NONE)
    assert (told.components, told.regions, told.problems) == (("mobile",), ("FR", "US-IL"), ("sign_in",))


def test_the_only_value_there_is_is_named():
    told = localise({leaf(problem="slow"): 60}, {leaf(problem="slow"): 2.0}, NONE)
    assert (told.components, told.regions, told.problems) == (("web",), ("US-CA",), ("slow",))


def test_two_faults_at_once_are_told_apart():
    observed = Counter({leaf("web", r, "sign_in"): 25 for r in ("FR", "DE")})
    observed += Counter({leaf("api", r, "slow"): 20 for r in ("US-CA", "US-NY", "US-IL")})
    told = localise(observed + drawn(usual(6), random.Random(2)), usual(6), NONE)
    assert {(f.components, f.regions, f.problems) for f in told.faults} == {
        (("web",), ("DE", "FR"), ("sign_in",)),
        (("api",), ("US",), ("slow",)),
    }
    assert told.regions == ("DE", "FR", "US")


def test_one_fault_has_no_list_of_faults():
    assert localise({leaf(): 60, leaf("api"): 2}, {leaf(): 2.0, leaf("api"): 2.0}, NONE).faults == ()


def test_calm_regions_are_named_in_at_most_one_run_of_twenty():
    wrong = 0
    for seed in range(40):
        rng = random.Random(seed)
        calm = drawn(usual(150), rng)  # what little was learned, a sixth of a report by leaf and minute
        expected = {at: n * 3.0 / calm.total() for at, n in calm.items()}
        fault = {leaf("web", r, p): 4.0 for r in ("FR", "DE") for p in ("sign_in", "other")}
        told = localise(drawn(usual(3), rng) + drawn(fault, rng), expected, NONE)
        assert {"FR", "DE"} & set(told.regions), seed
        wrong += bool(set(told.regions) - {"FR", "DE"})
    assert wrong <= 2


def test_counts_as_usual_name_nothing():
    named = [localise(drawn(usual(40), random.Random(seed)), usual(40), NONE) for seed in range(20)]
    assert sum(told != NONE for told in named) <= 1


def test_a_shortfall_of_reports_is_no_fault():
    assert localise({leaf("api"): 50}, {leaf("web"): 50.0, leaf("api"): 50.0}, NONE).components == ()


def test_nothing_counted_or_nothing_expected_is_no_error():
    assert localise({}, {}, NONE) == NONE
    assert localise({}, usual(10), NONE) == NONE
    assert localise({leaf(): 20}, {}, NONE).components == ("web",)
    assert localise({leaf(): -3}, {}, NONE) == NONE


@given(st.sets(st.sampled_from(PLACES)), st.integers(0, 1000))
def test_what_is_known_only_grows(before, seed):
    known = Localised(components=("code",), regions=roll_up(before, PLACES), problems=("history_missing",))
    observed = drawn(usual(30), random.Random(seed))
    observed[leaf("web", "US-IL", "slow")] += 40
    told = localise(observed, usual(30), known)
    assert {"code", "web"} <= set(told.components)
    for region in known.regions:
        assert region in told.regions or region.split("-")[0] in told.regions


def test_leaf_rates_do_not_learn_the_start_of_a_fault():
    rates = LeafRates()
    rates.observe(60.0, Counter({leaf(): 4}))
    rates.observe(120.0, Counter({leaf("api"): 100}))
    rates.forget_since(60.0)
    assert rates.expected({0: 2.0}) == {leaf(): 2.0}


def test_a_part_that_wakes_later_is_expected_when_it_is_awake():
    rates = LeafRates()
    for day in range(20):
        for hour, name in ((3, "web"), (15, "api")):
            rates.observe(day * 86_400.0 + hour * 3600.0, Counter({leaf(name): 50}))
    morning, evening = rates.expected({part_of_day(3 * 3600.0): 10.0}), rates.expected({part_of_day(15 * 3600.0): 10.0})
    assert morning[leaf("web")] > 9.0 > 1.0 > morning[leaf("api")]
    assert evening[leaf("api")] > 9.0


@pytest.mark.parametrize(
    ("named", "active", "told"),
    [
        ({"US-IL"}, {"US-IL", "US-CA"}, ("US-IL",)),
        ({"US-IL", "US-CA"}, {"US-IL", "US-CA", "FR"}, ("US",)),
        ({"US-IL", "US"}, {"US-IL", "US-CA"}, ("US-IL",)),
        ({"US-IL", "US-CA", "US"}, {"US-IL", "US-CA"}, ("US",)),
        ({"US-IL", "US"}, {"US-IL"}, ("US-IL",)),
        ({"US-IL", "US"}, set(), ("US-IL",)),
        ({"US"}, {"US"}, ("US",)),
        ({"FR", "DE"}, {"FR", "DE"}, ("DE", "FR")),
        (set(), {"FR"}, ()),
    ],
)
def test_a_country_is_named_only_when_all_its_active_parts_are_in(named, active, told):
    assert roll_up(named, active) == told


def test_families_agree_on_the_finer_region_and_time_on_the_wider():
    assert agreed([{"US"}, {"US-IL"}, {"FR"}]) == ("FR", "US-IL")
    assert grown({"US-IL"}, {"US", "FR"}) == ("FR", "US")
    assert grown({"US"}, {"US-IL"}) == ("US",)


def test_continents_and_countries_group_their_regions():
    assert (continent("US-IL"), continent("DE"), continent("XX"), continent("nonsense")) == (
        "north america",
        "europe",
        None,
        None,
    )
    assert groups(["US-IL", "US-CA", "CA", "FR", None, "nowhere"]) == [("CA", "US-CA", "US-IL"), ("US-CA", "US-IL")]
