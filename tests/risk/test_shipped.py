"""The figures that come with the package."""

from __future__ import annotations

from itertools import combinations

import pytest

from stillup.catalog.load import catalogue
from stillup.errors import CatalogError
from stillup.risk import shipped as module
from stillup.risk.kin import Kin, kin
from stillup.risk.shipped import shipped
from stillup.risk.values import LOCAL, Subject


def subject(name):
    return Subject(*name.split("/"))


def test_it_says_how_it_was_made_and_until_when():
    made = shipped().provenance
    assert made.script == "bench/fit/downtime_fit.py"
    assert made.until == "2026-01-01"


@pytest.mark.parametrize(
    "name", ["claude", "claude/api", "chatgpt/api", "chatgpt/web", "github", "copilot", "cloudflare", "gcp"]
)
def test_whom_the_public_record_has_are_in_it(name):
    figure = shipped().figures[name]
    assert figure.days >= 180
    assert figure.incidents > 3
    assert figure.degraded is not None


def test_a_component_of_the_figures_is_one_of_the_catalogue():
    for name in shipped().figures:
        known = catalogue().get(subject(name).service)
        if known and subject(name).component:
            assert subject(name).component in {c.id for c in known.components}, name


def test_what_has_no_figure_of_its_own_goes_by_its_service():
    assert shipped().figure(subject("claude/mobile"))[0] == "claude"
    assert shipped().figure(subject("mistral/api")) is None


def test_pairs_are_named_in_order_and_found_either_way():
    for name in shipped().pairs:
        assert name == "+".join(sorted(name.split("+")))
    one, other = subject("claude/api"), subject("chatgpt/api")
    assert shipped().pair(one, other) == shipped().pair(other, one) is not None


def test_intervals_of_how_much_oftener_hold_their_estimate():
    for pair in shipped().pairs.values():
        mid, low, high = pair.times
        assert 1 <= low <= mid <= high
        assert 0 <= pair.shared.none <= 1


def test_parts_of_one_service_fail_together_far_oftener_than_two_vendors():
    pairs = shipped().pairs
    assert pairs["claude/api+claude/web"].times[1] > 10 * pairs["chatgpt/api+claude/api"].times[0]


def test_every_relation_has_a_belief():
    assert set(shipped().kin) == set(Kin)


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        ("claude/api", "claude/web", Kin.SAME),
        ("copilot", "github/git", Kin.STANDS_ON),
        ("bedrock/api", "aws", Kin.STANDS_ON),
        ("claude/api", "chatgpt/api", Kin.SHARED),
        ("claude/api", LOCAL, Kin.LOCAL),
        ("provider:groq", "upstream:mine", Kin.NONE),
    ],
)
def test_the_catalogue_says_what_two_are_to_each_other(one, other, relation):
    assert kin(subject(one), subject(other)) is relation
    assert kin(subject(other), subject(one)) is relation


def test_relations_of_all_services_are_the_same_from_both_sides():
    for one, other in combinations(map(Subject, catalogue()), 2):
        assert kin(one, other) is kin(other, one)


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "downtime.json").write_text('{"figures": 1}')
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    with pytest.raises(CatalogError, match=r"downtime\.json: "):
        shipped.__wrapped__()
