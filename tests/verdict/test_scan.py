"""The subset scan: the shortest sets that explain an excess or a shortfall, and none when nothing stands out."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.verdict.locate import table as tables
from stillup.verdict.locate.scan import Standing, scan
from stillup.verdict.locate.table import Table

PLACES = ("US-CA", "US-NY", "US-TX", "CA-ON", "FR", "DE", "ES", "JP", "IN")


def grid(columns, ratio, expected=20.0, seed=1, noise=True):
    """A table over every combination of values; ``ratio(**leaf)`` multiplies what is expected of a leaf."""
    rng = np.random.default_rng(seed)
    leaves = [dict(zip(columns, values, strict=True)) for values in itertools.product(*columns.values())]
    means = [expected * ratio(**leaf) for leaf in leaves]
    observed = [float(rng.poisson(m)) for m in means] if noise else means
    values = [[leaf[name] for leaf in leaves] for name in columns]
    return Table.of(list(columns), values, [expected] * len(leaves), observed)


FOREIGN = {"place": [f"p{i}" for i in range(8)], "site": [f"s{i}" for i in range(6)], "os": ["a", "b", "c"]}
OURS = {
    "component": ["web", "mobile", "api", "code"],
    "region": list(PLACES),
    "problem": ["sign_in", "slow", "other", "overloaded"],
}


def faults(table, **options):
    return [found.where for found in scan(table, **options) if found.standing is Standing.FAULT]


def calm(**_):
    return 1.0


@pytest.mark.parametrize("columns", [FOREIGN, OURS])
@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_named_in_a_calm_table(columns, seed):
    assert scan(grid(columns, calm, seed=seed)) == []


@pytest.mark.parametrize("fold", [3.0, 0.3])
@pytest.mark.parametrize(
    "cause", [{"place": "p1"}, {"place": "p1", "os": "b"}, {"place": "p1", "site": "s2", "os": "b"}]
)
def test_one_combination_that_rises_or_falls_is_the_first_set(cause, fold):
    table = grid(FOREIGN, lambda **leaf: fold if cause.items() <= leaf.items() else 1.0, expected=50.0)
    first = scan(table)[0]
    assert first.where == {name: (value,) for name, value in cause.items()}
    assert (first.observed > first.expected) is (fold > 1)


def test_a_set_tells_what_was_expected_and_observed_in_it():
    table = grid(FOREIGN, lambda place, **_: 4.0 if place == "p3" else 1.0, noise=False)
    assert (scan(table)[0].expected, scan(table)[0].observed) == (18 * 20.0, 18 * 80.0)


def test_a_set_is_no_finer_than_the_excess_needs():
    """All of a place rises: neither one of its sites nor the whole table is named."""
    table = grid(FOREIGN, lambda place, **_: 3.0 if place == "p0" else 1.0)
    assert faults(table) == [{"place": ("p0",)}]


def test_scores_never_rise_down_the_list():
    table = grid(FOREIGN, lambda place, site, **_: 3.0 if place == "p0" or site == "s1" else 1.0)
    scores = [found.score for found in scan(table)]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)


def test_separate_faults_of_a_foreign_table_are_separate_sets():
    hit = ({"place": "p0", "site": "s1"}, {"place": "p4"}, {"site": "s5", "os": "c"})
    table = grid(FOREIGN, lambda **leaf: 4.0 if any(h.items() <= leaf.items() for h in hit) else 1.0)
    assert sorted(map(str, faults(table))) == sorted(str({k: (v,) for k, v in h.items()}) for h in hit)


def test_a_rise_and_a_fall_at_once_are_two_sets():
    table = grid(FOREIGN, lambda place, **_: {"p0": 2.5, "p5": 0.2}.get(place, 1.0))
    assert {f.where["place"][0]: f.observed > f.expected for f in scan(table) if f.standing is Standing.FAULT} == {
        "p0": True,
        "p5": False,
    }


def test_one_fault_of_ours_takes_several_values():
    """Sign-in, on web and mobile, in North America and Europe; the rest calm."""
    west = {p for p in PLACES if p not in ("JP", "IN")}
    table = grid(
        OURS,
        lambda component, region, problem: (
            4.0 if component in ("web", "mobile") and region in west and problem == "sign_in" else 1.0
        ),
        expected=6.0,
    )
    assert faults(table) == [
        {"component": ("mobile", "web"), "region": tuple(sorted(west)), "problem": ("sign_in",)}
    ]  # fmt: skip


def test_a_continent_is_cheaper_to_name_than_its_countries():
    """One quiet country of three does not break Europe up."""
    table = grid(OURS, lambda region, **_: 2.0 if region in ("FR", "DE", "ES") else 1.0, expected=3.0)
    assert faults(table) == [{"region": ("DE", "ES", "FR")}]


def test_two_faults_that_share_an_attribute_are_told_apart():
    table = grid(
        OURS,
        lambda component, region, **_: (
            5.0 if component == "api" or (component == "web" and region in ("FR", "DE")) else 1.0
        ),
    )
    told = faults(table)
    assert {"component": ("api",)} in told
    assert {"component": ("web",), "region": ("DE", "FR")} in told


def test_everything_at_once_is_the_set_bound_to_nothing():
    assert faults(grid(FOREIGN, lambda **_: 3.0)) == [{}]
    assert faults(grid(OURS, lambda **_: 3.0)) == [{}]


def test_values_of_a_report_or_two_do_not_hide_that_everything_rose():
    rng = np.random.default_rng(5)
    columns = [[f"visitor{i}" for i in range(2000)], ["x", "y", "z", "w"] * 500]
    table = Table.of(["who", "kind"], columns, [1.0] * 2000, rng.poisson(1.5, 2000).tolist())
    assert faults(table) == [{}]


def test_a_whole_forecast_a_little_off_is_no_fault():
    assert scan(grid(FOREIGN, lambda **_: 1.15, expected=500.0)) == []


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_values_that_are_no_counts_are_judged_by_their_own_noise(scale):
    rng = np.random.default_rng(3)
    columns = {"a": list("abcdefgh"), "b": list("ijklmn"), "c": list("opqr")}
    leaves = list(itertools.product(*columns.values()))
    real = rng.lognormal(2, 1, len(leaves)) * scale
    observed = real * np.exp(rng.normal(0, 0.05, len(leaves)))
    for i, (a, b, _) in enumerate(leaves):
        observed[i] *= 0.6 if (a, b) in (("c", "k"), ("f", "k")) else 1.0
    table = Table.of(list(columns), list(zip(*leaves, strict=True)), real, observed)
    assert sorted(map(str, faults(table))) == [str({"a": (a,), "b": ("k",)}) for a in "cf"]


def test_leaves_that_were_never_expected_are_found_and_bounded():
    table = Table.of(["a"], [["x", "y", "z", "new"]], [100.0, 100.0, 100.0, 0.0], [100.0, 104.0, 97.0, 40.0])
    found = scan(table)
    assert found[0].where == {"a": ("new",)}
    assert found[0].score < 1000


def test_a_table_of_nothing_and_one_without_any_forecast_are_no_error():
    assert scan(Table.of(["a"], [[]], [], [])) == []
    assert scan(Table.of(["a"], [["x", "y"]], [0.0, 0.0], [0.0, 0.0])) == []
    assert isinstance(scan(Table.of(["a"], [["x", "y"]], [0.0, 0.0], [9.0, 1.0])), list)


def test_the_deepest_combinations_are_left_out_of_a_table_too_large(monkeypatch):
    """Four attributes singly still fit; the fault of one value is found all the same."""
    table = grid({**FOREIGN, "kind": ["x", "y"]}, lambda place, **_: 3.0 if place == "p2" else 1.0)
    monkeypatch.setattr(tables, "MAX_GROUPED", 1)
    assert max(len(c.attributes) for c in tables.cuboids(table)) == 1
    assert faults(table) == [{"place": ("p2",)}]


def test_a_table_of_eight_attributes_is_scanned():
    columns = {name: ["x", "y", "z"] for name in "abcdefgh"}
    table = grid(columns, lambda a, h, **_: 3.0 if (a, h) == ("x", "z") else 1.0, expected=2.0)
    assert faults(table) == [{"a": ("x",), "h": ("z",)}]


def test_an_attribute_of_very_many_values_is_scanned_one_value_at_a_time():
    values = [f"c{i}" for i in range(5000)]
    table = Table.of(
        ["client", "model"], [values * 2, ["x"] * 5000 + ["y"] * 5000], [9.0] * 10_000, [9.0] * 9_999 + [90.0]
    )
    assert faults(table) == [{"client": ("c4999",), "model": ("y",)}]


@given(seed=st.integers(0, 10_000), where=st.permutations(range(3)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_lines_and_columns_does_not_matter(seed, where):
    rng = random.Random(seed)
    hit = {name: rng.choice(values) for name, values in FOREIGN.items() if rng.random() < 0.6}
    names = list(FOREIGN)
    leaves = list(itertools.product(*FOREIGN.values()))
    usual = [rng.uniform(1, 50) for _ in leaves]
    seen = [
        round(u * (5 if hit.items() <= dict(zip(names, v, strict=True)).items() else 1))
        for u, v in zip(usual, leaves, strict=True)
    ]
    order = list(range(len(leaves)))
    rng.shuffle(order)
    one = Table.of(names, list(zip(*leaves, strict=True)), usual, seen)
    columns = [[leaves[i][a] for i in order] for a in where]
    other = Table.of([names[a] for a in where], columns, [usual[i] for i in order], [seen[i] for i in order])
    assert faults(one)[:1] == faults(other)[:1]


@given(parts=st.integers(1, 5))
@settings(max_examples=5, deadline=None)
def test_lines_of_one_leaf_add_up(parts):
    table = Table.of(["a"], [["x"] * parts + ["y"]], [2.0] * parts + [3.0], [4.0] * parts + [5.0])
    assert dict(zip(table.labels[0], zip(table.expected, table.observed, strict=True), strict=True)) == {
        "x": (2.0 * parts, 4.0 * parts),
        "y": (3.0, 5.0),
    }
